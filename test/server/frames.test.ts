/** A WebSocket message that comes in pieces, as proxies and libraries may cut it. */
import { once } from 'node:events'
import net from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { address, message, parse, stand } from './harness.ts'
import { handshake } from './raw.ts'

it('a message in fragments, torn inside a character, is taken as one', async () => {
  const at = await stand()
  const taken: unknown[] = []
  at.hub.on('message', ({ data }) => void taken.push(data))
  const ws = await open(address(at, { 'rt.via': 'websocket' }))
  const bytes = new TextEncoder().encode(message(1, '안녕하세요'))
  for (let index = 0; index < bytes.length; index++)
    ws.send(bytes.subarray(index, index + 1), { binary: false, fin: index === bytes.length - 1 })
  const [acknowledged] = await once(ws, 'message')
  expect(parse(String(acknowledged))).toMatchObject([{ event: 'rt.ack', data: '1' }])
  expect(taken).toEqual(['안녕하세요'])
  ws.terminate()
})

it('fragments that never end are cut off when they are more than any message may be', async () => {
  const at = await stand({ limits: { message: 1_000, batch: 2_000 } })
  const ws = await open(address(at, { 'rt.via': 'websocket' }))
  const closed = once(ws, 'close')
  for (let count = 0; count < 30; count++) ws.send('x'.repeat(100), { fin: false })
  expect((await closed)[0]).toBe(1009)
})

it.each([
  ['fragments', () => Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0x61])],
  ['packets', () => Buffer.from('a')],
])(
  'a message in ever more %s of a byte is cut off, as each costs far more than a byte',
  async (kind, piece) => {
    const at = await stand()
    const socket = net.connect({ port: Number(at.host.split(':')[1]), host: '127.0.0.1', noDelay: true })
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    socket.write(handshake('/live?topic=x&rt.via=websocket'))
    await once(socket, 'data')
    let heard = Buffer.alloc(0)
    socket.on('data', chunk => {
      heard = Buffer.concat([heard, chunk])
    })
    const begins = {
      fragments: [0x01, 0x81, 0, 0, 0, 0, 0x61],
      packets: [0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0, 0, 0, 0, 0, 0],
    }
    socket.write(Buffer.from(begins[kind as keyof typeof begins]))
    const policy = Buffer.from([0x88, 0x02, 0x03, 0xf0])
    for (let count = 0; count < 20_000 && !heard.includes(policy); count++) {
      socket.write(piece())
      // The server reads what has come before the next is written.
      await new Promise(setImmediate)
    }
    expect(heard.includes(policy)).toBe(true)
  },
)

/** Resolves when the greeting came. */
async function open(url: string): Promise<WebSocket> {
  const ws = new WebSocket(url.replace('http', 'ws')).on('error', () => {})
  await once(ws, 'message')
  return ws
}
