import { describe, expect, test } from 'vitest'
import type { Incoming, Position, RequestContext } from '../../src/contracts/dialect.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import { plain, plainWith } from '../../src/dialects/plain.ts'
import { madeBy, ours, transportsOf } from '../support/dialects.ts'
import { cut, status } from '../support/fakes.ts'

const start: Position = { cursor: '', session: undefined }

function requestFor(ask: Partial<RequestContext>) {
  return plain.addressing.buildRequest({
    ...madeBy(ask.via ?? 'xhr-streaming'),
    url: new URL('https://host.test/events?a=1'),
    headers: {},
    token: undefined,
    position: start,
    nonce: 'n0nce',
    line: 'l1ne',
    ...ask,
  })
}

function read(block: Partial<Incoming>) {
  const whole = { id: undefined, event: undefined, data: undefined, retry: undefined, encoding: undefined }
  return plain.protocol.parseFrame({ ...whole, ...block } as Incoming, start)
}

describe('a request', () => {
  test('goes to the address as the page gave it', () => {
    expect(requestFor({ via: 'eventsource' }).url).toBe('https://host.test/events?a=1')
    expect(requestFor({ via: 'websocket' }).url).toBe('wss://host.test/events?a=1')
  })

  test('asks as EventSource does', () => {
    expect(requestFor({}).headers).toEqual({ Accept: 'text/event-stream', 'Cache-Control': 'no-cache' })
  })

  test('names the last id once there is one', () => {
    const position = { cursor: '한-5', session: undefined }
    expect(requestFor({ position }).headers['Last-Event-ID']).toBe('한-5')
  })

  test('carries the page’s own headers, which win, and its token', () => {
    expect(requestFor({ headers: { Accept: '*/*' }, token: 'secret' }).headers).toMatchObject({
      Accept: '*/*',
      Authorization: 'Bearer secret',
    })
  })

  test('of a POST has the page’s own headers alone: the browser says what type the body has', () => {
    expect(requestFor({ via: 'post', headers: { 'X-A': '1' } }).headers).toEqual({ 'X-A': '1' })
  })
})

describe('reading', () => {
  test('a block is a message, its data as it came', () => {
    const data = 'rt.open {"a":1}\\r'
    expect(read({ id: '5', data })).toEqual({ type: 'message', event: 'message', data, cursor: '5' })
    expect(read({ event: 'rt.open', data })).toMatchObject({ event: 'rt.open', cursor: undefined })
  })

  test('a block without data is no message, but its id counts', () => {
    expect(read({ id: '5', event: 'ping' })).toEqual({ type: 'position', cursor: '5' })
    expect(read({ event: 'ping' })).toEqual({ type: 'nothing' })
    expect(read({ retry: 500 })).toEqual({ type: 'nothing' })
  })

  test('an empty data line is a message with empty data', () => {
    expect(read({ data: '' })).toMatchObject({ type: 'message', data: '' })
  })
})

describe('the reader', () => {
  test('takes each WebSocket frame for a message, text or bytes', () => {
    const reader = plain.framing.reader(ours('websocket'))
    const bytes = new ArrayBuffer(2)
    expect(reader.feed('data: not an event stream\n\n')).toMatchObject([
      { data: 'data: not an event stream\n\n' },
    ])
    expect(reader.feed(bytes)).toMatchObject([{ bytes }])
    expect(read(reader.feed(bytes)[0] as Incoming)).toMatchObject({ type: 'message', data: bytes })
    expect(reader.end()).toEqual([])
  })

  test('reads an event stream on the others', () => {
    const reader = plain.framing.reader(ours('long-polling'))
    expect(reader.feed('id: 1\nevent: a\ndata: x\n\n')).toMatchObject([{ id: '1', event: 'a', data: 'x' }])
  })
})

test('proof is that somebody accepted: nothing more can be had', () => {
  for (const transport of transportsOf(plain))
    expect(plain.protocol.proof(transport)).toEqual({ need: 'opened' })
})

test('writing leaves the payload as it is', () => {
  const bytes = Uint8Array.of(1, 2)
  expect(plain.sending.write({ event: 'ignored', data: 'a\r\n\nb' }, 1)).toBe('a\r\n\nb')
  expect(plain.sending.write({ event: undefined, data: bytes }, 2)).toBe(bytes)
})

test('no block is a refusal', () => {
  expect(plain.protocol.refusal?.([{ event: 'rt.fail', data: '{}' } as Incoming])).toBeUndefined()
})

describe('what ends a line', () => {
  const letter = plainWith({ letter: true })

  test.each([301, 400, 404, 500, 502])(
    'is not status %i, unless the page asks for EventSource to the letter',
    code => {
      expect(finalReason(status(code), plain)).toBeUndefined()
      expect(finalReason(status(code), letter)).toBe('dialect')
    },
  )

  test.each([
    ['an answer of another type', { kind: 'content', code: 'a login page' }],
    ['what EventSource gives up on without saying why', { kind: 'status', code: 'EventSource was refused' }],
    ['a response that the browser stopped', { kind: 'stopped', code: 'stopped' }],
  ] as const)('is %s to the letter only', (_, failure) => {
    expect(finalReason(failure, plain)).toBeUndefined()
    expect(finalReason(failure, letter)).toBe('dialect')
  })

  test.each([429, 503])('is not status %i with Retry-After, to the letter neither', code => {
    expect(finalReason(status(code, { retryAfter: 1_000 }), letter)).toBeUndefined()
    expect(finalReason(status(code), letter)).toBe('dialect')
  })

  test('is not a connection that broke', () => {
    expect(finalReason(cut, letter)).toBeUndefined()
  })

  test('is a code of a WebSocket that the page takes for the last word', () => {
    const closed = (code: number) => ({ kind: 'ended', closeCode: code, code: `closed (${code})` }) as const
    const dialect = plainWith({ ends: code => code === 4_401 })
    expect(finalReason(closed(4_401), dialect)).toBe('dialect')
    expect(finalReason(closed(1_008), dialect)).toBeUndefined()
    expect(finalReason(closed(4_401), plain)).toBeUndefined()
  })
})
