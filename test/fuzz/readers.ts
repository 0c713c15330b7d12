import fc from 'fast-check'
import { createEvents } from '../../server/events.ts'
import { createInbox, type HubEvents } from '../../server/sessions/inbox.ts'
import type { Member } from '../../server/sessions/session.ts'
import { createPosition } from '../../src/connection/position.ts'
import type { Dialect, Position } from '../../src/contracts/dialect.ts'
import type { TransportName } from '../../src/contracts/failure.ts'
import type { Frame } from '../../src/contracts/frame.ts'
import { durableStreams } from '../../src/dialects/durable-streams.ts'
import { mercure } from '../../src/dialects/mercure.ts'
import { native } from '../../src/dialects/native.ts'
import { nchan } from '../../src/dialects/nchan.ts'
import { plain } from '../../src/dialects/plain.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { sockjs } from '../../src/dialects/sockjs.ts'
import { browser } from '../../src/environment.ts'
import type { Block } from '../../src/wire/block.ts'
import { encode } from '../../src/wire/encoder.ts'
import { createMultipart } from '../../src/wire/multipart.ts'
import { createParser } from '../../src/wire/parser.ts'
import { pack, unpack, utf8Length } from '../../src/wire/payload.ts'
import { sentence } from '../../src/words.ts'
import { ours } from '../support/dialects.ts'
import { mutated, type Shelf } from './corpus.ts'

/** Throws when reading what this text, or these bytes, say breaks a promise. */
export type Target = (input: Uint8Array) => void

/** Everything that reads what a stranger wrote, and what its inputs begin with. Each takes any bytes. */
export const targets: Record<string, [Target, Shelf]> = {
  parser: [parser, 'blocks'],
  payload: [payload, 'blocks'],
  client: [client, 'blocks'],
  upload: [upload, 'blocks'],
  multipart: [multipart, 'multipart'],
  ...decoders([
    ['native', native, ['websocket', 'xhr-streaming', 'long-polling']],
    ['plain', plain, ['websocket', 'xhr-streaming']],
    ['nchan', nchan(), ['websocket', 'xhr-streaming', 'long-polling']],
    ['mercure', mercure(), ['xhr-streaming']],
    ['durable-streams', durableStreams(), ['xhr-streaming', 'long-polling']],
    ['sockjs', sockjs(), ['websocket', 'eventsource', 'xhr-streaming']],
    ['socketio', socketio(), ['websocket', 'long-polling']],
  ]),
}

/**
 * Bytes as an attacker or a broken box would send them: our own text with pieces repeated, swapped and torn, lines made of what
 * readers trip over, and noise.
 */
const rubbish: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.oneof(piece(), block()), { maxLength: 30 }).map(join) },
  { weight: 2, arbitrary: torn() },
  { weight: 2, arbitrary: fc.array(step(), { maxLength: 12 }).map(join) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }) },
)

/** Of the corpus with changes, and without. */
export function inputs(shelf: Shelf): fc.Arbitrary<Uint8Array> {
  return fc.oneof(rubbish, mutated(shelf))
}

/** Pieces and wholes read the same, nothing is as large as the limit, and what was read can be written and read again. */
function parser(input: Uint8Array): void {
  const text = decode(input)
  const limit = 8 + (input[0] ?? 0) / 4
  const whole = createParser({ limit })
  const cut = createParser({ limit })
  const blocks = whole.feed(text)
  const step = 1 + ((input[1] ?? 0) % 7)
  const pieces: Block[] = []
  for (let at = 0; at < text.length; at += step) cut.feed(text.slice(at, at + step), pieces)
  same(pieces, blocks)
  same([cut.overflowed, ...cut.end()], [whole.overflowed, ...whole.end()])
  // A byte order mark at the start is dropped, and may stand before a comment.
  const lines = text.replace(/^\ufeff/, '').split(/[\r\n]/)
  const longest = Math.max(...lines.map(line => (line[0] === ':' ? 0 : line.length)))
  if (longest > limit && !whole.overflowed)
    throw new Error(`a line of ${longest} characters passed a limit of ${limit}`)
  for (const block of blocks) {
    const size = (block.data ?? '').length + (block.id ?? '').length + (block.event ?? '').length
    if (size > 3 * limit) throw new Error(`a block of ${size} characters passed a limit of ${limit}`)
    if (block.oversized) continue
    const written = attempt(() => encode(block), TypeError)
    if (written) same(createParser().feed(written), [block])
  }
}

/** Parts that are cut anywhere are the same, and what is held of a header has its limit. */
function multipart(input: Uint8Array): void {
  const step = 1 + ((input[1] ?? 0) % 7)
  const parts = (pieces: Uint8Array[]) => {
    const reader = createMultipart('b')
    const said: unknown[] = []
    for (const piece of pieces)
      for (const found of reader.feed(piece)) {
        if (found.type === 'body' && Array.isArray(said.at(-1)))
          (said.at(-1) as number[]).push(...found.bytes)
        else if (found.type === 'body') said.push([...found.bytes])
        else said.push(found.type === 'part' ? found.header('content-type') : 'end')
      }
    return [said, reader.overflowed]
  }
  const pieces: Uint8Array[] = []
  for (let at = 0; at < input.length; at += step) pieces.push(input.subarray(at, at + step))
  same(parts(pieces), parts([input]))
}

type Decoder = [name: string, dialect: Dialect, ways: TransportName[]]

function decoders(all: Decoder[]): Record<string, [Target, Shelf]> {
  return Object.fromEntries(
    all.flatMap(([name, dialect, ways]) => {
      const shelf = name === 'native' ? 'blocks' : (name as Shelf)
      return ways.map(via => [
        `${name} over ${via}`,
        [(input: Uint8Array) => decoder(dialect, via, input), shelf] as [Target, Shelf],
      ])
    }),
  )
}

/**
 * What a dialect's reader makes of it: no exception leaves it, where the channel is a stream any cuts give the same, no block is larger
 * than is allowed, and what a block means is what the line's code takes it for.
 */
function decoder(dialect: Dialect, via: TransportName, input: Uint8Array): void {
  const limit = 8 + (input[0] ?? 0)
  const step = 1 + ((input[1] ?? 0) % 7)
  const text = decode(input)
  const isStream = via === 'xhr-streaming' || via === 'long-polling'
  const read = (pieces: string[]) => {
    const reader = dialect.framing.reader(ours(via), undefined, limit)
    reader.head?.({ status: 200, header: headerOf(via) }, () => undefined)
    return [...pieces.flatMap(piece => reader.feed(piece)), ...reader.end()]
  }
  const whole = read(text ? [text] : [])
  if (isStream) same(read(text.match(new RegExp(`.{1,${step}}`, 'gs')) ?? []), whole)
  let position: Position = { cursor: '', session: undefined }
  for (const block of whole) {
    const size = (block.data ?? '').length
    if (isStream && size > 3 * limit)
      throw new Error(`a block of ${size} characters passed a limit of ${limit}`)
    // What it throws ends the channel.
    const meaning = attempt(() => dialect.protocol.parseFrame(block, position), Error)
    if (!meaning) continue
    check(meaning)
    if ('cursor' in meaning && meaning.cursor !== undefined)
      position = { ...position, cursor: meaning.cursor }
    if (meaning.type === 'hello') position = { ...position, session: meaning.hello.session }
    if (meaning.type === 'reply') {
      attempt(() => meaning.text(undefined), Error)
      position = { ...position, session: meaning.session ?? position.session }
    }
  }
}

function check(meaning: Frame): void {
  const { type } = meaning
  if ('cursor' in meaning && meaning.cursor !== undefined) isText('cursor', meaning.cursor)
  if (type === 'message') {
    isText('event', meaning.event)
    const { data } = meaning
    if (!(data instanceof ArrayBuffer)) isText('data', typeof data === 'string' ? data : data.json)
  } else if (type === 'bye' && meaning.why !== undefined) isText('why', meaning.why)
  else if (type === 'refused') isText('message', sentence(meaning.failure))
  else if (type === 'gap')
    for (const part of ['reason', 'from', 'to'] as const) isText(part, meaning.gap[part])

  function isText(name: string, value: unknown): void {
    if (typeof value !== 'string') throw new Error(`${name} of ${type} is ${typeof value}`)
  }
}

/** What lets a reader take an answer for its server's. */
function headerOf(via: TransportName): (name: string) => string | null {
  return name =>
    name === 'Last-Modified'
      ? 'Wed, 21 Oct 2015 07:28:00 GMT'
      : name === 'Content-Type'
        ? via === 'long-polling'
          ? 'text/plain'
          : 'text/event-stream'
        : '0'
}

/** What is unpacked is text or bytes, or refused by a TypeError; what is packed comes back. */
function payload(input: Uint8Array): void {
  const text = decode(input)
  for (const encoding of [undefined, 'escaped', 'base64', text.slice(0, 8)]) {
    const found = attempt(() => unpack(text, encoding), TypeError)
    if (found === undefined) continue
    const packed = pack(found)
    const again = unpack(packed.data, packed.encoding)
    if (typeof found === 'string') same(again, found.replace(/[\ud800-\udfff]/gu, '\ufffd'))
    else same([...new Uint8Array(again as ArrayBuffer)], [...new Uint8Array(found)])
  }
  same(utf8Length(text), new TextEncoder().encode(text).length)
}

/** A line's own reading: nothing is delivered twice unless the log began anew, and only what is the protocol's own may be refused. */
function client(input: Uint8Array): void {
  const session = createPosition(native.protocol, '', browser())
  const delivered = new Set<string>()
  for (const block of native.framing.reader(ours('websocket')).feed(decode(input))) {
    const before = session.position.cursor
    const own = block.event?.startsWith('rt.')
    const meaning = own ? attempt(() => session.take(block), Error) : session.take(block)
    if (meaning?.type === 'message' && isNumbered(block.id)) {
      if (delivered.has(block.id)) throw new Error(`${block.id} was delivered twice`)
      delivered.add(block.id)
    }
    const { cursor } = session.position
    if (meaning?.type === 'gap' || lifeOf(cursor) !== lifeOf(before) || !isNumbered(cursor)) delivered.clear()
  }
}

/** The server's reading of uploads: numbers are taken one after the other, each once, and a refusal takes nothing. */
function upload(input: Uint8Array): void {
  const member = { taken: 0, acked: 0, done: Promise.resolve(), session: {} } as unknown as Member
  const accept = createInbox(
    createEvents<HubEvents>([]),
    { message: 2 ** 20, messages: 1_000, handling: 120_000 },
    () => {},
    () => {},
    { subscribe() {}, unsubscribe() {}, history: () => '' },
  )
  for (const frame of [input.subarray(0, input.length >> 1), input.subarray(input.length >> 1), input]) {
    const blocks = createParser({ limit: 1_000 }).feed(decode(frame))
    const before = member.taken
    const accepted = attempt(() => accept(member, blocks, true), undefined)
    if (!accepted && member.taken !== before) throw new Error('a refusal took something')
    if (member.taken < before) throw new Error('numbers went backwards')
    const numbers = new Set(blocks.map(({ id }) => id))
    for (let number = before + 1; number <= member.taken; number++)
      if (!numbers.has(`${number}`)) throw new Error(`number ${number} was taken and never sent`)
  }
}

function attempt<T>(act: () => T, allowed: (new () => Error) | undefined): T | undefined {
  try {
    return act()
  } catch (error) {
    // What a server refuses is told by a status.
    const refusal = allowed
      ? error instanceof allowed
      : typeof (error as { status?: unknown }).status === 'number'
    if (!refusal) throw error
    return undefined
  }
}

function same(found: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${one} is not ${other}`)
}

function isNumbered(id: string | undefined): id is string {
  return /^[^.]*\.\d{1,15}(\.|$)/.test(id ?? '')
}

function lifeOf(id: string): string | undefined {
  return id.split('.', 1)[0]
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

function join(pieces: readonly string[]): Uint8Array {
  return new TextEncoder().encode(pieces.join(''))
}

/** What is read as something else than it looks like. */
function piece(): fc.Arbitrary<string> {
  const words = [
    '\r',
    '\n',
    '\r\n',
    '\n\n',
    '\0',
    '\ufeff',
    ':',
    ' ',
    '\t',
    'data',
    'data:',
    'data: ',
    'id:',
    'id: ',
    'event: ',
  ]
  const own = [
    'rt.open',
    'rt.gap',
    'rt.ack',
    'rt.fail',
    'rt.beat',
    'rt.bye',
    'rt.ping',
    'rt.',
    'enc: base64',
    'enc: escaped',
  ]
  const values = [
    'e.1.a',
    'e.2.b',
    'e.1.c',
    'f.1.a',
    'e.9007199254740993.x',
    'e.-1.x',
    'e',
    '1',
    '2',
    '3',
    '01',
    '1e3',
    '1.5',
    '-1',
  ]
  const more = [
    'retry: 0',
    'retry: -1',
    'retry: 1e3',
    'retry: 9007199254740993',
    '{}',
    '{"spread":',
    'null',
    '__proto__',
    '\\',
    'AAAA',
    '=',
    '한',
    '😀',
  ]
  return fc.oneof(
    fc.constantFrom(...words, ...own, ...values, ...more),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
}

/** A block as a server or a client writes it, with numbers that are sometimes right. */
function block(): fc.Arbitrary<string> {
  const id = fc.oneof(
    fc.integer({ min: 1, max: 6 }).map(String),
    fc.tuple(fc.constantFrom('e', 'f'), fc.nat(9)).map(([life, seq]) => `${life}.${seq}.t`),
  )
  return fc
    .record({
      id: fc.option(id, { nil: undefined }),
      event: fc.option(fc.constantFrom('rt.open', 'rt.gap', 'rt.ack', 'rt.ping', 'chat'), { nil: undefined }),
      data: fc.option(fc.constantFrom('x', '', '{}', '{"session":"s","acked":1e99}', 'a\nb', 'AAAA'), {
        nil: undefined,
      }),
      encoding: fc.option(fc.constantFrom('base64', 'escaped', 'gzip'), { nil: undefined }),
    })
    .map(encode)
}

/** A block of a log that repeats itself, jumps and begins anew. */
function step(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom('e', 'e', 'e', 'f'), fc.nat(5), fc.constantFrom('x', 'y', undefined))
    .map(([life, seq, data]) => encode({ id: `${life}.${seq}.t`, data }))
}

/** Whole blocks, cut off somewhere, with one byte changed. */
function torn(): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.array(block(), { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(), fc.nat(255))
    .map(([blocks, cut, at, byte]) => {
      const bytes = join(blocks)
      bytes[at % bytes.length] = byte
      return bytes.subarray(0, 1 + (cut % bytes.length))
    })
}
