/**
 * Lines of several kinds on which topics come and go at random while connections are cut, against our server in each of its shapes: what each subscription
 * heard, from its `open` to its end, is exact, topic by topic. A failure names its seed; `TOPIC_RUNS=100 TOPIC_SEED=$RANDOM` plays others.
 */
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  createHub,
  type Hub,
  type HubOptions,
  type MemoryLogOptions,
  memoryLog,
  redisLog,
  spreadLog,
} from '../../server/index.ts'
import type { Subscription } from '../../src/contracts/subscription.ts'
import { connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { type Heard, type Published, violations } from '../history.ts'
import { seeded } from '../support/world.ts'
import { until, wait } from './harness.ts'
import { missingRedis, startRedis } from './redis.ts'

const runs = Number(process.env.TOPIC_RUNS ?? 4)
const firstSeed = Number(process.env.TOPIC_SEED ?? 20_262)
const transports = [websocket, fetchStreaming, longPolling]
const deeds = 150

/** Each name as it is, and of a length of which no address holds all. */
const names = [7, 250].map(length =>
  Array.from({ length: 10 }, (_, n) => `${n < 8 ? 'topic' : 'secret'} ${n}`.padEnd(length, '.')),
)

interface Life {
  readonly subscription: Subscription
  readonly heard: Heard[]
  after: string | undefined
}

interface Node {
  readonly hub: Hub
  readonly server: http.Server
}

async function startNode(options: HubOptions): Promise<Node> {
  const hub = createHub({ retry: 10, authorize: () => ({ topics: ['own'] }), ...options })
  hub.on('subscribe', async ({ topic }) => {
    if (topic.length % 2) await wait(1)
    return !topic.startsWith('secret')
  })
  hub.on('error', () => {})
  const server = http.createServer((_, response) => response.writeHead(404).end())
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { hub, server }
}

async function stopNode({ hub, server }: Node): Promise<void> {
  await hub.close({ within: 0 })
  server.closeAllConnections()
  server.close()
}

/** An address of one line, which leads to one node until it is cut. */
interface Door {
  readonly url: string
  /** The next connections go to another node, or to the same one. */
  cut(): void
  close(): void
}

async function openDoor(choose: () => Node | undefined): Promise<Door> {
  const sockets = new Set<Socket>()
  let node = choose()
  const entry = createServer(socket => {
    const inner = connectTo(
      node ? ((node.server.address() as AddressInfo | null)?.port ?? 1) : 1,
      '127.0.0.1',
    )
    sockets.add(socket)
    const pairs: [Socket, Socket][] = [
      [socket, inner],
      [inner, socket],
    ]
    for (const [one, other] of pairs) {
      one.on('error', () => {})
      one.on('close', () => {
        other.destroy()
        sockets.delete(socket)
      })
      one.pipe(other)
    }
  })
  entry.listen(0, '127.0.0.1')
  await once(entry, 'listening')
  const door: Door = {
    url: `http://127.0.0.1:${(entry.address() as AddressInfo).port}/live`,
    cut() {
      for (const socket of sockets) socket.destroy()
      node = choose()
    },
    close() {
      door.cut()
      entry.close()
    },
  }
  return door
}

interface Shape {
  readonly options?: () => HubOptions
  /** The same for all nodes. */
  readonly shared?: () => HubOptions
  readonly nodes?: number
  readonly restarts?: boolean
  /** Nothing is ever lost, so no gap may be told. */
  readonly keepsAll?: boolean
  /** What is published, in characters. */
  readonly size?: number
}

async function play(
  seed: number,
  { options: own = () => ({}), shared, nodes = 1, restarts, keepsAll, size = 0 }: Shape,
): Promise<string[]> {
  const common = shared?.()
  const options = () => common ?? own()
  const random = seeded(seed)
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  const topics = names[seed % names.length] as string[]
  const running: Node[] = []
  for (let n = 0; n < nodes; n++) running.push(await startNode(options()))
  const lives: Life[] = []
  const books: (Published & { topic: string })[] = []
  const doors: Door[] = []
  for (let n = 0; n < 6; n++) doors.push(await openDoor(() => pick(running)))
  const lines = doors.map(({ url }, n) =>
    connect(url, {
      transport: transports[n % transports.length] as never,
      dialect: native,
      topics: subscriptions,
      environment: { WebSocket },
      retry: 1,
    }),
  )
  const gaps: string[] = []
  for (const line of lines)
    line.addEventListener('gap', ({ reason, from }) => gaps.push(`the line has a gap: ${reason} ${from}`))
  const end = async () => {
    for (const line of lines) line.close()
    for (const door of doors.splice(0)) door.close()
    await Promise.all(running.splice(0).map(stopNode))
  }
  onTestFinished(end)

  for (let n = 0; n < deeds; n++) await act(random(), n)
  for (const topic of ['own', ...topics]) await publish(topic, 'last')
  const newest = new Map(books.map(({ topic, id }) => [topic, id]))
  const open = () => lives.filter(({ subscription }) => subscription.readyState < 2)
  await until(() =>
    open().every(({ subscription: { topic, lastEventId } }) => isUpTo(lastEventId, newest.get(topic))),
  )
  const wrong = [...lives.flatMap(judge), ...(keepsAll ? gaps : [])]
  await end()
  return wrong

  async function act(what: number, n: number): Promise<void> {
    if (what < 0.5) await publish(pick(['own', ...topics]), `${n}`.padEnd(size, '.'))
    else if (what < 0.7)
      subscribe(pick(['own', ...topics]), random() < 0.4 ? Math.floor(random() * 8) : undefined)
    else if (what < 0.8) lives.length && pick(lives).subscription.close()
    else if (what < 0.84 && lives.length) {
      const { subscription } = pick(lives)
      subscription.close()
      subscribe(subscription.topic)
    } else if (what < 0.9) pick(doors).cut()
    else if (what < 0.91 && restarts) {
      const before = running.splice(0)
      running.push(await startNode(options()))
      for (const door of doors) door.cut()
      await Promise.all(before.map(stopNode))
    } else await wait(random() * 12)
  }

  async function publish(topic: string, data: string): Promise<void> {
    const hub = pick(running).hub
    books.push({ topic, data, id: await hub.publish(topic, data) })
  }

  function subscribe(topic: string, history?: number): void {
    const subscription = pick(lines).subscribe<Record<string, unknown>>(
      topic,
      history === undefined ? {} : { history },
    )
    const life: Life = { subscription, heard: [], after: undefined }
    lives.push(life)
    subscription.addEventListener('open', () => {
      life.after ??= subscription.lastEventId
    })
    subscription.addEventListener('message', event => {
      const { lastEventId: id, data } = event as MessageEvent<string>
      life.heard.push({ type: 'message', id, data })
    })
    subscription.addEventListener('gap', ({ to, reason, from }) => {
      life.heard.push({ type: 'gap', to })
      gaps.push(`${topic} has a gap: ${reason} ${from}`)
    })
  }

  function judge({ subscription, heard, after }: Life): string[] {
    const { topic, readyState, state } = subscription
    if (topic.startsWith('secret')) return heard.map(({ data }) => `${topic} heard ${data}`)
    if (state === 'refused') return [`${topic} is refused`]
    if (after === undefined) return heard.map(({ data }) => `${topic} heard ${data} before its open`)
    const all = books.filter(each => each.topic === topic)
    const last = all.findIndex(({ id }) => id === heard.findLast(({ type }) => type === 'message')?.id)
    const own = readyState < 2 ? all : all.slice(0, last + 1)
    return violations(own, heard, after).map(
      ({ kind, what }) => `${topic.trim()}: ${kind} ${what.slice(0, 8)}`,
    )
  }
}

function isUpTo(position: string, newest = ''): boolean {
  const [life, number] = position.split('.')
  const [newestLife, newestNumber] = newest.split('.')
  return life === newestLife && Number(number) >= Number(newestNumber)
}

const spread = (options: MemoryLogOptions = {}) => spreadLog([0, 1, 2].map(() => memoryLog(options)))

const shapes: Record<string, Shape> = {
  'one node': { keepsAll: true },
  'a log that keeps three messages of each topic': { options: () => ({ log: memoryLog({ retain: 3 }) }) },
  'readers that are slow': {
    options: () => ({ limits: { unsent: 2_000 } }),
    size: 20_000,
    keepsAll: true,
  },
  'a node that comes back without its log': { restarts: true },
  'a log that is spread over three': { options: () => ({ log: spread() }), keepsAll: true },
  'one that keeps three messages of each topic': { options: () => ({ log: spread({ retain: 3 }) }) },
  'readers of it that are slow': {
    options: () => ({ log: spread(), limits: { unsent: 2_000 } }),
    size: 20_000,
    keepsAll: true,
  },
  'a node that comes back without it': { options: () => ({ log: spread() }), restarts: true },
  'two nodes over one that is spread, which come and go': {
    shared: () => ({ log: spread() }),
    nodes: 2,
    restarts: true,
    keepsAll: true,
  },
}

describe.each(Object.entries(shapes))('%s', (_, shape) => {
  it.each(Array.from({ length: runs }, (_, n) => firstSeed + n))(
    'is exact per topic: seed %i',
    async seed => {
      expect(await play(seed, shape)).toEqual([])
    },
  )
})

describe.skipIf(missingRedis)('two nodes over one Redis', () => {
  it.each(Array.from({ length: runs }, (_, n) => firstSeed + n))(
    'is exact per topic: seed %i',
    async seed => {
      const redis = await startRedis('saved')
      onTestFinished(() => redis.close())
      const options = () => ({ log: redisLog({ url: redis.url }) })
      expect(await play(seed, { options, nodes: 2, keepsAll: true })).toEqual([])
    },
  )
})
