import { type Browser, chromium, type Page } from '@playwright/test'
import { engines } from '../../e2e/fixtures/engines.ts'
import type { Taken } from './pages/measure.ts'
import { quietMoment } from './quiet.ts'

/** Whoever has not brought a message after this long has not brought one, in ms. */
export const cap = 8_000

/** By then the engine has compiled a server's code for good. */
const warm = 50

/** A visit that takes longer, in ms, has got stuck in the browser or the tool, and is made again. */
const patience = 60_000

export function launch(): Promise<Browser> {
  const use = engines.find(({ name }) => name === 'chromium')?.use
  return chromium.launch(use?.launchOptions ?? {})
}

/** What a page measured, and whether the machine had nothing else to do just before. */
export interface Visit extends Taken {
  readonly quiet: boolean
}

/** Makes a server do what it is going to be measured doing. */
export function warmUp(browser: Browser, port: number): Promise<void> {
  return inFreshPage(browser, async page => {
    await load(page, port)
    await page.evaluate(times => window.warmUp(times), warm)
  })
}

/** One page load, in a context that shares nothing with others. One that returns was there before. */
export function visit(browser: Browser, port: number, returns = false): Promise<Visit> {
  return inFreshPage(browser, async page => {
    if (returns) {
      await load(page, port)
      await page.evaluate(time => window.firstMessage(time), cap)
      await page.waitForFunction(() => localStorage.length > 0, null, { timeout: cap }).catch(() => {})
    }
    await load(page, port)
    const quiet = await quietMoment()
    return { quiet, ...(await page.evaluate(time => window.firstMessage(time), cap)) }
  })
}

async function inFreshPage<T>(browser: Browser, act: (page: Page) => Promise<T>, tries = 2): Promise<T> {
  const context = await browser.newContext()
  let timer: NodeJS.Timeout | undefined
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end of a visit after ${patience} ms`)), patience)
  })
  try {
    return await Promise.race([context.newPage().then(act), stuck])
  } catch (error) {
    if (tries === 0) throw error
    return await inFreshPage(browser, act, tries - 1)
  } finally {
    clearTimeout(timer)
    await context.close()
  }
}

async function load(page: Page, port: number): Promise<void> {
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.evaluate(() => new Promise(resolve => requestIdleCallback(resolve, { timeout: 2_000 })))
}
