import { describe, expect, test } from 'vitest'
import type { Failure } from '../../src/contracts/failure.ts'
import { native } from '../../src/dialects/native.ts'
import { plain, plainWith } from '../../src/dialects/plain.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { sentence } from '../../src/words.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { vary } from '../support/dialects.ts'

const harness: Harness = {
  transport: websocket,
  parts: page => ({ WebSocket: page.WebSocket }),
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: false,
}

transportContract(harness)
topicsContract(harness)

/** A WebSocket whose server is the test. */
class FakeSocket {
  static last: FakeSocket
  readyState = 0
  binaryType = 'blob'
  readonly sent: unknown[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null
  readonly url: string
  readonly protocols: string[] | undefined

  constructor(url: string, protocols?: string[]) {
    this.url = url
    this.protocols = protocols
    FakeSocket.last = this
  }

  send(data: unknown): void {
    this.sent.push(data)
  }

  close(): void {
    this.readyState = 2
  }

  opens(): void {
    this.readyState = 1
    this.onopen?.()
  }

  closes(code: number, wasClean: boolean, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason, wasClean })
  }
}

function begin(dialect = native) {
  const stage = openChannel(websocket, dialect, { WebSocket: FakeSocket as never })
  return { ...stage, socket: FakeSocket.last }
}

describe('how it closes', () => {
  test('is told with its code and reason', () => {
    const { failures, socket, world } = begin()
    socket.closes(1006, false)
    const host = world.origin.replace('https', 'wss')
    expect(sentence(failures[0] as Failure)).toBe(`WebSocket to ${host}/live closed before opening (1006)`)
    const second = begin()
    second.socket.opens()
    second.socket.closes(1011, true, 'restarting')
    expect(sentence(second.failures[0] as Failure)).toMatch(/closed \(1011 restarting\)$/)
  })

  test.each<[string, boolean, boolean, Failure['kind']]>([
    ['before it opened: refused', false, false, 'refused'],
    ['cleanly: ended', true, true, 'ended'],
    ['without a goodbye: cut', true, false, 'cut'],
  ])('%s', (_, opened, clean, kind) => {
    const { failures, socket } = begin()
    if (opened) socket.opens()
    socket.closes(clean ? 1000 : 1006, clean)
    expect(failures.map(failure => failure.kind)).toEqual([kind])
  })
})

test('a send while it is closing says that this one was not taken', () => {
  const { channel, socket } = begin()
  socket.opens()
  socket.readyState = 2
  const outcomes: (Failure | undefined)[] = []
  channel.send?.('x', failure => outcomes.push(failure))
  expect(outcomes).toMatchObject([{ kind: 'ended' }])
  expect(socket.sent).toEqual([])
})

test('bytes come as an ArrayBuffer, and go as they are', () => {
  const { heard, channel, socket } = begin(plain)
  const bytes = Uint8Array.of(1, 2, 3).buffer
  socket.opens()
  expect(socket.binaryType).toBe('arraybuffer')
  socket.onmessage?.({ data: bytes })
  channel.send?.(bytes, () => {})
  expect(heard).toEqual(['opened websocket', 'blocks undefined=undefined'])
  expect(socket.sent).toEqual([bytes])
})

test('a socket that is being left is closed at once: a hung handshake blocks the next one', () => {
  const { channel, socket } = begin()
  channel.close()
  expect(socket.readyState).toBe(2)
  expect([socket.onopen, socket.onmessage, socket.onclose]).toEqual([null, null, null])
})

test('what has to go as several frames does, in order', () => {
  const { channel, socket } = begin(vary(plain, { sending: { frames: text => (text as string).split('|') } }))
  socket.opens()
  const outcomes: unknown[] = []
  channel.send?.('a|b', failure => outcomes.push(failure))
  expect(socket.sent).toEqual(['a', 'b'])
  expect(outcomes).toEqual([undefined])
})

describe('beside a socket that only comes down', () => {
  const dialect = vary(plain, { sending: { byPost: true } })

  function beginBeside(answer: () => Promise<unknown>) {
    const asked: { url: string; body: unknown; method: string }[] = []
    const fetch = (url: string, { body, method }: { body: unknown; method: string }) => {
      asked.push({ url, body, method })
      return answer()
    }
    const stage = openChannel(websocket, dialect, { WebSocket: FakeSocket as never, fetch: fetch as never })
    return { ...stage, asked, socket: FakeSocket.last }
  }

  const answered = (status: number, retryAfter: string | null = null) =>
    Promise.resolve({ ok: status < 300, status, headers: { get: () => retryAfter } })

  test.each([
    ['taken', () => answered(202), undefined],
    [
      'refused, and when it may come again',
      () => answered(503, '7'),
      { kind: 'status', status: 503, retryAfter: 7_000 },
    ],
    ['in doubt', () => Promise.reject(new TypeError()), { kind: 'refused' }],
  ])('a message goes by POST, and is %s', async (_, answer, wanted) => {
    const { asked, channel, socket, world } = beginBeside(answer)
    socket.opens()
    const failure = await new Promise<Failure | undefined>(resolve => channel.send?.('x', resolve))
    if (wanted) expect(failure).toMatchObject(wanted)
    else expect(failure).toBeUndefined()
    expect(asked).toEqual([{ url: `${world.origin}/live`, body: 'x', method: 'POST' }])
    expect(socket.sent).toEqual([])
  })
})

test('an error is listened for, also after it was closed: to the package `ws` one that nobody hears is an exception', () => {
  const { channel, socket } = begin()
  const heard = () => (socket as unknown as { onerror: unknown }).onerror
  expect(heard()).toBeTypeOf('function')
  channel.close()
  expect(heard()).toBeTypeOf('function')
})

test('offers the subprotocols that the page names to a server that knows nothing of us', () => {
  expect(begin(plainWith({ protocols: ['mqtt', 'v2'] })).socket.protocols).toEqual(['mqtt', 'v2'])
  expect(begin(plainWith({ protocols: 'mqtt' })).socket.protocols).toEqual(['mqtt'])
  expect(begin(plainWith({})).socket.protocols).toBeUndefined()
})
