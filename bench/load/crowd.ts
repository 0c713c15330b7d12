/** The process of the clients: WebSockets without the SDK, each of which hears one topic and sees by each message when it was published. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { quantile } from '../numbers.ts'
import { answer } from '../stage/child.ts'
import { monotonic } from '../stage/clock.ts'

export type CrowdOrder =
  /** Opens a line for each of these topics, so many times, and settles when each was let in. */
  | { readonly do: 'open'; readonly port: number; readonly topics: readonly number[]; readonly times: number }
  /** Counts anew. */
  | { readonly do: 'listen' }
  /** Settles when so many have come since, or nothing more does. */
  | { readonly do: 'await'; readonly count: number }

export interface CrowdTold {
  readonly heard?: number
  /** From `publish` to the handler, in ms. */
  readonly p50?: number
  readonly p99?: number
}

/** When nothing has come for so long, in ms, nothing will. */
const patience = 10_000

/** How many open at a time. */
const together = 50

let delays: number[] = []
let last = 0
let heard = () => {}

answer(carryOut)

async function carryOut(order: CrowdOrder): Promise<CrowdTold> {
  switch (order.do) {
    case 'open':
      await open(order.port, Array.from({ length: order.times }, () => order.topics).flat())
      return {}
    case 'listen':
      delays = []
      return {}
    case 'await':
      await wait(order.count)
      return { heard: delays.length, p50: quantile(delays, 0.5), p99: quantile(delays, 0.99) }
  }
}

async function open(port: number, topics: readonly number[]): Promise<void> {
  for (let from = 0; from < topics.length; from += together)
    await Promise.all(topics.slice(from, from + together).map(topic => openOne(port, topic)))
}

async function openOne(port: number, topic: number): Promise<void> {
  const query = new URLSearchParams({
    'rt.v': '2',
    'rt.via': 'websocket',
    'rt.s': '1',
    'rt.t': `:topic:${topic}`,
  })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live?${query}`)
  socket.on('message', data => hear(String(data)))
  await once(socket, 'message')
}

function hear(frame: string): void {
  const before = delays.length
  for (let at = frame.indexOf('\ndata: at '); at >= 0; at = frame.indexOf('\ndata: at ', at + 1))
    delays.push(monotonic() - Number.parseFloat(frame.slice(at + 10, at + 40)))
  if (delays.length === before) return
  last = monotonic()
  heard()
}

async function wait(count: number): Promise<void> {
  last = monotonic()
  while (delays.length < count && monotonic() - last < patience)
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, 100)
      heard = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  heard = () => {}
}
