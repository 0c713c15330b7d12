import { describe, expect, test } from 'vitest'
import { createPosition } from '../../src/connection/position.ts'
import type { Incoming, Reader, RequestContext } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import { type DurableStreamsOptions, durableStreams } from '../../src/dialects/durable-streams.ts'
import { madeBy, ours, transportsOf } from '../support/dialects.ts'
import { createWorld } from '../support/world.ts'

function requestFor(ask: Partial<RequestContext> & { cursor?: string }, options?: DurableStreamsOptions) {
  return durableStreams(options).addressing.buildRequest({
    ...madeBy(ask.via ?? 'xhr-streaming'),
    url: new URL('https://host.test/v1/stream/a?x=1'),
    headers: {},
    token: undefined,
    position: { cursor: ask.cursor ?? '', session: undefined },
    nonce: 'n0nce',
    line: 'l1ne',
    ...ask,
  })
}

const queryOf = (...asked: Parameters<typeof requestFor>) =>
  Object.fromEntries(new URL(requestFor(...asked).url).searchParams)

/** What a line hears, whose position moves on from response to response. */
function listen(options?: DurableStreamsOptions, lastEventId = '') {
  const dialect = durableStreams(options)
  const position = createPosition(dialect.protocol, lastEventId, createWorld().environment)
  const heard: unknown[] = []
  const take = (blocks: Incoming[]) => {
    for (const block of blocks) {
      const frame = position.take(block)
      if (frame.type === 'message') {
        const data = frame.data instanceof ArrayBuffer ? [...new Uint8Array(frame.data)] : frame.data
        heard.push([data, position.cursor])
      } else if (frame.type === 'gap') heard.push([frame.gap.reason, position.cursor])
      else if (frame.type === 'bye') heard.push(`bye ${frame.status}`)
    }
  }
  return {
    heard,
    /** All that was heard since the last time, without positions. */
    texts: () => heard.splice(0).map(each => (Array.isArray(each) ? each[0] : each)),
    cursor: () => position.cursor,
    /** One response: an event stream that breaks off where the text ends. */
    streams(...pieces: string[]) {
      const reader = dialect.framing.reader(ours('xhr-streaming'))
      for (const piece of pieces) take(reader.feed(piece))
    },
    polls(body: string, headers: Record<string, string> = {}, status = 200, isCut = false) {
      const reader = dialect.framing.reader(ours('long-polling'))
      expect(judge(reader, status, { 'Stream-Next-Offset': '2', ...headers })).toBeUndefined()
      for (const piece of body.match(/.{1,3}/gs) ?? []) take(reader.feed(piece))
      if (!isCut) take(reader.end())
    },
    gone(via: 'xhr-streaming' | 'long-polling') {
      const reader = dialect.framing.reader(ours(via))
      expect(judge(reader, 410, {})).toBeUndefined()
      take([...reader.feed('Stream is gone'), ...reader.end()])
    },
  }
}

function judge(reader: Reader, status: number, headers: Record<string, string>) {
  const head = { status, header: (name: string) => headers[name] ?? null }
  return reader.head?.(head, () => ({ kind: 'status', code: 'usual', status }))
}

const data = (text: string) =>
  `event: data\n${text
    .split('\n')
    .map(each => `data:${each}\n`)
    .join('')}\n`
const control = (offset: string, more = {}) =>
  `event: control\ndata:${JSON.stringify({ streamNextOffset: offset, streamCursor: '7', ...more })}\n\n`

describe('a request', () => {
  test('begins at the beginning, or with what is new, if the page wants that', () => {
    expect(queryOf({})).toEqual({ x: '1', offset: '-1', live: 'sse' })
    expect(queryOf({}, { from: 'now' })).toEqual({ x: '1', offset: 'now', live: 'sse' })
    expect(queryOf({ cursor: 'now' })).toEqual({ x: '1', offset: 'now', live: 'sse' })
  })

  test('asks for what comes after the last offset, also within a batch', () => {
    for (const { name: via } of transportsOf(durableStreams())) {
      expect(queryOf({ via, cursor: '5_1' }, { from: 'now' }).offset).toBe('5_1')
      expect(queryOf({ via, cursor: '5_1,3' }).offset).toBe('5_1')
    }
  })

  test('is answered at once when it is the first poll, and repeats after each what caches go by', () => {
    const via = 'long-polling'
    expect(queryOf({ via, pollIndex: 0 })).toEqual({ x: '1', offset: '-1' })
    const previous = durableStreams().framing.reader(ours(via))
    expect(queryOf({ via, pollIndex: 1, previous, cursor: '1' })).toEqual({
      x: '1',
      offset: '1',
      live: 'long-poll',
    })
    judge(previous, 204, { 'Stream-Next-Offset': '1', 'Stream-Cursor': '9' })
    expect(queryOf({ via, pollIndex: 2, previous, cursor: '1' })).toEqual({
      x: '1',
      offset: '1',
      live: 'long-poll',
      cursor: '9',
    })
  })

  test('shows its token in a header only', () => {
    for (const via of ['eventsource', 'xhr-streaming', 'long-polling', 'post'] as const) {
      const { url, headers } = requestFor({ via, token: 'secret' })
      expect(url).not.toContain('secret')
      expect(headers.Authorization).toBe('Bearer secret')
    }
  })

  test('that appends has the stream’s type, the numbers of its producer, and the body alone', () => {
    const { url, headers, body } = requestFor({ via: 'post', body: 'me 3 17\n[1]\n2 3 4\n' })
    expect(url).toBe('https://host.test/v1/stream/a?x=1')
    expect(headers).toEqual({
      'Content-Type': 'application/json',
      'Producer-Id': 'me',
      'Producer-Epoch': '3',
      'Producer-Seq': '17',
    })
    expect(body).toBe('[1]\n2 3 4\n')
    const bytes = Uint8Array.of(...new TextEncoder().encode('me 0 0\n'), 255, 10, 0).buffer
    const asked = requestFor({ via: 'post', body: bytes }, { contentType: 'image/png' })
    expect([...new Uint8Array(asked.body as ArrayBuffer)]).toEqual([255, 10, 0])
    expect(asked.headers['Content-Type']).toBe('image/png')
  })
})

test.each([
  ['application/json', ['eventsource', 'xhr-streaming', 'fetch-streaming', 'long-polling']],
  ['application/json; charset=utf-8', ['eventsource', 'xhr-streaming', 'fetch-streaming', 'long-polling']],
  ['text/plain', ['long-polling']],
  ['application/octet-stream', ['eventsource', 'xhr-streaming', 'fetch-streaming']],
  ['application/jsonl', ['eventsource', 'xhr-streaming', 'fetch-streaming']],
])('a stream of %s goes over %j', (contentType, names) => {
  expect(transportsOf(durableStreams({ contentType })).map(({ name }) => name)).toEqual(names)
})

describe('an event stream', () => {
  test('is told value by value, however it is cut, the last of a batch with the offset behind it', () => {
    const text =
      data('[{"a":"],[\\""}, [1,[2]] ,\n3]') + data('["x"]') + control('2') + data('[null]') + control('3')
    for (let at = 0; at <= text.length; at++) {
      const { heard, streams } = listen()
      streams(text.slice(0, at), text.slice(at))
      expect(heard).toEqual([
        ['{"a":"],[\\""}', '-1,1'],
        ['[1,[2]]', '-1,2'],
        ['3', '-1,3'],
        ['"x"', '2'],
        ['null', '3'],
      ])
    }
  })

  test('that breaks off anywhere is gone on with where it was, whatever batches the next one has', () => {
    const first = data('[1,2,3]') + data('[4]') + control('2') + data('[5,6]') + control('3')
    const rests: Record<string, string[]> = {
      '-1': [data('[1]') + control('0') + data('[2,3,4,5]') + data('[6]') + control('3'), first],
      0: [data('[2,3,4,5]') + data('[6]') + control('3')],
      2: [data('[5]') + control('2x') + data('[6]') + control('3')],
      3: [control('3')],
    }
    for (let at = 0; at <= first.length; at++) {
      const probe = listen()
      probe.streams(first.slice(0, at))
      for (const rest of rests[probe.cursor().split(',')[0] || '-1'] ?? []) {
        const { texts, streams } = listen()
        streams(first.slice(0, at))
        streams(rest)
        expect(texts(), `cut at ${at}`).toEqual(['1', '2', '3', '4', '5', '6'])
      }
    }
  })

  test('is gone on with by a poll, and the other way round', () => {
    const { texts, cursor, streams, polls } = listen()
    streams(data('[1,2]') + data('[3]'))
    expect(cursor()).toBe('-1,2')
    polls('[1,2,3,4,5]', {}, 200, true)
    expect(cursor()).toBe('-1,4')
    streams(data('[1,2]') + control('0') + data('[3]') + data('[4,5]') + control('2'))
    expect(texts()).toEqual(['1', '2', '3', '4', '5'])
    expect(cursor()).toBe('2')
  })

  test('has a position of its own although nothing was appended', () => {
    const { heard, cursor, streams } = listen({ from: 'now' })
    streams(control('8', { upToDate: true }))
    expect([cursor(), heard]).toEqual(['8', []])
  })

  test('from now on has no position before the server has told it one', () => {
    const { heard, cursor, streams } = listen({ from: 'now' })
    streams(data('[1]') + data('[2]'))
    expect([cursor(), heard]).toEqual(['', [['1', '']]])
  })

  test('ends for good when the stream is closed, after the last message', () => {
    const { heard, streams } = listen()
    streams(data('[1]') + control('1', { streamClosed: true }))
    expect(heard).toEqual([['1', '1'], 'bye 204'])
    expect(finalReason({ kind: 'ended', code: 'goodbye', status: 204 }, durableStreams())).toBe('no-content')
  })

  test('that ends and has said nothing is of another server, and its channel is not continued at once', () => {
    const { framing, protocol } = durableStreams()
    const answered = (text: string, failure?: Failure) => {
      const reader = framing.reader(ours('xhr-streaming'))
      reader.head?.({ status: 200, header: () => null }, () => failure)
      return [...reader.feed(text), ...reader.end()].map(
        block => protocol.parseFrame(block, { cursor: '', session: undefined }).type,
      )
    }
    expect(answered(': hello\n\n')).toEqual(['bye'])
    expect(answered(data('[1]'))).toEqual([])
    // One that was refused has been told of already.
    expect(answered('', { kind: 'status', code: 'status', status: 403 })).toEqual([])
  })

  test('whose batch ends where it begins is of another server, or from a cache', () => {
    const { heard, streams } = listen({}, '5')
    expect(() => streams(data('[1]') + control('5'))).toThrow(SyntaxError)
    streams(control('5'))
    expect(heard).toEqual([])
  })

  test('may have events that nobody knows yet', () => {
    const { heard, streams } = listen()
    streams(`event: news\ndata: [1]\n\n: comment\n\ndata: x\n\n${data('[2]')}${control('2')}`)
    expect(heard).toEqual([['2', '2']])
  })

  test.each(['{', '"x"', 'null', '{"streamNextOffset":7}', ''])(
    'with %j for a control event cannot be read',
    text => {
      expect(() => listen().streams(`event: control\ndata:${text}\n\n`)).toThrow(SyntaxError)
    },
  )

  test('of bytes is base64', () => {
    const { heard, streams } = listen({ contentType: 'image/png' })
    streams(data(btoa('\xff\x00\r\n')) + data(btoa('a')))
    streams(data(btoa('\xff\x00\r\na')) + data(btoa('bc')) + control('9'))
    expect(heard).toEqual([
      [[255, 0, 13, 10], '-1,4'],
      [[97], '-1,5'],
      [[98, 99], '9'],
    ])
  })

  test('over an EventSource is the same', () => {
    const { framing } = durableStreams()
    const source = new EventTarget()
    const found: Incoming[] = []
    framing.relay?.(
      source as EventSource,
      blocks => found.push(...blocks),
      () => () => {},
    )
    const say = (type: string, data: string) => source.dispatchEvent(new MessageEvent(type, { data }))
    say('message', 'x')
    say('data', '[1,2]')
    expect(found).toMatchObject([{ data: '1' }])
    say('control', '{"streamNextOffset":"4"}')
    expect(found).toMatchObject([{ data: '1' }, { data: '2', control: { streamNextOffset: '4' } }])
  })
})

describe('a poll', () => {
  test('is told value by value as it comes, with the offset of its head behind the last', () => {
    const { heard, polls } = listen()
    polls(' [1 , "a\\\\", {"b":[]}] ')
    expect(heard).toEqual([
      ['1', '-1,1'],
      ['"a\\\\"', '-1,2'],
      ['{"b":[]}', '2'],
    ])
  })

  test.each([
    [200, '[]'],
    [204, ''],
  ])('with %i and %j has nothing new, and a position', (status, body) => {
    const { heard, cursor, polls } = listen()
    polls(body, {}, status)
    expect([cursor(), heard]).toEqual(['2', []])
  })

  test.each([200, 204])('ends for good when the stream is closed (%i)', status => {
    const { heard, polls } = listen()
    polls(status === 200 ? '[1]' : '', { 'Stream-Closed': 'true' }, status)
    expect(heard.at(-1)).toBe('bye 204')
  })

  test('of a text brings it in pieces, and goes on within one', () => {
    const { texts, cursor, polls } = listen({ contentType: 'text/plain' })
    polls(' one\r\ntw', {}, 200, true)
    expect(texts().join('')).toBe(' one\r\n')
    expect(cursor()).toBe('-1,6')
    polls(' one\r\ntwo 👋')
    expect(texts().join('')).toBe('two 👋')
    expect(cursor()).toBe('2')
  })

  test('that is answered by somebody else is no answer', () => {
    const reader = durableStreams().framing.reader(ours('long-polling'))
    expect(judge(reader, 200, { 'Content-Type': 'text/html' })).toMatchObject({ code: 'usual' })
    expect(judge(reader, 503, { 'Stream-Next-Offset': '1' })).toMatchObject({ code: 'usual' })
  })
})

describe('a value that is too large', () => {
  test('is a gap, and what comes after it is heard', () => {
    const dialect = durableStreams()
    for (const via of ['xhr-streaming', 'long-polling'] as const) {
      const { protocol, framing } = dialect
      const position = createPosition(protocol, '', createWorld().environment)
      const reader = framing.reader(ours(via), undefined, 20)
      judge(reader, 200, { 'Stream-Next-Offset': '3' })
      const large = `"${'x'.repeat(30)}"`
      const blocks =
        via === 'long-polling'
          ? [...reader.feed(`[1,${large},2]`), ...reader.end()]
          : reader.feed(data(`[1,${large}]`) + data('[2]') + control('3'))
      expect(blocks.map(block => position.take(block).type)).toEqual(['message', 'gap', 'message'])
      expect(position.cursor).toBe('3')
    }
  })
})

describe.each(['xhr-streaming', 'long-polling'] as const)('410 over %s', via => {
  test('is a gap where the line has a position: it goes on with what is kept', () => {
    const { heard, cursor, gone } = listen({ from: 'now' }, '5_1,2')
    gone(via)
    expect(heard).toEqual([['trimmed', '-1']])
    expect(queryOf({ cursor: cursor() }, { from: 'now' }).offset).toBe('-1')
    gone(via)
    expect(heard.at(-1)).toBe('bye 410')
  })

  test('ends a line for good that has asked for the beginning', () => {
    const { heard, gone } = listen()
    gone(via)
    expect(heard).toEqual(['bye 410'])
    expect(finalReason({ kind: 'ended', code: 'goodbye', status: 410 }, durableStreams())).toBe('dialect')
    expect(finalReason({ kind: 'status', code: 'status', status: 410 }, durableStreams())).toBeUndefined()
  })
})

describe('an append', () => {
  const answered = (status: number, headers: Record<string, string>) =>
    durableStreams().sending.head?.({ status, header: name => headers[name] ?? null }, () =>
      status < 300 ? undefined : { kind: 'status', code: 'status', status },
    )

  test('is taken with any success', () => {
    expect(answered(200, { 'Producer-Epoch': '0' })).toBeUndefined()
    expect(answered(204, { 'Stream-Closed': 'true' })).toBeUndefined()
  })

  test('says why it was refused', () => {
    expect(answered(403, { 'Producer-Epoch': '5' })).toMatchObject({
      code: 'fenced',
      detail: 'its epoch is 5',
    })
    expect(answered(403, {})).toMatchObject({ code: 'status' })
    expect(answered(409, { 'Producer-Expected-Seq': '0' })).toMatchObject({ code: 'sequence-gap' })
    expect(answered(409, { 'Stream-Closed': 'true' })).toMatchObject({ code: 'stream-closed' })
    expect(answered(409, {})).toMatchObject({ code: 'status' })
  })

  test('of a name, or of bytes to a stream of JSON, is refused where it is sent', () => {
    const { write } = durableStreams().sending
    expect(() => write({ event: 'chat', data: '1' }, 1)).toThrow(TypeError)
    expect(() => write({ event: undefined, data: new ArrayBuffer(1) }, 1)).toThrow(TypeError)
    expect(write({ event: undefined, data: '{"a":1}' }, 1)).toBe('{"a":1}')
    const text = durableStreams({ contentType: 'text/plain' }).sending
    expect(() => text.codec?.encode(Uint8Array.of(1))).toThrow(TypeError)
    const bytes = durableStreams({ contentType: 'image/png' }).sending
    expect(bytes.write({ event: undefined, data: 'x' }, 1)).toBe('x')
  })
})
