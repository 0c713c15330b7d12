import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createHub } from '../../server/index.ts'
import { connect } from '../../src/index.ts'
import { stand, until, witness } from './harness.ts'
import { handshake, raw } from './raw.ts'

const secret = 'ü.e30~+/>?=='
const name = `rt.token.${Buffer.from(secret).toString('base64url')}`
/** Says goodbye at once, so that the connection ends when all is said. */
const leave = '\x88\x80\0\0\0\0'
const offer = (offered: string) =>
  handshake('/live?rt.via=websocket', { 'Sec-WebSocket-Protocol': offered }) + leave

it('shows authorize the token, from a header or from the address', async () => {
  const seen: (string | undefined)[] = []
  const hub = createHub({
    authorize: ({ token }) => {
      seen.push(token)
      return ['x']
    },
  })
  const server = createServer().listen(0, '127.0.0.1')
  hub.attach(server)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const poll = `http://127.0.0.1:${port}/live?rt.via=long-polling&rt.n=0`
  for (const [url, headers] of [
    [poll, { authorization: 'Bearer abc.def' }],
    [`${poll}&rt.token=ghi`, {}],
    [poll, {}],
  ] as const)
    await (await fetch(url, { headers })).text()
  expect(seen).toEqual(['abc.def', 'ghi', undefined])
  await hub.close()
  server.close()
})

it('shows authorize the token of a page over WebSocket, which is nowhere in the address', async () => {
  const { seen, authorize } = witness()
  const { host } = await stand({ authorize })
  const line = connect(`http://${host}/live`, {
    transports: ['websocket'],
    token: () => secret,
    environment: { WebSocket: WebSocket as never },
  })
  await until(() => line.readyState === 1)
  expect(line.transport).toBe('websocket')
  expect(seen[0]?.token).toBe(secret)
  expect(decodeURIComponent(`${seen[0]?.url}`)).not.toContain(secret)
  expect(`${seen[0]?.url}`).not.toContain(name)
  expect(seen[0]?.url.searchParams.has('rt.token')).toBe(false)
  line.close()
})

it.each([
  ['before the other', `${name}, rt.1`, 'rt.1'],
  ['behind the other', `rt.1,${name}`, 'rt.1'],
  ['beside those of the application', `chat, rt.1, ${name}`, 'chat'],
  ['alone', name, undefined],
])('never answers a handshake with the token that it offers, be it %s', async (_, offered, answered) => {
  const { seen, authorize } = witness()
  const { host } = await stand({ authorize })
  const answer = await raw(host, offer(offered))
  expect(answer).toMatch(/^HTTP\/1\.1 101 /)
  expect(/^Sec-WebSocket-Protocol: (.*)\r$/im.exec(answer)?.[1]).toBe(answered)
  expect(answer).not.toContain(name)
  expect(seen[0]?.token).toBe(secret)
})

it('refuses a WebSocket in words that a page hears, without the token', async () => {
  const { host } = await stand({ authorize: () => undefined })
  const answer = await raw(host, offer(`rt.1, ${name}`))
  expect(answer).toMatch(/^Sec-WebSocket-Protocol: rt\.1\r$/im)
  expect(answer).toContain('not allowed')
  expect(answer).not.toContain(name)
})

it('takes the token from the address of a WebSocket, where older clients put it', async () => {
  const { seen, authorize } = witness()
  const { host } = await stand({ authorize })
  await raw(host, handshake('/live?rt.via=websocket&rt.token=abc') + leave)
  expect(seen[0]?.token).toBe('abc')
})

it('takes no subprotocol for a token where there is no WebSocket', async () => {
  const { seen, authorize } = witness()
  const { host } = await stand({ authorize })
  await (
    await fetch(`http://${host}/live?rt.via=long-polling&rt.n=0`, {
      headers: { 'Sec-WebSocket-Protocol': name },
    })
  ).text()
  expect(seen[0]?.token).toBeUndefined()
})
