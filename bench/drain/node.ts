/** A node of a cluster: it listens when it is told on which port, and goes as docs/growing.md says when it is told by SIGTERM. */
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { createHub, type HubOptions, type Log, redisLog } from '../../server/index.ts'
import { boxed } from './boxed.ts'

/** What a node is given. */
export interface NodeOptions {
  /** Where its log is. */
  readonly redis: string
  /** Where it writes down what it has taken. */
  readonly books: string
  readonly hub: Pick<HubOptions, 'admission' | 'presence' | 'sessionTimeout'>
}

/** What a node is told: the port at first. */
export type Order = number | 'look' | 'stall' | 'resume'

/** What a node sees. */
export interface Look {
  readonly sessions: number
  readonly nodes: number
  readonly forwarded: number
  /** How many are in the lobby, on all nodes. */
  readonly present: number
  /** Whose sessions live here, of those that have sent something. */
  readonly homeOf: readonly string[]
}

/** What a node tells. */
export type Told =
  | { type: 'listens'; port: number }
  | { type: 'done'; look: Look }
  | { type: 'error'; message: string }
  | { type: 'over'; connects: number[]; refused: Record<string, number> }

const given = JSON.parse(process.argv[2] ?? '') as NodeOptions
const connects: number[] = []
const refused: Record<string, number> = {}
const names = new Map<string, string>()
const [port] = (await once(process, 'message')) as [number]
const books = createClient({ url: given.books })
await books.connect()
const redis = redisLog({ url: given.redis, retain: 100_000, patience: 2_000 })
const { registry, box } = boxed(redis.registry as NonNullable<Log['registry']>)
const log: Log = Object.defineProperty({ ...redis, registry }, 'ready', { get: () => redis.ready })
const hub = createHub({
  log,
  ...given.hub,
  trustProxy: ['127.0.0.1'],
  probes: true,
  authorize(request) {
    const isNew = request.transport !== 'post' && !Number(request.url.searchParams.get('rt.n'))
    if (isNew) connects.push(Date.now())
    return ['lobby']
  },
})
// It is taken once it stands in the books.
hub.on('message', async ({ session, data }) => {
  names.set(session.id, String(data).replace(/ \d+$/, ''))
  await books.rPush('taken', String(data))
})
hub.on('close', ({ session }) => void names.delete(session.id))
hub.on('error', error => tell({ type: 'error', message: String(error) }))
hub.on('refused', ({ status, message }) => {
  refused[`${status} ${message}`] = (refused[`${status} ${message}`] ?? 0) + 1
})
const server = http.createServer((_, response) => response.writeHead(404).end())
hub.attach(server)
while (!log.ready) await sleep(20)
while (!(await listens())) await sleep(100)
process.once('SIGTERM', () => void leave())
process.on('message', (order: Order) => void obey(order))
tell({ type: 'listens', port })

/** The port was given up by the node before, and may be in passing use as somebody's outgoing one. */
function listens(): Promise<boolean> {
  return new Promise(resolve => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
}

async function obey(order: Order): Promise<void> {
  if (order === 'stall') (await box).stall()
  if (order === 'resume') (await box).resume()
  const { sessions, nodes, forwarded } = hub.stats()
  const present = given.hub.presence ? hub.presence('lobby').length : 0
  tell({ type: 'done', look: { sessions, nodes, forwarded, present, homeOf: [...names.values()] } })
}

/** In the order that docs/load-balancers.md has for HAProxy, which sees by the 503 that it has to go on to another node. */
async function leave(): Promise<void> {
  await hub.drain({ within: 20_000 })
  server.close()
  await hub.close()
  await Promise.all([redis.close(), books.close()])
  await (await box).close()
  tell({ type: 'over', connects, refused })
  process.disconnect()
}

function tell(what: Told): void {
  process.send?.(what)
}
