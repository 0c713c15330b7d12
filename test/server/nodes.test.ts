import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type HubOptions, memoryLog, type Registry } from '../../server/index.ts'
import { encode } from '../../src/wire/encoder.ts'
import {
  address,
  ask,
  called,
  listen,
  message,
  parse,
  post,
  type Query,
  type Stand,
  stand,
  until,
} from './harness.ts'

/** Several nodes that share a log and cannot reach each other, and a balancer that does not keep a client on its node. */
async function nodes(count: number, options: HubOptions = {}) {
  const { registry: _, ...log } = memoryLog()
  const all = await Promise.all(Array.from({ length: count }, () => stand({ ...options, log })))
  const errors: string[] = []
  const begun: string[] = []
  for (const { hub } of all) {
    hub.on('error', error => errors.push((error as Error).message))
    hub.on('open', ({ session }) => begun.push(session.id))
  }
  return { all, errors, begun, sessions: () => all.reduce((sum, { hub }) => sum + hub.stats().sessions, 0) }
}

/** A client that polls, and asks whichever node the test says. */
function poller(via: 'long-polling' | 'jsonp' = 'long-polling') {
  const at: Query = { 'rt.via': via, 'rt.n': 0, ...(via === 'jsonp' && { 'rt.cb': '_rta' }) }
  const heard: string[] = []
  return {
    heard,
    get sid() {
      return String(at['rt.sid'])
    },
    async poll(node: Stand): Promise<string[]> {
      const { text } = await ask(address(node, at))
      const blocks = parse(via === 'jsonp' ? called(text) : text)
      at['rt.n'] = Number(at['rt.n']) + 1
      for (const { id, event, data = '' } of blocks) {
        if (id !== undefined) at['rt.id'] = id
        if (event === 'rt.open') at['rt.sid'] = JSON.parse(data).session
        if (!event) heard.push(data)
      }
      return blocks.map(({ event = 'message' }) => event)
    },
  }
}

describe('a poll that a balancer brings to another node', () => {
  it.each(['long-polling', 'jsonp'] as const)(
    'over %s is held there, begins no session, and brings what is published',
    async via => {
      const { all, begun, sessions } = await nodes(3)
      const client = poller(via)
      expect(await client.poll(all[0] as Stand)).toEqual(['rt.open'])
      for (let turn = 1; turn < 13; turn++) {
        const node = all[turn % 3] as Stand
        const answer = client.poll(node)
        // It waits: an answer would be a reason to ask the next node at once.
        await until(() => node.hub.stats().lines[via] === 1)
        await node.hub.publish('x', `${turn}`)
        expect(await answer).toEqual(['message'])
      }
      expect(client.heard).toEqual(Array.from({ length: 12 }, (_, index) => `${index + 1}`))
      expect(sessions()).toBe(1)
      expect(begun).toHaveLength(1)
    },
  )

  it('hears what is sent to its session alone', async () => {
    const { all } = await nodes(2)
    const [home, other] = all as [Stand, Stand]
    const client = poller()
    home.hub.on('message', ({ reply }) => reply('to you'))
    await client.poll(home)
    const answer = client.poll(other)
    await until(() => other.hub.stats().lines['long-polling'] === 1)
    await post(home, client.sid, message(1))
    await answer
    expect(client.heard).toEqual(['to you'])
  })

  it('is told to the operator once, when it is certain', async () => {
    const { all, errors } = await nodes(2)
    const client = poller()
    await client.poll(all[0] as Stand)
    for (let turn = 1; turn < 20; turn++) {
      const node = all[turn % 2] as Stand
      const answer = client.poll(node)
      await until(() => node.hub.stats().lines['long-polling'] === 1)
      await node.hub.publish('x', 'x')
      await answer
    }
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/balancer does not seem to keep a client on its node/)
  })

  it('is of a session that has moved when more of them come, one after the other: a new one begins', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { all, begun, errors } = await nodes(2)
    const [home, other] = all as [Stand, Stand]
    const client = poller()
    await client.poll(home)
    const first = client.sid
    const next = async () => {
      const answer = client.poll(other)
      await until(() => other.hub.stats().lines['long-polling'] === 1)
      await other.hub.publish('x', 'x')
      return answer
    }
    expect(await next()).toEqual(['message'])
    vi.setSystemTime(Date.now() + 4_000)
    expect(await next()).toEqual(['message'])
    vi.setSystemTime(Date.now() + 4_000)
    expect(await client.poll(other)).toContain('rt.open')
    expect(client.sid).not.toBe(first)
    expect(begun).toEqual([first, client.sid])
    expect(errors).toEqual([])
  })

  it('counts among the sessions that there may be', async () => {
    const { all } = await nodes(2, { limits: { sessions: 1 } })
    const [home, other] = all as [Stand, Stand]
    const client = poller()
    await client.poll(home)
    await listen(other, 'websocket').opened()
    const at = { 'rt.via': 'long-polling', 'rt.n': 1, 'rt.sid': client.sid }
    expect(await ask(address(other, at))).toMatchObject({ status: 503 })
  })

  it('leaves nothing behind', async () => {
    const { all } = await nodes(2)
    const [home, other] = all as [Stand, Stand]
    const client = poller()
    await client.poll(home)
    const ear = listen(other, 'long-polling', { 'rt.sid': client.sid })
    await ear.opened() // at turn 0 it is a client that has come here
    ear.close()
    const answer = client.poll(other)
    await until(() => other.hub.stats().lines['long-polling'] === 1)
    await other.hub.close()
    expect(await answer).toContain('rt.bye')
    expect(other.hub.stats().lines['long-polling']).toBe(0)
  })
})

it('a later poll of a session of this node that is over begins a new one at once', async () => {
  const at = await stand({ sessionTimeout: 30, heartbeat: 30 })
  const client = poller()
  await client.poll(at)
  await until(() => at.hub.stats().sessions === 0)
  expect(await client.poll(at)).toContain('rt.open')
})

it('POSTs that go to other nodes than their sessions take nothing, and are told to the operator once', async () => {
  const { all, errors } = await nodes(2)
  const [home, other] = all as [Stand, Stand]
  const taken: unknown[] = []
  other.hub.on('message', ({ data }) => taken.push(data))
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const { session } = await listen(home, 'eventsource').opened()
  const stray = async () => expect(await post(other, session, message(1))).toMatchObject({ status: 404 })
  for (let second = 0; second < 60; second++) {
    vi.setSystemTime(Date.now() + 1_000)
    await stray()
  }
  expect(errors).toEqual([])
  vi.setSystemTime(Date.now() + 2_000)
  for (let n = 0; n < 25; n++) await stray()
  expect(taken).toEqual([])
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(/10 of 10 POSTs named a session of another node, for longer/)
})

it('POSTs of clients whose node has stopped are no sign that the balancer is wrong, nor are those that wake up hours later', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const { all, errors } = await nodes(3)
  const [first, second, other] = all as [Stand, Stand, Stand]
  for (const stopping of [first, second]) {
    const sessions = await Promise.all(
      Array.from({ length: 40 }, async () => (await listen(stopping, 'eventsource').opened()).session),
    )
    await stopping.hub.close()
    for (const session of sessions.slice(0, 25))
      expect(await post(other, session, message(1))).toMatchObject({ status: 404 })
    vi.setSystemTime(Date.now() + 3 * 3_600_000)
    for (const session of sessions.slice(25)) await post(other, session, message(1))
  }
  expect(errors).toEqual([])
})

it('nodes that reach each other warn of nothing: each has what is asked of another brought there', async () => {
  const log = memoryLog()
  let begin = () => {}
  const begun = new Promise<string>(resolve => {
    begin = () => resolve('127.0.0.1')
  })
  // It has just begun, and others cannot reach it yet.
  const registry = { ...(log.registry as Registry), address: () => begun }
  const hubs = [await stand({ log }), await stand({ log: { ...log, registry } })]
  const [home, other] = hubs as [Stand, Stand]
  const errors: string[] = []
  for (const { hub } of hubs) hub.on('error', error => errors.push((error as Error).message))
  const { session } = await listen(home, 'eventsource').opened()
  const twenty = Array.from({ length: 20 }, (_, nth) => nth)
  const early = await Promise.all(twenty.map(() => post(other, session, message(1))))
  expect(early.map(({ status }) => status)).toEqual(twenty.map(() => 503))
  begin()
  await until(() => other.hub.stats().nodes === 2)
  expect(await post(other, session, message(1))).toMatchObject({ status: 200 })
  expect(errors).toEqual([])
})

it('a few POSTs of clients whose node is gone are no sign that the balancer is wrong, nor are those of sessions that are over', async () => {
  const { all, errors } = await nodes(2)
  const [home, other] = all as [Stand, Stand]
  const { session } = await listen(home, 'eventsource').opened()
  const { session: own } = await listen(other, 'eventsource').opened()
  const bye = encode({ event: 'rt.bye', data: '' })
  for (let n = 1; n < 10; n++) await post(other, session, message(1))
  await post(other, own, bye)
  for (let n = 1; n < 40; n++) await post(other, own, message(1))
  expect(errors).toEqual([])
})
