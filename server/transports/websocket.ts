import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { type Batch, bytesOf, type Part } from '../wire/batch.ts'
import { drained, ignore, takenBy } from '../wire/channel.ts'
import { type Compression, frameOf } from '../wire/compression.ts'
import { SocketChannel } from './socket-channel.ts'

/** Answers the handshake, and carries blocks both ways until one side has had enough. */
export function serveWebSocket(
  context: Context,
  ask: HubRequest,
  granted: Granted,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  // Nothing begins before `ws` has found the handshake to be one.
  context.sessions.checkNext(ask, granted)
  context.sockets.handleUpgrade(request, socket, head, ws => {
    // From here on `ws` listens.
    socket.off('error', ignore)
    const channel = new WebSocketChannel(context, ws, socket, granted.send)
    channel.connection = context.lines.open(channel, context.lines.prepare(ask, granted))
    ws.listen(channel)
    ;(socket as Measured)[measuring] = channel
    socket.on('data', measure)
  })
}

const measuring = Symbol('the channel that counts what comes')
type Measured = Duplex & { [measuring]?: WebSocketChannel }

function measure(this: Measured, chunk: Buffer): void {
  this[measuring]?.arrived(chunk.length)
}

/** A socket is read in pieces of up to so many bytes. */
const oneRead = 2 ** 16

class WebSocketChannel extends SocketChannel {
  private readonly ws: WebSocket
  private readonly socket: Duplex
  /** Bytes that came since the last whole message, and those of them that are held. */
  private arriving = 0
  private held = 0
  private readonly compression: Compression | undefined

  constructor(context: Context, ws: WebSocket, socket: Duplex, maySend: boolean) {
    super(context, maySend)
    this.ws = ws
    this.socket = socket
    this.compression = ws.extensions === '' ? undefined : context.compression
  }

  write(batch: Batch): void {
    const parts = this.compression?.partsOf(batch)
    if (parts) this.writeParts(parts)
    else this.ws.send(bytesOf(batch), textFrame)
  }

  /** `ws` writes each frame at once, since it never compresses: so what goes past it is in order. */
  private writeParts(parts: readonly Part[]): void {
    const { ws, socket } = this
    socket.cork()
    for (const { bytes, blocks } of parts)
      if (!blocks) ws.send(bytes, textFrame)
      else if (ws.readyState === ws.OPEN) socket.write(frameOf(blocks))
    socket.uncork()
  }

  unsent(): number {
    return this.ws.bufferedAmount
  }

  taken(): number {
    return takenBy(this.socket)
  }

  isOver(): boolean {
    return this.ws.readyState === this.ws.CLOSED
  }

  drained(): Promise<void> {
    return drained(this.socket)
  }

  end(): void {
    this.shut()
    this.ws.close(1001)
  }

  cut(): void {
    this.shut()
    this.ws.terminate()
  }

  protected override shut(): void {
    this.whole()
    super.shut()
  }

  protected pause(): void {
    this.ws.pause()
  }

  protected resume(): void {
    if (this.ws.isPaused) this.ws.resume()
  }

  /** What has not come whole is held too, where it is more than a socket brings at once. Who finds no room may come again. */
  arrived(bytes: number): void {
    this.arriving += bytes
    const more = this.arriving - this.held
    if (!this.connection || this.isShut || this.arriving <= oneRead || more <= 0) return
    try {
      this.context.inflow.reserve(this.connection.member, more)
      this.held += more
    } catch (thrown) {
      this.fail(this.connection, thrown)
    }
  }

  private whole(): void {
    if (this.held && this.connection) this.context.inflow.release(this.connection.member, this.held)
    this.arriving = 0
    this.held = 0
  }

  override heard(frame: Buffer, isBinary: boolean): void {
    this.whole()
    super.heard(frame, isBinary)
  }

  /** One that was compressed may be a thousand times as large as what came of it. */
  protected override heldOf(frame: Buffer | undefined): number {
    return this.compression ? (frame?.length ?? 0) : 0
  }
}

const textFrame = { binary: false }
