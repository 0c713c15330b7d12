/** Attacks that others' published advisories tell of, by raw sockets. docs/advisories.md says which is whose. */
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect } from '../../src/core.ts'
import { plain } from '../../src/dialects/plain.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { unpack } from '../../src/wire/payload.ts'
import { address, ask, listen, type Stand, stand } from './harness.ts'
import { handshake, head, raw } from './raw.ts'

/** Whoever is honest is served as before. */
async function lives(at: Stand): Promise<void> {
  const honest = listen(at, 'websocket')
  await honest.opened()
  await at.hub.publish('x', 'still here')
  expect(await honest.messages(1)).toEqual(['still here'])
}

describe('a handshake', () => {
  it('with more headers than Node reads, so that Upgrade may be missing, harms nobody', async () => {
    const at = await stand()
    at.server.maxHeadersCount = 20
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`h${index}`, 'x']))
    const [line, ...rest] = handshake('/live?topic=x').split('\r\n')
    const before = Object.keys(many).map(name => `${name}: x`)
    await raw(at.host, [line, ...before, ...rest].join('\r\n'), 100)
    await raw(at.host, handshake('/live?topic=x', many), 100)
    await lives(at)
  })

  it.each([
    ['Sec-WebSocket-Protocol', `b${' '.repeat(14_000)}x`],
    ['Sec-WebSocket-Protocol', 'constructor, __proto__, a, a'],
    ['Sec-WebSocket-Extensions', 'constructor; hasOwnProperty=1, __proto__'],
    ['Sec-WebSocket-Extensions', `permessage-deflate${'; a'.repeat(4_000)}`],
    ['Sec-WebSocket-Extensions', 'permessage-deflate; server_max_window_bits=99'],
    ['Origin', `https://${'a.'.repeat(7_000)}example`],
  ])(
    'with a %s that takes long to read, or names what every object has, harms nobody',
    async (name, value) => {
      const at = await stand({ origins: ['https://*.friend.example'] })
      await raw(at.host, handshake('/live?topic=x', { [name]: value }), 100)
      await lives(at)
    },
  )

  it('that offers compression is answered without, so that no small frame becomes a large one', async () => {
    const at = await stand()
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }
    const answer = await raw(at.host, handshake('/live?topic=x', offer), head)
    expect(answer).toMatch(/^HTTP\/1\.1 101 /)
    expect(answer).not.toMatch(/sec-websocket-extensions/i)
  })
})

describe('a frame', () => {
  it.each([
    ['that says it is compressed', [0xc1, 0x80, 0, 0, 0, 0], 1002],
    ['of 2^63 - 1 bytes', [0x81, 0xff, 0x7f, ...Array(7).fill(0xff), 0, 0, 0, 0], 1009],
    ['of 2^53 bytes', [0x81, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009],
    ['of control that is in pieces', [0x09, 0x80, 0, 0, 0, 0], 1002],
    ['of control that is too long', [0x89, 0xfe, 0x00, 0x7e, 0, 0, 0, 0], 1002],
    ['that goes on with nothing', [0x80, 0x80, 0, 0, 0, 0], 1002],
    ['of closing with half a code', [0x88, 0x81, 0, 0, 0, 0, 0x03], 1002],
    ['of closing with a code that is none', [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], 1002],
  ])('%s ends its line, and nothing else', async (_, bytes, code) => {
    const at = await stand()
    const heard = await raw(at.host, handshake('/live?topic=x') + String.fromCharCode(...bytes))
    expect(heard.slice(-2)).toBe(String.fromCharCode(code >> 8, code & 0xff))
    await lives(at)
  })
})

it('a message in more pieces than an honest one has, each of which costs memory however small it is, ends its line', async () => {
  const at = await stand()
  const piece = (first: number) => String.fromCharCode(first, 0x81, 0, 0, 0, 0, 0x78)
  const begun = handshake('/live?topic=x') + piece(0x01)
  const heard = await raw(at.host, begun + piece(0x00).repeat(2 ** 14))
  expect(
    heard.charCodeAt(heard.indexOf('\x88') + 2) * 256 + heard.charCodeAt(heard.indexOf('\x88') + 3),
  ).toBe(1008)
  await lives(at)
})

describe('a request', () => {
  it.each([
    [
      'for a WebSocket that upgrades nothing',
      'GET /live?topic=x&rt.via=websocket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ],
    [
      'for a WebSocket without Connection: Upgrade',
      'GET /live?topic=x&rt.via=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n',
    ],
    [
      'for a poll that upgrades',
      'GET /live?topic=x&rt.via=long-polling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ],
    [
      'of a session by the name of what every object has',
      'POST /live?rt.via=post&rt.sid=__proto__ HTTP/1.1\r\nHost: a\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    ],
    [
      'of topics and positions by such names',
      'GET /live?rt.via=long-polling&rt.sid=constructor&topic=__proto__&rt.id=__proto__.1.x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ],
    [
      'of two transports',
      'GET /live?rt.via=jsonp&rt.cb=_rt1&rt.n=1&rt.via=toString HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ],
    ['for everything at once', 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    [
      'with an escape that is none',
      'GET /live?topic=%E0%A4%A HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ],
  ])('%s, made to throw, harms nobody', async (_, text) => {
    const at = await stand()
    const errors: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    await raw(at.host, text, 100)
    await lives(at)
    expect(errors).toEqual([])
  })

  it('that is reset at any moment of an answer harms nobody', async () => {
    const at = await stand()
    for (const text of [handshake('/live?topic=x'), handshake('/live?topic=x', { Upgrade: 'h2c' })])
      for (const bytes of [10, 100, text.length]) {
        const socket = net.connect(Number(at.host.split(':')[1]), '127.0.0.1').on('error', () => {})
        await once(socket, 'connect')
        socket.write(text.slice(0, bytes))
        if (bytes === text.length) await once(socket, 'data')
        socket.resetAndDestroy()
      }
    await lives(at)
  })
})

describe('a text with line breaks', () => {
  it.each(['a\rid: 9\r\revent: rt.bye\rdata: {}', 'a\r\ndata: b\n\n', '\r', 'x\n\nevent: rt.open\ndata: {}'])(
    'that is published, %j, is that text to those who hear it, and nothing beside it',
    async text => {
      const at = await stand()
      const ears = (['eventsource', 'xhr-streaming', 'websocket'] as const).map(via => listen(at, via))
      for (const ear of ears) await ear.opened()
      await at.hub.publish('x', text)
      await at.hub.publish('x', 'next')
      for (const ear of ears) {
        const [first, second] = await ear.messages(2)
        const { encoding } = ear.blocks.find(({ data }) => data === first) ?? {}
        expect([unpack(first ?? '', encoding), second]).toEqual([text, 'next'])
        expect(ear.blocks.filter(({ event }) => event === 'rt.bye')).toEqual([])
      }
    },
  )

  it('is refused as the name of an event', async () => {
    const at = await stand()
    for (const event of ['a\ndata: x', 'a\rdata: x', 'a\0'])
      await expect(at.hub.publish('x', 'text', { event })).rejects.toThrow(TypeError)
  })
})

it('a page of a stranger reads nothing, over a WebSocket or by a request', async () => {
  const at = await stand()
  const stranger = { origin: 'http://localhost:5173' }
  const query = { 'rt.via': 'long-polling', 'rt.n': 0 }
  const { status, headers } = await ask(address(at, query), { headers: stranger })
  expect([status, headers['access-control-allow-origin']]).toEqual([403, undefined])
  expect(await raw(at.host, handshake('/live?topic=x', { Origin: stranger.origin }), head)).toMatch(
    /^HTTP\/1\.1 403 /,
  )
})

it('a redirect to another origin does not take the token along', async () => {
  const seen: http.IncomingHttpHeaders[] = []
  const serve = async (handler: http.RequestListener) => {
    const server = http.createServer(handler).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const hear = (request: IncomingMessage) => seen.push(request.headers)
  const other = await serve((request, response) => {
    hear(request)
    response.writeHead(204).end()
  })
  const own = await serve((request, response) => {
    hear(request)
    response.writeHead(307, { Location: `${other}/stolen` }).end()
  })
  const line = connect(`${own}/live`, { dialect: plain, transport: fetchStreaming, token: () => 'secret' })
  onTestFinished(() => line.close())
  await new Promise(resolve => {
    line.onclose = resolve
  })
  expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer secret', undefined])
})
