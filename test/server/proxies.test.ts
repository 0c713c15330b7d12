import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type AuthorizeRequest, createHub, type HubOptions } from '../../server/index.ts'
import { address, ask, stand, witness } from './harness.ts'

type Trust = NonNullable<HubOptions['trustProxy']>
type Headers = Record<string, string>

const poll = { 'rt.via': 'long-polling', 'rt.n': 0 }

async function arrived(trustProxy: Trust, headers: Headers): Promise<AuthorizeRequest> {
  const { seen, authorize } = witness()
  const at = await stand({ trustProxy, authorize })
  await ask(address(at, poll), { headers })
  return seen[0] as AuthorizeRequest
}

it.each([
  ['a subnet without its bits', ['10.0.0.0/']],
  ['a subnet with letters for bits', ['10.0.0.0/x']],
  ['more bits than an address has', ['10.0.0.0/33']],
  ['more bits than an address of IPv6 has', ['fd00::/129']],
  ['fewer bits than none', ['10.0.0.0/-1']],
  ['a space before the bits', ['10.0.0.0/ 8']],
  ['bits in another notation', ['10.0.0.0/0x8']],
  ['a mask', ['10.0.0.0/255.0.0.0']],
  ['two slashes', ['10.0.0.0/8/8']],
  ['a name', ['localhost']],
  ['half of an address', ['10.0.0']],
  ['a pattern', ['10.*']],
  ['a space', [' 10.0.0.1']],
  ['nothing', ['']],
  ['a number in a list', [1]],
  ['a text', '10.0.0.1'],
  ['a number below zero', -1],
  ['half a number', 1.5],
  ['no number', Number.NaN],
  ['null', null],
  ['an object', {}],
])('%s is no way to name proxies', (_, trustProxy) => {
  expect(() => createHub({ trustProxy: trustProxy as Trust })).toThrow(TypeError)
  expect(() => createHub({ trustProxy: trustProxy as Trust })).toThrow(/^trustProxy/)
})

it.each<[Trust, string, string]>([
  [['127.0.0.1'], '203.0.113.7:52341', '203.0.113.7'],
  [['127.0.0.1'], '"[2001:db8::7]:443"', '2001:db8::7'],
  [['127.0.0.1'], '[2001:DB8::7]', '2001:db8::7'],
  [['127.0.0.1'], '2001:db8::7', '2001:db8::7'],
  [['127.0.0.1'], '::ffff:203.0.113.7', '203.0.113.7'],
  [['127.0.0.1'], '::ffff:cb00:7107', '203.0.113.7'],
  [['127.0.0.1', '10.0.0.0/8'], '192.0.2.1, 203.0.113.7:1, 10.0.0.2:443', '203.0.113.7'],
  [['127.0.0.1', 'fd00::/8'], '203.0.113.7, [fd00::1]:80', '203.0.113.7'],
  [['127.0.0.1', '::ffff:10.0.0.0/104'], '203.0.113.7, 10.0.0.2', '203.0.113.7'],
  [['127.0.0.0/8'], '203.0.113.7,, ', '203.0.113.7'],
  [['127.0.0.1'], '198.51.100.1, unknown', 'unknown'],
  [['127.0.0.1', '10.0.0.0/8'], '198.51.100.1, _hidden, 10.0.0.2', 'unknown'],
  [['127.0.0.1'], '<b>', 'unknown'],
  [['127.0.0.1'], '203.0.113.7.8', 'unknown'],
  [true, '198.51.100.1, unknown', 'unknown'],
  [true, '198.51.100.1, 203.0.113.7', '203.0.113.7'],
  [1, '198.51.100.1, 203.0.113.7', '203.0.113.7'],
  [2, '192.0.2.1, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
  [2, '203.0.113.7', '203.0.113.7'],
  [0, '203.0.113.7', '127.0.0.1'],
  [[], '203.0.113.7', '127.0.0.1'],
])('with trustProxy %j and X-Forwarded-For: %s the address is %s', async (trust, header, expected) => {
  expect((await arrived(trust, { 'x-forwarded-for': header })).address).toBe(expected)
})

it.each([
  ['for=203.0.113.7', '203.0.113.7'],
  ['For="[2001:db8::7]:4711"; proto=https', '2001:db8::7'],
  ['for=192.0.2.1, for="203.0.113.7:80";by=10.0.0.1, for=10.0.0.2', '203.0.113.7'],
  ['for=192.0.2.1, for=_secret', 'unknown'],
  ['for=192.0.2.1, proto=https', 'unknown'],
  ['rubbish', 'unknown'],
])('with Forwarded: %s the address is %s', async (forwarded, expected) => {
  expect((await arrived(['127.0.0.1', '10.0.0.0/8'], { forwarded })).address).toBe(expected)
})

it('takes host and scheme from Forwarded where a proxy sets nothing else', async () => {
  const forwarded = 'for=203.0.113.7;host="www.example.com:8443";proto=https'
  expect((await arrived(1, { forwarded })).url.origin).toBe('https://www.example.com:8443')
})

it('believes no Forwarded that a client wrote, where the proxy sets the usual headers', async () => {
  const headers = { forwarded: 'for=192.0.2.1;host=evil.example', 'x-forwarded-for': '203.0.113.7' }
  const { address, url } = await arrived(1, headers)
  expect([address, url.hostname]).toEqual(['203.0.113.7', '127.0.0.1'])
})

it('believes nothing of a proxy that is not trusted', async () => {
  const headers = {
    forwarded: 'for=192.0.2.1',
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-host': 'a.example',
  }
  const { address, url } = await arrived(['10.0.0.0/8'], headers)
  expect([address, url.hostname]).toEqual(['127.0.0.1', '127.0.0.1'])
})

it('trusts who comes over a unix socket only when that is said', async () => {
  const { seen, authorize } = witness()
  for (const trustProxy of [['unix'], ['127.0.0.1'], 1] as const) {
    const hub = createHub({ trustProxy, authorize })
    const server = http.createServer()
    const socketPath = join(tmpdir(), `throughline-${process.pid}-${seen.length}.sock`)
    hub.attach(server)
    server.listen(socketPath)
    await once(server, 'listening')
    const request = http.get({
      socketPath,
      path: '/live?rt.via=long-polling',
      headers: { 'x-forwarded-for': '203.0.113.7' },
    })
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    await hub.close()
    server.close()
    server.closeAllConnections()
  }
  expect(seen.map(({ address }) => address)).toEqual(['203.0.113.7', 'unix', '203.0.113.7'])
})

it('knows its own origin over HTTP/2, which has :authority in the place of Host', async () => {
  const { seen, authorize } = witness()
  const hub = createHub({ authorize })
  const server = http2.createServer()
  hub.attach(server as never)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const session = http2.connect(`http://127.0.0.1:${port}`)
  onTestFinished(async () => {
    session.destroy()
    await hub.close()
    server.close()
  })
  const stream = session.request({
    ':path': '/live?rt.via=long-polling',
    ':authority': 'www.example.com:8443',
    origin: 'https://www.example.com:8443',
  })
  const [headers] = await once(stream, 'response')
  expect(headers[':status']).toBe(200)
  expect(seen.map(({ url }) => url.origin)).toEqual(['http://www.example.com:8443'])
})

it.each([
  [
    'Host lost its port, which the proxy tells',
    'www.example.com',
    { 'x-forwarded-port': '8443' },
    'https://www.example.com:8443',
  ],
  [
    'the proxy tells the usual port',
    'www.example.com',
    { 'x-forwarded-port': '443' },
    'https://www.example.com',
  ],
  [
    'the proxy tells a port behind another one',
    'www.example.com',
    { 'x-forwarded-port': '80' },
    'https://www.example.com',
  ],
  [
    'the proxy tells host and port',
    'inner:3000',
    { 'x-forwarded-host': 'a.example', 'x-forwarded-port': '8443' },
    'https://a.example:8443',
  ],
])('finds a page of its own where %s', async (_, host, more: Headers, origin) => {
  const at = await stand({ trustProxy: 1 })
  const headers = { host, 'x-forwarded-proto': 'https', origin, ...more }
  expect(await ask(address(at, poll), { headers })).toMatchObject({ status: 200 })
})

it('finds a stranger where only the port of a proxy that is not trusted would fit', async () => {
  const at = await stand()
  const headers = {
    host: 'www.example.com',
    'x-forwarded-port': '8443',
    origin: 'https://www.example.com:8443',
  }
  expect(await ask(address(at, poll), { headers })).toMatchObject({ status: 403 })
})

it('the host and the scheme are what the trusted proxies have added, not what was there before', async () => {
  const headers = {
    'x-forwarded-for': '198.51.100.1, 203.0.113.7, 10.0.0.2',
    'x-forwarded-host': 'forged.example, www.example.com, inner',
    'x-forwarded-proto': 'https, http',
  }
  const [one, two] = [await arrived(1, headers), await arrived(2, headers)]
  expect([one.url.host, two.url.host, two.url.protocol]).toEqual(['inner', 'www.example.com', 'https:'])
  const forwarded = 'for=198.51.100.1;host=forged.example, for=203.0.113.7;host=www.example.com'
  expect((await arrived(1, { forwarded })).url.host).toBe('www.example.com')
})
