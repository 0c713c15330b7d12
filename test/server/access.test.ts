import { describe, expect, it } from 'vitest'
import { type AuthorizeRequest, createHub, type HubOptions } from '../../server/index.ts'
import { address, ask, called, channels, listen, message, parse, post, stand, witness } from './harness.ts'
import { raw } from './raw.ts'

const friend = 'https://friend.example'
const stranger = 'https://stranger.example'
const poll = { 'rt.via': 'long-polling', 'rt.n': 0 }
const script = { 'rt.via': 'jsonp', 'rt.cb': '_rta', 'rt.n': 0 }

/** What `authorize` saw of one request. */
async function seen(
  headers: Record<string, string>,
  query: Record<string, string | number>,
  options: HubOptions = {},
): Promise<AuthorizeRequest | undefined> {
  let request: AuthorizeRequest | undefined
  const authorize = (asked: AuthorizeRequest) => {
    request = asked
    return ['x']
  }
  const at = await stand({ authorize, ...options })
  await ask(address(at, query), { headers })
  return request
}

describe('authorize', () => {
  it('sees who asks for what, and how', async () => {
    const request = await seen({ 'x-token': 'secret' }, { ...poll, room: '방' })
    expect(request).toMatchObject({
      method: 'GET',
      transport: 'long-polling',
      address: '127.0.0.1',
      origin: undefined,
    })
    expect(request?.url.searchParams.get('room')).toBe('방')
    expect(request?.headers['x-token']).toBe('secret')
  })

  it.each([null, undefined, false] as const)('that says %s refuses with 403', async answer => {
    const at = await stand({ authorize: () => answer })
    expect(await ask(address(at, poll))).toMatchObject({ status: 403 })
  })

  it.each([204, 401, 403, 429, 503])('refuses with %i by throwing it', async status => {
    const at = await stand({
      authorize: () => Promise.reject({ status, retryAfter: 1.2, message: 'not now' }),
    })
    const answer = await ask(address(at, poll))
    expect(answer).toMatchObject({ status, headers: { 'retry-after': '2' } })
    expect(answer.text).toBe(status === 204 ? '' : 'not now\n')
  })

  it.each(channels)('that breaks refuses %s with 500 and is reported', async via => {
    const at = await stand({
      authorize() {
        throw new Error('broken')
      },
    })
    const errors: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    const ear = listen(at, via)
    if (via === 'jsonp')
      expect((await ear.next('rt.fail')).data).toBe('{"status":500,"message":"the server failed"}')
    else await ear.closed
    expect(errors[0]).toMatchObject({ message: 'broken' })
  })

  it('cannot grant what is private to another session', async () => {
    const at = await stand()
    const { session } = await listen(at, 'xhr-streaming').opened()
    expect(await ask(address(at, { ...poll, topic: `rt.to.${session}` }))).toMatchObject({ status: 403 })
  })

  it('decides anew when a client resumes', async () => {
    let topics = ['x', 'y']
    const at = await stand({ authorize: () => topics })
    const start = await at.hub.publish('x', 'start')
    await at.hub.publish('y', 'secret')
    await at.hub.publish('x', 'open')
    topics = ['x']
    expect(await listen(at, 'xhr-streaming', { 'rt.id': start }).messages(1)).toEqual(['open'])
  })
})

describe('a session', () => {
  const authorize: HubOptions['authorize'] = ({ url }) => ({
    topics: ['x'],
    principal: url.searchParams.get('me') ?? '',
  })

  it('is found again by the same principal alone', async () => {
    const at = await stand({ authorize })
    const { session } = await listen(at, 'xhr-streaming', { me: 'ann' }).opened()
    expect(await listen(at, 'websocket', { me: 'ann', 'rt.sid': session }).opened()).toMatchObject({
      session,
    })
    expect((await listen(at, 'websocket', { me: 'bob', 'rt.sid': session }).opened()).session).not.toBe(
      session,
    )
    expect(await post(at, session, message(1))).toMatchObject({ status: 404 })
  })

  it('does not show another principal what it was sent', async () => {
    const at = await stand({ authorize })
    at.hub.on('open', ({ session }) => void session.send(`for ${session.principal}`))
    const start = await at.hub.publish('x', 'start')
    const ann = listen(at, 'xhr-streaming', { me: 'ann' })
    const { session } = await ann.opened()
    expect(await ann.messages(1)).toEqual(['for ann'])
    expect(
      await listen(at, 'xhr-streaming', { me: 'bob', 'rt.sid': session, 'rt.id': start }).messages(1),
    ).toEqual(['for bob'])
  })

  it('is found again by pages of the same origin alone', async () => {
    const at = await stand({ origins: [friend, 'https://other.example'] })
    const { session } = await listen(at, 'xhr-streaming', {}, { origin: friend }).opened()
    const open = (origin: string) => listen(at, 'xhr-streaming', { 'rt.sid': session }, { origin }).opened()
    expect((await open(friend)).session).toBe(session)
    expect((await open('https://other.example')).session).not.toBe(session)
  })
})

describe('across origins', () => {
  it('a page of the same origin needs no permission', async () => {
    const at = await stand()
    const { status, headers } = await ask(address(at, poll), { headers: { origin: `http://${at.host}` } })
    expect(status).toBe(200)
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(headers.vary).toBe('Origin')
  })

  it('a page behind a proxy that ends TLS is of the same origin', async () => {
    const at = await stand()
    expect(await ask(address(at, poll), { headers: { origin: `https://${at.host}` } })).toMatchObject({
      status: 200,
    })
  })

  it('a listed origin may read and bring its cookies', async () => {
    const at = await stand({ origins: [friend] })
    expect(await ask(address(at, poll), { headers: { origin: friend } })).toMatchObject({
      status: 200,
      headers: {
        'access-control-allow-origin': friend,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Retry-After',
      },
    })
  })

  it('a listed origin can read why it is refused', async () => {
    const at = await stand({ origins: [friend], authorize: () => null })
    const { status, headers } = await ask(address(at, poll), { headers: { origin: friend } })
    expect(status).toBe(403)
    expect(headers['access-control-allow-origin']).toBe(friend)
  })

  it.each([
    stranger,
    'null',
    `${friend}.evil.example`,
    'http://friend.example',
    'https://FRIEND.example:444',
    'rubbish',
  ])('%s is refused with 403 before anybody believes its cookies', async origin => {
    const at = await stand({
      origins: [friend],
      authorize() {
        throw new Error('was asked')
      },
    })
    const answer = await ask(address(at, poll), { headers: { origin, cookie: 'a=1' } })
    expect(answer.status).toBe(403)
    expect(Object.keys(answer.headers).filter(name => name.startsWith('access-control'))).toEqual([])
  })

  it('a stranger’s WebSocket is refused with 403', async () => {
    const at = await stand({ origins: [friend] })
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'x',
    }
    expect(await ask(address(at, {}), { headers: { ...upgrade, origin: stranger } })).toMatchObject({
      status: 403,
    })
  })

  it('a preflight of a listed origin is answered with what it may send', async () => {
    const at = await stand({ origins: [friend], authorize: () => null })
    const headers = { origin: friend, 'access-control-request-method': 'POST' }
    expect(await ask(address(at, { 'rt.via': 'post' }), { method: 'OPTIONS', headers })).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': friend,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'content-type, last-event-id, authorization',
        'access-control-max-age': '7200',
      },
    })
  })

  it('a preflight of a stranger is refused', async () => {
    const at = await stand({ origins: [friend] })
    const headers = { origin: stranger, 'access-control-request-method': 'POST' }
    expect(await ask(address(at, { 'rt.via': 'post' }), { method: 'OPTIONS', headers })).toMatchObject({
      status: 403,
    })
  })

  it.each([
    ['*', /with your users' cookies/],
    ['https://friend.example/', /as browsers write it: https:\/\/friend\.example$/],
    ['HTTPS://friend.example', /as browsers write it/],
    ['friend.example', /as browsers write it/],
  ])('%s cannot be listed', (origin, advice) => {
    expect(() => createHub({ origins: [origin] })).toThrow(advice)
  })
})

describe('a page of another site that hides which', () => {
  const sites = ['cross-site', 'same-site', 'Cross-Site', 'same-origin, cross-site', 'rubbish']

  it.each(sites.flatMap(site => [...channels, 'bare' as const].map(via => [site, via] as const)))(
    '(%s) begins no session over %s',
    async (site, via) => {
      const { seen, authorize } = witness()
      const at = await stand({ authorize, origins: [friend] })
      const headers = { 'sec-fetch-site': site, cookie: 'session=1' }
      const query = { 'rt.via': via === 'bare' ? undefined : via, 'rt.cb': '_rta' }
      if (via === 'websocket') await listen(at, via, {}, headers).next('rt.fail')
      else expect((await ask(address(at, query), { headers })).text).toContain('hides which')
      expect([seen, at.hub.stats().sessions]).toEqual([[], 0])
    },
  )

  it('is let in where it tells an origin that is listed', async () => {
    const at = await stand({ origins: [friend] })
    const headers = { 'sec-fetch-site': 'cross-site', referer: `${friend}/` }
    for (const via of channels) expect(await listen(at, via, {}, headers).opened()).toBeDefined()
  })

  it('is none where somebody types the address, or nothing is told', async () => {
    const at = await stand()
    for (const headers of [{}, { 'sec-fetch-site': 'none' }] as Record<string, string>[])
      expect(await listen(at, 'bare', {}, headers).opened()).toBeDefined()
  })
})

describe('over JSONP', () => {
  const secrets = { cookie: 'session=1', authorization: 'Basic x' }

  it.each([
    ['the page hides its origin', {}],
    ['somebody typed the address', { 'sec-fetch-site': 'none' }],
    ['another site asks and hides which', { 'sec-fetch-site': 'cross-site' }],
    ['a page of the same site asks and hides its origin', { 'sec-fetch-site': 'same-site' }],
    ['what is told as Referer is no address', { referer: 'about:client' }],
  ])('nobody hears and nobody sends when %s', async (_, headers: Record<string, string>) => {
    const { seen, authorize } = witness()
    const at = await stand({ authorize, origins: [friend] })
    const { session } = await listen(at, 'xhr-streaming').opened()
    seen.length = 0
    const up = { ...script, 'rt.sid': session, 'rt.up': 'id: 1\ndata: x\n\n', 'rt.at': 0, 'rt.of': 16 }
    for (const query of [script, up]) {
      const lines = Object.entries({ Host: at.host, Connection: 'close', ...secrets, ...headers })
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
      const target = address(at, query).split(at.host)[1]
      expect(await raw(at.host, `GET ${target} HTTP/1.1\r\n${head}\r\n`)).toMatch(
        /_rta\("event: rt\.fail.*status\\":403/s,
      )
    }
    expect(seen).toEqual([])
  })

  it.each([
    ['the browser says the same origin asks', { 'sec-fetch-site': 'same-origin' }],
    ['the Referer is of a listed origin', { referer: `${friend}/page` }],
  ])('authorize sees cookies when %s', async (_, headers) => {
    const request = await seen({ ...secrets, ...headers }, script, { origins: [friend] })
    expect(request?.headers).toMatchObject(secrets)
  })

  it('a page of a stranger is told 403', async () => {
    const at = await stand()
    const { text } = await ask(address(at, script), { headers: { referer: `${stranger}/` } })
    expect(parse(called(text))).toMatchObject([
      { event: 'rt.fail', data: expect.stringContaining('"status":403') },
    ])
  })

  it.each(['alert', '_rt', '_rtA', '_rt.a', `_rt${'a'.repeat(33)}`, '_rta;alert(1)', '_rta\n', ''])(
    'the callback %j is answered 400',
    async callback => {
      const at = await stand()
      const answer = await ask(address(at, { ...script, 'rt.cb': callback }))
      expect(answer).toMatchObject({ status: 400, headers: { 'content-type': 'text/plain; charset=utf-8' } })
    },
  )

  it('the answer is nothing but a call with a text', async () => {
    const at = await stand()
    const id = await at.hub.publish('x', 'before')
    await at.hub.publish('x', '</script><!--\u2028\u2029"\\')
    const { text } = await ask(address(at, { ...script, 'rt.id': id }))
    expect(text).toMatch(/^\/\*\*\/_rta\("[ -~]*"\);$/)
    expect(text).not.toContain('<')
    expect(parse(called(text)).at(-1)?.data).toBe('</script><!--\u2028\u2029"\\')
  })

  it('a status is told in a block, with the time to wait', async () => {
    const at = await stand({ authorize: () => Promise.reject({ status: 429, retryAfter: 7 }) })
    const { status, text } = await ask(address(at, script))
    expect(status).toBe(200)
    expect(JSON.parse(parse(called(text))[0]?.data ?? '')).toEqual({
      status: 429,
      retryAfter: 7,
      message: '',
    })
  })

  it('nothing goes when it is turned off', async () => {
    expect(await ask(address(await stand({ jsonp: false }), script))).toMatchObject({ status: 400 })
  })
})

describe('the address', () => {
  const forwarded = {
    'x-forwarded-for': '203.0.113.9, 198.51.100.7, 10.1.2.3',
    'x-forwarded-host': 'www.example.com',
  }

  it.each([
    [undefined, '127.0.0.1'],
    [['192.0.2.1'], '127.0.0.1'],
    [['127.0.0.1'], '10.1.2.3'],
    [['127.0.0.1', '10.0.0.0/8'], '198.51.100.7'],
    [true, '10.1.2.3'],
    [2, '198.51.100.7'],
  ])('with trustProxy %j is %s', async (trustProxy, expected) => {
    const request = await seen(forwarded, poll, trustProxy === undefined ? {} : { trustProxy })
    expect(request?.address).toBe(expected)
    expect(request?.url.host === 'www.example.com').toBe(expected !== '127.0.0.1')
  })

  it('decides with the scheme what the own origin is', async () => {
    const at = await stand({ trustProxy: true })
    const headers = { 'x-forwarded-host': 'www.example.com', 'x-forwarded-proto': 'https' }
    const from = (origin: string) => ask(address(at, poll), { headers: { ...headers, origin } })
    expect(await from('https://www.example.com')).toMatchObject({ status: 200 })
    expect(await from('http://www.example.com')).toMatchObject({ status: 403 })
  })
})
