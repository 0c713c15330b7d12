/** Real servers with Redis, processes with a hub each, one of which only publishes, and a process of clients; all on this machine. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Redis, startRedis } from '../../test/server/redis.ts'
import { sum } from '../numbers.ts'
import { type Child, startChild } from '../stage/child.ts'
import type { CrowdOrder, CrowdTold } from './crowd.ts'
import { callsOf, cpuOf } from './info.ts'
import type { Burst, NodeOrder, NodeTold, Pace, Paced } from './node.ts'

export interface Cluster {
  /** Opens so many lines for each of these topics at a node, and remembers that they are heard there. */
  hear(node: number, topics: readonly number[], times: number): Promise<void>
  /** Publishes at this pace, and waits until all of it was heard. */
  pace(how: Pace): Promise<Course>
  /** Publishes as fast as it is acknowledged, and waits until all of it was heard. */
  burst(how: Burst): Promise<Course>
  /** Does nothing for a while. */
  rest(seconds: number): Promise<Course>
  /** What a node holds, in bytes. */
  weigh(node: number): Promise<{ heap: number; rss: number }>
  close(): Promise<void>
}

/** What happened within some time, and what it took. */
export interface Course {
  readonly paced: Paced
  readonly seconds: number
  readonly published: number
  /** Whether all was acknowledged in time, nothing has piled up, and all of it was heard. */
  readonly isCarried: boolean
  /** From `publish` to the handler at the client, in ms. */
  readonly p50: number
  readonly p99: number
  /** The time of the processor, in µs. */
  readonly redises: readonly Work[]
  readonly nodes: readonly Work[]
  readonly publisher: number
}

interface Work {
  readonly spent: number
  /** Of a Redis, how many scripts it ran; of a node, how many messages it heard. */
  readonly count: number
  /** Of a node, to how many lines it brought them. */
  readonly delivered: number
}

/** A pace is not carried where more waits at its end than comes in so many seconds. */
const tolerance = 0.25

/** Nor where a hundredth comes later than this, in ms. */
const latest = 1_000

const usualHeartbeat = 15_000

export async function startCluster(
  nodeCount: number,
  redisCount: number,
  heartbeat = usualHeartbeat,
): Promise<Cluster> {
  const redises = await Promise.all(Array.from({ length: redisCount }, () => startRedis('saved')))
  const children: { stop(): void }[] = []
  try {
    const crowd = await begin<CrowdOrder, CrowdTold>('crowd.ts')
    const all: Child<NodeOrder, NodeTold>[] = []
    while (all.length <= nodeCount) all.push(await begin<NodeOrder, NodeTold>('node.ts'))
    const urls = redises.map(({ url }) => url)
    const told = await Promise.all(all.map(node => node.ask({ do: 'start', redises: urls, heartbeat })))
    const [publisher, ...nodes] = all
    if (!publisher) throw new Error('nobody publishes')
    return clusterOf({
      redises,
      crowd,
      publisher,
      nodes,
      ports: told.slice(1).map(({ port = 0 }) => port),
      close,
    })
  } catch (error) {
    await close()
    throw error
  }

  async function begin<Order extends object, Told>(module: string): Promise<Child<Order, Told>> {
    const child = await startChild<Order, Told>(new URL(module, import.meta.url), ['--expose-gc'])
    children.push(child)
    return child
  }

  async function close(): Promise<void> {
    for (const child of children) child.stop()
    await Promise.all(redises.map(redis => redis.close()))
  }
}

interface Parts {
  readonly redises: readonly Redis[]
  readonly crowd: Child<CrowdOrder, CrowdTold>
  readonly publisher: Child<NodeOrder, NodeTold>
  readonly nodes: readonly Child<NodeOrder, NodeTold>[]
  readonly ports: readonly number[]
  close(): Promise<void>
}

function clusterOf({ redises, crowd, publisher, nodes, ports, close }: Parts): Cluster {
  /** How many lines hear a topic, at each node. */
  const lines = nodes.map(() => new Map<number, number>())
  return {
    hear,
    pace: how => carry({ do: 'pace', ...how }),
    burst: how => carry({ do: 'burst', ...how }),
    rest,
    weigh,
    close,
  }

  async function hear(node: number, topics: readonly number[], times: number): Promise<void> {
    const heard = lines[node] ?? new Map<number, number>()
    for (const topic of topics) heard.set(topic, (heard.get(topic) ?? 0) + times)
    await crowd.ask({ do: 'open', port: ports[node] ?? 0, topics, times })
  }

  async function carry(order: NodeOrder): Promise<Course> {
    await crowd.ask({ do: 'listen' })
    return during(async () => {
      const { paced = idle } = await publisher.ask(order)
      const count = sum(heardOf(paced).map(({ delivered }) => delivered))
      const { heard = 0, p50 = Number.NaN, p99 = Number.NaN } = await crowd.ask({ do: 'await', count })
      return { paced, heard, p50, p99 }
    })
  }

  function rest(seconds: number): Promise<Course> {
    return during(async () => {
      await sleep(seconds * 1_000)
      return { paced: { ...idle, took: seconds }, heard: 0, p50: Number.NaN, p99: Number.NaN }
    })
  }

  async function during(
    act: () => Promise<{ paced: Paced; heard: number; p50: number; p99: number }>,
  ): Promise<Course> {
    const before = await look()
    const begun = performance.now()
    const { paced, heard, p50, p99 } = await act()
    const after = await look()
    const seconds = (performance.now() - begun) / 1_000
    const published = sum(paced.published)
    const heardThere = heardOf(paced)
    const expected = sum(heardThere.map(({ delivered }) => delivered))
    return {
      paced,
      seconds,
      published,
      isCarried: heard === expected && paced.left <= tolerance * (published / paced.took) && !(p99 > latest),
      p50,
      p99,
      redises: after.redises.map(({ spent, count }, at) => ({
        spent: spent - (before.redises[at]?.spent ?? 0),
        count: count - (before.redises[at]?.count ?? 0),
        delivered: 0,
      })),
      nodes: heardThere.map((each, at) => ({
        ...each,
        spent: (after.nodes[at] ?? 0) - (before.nodes[at] ?? 0),
      })),
      publisher: after.publisher - before.publisher,
    }
  }

  async function look() {
    return {
      redises: await Promise.all(redises.map(workOf)),
      nodes: await Promise.all(nodes.map(spentBy)),
      publisher: await spentBy(publisher),
    }
  }

  function heardOf({ published }: Paced): { count: number; delivered: number }[] {
    return lines.map(heard => {
      const found = [...heard].map(([topic, times]) => ({ count: published[topic] ?? 0, times }))
      return {
        count: sum(found.map(({ count }) => count)),
        delivered: sum(found.map(({ count, times }) => count * times)),
      }
    })
  }

  async function weigh(node: number): Promise<{ heap: number; rss: number }> {
    const { heap = Number.NaN, rss = Number.NaN } = (await nodes[node]?.ask({ do: 'weigh' })) ?? {}
    return { heap, rss }
  }
}

const idle: Paced = { published: [], left: 0, took: 0 }

async function workOf(redis: Redis): Promise<{ spent: number; count: number }> {
  const info = String(await redis.command('INFO', 'cpu', 'commandstats'))
  return { spent: cpuOf(info), count: callsOf(info, 'xadd') }
}

async function spentBy(node: Child<NodeOrder, NodeTold>): Promise<number> {
  const { spent = Number.NaN } = await node.ask({ do: 'spent' })
  return spent
}
