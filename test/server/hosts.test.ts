import { expect, it } from 'vitest'
import { startDemo } from '../../demo/demo.ts'
import { createHub, type HubOptions } from '../../server/index.ts'
import { address, ask, channels, listen, stand, witness } from './harness.ts'
import { handshake, raw } from './raw.ts'

const hosts = ['hub.example', '*.sub.example', 'localhost', '192.0.2.1', '2001:db8::1']

it.each([...channels, 'bare', 'post'] as const)(
  'a name that is not listed is refused over %s, whatever the browser says of its origin',
  async via => {
    const { seen, authorize } = witness()
    const at = await stand({ hosts, authorize })
    const words: string[] = []
    at.hub.on('refused', ({ message, status, host }) => void words.push(`${status} ${host} ${message}`))
    const headers = {
      host: 'evil.example:80',
      origin: 'http://evil.example',
      'sec-fetch-site': 'same-origin',
    }
    const query = { 'rt.via': via === 'bare' ? undefined : via, 'rt.cb': '_rta' }
    if (via === 'websocket') await listen(at, via, {}, headers).next('rt.fail')
    else await ask(address(at, query), { headers, method: via === 'post' ? 'POST' : 'GET' })
    expect(seen).toEqual([])
    expect(words).toEqual([
      "403 evil.example evil.example is none of this server's hosts; if it should be, list it in hosts",
    ])
  },
)

it.each([
  ['hub.example', true],
  ['HUB.example.:8080', true],
  ['a.b.sub.example', true],
  ['localhost:1', true],
  ['app.localhost', true],
  ['127.0.0.2', true],
  ['[::1]:80', true],
  ['192.0.2.1:5', true],
  ['[2001:db8:0::1]', true],
  ['sub.example', false],
  ['evilsub.example', false],
  ['hub.example.evil.example', false],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['192.0.2.2', false],
  ['xn--bcher-kva.example', false],
])('Host %s: %s', async (host, known) => {
  const at = await stand({ hosts })
  const heard = await raw(at.host, `OPTIONS /live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  expect(heard).toMatch(known ? /^HTTP\/1.1 204/ : /^HTTP\/1.1 403.*list it in hosts/s)
})

it('a proxy that is trusted tells the host, and nobody else does', async () => {
  const from = async (trustProxy: NonNullable<HubOptions['trustProxy']>, told: string, host: string) => {
    const at = await stand({ hosts: ['hub.example'], trustProxy })
    return (await ask(address(at, {}), { method: 'OPTIONS', headers: { host, 'x-forwarded-host': told } }))
      .status
  }
  expect(await from(1, 'hub.example', 'inner')).toBe(204)
  expect(await from(1, 'evil.example', 'hub.example')).toBe(403)
  expect(await from(false, 'hub.example', 'evil.example')).toBe(403)
})

it.each([
  'hub.example',
  [],
  null,
  ['https://hub.example'],
  ['hub.example:80'],
  ['hub.example:443'],
  ['hub.example/x'],
  ['*'],
  ['a.*.example'],
  [''],
  [/hub/],
  [undefined],
])('hosts: %j is a TypeError that names it', given => {
  expect(() => createHub({ hosts: given as string[] })).toThrow(TypeError)
  expect(() => createHub({ hosts: given as string[] })).toThrow(/^hosts/)
})

it('without the option every host is answered', async () => {
  const at = await stand()
  const headers = { host: 'any.example' }
  expect(await ask(address(at, {}), { method: 'OPTIONS', headers })).toMatchObject({ status: 204 })
})

it('the demo answers loopback and the names it is given, with all that it serves', async () => {
  const demo = await startDemo({ hosts: ['demo.example'] })
  try {
    const at = new URL(demo.url).host
    for (const path of [
      '/',
      '/lab',
      '/live?rt.via=long-polling',
      '/answers?rt.via=long-polling',
      '/socket.io/?EIO=4&transport=polling',
    ]) {
      const from = (host: string) =>
        raw(at, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect(await from('evil.example')).toMatch(/^HTTP\/1.1 403.*HOSTS/s)
      expect(await from('demo.example')).not.toMatch(/^HTTP\/1.1 403.*HOSTS/s)
      expect(await from(at)).not.toMatch(/^HTTP\/1.1 403.*HOSTS/s)
    }
    expect(await raw(at, handshake('/live', { Host: 'evil.example' }))).toMatch(/^HTTP\/1.1 403/)
  } finally {
    await demo.close()
  }
})
