/** The process of a node: a hub with the log that all share. Runs with `--expose-gc`. */
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createHub, type Hub } from '../../server/index.ts'
import { answer } from '../stage/child.ts'
import { monotonic } from '../stage/clock.ts'
import { listen } from '../stage/pages.ts'
import { logOf } from './log.ts'

export type NodeOrder =
  | { readonly do: 'start'; readonly redises: readonly string[]; readonly heartbeat: number }
  /** The time of the processor that it has used in all, in µs. */
  | { readonly do: 'spent' }
  /** What it holds, its garbage collected. */
  | { readonly do: 'weigh' }
  | ({ readonly do: 'pace' } & Pace)
  | ({ readonly do: 'burst' } & Burst)

/** Publishes for a while: so many a second, to the first so many topics in turn. */
export interface Pace {
  readonly perSecond: number
  readonly seconds: number
  readonly topics: number
  /** Topics from this number on are published in a log that nobody else has, in the same Redis: it has as much to do, and the nodes are not concerned. */
  readonly aside?: number
}

/** Publishes so many, as fast as they are acknowledged: so many are on their way at a time. */
export interface Burst {
  readonly count: number
  readonly together: number
  readonly topics: number
}

export interface NodeTold {
  readonly port?: number
  readonly spent?: number
  /** In bytes: JavaScript objects and buffers; and what the process occupies. */
  readonly heap?: number
  readonly rss?: number
  readonly paced?: Paced
}

export interface Paced {
  /** How many were published, by topic. */
  readonly published: readonly number[]
  /** What was not acknowledged when the time was over. */
  readonly left: number
  /** Until all was acknowledged, in seconds. */
  readonly took: number
}

/** Prime, so that topics come in turn, and not one beside the other. */
const stride = 7_919

const server = createServer()
let redises: readonly string[] = []
let hub: Hub | undefined
let aside: Hub | undefined

answer(carryOut)

async function carryOut(order: NodeOrder): Promise<NodeTold> {
  switch (order.do) {
    case 'start':
      redises = order.redises
      return { port: await start(order.heartbeat) }
    case 'spent': {
      const { user, system } = process.cpuUsage()
      return { spent: user + system }
    }
    case 'weigh':
      return weigh()
    case 'pace':
      return { paced: await pace(order) }
    case 'burst':
      return { paced: await burst(order) }
  }
}

async function start(heartbeat: number): Promise<number> {
  hub = createHub({ log: logOf(redises), heartbeat, admission: 1_000_000 })
  hub.on('error', error => console.error(String(error)))
  hub.attach(server)
  await hub.publish('begin', 'x')
  return listen(server)
}

async function pace({ perSecond, seconds, topics, aside: from = topics }: Pace): Promise<Paced> {
  if (from < topics) aside ??= createHub({ log: logOf(redises, 'aside') })
  const books = openBooks(topics)
  const passed = () => (monotonic() - books.begun) / 1_000
  for (let count = 0; passed() < seconds; await sleep(4))
    for (const due = passed() * perSecond; count < due; count++) {
      const topic = (count * stride) % topics
      void books.publish(topic < from ? hub : aside, topic)
    }
  const left = books.unanswered
  while (books.unanswered > 0) await sleep(4)
  return { published: books.published, left, took: passed() }
}

async function burst({ count, together, topics }: Burst): Promise<Paced> {
  const books = openBooks(topics)
  let next = 0
  const goOn = async () => {
    while (next < count) await books.publish(hub, (next++ * stride) % topics)
  }
  await Promise.all(Array.from({ length: together }, goOn))
  return { published: books.published, left: 0, took: (monotonic() - books.begun) / 1_000 }
}

function openBooks(topics: number) {
  const books = {
    begun: monotonic(),
    published: new Array<number>(topics).fill(0),
    unanswered: 0,
    async publish(by: Hub | undefined, topic: number): Promise<void> {
      books.published[topic] = (books.published[topic] ?? 0) + 1
      books.unanswered++
      try {
        await by?.publish(`topic:${topic}`, `at ${monotonic()} `.padEnd(100, 'x'))
      } catch (error) {
        console.error(String(error))
      }
      books.unanswered--
    },
  }
  return books
}

async function weigh(): Promise<NodeTold> {
  for (let time = 0; time < 3; time++) {
    globalThis.gc?.()
    await sleep(50)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}
