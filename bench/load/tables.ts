/** The tables and bars of what was found. */
import { median } from '../numbers.ts'
import { atMost, type Bar, type Row, type Table } from '../report/findings.ts'
import { assumed, type Costs, type Load, type Size, sizeOf } from './model.ts'

/** A cluster of so many nodes and Redises. */
export interface Place {
  readonly nodes: number
  readonly redises: number
  /** Why it cannot be measured; nothing if it can. */
  readonly missing: string | undefined
  /** One of each round. */
  readonly samples: Sample[]
}

export interface Sample {
  readonly lines: number
  /** From `publish` to the handler, in ms, at 1,000 messages a second. */
  readonly p50: number
  readonly p99: number
  /** The highest pace that was carried, and that of a burst, in messages a second. */
  readonly carried: number
  readonly burst: number
  /** The time of all Redises for one message, in µs: at 1,000 messages a second, and in a burst. */
  readonly redisPaced: number
  readonly redisBurst: number
  /** The part of the messages of a burst that the busiest Redis had. */
  readonly share: number
  /** How much of a core a node used at 1,000 messages a second, in percent. */
  readonly node: number
  /** What a node occupies, in MB. */
  readonly rss: number
}

const columns: readonly { of: keyof Sample; name: string; digits: number; by?: number }[] = [
  { of: 'lines', name: 'lines', digits: 0 },
  { of: 'p50', name: 'p50, ms', digits: 1 },
  { of: 'p99', name: 'p99, ms', digits: 1 },
  { of: 'node', name: 'a node, % of a core', digits: 1 },
  { of: 'rss', name: 'a node, MB', digits: 0 },
  { of: 'redisPaced', name: 'Redis, µs', digits: 1 },
  { of: 'redisBurst', name: 'Redis in a burst, µs', digits: 1 },
  { of: 'share', name: 'busiest Redis, %', digits: 0, by: 100 },
  { of: 'carried', name: 'carried, a second', digits: 0 },
  { of: 'burst', name: 'burst, a second', digits: 0 },
]

export function tableOf(places: readonly Place[]): Table {
  const left = places.filter(({ missing }) => missing)
  const why = left.length ? ` Left out: ${[...new Set(left.map(whyLeft))].join('; ')}.` : ''
  return {
    name: 'load',
    title: 'Nodes and Redises',
    what: `At 1,000 messages a second: from publish to the handler, what a node uses, and Redis for a message; then how much was carried.${why}`,
    columns: columns.map(({ name, digits }) => ({ name, digits })),
    rows: places.filter(({ samples }) => samples.length > 0).map(rowOf),
  }
}

function whyLeft({ redises, missing }: Place): string {
  return `${redises} Redises, since ${missing}`
}

function rowOf({ nodes, redises, samples }: Place): Row {
  return {
    who: `${plural(nodes, 'node')}, ${plural(redises, 'Redis', 'Redises')}`,
    kind: 'ours',
    cells: columns.map(({ of, by = 1 }) => by * median(samples.map(sample => sample[of]))),
  }
}

/** The lowest and the highest of the rounds stand beside the median. */
export function costTable(costs: readonly Costs[]): Table {
  const names: Record<keyof Costs, [name: string, by: number]> = {
    redisPublish: ['Redis: a message, in a burst, µs', 1],
    redisNotice: ['Redis: each node that is told of it, µs', 1],
    publish: ['a node: a message that it publishes, in a burst, µs', 1],
    heard: ['a node: a message that it hears, µs', 1],
    delivered: ['a node: each line that it is brought to, µs', 1],
    unheard: ['a node: a message that none of its lines hears, µs', 1],
    look: ['a node: each topic that it hears, each second, µs', 1],
    redisLook: ['Redis: each topic that a node hears, each second, µs', 1],
    beat: ['a node: a sign of life of a line, µs', 1],
    line: ['an idle line, kB of RSS', 1e-3],
    node: ['a node without lines, MB of RSS', 1e-6],
  }
  const rows = Object.entries(names).map(([key, [who, by]]): Row => {
    const all = costs.map(cost => by * cost[key as keyof Costs])
    return { who, kind: 'ours', cells: [median(all), Math.min(...all), Math.max(...all)] }
  })
  return {
    name: 'load-costs',
    title: 'What single things cost',
    what: 'The time of the processor, and memory: median, lowest and highest of the rounds.',
    columns: [
      { name: 'median', digits: 2 },
      { name: 'lowest', digits: 2 },
      { name: 'highest', digits: 2 },
    ],
    rows,
  }
}

/** The loads that the model is asked about. */
export const loads: readonly { readonly who: string; readonly load: Load }[] = [
  [10_000, 10_000, 10],
  [100_000, 100_000, 10],
  [1_000_000, 100_000, 10],
  [1_000_000, 1_000_000, 1],
  [1_000_000, 1_000_000, 10],
  [1_000_000, 1_000_000, 100],
  [1_000_000, 1_000_000, 10_000],
].map(([lines = 0, delivered = 0, fanout = 0]) => ({
  who: `${inWords(lines)} lines, ${inWords(delivered)} messages/s, each for ${plural(fanout, 'line')}`,
  load: { lines, delivered, fanout },
}))

export function modelTables(costs: Costs): Table[] {
  const cells = ({ published, nodes, redises, tellsNodes, nodeBusy, redisBusy, memory }: Size) => [
    published,
    nodes,
    redises,
    tellsNodes,
    100 * nodeBusy,
    100 * redisBusy,
    memory / 1e6,
  ]
  return [
    {
      name: 'load-model',
      title: 'What a load takes, by the model',
      what: `Arithmetic from the costs above, no measurement. A node and a Redis have a core each, of which they use ${100 * assumed.busy} % at most; a node has ${inWords(assumed.linesOfNode)} lines and ${assumed.memory / 1e6} MB of them at most; a line hears one topic, and has a sign of life each ${assumed.heartbeat} s; which line is on which node falls to chance, and every node publishes its part.`,
      columns: [
        { name: 'published/s', digits: 0 },
        { name: 'nodes', digits: 0 },
        { name: 'Redises', digits: 0 },
        { name: 'nodes told of a message', digits: 1 },
        { name: 'a node, % of a core', digits: 0 },
        { name: 'a Redis, %', digits: 0 },
        { name: 'a node, MB', digits: 0 },
      ],
      rows: loads.map(({ who, load }) => ({ who, kind: 'ours', cells: cells(sizeOf(load, costs)) })),
    },
  ]
}

/** How much more a heard message may cost where most are not heard. */
export const bar = 1.3

export function barsOf(places: readonly Place[], follows: number): Bar[] {
  const bars = [
    atMost(
      'a heard message costs a node that hears 1 % of all ≤ 1.3 × what it costs one that hears all',
      follows,
      bar,
      '×',
    ),
  ]
  for (const redises of [1, 3]) {
    const samples = places.filter(place => place.redises === redises).flatMap(place => place.samples)
    if (samples.length === 0) continue
    const words = redises === 1 ? 'Redis' : `${redises} Redises together`
    bars.push(
      atMost(
        `${words}: a message in a burst ≤ 25 µs`,
        median(samples.map(each => each.redisBurst)),
        25,
        'µs',
      ),
    )
    if (redises > 1)
      bars.push(
        atMost(
          `${redises} Redises: the busiest has ≤ 1.2 × its share of the messages`,
          redises * median(samples.map(each => each.share)),
          1.2,
          '×',
        ),
      )
  }
  return bars
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${inWords(count)} ${count === 1 ? one : many}`
}

function inWords(count: number): string {
  return count.toLocaleString('en')
}
