import { wrap } from '../../src/wire/encoder.ts'
import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { takesGzip } from '../http/encodings.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import { bytesOf, wrappedBytesOf } from '../wire/batch.ts'
import { type Channel, progressOf, refuseBehindAnother } from '../wire/channel.ts'
import { type Compression, canStream, createGzip, partAs } from '../wire/compression.ts'
import { tickBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { createFrame, frameChannel } from './iframe.ts'

/** When the second sign comes, in ms. What holds a stream back holds the first one until then. */
const tickAfter = 400

/** Answers with an event stream, or a frame, that ends only when somebody ends it. */
export function serveStream(context: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  const { lines } = context
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const transport = ask.via as TransportName
  const frame = transport === 'iframe' ? createFrame(ask, response) : undefined
  const compression = chooseCompression(context, ask)
  if (context.compression) response.setHeader('Vary', 'Origin, Accept-Encoding')
  if (compression) response.setHeader('Content-Encoding', 'gzip')
  response.writeHead(200, { 'Content-Type': `${frame ? 'text/html' : 'text/event-stream'}; charset=utf-8` })
  response.flushHeaders()
  const stream = streamChannel(response, transport, compression)
  if (frame) response.write(frame.begin + frame.say(''))
  const connection = lines.open(frame ? frameChannel(stream, frame, response) : stream, opening)
  response.once('close', () => lines.gone(connection))
  if (transport === 'bare') return
  void connection.welcomed.then(() => {
    const timer = setTimeout(() => lines.say(connection, tickBlock), tickAfter)
    response.once('close', () => clearTimeout(timer))
  })
}

/** Of what is no line of ours nobody would notice that something between holds it back since it is compressed. */
function chooseCompression({ compression }: Context, { via, headers }: HubRequest): Compression | undefined {
  const isOurs = via !== 'bare' && via !== 'iframe'
  return isOurs && canStream && takesGzip(headers['accept-encoding']) ? compression : undefined
}

function streamChannel(
  response: Outgoing,
  transport: TransportName,
  compression: Compression | undefined,
): Channel {
  const bytesFor = transport === 'eventsource' ? wrappedBytesOf : bytesOf
  const gzip = compression && createGzip(piece => response.write(piece))
  return {
    transport,
    once: false,
    write(batch) {
      const parts = compression?.partsOf(batch)
      if (!gzip) response.write(bytesFor(batch))
      else if (!parts) gzip.write({ bytes: bytesFor(batch) })
      else for (const part of parts) gzip.write(transport === 'eventsource' ? partAs(part, wrap) : part)
    },
    ...progressOf(response),
    end: () => void response.end(gzip?.end()),
    cut: () => void response.destroy(),
  }
}
