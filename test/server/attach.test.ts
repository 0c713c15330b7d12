import { once } from 'node:events'
import http, { type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createHub } from '../../server/index.ts'
import { address, ask, listen, stand, until, wait } from './harness.ts'

/** Sends bytes as they are, and gives back all that comes until the connection ends or nothing comes for a while. */
async function raw(host: string, text: string, patience = 300): Promise<string> {
  const socket = net.connect(Number(host.split(':')[1]), '127.0.0.1')
  let heard = ''
  socket.setEncoding('latin1').on('data', chunk => {
    heard += chunk
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  await Promise.race([once(socket, 'close').catch(() => {}), wait(patience)])
  socket.destroy()
  return heard
}

function handshake(target: string, headers: Record<string, string> = {}): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

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

describe('a hostile upgrade', () => {
  it.each([
    ['of version 7', { 'Sec-WebSocket-Version': '7' }, /^HTTP\/1\.1 (400|426) /],
    ['without a key', { 'Sec-WebSocket-Key': '' }, /^HTTP\/1\.1 400 /],
    ['with a key that is none', { 'Sec-WebSocket-Key': 'x' }, /^HTTP\/1\.1 400 /],
    ['to another protocol', { Upgrade: 'h2c' }, /^HTTP\/1\.1 400 /],
    ['with a broken Host', { Host: 'a b/' }, /^HTTP\/1\.1 400 /],
    ['with a broken Origin', { Origin: 'http://[' }, /^HTTP\/1\.1 403 /],
  ])('%s is refused', async (_, headers, expected) => {
    const at = await stand()
    expect(await raw(at.host, handshake('/live', headers))).toMatch(expected)
    await listen(at, 'websocket').opened() // and the server lives
  })

  it.each(['/live?rt.v=2', '/live?rt.via=eventsource', '/live?rt.n=1e3'])(
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
    ['GET', { 'rt.v': '2' }, 400],
  ])('%s with %j is answered %i', async (method, query, status) => {
    expect(await ask(address(await stand(), query), { method })).toMatchObject({ status })
  })

  it('whose Host is broken is answered 400', async () => {
    const at = await stand()
    expect(await raw(at.host, 'GET /live HTTP/1.1\r\nHost: a b/\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('that leaves while authorize thinks leaves no session', async () => {
    let asked = 0
    const authorize = () => {
      asked++
      return wait(60).then(() => ['x'])
    }
    const at = await stand({ authorize })
    const ear = listen(at, 'xhr-streaming')
    await until(() => asked === 1)
    ear.close()
    await wait(100)
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
