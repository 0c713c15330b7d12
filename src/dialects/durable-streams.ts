/**
 * Speaks the Durable Streams protocol. docs/servers/durable-streams.md says what a server promises, and what a line makes of it.
 *
 * @module throughline/dialects/durable-streams
 */
import type { Dialect, Head, Incoming, Position, Reader } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import type { Frame } from '../contracts/frame.ts'
import { createProducerOutbox, type Producer, unstamped } from '../outbox/producer.ts'
import { setQuery } from '../wire/address.ts'
import { isBytes, json, largest, rawCodec, textCodec } from '../wire/codec.ts'
import { createParser } from '../wire/parser.ts'

/** Options of `durableStreams()`. */
export interface DurableStreamsOptions {
  /**
   * The content type that the stream was made with. `application/json`: `event.data` is a value, and `send()` takes any that JSON can hold.
   * `text/…`: pieces of one long text. All others: pieces of one long row of bytes, each an `ArrayBuffer`.
   * @default 'application/json'
   */
  contentType?: string
  /**
   * Where a line without `lastEventId` begins: with all that the stream has, or with what is appended from now on.
   * @default 'beginning'
   */
  from?: 'beginning' | 'now'
  /**
   * Who appends, for an application that wants to shut out an earlier one of the same id, such as the same person's in another tab: it is
   * asked once for each line, and has to give each a larger epoch than the one before, such as `Date.now()`. A line that is shut out
   * hears on; each `send()` rejects with the kind `declined`.
   * @default an id that nobody else has
   */
  producer?: () => Producer
  /**
   * How long a line that hears nothing is trusted, in ms. It has to be longer than what the server lets pass between two signs of life: how
   * long it holds a poll, and how long it keeps an event stream open or lets it be silent.
   * @default 90000
   */
  idleTimeout?: number
}

/**
 * A Durable Streams server. Each message is heard once and in order, from wherever in the stream a line begins. What is sent is appended
 * once, also if it has to be sent again. A stream that is closed ends the line.
 */
export function durableStreams({
  contentType = 'application/json',
  from = 'beginning',
  producer,
  idleTimeout = 90_000,
}: DurableStreamsOptions = {}): Dialect {
  const content = contentOf(contentType)
  const start = from === 'now' ? from : beginning
  return {
    name: 'durable-streams',
    transports: transports[content],
    addressing: {
      cursorInUrl: true,
      tokenByHeaderOnly: true,
      buildRequest({ url, via, by: { kind }, headers, token, position, pollIndex, previous, body }) {
        const there = new URL(url)
        if (token) headers = { Authorization: `Bearer ${token}`, ...headers }
        if (kind === 'post') {
          const sent = body === undefined ? undefined : unstamped(body)
          const numbers = sent && {
            'Producer-Id': sent.id,
            'Producer-Epoch': `${sent.epoch}`,
            'Producer-Seq': `${sent.seq}`,
          }
          return {
            url: there.href,
            headers: { 'Content-Type': contentType, ...numbers, ...headers },
            ...(sent && { body: sent.body }),
          }
        }
        setQuery(there, 'offset', placeOf(position, start).offset)
        if (kind === 'stream') setQuery(there, 'live', 'sse')
        // The first answer comes at once, and says where the stream is now.
        else if (via === 'long-polling' && pollIndex) {
          setQuery(there, 'live', 'long-poll')
          const { streamCursor } = (previous ?? {}) as Partial<Polled>
          if (streamCursor) setQuery(there, 'cursor', streamCursor)
        }
        return { url: there.href, headers }
      },
    },
    framing: {
      relay(source: EventSource, blocks) {
        const batch = createBatch(content)
        for (const name of ['data', 'control'])
          source.addEventListener(name, event => {
            const { data, origin } = event as MessageEvent<string>
            blocks(batch.event({ ...empty, event: name, data }), origin)
          })
        return () => {}
      },
      reader: ({ kind }, _previous, limit = largest) =>
        kind === 'post' ? silent : kind === 'stream' ? stream(content, limit) : polled(content, limit),
    },
    protocol: {
      sendsHello: false,
      comparableIds: false,
      // A server says at once where the stream is, on each of its ways.
      proof: () => ({ need: 'block' }),
      idleTimeout,
      parseFrame: (block: Piece, position) => meaningOf(block, position, start),
      isFatal: ({ code, status }) => code === 'goodbye' && status === 410,
    },
    sending: {
      outbox: createProducerOutbox({ producer, ...(content === 'json' && { join }) }),
      codec: codecs[content],
      repeats: true,
      head: judgeAppend,
      write({ event, data }) {
        if (event) throw new TypeError(`send: a durable stream has no names for events, such as "${event}"`)
        if (content === 'json' && isBytes(data))
          throw new TypeError('send: a stream of JSON takes no bytes; send them as base64')
        return data
      },
    },
    policy: { pollsAtOnce: true, resumesCleanEnd: true },
  }
}

/** What a stream is made of: values, or one long text, or one long row of bytes. */
type Content = 'json' | 'text' | 'bytes'

/**
 * Servers write a text into an event stream so that line ends and spaces at the beginning of a line are lost; a poll has it as it is. Bytes
 * are base64 in an event stream; of a poll a page reads text only.
 */
const transports: Record<Content, string[]> = {
  json: ['eventsource', 'xhr-streaming', 'fetch-streaming', 'long-polling'],
  text: ['long-polling'],
  bytes: ['eventsource', 'xhr-streaming', 'fetch-streaming'],
}

const codecs = { json, text: textCodec('a stream of text takes'), bytes: rawCodec }

function contentOf(type: string): Content {
  return /^application\/json\b/i.test(type) ? 'json' : /^text\//i.test(type) ? 'text' : 'bytes'
}

/** The offset before all that a stream has. */
const beginning = '-1'

/**
 * Offsets name the ends of whole batches. So a position within one is the offset before it, a comma, which no offset has, and how much of
 * what follows that offset was heard: how many values, characters or bytes.
 */
function placeOf({ cursor }: Position, start: string): { offset: string; heard: number } {
  const [offset, heard = 0] = cursor.split(',')
  return { offset: offset || start, heard: Number(heard) }
}

function cursorOf(offset: string, heard: number): string {
  return heard > 0 ? `${offset},${heard}` : offset
}

/** A part of a batch. */
interface Piece extends Incoming {
  /** How much of the batch came before it, in values, characters or bytes, and how much this is. */
  at: number
  size: number
  /** What the server says of the batch that ends with it. */
  control?: Control | undefined
}

/** What the server says after each batch: in an event, or in headers. */
interface Control {
  streamNextOffset?: unknown
  streamClosed?: unknown
}

const empty = { id: undefined, event: undefined, data: undefined }

/** What is at an offset is no more. */
const gone: Piece = { ...empty, at: 0, size: 0 }

/** Nothing will ever be appended, and all was told. */
const closed: Piece = { ...empty, at: 0, size: 0 }

/** An event stream ends that has said nothing at all, which no server of this kind does. */
const mute: Piece = { ...empty, at: 0, size: 0 }

function meaningOf(piece: Piece, position: Position, start: string): Frame {
  const { offset, heard } = placeOf(position, start)
  const { at, size, control, data, bytes } = piece
  if (piece === closed) return { type: 'bye', status: 204, why: 'the stream is closed' }
  if (piece === mute) return { type: 'bye', why: 'the answer says nothing of the stream' }
  if (piece === gone) {
    if (offset === start || offset === beginning)
      return { type: 'bye', status: 410, why: 'the stream is gone' }
    const gap = { reason: 'trimmed', from: position.cursor, to: beginning }
    return { type: 'gap', cursor: beginning, gap }
  }
  const end = at + size
  let cursor = offset === 'now' ? undefined : cursorOf(offset, Math.max(heard, end))
  if (control) {
    const { streamNextOffset: next } = control
    if (typeof next !== 'string') throw new SyntaxError('a control event without an offset')
    // What stands behind an offset has another one behind it: this came from a cache, or from nobody's stream.
    if (next === offset && end > heard) throw new SyntaxError('a batch that ends where it begins')
    // Where this batch is a smaller one than that of the earlier channel, what is left was heard too.
    cursor = cursorOf(next, heard - end)
  }
  if (heard >= end) return control && cursor ? { type: 'position', cursor } : { type: 'nothing' }
  const content = bytes ?? data ?? ''
  return { type: 'message', event: 'message', data: content.slice(Math.max(0, heard - at)), cursor }
}

/**
 * Collects what a server tells of a stream. The last piece of a batch waits for the word that the batch is whole, which comes right after
 * it, so that it has the offset itself as its id.
 */
function createBatch(content: Content, limit = largest) {
  const begin = () => (content === 'json' ? values(limit) : (text: string) => [text])
  let pieces = begin()
  let at = 0
  let last: Piece | undefined
  return { add, end, event }

  function add(block: Incoming): Piece[] {
    const { data = '', oversized } = block
    const found: Piece[] = []
    for (const text of oversized ? [undefined] : pieces(data)) {
      if (text === '') continue
      if (last) found.push(last)
      last = pieceOf(text, at)
      at += last.size
    }
    return found
  }

  function end(control: Control | undefined): Piece[] {
    const whole = { ...(last ?? { ...empty, at, size: 0 }), control: control ?? {} }
    at = 0
    last = undefined
    pieces = begin()
    return whole.control.streamClosed === true ? [whole, closed] : [whole]
  }

  function event(block: Incoming): Piece[] {
    if (block.event === 'data') return add(block)
    return block.event === 'control' ? end(readControl(block.data)) : []
  }

  /** Without a text it is one that was too large. */
  function pieceOf(data: string | undefined, at: number): Piece {
    if (data === undefined) return { ...empty, data: '', oversized: true, at, size: 1 }
    if (content === 'json') return { ...empty, data, at, size: 1 }
    if (content === 'text') return { ...empty, data, at, size: data.length }
    const bytes = bytesOf(data)
    return { ...empty, bytes, at, size: bytes.byteLength }
  }
}

/** What cannot be read says nothing, which the reading of it complains of. */
function readControl(text = ''): Control | undefined {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}

function bytesOf(base64: string): ArrayBuffer {
  try {
    return Uint8Array.from(atob(base64), character => character.charCodeAt(0)).buffer
  } catch {
    return new ArrayBuffer(0)
  }
}

/** Cuts an array into the texts of its values, as it comes: `undefined` for one that is too large. */
function values(limit: number): (text: string) => (string | undefined)[] {
  let depth = 0
  let quoted = false
  let escaped = false
  let value = ''
  let oversized = false
  return text => {
    const found: (string | undefined)[] = []
    let from = 0
    const take = (to: number) => {
      oversized ||= value.length + to - from > limit
      value = oversized ? '' : value + text.slice(from, to)
      from = to + 1
    }
    for (let at = 0; at < text.length; at++) {
      const character = text[at]
      if (escaped) escaped = false
      else if (character === '"') quoted = !quoted
      else if (quoted) escaped = character === '\\'
      else if (character === '[' || character === '{') {
        if (depth++ === 0) from = at + 1
      } else if (character === ']' || character === '}' || (character === ',' && depth === 1)) {
        if (depth === 1) {
          take(at)
          found.push(oversized ? undefined : value.trim())
          value = ''
          oversized = false
        }
        if (character !== ',' && depth > 0) depth--
      }
    }
    if (depth > 0) take(text.length)
    return found
  }
}

/** An event stream. */
function stream(content: Content, limit: number): Reader {
  // Of a value it is the batch that finds it too large; a control event has to be read in any case.
  const parser = createParser({ bom: false, limit: Math.max(limit, 4_096) })
  const batch = createBatch(content, limit)
  let isGone = false
  let isMute = false // accepted, and nothing was said yet
  return {
    head(head, usual) {
      isGone = head.status === 410
      const failure = isGone ? undefined : usual()
      isMute = !failure
      return failure
    },
    feed(chunk) {
      if (isGone) return []
      const blocks = parser.feed(chunk as string)
      if (blocks.length > 0) isMute = false
      return blocks.flatMap(batch.event)
    },
    end: () => (isGone ? [gone] : isMute ? [mute] : []),
  }
}

/** An answer to a poll: it is one batch. */
interface Polled extends Reader {
  /** What the next request repeats, so that a cache may give the same answer to many. */
  readonly streamCursor: string | null
}

function polled(content: Content, limit: number): Polled {
  const batch = createBatch(content, limit)
  let control: Control | undefined
  let isGone = false
  let streamCursor: string | null = null
  return {
    get streamCursor() {
      return streamCursor
    },
    head({ status, header }, usual) {
      const next = header('Stream-Next-Offset')
      isGone = status === 410
      streamCursor = header('Stream-Cursor')
      if (isGone) return undefined
      if (!next || (status !== 200 && status !== 204)) return usual()
      control = { streamNextOffset: next, streamClosed: header('Stream-Closed') === 'true' }
      return undefined
    },
    feed: chunk => (control ? batch.add({ ...empty, data: chunk as string }) : []),
    end: () => (isGone ? [gone] : batch.end(control)),
  }
}

const silent: Reader = { feed: () => [], end: () => [] }

function join(texts: readonly string[]): string {
  return `[${texts.join()}]`
}

/** An append that was refused, told by what the server adds to the status. */
function judgeAppend({ status, header }: Head, usual: () => Failure | undefined): Failure | undefined {
  const failure = usual()
  if (!failure) return undefined
  const epoch = header('Producer-Epoch')
  const expected = header('Producer-Expected-Seq')
  if (status === 403 && epoch) return { ...failure, code: 'fenced', detail: `its epoch is ${epoch}` }
  if (status === 409 && expected)
    return { ...failure, code: 'sequence-gap', detail: `it expected ${expected}` }
  if (status === 409 && header('Stream-Closed')) return { ...failure, code: 'stream-closed' }
  return failure
}

export type { Producer } from '../outbox/producer.ts'
