/** A built page in Chromium, beside a server that is a hub of the same package. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, chromium, type Page as Tab } from '@playwright/test'
import { engines } from '../../e2e/fixtures/engines.ts'
import { serveFolder, startSite } from '../../e2e/fixtures/site.ts'
import type { Environment, Started } from './project.ts'

/** A project that is a page, or an application that has one. */
export interface Page {
  readonly folder: string
  /** Starts the application; without it the page is `dist/index.html`. */
  start?(env: Environment): Promise<Started>
  /** Whether it is to have the build for development. */
  readonly isDevelopment?: boolean
}

/** Words of the checks of options, which development has alone. */
const ofDevelopment = 'an object with encode and decode'

/** Chromium, the one that the other tests have. */
export function launch(): Promise<Browser> {
  const [{ use }] = engines as [(typeof engines)[number]]
  return chromium.launch(use.launchOptions)
}

/**
 * Opens the page, which has to hear what is published and to show the answer to what it sends.
 *
 * @throws {Error} that says what the page shows in place of that, or has complained of
 */
export async function openPage(
  browser: Browser,
  { folder, start, isDevelopment = false }: Page,
): Promise<void> {
  const { createHub } = createRequire(join(folder, 'package.json'))('throughline/server')
  const undo: (() => unknown)[] = []
  try {
    const site = await startSite()
    undo.unshift(() => site.close())
    const started = await start?.({ LIVE_SERVER: site.url })
    undo.unshift(() => started?.[Symbol.asyncDispose]())
    const url = started?.url ?? site.url
    if (!started) serveFolder(site, join(folder, 'dist'))

    const hub = createHub({ path: '/live', origins: [url] })
    undo.unshift(() => hub.close())
    hub.on('message', ({ data }: { data: unknown }) => `${data} from the server`)
    hub.attach(site.server)

    const tab = await browser.newPage()
    undo.unshift(() => tab.close())
    const { complaints, scripts } = listenTo(tab)
    await tab.goto(url)
    await shows(tab, '#state', 'open by websocket')
    await hub.publish('lobby', 'hello from the hub')
    await shows(tab, '#heard', 'hello from the hub')
    await tab.click('button')
    await shows(tab, '#answer', 'hello from the server')
    if (existsSync(join(folder, 'app/server'))) await answers(`${url}/server`)

    if (complaints.length > 0) throw new Error(complaints.join('\n'))
    const isSo = (await Promise.all(scripts)).some(text => text.includes(ofDevelopment))
    if (isSo !== isDevelopment)
      throw new Error(`the page has the build for ${isSo ? 'development' : 'production'}`)
  } finally {
    for (const end of undo) await end()
  }
}

/** @throws {Error} that says what the page shows in place of that, or has complained of */
export async function seeOn(browser: Browser, url: string, selector: string, shown: RegExp): Promise<void> {
  const tab = await browser.newPage()
  try {
    const { complaints } = listenTo(tab)
    await tab.goto(url)
    await shows(tab, selector, shown)
    if (complaints.length > 0) throw new Error(complaints.join('\n'))
  } finally {
    await tab.close()
  }
}

/** What the page's console complains of, and the text of each script. */
function listenTo(tab: Tab): { complaints: readonly string[]; scripts: readonly Promise<string>[] } {
  const complaints: string[] = []
  const scripts: Promise<string>[] = []
  tab.on('pageerror', error => complaints.push(`${error}`))
  tab.on('console', message => {
    const isIcon = message.location().url.endsWith('/favicon.ico')
    if (['warning', 'error'].includes(message.type()) && !isIcon) complaints.push(message.text())
  })
  tab.on('response', response => {
    if (response.request().resourceType() === 'script') scripts.push(response.text())
  })
  return { complaints, scripts }
}

async function shows(tab: Tab, selector: string, text: string | RegExp): Promise<void> {
  const hasText = typeof text === 'string' ? new RegExp(`^${text}$`) : text
  await tab
    .locator(selector)
    .filter({ hasText })
    .waitFor()
    .catch(async () => {
      throw new Error(`${selector} does not show "${text}", but: ${await tab.locator('body').innerText()}`)
    })
}

/** An application of two sides uses the package on its server too, and says there what came of it. */
async function answers(url: string): Promise<void> {
  const response = await fetch(url)
  const said = await response.text()
  if (!response.ok || !/"id":"\S+"/.test(said)) throw new Error(`${url} answers ${response.status}: ${said}`)
}
