/** Topics of which something is lost, or that are left and asked for again: by the SDK in Node against our server. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { createHub, memoryLog } from '../../server/index.ts'
import { type CoreOptions, connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { cutter, listen, stand, until, wait } from './harness.ts'

const transports = { websocket, fetchStreaming, longPolling }

function open(host: string, transport: CoreOptions['transport'], more: Partial<CoreOptions> = {}) {
  const line = connect(`http://${host}/live`, {
    transport,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
    ...more,
  })
  onTestFinished(() => line.close())
  return line
}

/** What a subscription hears, as `data` and `gap reason`. */
function record(subscription: EventTarget): string[] {
  const heard: string[] = []
  subscription.addEventListener('message', event => void heard.push(`${(event as MessageEvent).data}`))
  subscription.addEventListener(
    'gap',
    event => void heard.push(`gap ${(event as never as { reason: string }).reason}`),
  )
  return heard
}

describe.each(Object.keys(transports) as (keyof typeof transports)[])('over %s', name => {
  const transport = transports[name]

  it('tells the topic that was trimmed while its line was away of one gap, and no other topic', async () => {
    const at = await stand({ log: memoryLog({ retain: 3 }), retry: 20 })
    const cut = cutter(at.server)
    const line = open(at.host, transport)
    const [busy, quiet] = ['busy', 'quiet'].map(topic => line.subscribe(topic))
    await Promise.all([busy?.opened, quiet?.opened])
    const heard = { busy: record(busy as never), quiet: record(quiet as never) }
    await at.hub.publish('quiet', 'q1')
    await at.hub.publish('busy', 'b1')
    await until(() => heard.quiet.length === 1 && heard.busy.length === 1)
    cut()
    const published = Array.from({ length: 10 }, (_, n) => at.hub.publish('busy', `b${n + 2}`))
    await Promise.all([...published, at.hub.publish('quiet', 'q2')])
    await until(() => heard.quiet.length === 2)
    await at.hub.publish('busy', 'last')
    await at.hub.publish('quiet', 'last')
    await until(() => heard.quiet.at(-1) === 'last' && heard.busy.at(-1) === 'last')
    expect(heard.quiet).toEqual(['q1', 'q2', 'last'])
    expect(heard.busy).toEqual(['b1', 'gap trimmed', 'b9', 'b10', 'b11', 'last'])
  })

  it('tells each topic that the log has begun anew, once, and goes on', async () => {
    const server = http.createServer((_, response) => response.writeHead(404).end())
    const cut = cutter(server)
    let hub = createHub({ retry: 20 })
    let undo = hub.attach(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(async () => {
      await hub.close()
      server.closeAllConnections()
      server.close()
    })
    const line = open(`127.0.0.1:${(server.address() as AddressInfo).port}`, transport)
    const names = ['a', 'b', 'c']
    const rooms = names.map(topic => line.subscribe(topic))
    await Promise.all(rooms.map(room => room.opened))
    const heard = rooms.map(room => record(room as never))
    for (const topic of names) await hub.publish(topic, 'before')
    await until(() => heard.every(each => each.length === 1))
    undo()
    cut()
    hub = createHub({ retry: 20 })
    undo = hub.attach(server)
    await hub.publish('a', 'meanwhile')
    await until(() => heard.every(each => each.length > 1))
    for (const topic of names) await hub.publish(topic, 'after')
    await until(() => heard.every(each => each.at(-1) === 'after'))
    expect(heard).toEqual([
      ['before', 'gap epoch', 'meanwhile', 'after'],
      ['before', 'gap epoch', 'after'],
      ['before', 'gap epoch', 'after'],
    ])
  })

  it('a topic that was dropped while its line was away tells its gap, and no other', async () => {
    const at = await stand({ retry: 20 })
    const cut = cutter(at.server)
    const line = open(at.host, transport)
    const rooms = ['gone', 'kept'].map(topic => line.subscribe(topic))
    await Promise.all(rooms.map(room => room.opened))
    const [gone = [], kept = []] = rooms.map(room => record(room as never))
    for (const topic of ['gone', 'kept']) await at.hub.publish(topic, 'one')
    await until(() => gone.length === 1 && kept.length === 1)
    cut()
    await Promise.all([at.hub.publish('gone', 'two'), at.hub.publish('kept', 'two'), at.hub.drop('gone')])
    await until(() => kept.length === 2)
    for (const topic of ['gone', 'kept']) await at.hub.publish(topic, 'three')
    await until(() => gone.at(-1) === 'three' && kept.at(-1) === 'three')
    expect(gone).toEqual(['one', 'gap trimmed', 'three'])
    expect(kept).toEqual(['one', 'two', 'three'])
  })

  it('begins after an id that is none of this log with a gap', async () => {
    const at = await stand()
    const line = open(at.host, transport)
    const room = line.subscribe('room', { since: 'nonsense' })
    const heard = record(room as never)
    await room.opened
    await until(() => heard.length > 0)
    await at.hub.publish('room', 'one')
    await until(() => heard.at(-1) === 'one')
    expect(heard).toEqual(['gap unknown', 'one'])
  })

  it('a topic that is left and asked for again in one turn is heard', async () => {
    const at = await stand()
    for (let n = 0; n < 5; n++) await at.hub.publish('room', `${n}`)
    const line = open(at.host, transport)
    const first = line.subscribe('room')
    await first.opened
    first.close()
    const second = line.subscribe('room', { history: 2 })
    const heard = record(second as never)
    await second.opened
    await at.hub.publish('room', 'one')
    await until(() => heard.at(-1) === 'one')
    expect(heard).toEqual(['3', '4', 'one'])
  })

  it('a refusal among more topics than an address holds is told', async () => {
    const at = await stand({ authorize: () => ({ topics: ['own'] }) })
    at.hub.on('subscribe', async ({ topic }) => {
      await new Promise(resolve => setTimeout(resolve, 5))
      return !topic.endsWith('7')
    })
    const line = open(at.host, transport)
    const names = Array.from({ length: 300 }, (_, n) => `a-topic-of-some-length:${n}`)
    const rooms = names.map(topic => line.subscribe(topic))
    const outcomes = await Promise.allSettled(rooms.map(room => room.opened))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(30)
  })

  it('a burst in more topics than an address holds, larger than an answer may be, loses nothing', async () => {
    const at = await stand()
    const line = open(at.host, transport)
    const names = Array.from({ length: 1_000 }, (_, n) => `a-topic-of-some-length:${n}`)
    const rooms = names.map(topic => line.subscribe(topic))
    await Promise.all(rooms.map(room => room.opened))
    const heard = rooms.map(room => record(room as never))
    for (let round = 0; round < 4; round++)
      await Promise.all(names.map(topic => at.hub.publish(topic, `${round}`.padEnd(700, '.'))))
    await until(() => heard.every(each => each.length >= 4))
    const short = heard.map(each => each.map(data => data[0]).join(''))
    expect(new Set(short)).toEqual(new Set(['0123']))
  })

  it('a history in more topics than an address holds, larger than an answer may be, is told whole', async () => {
    const at = await stand({ log: memoryLog({ retain: 2 }) })
    const names = Array.from({ length: 1_000 }, (_, n) => `a-topic-of-some-length:${n}`)
    for (let round = 0; round < 3; round++)
      await Promise.all(names.map(topic => at.hub.publish(topic, `${round}`.padEnd(700, '.'))))
    const line = open(at.host, transport)
    const rooms = names.map(topic => line.subscribe(topic, { history: 5 }))
    const heard = rooms.map(room => record(room as never))
    const trimmed = rooms.map(
      room => new Promise(resolve => room.addEventListener('open', ({ trimmed }) => resolve(trimmed))),
    )
    expect(new Set(await Promise.all(trimmed))).toEqual(new Set([true]))
    await until(() => heard.every(each => each.length >= 2))
    const short = heard.map(each => each.map(data => data[0]).join(''))
    expect(new Set(short)).toEqual(new Set(['12']))
  })

  it('the end of a topic is told among more topics than an address holds', async () => {
    const at = await stand()
    const line = open(at.host, transport)
    const names = Array.from({ length: 300 }, (_, n) => `a-topic-of-some-length:${n}`)
    const rooms = names.map(topic => line.subscribe(topic))
    await Promise.all(rooms.map(room => room.opened))
    for (const topic of names) at.hub.disconnect({ topic }, { status: 403, message: 'over' })
    await until(() => rooms.every(({ state }) => state === 'refused'))
  })
})

describe('a client of version 2', () => {
  it('hears rt.open first, and then that a topic of its address is refused', async () => {
    const at = await stand({ authorize: () => ({ topics: ['own'], subscribe: ['room'] }) })
    const ear = listen(at, 'xhr-streaming', { 'rt.v': 2, 'rt.t': ':secret', topic: undefined })
    await ear.next('rt.unsubscribed')
    expect(ear.blocks.map(({ event }) => event).slice(0, 2)).toEqual(['rt.open', 'rt.unsubscribed'])
  })

  it('is announced to the application before that is asked about a topic of its address', async () => {
    const at = await stand({ authorize: () => ({ topics: ['own'] }) })
    const told: string[] = []
    at.hub.on('open', () => void told.push('open'))
    at.hub.on('subscribe', ({ topic }) => void told.push(topic))
    const ear = listen(at, 'websocket', { 'rt.v': 2, 'rt.t': ':room', topic: undefined })
    await ear.next('rt.subscribed')
    expect(told).toEqual(['open', 'room'])
  })

  it('that is gone before its topic was decided on leaves nothing behind that counts', async () => {
    const name = 'x'.repeat(200)
    // There is room for two names of that length, and for one of each address.
    const at = await stand({ authorize: () => ({ topics: [] }), limits: { topicsInAll: 500 } })
    const waiting: (() => void)[] = []
    let isPatient = true
    at.hub.on('subscribe', () =>
      isPatient ? new Promise<void>(resolve => waiting.push(resolve)) : undefined,
    )
    for (const _ of [1, 2]) {
      const first = listen(at, 'websocket', { 'rt.v': 2, 'rt.t': `:${name}`, topic: undefined })
      await first.opened()
      await until(() => waiting.length === 1)
      first.send('event: rt.bye\ndata:\n\n')
      await until(() => at.hub.stats().sessions === 0)
      waiting.pop()?.()
      await wait(5)
    }
    isPatient = false
    const second = listen(at, 'websocket', { 'rt.v': 2, 'rt.t': `:${name}`, topic: undefined })
    await second.next('rt.subscribed')
  })
})
