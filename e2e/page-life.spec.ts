/** What browsers do to pages: put them aside whole, let them stand still, copy their tabs. */
import { chromium } from '@playwright/test'
import { wholeChromium } from './fixtures/engines.ts'
import { openLine, startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

interface Told {
  readonly type: string
  readonly data?: string
  readonly persisted?: boolean
}

declare const heard: Told[]
declare const messages: () => { data: string }[]
declare let shown: boolean[]
declare const begin: (url: string, options?: object) => void
declare const line: { readonly readyState: number; send(data: string): Promise<void> }

/** A window that a page has opened, with what pages/line.html puts there. */
type Opened = Window & {
  begin(url: string, options?: object): void
  heard: Told[]
  line: typeof line
}

test.skip(({ browserName }) => browserName !== 'chromium', 'only Chromium lets a test switch these on')

for (const { name, options } of [
  { name: 'a line', options: {} },
  { name: 'a plain line over EventSource alone', options: { dialect: 'plain', transports: ['eventsource'] } },
]) {
  test(`${name} keeps its page in the back/forward cache, and goes on when it comes back`, async () => {
    await using place = await startPlace()
    // Playwright switches the cache off, so this browser is its own.
    await using browser = await chromium.launch({
      ...wholeChromium(),
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    const page = await browser.newPage()
    await page.goto(`${place.url}/pages/line.html`)
    await page.evaluate(given => {
      begin('/live?topic=lobby', given)
      shown = []
      addEventListener('pageshow', ({ persisted }) => shown.push(persisted))
    }, options)
    await page.waitForFunction(() => line.readyState === 1)
    await place.hub.publish('lobby', 'before')
    await page.waitForFunction(() => messages().length === 1)
    await page.goto(`${place.url}/pages/blank.html`)
    await expect.poll(() => linesOf(place)).toBe(0)
    // No load event comes for a page that was kept whole.
    await page.goBack({ waitUntil: 'commit' })
    expect(await page.evaluate(() => shown.at(-1))).toBe(true)
    await page.waitForFunction(() => line.readyState === 1)
    await place.hub.publish('lobby', 'after')
    await page.waitForFunction(() => messages().length === 2)
    expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(['before', 'after'])
  })
}

// No test can freeze a page that is seen, and headless pages always are. One whose script does not come to an end stands as still.
test('a page that stands still for seconds hears what came meanwhile, once', async ({ openPage }) => {
  await using place = await startPlace({ heartbeat: 500 })
  const page = await openLine(await openPage(), place.url)
  const standing = page.evaluate(() => {
    for (const end = performance.now() + 4_000; performance.now() < end; );
  })
  // It has begun to by now.
  await new Promise(resolve => setTimeout(resolve, 1_000))
  for (let number = 1; number <= 20; number++) await place.hub.publish('lobby', `${number}`)
  await standing
  await page.waitFor(() => messages().length >= 20)
  expect(await page.evaluate(() => messages().map(({ data }) => Number(data)))).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

test('a tab that is duplicated while its page lives begins anew, and both hear each message once', async ({
  openPage,
}) => {
  await using place = await startPlace()
  const senders = new Set<string>()
  place.hub.on('message', ({ session }) => void senders.add(session.id))
  const page = await openLine(await openPage(), place.url, { resume: 'session' })
  await place.hub.publish('lobby', 'before')
  await page.waitFor(() => messages().length === 1)
  await page.evaluate(openCopy, '/pages/line.html')
  await page.waitFor(copyIsOpen)
  await place.hub.publish('lobby', 'to both')
  await page.waitFor(copyHeard, 1)
  expect(await page.evaluate(copyMessages)).toEqual(['to both'])
  expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(['before', 'to both'])
  await page.evaluate(sendFromBoth)
  await expect.poll(() => senders.size).toBe(2)
})

test('a tab that is duplicated between two pages copies the position, and each copy goes on from there', async ({
  openPage,
}) => {
  await using place = await startPlace()
  const page = await openLine(await openPage(), place.url, { resume: 'session' })
  await place.hub.publish('lobby', 'before')
  await page.waitFor(() => messages().length === 1)
  await page.goto(`${place.url}/pages/blank.html`)
  await place.hub.publish('lobby', 'while it was away')
  // Whoever duplicates the tab now copies its session storage, and in it the position.
  await page.evaluate(openCopy, '/pages/line.html')
  await page.waitFor(copyHeard, 1)
  expect(await page.evaluate(copyMessages)).toEqual(['while it was away'])
  await openLine(page, place.url, { resume: 'session' })
  await page.waitFor(() => messages().length === 1)
  await place.hub.publish('lobby', 'to both')
  await page.waitFor(() => messages().length === 2)
  expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual([
    'while it was away',
    'to both',
  ])
  expect(await page.evaluate(() => heard.filter(({ type }) => type === 'gap'))).toEqual([])
})

function linesOf({ hub }: { hub: { stats(): { lines: Record<string, number> } } }): number {
  return Object.values(hub.stats().lines).reduce((sum, count) => sum + count)
}

/** A window of the same origin that a page opens gets a copy of its session storage, as a duplicated tab does (WHATWG HTML 7.3.1.7). */
function openCopy(url: string): Promise<void> {
  const copy = window.open(url) as Opened
  Object.assign(window, { copy })
  return new Promise(resolve => {
    copy.addEventListener('load', () => {
      copy.begin('/live?topic=lobby', { resume: 'session' })
      resolve()
    })
  })
}

/** Both promises resolve: neither has taken the other's numbers. */
async function sendFromBoth(): Promise<void> {
  const { copy } = window as unknown as { copy: Opened }
  await Promise.all([line.send('from the tab'), copy.line.send('from its copy')])
}

function copyIsOpen(): boolean {
  return (window as unknown as { copy: Opened }).copy.line.readyState === 1
}

function copyHeard(count: number): boolean {
  const { heard } = (window as unknown as { copy: Opened }).copy
  return heard.filter(({ type }) => type === 'message').length >= count
}

function copyMessages(): string[] {
  const { heard } = (window as unknown as { copy: Opened }).copy
  return heard.filter(({ type }) => type === 'message').map(({ data = '' }) => data)
}
