import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { HubOptions, Refused } from '../../server/index.ts'
import {
  address,
  ask,
  called,
  channels,
  listen,
  message,
  onNode,
  parse,
  post,
  type Stand,
  stand,
  type Via,
  witness,
} from './harness.ts'
import { handshake, raw } from './raw.ts'

type Headers = Record<string, string>

/** What a client of ours is told over each channel: status, message and seconds to wait. */
async function told(at: Stand, via: Via, headers: Headers = {}, query = {}): Promise<unknown[]> {
  if (via === 'websocket' || via === 'eventsource' || via === 'iframe') {
    const ear = listen(at, via, query, headers)
    const { status, message, retryAfter } = JSON.parse((await ear.next('rt.fail')).data ?? '')
    return [status, message, retryAfter]
  }
  const {
    status,
    headers: answered,
    text,
  } = await ask(address(at, { 'rt.via': via, 'rt.cb': '_rta', ...query }), { headers })
  if (via !== 'jsonp') return [status, text.trim(), Number(answered['retry-after']) || undefined]
  const fail = JSON.parse(parse(called(text))[0]?.data ?? '')
  return [fail.status, fail.message, fail.retryAfter]
}

async function refusals(at: Stand, act: () => Promise<unknown>): Promise<Refused[]> {
  const heard: Refused[] = []
  const undo = at.hub.on('refused', refused => heard.push(refused))
  await act()
  undo()
  return heard
}

describe.each(channels)('over %s', via => {
  it.each([
    { status: 401, message: 'who are you?', retryAfter: undefined },
    { status: 403, message: 'not for you', retryAfter: undefined },
    { status: 404, message: 'no such room', retryAfter: undefined },
    { status: 429, message: 'slowly', retryAfter: 7 },
    { status: 503, message: '점검 중', retryAfter: 30 },
  ])('the words of status $status reach the page, and the operator', async thrown => {
    const at = await stand({ authorize: () => Promise.reject(thrown) })
    const { status, message, retryAfter } = thrown
    const heard = await refusals(at, async () =>
      expect(await told(at, via, { origin: `http://${at.host}` })).toEqual([status, message, retryAfter]),
    )
    const origin = `http://${at.host}`
    const reason = status === 401 ? 'credential' : 'application'
    expect(heard).toEqual([
      { ...thrown, reason, via, method: 'GET', path: '/live', host: at.host, origin, address: '127.0.0.1' },
    ])
  })

  it('a stranger is told the remedy', async () => {
    const at = await stand()
    const [status, words] = await told(at, via, { origin: 'http://localhost:5173' })
    expect(status).toBe(403)
    expect(words).toMatch(
      /pages of http:\/\/localhost:5173 may not connect here; .*proxy_set_header Host \$http_host.*origins/,
    )
  })

  it('a page behind a proxy that is not believed is told of trustProxy', async () => {
    const at = await stand()
    const headers = { origin: 'https://a.example', 'x-forwarded-host': 'a.example' }
    expect((await told(at, via, headers))[1]).toMatch(/trustProxy/)
  })

  it('what nobody could serve is told', async () => {
    const words = 'rt.v is 3; this server speaks versions 1 and 2'
    const at = await stand()
    const heard = await refusals(at, async () =>
      expect(await told(at, via, {}, { 'rt.v': '3' })).toEqual([400, words, undefined]),
    )
    expect(heard).toMatchObject([{ status: 400, via, message: words }])
  })

  it('a failure of the application is told as such, and without its words', async () => {
    const at = await stand({
      authorize() {
        throw new Error('the password is x')
      },
    })
    at.hub.on('error', () => {})
    expect(await told(at, via)).toEqual([500, 'the server failed', undefined])
  })
})

describe('a WebSocket', () => {
  it.each([
    [401, 1008],
    [429, 1013],
    [503, 1013],
    [500, 1011],
  ])('refused with %i is closed with %i and the beginning of the words', async (status, code) => {
    const words = '안녕 '.repeat(40)
    const at = await stand({ authorize: () => Promise.reject({ status, message: words }) })
    const ws = new WebSocket(address(at, { 'rt.via': 'websocket' }).replace('http', 'ws'))
    const [closed, reason] = (await once(ws, 'close')) as [number, Buffer]
    expect(closed).toBe(code)
    expect(reason.length).toBeGreaterThan(100)
    expect(words.startsWith(String(reason))).toBe(true)
  })

  const nobodysWire: [string, string, Headers][] = [['a client without our wire', '/live', {}]]
  // A platform looks at it before we do.
  if (onNode)
    nobodysWire.push(['a handshake that is none', '/live?rt.via=websocket', { 'Sec-WebSocket-Key': 'x' }])
  it.each(nobodysWire)('keeps the status for %s', async (_, target, headers: Headers) => {
    const at = await stand()
    const heard = await raw(at.host, handshake(target, { ...headers, Origin: 'https://stranger.example' }))
    expect(heard).toMatch(/^HTTP\/1\.1 403 .*may not connect here/s)
  })
})

it('keeps the status of a bare stream, for EventSource and curl as they are', async () => {
  const at = await stand({
    authorize: () => Promise.reject({ status: 503, message: 'later', retryAfter: 3 }),
  })
  const answer = await ask(address(at, {}))
  expect(answer).toMatchObject({ status: 503, text: 'later\n', headers: { 'retry-after': '3' } })
})

describe('a page of our own whose host a proxy has changed', () => {
  const page = { origin: 'http://localhost:5173', host: 'inner:3000' }
  const said = { 'sec-fetch-site': 'same-origin' }

  it.each(['eventsource', 'xhr-streaming', 'fetch-streaming', 'long-polling', 'jsonp'] as const)(
    'is let in over %s where the browser says so, and may send',
    async via => {
      const { seen, authorize } = witness()
      const at = await stand({ authorize })
      // A browser tells no origin with a GET to the same one.
      const { session } = await listen(at, via, {}, { host: page.host, ...said }).opened()
      const taken: unknown[] = []
      at.hub.on('message', ({ data }) => taken.push(data))
      expect(await post(at, session, message(1, 'hello'), { ...page, ...said })).toMatchObject({
        status: 200,
      })
      expect(taken).toEqual(['hello'])
      expect(seen.at(-1)?.origin).toBe(page.origin)
    },
  )

  it('climbs to WebSocket with its session, where a browser does not say so, and not before', async () => {
    const at = await stand()
    const cold = listen(at, 'websocket', {}, page)
    expect(JSON.parse((await cold.next('rt.fail')).data ?? '')).toMatchObject({ status: 403, only: true })
    const referer = `${page.origin}/page`
    const { session } = await listen(at, 'eventsource', {}, { host: page.host, referer, ...said }).opened()
    expect((await listen(at, 'websocket', { 'rt.sid': session }, page).opened()).session).toBe(session)
    const stranger = listen(
      at,
      'websocket',
      { 'rt.sid': session },
      { ...page, origin: 'https://evil.example' },
    )
    expect((await stranger.next('rt.fail')).data).toContain('403')
    const guessed = listen(at, 'websocket', { 'rt.sid': 'guessed' }, page)
    expect((await guessed.next('rt.fail')).data).toContain('403')
  })

  it('is not let in where the browser says that it is of another origin', async () => {
    const at = await stand()
    for (const site of ['same-site', 'cross-site']) {
      const ear = listen(at, 'websocket', {}, { ...page, 'sec-fetch-site': site })
      const fail = JSON.parse((await ear.next('rt.fail')).data ?? '')
      expect([fail.status, fail.only]).toEqual([403, undefined])
      expect(await post(at, 'x', message(1), { ...page, 'sec-fetch-site': site })).toMatchObject({
        status: 403,
      })
    }
  })
})

describe('what is refused', () => {
  it('is told without what stands in the query', async () => {
    const at = await stand({ authorize: () => null })
    const heard = await refusals(at, () =>
      ask(address(at, { 'rt.via': 'long-polling', 'rt.token': 'secret', topic: 'private' }), {
        headers: { authorization: 'Bearer secret', cookie: 'secret' },
      }),
    )
    expect(heard).toHaveLength(1)
    expect(JSON.stringify(heard)).not.toMatch(/secret|private/)
  })

  it.each<[string, HubOptions, (at: Stand) => Promise<unknown>, Partial<Refused>]>([
    [
      'a POST to an unknown session',
      {},
      at => post(at, 'unknown', message(1)),
      { status: 404, via: 'post', method: 'POST' },
    ],
    [
      'a preflight',
      {},
      at => ask(address(at, {}), { method: 'OPTIONS', headers: { origin: 'https://a.example' } }),
      { status: 403, method: 'OPTIONS', origin: 'https://a.example' },
    ],
    ['a method', {}, at => ask(address(at, {}), { method: 'PUT' }), { status: 405, method: 'PUT' }],
    [
      'a client too many',
      { limits: { sessions: 1 } },
      async at => {
        await listen(at, 'eventsource').opened()
        await told(at, 'websocket')
      },
      { status: 503, retryAfter: 10 },
    ],
    [
      'a transport that is turned off',
      { jsonp: false },
      at => ask(address(at, { 'rt.via': 'jsonp' })),
      { status: 400, via: 'jsonp' },
    ],
  ])('is told: %s', async (_, options, act, expected) => {
    const at = await stand(options)
    expect(await refusals(at, () => act(at))).toMatchObject([expected])
  })

  // A platform refuses these itself.
  it.runIf(onNode).each<[string, string, Partial<Refused>]>([
    [
      'a handshake of another version',
      handshake('/live', { 'Sec-WebSocket-Version': '7' }),
      { status: 426, via: 'websocket' },
    ],
    [
      'a broken Host',
      'GET /live HTTP/1.1\r\nHost: a b/\r\nConnection: close\r\n\r\n',
      { status: 400, host: 'a b/' },
    ],
  ])('is told, on Node: %s', async (_, request, expected) => {
    const at = await stand()
    expect(await refusals(at, () => raw(at.host, request))).toMatchObject([expected])
  })

  it('harms nothing when the listener fails', async () => {
    const at = await stand({ authorize: () => null })
    const errors: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    at.hub.on('refused', () => {
      throw new Error('broken')
    })
    expect(await ask(address(at, { 'rt.via': 'long-polling' }))).toMatchObject({ status: 403 })
    expect(errors).toMatchObject([{ message: 'broken' }])
  })
})

describe('an error of a framework', () => {
  it.each([
    ['Fastify', { statusCode: 401, message: 'log in' }, [401, 'log in']],
    [
      'http-errors',
      Object.assign(new Error('secret'), { status: 503, statusCode: 503, expose: false }),
      [503, 'Service Unavailable'],
    ],
    [
      'Boom',
      { isBoom: true, message: 'secret', output: { statusCode: 403, payload: { message: 'not for you' } } },
      [403, 'not for you'],
    ],
  ])('is understood: %s', async (_, thrown, expected) => {
    const at = await stand({ authorize: () => Promise.reject(thrown) })
    at.hub.on('error', () => {})
    const { status, text } = await ask(address(at, { 'rt.via': 'long-polling' }))
    expect([status, text.trim()]).toEqual(expected)
  })
})
