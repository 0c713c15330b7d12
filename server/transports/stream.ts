import { wrap } from '../../src/wire/encoder.ts'
import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { takesGzip } from '../http/encodings.ts'
import { headFor, headIfPackedFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import { welcomed } from '../sessions/session.ts'
import { type Batch, bytesOf, wrappedBytesOf } from '../wire/batch.ts'
import { AnswerChannel, refuseBehindAnother } from '../wire/channel.ts'
import { type Compression, canStream, createPacker, type Packer } from '../wire/compression.ts'
import { tickBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { createFrame, FrameChannel } from './iframe.ts'

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
  response.writeHead(200, {
    ...(context.compression ? headIfPackedFor(ask) : headFor(ask)),
    'Content-Type': `${frame ? 'text/html' : 'text/event-stream'}; charset=utf-8`,
    ...(compression && { 'Content-Encoding': 'gzip' }),
  })
  response.flushHeaders()
  if (frame) response.write(frame.begin + frame.say(''))
  const channel = frame
    ? new FrameChannel(response, frame)
    : new StreamChannel(response, transport, compression)
  const connection = lines.open(channel, opening)
  response.once('close', () => lines.gone(connection))
  if (transport === 'bare') return
  void welcomed(connection).then(() => {
    const timer = setTimeout(() => lines.say(connection, tickBlock), tickAfter)
    response.once('close', () => clearTimeout(timer))
  })
}

/** Of what is no line of ours nobody would notice that something between holds it back since it is compressed. */
function chooseCompression({ compression }: Context, { via, headers }: HubRequest): Compression | undefined {
  const isOurs = via !== 'bare' && via !== 'iframe'
  return isOurs && canStream && takesGzip(headers['accept-encoding']) ? compression : undefined
}

class StreamChannel extends AnswerChannel {
  private readonly packer: Packer | undefined

  constructor(response: Outgoing, transport: TransportName, compression: Compression | undefined) {
    super(response, transport)
    const isWrapped = transport === 'eventsource'
    this.packer =
      compression &&
      createPacker(
        compression,
        piece => response.write(piece),
        isWrapped ? wrappedBytesOf : bytesOf,
        isWrapped ? wrap : undefined,
      )
  }

  get once(): boolean {
    return false
  }

  write(batch: Batch): void {
    if (this.packer) this.packer.write(batch)
    else this.response.write(this.transport === 'eventsource' ? wrappedBytesOf(batch) : bytesOf(batch))
  }

  end(): void {
    this.response.end(this.packer?.end())
  }
}
