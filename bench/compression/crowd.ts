/** The process of many clients, as bare as can be: they count what comes, and notice the end of a burst. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { constants, deflateRawSync, gunzipSync, inflateRawSync } from 'node:zlib'
import { answer } from '../stage/child.ts'
import { monotonic } from '../stage/clock.ts'

export type CrowdOrder =
  | { readonly do: 'open'; readonly port: number; readonly count: number; readonly after?: string }
  /** From now on `await` waits until all have heard a word, or so many frames where they cannot read them. */
  | { readonly do: 'listen'; readonly word: string; readonly frames: number | undefined }
  | { readonly do: 'await' }
  /** Each sends a text, compressed if it was agreed on. */
  | { readonly do: 'send'; readonly text: string }
  /** One poll, whose answer is read to its end. */
  | { readonly do: 'poll'; readonly port: number; readonly after: string; readonly gzip: boolean }

export interface CrowdTold {
  /** Bytes that came to all since `listen`. */
  readonly bytes: number
  /** When the last of them was done, as `monotonic` tells. */
  readonly at: number
}

interface Client {
  readonly socket: Socket
  readonly isCompressed: boolean
  rest: Buffer
  frames: number
  heard: boolean
}

const clients: Client[] = []
let word = ''
let most: number | undefined
let missing = 0
let bytes = 0
let lastAt = 0
let met = () => {}

answer(carryOut)

async function carryOut(order: CrowdOrder): Promise<CrowdTold> {
  switch (order.do) {
    case 'open':
      if (order.after !== undefined) leave()
      for (let at = 0; at < order.count; at += 50)
        await Promise.all(
          Array.from({ length: Math.min(50, order.count - at) }, () => open(order.port, order.after)),
        )
      break
    case 'listen':
      listenFor(order.word, order.frames)
      break
    case 'await':
      if (missing > 0) await new Promise<void>(resolve => (met = resolve))
      break
    case 'send':
      for (const client of clients) client.socket.write(masked(client, order.text))
      break
    case 'poll':
      missing = 0
      await poll(order.port, order.after, order.gzip)
  }
  return { bytes, at: lastAt }
}

function listenFor(next: string, frames: number | undefined): void {
  word = next
  most = frames
  bytes = 0
  missing = clients.length
  for (const client of clients) Object.assign(client, { frames: 0, heard: false })
}

/** Who comes for a history comes alone. */
function leave(): void {
  for (const { socket } of clients.splice(0)) socket.destroy()
  missing = 0
}

async function open(port: number, after: string | undefined): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  const from = after === undefined ? '' : `&rt.id=${after}`
  socket.write(
    [
      `GET /live?topic=bench&rt.v=1&rt.via=websocket${from} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      '\r\n',
    ].join('\r\n'),
  )
  const [head] = (await once(socket, 'data')) as [Buffer]
  const end = head.indexOf('\r\n\r\n') + 4
  const isCompressed = head.subarray(0, end).includes('permessage-deflate')
  const client: Client = { socket, isCompressed, rest: head.subarray(end), frames: 0, heard: true }
  if (after !== undefined) {
    client.heard = false
    missing++
    bytes += client.rest.length
  }
  clients.push(client)
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    client.rest = client.rest.length > 0 ? Buffer.concat([client.rest, chunk]) : chunk
    readFrames(client)
  })
  readFrames(client)
  // Its first frame is nothing that was published.
  while (client.frames === 0) await once(socket, 'data')
}

function readFrames(client: Client): void {
  for (;;) {
    const { rest } = client
    if (rest.length < 4) return
    const short = (rest[1] as number) & 0x7f
    const head = short === 126 ? 4 : short === 127 ? 10 : 2
    if (rest.length < head) return
    const length =
      short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short
    if (rest.length < head + length) return
    client.rest = rest.subarray(head + length)
    client.frames++
    if (!client.heard) hear(client, ((rest[0] as number) & 0x40) !== 0, rest.subarray(head, head + length))
  }
}

function hear(client: Client, isDeflated: boolean, payload: Buffer): void {
  const isEnd = most === undefined ? textOf(isDeflated, payload).includes(word) : client.frames >= most
  if (!isEnd) return
  client.heard = true
  if (--missing > 0) return
  lastAt = monotonic()
  met()
}

function textOf(isDeflated: boolean, payload: Buffer): Buffer {
  return isDeflated ? inflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }) : payload
}

/** With a mask of nothing, which changes nothing. */
function masked({ isCompressed }: Client, text: string): Buffer {
  const plain = Buffer.from(text)
  const payload = isCompressed
    ? deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
    : plain
  if (payload.length > 125) throw new RangeError('longer than a short frame')
  return Buffer.concat([
    Buffer.from([isCompressed ? 0xc1 : 0x81, 0x80 | payload.length, 0, 0, 0, 0]),
    payload,
  ])
}

async function poll(port: number, after: string, gzip: boolean): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.write(
    [
      `GET /live?topic=bench&rt.v=1&rt.via=long-polling&rt.id=${after} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Connection: close',
      ...(gzip ? ['Accept-Encoding: gzip'] : []),
      '\r\n',
    ].join('\r\n'),
  )
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece as Buffer)
  const all = Buffer.concat(pieces)
  const body = all.subarray(all.indexOf('\r\n\r\n') + 4)
  const text = gzip && body[0] === 0x1f ? gunzipSync(body) : body
  if (!text.includes(word)) throw new Error('the answer is not whole')
  lastAt = monotonic()
  bytes = all.length
}
