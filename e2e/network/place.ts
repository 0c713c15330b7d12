import { createHub, type Hub, type HubOptions } from '../../server/index.ts'
import type { Finding } from '../../src/index.ts'
import { type Explained, explain } from '../../src/report.ts'
import { startFaultProxy } from '../../testing/playwright/fault-proxy.ts'
import { startSite } from '../fixtures/site.ts'
import { expect, type TestPage } from '../fixtures/test.ts'
import { type Heard, mistakes, mistakesUpward, type Published, type Sent } from './history.ts'

// What the page's own script, pages/line.html, and `watch` below put into the page.
declare const begin: (url: string, options: object) => void
declare const line: {
  readonly readyState: number
  readonly transport: string | null
  send(data: unknown): Promise<void>
  report(): Finding[]
  close(): void
  addEventListener(type: string, listener: (event: Event & { to?: string }) => void): void
}
declare const heard: Heard[]
declare let sent: Sent[]
declare let lineName: string

/** What a page that stands behind a box loads its pages and its line from. */
export interface Box {
  readonly url: string
  close(): Promise<void>
}

/** A hub with its web server, a box in front of it, and what was published and taken there. */
export interface Place<Front extends Box> extends AsyncDisposable {
  readonly hub: Hub
  readonly box: Front
  readonly published: readonly Published[]
  readonly taken: readonly string[]
  publish(count?: number): Promise<void>
  /** Publishes so many in a second until it is told to stop. */
  flow(perSecond?: number): { stop(): Promise<void> }
  /** The web server goes away and comes back where it was; the hub and what it keeps stay. */
  stop(): Promise<void>
  restart(): Promise<void>
}

export type FaultyPlace = Place<Awaited<ReturnType<typeof startFaultProxy>>>

export function startFaultyPlace(options?: HubOptions): Promise<FaultyPlace> {
  return startPlace(startFaultProxy, options)
}

/** `retry` is short, so that no test waits for long; all else is as it is by default. */
export async function startPlace<Front extends Box>(
  startBox: (target: number) => Promise<Front>,
  options: HubOptions = {},
): Promise<Place<Front>> {
  const hub = createHub({ retry: 100, retain: 100_000, ...options })
  let site = await startSite({ hub })
  const { port } = site
  const box = await startBox(port)
  const published: Published[] = []
  const taken: string[] = []
  hub.on('message', ({ data }) => void taken.push(String(data)))

  return {
    hub,
    box,
    published,
    taken,
    publish,
    flow,
    stop: () => site.close(),
    async restart() {
      site = await startSite({ hub, port })
    },
    async [Symbol.asyncDispose]() {
      await box.close()
      await hub.close()
      await site.close()
    },
  }

  async function publish(count = 1): Promise<void> {
    for (let left = count; left > 0; left--) {
      const data = `message ${published.length + 1} 안녕`
      published.push({ id: await hub.publish('lobby', data), data })
    }
  }

  function flow(perSecond = 100) {
    let publishing = Promise.resolve()
    const timer = setInterval(
      () => {
        publishing = publishing.then(() => publish(Math.ceil(perSecond / 100)))
      },
      Math.max(10, 1000 / perSecond),
    )
    return {
      stop() {
        clearInterval(timer)
        return publishing
      },
    }
  }
}

/** Opens a line in the page. */
export async function openLine(page: TestPage, place: Place<Box>, options: object = {}): Promise<void> {
  await page.goto(`${place.box.url}/pages/line.html`)
  await beginLine(page, options)
}

/** The same on a page that is there already. */
export function beginLine(page: TestPage, options: object = {}): Promise<void> {
  return page.evaluate(
    ({ options, name }) => {
      begin('/live?topic=lobby', options)
      line.addEventListener('gap', ({ to = '' }) => heard.push({ type: 'gap', to }))
      sent = []
      lineName = name
    },
    { options, name: `line ${++lines}` },
  )
}

let lines = 0

/** Waits until this transport carries the line and has proven that it works. */
export async function expectTransport(page: TestPage, transport: string): Promise<void> {
  const carrier = () =>
    page.evaluate(() => line.report().find(({ state }) => state === 'in use')?.transport ?? line.readyState)
  // On a busy machine another one may win at first, and two looks upward lie between.
  await expect.poll(carrier, { timeout: 30_000 }).toBe(transport)
}

/** Sends so many messages; their promises are kept in the page. */
export function send(page: TestPage, count = 3): Promise<void> {
  return page.evaluate(more => {
    for (const last = sent.length + more; sent.length < last; ) {
      const entry: { data: string; outcome?: string } = { data: `${lineName}, message ${sent.length + 1}` }
      sent.push(entry)
      line.send(entry.data).then(
        () => {
          entry.outcome = 'taken'
        },
        error => {
          entry.outcome = error.kind
        },
      )
    }
  }, count)
}

/** Waits until all has arrived, both ways, and compares the books. */
export async function expectExact(page: TestPage, place: Place<Box>, after?: string): Promise<void> {
  await page.waitFor(last => heard.some(({ id }) => id === last), place.published.at(-1)?.id ?? '')
  await page.waitFor(() => sent.every(({ outcome }) => outcome !== undefined))
  expect(mistakes(place.published, await page.evaluate(() => heard), after)).toEqual([])
  expect(mistakesUpward(await page.evaluate(() => sent), place.taken)).toEqual([])
}

export async function report(page: TestPage): Promise<Explained[]> {
  return explain(await page.evaluate(() => line.report()))
}

/** Every transport that was tried has something to say, and of those that are expected it is said. */
export async function expectVerdicts(page: TestPage, words: Record<string, RegExp>): Promise<void> {
  const found = await report(page)
  for (const { verdict } of found) expect(verdict).toMatch(/\w+ .*\d/)
  for (const [transport, word] of Object.entries(words)) {
    const verdicts = found.filter(finding => finding.transport === transport).map(({ verdict }) => verdict)
    // On a busy machine the next one overtakes even what is refused at once.
    expect(verdicts).toContainEqual(expect.stringMatching(new RegExp(`${word.source}|${overtaken.source}`)))
  }
}

const overtaken = /^no answer for \d+ ms, then another way was taken$/
