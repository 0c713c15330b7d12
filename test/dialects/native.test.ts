import { describe, expect, test } from 'vitest'
import type { Incoming, Position, RequestContext } from '../../src/contracts/dialect.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import type { Frame } from '../../src/contracts/frame.ts'
import { native } from '../../src/dialects/native.ts'
import { message, tick, welcome } from '../support/blocks.ts'
import { madeBy, ours } from '../support/dialects.ts'
import { cut, status } from '../support/fakes.ts'
import { tokenOf } from '../support/token.ts'

const start: Position = { cursor: '', session: undefined }
const midway: Position = { cursor: 'e.5.t5', session: 's1' }

function requestFor(ask: Partial<RequestContext>) {
  const { url, headers, protocols } = native.addressing.buildRequest({
    ...madeBy(ask.via ?? 'xhr-streaming'),
    url: new URL('https://host.test/live?topic=a%20b'),
    headers: {},
    token: undefined,
    position: start,
    nonce: 'n0nce',
    line: 'l1ne',
    ...ask,
  })
  return {
    url,
    headers,
    ...(protocols && { protocols }),
    query: Object.fromEntries(new URL(url).searchParams),
  }
}

function read(block: Partial<Incoming>, position = midway): Frame {
  const whole = { id: undefined, event: undefined, data: undefined, retry: undefined, encoding: undefined }
  return native.protocol.parseFrame({ ...whole, ...block }, position)
}

describe('a request', () => {
  test('leaves the page’s own parameters first and as they are', () => {
    expect(requestFor({}).url).toBe(
      'https://host.test/live?topic=a%20b&rt.v=1&rt.via=xhr-streaming&rt.x=n0nce&rt.line=l1ne',
    )
  })

  test('tells the session and the last id delivered, once there are such', () => {
    expect(requestFor({}).query).not.toHaveProperty('rt.sid')
    expect(requestFor({}).query).not.toHaveProperty('rt.id')
    expect(requestFor({ position: midway }).query).toMatchObject({ 'rt.sid': 's1', 'rt.id': 'e.5.t5' })
  })

  test('of a WebSocket goes to ws: or wss:', () => {
    expect(requestFor({ via: 'websocket' }).url).toMatch(/^wss:\/\/host\.test\/live\?/)
    expect(requestFor({ via: 'websocket', url: new URL('http://host.test:8080') }).url).toMatch(
      /^ws:\/\/host\.test:8080\//,
    )
  })

  test('of a poll tells which one it is, the first included', () => {
    expect(requestFor({ via: 'long-polling', pollIndex: 0 }).query['rt.n']).toBe('0')
    expect(requestFor({ via: 'long-polling', pollIndex: 12 }).query['rt.n']).toBe('12')
    expect(requestFor({ via: 'eventsource' }).query).not.toHaveProperty('rt.n')
  })

  test('of a script tag names its callback', () => {
    expect(requestFor({ via: 'jsonp', pollIndex: 0, jsonpCallback: '_rt1' }).query['rt.cb']).toBe('_rt1')
  })

  test('of a script tag that sends carries its slice, and no position', () => {
    const query = { 'rt.up': 'id: 1\ndata: 한\n\n', 'rt.at': '0', 'rt.of': '16' }
    const sent = requestFor({ via: 'jsonp', jsonpCallback: '_rt1', query, position: midway }).query
    expect(sent).toMatchObject({ ...query, 'rt.sid': 's1', 'rt.cb': '_rt1' })
    expect(sent).not.toHaveProperty('rt.id')
  })

  test('of a POST has the type that browsers ask permission for, whatever the page sets, and no position', () => {
    const { headers, query } = requestFor({ via: 'post', headers: { 'X-A': '1' }, position: midway })
    expect(headers).toEqual({ 'X-A': '1', 'Content-Type': 'text/event-stream' })
    expect(query).toEqual({ topic: 'a b', 'rt.v': '1', 'rt.via': 'post', 'rt.sid': 's1' })
  })

  test('of a WebSocket has the token in a subprotocol, whatever characters it has, and not in the address', () => {
    for (const token of ['secret', 'a.b-c_d~e+f/g=', '한 ü\u{1f600}', '>>>???']) {
      const asked = requestFor({ via: 'websocket', token })
      expect(asked.protocols?.[0]).toBe('rt.1')
      expect(asked.protocols?.[1]).toMatch(/^rt\.token\.[\w-]+$/)
      expect(tokenOf(asked)).toBe(token)
      expect(asked.query).not.toHaveProperty('rt.token')
      expect(asked.headers).toEqual({})
    }
    expect(requestFor({ via: 'websocket' })).not.toHaveProperty('protocols')
  })

  test('carries the token in a header where one can be set, else in the address if the page says so, or as a ticket', () => {
    for (const via of ['xhr-streaming', 'long-polling', 'post'] as const) {
      const { headers, query } = requestFor({ via, token: 'secret', headers: { 'X-A': '1' } })
      expect(headers).toMatchObject({ 'X-A': '1', Authorization: 'Bearer secret' })
      expect(query).not.toHaveProperty('rt.token')
    }
    for (const via of ['eventsource', 'iframe', 'jsonp'] as const) {
      const { headers, query } = requestFor({ via, token: 'secret' })
      expect(headers).not.toHaveProperty('Authorization')
      expect(query['rt.token']).toBe('secret')
      const hidden = requestFor({ via, token: 'secret', hidden: true, ticket: 'sealed' })
      expect(hidden.query).not.toHaveProperty('rt.token')
      expect(hidden.query['rt.ticket']).toBe('sealed')
    }
  })

  test('takes the place of a reserved parameter that the page set', () => {
    expect(requestFor({ url: new URL('https://host.test/?rt.v=9&rt.via=x') }).query).toMatchObject({
      'rt.v': '1',
      'rt.via': 'xhr-streaming',
    })
  })
})

describe('reading', () => {
  test('a message tells its name, its data and the position after it', () => {
    expect(read(message(6, 'x'))).toEqual({ type: 'message', event: 'message', data: 'x', cursor: 'e.6.t6' })
    expect(read(message(6, 'x', 'wakeup'))).toMatchObject({ event: 'wakeup' })
  })

  test('an empty message is one', () => {
    expect(read(message(6, ''))).toMatchObject({ type: 'message', data: '' })
  })

  test('what was delivered already means nothing', () => {
    expect(read(message(5))).toEqual({ type: 'nothing' })
    expect(read(message(4))).toEqual({ type: 'nothing' })
  })

  test('payloads that the format cannot carry as they are are unpacked', () => {
    expect(read({ id: 'e.6.x', data: 'a\\r\\\\b', encoding: 'escaped' })).toMatchObject({ data: 'a\r\\b' })
    expect(read({ id: 'e.6.x', data: 'AQI=', encoding: 'base64' })).toMatchObject({
      data: Uint8Array.of(1, 2).buffer,
    })
  })

  test('a value is told from a text that looks like one', () => {
    expect(read({ id: 'e.6.x', data: '{"a":1}', type: 'json' })).toMatchObject({ data: { json: '{"a":1}' } })
    expect(read({ id: 'e.6.x', data: '{"a":1}' })).toMatchObject({ data: '{"a":1}' })
    expect(read({ id: 'e.6.x', data: '{"a":1}', type: 'cbor' })).toMatchObject({ data: '{"a":1}' })
  })

  test('an answer names the message that it is for, and moves the position', () => {
    const answer = { id: 'e.6.x', event: 'rt.answer', re: '4 s1' }
    const head = { type: 'answer', number: 4, cursor: 'e.6.x' }
    expect(read({ ...answer, data: 'yes' })).toEqual({ ...head, data: 'yes' })
    expect(read({ ...answer, data: 'AQI=', encoding: 'base64' })).toEqual({
      ...head,
      data: Uint8Array.of(1, 2).buffer,
    })
    expect(read({ ...answer, data: '5', type: 'json' })).toEqual({ ...head, data: { json: '5' } })
    expect(read({ ...answer, data: '', type: 'none' })).toEqual({ ...head, data: undefined })
    // What was asked in another session had another number.
    for (const re of ['4 s2', '4 xs1', '4', undefined])
      expect(read({ ...answer, re, data: 'yes' })).toEqual({ ...head, number: 0, data: 'yes' })
    expect(read({ ...answer, id: 'e.5.t5', data: 'yes' })).toEqual({ type: 'nothing' })
    expect(read({ ...answer, data: 'x', encoding: 'rot13' })).toMatchObject({ type: 'gap' })
  })

  test.each([
    ['an encoding that is unknown', 'rot13', 'x'],
    ['what is not in its encoding', 'base64', '%%%'],
    ['an unknown escape', 'escaped', '\\q'],
    ['bytes that are said to be JSON', 'base64', 'NQ==', 'json'],
  ])('%s is a loss that is told, and the position moves on', (_, encoding, data, type?: string) => {
    expect(read({ id: 'e.6.x', data, encoding, type })).toEqual({
      type: 'gap',
      cursor: 'e.6.x',
      gap: { reason: 'unreadable', from: 'e.5.t5', to: 'e.6.x' },
    })
  })

  test('what cannot be read and has no id moves nothing', () => {
    const gap = { reason: 'unreadable', from: 'e.5.t5', to: 'e.5.t5' }
    expect(read({ data: 'x', encoding: 'rot13' })).toEqual({ type: 'gap', cursor: undefined, gap })
  })

  test.each(['e.x.t', 'e'])('an id whose number cannot be read, %j, is not dropped', id => {
    expect(read({ id, data: 'x' })).toMatchObject({ type: 'message', data: 'x', cursor: id })
  })

  test('the greeting tells the session and where this channel starts', () => {
    expect(read(welcome({ session: 's9', acked: 4 }, 'e.3.x'))).toMatchObject({
      type: 'hello',
      cursor: 'e.3.x',
      hello: { session: 's9', acked: 4, heartbeat: 15_000 },
    })
  })

  test('a loss beyond the cursor is told by a channel that is behind it, and the position stays', () => {
    const told = (to: string) =>
      read({ event: 'rt.gap', id: 'e.3.t3', data: JSON.stringify({ reason: 'trimmed', from: 'e.3.t3', to }) })
    expect(told('e.9.t9')).toMatchObject({ type: 'gap', cursor: undefined, gap: { to: 'e.9.t9' } })
    expect(told('e.5.t5')).toEqual({ type: 'nothing' })
  })

  test('a gap tells what is lost', () => {
    const gap = { reason: 'epoch', from: 'e.5.t5', to: 'f.1.x' }
    expect(read({ event: 'rt.gap', id: 'f.1.x', data: JSON.stringify(gap) })).toEqual({
      type: 'gap',
      cursor: 'f.1.x',
      gap,
    })
  })

  test.each(['{}', '[]', '7', '{"reason":7,"from":null,"to":{}}'])(
    'a gap that says %s is one all the same, in text',
    data => {
      const gap = { reason: 'unknown', from: midway.cursor, to: 'f.1.x' }
      expect(read({ event: 'rt.gap', id: 'f.1.x', data })).toEqual({ type: 'gap', cursor: 'f.1.x', gap })
    },
  )

  test.each<[string, string, object]>([
    [
      'rt.fail',
      '{"status":"constructor","message":"no"}',
      { type: 'refused', failure: { status: undefined, scope: undefined } },
    ],
    [
      'rt.fail',
      '{"status":"403","retryAfter":"soon"}',
      { type: 'refused', failure: { status: undefined, kind: 'status' } },
    ],
    ['rt.nack', 'null', { type: 'nack', number: Number.NaN }],
    ['rt.beat', '{"type":"message","data":1,"spread":40}', { type: 'beat', spread: 40 }],
    ['rt.bye', '{"type":"message","acked":"5"}', { type: 'bye', acked: undefined }],
    ['rt.bye', 'null', { type: 'bye', acked: undefined }],
  ])(
    '%s with %s means no more than it may: each field counts if it is of its type',
    (event, data, meaning) => {
      const frame = read({ event, data })
      expect(frame).toMatchObject(meaning)
      expect(frame).not.toHaveProperty('data')
    },
  )

  test('the words of a refusal are told as far as a person reads', () => {
    const frame = read({
      event: 'rt.fail',
      data: JSON.stringify({ status: 403, message: 'x'.repeat(10_000) }),
    })
    expect(frame.type === 'refused' && frame.failure.detail?.length).toBeLessThan(600)
  })

  test('the rest of the protocol’s own blocks', () => {
    expect(read({ event: 'rt.ack', data: '17' })).toEqual({ type: 'ack', upTo: 17 })
    expect(read({ event: 'rt.nack', data: '{"number":3,"status":422,"message":"no room"}' })).toMatchObject({
      type: 'nack',
      number: 3,
      failure: { status: 422, code: 'server-refused', detail: 'no room' },
    })
    expect(read({ event: 'rt.beat', data: '{"spread":40}' })).toEqual({ type: 'beat', spread: 40 })
    expect(read({ event: 'rt.beat', data: '' })).toEqual({ type: 'beat' })
    expect(read({ event: 'rt.bye', data: '{}' })).toEqual({ type: 'bye', retry: undefined })
    expect(read({ event: 'rt.pong', data: '{}' })).toEqual({ type: 'pong', number: undefined })
    expect(read({ event: 'rt.pong', data: '7' })).toEqual({ type: 'pong', number: 7 })
    expect(read(tick)).toEqual({ type: 'tick' })
  })

  test('a block of the protocol’s own that is not known yet means nothing', () => {
    expect(read({ event: 'rt.future', id: 'e.9.x', data: '{}' })).toEqual({ type: 'nothing' })
  })

  test('a greeting that cannot be read is refused', () => {
    expect(() => read({ event: 'rt.open', data: '<html>' })).toThrow()
  })
})

describe('the reader', () => {
  test('cuts text into blocks, wherever it is cut itself', () => {
    const reader = native.framing.reader(ours('websocket'))
    expect(reader.feed('id: 1\nda')).toEqual([])
    expect(reader.feed('ta: a\n\ndata: b\n\n').map(({ data }) => data)).toEqual(['a', 'b'])
  })

  test('keeps a byte order mark that begins a frame: the browser has dropped that of the stream', () => {
    const [block] = native.framing.reader(ours('websocket')).feed('data: \ufeffx\n\n')
    expect(block?.data).toBe('\ufeffx')
  })

  test('takes no notice of a frame of bytes', () => {
    expect(native.framing.reader(ours('websocket')).feed(new ArrayBuffer(3))).toEqual([])
  })

  test('hands over all of a block that is too large but its data', () => {
    const reader = native.framing.reader(ours('xhr-streaming'), undefined, 1_000)
    expect(reader.feed(`id: e.1.a\ndata: ${'x'.repeat(1_000)}\n\nid: e.2.b\ndata: y\n\n`)).toMatchObject([
      { id: 'e.1.a', data: undefined, oversized: true },
      { id: 'e.2.b', data: 'y' },
    ])
  })
})

describe('proof', () => {
  test.each([
    ['websocket', 'pong'],
    ['eventsource', 'tick'],
    ['xhr-streaming', 'tick'],
    ['long-polling', 'block'],
    ['jsonp', 'block'],
  ] as const)('of %s is: %s', (via, need) => {
    expect(native.protocol.proof(ours(via)).need).toBe(need)
  })
})

describe('writing', () => {
  test('puts the number, the name and the payload into one block', () => {
    expect(native.sending.write({ event: undefined, data: 'hi' }, 1)).toBe('id: 1\ndata: hi\n\n')
    expect(native.sending.write({ event: 'chat', data: 'a\nb' }, 12)).toBe(
      'event: chat\nid: 12\ndata: a\ndata: b\n\n',
    )
  })

  test('says of a value that it is one', () => {
    expect(native.sending.write({ event: 'chat', data: '{"a":1}', type: 'json' }, 1)).toBe(
      'type: json\nevent: chat\nid: 1\ndata: {"a":1}\n\n',
    )
  })

  test('asks for an answer', () => {
    expect(native.sending.write({ event: undefined, data: 'hi', answer: true }, 3)).toBe(
      're: answer\nid: 3\ndata: hi\n\n',
    )
  })

  test('packs what the format cannot carry as it is', () => {
    expect(native.sending.write({ event: undefined, data: 'a\rb' }, 1)).toContain('enc: escaped')
    expect(native.sending.write({ event: undefined, data: Uint8Array.of(1, 2) }, 1)).toContain(
      'enc: base64\n',
    )
  })
})

describe('refusal', () => {
  const told = (data: string) => native.protocol.refusal?.([{ event: 'rt.fail', data } as Incoming])

  test('is read from the block that says what a status would have said', () => {
    expect(told('{"status":503,"retryAfter":7,"message":"later"}')).toEqual({
      kind: 'status',
      status: 503,
      retryAfter: 7_000,
      scope: 'line',
      code: 'server-refused',
      detail: 'later',
    })
    expect(told('{"status":403,"only":true,"message":"not so"}')).toMatchObject({
      status: 403,
      scope: 'transport',
    })
    expect(told('{"message":"not so"}')?.scope).toBeUndefined()
    expect(native.protocol.refusal?.([message(1) as Incoming])).toBeUndefined()
  })

  test.each(['0', '-5', '"soon"', 'null'])('takes no notice of a retryAfter of %s', retryAfter => {
    expect(told(`{"status":503,"retryAfter":${retryAfter}}`)?.retryAfter).toBeUndefined()
  })

  test('never asks for more than ten minutes', () => {
    expect(told('{"status":503,"retryAfter":1e9}')?.retryAfter).toBe(600_000)
  })

  test.each(['', '<html>', 'null', '[]'])('is one although its words are %j', data => {
    expect(told(data)).toMatchObject({ kind: 'status' })
  })
})

describe('final', () => {
  test.each([204, 401, 403])('is status %i', code => {
    expect(finalReason(status(code), native)).toBeDefined()
  })

  test.each([400, 404, 410, 413, 429, 500, 503])('is not status %i', code => {
    expect(finalReason(status(code), native)).toBeUndefined()
  })

  test('is not a broken connection, nor a login page', () => {
    expect(finalReason(cut, native)).toBeUndefined()
    expect(finalReason({ kind: 'content', code: 'a login page', status: 200 }, native)).toBeUndefined()
  })
})
