import { once } from 'node:events'
import net from 'node:net'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { parse, type Stand } from './harness.ts'
import { handshake } from './raw.ts'

/** A frame as it came. */
export interface Frame {
  readonly opcode: number
  readonly isCompressed: boolean
  readonly payload: Buffer
  readonly text: string
}

/** A WebSocket whose frames are seen as they are on the wire. */
export interface Tap {
  /** The head of the answer to the handshake. */
  readonly head: string
  readonly frames: Frame[]
  /** The first frame of which this is true, of those that are there and those that come. */
  find(wanted: (frame: Frame) => boolean): Promise<Frame>
  /** Sends a frame of text. `isLast: false` begins a message in fragments, `isFirst: false` goes on with one. */
  send(payload: Buffer | string, how?: { isCompressed?: boolean; isFirst?: boolean; isLast?: boolean }): void
  readonly socket: net.Socket
  readonly closed: Promise<unknown>
}

/** What Chromium offers. */
export const usualOffer = 'permessage-deflate; client_max_window_bits'

export async function tap(at: Stand, query: string, offer: string | undefined = usualOffer): Promise<Tap> {
  const socket = net.connect({ port: Number(at.host.split(':')[1]), host: '127.0.0.1', noDelay: true })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  const closed = new Promise(resolve => socket.once('close', resolve))
  const offered: Record<string, string> = offer ? { 'Sec-WebSocket-Extensions': offer } : {}
  socket.write(handshake(`/live?rt.via=websocket&${query}`, offered))
  let rest = Buffer.alloc(0)
  while (!rest.includes('\r\n\r\n')) rest = Buffer.concat([rest, (await once(socket, 'data'))[0]])
  const end = rest.indexOf('\r\n\r\n') + 4
  const head = rest.subarray(0, end).toString()
  rest = rest.subarray(end)
  const frames: Frame[] = []
  let wake = () => {}
  const read = (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (let taken = cut(rest); taken; taken = cut(rest)) {
      frames.push(taken.frame)
      rest = rest.subarray(taken.size)
    }
    wake()
  }
  read(Buffer.alloc(0))
  socket.on('data', read)
  return { head, frames, find, send, socket, closed }

  async function find(wanted: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = frames.find(wanted)
      if (found) return found
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }

  function send(
    payload: Buffer | string,
    { isCompressed = false, isFirst = true, isLast = true } = {},
  ): void {
    const bytes = Buffer.from(payload as string)
    const first = (isLast ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | (isFirst ? 1 : 0)
    const length = Buffer.alloc(bytes.length < 126 ? 2 : 10)
    length[0] = first
    length[1] = 0x80 | (bytes.length < 126 ? bytes.length : 127)
    if (length.length > 2) length.writeBigUInt64BE(BigInt(bytes.length), 2)
    // A mask of nothing changes nothing.
    socket.write(Buffer.concat([length, Buffer.alloc(4), bytes]))
  }
}

/** As a client compresses a message. */
export function deflated(text: string): Buffer {
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

/** The data of the messages that a frame brings. */
export function dataOf({ text }: Pick<Frame, 'text'>): (string | undefined)[] {
  return parse(text)
    .filter(({ event = 'message' }) => !event.startsWith('rt.'))
    .map(({ data }) => data)
}

function cut(bytes: Buffer): { frame: Frame; size: number } | undefined {
  if (bytes.length < 2) return undefined
  const [first = 0, second = 0] = bytes
  const head = second < 126 ? 2 : second === 126 ? 4 : 10
  if (bytes.length < head) return undefined
  const length = head === 2 ? second : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < head + length) return undefined
  const payload = bytes.subarray(head, head + length)
  const isCompressed = (first & 0x40) !== 0
  const tail = Buffer.from([0, 0, 0xff, 0xff])
  const plain = isCompressed
    ? inflateRawSync(Buffer.concat([payload, tail]), { finishFlush: constants.Z_SYNC_FLUSH })
    : payload
  return {
    frame: { opcode: first & 0xf, isCompressed, payload, text: plain.toString() },
    size: head + length,
  }
}
