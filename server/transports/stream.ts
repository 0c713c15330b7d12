import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { headFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import { welcomed } from '../sessions/session.ts'
import { type Batch, bytesOf, wrappedBytesOf } from '../wire/batch.ts'
import { AnswerChannel, refuseBehindAnother } from '../wire/channel.ts'
import { tickBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { createFrame, FrameChannel } from './iframe.ts'

/** When the second sign comes, in ms. What holds a stream back holds the first one until then. */
const tickAfter = 400

/** Answers with an event stream, or a frame, that ends only when somebody ends it. */
export function serveStream({ lines }: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const transport = ask.via as TransportName
  const frame = transport === 'iframe' ? createFrame(ask, response) : undefined
  const type = `${frame ? 'text/html' : 'text/event-stream'}; charset=utf-8`
  response.writeHead(200, { ...headFor(ask), 'Content-Type': type })
  response.flushHeaders()
  if (frame) response.write(frame.begin + frame.say(''))
  const channel = frame ? new FrameChannel(response, frame) : new StreamChannel(response, transport)
  const connection = lines.open(channel, opening)
  response.once('close', () => lines.gone(connection))
  if (transport === 'bare') return
  void welcomed(connection).then(() => {
    const timer = setTimeout(() => lines.say(connection, tickBlock), tickAfter)
    response.once('close', () => clearTimeout(timer))
  })
}

class StreamChannel extends AnswerChannel {
  get once(): boolean {
    return false
  }

  write(batch: Batch): void {
    this.response.write(this.transport === 'eventsource' ? wrappedBytesOf(batch) : bytesOf(batch))
  }

  end(): void {
    this.response.end()
  }
}
