/** The first page of the demo: a line through a network that changes; with a server, and as a folder of files whose server is in the page. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { startDemo } from '../demo/demo.ts'
import { writeStaticDemo } from '../scripts/demo-static.ts'
import { violations } from './fixtures/axe.ts'
import { startSite } from './fixtures/site.ts'
import { test as base, expect, type TestPage } from './fixtures/test.ts'

type Kind = 'with a server' | 'as files'

const test = base.extend<{ serve: (kind: Kind) => Promise<string> }, { folder: string }>({
  folder: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures are needed
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'throughline-demo-'))
      await writeStaticDemo(folder)
      await use(folder)
      await rm(folder, { recursive: true })
    },
    { scope: 'worker' },
  ],

  /** Gives the address of the page. */
  serve: async ({ folder }, use) => {
    const ends: (() => Promise<void>)[] = []
    await use(async kind => {
      const { url, close } = await (kind === 'as files' ? serveFiles(folder) : startDemo())
      ends.push(close)
      return `${url}/`
    })
    for (const end of ends) await end()
  },
})

for (const kind of ['with a server', 'as files'] as const) {
  test.describe(kind, () => {
    test('the line changes its way as the network does, and loses and doubles nothing', async ({
      openPage,
      serve,
    }) => {
      const page = await open(openPage, await serve(kind))
      for (const [scene, way] of [
        ['swallow', 'EventSource'],
        ['hold', 'Long polling'],
        ['clear', 'WebSocket'],
        ['scripts', 'JSONP'],
        ['gone', 'Dark'],
        ['clear', 'WebSocket'],
      ] as const) {
        await page.click(`[data-scene="${scene}"]`)
        await goesBy(page, way)
        if (way !== 'Dark') await goesOnHearing(page)
      }
      expect(await page.text('#silence')).toMatch(/^\d+\.\d s$/)
      await lostNothing(page)
    })

    test('the network changes by itself, and stands still while the show is paused', async ({
      openPage,
      serve,
    }) => {
      const page = await open(openPage, await serve(kind))
      for (const way of ['EventSource', 'Long polling']) await goesBy(page, way)
      await page.click('#play')
      expect(await page.evaluate(() => document.body.dataset.playing)).toBe('false')
      await goesOnHearing(page)
      // On a busy machine a stream may look better than it is, for a moment: messages push out what the box holds. It is asked, and left.
      await goesBy(page, 'Long polling')
      await page.click('#play')
      await goesBy(page, 'JSONP')
      await lostNothing(page)
    })

    test('each way is a switch', async ({ openPage, serve }) => {
      const page = await open(openPage, await serve(kind))
      await page.click('#ways [data-transport="websocket"] button')
      await goesBy(page, 'EventSource')
      await page.click('#ways [data-transport="eventsource"] button')
      await goesBy(page, 'XHR streaming')
      await goesOnHearing(page)
      expect(await page.text('#scene')).toBe('A network of your own making.')
      await page.click('#ways [data-transport="websocket"] button')
      await goesBy(page, 'WebSocket')
      await goesOnHearing(page)
      await lostNothing(page)
    })

    test('a page that is loaded anew goes on, in the network that it was in', async ({ openPage, serve }) => {
      const url = await serve(kind)
      const page = await open(openPage, url)
      await page.click('[data-scene="swallow"]')
      await goesBy(page, 'EventSource')
      await goesOnHearing(page)
      const before = await heard(page)
      await page.goto(url)
      await goesBy(page, 'EventSource')
      await goesOnHearing(page)
      expect(await heard(page)).toBeGreaterThan(before)
      expect(await page.text('#scene')).toContain('swallows WebSockets')
      await lostNothing(page)
    })

    for (const [width, height] of [
      [390, 844],
      [844, 390],
      [1280, 720],
    ] as const)
      for (const colorScheme of ['light', 'dark'] as const)
        test(`fits ${width} × ${height}, ${colorScheme}, and can be used by everybody`, async ({
          browser,
          browserName,
          serve,
        }) => {
          test.skip(browserName !== 'chromium', 'layout and names are the same in every engine')
          // The page lets no foreign script in, such as the checker.
          const options = { viewport: { width, height }, colorScheme, bypassCSP: true }
          await using context = await browser.newContext(options)
          const page = await context.newPage()
          await page.goto(await serve(kind))
          await expect(page.locator('#heard')).not.toHaveText('0')
          for (const seen of ['#picture', '#transport', '#heard', '#lost', '#doubled', '#silence'])
            await expect(page.locator(seen), seen).toBeInViewport({ ratio: 0.9 })
          for (const [scene, way] of [
            ['hold', 'Long polling'],
            ['gone', 'Dark'],
          ] as const) {
            await page.click(`[data-scene="${scene}"]`)
            await expect(page.locator('#transport')).toHaveText(way)
            expect(await violations(page), way).toEqual([])
            expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
          }
        })

    test('everything can be reached and used by keyboard, and shows where the focus is', async ({
      browser,
      browserName,
      serve,
    }) => {
      test.skip(browserName !== 'chromium', 'the order of the page is the same in every engine')
      await using context = await browser.newContext()
      const page = await context.newPage()
      await page.goto(await serve(kind))
      await expect(page.locator('#heard')).not.toHaveText('0')
      const all = await page.evaluate(() =>
        [...document.querySelectorAll('a, button, [tabindex="0"]')]
          .filter(element => element.checkVisibility())
          .map(element => element.outerHTML.slice(0, 200)),
      )
      const reached: string[] = []
      for (const _ of all) {
        await page.keyboard.press('Tab')
        reached.push(await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200) ?? ''))
        expect(await page.evaluate(focusIsShown), reached.at(-1)).toBe(true)
      }
      expect(new Set(reached).size).toBe(all.length)

      await page.focus('#play')
      await page.keyboard.press('Enter')
      await expect(page.locator('#play')).toHaveText('Play')
      await page.focus('[data-scene="hold"]')
      await page.keyboard.press('Space')
      await expect(page.locator('#transport')).toHaveText('Long polling')
      await expect(page.locator('#news')).toHaveText('The line goes by Long polling.')
      await page.focus('#ways [data-transport="websocket"] button')
      await page.keyboard.press('Space')
      await expect(page.locator('#transport')).toHaveText('WebSocket')
    })

    for (const reducedMotion of ['reduce', 'no-preference'] as const)
      test(`messages ${reducedMotion === 'reduce' ? 'do not move where nothing is to' : 'move along the way that is in use'}`, async ({
        browser,
        browserName,
        serve,
      }) => {
        test.skip(browserName !== 'chromium', 'the engine that Playwright can tell what its person prefers')
        await using context = await browser.newContext({ reducedMotion })
        const page = await context.newPage()
        await page.goto(await serve(kind))
        await page.click('[data-scene="swallow"]')
        await expect(page.locator('#transport')).toHaveText('EventSource')
        const ways = await page.evaluate(waysOfMessages)
        expect(ways.at(-1)).toBe(reducedMotion === 'reduce' ? undefined : 'eventsource')
      })
  })
}

test('the files ask nobody for anything, and what they link to opens outside of a frame', async ({
  browser,
  browserName,
  serve,
}) => {
  test.skip(browserName !== 'chromium', 'what is asked for is the same in every engine')
  await using context = await browser.newContext()
  const page = await context.newPage()
  const url = await serve('as files')
  const asked: string[] = []
  page.on('request', request => asked.push(request.url()))
  page.on('websocket', socket => asked.push(socket.url()))
  await page.goto(url)
  for (const scene of ['swallow', 'hold', 'scripts', 'clear']) await page.click(`[data-scene="${scene}"]`)
  await expect(page.locator('#transport')).toHaveText('WebSocket')
  const names = ['', 'base.css', 'index.css', 'index.js', 'mark.svg']
  expect(new Set(asked)).toEqual(new Set(names.map(name => url + name)))
  for (const link of await page.locator('a').all()) {
    const href = await link.getAttribute('href')
    if (href === './') continue
    expect(href).toMatch(/^https:\/\/github\.com\/throughline-js\/throughline\/blob\/main\//)
    expect(await link.getAttribute('target')).toBe('_top')
  }
})

async function open(openPage: () => Promise<TestPage>, url: string): Promise<TestPage> {
  const page = await openPage()
  await page.goto(url)
  await goesOnHearing(page)
  return page
}

/** A server of files and nothing else, in a folder of its own. */
async function serveFiles(folder: string) {
  const types: Record<string, string> = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
  }
  const site = await startSite()
  for (const name of await readdir(folder)) {
    const content = await readFile(join(folder, name))
    site.route(`/demo/${name === 'index.html' ? '' : name}`, (_, response) => {
      response.writeHead(200, { 'Content-Type': types[extname(name)] }).end(content)
    })
  }
  return { url: `${site.url}/demo`, close: site.close }
}

async function goesBy(page: TestPage, way: string): Promise<void> {
  await page.waitFor(way => document.getElementById('transport')?.textContent === way, way)
}

async function heard(page: TestPage): Promise<number> {
  return Number((await page.text('#heard')).replace(',', ''))
}

async function goesOnHearing(page: TestPage): Promise<void> {
  await page.waitFor(() => document.getElementById('heard')?.textContent !== '')
  const before = await heard(page)
  await page.waitFor(
    before => Number(document.getElementById('heard')?.textContent?.replace(',', '')) > before + 3,
    before,
  )
}

async function lostNothing(page: TestPage): Promise<void> {
  expect([await page.text('#lost'), await page.text('#doubled')]).toEqual(['0', '0'])
}

/** An outline, of the element or of what covers it. */
function focusIsShown(): boolean {
  const element = document.activeElement
  if (!element) return false
  return [undefined, '::after'].some(part => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element, part)
    return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1
  })
}

/** Which ways the messages go that are seen until the next four were heard. */
function waysOfMessages(): Promise<string[]> {
  const seen = new Set<string>()
  const heard = document.getElementById('heard') as HTMLElement
  return new Promise(resolve => {
    let left = 4
    new MutationObserver(() => {
      for (const circle of document.querySelectorAll<SVGElement>('#wires circle'))
        seen.add(circle.dataset.transport ?? '')
      if (--left === 0) resolve([...seen])
    }).observe(heard, { childList: true })
  })
}
