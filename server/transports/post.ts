import type { Context } from '../context.ts'
import { checkHolds, type Granted } from '../http/access.ts'
import { createReader, type Reader } from '../http/body-reader.ts'
import { headFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import { acknowledgement } from '../sessions/acknowledgement.ts'
import type { Member } from '../sessions/session.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'
import { sendText } from './responses.ts'

/** Takes the messages of one POST, and answers when the application is done with them. */
export async function servePost(
  context: Context,
  ask: HubRequest,
  granted: Granted,
  request: Incoming,
  response: Outgoing,
): Promise<void> {
  const { sessions, accept, lines, roaming, inflow } = context
  checkType(ask)
  const member = sessions.find(ask, granted) ?? sessions.join(ask, granted)
  roaming.posted(ask, member !== undefined)
  if (!member) {
    sessions.part(ask)
    throw refusal(404, 'session unknown')
  }
  const reader = createReader(context.settings.limits)
  try {
    await readBody(context, member, request, reader)
    const { blocks } = reader
    // A client always has something to say: an acknowledgement of nothing would look like success to it.
    if (blocks.length === 0)
      throw refusal(400, 'the POST holds no block; something between has taken its body')
    // A body may take its time to come.
    checkHolds(granted)
    const { inOrder, pings, first, bye } = accept(member, blocks, granted.send)
    for (const ping of pings) lines.pong(member, ping)
    await member.done
    const status = inOrder ? 200 : 409
    sendText(response, headFor(ask), status, 'text/event-stream', acknowledgement(member, first).text)
    if (bye) lines.dismiss(member, bye)
  } finally {
    inflow.release(member, reader.bytes)
  }
}

/** Before anything else is told: a form of another site cannot say this type. And of what is packed nobody knows how much it is. */
export function checkType({ headers }: HubRequest): void {
  if (!/^text\/event-stream\s*(;|$)/i.test(headers['content-type'] ?? '')) {
    throw refusal(415, 'the Content-Type of a POST is text/event-stream')
  }
  // What it would come to is not known before it is unpacked, and no client of ours packs.
  const packed = headers['content-encoding']?.toLowerCase() ?? 'identity'
  if (packed !== 'identity') throw refusal(415, 'a POST comes as it is, without Content-Encoding')
}

/** Reads no further than the limits, and holds what it has read. */
async function readBody(context: Context, member: Member, request: Incoming, reader: Reader): Promise<void> {
  const { inflow, settings } = context
  const { message, batch } = settings.limits
  const length = Number(request.headers['content-length'] ?? 0)
  if (length > Math.max(message, batch)) throw refusal(413, 'too much at once')
  inflow.check(member, length)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  try {
    for await (const chunk of gathered(bodyOf(context, request))) {
      const { length } = chunk
      inflow.reserve(member, length)
      reader.feed(decoder.decode(chunk, { stream: true }), length)
    }
  } finally {
    inflow.count(member, Math.max(1, reader.blocks.length), reader.bytes)
  }
}

/** Pieces of some size: a text that is put together from single characters takes thirty times its length. */
async function* gathered(body: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
  const small = Buffer.allocUnsafeSlow(2 ** 12)
  let held = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (held + chunk.length > small.length) {
      yield small.subarray(0, held)
      held = 0
    }
    if (chunk.length > small.length) yield chunk
    else held += chunk.copy(small, held)
  }
  if (held > 0) yield small.subarray(0, held)
}

/** The whole body, for another node that is to have it; where none takes it, `servePost` reads it again. Throws a refusal where that is more than it may be, or than there is room for. */
export async function readWhole(context: Context, request: Incoming): Promise<Buffer> {
  const { message, batch } = context.settings.limits
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of gathered(bodyOf(context, request))) {
    size += piece.length
    if (size > Math.max(message, batch)) throw refusal(413, 'too much at once')
    pieces.push(Buffer.from(piece))
  }
  const rawBody = Buffer.concat(pieces)
  Object.assign(request, { rawBody })
  return rawBody
}

const told = new WeakSet<Context>()

/** What comes, or what a body parser that was before us has left: Express, Fastify and others keep it as `rawBody` or `body`. */
export async function* bodyOf(context: Context, request: Incoming): AsyncIterable<unknown> {
  // An answer can still be sent when the reading stops half way.
  if (!request.readableDidRead) return yield* request.iterator({ destroyOnReturn: false })
  const { rawBody, body } = request as { rawBody?: unknown; body?: unknown }
  const read = rawBody ?? body
  if (typeof read === 'string' || read instanceof Uint8Array) return yield Buffer.from(read as string)
  const words = 'the body of the POST was read by a body parser before the hub'
  if (!told.has(context)) {
    told.add(context)
    context.events.report(
      new Error(
        `${words}; attach() the hub, use hub.handle before the parser, or keep the text/event-stream type from it`,
      ),
    )
  }
  throw refusal(400, words)
}
