/** SockJS of throughline/drop-in beside sockjs-client, with the npm package sockjs. */
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { Options } from 'sockjs'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { seeSlowNetwork } from '../servers/foreign-line.ts'
import { prefix, type SockJSPlace, startSockJs } from '../servers/sockjs.ts'

interface Sock {
  readonly readyState: number
  readonly transport: string | null
  readonly url: string
  readonly protocol: string
  readonly extensions: string
  onclose: unknown
  onmessage: unknown
  send(data: unknown): void
  close(code?: number, reason?: string): void
  addEventListener(type: string, listener: (event: CloseEvent & MessageEvent) => void): void
}
// What `openStand` puts into the page.
declare const SockJS: new (url: string, reserved?: unknown, options?: object) => Sock
declare let sock: Sock
declare let log: string[]

const names = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling', 'jsonp-polling'] as const

for (const name of names)
  test.describe(`over ${name}`, () => {
    test('does as sockjs-client does: opens, carries texts, and is closed by the server', async ({
      openPage,
    }) => {
      const logs = []
      for (const whose of ['sockjs-client', 'ours'] as const) {
        await using place = await startSockJs({}, true)
        const page = await openStand(await openPage(), place, whose)
        await begin(page, prefix, { transports: [name] })
        await page.waitFor(() => sock.readyState === 1)
        const texts = ['one', '안녕 👋', 'two\r\nlines', '"quoted" %41 100%', '', '\u2028\0<', 'a["h"]']
        await page.evaluate(all => {
          for (const text of all) sock.send(text)
          sock.send(5)
          sock.send({})
        }, texts)
        await page.waitFor(
          count => log.filter(each => each.startsWith('message')).length === count,
          texts.length + 2,
        )
        expect(place.heard).toEqual([...texts, '5', '[object Object]'])
        place.connections[0]?.close(4_001, 'somebody else has your seat')
        await page.waitFor(() => sock.readyState === 3)
        logs.push(
          await page.evaluate(() => [
            ...log,
            sock.url.replace(/:\d+/, ''),
            sock.protocol,
            sock.extensions,
            sock.transport,
          ]),
        )
        expect(place.sessions).toBe(1)
      }
      expect(logs[1]).toEqual(logs[0])
      expect(logs[0]).toContain(`open 1 ${name}`)
      expect(logs[0]).toContain('close 3 4001 somebody else has your seat true')
    })

    test('is closed by the page', async ({ openPage }) => {
      const logs = []
      for (const whose of ['sockjs-client', 'ours'] as const) {
        await using place = await startSockJs()
        const page = await openStand(await openPage(), place, whose)
        await begin(page, prefix, { transports: name })
        await page.waitFor(() => sock.readyState === 1)
        await expect.poll(() => place.connections.length).toBe(1)
        const states = await page.evaluate(() => {
          sock.close(3_000, 'enough')
          sock.send('never')
          sock.close()
          return sock.readyState
        })
        await page.waitFor(() => sock.readyState === 3)
        // A script that is held cannot be given up: the server hears of the end with its answer.
        if (name !== 'jsonp-polling') await expect.poll(() => place.connections.length).toBe(0)
        logs.push([states, ...(await page.evaluate(() => log))])
        expect(place.heard).toEqual([])
      }
      expect(logs[1]).toEqual(logs[0])
    })

    test('ends when the line is cut, and does not come back', async ({ openPage }) => {
      await using place = await startSockJs({ disconnect_delay: 2_000 })
      const proxy = await startTcpProxy(place.site.port)
      const page = await openStand(await openPage(), place, 'ours')
      await page.goto(`http://127.0.0.1:${proxy.port}/pages/blank.html`)
      await put(page, 'ours')
      await begin(page, prefix, { transports: [name] })
      await page.waitFor(() => sock.readyState === 1)
      await expect.poll(() => place.held).toBe(1)
      proxy.cut('rst')
      await page.waitFor(() => sock.readyState === 3)
      // Chromium asks by itself again what was cut before its answer, of which the page hears nothing.
      await expect.poll(() => place.connections.length).toBe(0)
      const told = await page.evaluate(() => log.filter(each => !each.startsWith('heartbeat')))
      expect(told).toEqual([`open 1 ${name}`, 'close 3 1006  false'])
      await proxy.close()
    })

    test('is one session while responses reach their limit and heartbeats come', async ({ openPage }) => {
      await using place = await startSockJs({ response_limit: 4_096, heartbeat_delay: 50 })
      const page = await openStand(await openPage(), place, 'ours')
      await begin(page, prefix, { transports: [name] })
      await page.waitFor(() => sock.readyState === 1)
      await expect.poll(() => place.connections.length).toBe(1)
      const texts = Array.from({ length: 150 }, (_, index) => `${index} ${'x'.repeat(100)}`)
      for (const text of texts) {
        place.publish(text)
        await new Promise(resolve => setTimeout(resolve, 3))
      }
      await page.waitFor(
        count => log.filter(each => each.startsWith('message')).length >= count,
        texts.length,
      )
      if (name !== 'websocket') await page.waitFor(() => log.some(each => each.startsWith('heartbeat')))
      const heard = await page.evaluate(() => log.filter(each => each.startsWith('message')))
      expect(heard).toEqual(texts.map(text => `message 1 ${text}`))
      expect(place.sessions).toBe(1)
    })
  })

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  for (const [what, options, answered, given] of [
    ['cannot be asked', {}, /info/, {}],
    [
      'has WebSocket turned off, and the page wants no other',
      { websocket: false },
      undefined,
      { transports: 'websocket' },
    ],
    [
      'lets no transport through',
      {},
      /\d{3}\/\w+\/(?:xhr|websocket|eventsource|jsonp|htmlfile)/,
      { timeout: 0 },
    ],
    ['is wanted by a transport that there is not', {}, undefined, { transports: ['xdr-streaming'] }],
  ] as [string, Partial<Options>, RegExp | undefined, object][])
    test(`tells as sockjs-client does that the server ${what}`, async ({ openPage }) => {
      const logs = []
      for (const whose of ['sockjs-client', 'ours'] as const) {
        await using place = await startSockJs(options)
        const page = await openStand(await openPage(), place, whose)
        place.answer(answered)
        await begin(page, prefix, given)
        await page.waitFor(() => sock.readyState === 3)
        logs.push(await page.evaluate(() => log))
      }
      expect(logs[1]).toEqual(logs[0])
    })

  test('gives a transport as long as its page says, and else as long as sockjs-client does', async ({
    openPage,
  }) => {
    const logs = []
    for (const whose of ['sockjs-client', 'ours'] as const) {
      await using place = await startSockJs()
      const { server } = place.site
      const [handle] = server.listeners('request') as RequestListener[]
      const held: (() => void)[] = []
      server.removeAllListeners('request').on('request', (request, response) => {
        const answer = () => handle?.(request, response)
        if (request.url?.includes('jsonp')) held.push(answer)
        else answer()
      })
      const page = await openStand(await openPage(), place, whose)
      await begin(page, prefix, { transports: 'jsonp-polling', timeout: 0 })
      await page.waitFor(() => sock.readyState === 3)
      logs.push(await page.evaluate(() => log))
      await begin(page, prefix, { transports: 'jsonp-polling' })
      await expect.poll(() => held.length).toBe(2)
      held[1]?.()
      await page.waitFor(() => sock.readyState === 1)
    }
    expect(logs[1]).toEqual(logs[0])
    expect(logs[0]).toEqual(['close 3 2000 All transports failed false'])
  })

  test('refuses what sockjs-client refuses', async ({ openPage }) => {
    const seen = []
    for (const whose of ['sockjs-client', 'ours'] as const) {
      await using place = await startSockJs()
      const page = await openStand(await openPage(), place, whose)
      seen.push(
        await page.evaluate(() => {
          const tried = (act: () => unknown) => {
            try {
              return typeof act()
            } catch (error) {
              const known = /InvalidAccessError|InvalidStateError/.exec((error as Error).message)?.[0]
              return known ?? (error as Error).name
            }
          }
          const socket = new SockJS('/sockjs/')
          return [
            socket.url.replace(/:\d+/, ''),
            socket.readyState,
            ...['ftp://x', 'http://x/#there'].map(url => tried(() => new SockJS(url))),
            tried(() => new (SockJS as unknown as new () => unknown)()),
            tried(() => new SockJS('/sockjs', ['a', 'a'])),
            tried(() => new SockJS('/sockjs', [], { sessionId: 'text' })),
            tried(() => socket.send('too early')),
            ...[1, 999, 1_001, 2_999, 5_000].map(code => tried(() => socket.close(code))),
            tried(() => socket.close(1_000, 'x'.repeat(124))),
            tried(() => socket.close(0)),
            socket.readyState,
            tried(() => socket.send('too late')),
          ]
        }),
      )
    }
    expect(seen[1]).toEqual(seen[0])
  })

  test('names the server and the session as the page wants', async ({ openPage }) => {
    await using place = await startSockJs()
    const page = await openStand(await openPage(), place, 'ours')
    for (const sessionId of ['named', 12]) {
      await page.evaluate(given => {
        const named = typeof given === 'string' ? () => given : given
        sock = new SockJS('/sockjs', null, { server: 'east', sessionId: named, transports: 'xhr-polling' })
      }, sessionId)
      await page.waitFor(() => sock.readyState === 1)
      await page.evaluate(() => sock.send('up'))
      await expect.poll(() => place.paths.at(-1)).toMatch(/^\/sockjs\/east\/(?:named|[a-z0-5]{12})\/xhr/)
      await page.evaluate(() => sock.close())
    }
    await expect.poll(() => place.heard).toEqual(['up', 'up'])
  })

  test('ends when its page is put aside, and does not come back with it', async ({ openPage }) => {
    await using place = await startSockJs()
    const page = await openStand(await openPage(), place, 'ours')
    await begin(page, prefix, { transports: 'xhr-streaming' })
    await page.waitFor(() => sock.readyState === 1)
    await page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
    })
    await page.waitFor(() => sock.readyState === 3)
    await expect.poll(() => place.connections.length).toBe(0)
    expect(await page.evaluate(() => log.at(-1))).toBe('close 3 1006  false')
    expect(place.sessions).toBe(1)
  })

  test('goes where the server sends it', async ({ openPage }) => {
    await using place = await startSockJs({}, true)
    const page = await openStand(await openPage(), place, 'ours')
    await page.evaluate(at => {
      const { fetch } = globalThis
      globalThis.fetch = async (url, init) =>
        `${url}`.endsWith('/info') ? Response.json({ base_url: at, websocket: true }) : fetch(url, init)
    }, prefix)
    await begin(page, '/elsewhere', {})
    await page.waitFor(() => sock.readyState === 1)
    expect(place.sessions).toBe(1)
  })

  test('carries a session across origins, with cookies, over each but JSONP', async ({ openPage }) => {
    await using place = await startSockJs({}, true)
    for (const name of names.slice(0, 4)) {
      const page = await openStand(await openPage(), place, 'ours')
      await begin(page, `http://localhost:${place.site.port}${prefix}`, { transports: [name] })
      await page.waitFor(() => sock.readyState === 1)
      await page.evaluate(() => sock.send('across'))
      await page.waitFor(() => log.some(each => each.startsWith('message')))
    }
    const page = await openStand(await openPage(), place, 'ours')
    await begin(page, `http://localhost:${place.site.port}${prefix}`, { transports: 'jsonp-polling' })
    await page.waitFor(() => sock.readyState === 1)
  })

  for (const [box, upgrade, swallowed, best] of [
    ['refuses WebSockets', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', /^$/, 'xhr-streaming'],
    ['swallows WebSockets', '', /^$/, 'xhr-streaming'],
    ['swallows WebSockets and keeps streams back', '', /xhr_streaming|eventsource/, 'xhr-polling'],
  ] as const)
    test(`finds another way where a box ${box}, in one session`, async ({ openPage }) => {
      await using place = await startSockJs({}, true)
      const { server } = place.site
      const [handle] = server.listeners('request') as RequestListener[]
      server.removeAllListeners('upgrade').on('upgrade', (_, socket) => upgrade && socket.end(upgrade))
      server.removeAllListeners('request').on('request', (request, response) => {
        if (!swallowed.test(request.url ?? '')) handle?.(request, response)
      })
      const page = await openStand(await openPage(), place, 'ours')
      await page.evaluate(seeSlowNetwork)
      await begin(page, prefix, { timeout: 0 })
      await page.waitFor(() => sock.readyState === 1)
      expect(await page.evaluate(() => sock.transport)).toBe(best)
      await page.evaluate(() => sock.send('through'))
      await page.waitFor(() => log.some(each => each === 'message 1 through'))
      expect(place.sessions).toBe(1)
    })
})

/** Opens a page that has `SockJS`, of sockjs-client or ours. */
async function openStand(
  page: TestPage,
  place: SockJSPlace,
  whose: 'sockjs-client' | 'ours',
): Promise<TestPage> {
  const client = createRequire(import.meta.url).resolve('sockjs-client/dist/sockjs.min.js')
  place.site.route('/sockjs.js', (_, response) => {
    response.setHeader('Content-Type', 'text/javascript')
    response.end(readFileSync(client))
  })
  await page.goto(`${place.site.url}/pages/blank.html`)
  await put(page, whose)
  return page
}

async function put(page: TestPage, whose: 'sockjs-client' | 'ours'): Promise<void> {
  await page.evaluate(async ours => {
    if (ours) Object.assign(globalThis, { SockJS: (await import('/dist/drop-in.js' as string)).SockJS })
    else await import('/sockjs.js' as string)
  }, whose === 'ours')
}

/** Both give a transport a few round trips' time, which on loopback is a third of a second and less than a busy machine may take. */
async function begin(page: TestPage, url: string, options: object): Promise<void> {
  await page.evaluate(
    ([at, given]) => {
      const noted: string[] = []
      Object.assign(globalThis, { sock: new SockJS(at, null, given), log: noted })
      for (const type of ['open', 'message', 'heartbeat', 'error', 'close'])
        sock.addEventListener(type, ({ data, code, reason, wasClean }) => {
          const more = {
            open: ` ${sock.transport}`,
            message: ` ${data}`,
            close: ` ${code} ${reason} ${wasClean}`,
          }
          noted.push(`${type} ${sock.readyState}${more[type as 'open'] ?? ''}`)
        })
    },
    [url, { timeout: 20_000, ...options }] as const,
  )
}
