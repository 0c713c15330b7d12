/**
 * What a cluster carries, and what single things cost in it: `npm run load`.
 *
 * Method. Real servers with Redis (`--save ''`, no append-only file), processes with a hub each that share a log, one more that only publishes, and one with the clients: bare
 * WebSockets, each of which hears one topic, and sees by each message when it was published. All of them are on one machine. There are 10,000 topics; each node's lines hear 100 of
 * them, and no two nodes the same. Messages have 100 bytes, and go to the topics in turn. Nothing counts of which not every message was heard that should be.
 *
 * Places: 1, 2, 3 nodes with 1 and 3 Redises. First 1,000 messages a second for some seconds: p50 and p99 are from `publish` to the client's handler. Then the pace doubles for as long as it is carried: until a quarter
 * of a second's messages, or more, are not acknowledged at its end, or a hundredth takes a second or more. Then a burst, in which 200 messages for each Redis are on their way at any time: what it takes is what a
 * Redis or a publisher takes that has all hands full, since much then shares a reading and a writing.
 *
 * Costs are the time of the processor that a process has used (`process.cpuUsage`; of Redis `INFO cpu`), less what it uses while nothing happens. They are what counts here: processes that share two cores
 * hinder each other, so paces and times are those of this machine and not of the software. Who shares a core also finds its caches cold: the figures rise with the load that is told with them.
 *
 * - A node that hears one message in a hundred, beside one that hears all: the node has 1,000 lines on its 100 topics, and 2,500 messages a second are published, 25 of them in these. Once all are in its log, and once the others are
 *   in another log of the same Redis, so that the machine has the same to do, and the node hears all there is.
 * - A heard message and a delivered one: 2,000 messages a second in the node's topics, with 1 line on each topic, and with 10. The difference is that of 9 lines.
 * - A notice of Redis: a burst that three nodes hear, and one that no node hears.
 * - A sign of life: 1,000 lines that are told one each 300 ms.
 * - A look: each second a node asks Redis which is the newest message of each topic that it hears, so that a lost notice is found. 2,000 topics with a line each, of which nothing is published.
 * - Memory: heap and buffers, and RSS, after garbage collections, before and after 900 lines come.
 *
 * Each round has fresh processes, another one first each round; all figures are medians of the rounds. The model (model.ts) computes from them what a load takes.
 */
import { cpus } from 'node:os'
import { inTurn, median, sum } from '../numbers.ts'
import type { Effort, Question } from '../question.ts'
import { type Findings, type Found, question } from '../report/findings.ts'
import { type Cluster, type Course, startCluster } from './cluster.ts'
import { missingLog } from './log.ts'
import { type Costs, costsOf } from './model.ts'
import { bar, barsOf, costTable, modelTables, type Place, type Sample, tableOf } from './tables.ts'

/** What `npm run load` finds. The model is computed anew from the costs. */
export interface Loads extends Findings {
  readonly costs: Costs
}

const topics = 10_000
const ofNode = 100

/** Messages of a burst that are on their way at a time, for each Redis. */
const together = 200

export const load = question(
  {
    name: 'load',
    title: 'A cluster under load',
    intro:
      'Nodes that share a log in Redis, 10,000 topics, 1 % of them heard on each node. Everything runs on the same two cores, which other work shared: paces and times are bounded by that, and what counts is the time of the processor.',
  },
  find,
) as Question<Loads>

async function find({
  quick,
  part,
  rounds = quick ? 1 : 3,
}: Effort & { readonly rounds?: number | undefined }): Promise<Found & { costs: Costs }> {
  const places = [1, 3].flatMap(redises =>
    [1, 2, 3].map((nodes): Place => ({ nodes, redises, missing: missingLog(redises), samples: [] })),
  )
  const asked = places.filter(place => !place.missing && nameOf(place).includes(part))
  const costs: Costs[] = []
  const follows: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const place of inTurn(asked, round))
      await attempt(nameOf(place), async () => place.samples.push(await carry(place, quick)))
    await attempt('costs', async () => {
      const found = await weighAll(quick)
      costs.push(found.costs)
      follows.push(found.follows)
    })
  }
  // Within the bar it cannot be told from nothing, and Redis does not tell a node what nobody there hears.
  const isNothing = median(follows) <= bar
  const middle = { ...costsOf(costs), ...(isNothing && { unheard: 0 }) }
  return {
    machine: { cores: cpus().length, node: process.version, browser: '' },
    rounds,
    tables: [tableOf(places), costTable(costs), ...modelTables(middle)],
    bars: barsOf(places, median(follows)),
    costs: middle,
  }
}

/** What fails on a machine that is too busy is left out of its round, and said. */
async function attempt(name: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
    console.error(`${name}: measured`)
  } catch (error) {
    console.error(`${name}: left out, ${error}`)
  }
}

function nameOf({ nodes, redises }: Place): string {
  return `${nodes} nodes, ${redises} redises`
}

async function carry({ nodes, redises }: Place, quick: boolean): Promise<Sample> {
  const cluster = await startCluster(nodes, redises)
  try {
    const times = quick ? 1 : 5
    for (let node = 0; node < nodes; node++) await cluster.hear(node, topicsOf(node), times)
    const burst = { together: together * redises, topics }
    await cluster.burst({ ...burst, count: topics })
    const still = await cluster.rest(2)
    const paced = await cluster.pace({ perSecond: 1_000, seconds: quick ? 2 : 4, topics })
    const carried = await double(cluster, quick ? 2 : 3)
    const full = await cluster.burst({ ...burst, count: quick ? 10_000 : 30_000 })
    const shares = full.redises.map(({ count }) => count)
    return {
      lines: nodes * ofNode * times,
      p50: paced.p50,
      p99: paced.p99,
      carried,
      burst: full.published / full.paced.took,
      redisPaced: redisCost(paced, still),
      redisBurst: redisCost(full, still),
      share: Math.max(...shares) / sum(shares),
      node: median(paced.nodes.map(({ spent }) => spent / paced.seconds / 1e4)),
      rss: (await cluster.weigh(0)).rss / 1e6,
    }
  } finally {
    await cluster.close()
  }
}

/** The highest pace, in messages a second, that was carried. */
async function double(cluster: Cluster, seconds: number): Promise<number> {
  let carried = 0
  for (let perSecond = 1_000; perSecond <= 64_000; perSecond *= 2) {
    const course = await cluster.pace({ perSecond, seconds, topics })
    if (!course.isCarried) break
    carried = course.published / course.paced.took
  }
  return carried
}

async function weighAll(quick: boolean): Promise<{ costs: Costs; follows: number }> {
  const { follows, ...ofOne } = await weighOne(quick)
  const costs = {
    ...ofOne,
    ...(await weighLines()),
    redisNotice: await weighNotices(quick),
    beat: await weighBeats(quick),
    ...(await weighLooks(quick)),
  }
  return { costs, follows }
}

/** One node, and what its lines cost it. */
async function weighOne(
  quick: boolean,
): Promise<
  Pick<Costs, 'unheard' | 'redisPublish' | 'publish' | 'heard' | 'delivered'> & { follows: number }
> {
  const cluster = await startCluster(1, 1)
  try {
    const own = { perSecond: 2_000, seconds: quick ? 2 : 4, topics: ofNode }
    await cluster.hear(0, topicsOf(0), 1)
    await cluster.burst({ count: topics, together, topics })
    const still = await cluster.rest(own.seconds)
    await cluster.pace(own)
    const few = nodeCost(await cluster.pace(own), still)
    await cluster.hear(0, topicsOf(0), 9)
    await cluster.pace(own)
    const many = nodeCost(await cluster.pace(own), still)
    const full = await cluster.burst({ count: quick ? 10_000 : 30_000, together, topics })
    const delivered = (many - few) / 9
    return {
      ...(await follow(cluster, quick ? 1 : 3)),
      redisPublish: redisCost(full, still),
      publish: (full.publisher - still.publisher * (full.seconds / still.seconds)) / full.published,
      heard: few - delivered,
      delivered,
    }
  } finally {
    await cluster.close()
  }
}

/** Before anything was published: what a process has given back it still occupies. */
async function weighLines(): Promise<Pick<Costs, 'line' | 'node'>> {
  const many = 20
  const cluster = await startCluster(1, 1)
  try {
    await cluster.hear(0, topicsOf(0), 1)
    const before = await cluster.weigh(0)
    await cluster.hear(0, topicsOf(0), many)
    const after = await cluster.weigh(0)
    return { line: (after.rss - before.rss) / (many * ofNode), node: before.rss }
  } finally {
    await cluster.close()
  }
}

/** A heard message where the node hears one in a hundred, beside where it hears all; in turns, since a moment of another process is more than either. */
async function follow(cluster: Cluster, turns: number): Promise<{ follows: number; unheard: number }> {
  const mixed = { perSecond: 2_500, seconds: 4, topics }
  const some: number[] = []
  const all: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    const calm = await cluster.rest(mixed.seconds)
    all.push(nodeCost(await cluster.pace({ ...mixed, aside: ofNode }), calm))
    some.push(nodeCost(await cluster.pace(mixed), calm))
  }
  const heard = ofNode / topics
  return {
    follows: median(some) / median(all),
    unheard: ((median(some) - median(all)) * heard) / (1 - heard),
  }
}

/** What it costs Redis to tell one more node of a message. */
async function weighNotices(quick: boolean): Promise<number> {
  const cluster = await startCluster(3, 1)
  try {
    const burst = { count: quick ? 5_000 : 20_000, together, topics: ofNode }
    await cluster.burst(burst)
    const still = await cluster.rest(2)
    const unheard = redisCost(await cluster.burst(burst), still)
    for (const node of [0, 1, 2]) await cluster.hear(node, topicsOf(0), 1)
    return (redisCost(await cluster.burst(burst), still) - unheard) / 3
  } finally {
    await cluster.close()
  }
}

async function weighBeats(quick: boolean): Promise<number> {
  const every = 0.3
  const seconds = quick ? 3 : 8
  const cluster = await startCluster(1, 1, every * 1_000)
  try {
    await cluster.rest(1)
    const still = await cluster.rest(seconds)
    await cluster.hear(0, topicsOf(0), 10)
    const beating = await cluster.rest(seconds)
    return (perSecond(beating) - perSecond(still)) / ((10 * ofNode) / every)
  } finally {
    await cluster.close()
  }
}

/** Before the first sign of life is due. */
async function weighLooks(quick: boolean): Promise<Pick<Costs, 'look' | 'redisLook'>> {
  const seconds = quick ? 3 : 8
  const many = 2_000
  const cluster = await startCluster(1, 1)
  try {
    await cluster.rest(1)
    const still = await cluster.rest(seconds)
    await cluster.hear(
      0,
      Array.from({ length: many }, (_, topic) => topic),
      1,
    )
    const looking = await cluster.rest(seconds)
    const ofRedis = ({ redises, seconds }: Course) => (redises[0]?.spent ?? Number.NaN) / seconds
    return {
      look: (perSecond(looking) - perSecond(still)) / many,
      redisLook: (ofRedis(looking) - ofRedis(still)) / many,
    }
  } finally {
    await cluster.close()
  }
}

function topicsOf(node: number): number[] {
  return Array.from({ length: ofNode }, (_, nth) => node * ofNode + nth)
}

/** What all Redises used for one message, in µs. */
function redisCost(course: Course, still: Course): number {
  const all = ({ redises }: Course) => sum(redises.map(({ spent }) => spent))
  return (all(course) - all(still) * (course.seconds / still.seconds)) / course.published
}

/** What the first node used for one message that it heard, in µs. */
function nodeCost(course: Course, still: Course): number {
  return ((perSecond(course) - perSecond(still)) * course.seconds) / heardBy(course)
}

function heardBy({ nodes }: Course): number {
  return nodes[0]?.count ?? Number.NaN
}

/** What the first node used in a second, in µs. */
function perSecond({ nodes, seconds }: Course): number {
  return (nodes[0]?.spent ?? Number.NaN) / seconds
}
