import type { Dialect, Position, Request, RequestContext } from '../contracts/dialect.ts'
import { type Failure, inWords } from '../contracts/failure.ts'
import type { Frame, Gap } from '../contracts/frame.ts'
import { createNumberedOutbox } from '../outbox/numbered.ts'
import { setQuery } from '../wire/address.ts'
import type { Block } from '../wire/block.ts'
import { largest } from '../wire/codec.ts'
import { encode } from '../wire/encoder.ts'
import { createParser } from '../wire/parser.ts'
import { pack, unpack } from '../wire/payload.ts'
import { exchange } from './exchange.ts'
import { createLongQuery } from './long-query.ts'

/** Our own wire, as docs/PROTOCOL.md specifies it. */
export const native: Dialect = {
  name: 'native',
  transports: [
    'websocket',
    'eventsource',
    'xhr-streaming',
    'fetch-streaming',
    'iframe',
    'long-polling',
    'jsonp',
  ],
  addressing: {
    buildRequest,
    longQuery: createLongQuery,
    ticket: (fetch, post, withCredentials, purpose) =>
      exchange(fetch, post, withCredentials, 'rt.ticket', '', purpose),
  },
  framing: {
    reader(_transport, _previous, limit = largest) {
      const parser = createParser({ bom: false, limit })
      const { feed } = parser
      // A frame of bytes is none of ours.
      return Object.assign(parser, {
        feed: (chunk: unknown) => (typeof chunk === 'string' ? feed(chunk) : []),
      })
    },
  },
  protocol: {
    sendsHello: true,
    comparableIds: true,
    idleTimeout: 35_000,
    proof({ kind }) {
      if (kind === 'socket') return { need: 'pong', within: 200, ask }
      if (kind === 'stream') return { need: 'tick', apart: 150, within: 600, ask }
      return { need: 'block' }
    },
    parseFrame,
    refusal(blocks) {
      const told = blocks.find(block => block.event === 'rt.fail')
      return told && refused(told.data ?? '')
    },
  },
  sending: {
    outbox: createNumberedOutbox,
    acknowledges: true,
    ping: ask(0),
    goodbye: encode({ event: 'rt.bye', data: '' }),
    write: ({ event, data }, number) => encode({ id: `${number}`, ...(event && { event }), ...pack(data) }),
  },
}

function ask(number: number): string {
  return encode({ event: 'rt.ping', data: `${number}` })
}

function buildRequest({
  url,
  via,
  by: { kind, setsHeaders },
  headers,
  token,
  position,
  nonce,
  pollIndex: turn,
  jsonpCallback: callback,
  query,
  ticket,
  hidden,
}: RequestContext): Request {
  const there = new URL(url)
  const set = (name: string, value: string | undefined) => value && setQuery(there, `rt.${name}`, value)
  set('v', '1')
  set('via', via)
  set('sid', position.session)
  if (token && setsHeaders) headers = { ...headers, Authorization: `Bearer ${token}` }
  else if (kind !== 'socket' && !hidden) set('token', token)
  set('ticket', ticket)
  if (kind === 'socket') there.protocol = there.protocol.replace('http', 'ws')
  if (kind === 'post')
    return { url: there.href, headers: { ...headers, 'Content-Type': 'text/event-stream' } }
  if (!query) set('id', position.cursor)
  if (turn !== undefined) set('n', `${turn}`)
  set('x', nonce)
  set('cb', callback)
  for (const name in query) set(name.slice(3), query[name])
  const protocols = token && kind === 'socket' && ['rt.1', `rt.token.${asName(token)}`]
  return { url: there.href, headers, ...(protocols && { protocols }) }
}

/** A subprotocol's name has no other characters than those of base64url, of which no padding. */
function asName(token: string): string {
  const { data } = pack(new TextEncoder().encode(token))
  return data.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
}

function parseFrame(block: Block, position: Position): Frame {
  const { id, event = 'message', data = '' } = block
  if (event.startsWith('rt.')) return control(block, data, position)
  if (id && !isNew(id, position)) return { type: 'nothing' }
  if (block.data === undefined)
    return id === undefined ? { type: 'nothing' } : { type: 'position', cursor: id }
  try {
    return { type: 'message', event, data: unpack(data, block.encoding), cursor: id }
  } catch {
    // A channel that ended here would be followed by one that brings the same message, for ever.
    const from = position.cursor
    return { type: 'gap', cursor: id, gap: { reason: 'unreadable', from, to: id ?? from } }
  }
}

function control({ event, id, retry }: Block, data: string, position: Position): Frame {
  switch (event) {
    case 'rt.open':
      return { type: 'hello', cursor: id, hello: { session: '', spread: 0, ...JSON.parse(data) } }
    case 'rt.gap':
      return lost(fieldsOf(data), id, position)
    case 'rt.ack':
      return { type: 'ack', upTo: Number(data) }
    case 'rt.nack':
      return { type: 'nack', number: Number(fieldsOf(data).number), failure: refused(data) }
    case 'rt.fail':
      return { type: 'refused', failure: refused(data) }
    case 'rt.beat':
      return { type: 'beat', spread: fieldsOf(data).spread as number }
    case 'rt.tick':
      return { type: 'tick' }
    case 'rt.pong':
      return { type: 'pong', number: data === '{}' ? undefined : Number(data) }
    case 'rt.bye':
      return { type: 'bye', retry, acked: amount(fieldsOf(data).acked) }
    default:
      return { type: 'nothing' }
  }
}

/**
 * Of several channels that were asked to go on from the same place, the first tells of the loss, and may have gone on since. What a gap does
 * not say, or says otherwise than in text, is as far as can be known.
 */
function lost({ reason, from, to }: Partial<Gap>, id: string | undefined, position: Position): Frame {
  const text = (said: unknown, otherwise: string) => (typeof said === 'string' ? said : otherwise)
  const gap = {
    reason: text(reason, 'unknown'),
    from: text(from, position.cursor),
    to: text(to, id ?? position.cursor),
  }
  if (id && gap.from !== position.cursor && !isNew(id, position)) return { type: 'nothing' }
  return { type: 'gap', cursor: id, gap }
}

/** What a block of the protocol's own says, as JSON. Any of it may be of another type than it should be. */
function fieldsOf(data: string): Record<string, unknown> {
  return Object(JSON.parse(data || '{}'))
}

function amount(said: unknown): number | undefined {
  return typeof said === 'number' ? said : undefined
}

function refused(data: string): Failure {
  let told: Record<string, unknown> = {}
  try {
    told = fieldsOf(data)
  } catch {
    // It refuses, in whatever words.
  }
  const status = amount(told.status)
  const retryAfter = Number(told.retryAfter)
  const failure: Failure = {
    kind: 'status',
    status,
    scope: told.only ? 'transport' : status === undefined ? undefined : 'line',
    code: 'server-refused',
    ...(retryAfter > 0 && { retryAfter: Math.min(retryAfter * 1000, 600_000) }),
  }
  return inWords(failure, `${told.message ?? ''}`)
}

/**
 * Within one life of the log a message is new unless its number is up to the cursor's; one that cannot be read is not dropped.
 * A new life is new altogether; one that a gap led away from may still come out of a channel that is late.
 */
function isNew(id: string, { cursor, left = '' }: Position): boolean {
  const at = id.indexOf('.') + 1
  const life = id.slice(0, at)
  if (!cursor.startsWith(life)) return !left.startsWith(life)
  return !(numberAt(at, id) <= numberAt(at, cursor))
}

/** As `parseInt` reads it, but without a piece of text: this runs twice for every message. */
function numberAt(at: number, text: string): number {
  let number = Number.NaN
  for (; ; at++) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return number
    number = (number || 0) * 10 + digit
  }
}
