import type { Hooks } from 'crossws'
import { Hono } from 'hono'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHub, type Hub, type HubOptions, type SocketPeer } from '../../server/index.ts'
import { encode } from '../../src/wire/encoder.ts'
import { parse, stopTime, until } from './harness.ts'

const origin = 'https://app.example'

function hubOf(options: HubOptions = {}): Hub {
  const hub = createHub({ authorize: () => ['x'], ...options })
  onTestFinished(() => hub.close({ within: 0 }))
  return hub
}

function ask(query: string, init: RequestInit = {}): Request {
  return new Request(`${origin}/live?rt.v=1&${query}`, init)
}

/** Reads until a piece holds the text. */
async function readTo(response: Response, text: string): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let heard = ''
  while (!heard.includes(text)) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`ended after ${heard}`)
    heard += decoder.decode(value, { stream: true })
  }
  reader.releaseLock()
  return heard
}

describe('a hub that is served by fetch', () => {
  it('answers a stream at once, and writes into it what is published', async () => {
    const hub = hubOf()
    const response = await hub.fetch(ask('rt.via=xhr-streaming'))
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ])
    await readTo(response, 'rt.open')
    await hub.publish('x', '안녕')
    expect(await readTo(response, '안녕')).toContain('data: 안녕')
  })

  it('says where it is to whoever asks elsewhere', async () => {
    const hub = hubOf({ path: '/api/live' })
    const response = await hub.fetch(new Request(`${origin}/live?rt.via=long-polling`))
    expect(response.status).toBe(404)
    expect(await response.text()).toBe(
      'The hub is at /api/live, not at /live: createHub({ path }) says where.\n',
    )
  })

  it.each([undefined, {}, { url: '/live', headers: { host: 'a' } }])(
    'says what it takes to whoever gives it %j',
    async given => {
      await expect(hubOf().fetch(given as never)).rejects.toThrow(
        'those of Node’s servers are for hub.handle',
      )
    },
  )

  it('is part of an application of Hono’s', async () => {
    const hub = hubOf()
    const app = new Hono().get('/', context => context.text('home'))
    app.all('/live', context => hub.fetch(context.req.raw))
    expect(await (await app.request('/')).text()).toBe('home')
    const response = await app.request('/live?rt.via=eventsource&rt.v=1')
    expect(await readTo(response, 'rt.open')).toContain('data: ')
  })

  it('holds a poll until there is something, and takes a POST', async () => {
    const hub = hubOf()
    const heard: unknown[] = []
    hub.on('message', ({ data }) => heard.push(data))
    const first = parse(await (await hub.fetch(ask('rt.via=long-polling&rt.n=0'))).text())
    const { session } = JSON.parse(first[0]?.data ?? '')
    const held = hub.fetch(ask(`rt.via=long-polling&rt.n=1&rt.sid=${session}&rt.id=${first[0]?.id}`))
    const answer = await hub.fetch(
      ask(`rt.via=post&rt.sid=${session}`, {
        method: 'POST',
        headers: { 'content-type': 'text/event-stream' },
        body: encode({ id: '1', data: 'up' }),
      }),
    )
    expect([answer.status, parse(await answer.text())[0]?.event]).toEqual([200, 'rt.ack'])
    expect(heard).toEqual(['up'])
    await hub.publish('x', 'down')
    expect(parse(await (await held).text()).some(({ data }) => data === 'down')).toBe(true)
  })

  it.each([
    ['long-polling', 'a poll that is held'],
    ['xhr-streaming', 'a stream'],
  ])('over %s sees that the client of %s has left', async (via, _) => {
    const hub = hubOf()
    const leaving = new AbortController()
    const first = await hub.fetch(ask(`rt.via=${via}&rt.n=0`, { signal: leaving.signal }))
    const [open] = parse(await (via === 'xhr-streaming' ? readTo(first, 'rt.open') : first.text()))
    const { session } = JSON.parse(open?.data ?? '')
    const held =
      via === 'xhr-streaming'
        ? undefined
        : hub.fetch(
            ask(`rt.via=${via}&rt.n=1&rt.sid=${session}&rt.id=${open?.id}`, { signal: leaving.signal }),
          )
    await until(() => hub.stats().lines[via as 'long-polling'] === 1)
    leaving.abort()
    await until(() => hub.stats().lines[via as 'long-polling'] === 0)
    // A platform waits for an answer all the same.
    if (held) expect((await held).status).toBe(503)
  })

  it('sees that whoever reads a stream does so no more', async () => {
    const hub = hubOf()
    const response = await hub.fetch(ask('rt.via=fetch-streaming'))
    await until(() => hub.stats().lines['fetch-streaming'] === 1)
    await response.body?.cancel()
    await until(() => hub.stats().lines['fetch-streaming'] === 0)
  })

  it('holds for a reader that takes nothing no more than it may, and cuts it then', async () => {
    const hub = hubOf({ heartbeat: 100, limits: { unsent: 2 ** 16 } })
    const response = await hub.fetch(ask('rt.via=xhr-streaming'))
    const text = 'x'.repeat(2 ** 15)
    let most = 0
    while (hub.stats().lines['xhr-streaming'] === 1) {
      await hub.publish('x', text)
      most = Math.max(most, hub.stats().unsent)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(2 ** 18)
    expect(hub.stats().stuck).toBe(1)
    await expect(response.text()).rejects.toThrow('the hub has cut this answer')
  })

  it('tells no client apart where nobody tells their addresses, and believes a proxy that is named', async () => {
    const seen: string[] = []
    const hub = hubOf({
      limits: { sessions: 4 },
      trustProxy: true,
      authorize({ address }) {
        seen.push(address)
        return ['x']
      },
    })
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
    for (let at = 0; at < 4; at++)
      expect((await hub.fetch(ask('rt.via=long-polling&rt.n=0'))).status).toBe(200)
    await hub.fetch(ask('rt.via=long-polling&rt.n=0', from('192.0.2.1')))
    await hub.fetch(ask('rt.via=long-polling&rt.n=0'), { address: '192.0.2.2' })
    expect(seen).toEqual(['', '', '', '', '192.0.2.1', '192.0.2.2'])
  })
})

describe('sockets of a platform', () => {
  /** One that keeps what it is told. */
  function peerOf(request: Request, context: object): SocketPeer & { said: string[]; closed: number[] } {
    const said: string[] = []
    const closed: number[] = []
    return {
      request,
      context,
      said,
      closed,
      send: text => said.push(text),
      close: code => closed.push(code ?? 1005),
      terminate: () => closed.push(1006),
    }
  }

  async function handshake(hub: Hub, query = 'rt.via=websocket') {
    const request = ask(query)
    const answer = await hub.crossws.upgrade(request)
    if (answer instanceof Response) throw new Error(`refused: ${answer.status}`)
    return { request, peer: peerOf(request, answer.context) }
  }

  it('take what crossws gives, which takes what they are', () => {
    const hooks: Partial<Hooks> = hubOf().crossws
    expect(Object.keys(hooks)).toEqual(['upgrade', 'open', 'message', 'close', 'error', 'drain'])
  })

  it('know their handshake by the request too, since not every adapter hands on a context', async () => {
    const hub = hubOf()
    const { request } = await handshake(hub)
    const peer = peerOf(request, {})
    hub.crossws.open(peer)
    await until(() => peer.said.join('').includes('rt.open'))
    hub.crossws.close(peer)
    expect(hub.stats().lines.websocket).toBe(0)
  })

  it('are told on the socket why they are refused, and by the answer where nobody would hear it', async () => {
    const hub = hubOf({ authorize: () => false })
    const { peer } = await handshake(hub)
    hub.crossws.open(peer)
    expect(peer.said.join('')).toContain('rt.fail')
    expect(peer.closed).toEqual([1008])
    const answer = await hub.crossws.upgrade(ask(''))
    expect(answer).toBeInstanceOf(Response)
    expect((answer as Response).status).toBe(403)
  })

  it('that open after their rights were withdrawn are refused', async () => {
    const hub = hubOf({ authorize: () => ({ topics: ['x'], principal: 'ann' }) })
    const { peer } = await handshake(hub)
    hub.reauthorize('ann')
    hub.crossws.open(peer)
    expect(peer.said.join('')).toContain('the rights have changed meanwhile')
    expect(hub.stats().lines.websocket).toBe(0)
  })

  it('that open long after their handshake are closed: nobody looks after their rights any more', async () => {
    const time = stopTime()
    const hub = hubOf()
    const { peer } = await handshake(hub)
    time.pass(31_000)
    hub.crossws.open(peer)
    expect([peer.said, peer.closed]).toEqual([[], [1011]])
    expect(hub.stats().lines.websocket).toBe(0)
  })

  it('that send more than may wait are ended, and what was taken is told', async () => {
    const hub = hubOf({ limits: { message: 1_000, batch: 1_000, messages: 2 } })
    let finish = () => {}
    hub.on('message', () => new Promise<void>(resolve => (finish = resolve)))
    const { peer } = await handshake(hub)
    hub.crossws.open(peer)
    await until(() => peer.said.join('').includes('rt.open'))
    for (let number = 1; peer.closed.length === 0 && number < 100; number++) {
      hub.crossws.message(peer, { rawData: encode({ id: `${number}`, data: 'x'.repeat(500) }) })
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(peer.said.join('')).toContain('more is sent than the application is done with')
    finish()
  })
})
