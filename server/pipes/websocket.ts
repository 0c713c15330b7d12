import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Block } from '../../src/wire/block.ts'
import { createParser } from '../../src/wire/parser.ts'
import type { Granted } from '../access.ts'
import type { Ask } from '../ask.ts'
import { type Batch, bytesOf } from '../batch.ts'
import { ackBlock, failBlock, pongBlock } from '../blocks.ts'
import type { Core } from '../core.ts'
import type { Line } from '../member.ts'
import { asRefusal, refusal } from '../refusal.ts'
import { drained, type Pipe } from './pipe.ts'

/** Answers the handshake, and carries blocks both ways until one side has had enough. */
export function serveWebSocket(
  core: Core,
  ask: Ask,
  granted: Granted,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const opening = core.lines.prepare(ask, granted)
  core.sockets.handleUpgrade(request, socket, head, ws => {
    const line = core.lines.open(new WebSocketPipe(ws, socket), opening)
    listen(core, line, ws, granted.send)
  })
}

/** For itself, so that what belongs to the handshake is not kept as long as the socket is. */
function listen({ lines, settings, accept, events }: Core, line: Line, ws: WebSocket, send: boolean): void {
  const { member } = line
  let pending = 0
  ws.on('close', () => lines.gone(line))
  ws.on('error', ignore) // what is wrong with it is said by `close`, which follows
  ws.on('message', (frame, isBinary) => {
    hear(frame as Buffer, isBinary).catch(thrown => {
      const known = asRefusal(thrown)
      if (!known) events.report(thrown)
      lines.end(line, failBlock(known ?? refusal(500, 'the server failed')))
    })
  })

  async function hear(frame: Buffer, isBinary: boolean): Promise<void> {
    if (isBinary) throw refusal(400, 'frames are text')
    const blocks = readFrame(frame, settings.limits.message)
    const { messages, pings } = accept(member, blocks, send)
    await line.welcomed
    for (let count = 0; count < pings; count++) lines.say(line, pongBlock)
    if (!messages) return
    // A listener that is slower than its clients slows them down instead of filling the memory.
    pending += messages
    if (pending > settings.limits.messages) ws.pause()
    await member.done
    pending -= messages
    if (ws.isPaused && pending <= settings.limits.messages) ws.resume()
    lines.say(line, ackBlock(member.acked))
  }
}

function readFrame(frame: Buffer, limit: number): Block[] {
  const parser = createParser({ limit, bom: false })
  const blocks = parser.feed(frame.toString())
  if (parser.overflowed) throw refusal(413, 'the message is too large')
  return blocks
}

const textFrame = { binary: false }

/** Tens of thousands are open at a time: methods that all have in common take a tenth of the memory that closures would. */
class WebSocketPipe implements Pipe {
  private readonly ws: WebSocket
  private readonly socket: Duplex

  constructor(ws: WebSocket, socket: Duplex) {
    this.ws = ws
    this.socket = socket
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
}

function ignore(): void {}
