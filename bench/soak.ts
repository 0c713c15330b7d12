/**
 * Keeps lines over every transport busy in several pages, both ways, for as long as you like, while the network between is cut, reset,
 * stalled, slowed and refused, boxes meddle with what goes through, pages are offline, and the server goes away and comes back. At the
 * end every book must agree, and nothing may have grown.
 *
 * `npm run soak -- --minutes 10`; exits with 1 when something is wrong. With `--hostile` it is another soak: see soak/hostile/index.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Browser, chromium, type Page } from '@playwright/test'
import { engines } from '../e2e/fixtures/engines.ts'
import { type Site, startSite } from '../e2e/fixtures/site.ts'
import { startTcpProxy, type TcpProxy } from '../e2e/fixtures/tcp-proxy.ts'
import { createHub, type Hub } from '../server/index.ts'
import { type Published, upwardViolations, violations } from '../test/history.ts'
import { type Fault, type FaultProxy, startFaultProxy, type Via } from '../testing/playwright/fault-proxy.ts'
import {
  buffered,
  captivePortal,
  cutAfterBytes,
  lateByOne,
  postsDoubled,
  refused,
  repliesLost,
  slow,
  streams,
  swallowed,
} from '../testing/playwright/faults.ts'
import { soakHostile } from './soak/hostile/index.ts'
import { type Figures, type LineBooks, openLines } from './soak/page.ts'

/** One line over each transport, and one that chooses. */
const ways = [
  ['websocket'],
  ['eventsource'],
  ['xhr-streaming'],
  ['long-polling'],
  ['jsonp'],
  ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'],
]

/** Each has a line for each way. */
const pages = 3

const perSecond = { published: 15, sentByEachLine: 2 }
const faultsEvery = 1_500
const restartsEvery = 45_000
const healing = 90_000

/** Whoever comes by HTTP or WebSocket. */
const everything: readonly Via[] = ['websocket', ...streams, 'long-polling', 'jsonp', 'post']

/** Memory and listeners may vary by so much from the first measurement to the last, and by so many MB for each page; sockets not at all once all is quiet. */
const allowance = { heap: 1.3, megabytes: 0.5, listeners: 1.2, socketsPerLine: 3 }

const columns: (keyof Measurement)[] = [
  'minutes',
  'faults',
  'published',
  'heard',
  'gaps',
  'opened',
  'taken',
  'inDoubt',
  'heap',
  'listeners',
  'sockets',
  'lines',
  'sessions',
]

const started = Date.now()
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    hostile: { type: 'boolean', default: false },
    honest: { type: 'string', default: '1000' },
  },
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new RangeError('--minutes has to be more than 0')
if (values.hostile) await soakHostile(minutes, Number(values.honest))
else await soak(minutes * 60_000)

async function soak(duration: number): Promise<void> {
  const place = await startPlace()
  const browser = await chromium.launch(engines[0]?.use.launchOptions)
  const tabs = await Promise.all(
    Array.from({ length: pages }, (_, index) => openTab(browser, place, `${index}`)),
  )
  const traffic = publishAlways(place.hub, place.published)
  const weather = trouble(place, tabs)
  const measured: Measurement[] = []

  console.log(headline())
  const end = Date.now() + duration
  const interval = Math.min(60_000, duration / 4)
  while (Date.now() < end) {
    await sleep(Math.min(interval, end - Date.now()))
    for (const tab of tabs) await collect(tab)
    measured.push(await measure(tabs, place, weather.count))
    console.log(row(measured.at(-1) as Measurement))
    for (const { box } of place.networks) box.forget()
  }
  await weather.stop()
  await traffic.stop()
  const healed = await heals(tabs, place)
  measured.push(await measure(tabs, place, weather.count))
  console.log(row(measured.at(-1) as Measurement))
  for (const { page } of tabs) await page.evaluate(() => soaking.close())
  const left = await linesLeft(place)
  await browser.close()
  await place.close()
  report([...judge(place, tabs), ...grown(measured), ...(healed ? [] : ['it did not heal in time'])], left)
}

/** A page with a line for each way, and what it wrote down. */
interface Tab {
  readonly name: string
  readonly page: Page
  readonly books: readonly LineBooks[]
}

/** Pages that share nothing, as those of different people, so that none waits for the connections of another. */
async function openTab(browser: Browser, { site, networks }: Place, name: string): Promise<Tab> {
  const page = await (await browser.newContext()).newPage()
  // tsx lets functions call this to keep their names, also in those that go to the page.
  await page.addInitScript({ content: 'globalThis.__name = named => named' })
  await page.goto(`${site.url}/pages/line.html`)
  const ports = networks.map(({ box }) => box.port)
  await page.evaluate(openLines, { name, ways, ports, every: 1_000 / perSecond.sentByEachLine })
  return { name, page, books: ways.map((): LineBooks => ({ after: '', heard: [], sent: [], opened: 0 })) }
}

// The server and the network:

/** What stands between the lines of one way and the server: cables, and a box that meddles with what goes through. */
interface Network {
  readonly cable: TcpProxy
  readonly box: FaultProxy
}

interface Place {
  readonly hub: Hub
  readonly networks: readonly Network[]
  readonly published: Published[]
  readonly taken: string[]
  site: Site
  restart(): Promise<void>
  close(): Promise<void>
}

async function startPlace(): Promise<Place> {
  const first = await startSite()
  const hub = createHub({ retry: 200, heartbeat: 2_000, retain: 1_000, origins: [first.url] })
  hub.attach(first.server)
  const taken: string[] = []
  hub.on('message', ({ data }) => void taken.push(String(data)))
  const networks = await Promise.all(ways.map(() => startNetwork(first.port)))
  const place: Place = {
    hub,
    networks,
    published: [],
    taken,
    site: first,
    async restart() {
      await place.site.close()
      await sleep(Math.random() * 2_000)
      place.site = await startSite({ hub, port: first.port })
    },
    async close() {
      await hub.close()
      await Promise.all(networks.flatMap(({ box, cable }) => [box.close(), cable.close()]))
      await place.site.close()
    },
  }
  return place
}

async function startNetwork(port: number): Promise<Network> {
  const cable = await startTcpProxy(port)
  return { cable, box: await startFaultProxy(cable.port) }
}

function publishAlways(hub: Hub, published: Published[]) {
  let stopped = false
  const publishing = (async () => {
    while (!stopped) {
      const data = `${published.length + 1} 안녕하세요`
      published.push({ id: await hub.publish('lobby', data), data })
      await sleep(1_000 / perSecond.published)
    }
  })()
  return {
    stop() {
      stopped = true
      return publishing
    },
  }
}

/** One fault after the other, on one way's network or one page at a time; now and then the server restarts. */
function trouble(place: Place, tabs: readonly Tab[]) {
  const { networks } = place
  const weather = { count: 0, stop }
  let stopped = false
  let restarted = Date.now()
  const passing = new Set<Promise<unknown>>()
  const ofCables: ((cable: TcpProxy) => unknown)[] = [
    cable => cable.cut('fin'),
    cable => cable.cut('rst'),
    cable =>
      lasts(
        15_000,
        () => cable.stall(),
        () => cable.resume(),
      ),
    cable =>
      lasts(
        4_000,
        () => refuse(cable),
        () => cable.refuse(false),
      ),
    cable => cable.setLatency(Math.random() * 300),
    cable => cable.setLatency(0),
  ]
  const ofBoxes: (() => Fault[])[] = [
    () => [refused(403, ['websocket'])],
    () => [refused(400, ['websocket', ...streams])],
    () => [swallowed(['websocket'])],
    () => [captivePortal],
    () => [buffered],
    () => [lateByOne(streams)],
    () => [cutAfterBytes(200 + Math.random() * 5_000, pick(['fin', 'rst'] as const), everything)],
    () => [repliesLost('rst')],
    () => [postsDoubled],
    () => [slow(4_096, everything)],
  ]
  const troubling = (async () => {
    while (!stopped) {
      await sleep(faultsEvery * Math.random() * 2)
      weather.count++
      if (Date.now() - restarted > restartsEvery) {
        restarted = Date.now()
        await place.restart()
      } else void pick([ofTheCable, ofTheCable, ofTheBox, ofThePage])()
    }
  })()
  return weather

  async function stop(): Promise<void> {
    stopped = true
    await troubling
    await Promise.all(passing)
    for (const { cable, box } of networks) {
      cable.setLatency(0)
      box.put()
    }
  }

  function ofTheCable(): void {
    pick(ofCables)(pick(networks).cable)
  }

  function ofTheBox(): void {
    const { box } = pick(networks)
    void lasts(
      10_000,
      () => box.put(...pick(ofBoxes)()),
      () => box.put(),
    )
  }

  function ofThePage(): void {
    const { page } = pick(tabs)
    void lasts(
      5_000,
      () => page.context().setOffline(true),
      () => page.context().setOffline(false),
    )
  }

  async function refuse(cable: TcpProxy): Promise<void> {
    await cable.refuse(true)
    cable.cut('rst')
  }

  /** For a while, at most so long in ms. */
  async function lasts(most: number, begin: () => unknown, end: () => unknown): Promise<void> {
    const passes = (async () => {
      await begin()
      await sleep(Math.random() * most)
      await end()
    })()
    passing.add(passes)
    await passes
    passing.delete(passes)
  }
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}

// The books:

/** Takes over what the page has written down, so that its memory shows only what the lines need. */
async function collect({ page, books }: Tab): Promise<Figures> {
  const { lines, ...figures } = await page.evaluate(() => soaking.collect())
  for (const [index, { after, heard, sent, opened }] of lines.entries()) {
    const book = books[index] as LineBooks
    book.after ||= after
    book.opened += opened
    book.heard.push(...heard)
    book.sent.push(...sent)
  }
  return figures
}

/** Waits until every line is open, has heard the last message and knows what became of what it sent. */
async function heals(tabs: readonly Tab[], { hub, published }: Place): Promise<boolean> {
  for (const { page } of tabs) await page.evaluate(() => soaking.stopSending())
  published.push({ id: await hub.publish('lobby', 'the last one'), data: 'the last one' })
  const deadline = Date.now() + healing
  for (;;) {
    const figures = await Promise.all(tabs.map(collect))
    const settled = figures.every(({ open, pending }) => open === ways.length && pending === 0)
    const upToDate = allBooks(tabs).every(({ heard }) => heard.at(-1)?.data === 'the last one')
    if (settled && upToDate) return true
    if (Date.now() > deadline) return false
    await sleep(500)
  }
}

function judge({ published, taken }: Place, tabs: readonly Tab[]): string[] {
  return tabs.flatMap(({ name, books }) =>
    books.flatMap(({ after, heard, sent }, line) => {
      const down = violations(published, heard, after)
      const up = upwardViolations(sent, taken, data => data.startsWith(`${name}.${line}:`))
      return [...down, ...up].map(({ kind, what }) => `page ${name}, ${ways[line]?.join()}: ${kind} ${what}`)
    }),
  )
}

function allBooks(tabs: readonly Tab[]): LineBooks[] {
  return tabs.flatMap(({ books }) => books)
}

/** How many lines the server still has, some time after all were closed. A poll by script tag, which cannot be taken back, is answered first. */
async function linesLeft(place: Place): Promise<number> {
  await place.hub.publish('lobby', 'nobody hears this')
  const deadline = Date.now() + 10_000
  while (linesOf(place) > 0 && Date.now() < deadline) await sleep(100)
  return linesOf(place)
}

function linesOf({ hub }: Place): number {
  return Object.values(hub.stats().lines).reduce((sum, count) => sum + count)
}

// The figures:

interface Measurement {
  readonly minutes: number
  readonly faults: number
  readonly published: number
  readonly heard: number
  readonly gaps: number
  readonly opened: number
  readonly taken: number
  readonly inDoubt: number
  /** Of all pages, after collecting garbage, in MB. */
  readonly heap: number
  readonly listeners: number
  /** At the server. */
  readonly sockets: number
  readonly lines: number
  readonly sessions: number
}

async function measure(tabs: readonly Tab[], place: Place, faults: number): Promise<Measurement> {
  const pages = await Promise.all(tabs.map(({ page }) => weigh(page)))
  const books = allBooks(tabs)
  const heard = books.flatMap(book => book.heard)
  const sent = books.flatMap(book => book.sent)
  return {
    minutes: (Date.now() - started) / 60_000,
    faults,
    published: place.published.length,
    heard: heard.filter(({ type }) => type === 'message').length,
    gaps: heard.filter(({ type }) => type === 'gap').length,
    opened: books.reduce((sum, { opened }) => sum + opened, 0),
    taken: place.taken.length,
    inDoubt: sent.filter(({ outcome }) => outcome === 'IN_DOUBT').length,
    heap: pages.reduce((sum, { heap }) => sum + heap, 0),
    listeners: pages.reduce((sum, { listeners }) => sum + listeners, 0),
    sockets: await new Promise<number>(resolve => {
      place.site.server.getConnections((_, count) => resolve(count ?? 0))
    }),
    lines: linesOf(place),
    sessions: place.hub.stats().sessions,
  }
}

/** Once its garbage is collected; in MB. */
async function weigh(page: Page): Promise<{ heap: number; listeners: number }> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const { jsEventListeners } = await cdp.send('Memory.getDOMCounters')
  await cdp.detach()
  return { heap: usedSize / 2 ** 20, listeners: jsEventListeners }
}

/** What is more than it was, by the limits stated above. */
function grown(measured: readonly Measurement[]): string[] {
  const [first] = measured
  const last = measured.at(-1)
  if (!first || !last) return ['nothing was measured']
  const limits = {
    heap: first.heap * allowance.heap + allowance.megabytes * pages,
    listeners: first.listeners * allowance.listeners + ways.length * pages,
    sockets: ways.length * pages * allowance.socketsPerLine,
    lines: ways.length * pages,
  }
  return (Object.keys(limits) as (keyof typeof limits)[])
    .filter(name => last[name] > limits[name])
    .map(name => `${name}: ${show(last[name])} at the end, more than ${show(limits[name])}`)
}

function headline(): string {
  return columns.map(name => (name === 'heap' ? 'heap MB' : name).padStart(10)).join('')
}

function row(measured: Measurement): string {
  return columns.map(name => show(measured[name]).padStart(10)).join('')
}

function show(figure: number): string {
  return Number.isInteger(figure) ? `${figure}` : figure.toFixed(1)
}

function report(wrong: readonly string[], left: number): void {
  const all = left > 0 ? [...wrong, `${left} lines are left at the server after all were closed`] : wrong
  for (const each of all.slice(0, 50)) console.log(each)
  console.log(all.length === 0 ? 'clean: every book agrees, and nothing has grown' : `${all.length} mistakes`)
  if (all.length > 0) process.exitCode = 1
}
