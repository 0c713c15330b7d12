import { EventEmitter, once } from 'node:events'
import http, { type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createHub, type Hub } from '../../server/index.ts'
import { address, ask, listen, stand, until, wait } from './harness.ts'
import { handshake, raw } from './raw.ts'

describe('attach', () => {
  it.each(['/', '/live/', '/livery', '/LIVE', '/a/live', '//live', '/live%20'])(
    'leaves %s to the others',
    async path => {
      const at = await stand()
      expect(await ask(`http://${at.host}${path}`)).toMatchObject({ status: 404, text: 'not the hub' })
    },
  )

  it('keeps requests of its own from listeners that were added before and after', async () => {
    const at = await stand()
    let heard = 0
    at.server.on('request', () => heard++)
    expect(await ask(address(at, { 'rt.via': 'long-polling' }))).toMatchObject({ status: 200 })
    expect(heard).toBe(0)
  })

  it('can be undone', async () => {
    const hub = createHub()
    const server = http.createServer((_, response) => response.end('mine again'))
    const undo = hub.attach(server)
    undo()
    await serve(server)
    expect(await ask(`http://127.0.0.1:${portOf(server)}/live?rt.via=long-polling`)).toMatchObject({
      text: 'mine again',
    })
    expect(server.listenerCount('upgrade')).toBe(0)
  })

  it('works for two hubs on one server, in whatever order they leave', async () => {
    const at = await stand()
    const second = createHub({ path: '/second' })
    const leave = second.attach(at.server)
    const url = `http://${at.host}/second?rt.via=long-polling`
    expect(await ask(url)).toMatchObject({ status: 200 })
    expect(await ask(address(at, { 'rt.via': 'long-polling' }))).toMatchObject({ status: 200 })
    leave()
    expect(await ask(url)).toMatchObject({ status: 404 })
    expect(await ask(address(at, { 'rt.via': 'long-polling' }))).toMatchObject({ status: 200 })
    await second.close()
  })

  it('lives beside other WebSocket servers', async () => {
    const at = await stand()
    const other = new WebSocketServer({ noServer: true })
    at.server.on('upgrade', (request, socket, head) => {
      if (request.url === '/other') other.handleUpgrade(request, socket, head, ws => ws.send('other'))
    })
    const ws = new WebSocket(`ws://${at.host}/other`)
    expect(String((await once(ws, 'message'))[0])).toBe('other')
    ws.terminate()
    await listen(at, 'websocket').opened()
  })

  it('leaves an upgrade alone that is for somebody else who may still answer', async () => {
    const at = await stand()
    at.server.on('upgrade', () => {})
    expect(await raw(at.host, handshake('/unknown'), 100)).toBe('')
  })

  it('answers an upgrade that nobody else could', async () => {
    const at = await stand()
    expect(await raw(at.host, handshake('/unknown'))).toMatch(/^HTTP\/1\.1 404 /)
  })

  it('hands requests over to a framework that asks', async () => {
    const hub = createHub()
    onTestFinished(() => hub.close())
    const server = http.createServer((request, response) => {
      if (!hub.handle(request, response)) response.end('the framework')
    })
    server.on('upgrade', (request, socket, head) => hub.upgrade(request, socket, head) || socket.destroy())
    await serve(server)
    const at = { hub, server, host: `127.0.0.1:${portOf(server)}` }
    await listen(at, 'websocket').opened()
    await listen(at, 'xhr-streaming').opened()
    expect((await ask(`http://${at.host}/`)).text).toBe('the framework')
  })
})

describe('a server with a hub', () => {
  const offers = ['h2c', 'TLS/1.0', 'HTTP/2.0, SHTTP/1.3', 'websockets', 'foo']

  it.each(offers)('answers a request that offers Upgrade: %s as if it did not', async offer => {
    const at = await stand()
    const offering = (target: string) =>
      raw(at.host, handshake(target, { Upgrade: offer, Connection: 'Upgrade, HTTP2-Settings, close' }))
    expect(await offering('/else')).toMatch(/^HTTP\/1\.1 404 .*not the hub/s)
    expect(await offering('/live?rt.via=long-polling&topic=x')).toMatch(/^HTTP\/1\.1 200 .*rt\.open/s)
  })

  it('answers its own requests that offer something else also beside those who take upgrades', async () => {
    const at = await stand()
    at.server.on('upgrade', (_, socket) => socket.destroy())
    const headers = { Upgrade: 'h2c', Connection: 'Upgrade, close' }
    expect(await raw(at.host, handshake('/live?rt.via=long-polling', headers))).toMatch(/^HTTP\/1\.1 200 /)
    expect(await raw(at.host, handshake('/else', headers))).toBe('')
  })

  it('reads the body and the next request of a connection on which an upgrade was offered', async () => {
    const bodies: string[] = []
    const hub = createHub()
    onTestFinished(() => hub.close())
    const server = http.createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      bodies.push(`${request.url} ${body}`)
      response.end('taken')
    })
    hub.attach(server)
    await serve(server)
    const first = `POST /one HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody`
    const second = 'GET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    const heard = await raw(`127.0.0.1:${portOf(server)}`, first + second)
    expect(bodies.sort()).toEqual(['/one body', '/two '])
    expect(heard.match(/taken/g)).toHaveLength(2)
  })

  it('answers a request that was sent behind another, and offers something, after that', async () => {
    const hub = createHub()
    onTestFinished(() => hub.close())
    let finish = () => {}
    const server = http.createServer((request, response) => {
      if (request.url === '/slow') finish = () => response.end('first')
      else response.end('second')
      // Node has read both by then.
      if (request.url === '/slow') setTimeout(() => finish(), 50)
    })
    hub.attach(server)
    await serve(server)
    const slow = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
    const heard = await raw(
      `127.0.0.1:${portOf(server)}`,
      slow + handshake('/else', { Upgrade: 'h2c', Connection: 'Upgrade, close' }),
    )
    expect(heard).toMatch(/first.*second/s)
  })

  it('answers a WebSocket handshake to somewhere else as it would without one', async () => {
    const hub = createHub()
    onTestFinished(() => hub.close())
    const server = http.createServer((_, response) => response.writeHead(426).end('no sockets here'))
    hub.attach(server)
    await serve(server)
    const heard = await raw(
      `127.0.0.1:${portOf(server)}`,
      handshake('/else', { Connection: 'Upgrade, close' }),
    )
    expect(heard).toMatch(/^HTTP\/1\.1 426 .*no sockets here/s)
  })

  it('with eleven of them warns of no leak, and is as it was when they have left', async () => {
    const warnings: Error[] = []
    const hear = (warning: Error) => warnings.push(warning)
    process.on('warning', hear)
    const server = http.createServer((_, response) => response.end('mine'))
    const listeners = ['request', 'upgrade'].map(name => server.listenerCount(name))
    const { emit } = server
    const hubs = Array.from({ length: 11 }, (_, at) => createHub({ path: `/${at}` }))
    const undo = hubs.map(hub => hub.attach(server))
    await serve(server)
    const url = (path: string) => `http://127.0.0.1:${portOf(server)}${path}`
    for (const at of [0, 10]) expect((await ask(url(`/${at}?rt.via=long-polling`))).text).toContain('rt.open')
    for (const leave of [...undo, ...undo]) leave()
    expect(['request', 'upgrade'].map(name => server.listenerCount(name))).toEqual(listeners)
    expect(server.emit).toBe(emit)
    expect((await ask(url('/10'))).text).toBe('mine')
    await wait(0)
    process.off('warning', hear)
    expect(warnings).toEqual([])
    await Promise.all(hubs.map(hub => hub.close()))
  })

  it('that answers nothing else answers 404, and nobody waits', async () => {
    const hub = createHub()
    onTestFinished(() => hub.close())
    const server = http.createServer()
    hub.attach(server)
    await serve(server)
    const at = `127.0.0.1:${portOf(server)}`
    expect(await ask(`http://${at}/`)).toMatchObject({ status: 404 })
    server.on('request', (_, response) => response.end('later'))
    expect(await ask(`http://${at}/`)).toMatchObject({ status: 200, text: 'later' })
  })

  it.each([
    ['an application of Express', Object.assign(() => {}, new EventEmitter(), { listen() {} }), /a function/],
    [
      'an application of Koa',
      Object.assign(new EventEmitter(), { listen() {}, callback() {} }),
      /createServer\(app\)/,
    ],
    ['one of Fastify', { server: {}, listen() {} }, /app\.server/],
    ['a port', 8080, /no HTTP server \(number\)/],
    ['nothing', undefined, /no HTTP server \(undefined\)/],
  ])('cannot be %s', async (_, server, words) => {
    const hub = createHub()
    expect(() => hub.attach(server as never)).toThrow(TypeError)
    expect(() => hub.attach(server as never)).toThrow(words)
    await hub.close()
  })
})

describe('a framework', () => {
  /** What Express does for `app.use(at, handler)`. */
  function mounted(at: string, handler: (...all: Parameters<Hub['handle']>) => unknown) {
    return (request: http.IncomingMessage & { originalUrl?: string }, response: http.ServerResponse) => {
      const { url = '' } = request
      const next = () => response.writeHead(404).end('nobody')
      if (!url.startsWith(at)) return next()
      request.originalUrl = url
      request.url = url.slice(at.length)
      handler(request, response, next)
    }
  }

  it('that mounts the hub below a path serves requests and upgrades at one path', async () => {
    const paths: string[] = []
    const authorize = ({ url }: { url: URL }) => {
      paths.push(url.pathname)
      return ['x']
    }
    const hub = createHub({ path: '/api/live', authorize })
    onTestFinished(() => hub.close())
    const server = http.createServer(mounted('/api', hub.handle))
    server.on('upgrade', (request, socket, head) => hub.upgrade(request, socket, head) || socket.destroy())
    await serve(server)
    const url = `http://127.0.0.1:${portOf(server)}/api/live`
    expect((await ask(`${url}?rt.via=long-polling`)).text).toContain('rt.open')
    const socket = new WebSocket(url.replace('http', 'ws'))
    await once(socket, 'message')
    socket.terminate()
    expect(paths).toEqual(['/api/live', '/api/live'])
    expect(await ask(`http://127.0.0.1:${portOf(server)}/api/else`)).toMatchObject({ text: 'nobody' })
  })

  it('that mounts a hub of a path below its own is served as before', async () => {
    const hub = createHub()
    onTestFinished(() => hub.close())
    const server = http.createServer(mounted('/api', hub.handle))
    await serve(server)
    const url = `http://127.0.0.1:${portOf(server)}/api/live?rt.via=long-polling`
    expect((await ask(url)).text).toContain('rt.open')
  })
})

describe('a hostile upgrade', () => {
  it.each([
    ['of version 7', { 'Sec-WebSocket-Version': '7' }, /^HTTP\/1\.1 (400|426) /],
    ['without a key', { 'Sec-WebSocket-Key': '' }, /^HTTP\/1\.1 400 /],
    ['with a key that is none', { 'Sec-WebSocket-Key': 'x' }, /^HTTP\/1\.1 400 /],
    ['with a broken Host', { Host: 'a b/' }, /^HTTP\/1\.1 400 /],
    ['with a broken Origin', { Origin: 'http://[' }, /^HTTP\/1\.1 403 /],
  ])('%s is refused', async (_, headers, expected) => {
    const at = await stand()
    expect(await raw(at.host, handshake('/live', headers))).toMatch(expected)
    await listen(at, 'websocket').opened() // and the server lives
  })

  it.each(['/live?rt.v=3', '/live?rt.via=eventsource', '/live?rt.n=1e3'])(
    'to %s is refused with 400',
    async target => {
      const at = await stand()
      expect(await raw(at.host, handshake(target))).toMatch(/^HTTP\/1\.1 400 /)
    },
  )

  it('by POST is refused', async () => {
    const at = await stand()
    expect(await raw(at.host, handshake('/live').replace('GET', 'POST'))).toMatch(/^HTTP\/1\.1 40[05] /)
  })

  it('whose socket is reset while authorize thinks does no harm', async () => {
    let decide = (_: string[]) => {}
    const decided = new Promise<string[]>(resolve => {
      decide = resolve
    })
    let asked = 0
    const authorize = () => {
      asked++
      return decided
    }
    const at = await stand({ authorize })
    const socket = net.connect(Number(at.host.split(':')[1]), '127.0.0.1').on('error', () => {})
    socket.write(handshake('/live?topic=x'))
    await until(() => asked === 1)
    socket.resetAndDestroy()
    await wait(20)
    decide(['x'])
    await wait(20)
    expect(at.hub.stats()).toMatchObject({ sessions: 0, lines: { websocket: 0 } })
    await listen(at, 'websocket').opened()
  })

  it('with data in its wake is heard', async () => {
    const at = await stand()
    const frame = Buffer.from('event: rt.ping\ndata: \n\n')
    const masked = Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), frame])
    const heard = await raw(at.host, handshake('/live') + masked.toString('latin1'))
    expect(heard).toMatch(/rt\.open.*rt\.pong/s)
  })
})

describe('a hostile frame', () => {
  it.each([
    ['binary', (ws: WebSocket) => ws.send(Uint8Array.of(1)), 1001],
    ['larger than any message', (ws: WebSocket) => ws.send('x'.repeat(2 ** 20 + 1)), 1009],
    ['without a mask', (ws: WebSocket) => inject(ws, [0x81, 0x01, 0x78]), 1002],
    ['that is no UTF-8', (ws: WebSocket) => inject(ws, [0x81, 0x81, 0, 0, 0, 0, 0xff]), 1007],
    ['of an unknown kind', (ws: WebSocket) => inject(ws, [0x83, 0x80, 0, 0, 0, 0]), 1002],
  ])('%s ends that line and no other', async (_, attack, code) => {
    const at = await stand()
    const healthy = listen(at, 'websocket')
    await healthy.opened()
    const ws = new WebSocket(address(at, { 'rt.via': 'websocket' }).replace('http', 'ws')).on(
      'error',
      () => {},
    )
    await once(ws, 'message')
    attack(ws)
    expect((await once(ws, 'close'))[0]).toBe(code)
    await at.hub.publish('x', 'still here')
    expect(await healthy.messages(1)).toEqual(['still here'])
  })

  function inject(ws: WebSocket, bytes: number[]): void {
    ;(ws as unknown as { _socket: net.Socket })._socket.write(Buffer.from(bytes))
  }
})

describe('a request', () => {
  it.each([
    ['DELETE', { 'rt.via': 'xhr-streaming' }, 405],
    ['POST', { 'rt.via': 'long-polling' }, 405],
    ['GET', { 'rt.via': 'post' }, 405],
    ['GET', { 'rt.via': 'websocket' }, 426],
    ['GET', { 'rt.via': 'carrier-pigeon' }, 400],
    ['GET', { 'rt.via': 'long-polling', 'rt.n': '-1' }, 400],
    ['GET', { 'rt.v': '3' }, 400],
  ])('%s with %j is answered %i', async (method, query, status) => {
    expect(await ask(address(await stand(), query), { method })).toMatchObject({ status })
  })

  it('whose Host is broken is answered 400', async () => {
    const at = await stand()
    expect(await raw(at.host, 'GET /live HTTP/1.1\r\nHost: a b/\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('that leaves while authorize thinks leaves no session', async () => {
    let leave = (): void => {}
    const left = new Promise<void>(resolve => {
      leave = resolve
    })
    let asked = 0
    const authorize = async () => {
      asked++
      await left
      return ['x']
    }
    const at = await stand({ authorize })
    at.server.once('connection', socket => socket.once('close', leave))
    const ear = listen(at, 'xhr-streaming')
    await until(() => asked === 1)
    ear.close()
    await left
    await wait(0)
    expect(at.hub.stats().sessions).toBe(0)
  })
})

it('answers whatever comes, as upgrade or not, and lives', async () => {
  const at = await stand({ origins: ['https://friend.example'] })
  const odd = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom(
      '0',
      '-1',
      '1e3',
      '9007199254740993',
      'a.1.b',
      '_rta',
      'websocket',
      'jsonp',
      'post',
      '\0',
      '%',
      'null',
    ),
  )
  const names = ['rt.v', 'rt.via', 'rt.sid', 'rt.id', 'rt.n', 'rt.cb', 'rt.up', 'rt.at', 'rt.of', 'topic']
  const fields = [
    'Host',
    'Origin',
    'Referer',
    'Last-Event-ID',
    'Content-Type',
    'Upgrade',
    'Sec-WebSocket-Key',
    'Content-Length',
  ]
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'OPTIONS', 'PUT'),
    query: fc.dictionary(fc.constantFrom(...names), odd, { maxKeys: 6 }),
    headers: fc.dictionary(fc.constantFrom(...fields), odd, { maxKeys: 3 }),
    upgrade: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ method, query, headers, upgrade }) => {
      const safe = Object.entries(headers).map(([name, value]) => [name, value.replace(/[^ -~]/g, '')])
      const head = handshake(`/live?${new URLSearchParams(query)}`, Object.fromEntries(safe)).replace(
        'GET',
        method,
      )
      await raw(at.host, upgrade ? head : head.replace('Connection: Upgrade', 'Connection: close'), 4)
    }),
    { numRuns: 300 },
  )
  await listen(at, 'websocket').opened()
})

async function serve(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

it('serves two hubs on one server, each at its own path', async () => {
  const server = http.createServer().listen(0, '127.0.0.1')
  const hubs = ['/one', '/two'].map(path => createHub({ path }))
  for (const hub of hubs) hub.attach(server)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const outcomes = ['/one', '/two', '/three'].map(async path => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
    const outcome = await new Promise(resolve => {
      socket.on('open', () => resolve('open'))
      socket.on('error', error => resolve(error.message))
    })
    socket.terminate()
    return outcome
  })
  expect(await Promise.all(outcomes)).toEqual(['open', 'open', 'Unexpected server response: 404'])
  await Promise.all(hubs.map(hub => hub.close()))
  server.close()
})
