/**
 * The process of very many clients, each as little as can be: a TCP connection that looks for a word in what comes, and asks
 * again where it polls.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { answer } from '../stage/child.ts'
import { monotonic } from '../stage/clock.ts'

export type Channel = 'websocket' | 'eventsource' | 'xhr-streaming' | 'long-polling'

export type CrowdOrder =
  /** Opens so many more connections, and settles when each has heard something. `after`: the id they go on from. */
  | {
      readonly do: 'open'
      readonly port: number
      readonly channel: Channel
      readonly count: number
      readonly after?: string
    }
  /** Looks for this word from now on, until so many have heard it. */
  | { readonly do: 'listen'; readonly word: string; readonly count: number }
  /** Settles when they have. */
  | { readonly do: 'await' }
  | { readonly do: 'close' }

export interface CrowdTold {
  /** When it was so, on the machine's clock. */
  readonly at: number
}

interface Client {
  readonly socket: Socket
  /** What the next poll asks for, if it polls: what it learnt from the answers. */
  session: string
  first: string
  cursor: string
  turn: number
  /** The end of the last chunk, in which a word may begin. */
  rest: string
}

const clients: Client[] = []
let word = 'never said'
let missing = 0
let lastAt = 0
let met: () => void = () => {}

answer(carryOut)

async function carryOut(order: CrowdOrder): Promise<CrowdTold> {
  if (order.do === 'open') await open(order)
  else if (order.do === 'close') for (const { socket } of clients.splice(0)) socket.destroy()
  else if (order.do === 'listen') {
    word = order.word
    missing = order.count
  } else {
    if (missing > 0)
      await new Promise<void>(resolve => {
        met = resolve
      })
    return { at: lastAt }
  }
  return { at: monotonic() }
}

/** A hundred at a time, so that none is refused. */
async function open({ port, channel, count, after }: CrowdOrder & { do: 'open' }): Promise<void> {
  for (let opened = 0; opened < count; opened += 100) {
    const some = Math.min(100, count - opened)
    await Promise.all(Array.from({ length: some }, () => openOne(port, channel, after)))
  }
}

async function openOne(port: number, channel: Channel, after = ''): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const client: Client = { socket, session: '', first: '', cursor: after, turn: 0, rest: '' }
  socket.on('error', () => {})
  await once(socket, 'connect')
  ask(client, channel)
  clients.push(client)
  await new Promise<void>(resolve => {
    socket.on('data', chunk => {
      hear(client, channel, chunk)
      // The head of a stream is nothing heard yet.
      if (chunk.length > 0 && !endsWithHead(chunk)) resolve()
    })
  })
}

function ask({ socket, session, first, cursor, turn }: Client, channel: Channel): void {
  const polls = channel === 'long-polling'
  const query = new URLSearchParams({ topic: 'bench', 'rt.v': polls ? '2' : '1', 'rt.via': channel })
  if (session) query.set('rt.sid', session)
  if (first || cursor) query.set('rt.id', first || cursor)
  // As our client asks: its position in what is sent to its session, and one in each topic (docs/PROTOCOL.md, "Topics").
  if (polls) {
    query.set('rt.n', `${turn}`)
    query.set('rt.c', 'one')
    if (session) query.set('rt.t', `*${cursor}:bench`)
  }
  // Servers written by hand know a poller by its address.
  const path =
    channel === 'long-polling' && !session ? `/live?${query}&c=${socket.localPort}` : `/live?${query}`
  const upgrade =
    channel === 'websocket'
      ? 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
      : ''
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${socket.remotePort}\r\n${upgrade}\r\n`)
}

function hear(client: Client, channel: Channel, chunk: Buffer): void {
  const text = client.rest + chunk.toString('latin1')
  if (text.includes(word)) {
    client.rest = ''
    if (--missing === 0) {
      lastAt = monotonic()
      met()
    }
  } else client.rest = text.slice(-word.length)
  if (channel === 'long-polling') pollAgain(client, chunk.toString('latin1'))
}

/** An answer comes in one piece here: it is short, and written at once. */
function pollAgain(client: Client, answer: string): void {
  client.session ||= /"session":"([^"]+)"/.exec(answer)?.[1] ?? ''
  const id = answer.lastIndexOf('\nid: ')
  if (id >= 0) client.cursor = answer.slice(id + 5, answer.indexOf('\n', id + 5))
  client.first ||= client.cursor
  client.turn++
  ask(client, 'long-polling')
}

function endsWithHead(chunk: Buffer): boolean {
  return chunk.toString('latin1').endsWith('\r\n\r\n')
}
