import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { takesGzip } from '../http/encodings.ts'
import { type Head, headFor, headIfPackedFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import type { Connection } from '../sessions/session.ts'
import { type Batch, bytesOf, textOf } from '../wire/batch.ts'
import { AnswerChannel, refuseBehindAnother } from '../wire/channel.ts'
import { type Compression, canStream, createPacker, type Packer } from '../wire/compression.ts'
import { beatBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendPacked, sendScript, sendText } from './responses.ts'

/** How long a poll is held, in ms: shorter than the patience of the usual proxies. */
const hold = 25_000

/**
 * Up to so many characters an answer goes on while there is more, and for so many ms: each further request is a round trip. What holds answers back until they are whole
 * should not hold them for long.
 */
const longest = 2 ** 22
const patience = 500

/** Answers with what is waiting, or waits until something is. */
export function servePoll(context: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  const { lines, compression } = context
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const connection = lines.open(new PollChannel(response, ask, compression), opening)
  const timer = setTimeout(sayBeat, hold, lines, connection)
  response.on('close', () => {
    clearTimeout(timer)
    lines.gone(connection)
  })
}

function sayBeat(lines: Context['lines'], connection: Connection): void {
  lines.say(connection, beatBlock(lines.spread()))
}

class PollChannel extends AnswerChannel {
  private readonly head: Head
  /** The function that a script calls. */
  private readonly callback: string | undefined
  private readonly compression: Compression | undefined
  private packer: Packer | undefined
  private written = 0
  private until = 0

  constructor(response: Outgoing, ask: HubRequest, compression: Compression | undefined) {
    super(response, ask.via as TransportName)
    this.head = compression ? headIfPackedFor(ask) : headFor(ask)
    this.callback = ask.via === 'jsonp' ? ask.callback : undefined
    this.compression = takesGzip(ask.headers['accept-encoding']) ? compression : undefined
  }

  get once(): boolean {
    return true
  }

  get isBegun(): boolean {
    return this.written > 0
  }

  /** A script is run as a whole. */
  writePart(batch: Batch): boolean {
    const { callback, written } = this
    if (callback !== undefined || written + batch.size > longest) return false
    const now = Date.now()
    if (written && now > this.until) return false
    if (!written) this.begin()
    this.until ||= now + patience
    if (this.packer) this.packer.write(batch)
    else this.response.write(textOf(batch))
    this.written += batch.size
    return true
  }

  write(batch: Batch): void {
    const { response, head, callback, compression } = this
    if (this.isBegun) return this.finish(batch)
    const parts = compression?.partsOf(batch)
    if (parts) sendPacked(response, head, callback, parts)
    else if (callback !== undefined) sendScript(response, head, callback, textOf(batch))
    // With text Node writes head and body at once.
    else sendText(response, head, 200, 'text/event-stream', textOf(batch))
  }

  /** It has ended with what was written. */
  end(): void {}

  private begin(): void {
    const { response, compression } = this
    const head = { ...this.head, 'Content-Type': 'text/event-stream; charset=utf-8' }
    const packs = canStream ? compression : undefined
    response.writeHead(200, packs ? { ...head, 'Content-Encoding': 'gzip' } : head)
    if (packs) this.packer = createPacker(packs, piece => response.write(piece), bytesOf)
  }

  private finish(batch: Batch): void {
    const { response, packer } = this
    packer?.write(batch)
    response.end(packer ? packer.end() : textOf(batch))
  }
}
