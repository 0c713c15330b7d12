/** Topics that come and go on an open line, by the SDK in Node against our server. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type CoreOptions, connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { encode } from '../../src/wire/encoder.ts'
import { address, ask, cutter, listen, parse, type Stand, stand, until, wait } from './harness.ts'

const transports = { websocket, fetchStreaming, longPolling }

function open(
  at: Stand,
  transport: CoreOptions['transport'],
  path = '/live',
  more: Partial<CoreOptions> = {},
) {
  const line = connect(`http://${at.host}${path}`, {
    transport,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
    ...more,
  })
  onTestFinished(() => line.close())
  const heard: string[] = []
  line.onmessage = ({ topic, data }) => void heard.push(`${topic}: ${data}`)
  return { line, heard }
}

describe.each(Object.keys(transports) as (keyof typeof transports)[])('over %s', name => {
  const transport = transports[name]

  it('a topic is heard from the moment that its subscription is open, and not after it is closed', async () => {
    const at = await stand()
    const { line, heard } = open(at, transport)
    const room = line.subscribe('room')
    const own: unknown[] = []
    room.onmessage = ({ data, topic, lastEventId }) => void own.push([data, topic, lastEventId])
    expect(room.state).toBe('subscribing')
    await room.opened
    expect(room.state).toBe('subscribed')
    const id = await at.hub.publish('room', 'one')
    await until(() => own.length === 1)
    expect(own).toEqual([['one', 'room', id]])
    expect(room.lastEventId).toBe(id)
    const other = line.subscribe('other')
    await other.opened
    await at.hub.publish('other', 'two')
    await at.hub.publish('room', 'three')
    await until(() => heard.length === 3)
    room.close()
    expect(room.state).toBe('closed')
    await line.send('so that the hub has heard of it')
    await at.hub.publish('room', 'unheard')
    await at.hub.publish('other', 'four')
    await until(() => heard.length === 4)
    expect(heard).toEqual(['room: one', 'other: two', 'room: three', 'other: four'])
  })

  it('begins with the last messages, and then hears what is new, each once', async () => {
    const at = await stand()
    for (let n = 0; n < 20; n++) await at.hub.publish('room', `${n}`)
    const { line, heard } = open(at, transport, '/live?topic=x')
    const publishing = (async () => {
      for (let n = 20; n < 60; n++) await at.hub.publish('room', `${n}`)
    })()
    line.subscribe('room', { history: 5 })
    await publishing
    await at.hub.publish('room', 'last')
    await until(() => heard.at(-1) === 'room: last')
    const first = Number(heard[0]?.slice(6))
    const expected = Array.from({ length: 60 - first }, (_, n) => `room: ${first + n}`)
    expect(heard).toEqual([...expected, 'room: last'])
    expect(heard.length).toBeGreaterThanOrEqual(5)
  })

  it('pages back through what is kept, and says where that begins', async () => {
    const at = await stand({ retain: 50 })
    for (let n = 0; n < 80; n++) await at.hub.publish('room', n % 2 ? `${n}` : { n })
    const { line } = open(at, transport)
    const room = line.subscribe('room')
    const seen: unknown[] = []
    let page = await room.history({ limit: 20 })
    for (;;) {
      seen.unshift(...page.messages.map(({ data }) => data))
      if (!page.more) break
      page = await room.history({ limit: 20, before: page.messages[0]?.lastEventId })
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => (n % 2 ? `${n + 30}` : { n: n + 30 })))
    expect(page.begins).toBe(page.messages[0]?.lastEventId)
    const before = page.begins
    expect(await room.history({ before })).toEqual({ messages: [], more: false, begins: before })
    expect(await room.history({ before: 'of-another.9.life' })).toMatchObject({
      messages: [],
      begins: 'of-another.9.life',
    })
    expect(page.messages[0]).toMatchObject({ topic: 'room', type: 'message' })
    await expect(room.history({ limit: 0 })).rejects.toThrow('limit is 0')
    await expect(room.history({ before: 'a b' })).rejects.toThrow('before is "a b"')
  })

  it('gives a second subscription its history too, while the first goes on', async () => {
    const at = await stand()
    const { line } = open(at, transport)
    const first = line.subscribe('room')
    await first.opened
    const heard: string[][] = [[], [], [], []]
    const hear = (room: typeof first, n: number) => {
      room.onmessage = ({ data }) => void heard[n]?.push(`${data}`)
    }
    hear(first, 0)
    const ids: string[] = []
    for (let n = 0; n < 20; n++) ids.push(await at.hub.publish('room', `${n}`))
    await wait(5)
    const time = new Date()
    await wait(5)
    const publishing = (async () => {
      for (let n = 20; n < 60; n++) await at.hub.publish('room', `${n}`)
    })()
    hear(line.subscribe('room', { history: 7 }), 1)
    hear(line.subscribe('room', { since: ids[3] }), 2)
    hear(line.subscribe('room', { since: time }), 3)
    await publishing
    await at.hub.publish('room', 'last')
    await until(() => heard.every(list => list.at(-1) === 'last'))
    const all = [...Array.from({ length: 60 }, (_, n) => `${n}`), 'last']
    expect(heard[0]).toEqual(all)
    expect(heard[1]).toEqual(all.slice(-(heard[1]?.length ?? 0)))
    expect(heard[1]?.length).toBeGreaterThanOrEqual(7)
    expect(heard[2]).toEqual(all.slice(4))
    expect(heard[3]).toEqual(all.slice(-(heard[3]?.length ?? 0)))
    expect(heard[3]?.[0]).toBe('20')
  })

  it('brings what is volatile to whoever is there, and to nobody else', async () => {
    const at = await stand()
    const { line, heard } = open(at, transport)
    const room = line.subscribe('room')
    const seen: unknown[] = []
    room.addEventListener('typing', event => {
      const { data, lastEventId } = event as MessageEvent
      seen.push([data, lastEventId])
    })
    await room.opened
    const id = await at.hub.publish('room', 'kept')
    await until(() => heard.length === 1)
    // Between two polls nobody is there.
    while (seen.length === 0) {
      expect(await at.hub.publish('room', { who: 'a' }, { event: 'typing', volatile: true })).toBe('')
      await wait(1)
    }
    expect(seen[0]).toEqual([{ who: 'a' }, id])
    expect((await room.history()).messages.map(({ data }) => data)).toEqual(['kept'])
  })

  it('tells one subscription that it is refused, in words, and no other', async () => {
    const at = await stand({ authorize: () => ({ topics: ['own'] }) })
    at.hub.on('subscribe', async ({ topic, session }) => {
      expect(session.id).toHaveLength(32)
      if (topic === 'paid') throw { status: 402, message: 'pay first' }
      return topic !== 'secret'
    })
    const { line, heard } = open(at, transport)
    const errors: unknown[] = []
    const rooms = ['paid', 'secret', 'free'].map(topic => line.subscribe(topic))
    for (const room of rooms)
      room.onerror = ({ error }) => void errors.push([room.topic, error.status, error.kind])
    const [paid, secret, free] = rooms
    await expect(paid?.opened).rejects.toThrow(/"paid" was refused.*pay first/)
    await expect(secret?.opened).rejects.toThrow(/"secret" was refused.*may not subscribe/)
    await free?.opened
    expect(rooms.map(({ state }) => state)).toEqual(['refused', 'refused', 'subscribed'])
    expect(errors).toEqual([
      ['paid', 402, 'declined'],
      ['secret', 403, 'declined'],
    ])
    for (const topic of ['paid', 'secret', 'free', 'own']) await at.hub.publish(topic, 'hi')
    await until(() => heard.length === 2)
    expect(heard).toEqual(['free: hi', 'own: hi'])
  })

  it('resumes each topic where it stands, whatever happens to the channel', async () => {
    const at = await stand({ retry: 5 })
    const cut = cutter(at.server)
    const { line, heard } = open(at, transport, '/live?topic=own')
    const topics = ['a', 'b', 'c']
    await Promise.all(topics.map(topic => line.subscribe(topic).opened))
    const expected: string[] = []
    for (let n = 0; n < 200; n++) {
      const topic = [...topics, 'own'][n % 4] as string
      await at.hub.publish(topic, `${n}`)
      expected.push(`${topic}: ${n}`)
      if (n % 20 === 7) cut()
      if (n % 20 === 13) await new Promise(resolve => setTimeout(resolve, 10))
    }
    await until(() => heard.length >= expected.length)
    for (const topic of [...topics, 'own']) {
      const of = (list: string[]) => list.filter(each => each.startsWith(`${topic}:`))
      expect(of(heard)).toEqual(of(expected))
    }
  }, 30_000)

  it('hears a thousand topics, which no address holds, and loses nothing by a cut', async () => {
    const at = await stand({ retry: 5 })
    const cut = cutter(at.server)
    const { line, heard } = open(at, transport)
    const names = Array.from({ length: 1_000 }, (_, n) => `company:${n}`)
    const rooms = names.map(topic => line.subscribe(topic))
    await Promise.all(rooms.map(room => room.opened))
    const expected = new Set<string>()
    const round = async (what: string) => {
      await Promise.all(names.map(topic => at.hub.publish(topic, what)))
      for (const topic of names) expected.add(`${topic}: ${what}`)
    }
    await round('one')
    await until(() => heard.length >= 1_000)
    cut()
    await round('two')
    await until(() => heard.length >= 2_000)
    await round('three')
    await until(() => heard.length >= 3_000)
    expect(heard).toHaveLength(3_000)
    expect(new Set(heard)).toEqual(expected)
  }, 30_000)
})

it('a client whose first poll was lost hears its topics by the second', async () => {
  const at = await stand()
  await ask(address(at, { 'rt.v': 2, 'rt.via': 'long-polling', 'rt.n': 0, 'rt.c': 'a' }))
  const second = ask(address(at, { 'rt.v': 2, 'rt.via': 'long-polling', 'rt.n': 1, 'rt.c': 'a' }))
  const [open] = parse((await second).text)
  expect(JSON.parse(open?.data ?? '').topics).toEqual({ x: open?.id })
})

it('a reader that takes nothing is sent no more while it waits for a history', async () => {
  const at = await stand({ limits: { unsent: 2 ** 16 } })
  const much = 'x'.repeat(2 ** 19)
  for (let n = 0; n < 20; n++) await at.hub.publish('long', much)
  const ear = listen(at, 'websocket', { 'rt.v': 2, 'rt.t': ':busy' })
  await ear.next('rt.subscribed')
  ear.pause()
  ear.send(encode({ id: '1', event: 'rt.subscribe', data: '-20:long' }))
  await until(() => at.hub.stats().unsent > 2 ** 16)
  const before = at.hub.stats().unsent
  for (let n = 0; n < 60; n++) {
    await at.hub.publish('busy', much)
    await wait(1)
  }
  expect(at.hub.stats().unsent).toBeLessThan(before + 4 * much.length)
  ear.resume()
})

it('a client has no more topics asked about than it may hear', async () => {
  const at = await stand({ authorize: () => ({}), limits: { topics: 10 } })
  let asked = 0
  at.hub.on('subscribe', () => {
    asked++
    return new Promise(() => {})
  })
  const ear = listen(at, 'websocket', { 'rt.v': 2, topic: undefined })
  await ear.opened()
  const names = Array.from({ length: 50 }, (_, n) => `:room ${n}`)
  ear.send(encode({ id: '1', event: 'rt.subscribe', data: names.join('\n') }))
  for (let n = 10; n < 50; n++)
    expect(await ear.next('rt.unsubscribed')).toMatchObject({
      topic: `room ${n}`,
      data: expect.stringContaining('limits.topics'),
    })
  expect(asked).toBe(10)
})

it('a question of a higher number begins a topic anew, one that is not higher is late, and each answer has its number', async () => {
  const at = await stand()
  for (const data of ['one', 'two', 'three']) await at.hub.publish('room', data)
  const ear = listen(at, 'websocket', { 'rt.v': 2, 'rt.t': '4!-1:room' })
  expect(await ear.next('rt.subscribed')).toMatchObject({ topic: 'room', re: '4' })
  expect(await ear.messages(1)).toEqual(['three'])
  ear.send(encode({ id: '1', event: 'rt.subscribe', data: '3!-3:room\n4!-3:room\n-3:room' }))
  ear.send(encode({ id: '2', event: 'rt.subscribe', data: '7!-2:room' }))
  expect(await ear.next('rt.subscribed')).toMatchObject({ topic: 'room', re: '7' })
  expect(await ear.messages(2)).toEqual(['two', 'three'])
})
