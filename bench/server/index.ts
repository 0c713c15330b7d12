/**
 * What a line costs the server, and one publish to all of them: `npm run bench -- --only server`.
 *
 * Method. A server, ours or one written by hand (host.ts: `for (const socket of clients) socket.send(text)` and the like), runs in
 * a process of its own; another one (crowd.ts) opens up to 5,000 connections to it, bare TCP clients that look for a word in what
 * comes, and ask again where they poll. Both kinds have fresh processes in each round.
 *
 * Memory: heap and buffers after three garbage collections, and what the process occupies (RSS), before and after the
 * connections, divided by their number. RSS moves in large steps; the heap is exact.
 *
 * Fan-out: 20 messages of 100 bytes, one after the other, each when all have the one before. Counted is the time that the
 * server's event loop was at work (`eventLoopUtilization().active`) for one of them, which does not depend on how fast the
 * clients are; the polls that come anew are part of it. "until heard" is from the order to publish until the last client has it.
 *
 * History: a topic that keeps 1,000, 10,000, 100,000 messages of 100 bytes is filled; then one line over WebSocket comes with the id
 * of the first one and hears all others.
 */
import { cpus } from 'node:os'
import { inTurn, median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atLeast, atMost, type Bar, type Found, question, type Row, type Table } from '../report/findings.ts'
import { startChild } from '../stage/child.ts'
import { monotonic } from '../stage/clock.ts'
import type { Channel, CrowdOrder, CrowdTold } from './crowd.ts'
import type { HostOrder, HostTold, Kind } from './host.ts'

const channels: readonly Channel[] = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling']
const kinds: readonly Kind[] = ['by hand', 'ours']

/** What one kind of server did with so many connections of one channel; samples of all rounds. */
interface Load {
  readonly channel: Channel
  readonly kind: Kind
  readonly lines: number
  /** Of one connection, in bytes. */
  readonly heap: number[]
  readonly rss: number[]
  /** Of the process, in MB. */
  readonly total: number[]
  /** For one publish, in ms: the server's own time, and until all have it. */
  readonly busy: number[]
  readonly heard: number[]
}

/** What so many kept messages did; samples of all rounds. */
interface Past {
  readonly messages: number
  /** Of one message, in bytes. */
  readonly heap: number[]
  /** Of one message, in µs. */
  readonly append: number[]
  readonly replay: number[]
}

export const server = question(
  { name: 'server', title: 'The server', intro: 'Connections to one Node process, from another one.' },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 5
  const loads = channels.flatMap(channel =>
    kinds.flatMap(kind =>
      (quick ? [100, 1_000] : [100, 1_000, 5_000]).map(
        (lines): Load => ({ channel, kind, lines, heap: [], rss: [], total: [], busy: [], heard: [] }),
      ),
    ),
  )
  const pasts = [1_000, 10_000, 100_000].map(
    (messages): Past => ({ messages, heap: [], append: [], replay: [] }),
  )
  const asked = loads.filter(({ channel }) => channel.includes(part))
  for (let round = 0; round < rounds; round++) {
    for (const load of inTurn(asked, round)) await carry(load)
    for (const past of inTurn(pasts, round)) await remember(past)
  }
  const most = Math.max(...loads.map(({ lines }) => lines))
  return {
    machine: { cores: cpus().length, node: process.version, browser: '' },
    rounds,
    tables: [
      tableOf(asked, most),
      growthOf(asked, 'busy', 'server-growth-time', 'Growth of time', 'ms of the server for one publish'),
      growthOf(asked, 'total', 'server-growth-memory', 'Growth of memory', 'MB of heap in all'),
      historyOf(pasts),
    ],
    bars: [...barsOf(asked, most), ...barsOfGrowth(asked, pasts)],
  }
}

async function carry(load: Load): Promise<void> {
  const { kind, channel, lines } = load
  const host = await startHost()
  const crowd = await startCrowd()
  try {
    const { port = 0 } = await host.ask({ do: 'start', kind, channel, retain: 1_000 })
    // The first ones make the engine compile, and the process grow, once.
    await crowd.ask({ do: 'open', port, channel, count: 50 })
    await publishOnce(host, crowd, 'warming', 50)
    const empty = await host.ask({ do: 'weigh' })
    await crowd.ask({ do: 'open', port, channel, count: lines - 50 })
    const full = await host.ask({ do: 'weigh' })
    load.heap.push(((full.heap ?? 0) - (empty.heap ?? 0)) / (lines - 50))
    load.total.push((full.heap ?? 0) / 1e6)
    load.rss.push(((full.rss ?? 0) - (empty.rss ?? 0)) / (lines - 50))
    for (let time = 0; time < 5; time++) await publishOnce(host, crowd, `warm ${time}.`, lines)
    const times = 20
    const { busy: begun = 0 } = await host.ask({ do: 'busy' })
    for (let time = 0; time < times; time++)
      load.heard.push(await publishOnce(host, crowd, `message ${time}.`, lines))
    const { busy = 0 } = await host.ask({ do: 'busy' })
    load.busy.push((busy - begun) / times)
  } finally {
    crowd.stop()
    host.stop()
  }
}

/** Gives back how long it took until all had it. */
async function publishOnce(host: Host, crowd: Crowd, word: string, count: number): Promise<number> {
  await crowd.ask({ do: 'listen', word, count })
  const begun = monotonic()
  await host.ask({ do: 'publish', text: word.padEnd(100, 'x') })
  return (await crowd.ask({ do: 'await' })).at - begun
}

async function remember(past: Past): Promise<void> {
  const { messages } = past
  const host = await startHost()
  const crowd = await startCrowd()
  try {
    const { port = 0 } = await host.ask({
      do: 'start',
      kind: 'ours',
      channel: 'websocket',
      retain: messages + 1,
    })
    const empty = await host.ask({ do: 'weigh' })
    const { first = '', took = 0 } = await host.ask({ do: 'fill', count: messages, size: 100 })
    const full = await host.ask({ do: 'weigh' })
    past.heap.push(((full.heap ?? 0) - (empty.heap ?? 0)) / messages)
    past.append.push((took / messages) * 1_000)
    await crowd.ask({ do: 'listen', word: `\ndata: ${messages} `, count: 1 })
    const begun = monotonic()
    await crowd.ask({ do: 'open', port, channel: 'websocket', count: 1, after: first })
    const { at } = await crowd.ask({ do: 'await' })
    past.replay.push(((at - begun) / messages) * 1_000)
  } finally {
    crowd.stop()
    host.stop()
  }
}

type Host = Awaited<ReturnType<typeof startHost>>
type Crowd = Awaited<ReturnType<typeof startCrowd>>

function startHost() {
  return startChild<HostOrder, HostTold>(new URL('host.ts', import.meta.url), ['--expose-gc'])
}

function startCrowd() {
  return startChild<CrowdOrder, CrowdTold>(new URL('crowd.ts', import.meta.url))
}

function tableOf(loads: readonly Load[], most: number): Table {
  const rows = loads
    .filter(({ lines }) => lines === most)
    .map((load): Row => {
      const cells = [
        median(load.heap) / 1_000,
        median(load.rss) / 1_000,
        median(load.busy),
        most / median(load.busy),
        median(load.heard),
      ]
      return { who: nameOf(load), kind: load.kind === 'ours' ? 'ours' : 'native', cells }
    })
  return {
    name: 'server',
    title: `${most.toLocaleString('en')} lines`,
    what: 'Idle, and then one publish of 100 bytes to all of them.',
    columns: [
      { name: 'heap of a line, kB', digits: 2 },
      { name: 'RSS of a line, kB', digits: 1 },
      { name: 'server time of a publish, ms', digits: 1 },
      { name: 'lines in a ms', digits: 0 },
      { name: 'until heard by all, ms', digits: 1 },
    ],
    rows,
    chart: { of: 2, title: 'ms of the server for one publish to all', from: 1, to: 1_000 },
  }
}

function growthOf(
  loads: readonly Load[],
  what: 'busy' | 'total',
  name: string,
  title: string,
  unit: string,
): Table {
  const counts = [...new Set(loads.map(({ lines }) => lines))]
  const groups = channels.flatMap(channel =>
    kinds.map(kind => loads.filter(load => load.channel === channel && load.kind === kind)),
  )
  const lines = groups.flatMap(group => {
    const [first] = group
    if (!first) return []
    const points = group.map(load => [load.lines, median(load[what])] as const)
    return [
      { name: nameOf(first), kind: first.kind === 'ours' ? ('ours' as const) : ('native' as const), points },
    ]
  })
  return {
    name,
    title,
    what: `${unit}, with so many lines.`,
    columns: counts.map(count => ({
      name: `${count.toLocaleString('en')} lines`,
      digits: 2,
    })),
    rows: lines.map(({ name, kind, points }) => ({ who: name, kind, cells: points.map(([, y]) => y) })),
    chart: { title: `${unit}, by lines`, x: 'lines', y: unit, lines },
  }
}

function historyOf(pasts: readonly Past[]): Table {
  const line = (name: string, what: 'append' | 'replay' | 'heap', by = 1) => ({
    name,
    kind: 'ours' as const,
    points: pasts.map(past => [past.messages, (median(past[what]) * past.messages) / by] as const),
  })
  return {
    name: 'server-history',
    title: 'History',
    what: 'What one kept message costs when there are so many, and how long one line takes to hear it.',
    columns: [
      { name: 'heap, bytes', digits: 0 },
      { name: 'publish, µs', digits: 2 },
      { name: 'replay, µs', digits: 2 },
    ],
    rows: pasts.map(past => ({
      who: `${past.messages.toLocaleString('en')} messages`,
      kind: 'ours',
      cells: [median(past.heap), median(past.append), median(past.replay)],
    })),
    chart: {
      title: 'All of the history, by its length',
      x: 'messages',
      y: 'ms; kB',
      lines: [
        line('publish, ms', 'append', 1_000),
        line('replay, ms', 'replay', 1_000),
        line('heap, kB', 'heap', 1_000),
      ],
    },
  }
}

function barsOf(loads: readonly Load[], most: number): Bar[] {
  const of = (channel: Channel, kind: Kind) =>
    loads.find(load => load.channel === channel && load.kind === kind && load.lines === most)
  return channels.flatMap(channel => {
    const [ours, hand] = [of(channel, 'ours'), of(channel, 'by hand')]
    if (!ours || !hand) return []
    const fanout = atLeast(
      `${channel}: fan-out ≥ 0.9 × a loop written by hand`,
      median(hand.busy) / median(ours.busy),
      0.9,
      '×',
    )
    if (channel !== 'websocket') return [fanout]
    const weight = (what: 'heap' | 'rss', words: string) =>
      atMost(
        `websocket: ${words} of a line ≤ 1.15 × bare ws`,
        median(ours[what]) / 1_000,
        (1.15 * median(hand[what])) / 1_000,
        'kB',
      )
    return [fanout, weight('heap', 'heap'), weight('rss', 'RSS')]
  })
}

/** Ten times as much may cost ten times as much, and a quarter more for what measuring adds. */
function barsOfGrowth(loads: readonly Load[], pasts: readonly Past[]): Bar[] {
  const perLine = (load: Load) => median(load.busy) / load.lines
  const ofChannels = channels.flatMap(channel => {
    const ours = loads.filter(load => load.channel === channel && load.kind === 'ours' && load.lines >= 1_000)
    const [less, more] = [ours[0], ours.at(-1)]
    if (!less || !more || less === more) return []
    const words = `${channel}: a line's share of a publish grows by ≤ 1.25 × from ${less.lines} to ${more.lines} lines`
    return [atMost(words, perLine(more) / perLine(less), 1.25, '×')]
  })
  const [less, more] = [pasts[1], pasts.at(-1)]
  if (!less || !more) return ofChannels
  const ofHistory = (['heap', 'append', 'replay'] as const).map(what =>
    atMost(
      `history: ${what} of one message grows by ≤ 1.25 × from ${less.messages} to ${more.messages}`,
      median(more[what]) / median(less[what]),
      1.25,
      '×',
    ),
  )
  return [...ofChannels, ...ofHistory]
}

function nameOf({ channel, kind }: Load): string {
  return kind === 'ours' ? `throughline ${channel}` : `${channel} by hand`
}
