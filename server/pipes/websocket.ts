import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Block } from '../../src/wire/block.ts'
import { createParser } from '../../src/wire/parser.ts'
import type { Granted } from '../access.ts'
import type { Ask } from '../ask.ts'
import { type Batch, bytesOf } from '../batch.ts'
import { failBlock, pongTo } from '../blocks.ts'
import type { Core } from '../core.ts'
import type { Line } from '../member.ts'
import { receipt } from '../receipt.ts'
import { asRefusal, refusal } from '../refusal.ts'
import { drained, ignore, type Pipe } from './pipe.ts'

/** Answers the handshake, and carries blocks both ways until one side has had enough. */
export function serveWebSocket(
  core: Core,
  ask: Ask,
  granted: Granted,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  // Nothing begins before `ws` has found the handshake to be one.
  if (!core.sessions.find(ask, granted)) core.sessions.check(ask, granted)
  core.sockets.handleUpgrade(request, socket, head, ws => {
    // From here on `ws` listens.
    socket.off('error', ignore)
    const pipe = new WebSocketPipe(core, ws, socket, granted.send)
    pipe.line = core.lines.open(pipe, core.lines.prepare(ask, granted))
    ws.listen(pipe)
  })
}

/** As with the socket: what thousands have in common is methods. */
class WebSocketPipe implements Pipe {
  line: Line | undefined
  private readonly core: Core
  private readonly ws: WebSocket
  private readonly socket: Duplex
  private readonly maySend: boolean
  /** Messages that the application is not done with. */
  private pending = 0

  constructor(core: Core, ws: WebSocket, socket: Duplex, maySend: boolean) {
    this.line = undefined
    this.core = core
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

  drained(): Promise<void> {
    return drained(this.socket)
  }

  end(): void {
    this.ws.close(1001)
  }

  cut(): void {
    this.ws.terminate()
  }

  closed(): void {
    if (this.line) this.core.lines.gone(this.line)
  }

  async heard(frame: Buffer, isBinary: boolean): Promise<void> {
    const { line, core } = this
    // Once it was told how far its messages were taken, none is taken any more.
    if (!line || line.member.leaving) return
    try {
      if (isBinary) throw refusal(400, 'frames are text')
      await this.take(line, readFrame(frame, core.settings.limits.message))
    } catch (thrown) {
      const known = asRefusal(thrown)
      if (!known) core.events.report(thrown)
      core.lines.end(line, failBlock(known ?? refusal(500, 'the server failed')))
    }
  }

  private async take(line: Line, blocks: readonly Block[]): Promise<void> {
    const { lines, accept } = this.core
    const { member } = line
    const { messages, pings, first, bye } = accept(member, blocks, this.maySend)
    await line.welcomed
    for (const ping of pings) lines.say(line, pongTo(ping))
    if (messages) await this.answer(line, messages, first)
    if (bye) lines.dismiss(member)
  }

  private async answer(line: Line, messages: number, first: number | undefined): Promise<void> {
    const { ws, core } = this
    const { lines, settings } = core
    const { member } = line
    // A listener that is slower than its clients slows them down instead of filling the memory.
    this.pending += messages
    if (this.pending > settings.limits.messages) ws.pause()
    await member.done
    this.pending -= messages
    if (ws.isPaused && this.pending <= settings.limits.messages) ws.resume()
    lines.say(line, receipt(member, first))
  }
}

const textFrame = { binary: false }

function readFrame(frame: Buffer, limit: number): Block[] {
  const parser = createParser({ limit, bom: false })
  const blocks = parser.feed(frame.toString())
  if (parser.overflowed) throw refusal(413, 'the message is too large')
  return blocks
}
