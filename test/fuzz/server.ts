/** What strangers may write to a server's socket: a hub in this process, attacked over TCP, beside an honest client. */
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import fc from 'fast-check'
import { WebSocket } from 'ws'
import { createHub, memoryLog } from '../../server/index.ts'
import { mutated, type Shelf } from './corpus.ts'

export interface Attacked {
  /** Says this, all at once over a connection each, and throws unless the honest client is served after that as before. */
  attack(name: Attack, inputs: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

/** What surrounds an input, so that it comes as far as it can. */
const attacks = {
  requests: ['requests', (input: Buffer) => input],
  handshakes: ['handshakes', (input: Buffer) => input],
  queries: ['queries', (input: Buffer) => around('GET /live?', input, ' HTTP/1.1\r\nHost: a\r\n\r\n')],
  posts: [
    'blocks',
    (input: Buffer) =>
      around(
        `POST /live?topic=x&rt.via=post&rt.sid=$SID HTTP/1.1\r\nHost: a\r\nContent-Type: text/event-stream\r\nContent-Length: ${input.length}\r\n\r\n`,
        input,
      ),
  ],
  frames: ['frames', (input: Buffer) => around(upgrade, input)],
  messages: ['blocks', (input: Buffer) => around(upgrade, frame(input))],
} satisfies Record<string, [Shelf, (input: Buffer) => Buffer]>

export type Attack = keyof typeof attacks

export const attackNames = Object.keys(attacks) as Attack[]

export function shelfOf(name: Attack): Shelf {
  return attacks[name][0]
}

/** Up to eight at once. */
export function volleys(name: Attack): fc.Arbitrary<Uint8Array[]> {
  return fc.array(mutated(shelfOf(name)), { minLength: 1, maxLength: 8 })
}

const upgrade =
  'GET /live?topic=x&rt.via=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

const escapes = ['uncaughtException', 'unhandledRejection'] as const

/** How long an honest client may have to wait, on a machine that does much else. */
const patience = 20_000

/** `application`: what else hears the messages that are taken. */
export async function startAttacked(application: (data: string) => void = () => {}): Promise<Attacked> {
  const faults: unknown[] = []
  const hub = createHub({
    log: memoryLog({ retain: 20, expire: 2_000 }),
    sessionTimeout: 200,
    heartbeat: 500,
    limits: { sessions: 2_000, message: 4_096, batch: 4_096, messages: 50 },
  })
  hub.on('error', error => faults.push(error))
  // As an application does that passes on what it gets, and looks at nothing.
  hub.on('message', ({ data, event, reply, session }) => {
    application(typeof data === 'string' ? data : JSON.stringify(data))
    void reply(data)
    void session.send(data, { event })
    void hub.publish('x', data, { event }).catch(() => {})
  })
  const escaped = (error: unknown) => faults.push(error)
  for (const name of escapes) process.on(name, escaped)
  const server = http.createServer((_, response) => response.end('not the hub'))
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const honest = await openHonest(port)
  let published = 0

  return {
    async attack(name, inputs) {
      const [, wrap] = attacks[name]
      const { session, leave } = await openSession(port)
      const text = inputs.map(input => named(wrap(Buffer.from(input)), session))
      await Promise.all(text.map((bytes, index) => speak(port, bytes, index)))
      const data = `${++published}`
      await hub.publish('honest', data)
      await within(honest.hears(data), `the honest client does not hear message ${data}`)
      await within(polls(port), 'nobody answers an honest poll')
      leave()
      if (faults.length > 0) {
        const [fault] = faults.splice(0)
        throw new Error(`the server says: ${fault instanceof Error ? fault.stack : fault}`)
      }
    },
    async close() {
      for (const name of escapes) process.off(name, escaped)
      honest.close()
      await hub.close({ within: 100 })
      server.closeAllConnections()
      server.close()
    },
  }
}

async function openHonest(port: number) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/live?topic=honest&rt.via=websocket`)
  let heard = ''
  let wake = () => {}
  ws.on('message', data => {
    heard += data
    wake()
  })
  ws.on('close', () => wake())
  await once(ws, 'message')
  heard = ''
  return {
    async hears(data: string) {
      while (!heard.includes(`data: ${data}\n`)) {
        if (ws.readyState !== ws.OPEN) throw new Error('the honest client is cut')
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
      heard = ''
    },
    close: () => ws.terminate(),
  }
}

/** A session for the attackers, so that what is posted is read. */
async function openSession(port: number): Promise<{ session: string; leave(): void }> {
  const request = http.get(`http://127.0.0.1:${port}/live?topic=x&rt.via=xhr-streaming`, { agent: false })
  request.on('error', () => {})
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  return new Promise(resolve =>
    response.on('data', chunk => {
      text = (text + chunk).slice(-10_000)
      const [, found] = /"session":"([^"]+)"/.exec(text) ?? []
      if (found) resolve({ session: found, leave: () => request.destroy() })
    }),
  )
}

/** Writes in one piece or in several, listens for a moment, and leaves in one way or another. */
async function speak(port: number, bytes: Buffer, index: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {})
  const closed = once(socket, 'close').catch(() => {})
  let heard = 0
  socket.on('data', chunk => {
    heard += chunk.length
  })
  const piece = Math.max(1, Math.ceil(bytes.length / (1 + (index % 3))))
  for (let at = 0; at < bytes.length; at += piece) {
    socket.write(bytes.subarray(at, at + piece))
    await new Promise(setImmediate)
  }
  // Most are answered, and what comes after the answer comes at once.
  for (let before = -1; before !== heard; ) {
    before = heard
    await Promise.race([closed, pause(heard ? 15 : 100)])
  }
  if (index % 2) socket.resetAndDestroy()
  else socket.destroy()
}

async function polls(port: number): Promise<void> {
  const request = http.get(`http://127.0.0.1:${port}/live?topic=honest&rt.via=long-polling&rt.n=0`, {
    agent: false,
  })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  if (response.statusCode !== 200 || !text.includes('rt.open'))
    throw new Error(`an honest poll is answered ${response.statusCode}: ${text.slice(0, 100)}`)
}

async function within(promise: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} for ${patience / 1_000} s`)), patience)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

function named(bytes: Buffer, session: string): Buffer {
  return bytes.includes('$SID')
    ? Buffer.from(bytes.toString('latin1').replaceAll('$SID', session), 'latin1')
    : bytes
}

function around(before: string, input: Buffer, after = ''): Buffer {
  return Buffer.concat([Buffer.from(before, 'latin1'), input, Buffer.from(after, 'latin1')])
}

/** One WebSocket frame of text, with a mask of zeros. */
function frame(text: Buffer): Buffer {
  const { length } = text
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0xfe, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), text])
}
