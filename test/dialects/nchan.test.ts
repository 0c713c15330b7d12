import { describe, expect, test } from 'vitest'
import type { Incoming, Position, Reader, RequestContext } from '../../src/contracts/dialect.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import { type NchanOptions, nchan } from '../../src/dialects/nchan.ts'
import { madeBy, ours, transportsOf } from '../support/dialects.ts'
import { cut, status } from '../support/fakes.ts'

const start: Position = { cursor: '', session: undefined }

function requestFor(ask: Partial<RequestContext>, options?: NchanOptions) {
  return nchan(options).addressing.buildRequest({
    ...madeBy(ask.via ?? 'xhr-streaming'),
    url: new URL('https://host.test/sub/a?x=1'),
    headers: {},
    token: undefined,
    position: start,
    nonce: 'n0nce',
    line: 'l1ne',
    ...ask,
  })
}

function read(block: Partial<Incoming>, cursor = '') {
  const whole = { id: undefined, event: undefined, data: undefined, retry: undefined, encoding: undefined }
  return nchan().protocol.parseFrame({ ...whole, ...block } as Incoming, { cursor, session: undefined })
}

describe('a request', () => {
  test('names the last id in the address, on every channel, and gets by every cache', () => {
    const position = { cursor: '1795264566:3', session: undefined }
    for (const { name: via } of transportsOf(nchan())) {
      const { searchParams } = new URL(requestFor({ via, position }).url)
      expect(Object.fromEntries(searchParams)).toEqual({ x: '1', last_event_id: '1795264566:3', _: 'n0nce' })
    }
    expect(requestFor({}).url).not.toContain('last_event_id')
  })

  test('asks for each channel by what tells them apart', () => {
    expect(requestFor({ via: 'websocket' })).toMatchObject({
      url: expect.stringMatching(/^wss:/),
      protocols: ['ws+meta.nchan'],
    })
    expect(requestFor({ via: 'xhr-streaming' }).headers).toEqual({ Accept: 'text/event-stream' })
    expect(requestFor({ via: 'multipart' }).headers).toEqual({ Accept: 'multipart/mixed' })
    expect(requestFor({ via: 'long-polling' }).headers).toEqual({ Accept: '*/*' })
  })

  test('carries the token in the address only where no header can', () => {
    expect(requestFor({ via: 'websocket', token: 'secret' }).url).toContain('token=secret')
    expect(requestFor({ via: 'eventsource', token: 'secret' }).url).toContain('token=secret')
    for (const via of ['xhr-streaming', 'long-polling', 'post'] as const) {
      const { url, headers } = requestFor({ via, token: 'secret' })
      expect(url).not.toContain('secret')
      expect(headers.Authorization).toBe('Bearer secret')
    }
  })

  test('publishes where the page says, relative to the line, or at the line’s own address', () => {
    expect(requestFor({ via: 'post' }).url).toBe('https://host.test/sub/a?x=1')
    expect(requestFor({ via: 'post' }, { publish: '/pub/a' }).url).toBe('https://host.test/pub/a')
    expect(requestFor({ via: 'post' }, { publish: 'https://other.test/a' }).url).toBe('https://other.test/a')
  })

  test('says what is published, so that bytes do not go out as text', () => {
    expect(requestFor({ via: 'post', body: 'x' }).headers['Content-Type']).toBe('text/plain')
    expect(requestFor({ via: 'post', body: new ArrayBuffer(1) }).headers['Content-Type']).toBe(
      'application/octet-stream',
    )
    const headers = { 'Content-Type': 'image/png' }
    expect(requestFor({ via: 'post', body: new ArrayBuffer(1), headers }).headers['Content-Type']).toBe(
      'image/png',
    )
  })
})

describe('the reader', () => {
  test('takes a frame’s id from the lines before its body', () => {
    const frames = nchan().framing.reader(ours('websocket'))
    expect(frames.feed('id: 1:0\ncontent-type: a/b\n\nid: 9:9\n\nbody')).toMatchObject([
      { id: '1:0', data: 'id: 9:9\n\nbody' },
    ])
    expect(frames.feed('id: 1:1\n\n')).toMatchObject([{ id: '1:1', data: '' }])
    const [block] = frames.feed(
      bytesOf('id: 1:2\ncontent-type: application/octet-stream\n\n', 255, 0, 10, 10),
    )
    expect(block).toMatchObject({ id: '1:2', data: undefined })
    expect([...new Uint8Array(block?.bytes as ArrayBuffer)]).toEqual([255, 0, 10, 10])
  })

  test('takes a frame without an id as it is', () => {
    expect(nchan().framing.reader(ours('websocket')).feed('plain\n\ntext')).toMatchObject([
      { id: undefined, data: 'plain\n\ntext' },
    ])
  })

  test('hears from an event stream’s last comment that the channel is gone, however it is cut', () => {
    const text = ': hi\n\nid: 1:0\ndata: x\n\n:410: 410 Gone\n\n'
    for (let at = 0; at <= text.length; at++) {
      const reader = nchan().framing.reader(ours('xhr-streaming'))
      const blocks = [...reader.feed(text.slice(0, at)), ...reader.feed(text.slice(at)), ...reader.end()]
      expect(blocks.map(block => nchan().protocol.parseFrame(block, start).type)).toEqual(['message', 'bye'])
    }
  })

  test.each([
    'id: 1:0\ndata: x\n\n:408: 408 Request Timeout\n\n',
    'id: 1:0\ndata: x\ndata: :410: in a message\n\n',
  ])('hears nothing of the kind from %j', text => {
    const reader = nchan().framing.reader(ours('xhr-streaming'))
    expect(reader.feed(text)).toHaveLength(1)
    expect(reader.end()).toEqual([])
  })

  test('makes one message of an answer, with the id of its two headers', () => {
    const reader = nchan().framing.reader(ours('long-polling'))
    expect(
      judge(reader, 200, { 'Last-Modified': 'Sat, 21 Nov 2026 12:36:06 GMT', Etag: '[2],-' }),
    ).toBeUndefined()
    expect([...reader.feed('id: no\n'), ...reader.feed('\nevent stream')]).toEqual([])
    expect(reader.end()).toMatchObject([{ id: '1795264566:[2],-', data: 'id: no\n\nevent stream' }])
  })

  test('does the same for an empty answer, and nothing for one that says that nothing is there', () => {
    const reader = nchan().framing.reader(ours('long-polling'))
    judge(reader, 200, { 'Last-Modified': 'Sat, 21 Nov 2026 12:36:06 GMT', Etag: '0' })
    expect(reader.end()).toMatchObject([{ id: '1795264566:0', data: '' }])
    for (const code of [304, 408]) {
      const nothing = nchan().framing.reader(ours('long-polling'))
      expect(judge(nothing, code)).toBeUndefined()
      expect(nothing.end()).toEqual([])
    }
  })

  test.each([[200], [204], [302], [403], [410], [502]])(
    'leaves any other answer, such as status %i without an id, to the usual judge',
    code => {
      const usual = status(code)
      expect(
        nchan()
          .framing.reader(ours('long-polling'))
          .head?.({ status: code, header: () => null }, () => usual),
      ).toBe(usual)
    },
  )

  test('says when a message is too large', () => {
    const reader = nchan().framing.reader(ours('long-polling'), undefined, 10)
    const headers: Record<string, string> = { 'Last-Modified': 'Thu, 01 Jan 1970 00:00:07 GMT', Etag: '3' }
    reader.head?.({ status: 200, header: name => headers[name] ?? null }, () => undefined)
    reader.feed('x'.repeat(10))
    reader.feed('x')
    expect(reader.end()).toMatchObject([{ id: '7:3', data: '', oversized: true }])
  })
})

describe('reading', () => {
  test('a block is a message at its id', () => {
    expect(read({ id: '5:0', data: 'x' })).toEqual({
      type: 'message',
      event: 'message',
      data: 'x',
      cursor: '5:0',
    })
    expect(read({ id: '5:0', data: '' })).toMatchObject({ type: 'message', data: '' })
  })

  test('a ping is nothing', () => {
    expect(read({ event: 'ping' })).toEqual({ type: 'nothing' })
  })

  test.each([
    ['5:0', '5:1'],
    ['5:9', '5:10'],
    ['5:9', '10:0'],
    ['99:3', '100:0'],
  ])('%s comes before %s, on whichever channel', (earlier, later) => {
    expect(read({ id: later, data: 'x' }, earlier).type).toBe('message')
    expect(read({ id: earlier, data: 'x' }, later).type).toBe('nothing')
    expect(read({ id: earlier, data: 'x' }, earlier).type).toBe('nothing')
  })

  test('ids of several channels are never compared, so nothing is dropped for its place', () => {
    const ids = ['5:[0],-', '5:-,[0]', '4:[7],2', '5:0,[1]']
    for (const id of ids) {
      for (const cursor of ids)
        expect(read({ id, data: 'x' }, cursor).type).toBe(id === cursor ? 'nothing' : 'message')
    }
    expect(nchan({ multiplexed: true }).protocol.comparableIds).toBe(false)
    expect(nchan().protocol.comparableIds).toBe(true)
  })
})

describe('final', () => {
  const closed = (code: number, reason: string) =>
    ({
      kind: 'ended',
      code: 'told',
      detail: 'closed',
      closeCode: code,
      cause: { reason } as CloseEvent,
    }) as const
  const gone = [status(410), closed(1001, '410 Gone')]

  test('is what refuses this page', () => {
    for (const code of [401, 403]) expect(finalReason(status(code), nchan())).toBeDefined()
  })

  test('is the end of a channel only if the page says so: nginx says the same when it is reloaded', () => {
    for (const failure of gone) {
      expect(finalReason(failure, nchan())).toBeUndefined()
      expect(finalReason(failure, nchan({ endsWhenGone: true }))).toBeDefined()
    }
  })

  test('is nothing that passes', () => {
    const passing = [
      cut,
      status(502),
      closed(1000, '408 408 Request Timeout'),
      closed(1001, 'going away'),
      closed(1006, ''),
    ]
    for (const failure of passing) expect(finalReason(failure, nchan({ endsWhenGone: true }))).toBeUndefined()
  })
})

test('writing leaves the payload as it is', () => {
  const bytes = Uint8Array.of(1, 2)
  expect(nchan().sending.write({ event: 'ignored', data: 'a\r\n\nb' }, 1)).toBe('a\r\n\nb')
  expect(nchan().sending.write({ event: undefined, data: bytes }, 2)).toBe(bytes)
})

function judge(reader: Reader, code: number, headers: Record<string, string> = {}) {
  return reader.head?.({ status: code, header: name => headers[name] ?? null }, () => status(code))
}

function bytesOf(text: string, ...more: number[]): ArrayBuffer {
  return Uint8Array.of(...[...text].map(character => character.charCodeAt(0)), ...more).buffer
}
