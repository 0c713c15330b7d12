/**
 * Keeps lines over every transport busy, both ways, for as long as you like, while the network between is cut, reset, stalled, slowed
 * and refused, and the server goes away and comes back. At the end every book must agree, and nothing may have grown.
 *
 * `npm run soak -- --minutes 10`; exits with 1 when something is wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { chromium, type Page } from '@playwright/test'
import { engines } from '../e2e/fixtures/engines.ts'
import { type Site, startSite } from '../e2e/fixtures/site.ts'
import { startTcpProxy, type TcpProxy } from '../e2e/fixtures/tcp-proxy.ts'
import { createHub, type Hub } from '../server/index.ts'
import { type Published, upwardViolations, violations } from '../test/history.ts'
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

const perSecond = { published: 20, sentByEachLine: 2 }
const faultsEvery = 1_500
const restartsEvery = 45_000
const healing = 90_000

/** Memory and listeners may vary by so much from the first measurement to the last; sockets not at all once all is quiet. */
const allowance = { heap: 1.5, megabytes: 4, listeners: 1.2, socketsPerLine: 3 }

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
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
await soak(Number(values.minutes) * 60_000)

async function soak(duration: number): Promise<void> {
  const place = await startPlace()
  const browser = await chromium.launch(engines[0]?.use.launchOptions)
  const page = await browser.newPage()
  // tsx lets functions call this to keep their names, also in those that go to the page.
  await page.addInitScript({ content: 'globalThis.__name = named => named' })
  await page.goto(`${place.site.url}/pages/line.html`)
  const ports = place.proxies.map(({ port }) => port)
  await page.evaluate(openLines, { ways, ports, every: 1_000 / perSecond.sentByEachLine })
  const books = ways.map((): LineBooks => ({ after: '', heard: [], sent: [], opened: 0 }))
  const traffic = publishAlways(place.hub, place.published)
  const weather = trouble(place)
  const measured: Measurement[] = []

  console.log(headline())
  const end = Date.now() + duration
  const interval = Math.min(60_000, duration / 4)
  while (Date.now() < end) {
    await sleep(Math.min(interval, end - Date.now()))
    await collect(page, books)
    measured.push(await measure(page, place, books, weather.count))
    console.log(row(measured.at(-1) as Measurement))
  }
  await weather.stop()
  await traffic.stop()
  const healed = await heals(page, place, books)
  measured.push(await measure(page, place, books, weather.count))
  console.log(row(measured.at(-1) as Measurement))
  await page.evaluate(() => soaking.close())
  await sleep(500)
  const left = Object.values(place.hub.stats().lines).reduce((sum, count) => sum + count)
  await browser.close()
  await place.close()
  report([...judge(place, books), ...grown(measured), ...(healed ? [] : ['it did not heal in time'])], left)
}

// The server and the network:

interface Place {
  readonly hub: Hub
  readonly proxies: readonly TcpProxy[]
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
  const proxies = await Promise.all(ways.map(() => startTcpProxy(first.port)))
  const place: Place = {
    hub,
    proxies,
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
      await Promise.all(proxies.map(proxy => proxy.close()))
      await place.site.close()
    },
  }
  return place
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

/** One fault after the other, on one line's network at a time; now and then the server restarts. */
function trouble(place: Place) {
  const weather = { count: 0, stop }
  let stopped = false
  let restarted = Date.now()
  const faults: ((proxy: TcpProxy) => unknown)[] = [
    proxy => proxy.cut('fin'),
    proxy => proxy.cut('rst'),
    proxy => stallFor(proxy, Math.random() * 15_000),
    proxy => refuseFor(proxy, Math.random() * 4_000),
    proxy => proxy.setLatency(Math.random() * 300),
    proxy => proxy.setLatency(0),
  ]
  const troubling = (async () => {
    while (!stopped) {
      await sleep(faultsEvery * Math.random() * 2)
      weather.count++
      if (Date.now() - restarted > restartsEvery) {
        restarted = Date.now()
        await place.restart()
      } else void pick(faults)(pick(place.proxies))
    }
  })()
  return weather

  async function stop(): Promise<void> {
    stopped = true
    await troubling
    for (const proxy of place.proxies) {
      proxy.setLatency(0)
      proxy.resume()
      await proxy.refuse(false)
    }
  }

  async function stallFor(proxy: TcpProxy, ms: number): Promise<void> {
    proxy.stall()
    await sleep(ms)
    proxy.resume()
  }

  async function refuseFor(proxy: TcpProxy, ms: number): Promise<void> {
    await proxy.refuse(true)
    proxy.cut('rst')
    await sleep(ms)
    await proxy.refuse(false)
  }
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T
}

// The books:

/** Takes over what the page has written down, so that its memory shows only what the lines need. */
async function collect(page: Page, books: LineBooks[]): Promise<Figures> {
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
async function heals(page: Page, { hub, published }: Place, books: LineBooks[]): Promise<boolean> {
  await page.evaluate(() => soaking.stopSending())
  published.push({ id: await hub.publish('lobby', 'the last one'), data: 'the last one' })
  const deadline = Date.now() + healing
  for (;;) {
    const { open, pending } = await collect(page, books)
    const upToDate = books.every(({ heard }) => heard.at(-1)?.data === 'the last one')
    if (open === ways.length && pending === 0 && upToDate) return true
    if (Date.now() > deadline) return false
    await sleep(500)
  }
}

function judge({ published, taken }: Place, books: readonly LineBooks[]): string[] {
  return books.flatMap(({ after, heard, sent }, line) => {
    const down = violations(published, heard, after)
    const up = upwardViolations(sent, taken, data => data.startsWith(`${line}:`))
    return [...down, ...up].map(({ kind, what }) => `${ways[line]?.join()}: ${kind} ${what}`)
  })
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
  /** Of the page, after collecting garbage, in MB. */
  readonly heap: number
  readonly listeners: number
  /** At the server. */
  readonly sockets: number
  readonly lines: number
  readonly sessions: number
}

async function measure(
  page: Page,
  place: Place,
  books: readonly LineBooks[],
  faults: number,
): Promise<Measurement> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('HeapProfiler.collectGarbage')
  const { usedSize } = await cdp.send('Runtime.getHeapUsage')
  const { jsEventListeners } = await cdp.send('Memory.getDOMCounters')
  await cdp.detach()
  const heard = books.flatMap(book => book.heard)
  const sent = books.flatMap(book => book.sent)
  const stats = place.hub.stats()
  return {
    minutes: (Date.now() - started) / 60_000,
    faults,
    published: place.published.length,
    heard: heard.filter(({ type }) => type === 'message').length,
    gaps: heard.filter(({ type }) => type === 'gap').length,
    opened: books.reduce((sum, { opened }) => sum + opened, 0),
    taken: place.taken.length,
    inDoubt: sent.filter(({ outcome }) => outcome === 'IN_DOUBT').length,
    heap: usedSize / 2 ** 20,
    listeners: jsEventListeners,
    sockets: await new Promise<number>(resolve => {
      place.site.server.getConnections((_, count) => resolve(count ?? 0))
    }),
    lines: Object.values(stats.lines).reduce((sum, count) => sum + count),
    sessions: stats.sessions,
  }
}

/** What is more than it was, by the limits stated above. */
function grown(measured: readonly Measurement[]): string[] {
  const [first] = measured
  const last = measured.at(-1)
  if (!first || !last) return ['nothing was measured']
  const limits = {
    heap: first.heap * allowance.heap + allowance.megabytes,
    listeners: first.listeners * allowance.listeners + ways.length,
    sockets: ways.length * allowance.socketsPerLine,
    lines: ways.length,
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
