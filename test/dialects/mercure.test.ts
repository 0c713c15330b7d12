import { describe, expect, test } from 'vitest'
import type { Incoming, Position, RequestContext } from '../../src/contracts/dialect.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import { type MercureOptions, mercure } from '../../src/dialects/mercure.ts'
import { madeBy, ours } from '../support/dialects.ts'
import { cut, status } from '../support/fakes.ts'

const start: Position = { cursor: '', session: undefined }
const later: Position = { cursor: 'urn:uuid:1', session: undefined }

function requestFor(ask: Partial<RequestContext>, options?: MercureOptions) {
  return mercure(options).addressing.buildRequest({
    ...madeBy(ask.via ?? 'xhr-streaming'),
    url: new URL('https://host.test/.well-known/mercure?topic=a&topic=b'),
    headers: {},
    token: undefined,
    position: start,
    nonce: 'n0nce',
    line: 'l1ne',
    ...ask,
  })
}

describe('a request', () => {
  test('has the topics as the page gave them, and the last id in the address', () => {
    expect(requestFor({}).url).toBe('https://host.test/.well-known/mercure?topic=a&topic=b')
    expect(requestFor({ position: later }).url).toMatch(/\?topic=a&topic=b&lastEventID=urn:uuid:1$/)
    expect(requestFor({ position: later }, { lastEventId: 'Last-Event-ID' }).url).toMatch(
      /&Last-Event-ID=urn:uuid:1$/,
    )
  })

  test('carries the token in the address only where no header can', () => {
    expect(requestFor({ via: 'eventsource', token: 'secret' }).url).toContain('authorization=secret')
    expect(requestFor({ via: 'eventsource', token: 'secret' }, { token: 'access_token' }).url).toContain(
      'access_token=secret',
    )
    for (const via of ['xhr-streaming', 'post'] as const) {
      const { url, headers } = requestFor({ via, token: 'secret' })
      expect(url).not.toContain('secret')
      expect(headers.Authorization).toBe('Bearer secret')
    }
  })

  test('publishes to the hub alone, by a form', () => {
    const { url, headers } = requestFor({ via: 'post' })
    expect(url).toBe('https://host.test/.well-known/mercure')
    expect(headers['Content-Type']).toBe('application/x-www-form-urlencoded')
  })
})

describe('writing', () => {
  test('is a form of the page’s fields, the data and the event’s name as its type', () => {
    const { write } = mercure({ publish: { topic: 'a', private: 'on' } }).sending
    expect(write({ event: undefined, data: 'x & y = 안' }, 1)).toBe(
      'topic=a&private=on&data=x+%26+y+%3D+%EC%95%88',
    )
    expect(write({ event: 'alarm', data: 'x' }, 2)).toBe('topic=a&private=on&type=alarm&data=x')
  })

  test('is of text and values; bytes are refused where they are sent', () => {
    const { codec } = mercure().sending
    expect(codec?.encode({ a: 1 })).toBe('{"a":1}')
    expect(() => codec?.encode(Uint8Array.of(1))).toThrow('text only')
    expect(codec?.decode('x')).toBe('x')
  })
})

describe('reading', () => {
  const blocksAfter = (header: string | null) => {
    const reader = mercure().framing.reader(ours('xhr-streaming'))
    expect(reader.head?.({ status: 200, header: () => header }, () => undefined)).toBeUndefined()
    return [...reader.feed(':\n'), ...reader.feed('id: urn:uuid:9\nevent: alarm\ndata: x\n\n')]
  }
  const meanings = (header: string | null, position: Position) =>
    blocksAfter(header).map(block => mercure().protocol.parseFrame(block, position))
  const message = { type: 'message', event: 'alarm', data: 'x', cursor: 'urn:uuid:9' }

  test('tells of a gap where the response begins after another id than was asked for', () => {
    const gap = (to: string) => ({
      type: 'gap',
      cursor: to,
      gap: { reason: 'unknown', from: 'urn:uuid:1', to },
    })
    expect(meanings('urn:uuid:5', later)).toEqual([gap('urn:uuid:5'), message])
    expect(meanings('earliest', later)).toEqual([gap('earliest'), message])
  })

  test('tells of none where it begins after that one, or where nothing was asked or said', () => {
    expect(meanings('urn:uuid:1', later)).toEqual([{ type: 'nothing' }, message])
    expect(meanings('urn:uuid:5', start)).toEqual([{ type: 'nothing' }, message])
    expect(meanings(null, later)).toEqual([message])
  })

  test('lets the usual judge say whether the response is an event stream', () => {
    const usual = status(404)
    expect(
      mercure()
        .framing.reader(ours('xhr-streaming'))
        .head?.({ status: 404, header: () => null }, () => usual),
    ).toBe(usual)
  })

  test('a block without data is no message, but its id counts', () => {
    const block = { id: '5', event: undefined, data: undefined, retry: undefined, encoding: undefined }
    expect(mercure().protocol.parseFrame(block, start)).toEqual({ type: 'position', cursor: '5' })
    expect(mercure().protocol.parseFrame({ ...block, id: undefined } as Incoming, start)).toEqual({
      type: 'nothing',
    })
  })
})

test('final is what refuses this page, and nothing that passes', () => {
  for (const code of [401, 403]) expect(finalReason(status(code), mercure())).toBeDefined()
  for (const failure of [cut, status(404), status(502)])
    expect(finalReason(failure, mercure())).toBeUndefined()
})
