/**
 * A stream of 2 KB is cut at each of its bytes, on each channel, in each way; and each time the line hears every message once and in
 * order. Hundreds of lines run side by side in one page, each to a port of its own, while messages are published all the time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createHub } from '../../server/index.ts'
import { type Published, violations } from '../../test/history.ts'
import { startSite } from '../fixtures/site.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { type Break, openDoor, openSoundDoor } from './cutting-server.ts'

const channels = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
type Via = (typeof channels)[number]

const breaks: Record<Break, string> = { fin: 'FIN', rst: 'reset', stall: 'stall' }

/** The length of the stream, its HTTP head and greeting included. */
const length = 2_048

/**
 * A line that stalls is noticed after seconds, three topics take twice as long as one, and a reset goes the way of a FIN but for what it throws away:
 * not every byte is tried unless somebody has the time, `EVERY_OFFSET=1`.
 */
const sparse = process.env.EVERY_OFFSET === '1' ? 1 : 7

/** A browser has 256 sockets, and delays WebSockets by seconds when a page has more than a dozen on their way. */
const crowds = { few: { pages: 6, together: 8 }, many: { pages: 3, together: 75 } }

/** Between two messages, in ms. */
const pace = 40

test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

for (const via of channels) {
  for (const how of Object.keys(breaks) as Break[]) {
    const stride = how === 'fin' ? 1 : sparse
    const which = stride === 1 ? 'every byte' : `every ${stride}th byte`
    const title = `a ${breaks[how]} after ${which} of ${length} loses nothing`
    test(`${title} on ${via}`, ({ openPage }) => tryEvery(openPage, via, how, stride, ['lobby']))
    // How it breaks makes no difference to what is of which topic.
    const coarse = `a FIN after every ${sparse}th byte of ${length} loses nothing of three topics`
    if (how === 'fin')
      test(`${coarse} on ${via}`, ({ openPage }) => tryEvery(openPage, via, how, sparse, topics))
  }
}

async function tryEvery(
  openPage: () => Promise<TestPage>,
  via: Via,
  how: Break,
  stride: number,
  topics: readonly string[],
) {
  test.setTimeout(how === 'stall' ? 900_000 : 300_000)
  const offsets = shuffled(Array.from({ length: Math.ceil(length / stride) }, (_, index) => index * stride))
  const crowd = crowds[via === 'websocket' && how !== 'stall' ? 'few' : 'many']
  await using place = await startPlace(openPage, crowd, topics)
  let left = offsets
  // A connection that the browser gave up before its break has shown nothing.
  for (let round = 0; round < 3 && left.length > 0; round++) left = await tryAll(place, via, how, left)
  expect(left).toEqual([])
}

/** So that the connections that never open are spread among the others: browsers punish them when they come in a row. */
function shuffled(offsets: readonly number[]): number[] {
  return offsets.map((_, index) => offsets[(index * 997) % offsets.length] as number)
}

type Place = Awaited<ReturnType<typeof startPlace>>

/** A hub that publishes all the time, and pages that have not opened anything yet. */
async function startPlace(
  openPage: () => Promise<TestPage>,
  { pages, together }: typeof crowds.few,
  topics: readonly string[],
) {
  const site = await startSite()
  const hub = createHub({ retry: 50, heartbeat: 300, retain: 100_000, origins: [site.url] })
  hub.attach(site.server)
  const traffic = publishAlways(hub, topics)
  const tabs = await Promise.all(Array.from({ length: pages }, openPage))
  await Promise.all(tabs.map(tab => tab.goto(`${site.url}/pages/line.html`)))
  return {
    site,
    tabs,
    together,
    topics,
    published: traffic.published,
    async [Symbol.asyncDispose]() {
      await traffic.stop()
      await hub.close()
      await site.close()
    },
  }
}

/** The topics of one line, each of which gets every third message. */
const topics = ['room 0', 'room 1', 'room 2']

/** Runs a line for each offset, checks what it heard, and gives back the offsets that no connection got to. */
async function tryAll(
  { site, tabs, together, topics, published }: Place,
  via: Via,
  how: Break,
  offsets: readonly number[],
) {
  const sound = await openSoundDoor(site.server)
  const doors = await Promise.all(offsets.map(offset => openDoor(site.server, offset, how)))
  const lines = doors.map(({ port }, index) => ({ port, need: enough(offsets[index] as number) }))
  const share = Math.ceil(lines.length / tabs.length)
  const histories = await Promise.all(
    tabs.map((tab, index) =>
      tab.evaluate(runLines, {
        via,
        together,
        topics,
        sound: sound.port,
        lines: lines.slice(index * share, (index + 1) * share),
      }),
    ),
  )
  for (const door of [sound, ...doors]) door.close()
  expect(mistakes(published, histories.flat(), offsets)).toEqual([])
  return offsets.filter((_, index) => !doors[index]?.broke)
}

/** Each line's history against what was published after the position it began at, up to the last message it waited for: topic by topic. */
function mistakes(published: readonly InTopic[], histories: readonly Heard[][], offsets: readonly number[]) {
  const places = new Map(published.map(({ id }, place) => [id, place]))
  return histories.flatMap((heard, index) => {
    const starts = heard.filter(({ type }) => type === 'start')
    return starts.flatMap(({ topic, id: after }) => {
      const own = heard.filter(each => each.topic === topic)
      const last = own.findLast(({ type }) => type === 'message')?.id ?? ''
      const stretch = published
        .slice(places.get(after), (places.get(last) ?? 0) + 1)
        .filter(each => each.topic === topic)
      const found = violations(stretch, own, after)
      return found.map(({ kind, what }) => `${topic} after ${offsets[index]} bytes: ${kind} ${what}`)
    })
  })
}

/** So many messages are longer than the stream up to its break. */
function enough(offset: number): number {
  return Math.ceil(offset / 90) + 4
}

interface InTopic extends Published {
  readonly topic: string
}

function publishAlways(hub: ReturnType<typeof createHub>, topics: readonly string[]) {
  const published: InTopic[] = []
  let stopped = false
  const publishing = (async () => {
    while (!stopped) {
      const data = `${published.length + 1}: 안녕하세요 👋 — a message of some length`
      const topic = topics[published.length % topics.length] as string
      published.push({ id: await hub.publish(topic, data), data, topic })
      await sleep(pace)
    }
  })()
  return {
    published,
    stop() {
      stopped = true
      return publishing
    },
  }
}

interface Heard {
  type: string
  id: string
  data: string
  to: string
  topic: string
}

/** In the page: runs all lines, so many at a time, and gives back what each heard, beginning after the first entry. */
async function runLines({
  via,
  lines,
  together,
  topics,
  sound,
}: {
  via: string
  lines: { port: number; need: number }[]
  together: number
  topics: readonly string[]
  sound: number
}): Promise<Heard[][]> {
  const { connect } = (globalThis as never as { Throughline: { connect: (...given: unknown[]) => PageLine } })
    .Throughline
  const recent = new Map<string, string[]>(topics.map(topic => [topic, []]))
  const all = topics.map(topic => `topic=${encodeURIComponent(topic)}`).join('&')
  const watcher = connect(`http://127.0.0.1:${sound}/live?${all}`, { transports: ['websocket'] })
  watcher.addEventListener('message', ({ lastEventId, topic }) => recent.get(topic)?.push(lastEventId))
  while ([...recent.values()].some(ids => ids.length < 20))
    await new Promise(resolve => setTimeout(resolve, 50))

  const histories: Heard[][] = []
  let next = 0
  await Promise.all(Array.from({ length: together }, runOneAfterTheOther))
  watcher.close()
  return histories

  async function runOneAfterTheOther(): Promise<void> {
    while (next < lines.length) {
      const index = next++
      histories[index] = await runLine(lines[index] as (typeof lines)[0])
    }
  }

  /** Half of what it hears has been published before it comes. */
  function runLine({ port, need }: { port: number; need: number }): Promise<Heard[]> {
    const share = Math.ceil(need / 2 / topics.length)
    const starts = topics.map(topic => {
      const ids = recent.get(topic) ?? []
      return { type: 'start', id: ids.at(-1 - share) ?? (ids[0] as string), data: '', to: '', topic }
    })
    const heard: Heard[] = [...starts]
    const [{ id: lastEventId }] = starts as [Heard]
    const [only] = topics.length === 1 ? topics : []
    const options = { transports: [via], jsonp: 'cross-origin', ...(only && { lastEventId }) } as const
    const line = connect(`http://127.0.0.1:${port}/live${only ? `?topic=${only}` : ''}`, options)
    return new Promise(resolve => {
      line.addEventListener('gap', ({ to, topic = only ?? '' }) =>
        heard.push({ type: 'gap', id: '', data: '', to, topic }),
      )
      line.addEventListener('message', ({ lastEventId: id, data, topic }) => {
        heard.push({ type: 'message', id, data, to: '', topic })
        if (heard.length < need + starts.length) return
        line.close()
        resolve(heard)
      })
      if (only) return
      const [late, ...early] = starts as [Heard, ...Heard[]]
      const subscribe = ({ topic, id }: Heard) => line.subscribe(topic, { since: id })
      early.forEach(subscribe)
      let isFirst = true
      line.addEventListener('open', () => {
        if (isFirst) subscribe(late)
        isFirst = false
      })
    })
  }

  interface PageLine {
    addEventListener(
      type: string,
      listener: (event: { lastEventId: string; data: string; to: string; topic: string }) => void,
    ): void
    subscribe(topic: string, options: object): void
    close(): void
  }
}
