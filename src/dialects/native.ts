import type { Dialect, Position, Request, RequestContext } from '../contracts/dialect.ts'
import { type Failure, inWords } from '../contracts/failure.ts'
import type { Content, Frame, Gap } from '../contracts/frame.ts'
import { createNumberedOutbox } from '../outbox/numbered.ts'
import { addQuery, setQuery } from '../wire/address.ts'
import type { Block } from '../wire/block.ts'
import { largest } from '../wire/codec.ts'
import { encode } from '../wire/encoder.ts'
import { createParser } from '../wire/parser.ts'
import { pack, unpack } from '../wire/payload.ts'
import { refuse } from '../wire/refuse.ts'
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
    'carried',
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
    topics: true,
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
    goodbye: (code, reason) =>
      encode({ event: 'rt.bye', data: code || reason ? JSON.stringify({ code, reason }) : '' }),
    replies: true,
    write: ({ event, topic, data, type, answer }, number) =>
      encode({ id: `${number}`, event, topic, type, re: answer ? 'answer' : '', ...pack(data) }),
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
  line,
  pollIndex: turn,
  channel,
  jsonpCallback: callback,
  query,
  ticket,
  hidden,
}: RequestContext): Request {
  const there = new URL(url)
  const set = (name: string, value: string | undefined) => value && setQuery(there, `rt.${name}`, value)
  const { topics } = position
  set('v', topics ? '2' : '1')
  set('via', via)
  set('sid', position.session)
  if (token && setsHeaders) headers = { ...headers, Authorization: `Bearer ${token}` }
  else if (kind !== 'socket' && !hidden) set('token', token)
  set('ticket', ticket)
  if (kind === 'socket') there.protocol = there.protocol.replace('http', 'ws')
  if (via === 'post' && !position.session) set('line', line)
  if (kind === 'post')
    return { url: there.href, headers: { ...headers, 'Content-Type': 'text/event-stream' } }
  if (!query) set('id', position.cursor)
  if (turn !== undefined) set('n', `${turn}`)
  set('x', nonce)
  if (!turn && !query) set('line', line)
  set('cb', callback)
  for (const name in query) set(name.slice(3), query[name])
  // A slice that is sent is no channel.
  if (topics && !query) {
    if (turn !== undefined) set('c', channel)
    for (const [name, value] of topics.query()) addQuery(there, name, value)
  }
  const protocols = token && kind === 'socket' && ['rt.1', `rt.token.${asName(token)}`]
  return { url: there.href, headers, ...(protocols && { protocols }) }
}

/** A subprotocol's name has no other characters than those of base64url, of which no padding. */
function asName(token: string): string {
  const { data } = pack(new TextEncoder().encode(token))
  return data.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
}

function parseFrame(block: Block, position: Position): Frame {
  const { id, event = 'message', data = '', type, re, topic } = block
  const isAnswer = event === 'rt.answer'
  if (event.startsWith('rt.') && !isAnswer) return control(block, data, position)
  if (id && !isNew(id, position)) return { type: 'nothing' }
  if (block.data === undefined)
    return id === undefined ? { type: 'nothing' } : { type: 'position', cursor: id }
  try {
    const content = contentOf(block, data)
    if (!isAnswer) return { type: 'message', event, data: content, cursor: id, topic }
    // Numbers are a session's own, and the answers of one that is over may come behind the hello of the next.
    const number = re?.endsWith(` ${position.session}`) ? Number.parseInt(re, 10) : 0
    return { type: 'answer', number, data: type === 'none' ? undefined : content, cursor: id }
  } catch {
    // A channel that ended here would be followed by one that brings the same message, for ever.
    const from = position.cursor
    return { type: 'gap', cursor: id, topic, gap: { reason: 'unreadable', from, to: id ?? from } }
  }
}

/** A type that is not known is none: the data is text, or bytes. */
function contentOf({ encoding, type }: Block, data: string): Content {
  const content = unpack(data, encoding)
  if (type !== 'json') return content
  return typeof content === 'string' ? { json: content } : refuse('JSON is text, not bytes', data)
}

function control({ event, id, retry, topic, re }: Block, data: string, position: Position): Frame {
  switch (event) {
    case 'rt.open':
      return { type: 'hello', cursor: id, hello: { session: '', spread: 0, ...JSON.parse(data) } }
    case 'rt.gap':
      return lost(fieldsOf(data), id, position, topic)
    case 'rt.subscribed': {
      const { cursor } = position
      const ahead = cursor !== '' && id !== undefined && id !== cursor && isNew(id, position)
      const trimmed = !!fieldsOf(data).trimmed
      return {
        type: 'subscribed',
        topic: topic ?? '',
        re: re ? Number(re) : undefined,
        cursor: id,
        ahead,
        trimmed,
      }
    }
    case 'rt.unsubscribed':
      return { type: 'unsubscribed', topic: topic ?? '', failure: refused(data) }
    case 'rt.presence':
      return { type: 'presence', topic: topic ?? '', data }
    case 'rt.ack':
      return { type: 'ack', upTo: Number(data) }
    case 'rt.nack':
      return { type: 'nack', number: Number(fieldsOf(data).number), failure: refused(data) }
    case 'rt.fail':
      return refusalOf(data)
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
 * Of several channels that were asked to go on from the same place, the first tells of the loss, and may have gone on since. Or it has
 * brought, before anything was lost, what is in a quieter topic: then the loss is news, and the position stays. What a gap does not say, or
 * says otherwise than in text, is as far as can be known.
 */
function lost(
  { reason, from, to }: Partial<Gap>,
  id: string | undefined,
  position: Position,
  topic: string | undefined,
): Frame {
  const text = (said: unknown, otherwise: string) => (typeof said === 'string' ? said : otherwise)
  const gap = {
    reason: text(reason, 'unknown'),
    from: text(from, position.cursor),
    to: text(to, id ?? position.cursor),
  }
  const isLate = id && gap.from !== position.cursor && !isNew(id, position)
  if (isLate && !isNew(gap.to, position)) return { type: 'nothing' }
  return { type: 'gap', cursor: isLate ? undefined : id, gap, topic }
}

/** What a block of the protocol's own says, as JSON. Any of it may be of another type than it should be. */
function fieldsOf(data: string): Record<string, unknown> {
  return Object(JSON.parse(data || '{}'))
}

function amount(said: unknown): number | undefined {
  return typeof said === 'number' ? said : undefined
}

/** What was refused over a channel is what was sent, unless the server has ended the session with it. */
function refusalOf(data: string): Frame {
  const failure = refused(data)
  const { ended, acked } = fieldsOr(data)
  return ended ? { type: 'bye', failure, acked: amount(acked) } : { type: 'refused', failure }
}

/** The same of what may be no JSON: it refuses, in whatever words. */
function fieldsOr(data: string): Record<string, unknown> {
  try {
    return fieldsOf(data)
  } catch {
    return {}
  }
}

function refused(data: string): Failure {
  const told = fieldsOr(data)
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
