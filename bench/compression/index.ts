/**
 * What compression saves on the wire, and what it costs the server: `npm run bench -- --only compression`.
 *
 * Method. A server runs in a process of its own (host.ts): ours with `compression: true` and without, and bare `ws`, which sends each message to each socket, with
 * `perMessageDeflate: true` and without: its defaults otherwise, which are those of Socket.IO too where that is turned on. Another process (crowd.ts) opens connections to it, bare TCP clients that offer
 * `permessage-deflate`, count bytes, and inflate what ours compresses; of `ws`, whose windows they would have to keep, they count frames. Messages are
 * JSON as a chat has it, of 100 and of 1,000 bytes, in words drawn from 200 by a fixed seed. All kinds have fresh processes in each round, and another one is first.
 *
 * Bursts: so many messages published in one turn of the event loop, to 500 lines, 10 times, each when all have the one before. Counted are bytes that come to a line; time of
 * the server's process on all processors (`process.cpuUsage`: `ws` compresses in threads), divided by messages and lines; and the time from the order until the last
 * line has the last message. One small message is lone, and is compressed by nobody but `ws`.
 *
 * Memory: heap and buffers after three garbage collections, and what the process occupies (RSS), before and after 2,000 connections, divided by their number: idle, and
 * once each has heard a burst and has sent a message, compressed where that was agreed on.
 *
 * History: a line comes that has missed 1,000 messages, over WebSocket and by one poll, 20 times. The same by polls that take no gzip.
 */
import { cpus } from 'node:os'
import { inTurn, median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atMost, type Bar, type Found, question, type Table } from '../report/findings.ts'
import { startChild } from '../stage/child.ts'
import { monotonic } from '../stage/clock.ts'
import type { CrowdOrder, CrowdTold } from './crowd.ts'
import type { HostOrder, HostTold, Kind } from './host.ts'

const kinds: readonly Kind[] = ['ours', 'ours, compressed', 'ws', 'ws, compressed']
const heard = 500
const weighed = 2_000

interface Burst {
  readonly count: number
  readonly size: number
}

const bursts: readonly Burst[] = [
  { count: 1, size: 100 },
  { count: 10, size: 100 },
  { count: 100, size: 100 },
  { count: 1, size: 1_000 },
  { count: 10, size: 1_000 },
]

/** Samples of all rounds. */
interface Samples {
  /** Of a line, in bytes. */
  readonly bytes: number[]
  /** For a message and a line, in µs. */
  readonly cpu: number[]
  /** In ms. */
  readonly last: number[]
}

interface Weights {
  readonly kind: Kind
  /** Of a line, in bytes. */
  readonly idle: { heap: number[]; rss: number[] }
  readonly used: { heap: number[]; rss: number[] }
}

const none = (): Samples => ({ bytes: [], cpu: [], last: [] })

export const compression = question(
  { name: 'compression', title: 'Compression', intro: 'Between two processes, over loopback.' },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 3
  const of = kinds.map(kind => ({ kind, bursts: bursts.map(burst => ({ burst, samples: none() })) }))
  const weights = kinds.map((kind): Weights => {
    const samples = () => ({ heap: [], rss: [] })
    return { kind, idle: samples(), used: samples() }
  })
  const pasts = kinds
    .filter(kind => kind.startsWith('ours'))
    .flatMap(kind => ['websocket', 'poll'].map(way => ({ kind, way, size: 100, samples: none() })))
  for (let round = 0; round < rounds; round++) {
    for (const { kind, bursts } of inTurn(of, round))
      if ('bursts'.includes(part))
        await onStage(kind, heard, async stage => {
          for (const { burst, samples } of bursts) await measure(stage, burst, samples)
        })
    for (const each of inTurn(weights, round)) if ('memory'.includes(part)) await weigh(each)
    for (const each of inTurn(pasts, round))
      if ('history'.includes(part))
        await onStage(each.kind, 0, stage => remember(stage, each.way, each.size, each.samples))
  }
  return {
    machine: { cores: cpus().length, node: process.version, browser: '' },
    rounds,
    tables: [
      ...bursts.map((burst, at) => burstTable(burst, of, at)),
      memoryTable(weights),
      historyTable(pasts),
    ],
    bars: barsOf(of, weights),
  }
}

interface Stage {
  readonly kind: Kind
  readonly port: number
  host(order: HostOrder): Promise<HostTold>
  crowd(order: CrowdOrder): Promise<CrowdTold>
}

async function onStage(kind: Kind, lines: number, act: (stage: Stage) => Promise<void>): Promise<void> {
  const host = await startChild<HostOrder, HostTold>(new URL('host.ts', import.meta.url), ['--expose-gc'])
  const crowd = await startChild<CrowdOrder, CrowdTold>(new URL('crowd.ts', import.meta.url))
  try {
    const { port = 0 } = await host.ask({ do: 'start', kind })
    if (lines > 0) await crowd.ask({ do: 'open', port, count: lines })
    await act({ kind, port, host: host.ask, crowd: crowd.ask })
  } finally {
    crowd.stop()
    host.stop()
  }
}

async function measure(stage: Stage, burst: Burst, { bytes, cpu, last }: Samples): Promise<void> {
  // The first ones make the engine compile.
  for (let time = 0; time < 5; time++) await publish(stage, burst, `warm${time}`)
  const times = 10
  const before = await stage.host({ do: 'busy' })
  for (let time = 0; time < times; time++) {
    const told = await publish(stage, burst, `time${time}`)
    bytes.push(told.bytes / heard)
    last.push(told.took)
  }
  const after = await stage.host({ do: 'busy' })
  cpu.push((((after.cpu ?? 0) - (before.cpu ?? 0)) * 1_000) / times / burst.count / heard)
}

async function publish(
  { kind, host, crowd }: Stage,
  { count, size }: Burst,
  name: string,
): Promise<{ bytes: number; took: number }> {
  const word = `the end of ${name}.`
  const texts = Array.from({ length: count }, (_, n) => chat(size, n === count - 1 ? word : ''))
  await crowd({ do: 'listen', word, frames: kind.startsWith('ws') ? count : undefined })
  const begun = monotonic()
  await host({ do: 'publish', texts })
  const { bytes, at } = await crowd({ do: 'await' })
  return { bytes, took: at - begun }
}

async function weigh({ kind, idle, used }: Weights): Promise<void> {
  await onStage(kind, 50, async stage => {
    const { port, host, crowd } = stage
    await publish(stage, { count: 1, size: 100 }, 'warm')
    const empty = await host({ do: 'weigh' })
    const add = ({ heap, rss }: Weights['idle'], { heap: all = 0, rss: whole = 0 }: HostTold) => {
      heap.push((all - (empty.heap ?? 0)) / weighed)
      rss.push((whole - (empty.rss ?? 0)) / weighed)
    }
    await crowd({ do: 'open', port, count: weighed })
    add(idle, await host({ do: 'weigh' }))
    for (let time = 0; time < 3; time++) await publish(stage, { count: 10, size: 100 }, `burst${time}`)
    const isOurs = kind.startsWith('ours')
    await crowd({ do: 'listen', word: 'rt.ack', frames: isOurs ? undefined : 1 })
    await crowd({ do: 'send', text: isOurs ? 'id: 1\ndata: hello, it is me\n\n' : 'hello, it is me' })
    await crowd({ do: 'await' })
    add(used, await host({ do: 'weigh' }))
  })
}

async function remember(
  stage: Stage,
  way: string,
  size: number,
  { bytes, cpu, last }: Samples,
): Promise<void> {
  const { port, kind, host, crowd } = stage
  const word = 'the end of all.'
  const texts = Array.from({ length: 1_001 }, (_, n) => chat(size, n === 1_000 ? word : ''))
  const { first = '' } = await host({ do: 'fill', texts })
  const come = async () => {
    await crowd({ do: 'listen', word, frames: undefined })
    const begun = monotonic()
    if (way === 'poll') await crowd({ do: 'poll', port, after: first, gzip: kind.endsWith('compressed') })
    else await crowd({ do: 'open', port, count: 1, after: first })
    const told = await crowd({ do: 'await' })
    return { bytes: told.bytes, took: told.at - begun }
  }
  for (let time = 0; time < 5; time++) await come()
  const times = 20
  const before = await host({ do: 'busy' })
  for (let time = 0; time < times; time++) {
    const told = await come()
    bytes.push(told.bytes)
    last.push(told.took)
  }
  const after = await host({ do: 'busy' })
  cpu.push((((after.cpu ?? 0) - (before.cpu ?? 0)) * 1_000) / times / 1_000)
}

const words =
  'the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part'.split(
    ' ',
  )

let seed = 1

/** The same words in each run. */
function pick(most: number): number {
  seed = (seed * 48_271) % 2_147_483_647
  return seed % most
}

/** A message of a chat, of so many bytes as JSON, that ends with a word. */
function chat(size: number, last: string): string {
  const head = `{"from":"user${pick(50)}","at":${1_700_000_000_000 + pick(1e9)},"text":"`
  let text = ''
  while (head.length + text.length + last.length + 2 < size) text += `${words[pick(words.length)]} `
  return `${head}${text.slice(0, Math.max(0, size - head.length - last.length - 2))}${last}"}`
}

type Measured = { kind: Kind; bursts: { burst: Burst; samples: Samples }[] }

function rowKind(kind: Kind): 'ours' | 'native' {
  return kind.startsWith('ours') ? 'ours' : 'native'
}

function nameOf(kind: Kind): string {
  return kind.replace('ours', 'throughline')
}

function burstTable({ count, size }: Burst, of: readonly Measured[], at: number): Table {
  const many = count === 1 ? 'One message' : `${count} messages`
  return {
    name: `compression-${count}-${size}`,
    title: `${many} of ${size.toLocaleString('en')} bytes`,
    what: `In one turn, to ${heard} lines.`,
    columns: [
      { name: 'bytes to a line', digits: 0 },
      { name: 'CPU for a message and a line, µs', digits: 2 },
      { name: 'until the last line has it, ms', digits: 1 },
    ],
    rows: of
      .filter(({ bursts }) => (bursts[at]?.samples.cpu.length ?? 0) > 0)
      .map(({ kind, bursts }) => {
        const { bytes, cpu, last } = bursts[at]?.samples ?? none()
        return { who: nameOf(kind), kind: rowKind(kind), cells: [median(bytes), median(cpu), median(last)] }
      }),
  }
}

function memoryTable(weights: readonly Weights[]): Table {
  return {
    name: 'compression-memory',
    title: 'Memory of a line',
    what: `With ${weighed.toLocaleString('en')} lines: idle, and once each has heard three bursts of 10 messages and has sent one.`,
    columns: ['heap, idle', 'heap, used', 'RSS, idle', 'RSS, used'].map(name => ({
      name: `${name}, kB`,
      digits: 1,
    })),
    rows: weights
      .filter(({ idle }) => idle.heap.length > 0)
      .map(({ kind, idle, used }) => ({
        who: nameOf(kind),
        kind: rowKind(kind),
        cells: [idle.heap, used.heap, idle.rss, used.rss].map(each => median(each) / 1_000),
      })),
  }
}

function historyTable(pasts: readonly { kind: Kind; way: string; samples: Samples }[]): Table {
  return {
    name: 'compression-history',
    title: 'A history of 1,000 messages of 100 bytes',
    what: 'To one line that comes back.',
    columns: [
      { name: 'bytes', digits: 0 },
      { name: 'CPU for a message, µs', digits: 2 },
      { name: 'until all is there, ms', digits: 1 },
    ],
    rows: pasts
      .filter(({ samples }) => samples.cpu.length > 0)
      .map(({ kind, way, samples: { bytes, cpu, last } }) => ({
        who: `${nameOf(kind)}, ${way}`,
        kind: 'ours',
        cells: [median(bytes), median(cpu), median(last)],
      })),
  }
}

function barsOf(of: readonly Measured[], weights: readonly Weights[]): Bar[] {
  const samplesOf = (kind: Kind, at: number) =>
    of.find(each => each.kind === kind)?.bursts[at]?.samples ?? none()
  const share = (what: keyof Samples, at: number) =>
    median(samplesOf('ours, compressed', at)[what]) / median(samplesOf('ours', at)[what])
  const weightOf = (kind: Kind) => weights.find(each => each.kind === kind)
  const [plain, packed] = [weightOf('ours'), weightOf('ours, compressed')]
  const bars: Bar[] = []
  if (samplesOf('ours', 0).cpu.length > 0)
    bars.push(
      atMost('a burst of 100 messages: bytes ≤ 0.4 × without', share('bytes', 2), 0.4, '×'),
      atMost('a burst of 100 messages: CPU ≤ 1.1 × without', share('cpu', 2), 1.1, '×'),
      atMost('a lone message of 100 bytes: bytes ≤ 1 × without', share('bytes', 0), 1, '×'),
    )
  if (plain && packed && plain.used.heap.length > 0)
    bars.push(
      atMost(
        'heap of a line ≤ 1.1 × without, used',
        median(packed.used.heap) / median(plain.used.heap),
        1.1,
        '×',
      ),
    )
  return bars
}
