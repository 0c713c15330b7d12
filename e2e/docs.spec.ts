/** The built site of the docs, which `npm run docs:site` makes. */
import { test as base, type ConsoleMessage, expect, type Page } from '@playwright/test'
import { site as folder } from '../scripts/site.ts'
import { violations } from './fixtures/axe.ts'
import { serveFolder, startSite } from './fixtures/site.ts'

interface Docs {
  /** Opens a page of the site, such as `start.html`, and waits until its scripts have taken it over. */
  open(path: string): Promise<void>
  /** What the console has complained of, and each request that has left the machine. */
  readonly complaints: readonly string[]
}

const under = process.env.DOCS_BASE ?? '/'

const test = base.extend<{ docs: Docs }>({
  // Our own scripts for axe are foreign to the page.
  bypassCSP: true,

  docs: async ({ page }, use) => {
    const site = await startSite()
    serveFolder(site, folder, under)
    const complaints: string[] = []
    page.on('pageerror', error => complaints.push(`${error}`))
    page.on('console', message => isComplaint(message) && complaints.push(message.text()))
    page.on('request', request => {
      const url = request.url()
      if (!url.startsWith(`${site.url}/`) && !url.startsWith('data:')) complaints.push(`asks ${url}`)
    })
    const open = async (path: string) => {
      await page.goto(site.url + under + path)
      await page.waitForFunction(() => '__vue_app__' in (document.querySelector('#app') ?? {}))
    }
    await use({ open, complaints })
    expect(complaints).toEqual([])
    await site.close()
  },
})

test.skip(({ browserName }) => browserName !== 'chromium', 'it is the docs that are tried: once is enough')

/** One of each kind of page. */
const pages = ['', 'start.html', 'errors.html', 'api/throughline/server.html', 'ko/start.html']

test('the home page leads to the first message, and on from there', async ({ page, docs }) => {
  await docs.open('')
  await page.getByRole('link', { name: 'The first message' }).first().click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('The first message')
  await page.getByText('Rollup', { exact: true }).first().click()
  await expect(page.getByText('@rollup/plugin-node-resolve')).toBeVisible()
  await page.getByRole('link', { name: '한국어로 읽기' }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('첫 메시지')
})

test('a word is found without a server, and its page opens where it stands', async ({ page, docs }) => {
  await docs.open('start.html')
  await page.keyboard.press('/')
  await page.locator('.search-input').fill('topic-refused')
  const found = page.locator('.result', { hasText: 'What a line meets' })
  await expect(found.first()).toBeVisible()
  await found.first().click()
  await expect(page).toHaveURL(/errors\.html#what-a-line-meets$/)
  await expect(page.getByRole('heading', { name: 'What a line meets' })).toBeInViewport()
})

test('what is searched for is found in the guides and errors first', async ({ page, docs }) => {
  await docs.open('start.html')
  await page.keyboard.press('/')
  for (const [word, href] of [
    ['IN_DOUBT', 'errors.html#what-a-send-meets'],
    ['cors', 'guides/notifications.html#other-origins-cors-and-csrf'],
    ['nginx', 'guides/behind-a-proxy.html#nginx'],
  ] as const) {
    await page.locator('.search-input').fill(word)
    await expect(page.locator('.result').first()).toHaveAttribute('href', under + href)
  }
})

test('a word in Korean is found', async ({ page, docs }) => {
  await docs.open('ko/')
  await page.getByRole('button', { name: '검색' }).click()
  await page.locator('.search-input').fill('번들러')
  await expect(page.locator('.result', { hasText: '첫 메시지' }).first()).toBeVisible()
})

test('a reader who wants it dark has it dark, and keeps it', async ({ page, docs }) => {
  await page.emulateMedia({ colorScheme: 'light' })
  await docs.open('start.html')
  const html = page.locator('html')
  await expect(html).not.toHaveClass(/dark/)
  await page.getByRole('switch', { name: 'Switch to dark theme' }).first().click()
  await expect(html).toHaveClass(/dark/)
  await docs.open('errors.html')
  await expect(html).toHaveClass(/dark/)
})

test('the demo runs in its page', async ({ page, docs }) => {
  await docs.open('demo.html')
  await expect(page.frameLocator('iframe').getByText('The line is open.')).toBeVisible()
  expect(await sideways(page)).toBe(0)
})

for (const colorScheme of ['light', 'dark'] as const)
  for (const [width, height] of [
    [360, 740],
    [1280, 800],
  ] as const)
    test(`pages fit ${width} × ${height}, ${colorScheme}, and can be read by everybody`, async ({
      page,
      docs,
    }) => {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const path of pages) {
        await docs.open(path)
        expect.soft(await sideways(page), `${path} can be scrolled sideways`).toBe(0)
        expect.soft(await violations(page), path).toEqual([])
      }
    })

function isComplaint(message: ConsoleMessage): boolean {
  return ['warning', 'error'].includes(message.type())
}

/** By how many pixels. */
function sideways(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}
