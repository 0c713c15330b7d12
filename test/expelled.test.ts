/** What a page meets whose session the server has ended, or whose rights have changed. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Authorize, createHub, type Hub } from '../server/index.ts'
import type { Transport } from '../src/contracts/transport.ts'
import { connect, native } from '../src/core.ts'
import { fetchStreaming } from '../src/transports/fetch-streaming.ts'
import { longPolling } from '../src/transports/long-polling.ts'
import { websocket } from '../src/transports/websocket.ts'
import { greet, openLine } from './support/line.ts'
import { tokenOf } from './support/token.ts'

const fail = (told: object) => ({ event: 'rt.fail', data: JSON.stringify({ message: 'go', ...told }) })

describe('a session that the server ends', () => {
  test('with 403 is the end of its line, in the words of the server', async () => {
    const { line, transport, world } = await openLine()
    const heard: unknown[] = []
    line.onerror = ({ error, retryIn }) => heard.push(error.code, error.status, error.message, retryIn)
    line.onclose = ({ reason }) => heard.push(reason)
    greet(transport.channel)
    transport.channel.brings(fail({ status: 403, ended: true }))
    await world.pass(60_000)
    expect(heard).toEqual([
      'server-refused',
      403,
      expect.stringContaining('go'),
      undefined,
      expect.stringContaining('go'),
    ])
    expect(transport.channels.length).toBe(1)
  })

  test('with 401 is followed by a fresh token, and with another 401 by the end', async () => {
    let asked = 0
    const { line, transport, world } = await openLine({ token: () => `t${++asked}` })
    greet(transport.channel)
    transport.channel.brings(fail({ status: 401, ended: true }))
    await world.pass(4_000)
    expect(tokenOf(transport.channel.asked)).toBe('t2')
    transport.channel.ends({ kind: 'status', code: 'status', status: 401 })
    expect(line.readyState).toBe(2)
    expect(asked).toBe(2)
  })

  test('with 503 is followed by another one after the time that the server asks for', async () => {
    const { heard, transport, world } = await openLine()
    greet(transport.channel)
    transport.channel.brings(fail({ status: 503, ended: true, retryAfter: 20 }))
    await world.pass(19_000)
    expect(transport.channels.length).toBe(1)
    while (transport.channels.length === 1) await world.pass(100)
    expect(world.now).toBeLessThan(32_000)
    expect(heard).toEqual(['open by websocket', 'error status'])
  })

  test('says what was taken: the rest goes in the next session', async () => {
    const { line, transport, world } = await openLine()
    greet(transport.channel)
    const sends = ['one', 'two', 'three'].map(data => line.send(data))
    await world.settle()
    transport.channel.brings(fail({ status: 503, ended: true, acked: 1 }))
    await sends[0]
    await world.pass(10_000)
    greet(transport.channel, { session: 's2' })
    await world.settle()
    expect(transport.channel.sent.join('')).toContain('id: 1\ndata: two\n\nid: 2\ndata: three\n\n')
  })

  test('does not say so of what is in doubt', async () => {
    const { line, transport, world } = await openLine()
    greet(transport.channel)
    const failed = line.send('one').catch(error => error.kind)
    await world.settle()
    transport.channel.brings(fail({ status: 403, ended: true }))
    expect(await failed).toBe('IN_DOUBT')
  })

  test.each([
    ['a channel that refuses what was sent', { status: 403 }],
    ['what is no JSON', undefined],
  ])('is not what %s says: the line comes back', async (_, told) => {
    const { line, transport, world } = await openLine()
    greet(transport.channel)
    transport.channel.brings(told ? fail(told) : { event: 'rt.fail', data: '<html>' })
    await world.pass(4_000)
    expect(transport.channels.length).toBe(2)
    expect(line.readyState).toBe(0)
  })
})

/** A hub, and a line to it over one transport. */
async function meet(
  transport: Transport,
  authorize: Authorize,
  token: () => string | { token: string; expiresIn: number },
) {
  const hub: Hub = createHub({ authorize, retry: 10 })
  const server = createServer()
  hub.attach(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/live`
  const line = connect(url, { transport, dialect: native, environment: { WebSocket }, token })
  onTestFinished(async () => {
    line.close()
    await hub.close()
    server.closeAllConnections()
    server.close()
  })
  const heard: string[] = []
  line.addEventListener('open', () => heard.push('open'))
  line.addEventListener('message', ({ data }) => heard.push(`${data}`))
  line.addEventListener('gap', () => heard.push('gap'))
  line.addEventListener(
    'error',
    event => 'error' in event && heard.push(`${event.error.code} ${event.error.status}`),
  )
  line.addEventListener('close', () => heard.push('close'))
  const hears = async (what: string) => {
    while (!heard.includes(what)) await new Promise(resolve => setTimeout(resolve, 2))
    return heard.splice(0)
  }
  await hears('open')
  return { hub, line, hears, heard }
}

describe.each([websocket, fetchStreaming, longPolling])('over $name', transport => {
  const ann: Authorize = () => ({ topics: ['x'], principal: 'ann' })

  test('a hub that disconnects a line ends it', async () => {
    const { hub, hears } = await meet(transport, ann, () => 't')
    expect(hub.disconnect({ principal: 'ann' })).toBe(1)
    expect((await hears('close')).at(-2)).toMatch(/ 403$/)
  })

  test.each([403, 204])(
    'a line that is disconnected with %i lives again when the page says so',
    async status => {
      const { hub, line, hears } = await meet(transport, ann, () => 't')
      hub.disconnect({ principal: 'ann' }, { status })
      await hears('close')
      line.reconnect()
      await hears('open')
      await hub.publish('x', 'on')
      await hears('on')
    },
  )

  test('a line that is disconnected for its token comes back with a fresh one', async () => {
    const seen: unknown[] = []
    let asked = 0
    const authorize: Authorize = ({ token }) => {
      seen.push(token)
      return { topics: ['x'], principal: 'ann' }
    }
    const { hub, hears } = await meet(transport, authorize, () => `t${++asked}`)
    hub.disconnect({ principal: 'ann' }, { status: 401 })
    await hears('open')
    expect(seen.at(-1)).toBe('t2')
    expect(asked).toBe(2)
    await hub.publish('x', 'on')
    await hears('on')
  })

  test('a line whose rights are asked for anew hears all that it may, and its sends arrive once', async () => {
    let topics = ['x', 'y']
    const { hub, line, hears } = await meet(
      transport,
      () => ({ topics, principal: 'ann' }),
      () => 't',
    )
    const taken: unknown[] = []
    hub.on('message', ({ data }) => void taken.push(data))
    const sends = ['1', '2', '3'].map(data => line.send(data))
    topics = ['x']
    hub.reauthorize('ann')
    await hub.publish('y', 'secret')
    await hub.publish('x', 'allowed')
    const heard = await hears('allowed')
    await Promise.all([...sends, line.send('4')])
    expect(taken).toEqual(['1', '2', '3', '4'])
    await hub.publish('x', 'last')
    heard.push(...(await hears('last')))
    expect(heard).not.toContain('secret')
    expect(heard).not.toContain('gap')
  })

  test('a line whose rights expire comes back with the token that it has by then, and is never refused', async () => {
    const seen: unknown[] = []
    const first = Date.now() + 500
    const { hub, hears, heard } = await meet(
      transport,
      ({ token }) => {
        seen.push(token)
        return { topics: ['x'], expires: Date.now() < first - 100 ? first : first + 60_000 }
      },
      () => ({ token: 't', expiresIn: 3_600 }),
    )
    const refused: unknown[] = []
    hub.on('refused', each => refused.push(each))
    heard.push(...(await hears('open')))
    await hub.publish('x', 'on')
    await hears('on')
    expect(refused).toEqual([])
    expect(heard.filter(each => each.includes('40'))).toEqual([])
  })
})
