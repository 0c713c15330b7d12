import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Block } from '../../src/wire/block.ts'
import { createParser } from '../../src/wire/parser.ts'
import type { Granted } from '../access.ts'
import type { Ask } from '../ask.ts'
import { bytesOf } from '../batch.ts'
import { ackBlock, failBlock, pongBlock } from '../blocks.ts'
import type { Core } from '../core.ts'
import { asRefusal, refusal } from '../refusal.ts'
import { drained, type Pipe } from './pipe.ts'

/** Answers the handshake, and carries blocks both ways until one side has had enough. */
export function serveWebSocket(
  { sockets, lines, settings, accept, events }: Core,
  ask: Ask,
  granted: Granted,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const { limits } = settings
  const { send } = granted
  const opening = lines.prepare(ask, granted)
  const { member } = opening
  sockets.handleUpgrade(request, socket, head, ws => {
    const line = lines.open(websocketPipe(ws, socket), opening)
    let pending = 0
    ws.on('close', () => lines.gone(line))
    ws.on('error', () => {}) // what is wrong with it is said by `close`, which follows
    ws.on('message', (frame, isBinary) => {
      hear(frame as Buffer, isBinary).catch(thrown => {
        const known = asRefusal(thrown)
        if (!known) events.report(thrown)
        lines.end(line, failBlock(known ?? refusal(500, 'the server failed')))
      })
    })

    async function hear(frame: Buffer, isBinary: boolean): Promise<void> {
      if (isBinary) throw refusal(400, 'frames are text')
      const blocks = readFrame(frame, limits.message)
      const { messages, pings } = accept(member, blocks, send)
      await line.welcomed
      for (let count = 0; count < pings; count++) lines.say(line, pongBlock)
      if (!messages) return
      // A listener that is slower than its clients slows them down instead of filling the memory.
      pending += messages
      if (pending > limits.messages) ws.pause()
      await member.done
      pending -= messages
      if (ws.isPaused && pending <= limits.messages) ws.resume()
      lines.say(line, ackBlock(member.acked))
    }
  })
}

function readFrame(frame: Buffer, limit: number): Block[] {
  const parser = createParser({ limit, bom: false })
  const blocks = parser.feed(frame.toString())
  if (parser.overflowed) throw refusal(413, 'the message is too large')
  return blocks
}

const textFrame = { binary: false }

function websocketPipe(ws: WebSocket, socket: Duplex): Pipe {
  return {
    transport: 'websocket',
    once: false,
    write: batch => ws.send(bytesOf(batch), textFrame),
    unsent: () => ws.bufferedAmount,
    drained: () => drained(socket),
    end: () => ws.close(1001),
    cut: () => ws.terminate(),
  }
}
