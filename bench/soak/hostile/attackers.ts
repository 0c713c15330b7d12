/**
 * Clients that mean harm, in a process of their own and each from an address of its own: `attackers.ts <port> <count>`. Each does one thing
 * again and again, with a short pause, as otherwise this machine would be measured and not the server.
 */
import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const pause = 50

const handshake = (query: string) =>
  `GET /live?${query} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
const get = (query: string) => `GET /live?${query} HTTP/1.1\r\nHost: a\r\n\r\n`

/** One round of each kind. */
const kinds: Record<string, (from: string) => Promise<void>> = {
  /** Hears the lobby and its own pongs, and reads nothing of it. */
  async 'never reading'(from) {
    const socket = open(from)
    socket.pause()
    socket.write(handshake('topic=lobby'))
    while (!socket.destroyed) {
      socket.write(frame('event: rt.ping\ndata: 1\n\n'.repeat(20)))
      await sleep(pause)
    }
  },
  /** A poll, and the next one. */
  async asking(from) {
    const socket = open(from).resume()
    for (let turn = 0; turn < 500 && !socket.destroyed; turn++) {
      socket.write(get('topic=lobby&rt.via=long-polling&rt.n=0'))
      await sleep(pause)
    }
  },
  async pipelining(from) {
    const socket = open(from).resume()
    socket.write(get('topic=lobby&rt.via=xhr-streaming').repeat(150))
    await sleep(500)
    socket.resetAndDestroy()
  },
  /** Messages of nearly 1 MiB, which are answered, and very many in a frame. */
  async huge(from) {
    const socket = open(from).resume()
    socket.write(handshake('topic=lobby'))
    for (let number = 1; number < 20 && !socket.destroyed; number++) {
      socket.write(frame(`id: ${number}\ndata: ${'x'.repeat(1_000_000)}\n\n`))
      await sleep(1_000)
    }
    if (!socket.destroyed)
      socket.write(
        frame(Array.from({ length: 40_000 }, (_, index) => `id: ${index + 20}\ndata:\n\n`).join('')),
      )
    await sleep(1_000)
    socket.destroy()
  },
  /** Sessions with topics of their own, to which nobody comes back. */
  async abandoning(from) {
    const socket = open(from).resume()
    const topics = Array.from({ length: 50 }, () => `topic=${Math.random()}`).join('&')
    socket.write(get(`${topics}&rt.via=eventsource`))
    await sleep(pause)
    socket.destroy()
  },
  async reconnecting(from) {
    const socket = open(from).resume()
    socket.write(handshake('topic=lobby'))
    await Promise.race([once(socket, 'data').catch(() => {}), sleep(1_000)])
    socket.resetAndDestroy()
  },
}

for (let index = 0; index < count; index++) void attackAlways(index)
process.on('disconnect', () => process.exit())

async function attackAlways(index: number): Promise<void> {
  const all = Object.values(kinds)
  const attack = all[index % all.length] as (typeof all)[number]
  for (;;) {
    await attack(`127.0.${1 + (index >> 7)}.${1 + (index & 127)}`)
    await sleep(pause)
  }
}

function open(localAddress: string): net.Socket {
  return net.connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
}

/** Of text, with a mask of zeros. */
function frame(text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(14)
  head[0] = 0x81
  head[1] = 0xff
  head.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([head, body])
}
