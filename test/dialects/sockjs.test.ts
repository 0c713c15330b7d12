import { describe, expect, test } from 'vitest'
import type { Incoming, Position, RequestContext } from '../../src/contracts/dialect.ts'
import type { TransportName } from '../../src/contracts/failure.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import { sockjs } from '../../src/dialects/sockjs.ts'
import { madeBy, ours } from '../support/dialects.ts'
import { cut, status } from '../support/fakes.ts'

const dialect = sockjs()
const fresh: Position = { cursor: '', session: undefined }
const joined: Position = { cursor: '', session: '' }

function requestFor(ask: Partial<RequestContext>, as = dialect) {
  return as.addressing.buildRequest({
    ...madeBy(ask.via ?? 'websocket'),
    url: new URL('https://host.test/chat?a=1'),
    headers: {},
    token: undefined,
    position: fresh,
    nonce: 'n0nce',
    line: 'l1ne',
    channel: 'zz',
    ...ask,
  })
}

/** What comes out of a channel means. */
function meanings(via: TransportName, chunks: (string | ArrayBuffer)[], position = joined, as = dialect) {
  const reader = as.framing.reader(ours(via))
  const blocks: Incoming[] = chunks.flatMap(chunk => reader.feed(chunk))
  return [...blocks, ...reader.end()].map(block => as.protocol.parseFrame(block, position))
}

const texts = (...all: string[]) => all.map(data => ({ type: 'message', event: 'message', data }))

describe('a request', () => {
  test.each([
    ['websocket', undefined, 'wss://host.test/chat/295/zz/websocket?a=1', undefined],
    ['eventsource', undefined, 'https://host.test/chat/295/zz/eventsource?a=1', undefined],
    ['xhr-streaming', undefined, 'https://host.test/chat/295/zz/xhr_streaming?a=1', 'POST'],
    ['long-polling', undefined, 'https://host.test/chat/295/zz/xhr?a=1', 'POST'],
    ['jsonp', undefined, 'https://host.test/chat/295/zz/jsonp?a=1&c=_rt1', undefined],
    ['post', 'stream', 'https://host.test/chat/295/zz/xhr_send?a=1', 'POST'],
    ['post', 'script', 'https://host.test/chat/295/zz/jsonp_send?a=1', undefined],
  ] as const)('by %s beside %s goes to %s', (via, beside, url, method) => {
    const ask = {
      via,
      ...(beside && { beside }),
      ...(via === 'jsonp' && { jsonpCallback: '_rt1' }),
    }
    expect(requestFor(ask)).toEqual({ url, headers: {}, ...(method && { method }) })
  })

  test('names a server by three digits, whatever the channel is called', () => {
    for (const channel of ['0', '1a', 'zzzzzzzzzz'])
      expect(new URL(requestFor({ channel }).url).pathname).toMatch(
        new RegExp(`^/chat/\\d{3}/${channel}/websocket$`),
      )
  })

  test('names the server and the session as the page wants', () => {
    const own = sockjs({ server: 'east', session: channel => `${channel}-mine` })
    for (const via of ['long-polling', 'post'] as const)
      expect(new URL(requestFor({ via }, own).url).pathname).toMatch(/^\/chat\/east\/zz-mine\/xhr/)
  })

  test('of nobody’s channel is one of its own', () => {
    expect(
      dialect.addressing.buildRequest({
        ...madeBy('long-polling'),
        url: new URL('https://a/'),
        headers: {},
        token: undefined,
        position: fresh,
        nonce: 'n0',
        line: 'l1ne',
      }).url,
    ).toMatch(/^https:\/\/a\/\d{3}\/n0\/xhr$/)
  })

  test('carries the token in a header where it can, and in the address elsewhere', () => {
    expect(requestFor({ via: 'xhr-streaming', token: 't' }).headers).toEqual({ Authorization: 'Bearer t' })
    expect(requestFor({ via: 'post', token: 't' }).headers).toEqual({ Authorization: 'Bearer t' })
    for (const ask of [{}, { via: 'jsonp' }, { via: 'post', beside: 'script' }] as const)
      expect(new URL(requestFor({ ...ask, token: 't' }).url).searchParams.get('token')).toBe('t')
  })
})

describe('reading', () => {
  test.each([
    ['websocket', ['o', 'a["1","2"]', 'h', 'a["3"]']],
    ['eventsource', ['o', 'a["1","2"]', 'h', 'a["3"]']],
    ['jsonp', ['o', 'a["1","2"]', 'h', 'a["3"]']],
    ['xhr-streaming', [`${'h'.repeat(2_048)}\n`, 'o', '\na["1"', ',"2"]\nh\na["3"]\n']],
    ['long-polling', ['o\n', 'a["1","2"]\n', 'h\n', 'a["3"]\n']],
  ] as const)('over %s gives a message for each text of a frame', (via, chunks) => {
    const [opening, ...rest] = meanings(via, [...chunks], fresh).filter(({ type }) => type !== 'bye')
    expect(opening?.type).toBe('hello')
    expect(rest).toMatchObject(texts('1', '2', '3'))
  })

  test('cut anywhere gives the same', () => {
    const stream = 'hhhh\na["한\\n","👋"]\nh\na["3"]\n'
    for (let at = 0; at <= stream.length; at++)
      expect(meanings('xhr-streaming', [stream.slice(0, at), stream.slice(at)])).toMatchObject(
        texts('한\n', '👋', '3'),
      )
  })

  test('a line without an end is half a frame, and means nothing', () => {
    expect(meanings('xhr-streaming', ['a["1"]\na["2"]'])).toMatchObject(texts('1'))
  })

  test('what servers escape for an event stream is what it was', () => {
    expect(meanings('eventsource', ['a["100%25 %2541 %7E"]'])).toMatchObject(texts('100% %41 %7E'))
    expect(meanings('jsonp', ['a["100%25"]'])).toMatchObject(texts('100%25'))
  })

  test('a heartbeat is no block, but a sign of life', () => {
    expect(dialect.framing.reader(ours('long-polling')).feed('h\n')).toEqual([])
  })

  test('bytes and what is no frame cannot be read', () => {
    expect(meanings('websocket', [new ArrayBuffer(2), ''])).toEqual([])
    for (const frame of ['a[1', 'a{}', 'x', '<html>', 'c['])
      expect(() => meanings('websocket', [frame])).toThrow()
  })

  test('a line that is too large is passed over', () => {
    const reader = dialect.framing.reader(ours('xhr-streaming'), undefined, 20)
    reader.feed('a["')
    expect(reader.feed(`${'x'.repeat(20)}"]\na["y"]\n`)).toEqual([
      { event: 'a', data: '', oversized: true },
      { event: 'a', data: 'y' },
    ])
  })
})

describe('heartbeats', () => {
  test.each(['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const)(
    'over %s are told, and mean nothing else',
    via => {
      let count = 0
      const own = sockjs({ heartbeats: () => count++ })
      const end = via.startsWith('xhr') || via === 'long-polling' ? '\n' : ''
      expect(meanings(via, [`h${end}`, `a["a"]${end}`, `h${end}`], joined, own)).toMatchObject(texts('a'))
      expect(count).toBe(2)
    },
  )
})

describe('the opening', () => {
  const heartbeat = (via: TransportName, as = dialect) => {
    const [opening] = meanings(via, via === 'long-polling' ? ['o\n'] : ['o'], fresh, as)
    return opening?.type === 'hello' ? opening.hello.heartbeat : undefined
  }

  test('promises heartbeats where a page sees them', () => {
    expect(heartbeat('long-polling')).toBe(25_000)
    expect(heartbeat('eventsource', sockjs({ heartbeat: 5_000 }))).toBe(5_000)
    expect(heartbeat('websocket')).toBeGreaterThan(86_400_000)
  })

  test('promises nothing that a timer cannot wait for', () => {
    expect(2 * (heartbeat('websocket') as number) + 5_000).toBeLessThan(2 ** 31)
  })

  test('that comes for a second time says that the session is lost', () => {
    expect(meanings('websocket', ['o'], joined)).toMatchObject([
      { type: 'bye', why: 'the server has lost this session' },
    ])
  })
})

describe('closing', () => {
  const close = (code: number, as = dialect) => meanings('websocket', [`c[${code},"why"]`], joined, as)[0]

  test.each([1_000, 1_008, 3_001, 4_999])('by %i is the end', code => {
    expect(close(code)).toMatchObject({
      type: 'bye',
      status: 204,
      why: `the server closed this session: ${code} why`,
    })
    expect(finalReason(status(204), dialect)).toBeDefined()
  })

  test.each([1_001, 1_006, 1_012, 2_010, 3_000])('by %i is for now', code => {
    expect(close(code)).not.toHaveProperty('status')
  })

  test('is the end by what codes the page says', () => {
    const reasons: string[] = []
    const own = sockjs({
      ends(code, reason) {
        reasons.push(reason)
        return code === 1_001
      },
    })
    expect(close(1_001, own)).toHaveProperty('status', 204)
    expect(close(1_000, own)).not.toHaveProperty('status')
    expect(reasons).toEqual(['why', 'why'])
  })
})

test('a message goes up as an array of one text', () => {
  expect(dialect.sending.write({ event: undefined, data: 'a"b' }, 1)).toBe('["a\\"b"]')
  expect(dialect.sending.codec?.encode({ to: 'ALL' })).toBe('{"to":"ALL"}')
  expect(() => dialect.sending.codec?.encode(new Uint8Array(1))).toThrow(/carries text only/)
})

test('the head of a response says JavaScript, as SockJS servers do', () => {
  const judge = (code: number, type: string | null) =>
    dialect.framing.reader(ours('long-polling')).head?.({ status: code, header: () => type }, () => cut)
  expect(judge(200, 'application/javascript; charset=UTF-8')).toBeUndefined()
  for (const [code, type] of [
    [404, 'application/javascript'],
    [200, 'text/html'],
    [200, null],
  ] as const)
    expect(judge(code, type)).toBe(cut)
})

test('404 means that the session is no more', () => {
  expect(dialect.sending.isSessionLost?.(404)).toBe(true)
  expect(dialect.sending.isSessionLost?.(500)).toBe(false)
  expect(finalReason(status(404), dialect)).toBeUndefined()
})
