import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { readText } from '../http/body-reader.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { answerTo, refusal } from '../http-error.ts'
import { acknowledgement } from '../sessions/acknowledgement.ts'
import type { Accepted } from '../sessions/inbox.ts'
import type { Connection } from '../sessions/session.ts'
import { inOneTurn, nextTurn } from '../sessions/turns.ts'
import { type Batch, bytesOf } from '../wire/batch.ts'
import { type Channel, drained, ignore, takenBy } from '../wire/channel.ts'
import { failBlock, pongTo } from '../wire/control-events.ts'

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
  const known = context.sessions.find(ask, granted)
  if (known) context.sessions.checkMore(known, granted)
  else context.sessions.check(ask, granted)
  context.sockets.handleUpgrade(request, socket, head, ws => {
    // From here on `ws` listens.
    socket.off('error', ignore)
    const channel = new WebSocketChannel(context, ws, socket, granted.send)
    channel.connection = context.lines.open(channel, context.lines.prepare(ask, granted))
    ws.listen(channel)
    measure(socket, channel)
  })
}

/** Apart from the above, so that what it closes over is no more than the channel. */
function measure(socket: Duplex, channel: WebSocketChannel): void {
  socket.on('data', (chunk: Buffer) => channel.arrived(chunk.length))
}

/** A socket is read in pieces of up to so many bytes. */
const oneRead = 2 ** 16

/** As with the socket: what thousands have in common is methods. */
class WebSocketChannel implements Channel {
  connection: Connection | undefined
  private readonly context: Context
  private readonly ws: WebSocket
  private readonly socket: Duplex
  private readonly maySend: boolean
  /** Those that have come and wait for their turn; `undefined` is one that is no text. */
  private readonly frames: (Buffer | undefined)[] = []
  private reading = false
  /** Bytes that came since the last whole message, and those of them that are held. */
  private arriving = 0
  private held = 0
  private isShut = false
  /** How much was done for it in which turn of the event loop. */
  private done = 0
  private turn = 0

  constructor(context: Context, ws: WebSocket, socket: Duplex, maySend: boolean) {
    this.connection = undefined
    this.context = context
    this.ws = ws
    this.socket = socket
    this.maySend = maySend
  }

  get transport(): 'websocket' {
    return 'websocket'
  }

  get once(): boolean {
    return false
  }

  write(batch: Batch): void {
    this.ws.send(bytesOf(batch), textFrame)
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

  closed(): void {
    this.shut()
    if (this.connection) this.context.lines.gone(this.connection)
  }

  /** What was not taken by now goes by the next channel. The answer to a close frame has to be read. */
  private shut(): void {
    this.frames.length = 0
    this.isShut = true
    this.whole()
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

  heard(frame: Buffer, isBinary: boolean): void {
    this.whole()
    if (this.isShut) return
    this.frames.push(isBinary ? undefined : frame)
    if (!this.reading) void this.read()
  }

  /** Takes one frame after the other. While there is a reason to wait, the socket is not read on. */
  private async read(): Promise<void> {
    const { frames, ws } = this
    this.reading = true
    while (frames.length > 0) {
      const wait = this.obstacle(frames[0])
      if (wait) {
        ws.pause()
        await wait
      } else this.take(frames.shift())
    }
    this.reading = false
    if (ws.isPaused) ws.resume()
  }

  /** What the next frame has to wait for, if anything. */
  private obstacle(frame: Buffer | undefined): Promise<void> | undefined {
    const { connection, context } = this
    if (!connection || !frame) return undefined
    if (this.unsent() > context.settings.limits.unsent) return this.drained()
    const turn = context.turns.now()
    if (turn !== this.turn) this.done = 0
    this.turn = turn
    return this.done >= inOneTurn ? nextTurn() : context.inflow.obstacle(connection.member, frame.length)
  }

  private take(frame: Buffer | undefined): void {
    const { connection, context } = this
    // Once it was told how far its messages were taken, none is taken any more.
    if (!connection || connection.member.leaving) return
    const { member } = connection
    try {
      if (!frame) throw refusal(400, 'frames are text')
      const { length } = frame
      const blocks = readText(frame.toString(), length, context.settings.limits)
      context.inflow.count(member, Math.max(1, blocks.length), length)
      // An answer repeats what was refused, so it may be much longer than its question.
      this.done += blocks.length + 1 + (member.refused?.size ?? 0)
      const accepted = context.accept(member, blocks, this.maySend)
      context.inflow.hold(member, length)
      void this.answer(connection, accepted).finally(() => context.inflow.release(member, length))
    } catch (thrown) {
      this.fail(connection, thrown)
    }
  }

  private fail(connection: Connection, thrown: unknown): void {
    const { events, lines } = this.context
    const { why, withheld } = answerTo(thrown)
    if (withheld) events.report(thrown)
    lines.end(connection, failBlock(why))
  }

  private async answer(connection: Connection, { messages, pings, first, bye }: Accepted): Promise<void> {
    const { lines } = this.context
    const { member } = connection
    await connection.welcomed
    for (const ping of pings) lines.say(connection, pongTo(ping))
    if (messages || bye) await member.done
    if (messages) lines.say(connection, acknowledgement(member, first))
    if (bye) lines.dismiss(member, bye)
  }
}

const textFrame = { binary: false }
