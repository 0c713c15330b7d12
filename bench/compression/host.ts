/** The process of one server, ours or bare `ws`, with compression or without. Runs with `--expose-gc`. */
import { createServer } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { createHub, memoryLog } from '../../server/index.ts'
import { answer } from '../stage/child.ts'
import { listen } from '../stage/pages.ts'

export type Kind = 'ours' | 'ours, compressed' | 'ws' | 'ws, compressed'

export type HostOrder =
  | { readonly do: 'start'; readonly kind: Kind }
  /** What it holds, its garbage collected. */
  | { readonly do: 'weigh' }
  /** So many messages in one turn of the event loop. */
  | { readonly do: 'publish'; readonly texts: readonly string[] }
  /** Publishes them so that they are kept, and gives back the id before the first. */
  | { readonly do: 'fill'; readonly texts: readonly string[] }
  /** How long its event loop has been at work in all, and its process on all processors, in ms. */
  | { readonly do: 'busy' }

export interface HostTold {
  readonly port?: number
  /** In bytes: JavaScript objects and buffers; and what the process occupies. */
  readonly heap?: number
  readonly rss?: number
  readonly busy?: number
  readonly cpu?: number
  readonly first?: string
}

const server = createServer()
server.keepAliveTimeout = 600_000
let publish: (text: string) => unknown = () => {}

answer(carryOut)

async function carryOut(order: HostOrder): Promise<HostTold> {
  switch (order.do) {
    case 'start':
      publish = order.kind.startsWith('ours') ? serveHub(order.kind) : serveBare(order.kind)
      return { port: await listen(server) }
    case 'weigh':
      return weigh()
    case 'publish':
      for (const text of order.texts) void publish(text)
      return {}
    case 'fill':
      return fill(order.texts)
    case 'busy': {
      const { user, system } = process.cpuUsage()
      return { busy: performance.eventLoopUtilization().active, cpu: (user + system) / 1_000 }
    }
  }
}

function serveHub(kind: Kind): (text: string) => Promise<string> {
  const hub = createHub({
    log: memoryLog({ retain: 10_000 }),
    admission: 100_000,
    ...(kind.endsWith('compressed') && { compression: true }),
  })
  hub.attach(server)
  hub.on('message', () => {})
  return text => hub.publish('bench', text)
}

/** As one has it who turns compression on and leaves all else as it is. */
function serveBare(kind: Kind): (text: string) => void {
  const sockets = new WebSocketServer({ server, perMessageDeflate: kind.endsWith('compressed') })
  sockets.on('connection', socket => {
    socket.on('message', () => socket.send('taken'))
    socket.on('error', () => {})
    socket.send('welcome')
  })
  return text => {
    for (const socket of sockets.clients) socket.send(text)
  }
}

async function fill([before = '', ...texts]: readonly string[]): Promise<HostTold> {
  const first = `${await publish(before)}`
  for (const text of texts) await publish(text)
  return { first }
}

async function weigh(): Promise<HostTold> {
  for (let time = 0; time < 3; time++) {
    globalThis.gc?.()
    await sleep(100)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}
