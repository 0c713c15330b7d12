import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { type Head, headFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import type { Connection } from '../sessions/session.ts'
import { type Batch, textOf } from '../wire/batch.ts'
import { AnswerChannel, refuseBehindAnother } from '../wire/channel.ts'
import { beatBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendScript, sendText } from './responses.ts'

/** How long a poll is held, in ms: shorter than the patience of the usual proxies. */
const hold = 25_000

/**
 * Up to so many characters an answer goes on while there is more, and for so many ms: each further request is a round trip. What holds answers back until they are whole
 * should not hold them for long.
 */
const longest = 2 ** 22
const patience = 500

/** Answers with what is waiting, or waits until something is. */
export function servePoll({ lines }: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const connection = lines.open(new PollChannel(response, ask), opening)
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
  private written = 0
  private until = 0

  constructor(response: Outgoing, ask: HubRequest) {
    super(response, ask.via as TransportName)
    this.head = headFor(ask)
    this.callback = ask.callback
  }

  get once(): boolean {
    return true
  }

  get isBegun(): boolean {
    return this.written > 0
  }

  /** A script is run as a whole. */
  writePart(batch: Batch): boolean {
    const { response, head, written } = this
    if (this.transport === 'jsonp' || written + batch.size > longest) return false
    const now = Date.now()
    if (written && now > this.until) return false
    if (!written) {
      response.writeHead(200, { ...head, 'Content-Type': 'text/event-stream; charset=utf-8' })
      this.until = now + patience
    }
    response.write(textOf(batch))
    this.written += batch.size
    return true
  }

  write(batch: Batch): void {
    const text = textOf(batch)
    if (this.isBegun) this.response.end(text)
    else if (this.transport === 'jsonp') sendScript(this.response, this.head, this.callback, text)
    // With text Node writes head and body at once.
    else sendText(this.response, this.head, 200, 'text/event-stream', text)
  }

  /** It has ended with what was written. */
  end(): void {}
}
