/** The process of one server, ours or one written by hand. Runs with `--expose-gc`. */
import { createServer, type ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { createHub } from '../../server/index.ts'
import { createPolls } from '../peers/servers/polls.ts'
import { answer } from '../stage/child.ts'
import { listen } from '../stage/pages.ts'
import type { Channel } from './crowd.ts'

export type Kind = 'ours' | 'by hand'

export type HostOrder =
  | { readonly do: 'start'; readonly kind: Kind; readonly channel: Channel; readonly retain: number }
  /** What it holds, its garbage collected. */
  | { readonly do: 'weigh' }
  | { readonly do: 'publish'; readonly text: string }
  /** Publishes so many without a name of their own, and gives back the id of the first. */
  | { readonly do: 'fill'; readonly count: number; readonly size: number }
  /** How long its event loop has been at work in all, in ms. */
  | { readonly do: 'busy' }

export interface HostTold {
  readonly port?: number
  /** In bytes: JavaScript objects and buffers; and what the process occupies. */
  readonly heap?: number
  readonly rss?: number
  readonly busy?: number
  readonly first?: string
  /** How long `fill` took, in ms. */
  readonly took?: number
}

const server = createServer()
server.keepAliveTimeout = 600_000
let publish: (text: string) => unknown = () => {}

answer(carryOut)

async function carryOut(order: HostOrder): Promise<HostTold> {
  switch (order.do) {
    case 'start':
      publish = order.kind === 'ours' ? serveHub(order.retain) : byHand[order.channel]()
      return { port: await listen(server) }
    case 'weigh':
      return weigh()
    case 'publish':
      publish(order.text)
      return {}
    case 'fill':
      return fill(order.count, order.size)
    case 'busy':
      return { busy: performance.eventLoopUtilization().active }
  }
}

function serveHub(retain: number): (text: string) => Promise<string> {
  const hub = createHub({ retain, admission: 100_000 })
  hub.attach(server)
  return text => hub.publish('bench', text)
}

/** What one writes without a library, as short as it can be. */
const byHand: Record<Channel, () => (text: string) => void> = {
  websocket() {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', socket => {
      socket.on('message', () => {})
      socket.on('error', () => {})
      socket.send('welcome')
    })
    return text => {
      for (const socket of sockets.clients) socket.send(text)
    }
  },
  eventsource: () => streamByHand('text/event-stream', text => `data: ${text}\n\n`),
  'xhr-streaming': () => streamByHand('text/plain', text => `${text}\n`),
  'long-polling'() {
    const polls = createPolls(texts => texts.join('\n'))
    const senders: ((text: string) => void)[] = []
    server.on('request', ({ url = '' }, response) => {
      const name = url.slice(url.indexOf('&c='))
      polls.wait(name, response)
      if (!polls.isNew(name)) return
      const send = polls.sender(name)
      senders.push(send)
      send('welcome')
    })
    return text => {
      for (const send of senders) send(text)
    }
  },
}

function streamByHand(type: string, write: (text: string) => string): (text: string) => void {
  const responses = new Set<ServerResponse>()
  server.on('request', (_, response) => {
    response.writeHead(200, { 'Content-Type': type })
    response.write(write('welcome'))
    responses.add(response)
    response.on('close', () => responses.delete(response))
  })
  return text => {
    const chunk = write(text)
    for (const response of responses) response.write(chunk)
  }
}

async function weigh(): Promise<HostTold> {
  for (let time = 0; time < 3; time++) {
    globalThis.gc?.()
    await sleep(50)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
}

async function fill(count: number, size: number): Promise<HostTold> {
  const begun = performance.now()
  let first = ''
  for (let number = 1; number <= count; number++) {
    const id = await publish(`${number} `.padEnd(size, 'x'))
    first ||= id as string
  }
  return { first, took: performance.now() - begun }
}
