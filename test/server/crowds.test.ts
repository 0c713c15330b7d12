import { once } from 'node:events'
import net from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type AuthorizeRequest, memoryLog } from '../../server/index.ts'
import {
  address,
  ask,
  type Ear,
  listen,
  message,
  onNode,
  post,
  type Stand,
  stand,
  until,
  wait,
} from './harness.ts'

const poll = { 'rt.via': 'long-polling', 'rt.n': 0 }
const from = (client: string) => ({ 'x-forwarded-for': client })
const crowded = (limits: Record<string, number>) => stand({ trustProxy: true, limits })
const arrive = (at: Stand, client: string, query = {}) =>
  ask(address(at, { ...poll, ...query }), { headers: from(client) })
const sidOf = ({ text }: { text: string }) => /"session":"(.*?)"/.exec(text)?.[1] ?? ''

describe('one address that opens session after session and comes back to none', () => {
  it('makes room for itself, and never keeps others out', async () => {
    const at = await crowded({ sessions: 10 })
    for (let n = 0; n < 30; n++) expect(await arrive(at, '10.0.0.1')).toMatchObject({ status: 200 })
    expect(at.hub.stats().sessions).toBe(5)
    for (let n = 2; n < 7; n++) expect(await arrive(at, `10.0.0.${n}`)).toMatchObject({ status: 200 })
    expect(at.hub.stats().sessions).toBe(10)
  })

  it('ends no session of a client that came back, or sent, or hears', async () => {
    const at = await crowded({ sessions: 8 })
    const first = await arrive(at, '10.0.0.1')
    const id = /^id: (.*)$/m.exec(first.text)?.[1]
    const back = sidOf(first)
    await at.hub.publish('x', 'x')
    await arrive(at, '10.0.0.1', { 'rt.n': 1, 'rt.sid': back, 'rt.id': id })
    const sent = sidOf(await arrive(at, '10.0.0.1'))
    await post(at, sent, message(1), from('10.0.0.1'))
    const { session: heard } = await listen(at, 'eventsource', {}, from('10.0.0.1')).opened()
    for (let n = 0; n < 20; n++) await arrive(at, '10.0.0.1')
    for (const [session, number] of [
      [back, 1],
      [sent, 2],
      [heard, 1],
    ] as const)
      expect(await post(at, session, message(number), from('10.0.0.1'))).toMatchObject({ status: 200 })
  })

  it('is told 429 when all of its clients are there, and others are let in', async () => {
    const at = await crowded({ sessions: 10, sessionsPerAddress: 2 })
    const ears = [1, 2].map(() => listen(at, 'websocket', {}, from('10.0.0.1')))
    const [session] = (await Promise.all(ears.map(ear => ear.opened()))).map(opened => opened.session)
    const refused = await arrive(at, '10.0.0.1')
    expect(refused).toMatchObject({ status: 429, text: 'too many sessions of one address\n' })
    expect(refused.headers['retry-after']).toBe('10')
    const socket = listen(at, 'websocket', {}, from('10.0.0.1'))
    await socket.closed
    expect(socket.blocks.map(block => block.event)).toEqual(['rt.fail'])
    expect(await arrive(at, '10.0.0.2')).toMatchObject({ status: 200 })
    expect(await arrive(at, '10.0.0.1', { 'rt.sid': session })).toMatchObject({ status: 200 })
  })
})

describe('the lines of one address', () => {
  it.each(['websocket', 'eventsource', 'long-polling'] as const)(
    'are so many over %s, of however few sessions, and others are let in',
    async via => {
      const at = await crowded({ sessions: 10, linesPerAddress: 3 })
      const first = listen(at, 'eventsource', {}, from('10.0.0.1'))
      const { session } = await first.opened()
      const again = { 'rt.sid': session }
      for (let n = 0; n < 2; n++) await listen(at, 'xhr-streaming', again, from('10.0.0.1')).opened()
      const more = listen(at, via, again, from('10.0.0.1'))
      await more.closed
      expect(at.hub.stats().lines[via]).toBe(via === 'eventsource' ? 1 : 0)
      expect(await arrive(at, '10.0.0.1')).toMatchObject({
        status: 429,
        text: 'too many lines of one address\n',
        headers: { 'retry-after': '10' },
      })
      expect(await arrive(at, '10.0.0.2')).toMatchObject({ status: 200 })
      first.close()
      await until(() => at.hub.stats().lines.eventsource === 0)
      expect(await arrive(at, '10.0.0.1', again)).toMatchObject({ status: 200 })
    },
  )

  it('are not more by one that takes the place of its session’s oldest', async () => {
    const at = await crowded({ channels: 2, linesPerAddress: 2 })
    const ears = [listen(at, 'eventsource', {}, from('10.0.0.1'))]
    const session = (await (ears[0] as Ear).opened()).session
    for (let n = 0; n < 4; n++) {
      const ear = listen(at, 'eventsource', { 'rt.sid': session }, from('10.0.0.1'))
      await ear.opened()
      ears.push(ear)
    }
    await until(() => at.hub.stats().lines.eventsource === 2)
  })

  it('of one principal likewise, from wherever it comes', async () => {
    const at = await stand({
      trustProxy: true,
      limits: { linesPerPrincipal: 1 },
      authorize: ({ url }) => ({ topics: ['x'], principal: url.searchParams.get('who') ?? undefined }),
    })
    await listen(at, 'eventsource', { who: 'ann' }, from('10.0.0.1')).opened()
    const come = (who: string) =>
      ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 0, who }), { headers: from('10.0.0.2') })
    expect(await come('ann')).toMatchObject({ status: 429, text: 'too many lines of one principal\n' })
    expect(await come('bob')).toMatchObject({ status: 200 })
  })
})

it.each([
  ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'],
  ['2001:db8:1:2:3:4:5:6', '2001:0DB8:0001:0002::', '2001:db8:1:3:3:4:5:6'],
  ['::1', '::2', '0:0:0:1::1'],
  ['::ffff:10.0.0.1', '10.0.0.1', '::ffff:10.0.0.2'],
])('the addresses %s and %s are one client’s, and %s is another’s', async (one, same, other) => {
  const at = await crowded({ sessions: 10, sessionsPerAddress: 1 })
  await listen(at, 'websocket', {}, from(one)).opened()
  expect(await arrive(at, same)).toMatchObject({ status: 429 })
  expect(await arrive(at, other)).toMatchObject({ status: 200 })
})

it('one principal may have so many sessions, from wherever it comes', async () => {
  const at = await stand({
    trustProxy: true,
    limits: { sessions: 10, sessionsPerPrincipal: 2 },
    authorize: ({ url }) => ({ topics: ['x'], principal: url.searchParams.get('who') ?? undefined }),
  })
  const come = (who: string | undefined, n: number) => listen(at, 'eventsource', { who }, from(`10.0.0.${n}`))
  await Promise.all([come('a', 1).opened(), come('a', 2).opened()])
  expect(await arrive(at, '10.0.0.3', { who: 'a' })).toMatchObject({ status: 429 })
  await Promise.all([come('b', 1).opened(), come(undefined, 4).opened(), come(undefined, 5).opened()])
})

it('places come free again as sessions end', async () => {
  const at = await crowded({ sessions: 4, sessionsPerAddress: 1 })
  for (let n = 0; n < 10; n++) {
    const ear = listen(at, 'bare', {}, from('10.0.0.1'))
    await ear.opened()
    ear.close()
    await until(() => at.hub.stats().sessions === 0)
  }
})

describe('an arrival that comes to nothing', () => {
  it('begins no session where the handshake is none', async () => {
    const at = await crowded({ sessions: 2 })
    const { port } = at.server.address() as net.AddressInfo
    for (let n = 0; n < 5; n++) {
      const socket = net.connect(port, '127.0.0.1')
      const lines = [
        'GET /live?topic=x&rt.via=websocket HTTP/1.1',
        `Host: ${at.host}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
      ]
      socket.end(`${lines.join('\r\n')}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: no\r\n\r\n`)
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toMatch(/^HTTP\/1.1 400/)
      socket.destroy()
    }
    expect(at.hub.stats().sessions).toBe(0)
  })

  it('leaves no session, and nobody is told of one, when its client is gone before the first answer', async () => {
    const log = memoryLog()
    let read = () => {}
    const held = new Promise<void>(resolve => {
      read = resolve
    })
    const at = await stand({
      log: { ...log, after: async (...asked) => held.then(() => log.after(...asked)) },
    })
    const told: string[] = []
    at.hub.on('open', () => told.push('open'))
    at.hub.on('close', () => told.push('close'))
    for (const via of ['eventsource', 'long-polling', 'websocket'] as const) {
      const ear = listen(at, via)
      await until(() => at.hub.stats().lines[via] === 1)
      ear.close()
      await until(() => at.hub.stats().sessions === 0)
    }
    read()
    await wait(10)
    expect(told).toEqual([])
  })

  // Whoever speaks HTTP for a platform does so here too.
  it.runIf(onNode)(
    'is refused when it came behind another that is not answered, so that nothing is held that nobody may see end',
    async () => {
      const at = await stand()
      const { port } = at.server.address() as net.AddressInfo
      const socket = net.connect(port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      const ask = (via: string) =>
        `GET /live?topic=x&rt.via=${via}&rt.n=0 HTTP/1.1\r\nHost: ${at.host}\r\n\r\n`
      socket.write(ask('xhr-streaming') + ask('long-polling') + ask('eventsource').repeat(20))
      await until(() => at.hub.stats().sessions > 0)
      await wait(20)
      expect(at.hub.stats().sessions).toBe(1)
      socket.destroy()
      await until(() => at.hub.stats().lines['xhr-streaming'] === 0)
      expect(at.hub.stats().lines).toMatchObject({ eventsource: 0, 'long-polling': 0 })
    },
  )
})

describe('a line that has become old', () => {
  it.each(['websocket', 'eventsource', 'xhr-streaming'] as const)(
    'over %s is ended with the word to come back at once, and its session goes on',
    async via => {
      const at = await stand({ maxAge: 100, heartbeat: 30 })
      const ear = listen(at, via)
      const { session } = await ear.opened()
      expect(await ear.next('rt.bye')).toMatchObject({ retry: 0, data: '{}' })
      await ear.closed
      const again = await listen(at, via, { 'rt.sid': session }).opened()
      expect(again.session).toBe(session)
    },
  )

  it('of which the browser is gone keeps its session no longer than the session outlives its lines', async () => {
    // What stands for a proxy takes everything and never ends the connection.
    const at = await stand({ maxAge: 60, heartbeat: 30, sessionTimeout: 60 })
    const ended: string[] = []
    at.hub.on('close', ({ session }) => ended.push(session.id))
    const { session } = await listen(at, 'xhr-streaming').opened()
    await until(() => ended.length === 1)
    expect(ended).toEqual([session])
  })

  it('may be as old as it likes where that is said', async () => {
    const at = await stand({ maxAge: Number.POSITIVE_INFINITY, heartbeat: 10 })
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let beats = 0; beats < 20; beats++) await ear.next('rt.beat')
    expect(at.hub.stats().lines.websocket).toBe(1)
  })
})

describe('topics', () => {
  const authorize = ({ url }: AuthorizeRequest) => url.searchParams.get('topic')?.split(',')
  const refusedBy = async (at: Stand, topics: string[]) => {
    const { status, text } = await ask(address(at, { ...poll, topic: topics.join() }))
    return `${status} ${text}`
  }

  it('of a line are so many, whoever asks for them, on every channel', async () => {
    const at = await stand({ authorize, limits: { topics: 3 } })
    expect(await refusedBy(at, ['a', 'b', 'c', 'c', 'c'])).toMatch(/^200 /)
    expect(await refusedBy(at, ['a', 'b', 'c', 'd'])).toBe(
      '400 a line hears at most 3 topics (limits.topics); these are 4\n',
    )
    expect((await ask(address(at, { 'rt.via': 'eventsource', topic: 'a,b,c,d' }))).text).toContain(
      'event: rt.fail',
    )
    const socket = listen(at, 'websocket', { topic: 'a,b,c,d' })
    await socket.closed
    expect(socket.blocks.map(block => block.event)).toEqual(['rt.fail'])
    expect(at.hub.stats().sessions).toBe(1)
  })

  it('have names of so many characters', async () => {
    const at = await stand({ authorize, limits: { topicName: 30 } })
    expect(await refusedBy(at, ['한'.repeat(30)])).toMatch(/^200 /)
    expect(await refusedBy(at, ['a', 'x'.repeat(31)])).toBe(
      "400 the name of a topic has at most 30 characters (limits.topicName); 'xxxxxxxxxxxxxxxxxxxx…' has 31\n",
    )
  })

  it('that authorize gives are counted as those that are asked for', async () => {
    const at = await stand({ authorize: () => Array.from({ length: 10_001 }, (_, n) => `${n}`) })
    expect(await refusedBy(at, [])).toMatch(/^400 .*limits\.topics\); these are 10001/)
  })
})

describe('the names of all topics', () => {
  const names = (count: number, of: string) =>
    Array.from({ length: count }, (_, n) => `${of}${n}`.padEnd(100, '.'))
  const limits = { topicsInAll: 100 * 116 }
  const come = (at: Stand, client: string, topics: string[], query = {}) =>
    ask(address(at, { ...poll, topic: topics.join(), ...query }), { headers: from(client) })
  const place = (more = {}) =>
    stand({
      trustProxy: true,
      limits: { ...limits, ...more },
      authorize: ({ url }) => url.searchParams.get('topic')?.split(','),
    })

  it('of abandoned sessions make room for others, the oldest first', async () => {
    const at = await place()
    for (let n = 0; n < 20; n++)
      expect(await come(at, '10.0.0.1', names(20, `s${n}`))).toMatchObject({ status: 200 })
    expect(at.hub.stats().sessions).toBe(2)
    expect(await come(at, '10.0.0.2', names(50, 'other'))).toMatchObject({ status: 200 })
  })

  it('of one address take half at most while they are heard, and nobody else is kept out', async () => {
    const at = await place()
    const hear = (client: string, of: string) =>
      listen(at, 'eventsource', { topic: names(20, of).join() }, from(client)).opened()
    for (const of of ['a', 'b']) await hear('10.0.0.1', of)
    expect(await come(at, '10.0.0.1', names(20, 'c'))).toMatchObject({
      status: 429,
      text: 'too many topics of one address\n',
    })
    for (const of of ['a', 'b']) await hear('10.0.0.2', of)
    expect(await come(at, '10.0.0.3', names(21, 'd'))).toMatchObject({
      status: 503,
      text: 'too many topics\n',
    })
    expect(await come(at, '10.0.0.3', names(20, 'd'))).toMatchObject({ status: 200 })
  })

  it('are counted anew where a session comes back with others, and are free when it is over', async () => {
    const at = await place({ sessions: 10 })
    const ear = listen(at, 'eventsource', { topic: names(50, 'a').join() }, from('10.0.0.1'))
    const { session } = await ear.opened()
    ear.close()
    await until(() => at.hub.stats().lines.eventsource === 0)
    const again = { 'rt.sid': session }
    expect(await come(at, '10.0.0.1', names(51, 'a'), again)).toMatchObject({ status: 429 })
    expect(await come(at, '10.0.0.1', names(10, 'a'), again)).toMatchObject({ status: 200 })
    expect(await come(at, '10.0.0.1', names(40, 'b'))).toMatchObject({ status: 200 })
    await at.hub.close()
    expect(at.hub.stats().sessions).toBe(0)
  })
})
