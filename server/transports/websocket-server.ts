import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import type { Limits } from '../options.ts'
import { ignore } from '../wire/channel.ts'
import { createInflation, deflate, offerOnly } from './inflate.ts'

/** What a hub's sockets tell. */
interface Ear {
  heard(frame: Buffer, isBinary: boolean): void
  /** So many more bytes came, or fewer: those of a frame that is no part of a message. */
  arrived(bytes: number): void
  closed(): void
}

/** A socket of a hub's. */
export type LineSocket = WebSocket & { ear: Ear | undefined; listen(ear: Ear): void }

/** What does a hub's handshakes, and makes its sockets. */
export interface Sockets {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    made: (socket: LineSocket) => void,
  ): void
}

/**
 * Tens of thousands of sockets are open at a time: functions and methods that all have in common take half of the memory that closures would, so a
 * socket knows who listens to it. Made when there is one: what a bundler puts in the place of `ws`, where there are no sockets of Node's, is no class.
 */
function lineSocket() {
  return class extends WebSocket {
    ear: Ear | undefined

    listen(ear: Ear): void {
      this.ear = ear
      this.on('message', heard)
      this.on('ping', passed)
      this.on('pong', passed)
      this.on('close', closed)
      this.on('error', ignore)
    }
  }
}

/**
 * In how many pieces the largest message may come. Each costs some 200 bytes until the message is whole, however little is in it; the
 * packets of an honest client have several hundred.
 */
export const mostPieces = 2 ** 14

/** `compresses`: whether messages may be compressed, where the client offers it. */
export function createSockets({ message, batch }: Limits, compresses = false): Sockets {
  const maxPayload = Math.max(message, batch)
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: compresses && deflate,
    maxPayload,
    maxFragments: mostPieces,
    maxBufferedChunks: mostPieces,
    WebSocket: lineSocket(),
    handleProtocols: offered => chosenProtocol(offered) ?? false,
  })
  if (!compresses) return server
  const inflateOurWay = createInflation(maxPayload)
  return {
    handleUpgrade(request, socket, head, made) {
      offerOnly(request)
      server.handleUpgrade(request, socket, head, ws => {
        inflateOurWay(ws)
        made(ws)
      })
    },
  }
}

/** The first that a page offers, but never its token. */
export function chosenProtocol(offered: Iterable<string>): string | undefined {
  return [...offered].find(name => !name.startsWith('rt.token.'))
}

function heard(this: WebSocket, frame: unknown, isBinary: boolean): void {
  const { ear } = this as LineSocket
  ear?.heard(frame as Buffer, isBinary)
}

/** "All control frames MUST have a payload length of 125 bytes or less" (RFC 6455, 5.5), so two bytes and the mask come before it. */
function passed(this: WebSocket, data: Buffer): void {
  const { ear } = this as LineSocket
  ear?.arrived(-data.length - 6)
}

function closed(this: WebSocket): void {
  const { ear } = this as LineSocket
  ear?.closed()
}
