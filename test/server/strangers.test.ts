import { describe, expect, it, vi } from 'vitest'
import type { HubOptions } from '../../server/index.ts'
import { address, ask, channels, listen, type Stand, stand, until, witness } from './harness.ts'
import { handshake, head, raw } from './raw.ts'

const gets = ['eventsource', 'xhr-streaming', 'fetch-streaming', 'long-polling', 'jsonp', 'iframe', 'bare']

function target(via: string): string {
  const own = via === 'bare' ? '' : `&rt.via=${via}`
  return `/live?topic=x&rt.v=1${own}${via === 'jsonp' ? '&rt.cb=_rta' : ''}`
}

function get(target: string, headers: Record<string, string>): string {
  const lines = Object.entries({ Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  return `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** A hub that lets everybody in whom it asks, and whom it was asked for. */
async function door(options: HubOptions = {}) {
  const { seen, authorize } = witness()
  return { seen, at: await stand({ authorize, ...options }) }
}

describe('a page of another site that hides where it is', () => {
  describe.each(gets)('over %s', via => {
    it.each(['cross-site', 'same-site', 'whatever comes next', 'same-origin, cross-site'])(
      'begins no session where the browser says %s',
      async site => {
        const { seen, at } = await door({ origins: ['https://friend.example'] })
        const refused: unknown[] = []
        at.hub.on('refused', ({ status }) => refused.push(status))
        const heard = await raw(
          at.host,
          get(target(via), { Host: at.host, 'Sec-Fetch-Site': site, Cookie: 'a=1' }),
        )
        expect(heard).toContain('another origin')
        expect([seen, refused, at.hub.stats().sessions]).toEqual([[], [403], 0])
      },
    )
  })

  it('is not answered over JSONP where the browser says nothing', async () => {
    const { seen, at } = await door()
    const heard = await raw(at.host, get(target('jsonp'), { Host: at.host, Cookie: 'a=1' }))
    expect(heard).toContain('Referrer-Policy')
    expect([seen, at.hub.stats().sessions]).toEqual([[], 0])
  })

  it('sends nothing by a script in a session whose id it has', async () => {
    const at = await stand()
    const taken: unknown[] = []
    at.hub.on('message', ({ data }) => taken.push(data))
    const { session } = await listen(at, 'xhr-streaming').opened()
    const body = 'id: 1\ndata: forged\n\n'
    const up = {
      'rt.up': body,
      'rt.at': 0,
      'rt.of': body.length,
      'rt.sid': session,
      'rt.cb': '_rta',
      'rt.via': 'jsonp',
    }
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, {}])
      expect(
        await raw(
          at.host,
          get(address(at, up).replace(/^http:\/\/[^/]+/, ''), { Host: at.host, ...headers }),
        ),
      ).toContain('403')
    expect(taken).toEqual([])
  })

  it('is foreign also where a proxy has given our host its name', async () => {
    const at = await stand()
    const headers = {
      host: 'localhost:3000',
      origin: 'http://localhost:3000',
      'sec-fetch-site': 'cross-site',
    }
    expect(await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 0 }), { headers })).toMatchObject({
      status: 403,
    })
  })
})

it.each([
  ['our own page', { 'sec-fetch-site': 'same-origin' }, "'self'"],
  ['a page of a listed origin', { referer: 'https://friend.example/page' }, 'https://friend.example'],
])('a frame for %s shows in no other', async (_, headers, around) => {
  const at = await stand({ origins: ['https://friend.example'], authorize: () => null })
  const answer = await ask(address(at, { 'rt.via': 'iframe' }), { headers })
  expect(answer.headers['content-security-policy']).toMatch(new RegExp(`; frame-ancestors ${around}$`))
})

it('writes nothing but an origin into the policy of a frame, whatever a function lets in', async () => {
  const at = await stand({ origins: () => true })
  const headers = { origin: 'https://a.example; script-src *' }
  const ear = listen(at, 'iframe', {}, headers)
  await ear.opened()
  const answer = await raw(at.host, get(target('iframe'), { Host: at.host, Origin: headers.origin }), head)
  expect(answer).toContain("frame-ancestors 'self'\r\n")
})

describe('an error that authorize throws', () => {
  const told = async (at: Stand) => {
    const { status, text, headers } = await ask(address(at, { 'rt.via': 'long-polling' }))
    return [status, text.trim(), headers['retry-after']]
  }
  const error = (more: object) => Object.assign(new Error('the password is x'), more)
  const output = { statusCode: 403, payload: { message: 'not for you' } }

  it.each([
    [
      'of a library that asked another server',
      error({ status: 401 }),
      [500, 'the server failed', undefined],
      1,
    ],
    [
      'with a statusCode of another server',
      error({ statusCode: 403 }),
      [500, 'the server failed', undefined],
      1,
    ],
    ['with a status from 500 on', error({ status: 503 }), [500, 'the server failed', undefined], 1],
    [
      'that says that it is not to be shown',
      error({ status: 503, expose: false }),
      [503, 'Service Unavailable', undefined],
      1,
    ],
    [
      'that says that it is to be shown',
      error({ status: 401, expose: true }),
      [401, 'the password is x', undefined],
      0,
    ],
    [
      'of Fastify',
      error({ name: 'FastifyError', statusCode: 401 }),
      [401, 'the password is x', undefined],
      0,
    ],
    [
      'of Fastify, from 500 on',
      error({ name: 'FastifyError', statusCode: 500 }),
      [500, 'the server failed', undefined],
      1,
    ],
    ['of Boom', error({ isBoom: true, output }), [403, 'not for you', undefined], 0],
    [
      'that is none, but made for the client',
      { status: 503, message: 'later', retryAfter: 3 },
      [503, 'later', '3'],
      0,
    ],
  ])(
    '%s shows the client what was meant for it, and is told the operator otherwise',
    async (_, thrown, answer, reports) => {
      const at = await stand({ authorize: () => Promise.reject(thrown) })
      const errors: unknown[] = []
      at.hub.on('error', reported => errors.push(reported))
      expect(await told(at)).toEqual(answer)
      expect(errors).toEqual(Array(reports).fill(thrown))
    },
  )

  it('from 500 on is told without its words where a message was refused', async () => {
    const at = await stand()
    const errors: unknown[] = []
    at.hub.on('error', reported => errors.push(reported))
    at.hub.on('message', () => Promise.reject(error({ status: 503 })))
    const ws = listen(at, 'websocket')
    await ws.opened()
    ws.send('id: 1\ndata: a\n\n')
    expect((await ws.next('rt.nack')).data).toBe('{"number":1,"status":503,"message":""}')
    expect(errors).toHaveLength(1)
  })
})

describe('an authorize that does not answer', () => {
  it.each(channels)('holds nobody who comes over %s', async via => {
    let late = (_: Error) => {}
    const never = new Promise<never>((_, reject) => {
      late = reject
    })
    const at = await stand({ authorize: () => never, limits: { authorize: 20 } })
    const [errors, refused] = [[] as unknown[], [] as unknown[]]
    at.hub.on('error', error => errors.push((error as Error).message))
    at.hub.on('refused', ({ status, retryAfter }) => refused.push([status, retryAfter]))
    const ear = listen(at, via)
    await until(() => refused.length > 0)
    // A script that says so has come to its end as any other.
    await (via === 'jsonp' ? ear.next('rt.fail') : ear.closed)
    expect(refused[0]).toEqual([503, 5])
    expect(errors[0]).toMatch(/limits\.authorize/)
    // What comes of it later harms nothing.
    late(new Error('late'))
  })
})

describe('the log of errors', () => {
  it('grows by a bounded number of bounded lines, whatever clients bring about', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    try {
      const { createEvents } = await import('../../server/events.ts')
      const events = createEvents<{ error: unknown }>(['error'])
      for (let n = 0; n < 1_000; n++)
        events.report(new Error(`\u001b[2J\n2026 forged ${'\0'.repeat(2 ** 16)}`))
      expect(printed).toHaveBeenCalledTimes(20)
      const [text] = printed.mock.calls[0] as [string]
      expect(text.length).toBeLessThan(30_000)
      expect(text).not.toMatch(/[^\P{Cc}\n]|^2026/mu)
      vi.advanceTimersByTime(10_000)
      expect(printed.mock.lastCall).toEqual([expect.stringContaining('980 more errors')])
      events.report('again')
      expect(printed.mock.lastCall).toEqual(["'again'"])
    } finally {
      vi.useRealTimers()
      printed.mockRestore()
    }
  })

  it('has one line of bounded length for each refusal', async () => {
    const at = await stand()
    const refused: string[] = []
    at.hub.on('refused', ({ via, message, path }) => refused.push(`${via}${message}${path}`))
    const long = `%0A2026 forged%1B${'a'.repeat(8_000)}`.replaceAll(' ', '%20')
    await raw(at.host, get(`/live?rt.via=${long}`, { Host: at.host }))
    await raw(at.host, get(`/live?rt.v=${long}`, { Host: at.host }))
    await raw(at.host, handshake(`/live?rt.via=${long}`, { Host: at.host }))
    expect(refused).toHaveLength(3)
    for (const line of refused) {
      expect(line.length).toBeLessThan(1_000)
      expect(line).not.toMatch(/\p{Cc}/u)
    }
  })
})
