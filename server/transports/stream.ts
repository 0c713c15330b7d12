import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import { bytesOf, wrappedBytesOf } from '../wire/batch.ts'
import { type Channel, progressOf, refuseBehindAnother } from '../wire/channel.ts'
import { tickBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { createFrame, frameChannel } from './iframe.ts'

/** When the second sign comes, in ms. What holds a stream back holds the first one until then. */
const tickAfter = 400

/** Answers with an event stream, or a frame, that ends only when somebody ends it. */
export function serveStream({ lines }: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const transport = ask.via as TransportName
  const frame = transport === 'iframe' ? createFrame(ask, response) : undefined
  response.writeHead(200, { 'Content-Type': `${frame ? 'text/html' : 'text/event-stream'}; charset=utf-8` })
  response.flushHeaders()
  const stream = streamChannel(response, transport)
  if (frame) response.write(frame.begin + frame.say(''))
  const connection = lines.open(frame ? frameChannel(stream, frame, response) : stream, opening)
  response.once('close', () => lines.gone(connection))
  if (transport === 'bare') return
  void connection.welcomed.then(() => {
    const timer = setTimeout(() => lines.say(connection, tickBlock), tickAfter)
    response.once('close', () => clearTimeout(timer))
  })
}

function streamChannel(response: Outgoing, transport: TransportName): Channel {
  const write = transport === 'eventsource' ? wrappedBytesOf : bytesOf
  return {
    transport,
    once: false,
    write: batch => void response.write(write(batch)),
    ...progressOf(response),
    end: () => void response.end(),
    cut: () => void response.destroy(),
  }
}
