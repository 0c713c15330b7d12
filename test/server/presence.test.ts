/** Who is here, by the SDK in Node against our server. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type HubOptions, type Log, memoryLog, redisLog } from '../../server/index.ts'
import { type CoreOptions, connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import type { Subscription } from '../../src/types.ts'
import { encode } from '../../src/wire/encoder.ts'
import { ask, listen, parse, type Stand, stand, stopTime, until, wait } from './harness.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'

const transports = { websocket, fetchStreaming, longPolling }

/** Whoever names a `user` is that one. */
const byName: HubOptions = {
  presence: ['room*'],
  authorize: ({ url }) => {
    const principal = url.searchParams.get('user') ?? undefined
    const topics = url.searchParams.getAll('topic')
    return { principal, topics, subscribe: ['*'], presence: principal && { name: principal.toUpperCase() } }
  },
}

function open(at: Stand, user: string | undefined, transport: CoreOptions['transport'] = websocket) {
  const line = connect(`http://${at.host}/live${user ? `?user=${user}` : ''}`, {
    transport,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
  })
  onTestFinished(() => line.close())
  return line
}

type Room = Subscription<Record<string, string>>

/** What a page hears of people. */
function watch(here: Room) {
  const heard: string[] = []
  for (const type of ['join', 'leave'] as const)
    here.addEventListener(type, ({ person }) => void heard.push(`${type} ${person.id}`))
  return heard
}

/** A subscription that has asked who is there. */
function asking(room: Room): Room {
  void room.presence()
  return room
}

const ids = async (here: Room) => (await here.presence()).map(({ id }) => id).sort()

describe.each(Object.keys(transports) as (keyof typeof transports)[])('over %s', name => {
  const transport = transports[name]

  it('a page hears who is there, who comes and who leaves, each with public data', async () => {
    const at = await stand(byName)
    const alice = open(at, 'alice', transport).subscribe('room')
    const heard = watch(alice)
    expect(await alice.presence()).toEqual(
      Object.assign([{ id: 'alice', data: { name: 'ALICE' } }], { count: 1 }),
    )
    const bobs = open(at, 'bob', transport)
    const bob = bobs.subscribe('room')
    expect(await ids(bob)).toEqual(['alice', 'bob'])
    await until(() => heard.length === 1)
    bobs.close()
    await until(() => heard.length === 2)
    expect(heard).toEqual(['join bob', 'leave bob'])
    expect(await ids(alice)).toEqual(['alice'])
    expect(at.hub.presence('room')).toEqual([{ id: 'alice', data: { name: 'ALICE' } }])
  })

  it('several tabs of one principal are one person, who leaves with the last of them', async () => {
    const at = await stand(byName)
    const alice = open(at, 'alice', transport).subscribe('room')
    const heard = watch(alice)
    await alice.presence()
    const tabs = [open(at, 'bob', transport), open(at, 'bob', transport)].map(line => line.subscribe('room'))
    await Promise.all(tabs.map(tab => tab.opened))
    tabs[0]?.close()
    const carol = open(at, 'carol', transport).subscribe('room')
    expect(await ids(carol)).toEqual(['alice', 'bob', 'carol'])
    await until(() => heard.length === 2)
    tabs[1]?.close()
    await until(() => heard.length === 3)
    expect(heard.sort()).toEqual(['join bob', 'join carol', 'leave bob'])
  })

  it('a page that is loaded anew does not seem to leave', async () => {
    const at = await stand(byName)
    const alice = open(at, 'alice', transport).subscribe('room')
    const heard = watch(alice)
    await alice.presence()
    const before = open(at, 'bob', transport)
    await before.subscribe('room').opened
    await until(() => heard.length === 1)
    before.close()
    await until(() => at.hub.stats().sessions === 1)
    await open(at, 'bob', transport).subscribe('room').opened
    const carol = open(at, 'carol', transport)
    await carol.subscribe('room').opened
    carol.close()
    await until(() => heard.includes('leave carol'))
    expect(heard).toEqual(['join bob', 'join carol', 'leave carol'])
  })

  it('whoever was away learns who came and left meanwhile, and was not seen to leave', async () => {
    const at = await stand({ ...byName, retry: 5 })
    const alices = open(at, 'alice', transport)
    const alice = alices.subscribe('room')
    const bob = open(at, 'bob', transport).subscribe('room')
    await until(() => at.hub.presence('room').length === 2)
    await alice.presence()
    const [ofAlice, ofBob] = [watch(alice), watch(bob)]
    await ids(bob)
    for (let n = 0; n < 5; n++) {
      at.server.closeAllConnections()
      await open(at, `guest${n}`, transport).subscribe('room').opened
      // A goodbye may be lost with the connection that the server has cut.
      if (n % 2) at.hub.disconnect({ principal: `guest${n}` })
    }
    const expected = ['join guest0', 'join guest2', 'join guest4']
    await until(() => at.hub.presence('room').length === 5)
    await until(() => [ofAlice, ofBob].every(heard => expected.every(each => heard.includes(each))))
    await until(() => alice.people?.count === 5)
    expect(await ids(alice)).toEqual(['alice', 'bob', 'guest0', 'guest2', 'guest4'])
    expect([...ofAlice, ...ofBob].filter(each => /leave (alice|bob)/.test(each))).toEqual([])
  })

  it('tells in words that presence is not kept, and that a topic was refused', async () => {
    const { authorize = () => [] } = byName
    const at = await stand({
      presence: topic => topic === 'room',
      authorize: async request => {
        const rights = await authorize(request)
        return { ...(rights as object), subscribe: ['room', 'other'] }
      },
    })
    const line = open(at, 'alice', transport)
    const room = line.subscribe('other')
    await expect(room.presence()).rejects.toThrow(
      /who is in "other" is not told.*presence is not kept in "other"/,
    )
    await expect(room.presence()).rejects.toMatchObject({
      kind: 'declined',
      code: 'no-presence',
      status: 404,
    })
    expect(room.people).toBeUndefined()
    expect(room.state).toBe('subscribed')
    const secret = line.subscribe('secret')
    await expect(secret.presence()).rejects.toMatchObject({ kind: 'declined', status: 403 })
    const mine = line.subscribe('room')
    expect(await ids(mine)).toEqual(['alice'])
    mine.close()
    await expect(mine.presence()).rejects.toMatchObject({ kind: 'closed' })
    expect(() => at.hub.presence('other')).toThrow(/presence is not kept in "other"/)
  })
})

it('two subscriptions to one topic are told alike, the one that asks later at once', async () => {
  const at = await stand(byName)
  const line = open(at, 'alice')
  const [first, second] = [line.subscribe('room'), line.subscribe('room')]
  await first.presence()
  expect(second.people).toBeUndefined()
  let changes = 0
  second.addEventListener('presence', () => changes++)
  expect(await second.presence()).toBe(first.people)
  expect(changes).toBe(1)
  const heard = [watch(first), watch(second)]
  await open(at, 'bob').subscribe('room').opened
  await until(() => heard.every(each => each.length === 1))
  expect(heard).toEqual([['join bob'], ['join bob']])
  first.close()
  expect(second.people?.count).toBe(2)
})

it('messages that are called join or presence are messages, whoever asks', async () => {
  const at = await stand(byName)
  const room = open(at, 'alice').subscribe('room')
  await room.presence()
  const heard: unknown[] = []
  for (const type of ['join', 'presence'] as const)
    room.addEventListener(type, event => heard.push([type, (event as unknown as { data: unknown }).data]))
  await at.hub.publish('room', 'one', { event: 'join' })
  await at.hub.publish('room', 'two', { event: 'presence' })
  await until(() => heard.length === 2)
  expect(heard).toEqual([
    ['join', 'one'],
    ['presence', 'two'],
  ])
})

it('what is asked of a topic without presence is an error event where nobody waits for the answer', async () => {
  const at = await stand(byName)
  const room = open(at, 'alice').subscribe('other')
  const errors: string[] = []
  room.onerror = ({ error }) => errors.push(`${error.code}: ${error.detail}`)
  void room.presence()
  await until(() => errors.length === 1)
  expect(errors[0]).toMatch(/^no-presence: presence is not kept in "other"/)
  await expect(room.presence()).rejects.toThrow('not kept')
  expect(errors).toHaveLength(1)
})

it('who stops asking and asks again between two polls is told', async () => {
  const at = await stand(byName)
  const line = open(at, 'alice', longPolling)
  const other = line.subscribe('other')
  for (let n = 0; n < 5; n++) {
    const room = line.subscribe('room')
    const again = line.subscribe('room')
    expect(await ids(room)).toEqual(['alice'])
    room.close()
    expect(again.people).toBeUndefined()
    await at.hub.publish('other', `${n}`)
    expect(await ids(again)).toEqual(['alice'])
    await expect(other.presence()).rejects.toThrow('not kept')
    again.close()
  }
})

it('polls that cannot name all topics in an address are told who comes and who leaves', async () => {
  const at = await stand(byName)
  const line = open(at, 'alice', longPolling)
  const many = Array.from({ length: 200 }, (_, n) => line.subscribe(`ticker:${n}:${'x'.repeat(20)}`))
  await Promise.all(many.map(({ opened }) => opened))
  const room = line.subscribe('room')
  await room.opened
  await room.presence()
  const heard = watch(room)
  for (let n = 0; n < 3; n++) {
    const bob = open(at, `bob${n}`)
    await bob.subscribe('room').opened
    await until(() => heard.includes(`join bob${n}`))
    await at.hub.publish('room', 'x')
    bob.close()
    await until(() => heard.includes(`leave bob${n}`))
  }
  expect(heard).toEqual([0, 1, 2].flatMap(n => [`join bob${n}`, `leave bob${n}`]))
})

/** The ids that a hub knows of. */
const known = ({ hub }: Stand, topic = 'room') =>
  hub
    .presence(topic)
    .map(({ id }) => id)
    .sort()

it('is not kept unless the hub is told where', async () => {
  const at = await stand()
  const room = open(at, undefined).subscribe('room')
  await expect(room.presence()).rejects.toMatchObject({ kind: 'declined', status: 404 })
  expect(() => at.hub.presence('room')).toThrow(TypeError)
})

it('polls are held while nobody comes or leaves, also where presence is not kept', async () => {
  const at = await stand(byName)
  let requests = 0
  const line = open(at, 'alice', longPolling)
  at.server.on('request', ({ url = '' }) => {
    if (url.includes('user=alice')) requests++
  })
  const room = line.subscribe('room')
  const other = line.subscribe('other')
  await room.presence()
  await expect(other.presence()).rejects.toThrow('not kept')
  const heard = watch(room)
  const bob = open(at, 'bob')
  await bob.subscribe('room').opened
  bob.close()
  await until(() => heard.length === 2)
  expect(heard).toEqual(['join bob', 'leave bob'])
  expect(requests).toBeLessThan(12)
})

it('counts sessions of older clients, and bare streams, which have no name of their own', async () => {
  const at = await stand(byName)
  const alice = open(at, 'alice').subscribe('room')
  await alice.presence()
  const heard = watch(alice)
  const old = listen(at, 'websocket', { topic: 'room', user: 'old' })
  await old.opened()
  await until(() => heard.length === 1)
  const response = await fetch(`http://${at.host}/live?topic=room`)
  await until(() => heard.length === 2)
  const [, stranger] = heard.map(each => each.split(' ')[1] ?? '')
  expect(stranger).toMatch(/^~[\w-]{12}$/)
  await until(() => alice.people?.length === 3)
  expect(alice.people?.find(({ id }) => id === stranger)).toEqual({ id: stranger })
  await response.body?.cancel()
  old.close()
  await until(() => heard.length === 3)
  expect(heard[2]).toBe(`leave ${stranger}`)
  expect(known(at)).toEqual(['alice', 'old'])
})

it('tells new data of somebody who is there already', async () => {
  let name = 'Bob'
  const at = await stand({
    presence: ['*'],
    authorize: ({ url }) => {
      const principal = url.searchParams.get('user') ?? undefined
      return { principal, subscribe: ['*'], presence: principal === 'bob' ? { name } : undefined }
    },
  })
  const alice = asking(open(at, 'alice').subscribe('room'))
  await open(at, 'bob').subscribe('room').opened
  await until(() => alice.people?.length === 2)
  const heard = watch(alice)
  name = 'Robert'
  at.hub.reauthorize('bob')
  const nameOfBob = () => alice.people?.find(({ id }) => id === 'bob')?.data
  await until(() => JSON.stringify(nameOfBob()) === '{"name":"Robert"}')
  expect(heard).toEqual([])
})

it('whoever may not hear the topic any more has left', async () => {
  const at = await stand(byName)
  const alice = asking(open(at, 'alice').subscribe('room'))
  await open(at, 'bob').subscribe('room').opened
  await until(() => alice.people?.length === 2)
  expect(at.hub.disconnect({ principal: 'bob', topic: 'room' })).toBe(1)
  await until(() => alice.people?.length === 1)
  expect(known(at)).toEqual(['alice'])
})

it('tells of so many people, and how many there are', async () => {
  const at = await stand({ ...byName, limits: { presence: 3 } })
  const alices = open(at, 'alice')
  const alice = alices.subscribe('room')
  await alice.presence()
  const lines = []
  for (const name of ['b', 'c', 'd', 'e']) {
    const line = open(at, name)
    await line.subscribe('room').opened
    lines.push(line)
  }
  await until(() => alice.people?.count === 5)
  expect(await ids(alice)).toEqual(['alice', 'b', 'c'])
  expect(known(at)).toEqual(['alice', 'b', 'c', 'd', 'e'])
  lines[0]?.close()
  await until(() => alice.people?.count === 4)
  expect(await ids(alice)).toEqual(['alice', 'c', 'd'])
  lines[3]?.close()
  await until(() => alice.people?.count === 3)
  expect(await ids(alice)).toEqual(['alice', 'c', 'd'])
})

it('whoever just vanishes has left when its session is over, and not before', async () => {
  const time = stopTime()
  const at = await stand({ ...byName, sessionTimeout: 60_000 })
  const bob = listen(at, 'websocket', { topic: 'room', user: 'bob' })
  await bob.opened()
  await until(() => known(at).length === 1)
  bob.close()
  await until(() => at.hub.stats().lines.websocket === 0)
  time.pass(59_999)
  expect(known(at)).toEqual(['bob'])
  time.pass(1)
  expect(known(at)).toEqual([])
})

it('whoever said goodbye has left half a second later, whatever sessionTimeout is', async () => {
  const time = stopTime()
  const at = await stand({ ...byName, sessionTimeout: 60_000 })
  const bob = listen(at, 'websocket', { topic: 'room', user: 'bob' })
  await bob.opened()
  await until(() => known(at).length === 1)
  bob.send(encode({ event: 'rt.bye', data: '' }))
  await until(() => at.hub.stats().sessions === 0)
  time.pass(499)
  expect(known(at)).toEqual(['bob'])
  time.pass(1)
  expect(known(at)).toEqual([])
})

it('says in words what public data cannot be', async () => {
  const errors: unknown[] = []
  for (const given of [() => 1, 'x'.repeat(1_100)]) {
    const at = await stand({ authorize: () => ({ presence: given }) })
    at.hub.on('error', error => errors.push(String(error)))
    expect(await ask(`http://${at.host}/live`)).toMatchObject({ status: 500 })
  }
  expect(errors).toEqual([
    expect.stringContaining('it has to be a value that JSON has'),
    expect.stringContaining('at most 1024'),
  ])
  await expect(stand({ presence: [1] as never })).rejects.toThrow(
    /presence is 1; it has to be an array of names/,
  )
})

it.each([':secret', '+:room', '+:other'])(
  'the answer to %s comes behind rt.open, however long a log takes',
  async wanted => {
    const log = memoryLog()
    const after: Log['after'] = async (...what) => {
      await wait(20)
      return log.after(...what)
    }
    const at = await stand({
      log: { ...log, after },
      presence: ['room'],
      authorize: () => ({ subscribe: ['room', 'other'] }),
    })
    const query = new URLSearchParams({ 'rt.v': '2', 'rt.via': 'long-polling', 'rt.n': '0', 'rt.t': wanted })
    const { text } = await ask(`http://${at.host}/live?${query}`)
    expect(parse(text)[0]?.event).toBe('rt.open')
  },
)

describe('over nodes that share a log in memory', () => {
  it('one list has the people of all, and each is told of the others', () => shares(() => memoryLog()))

  it('a node that begins later hears of those who were there', async () => {
    const log = memoryLog()
    const first = await stand({ ...byName, log })
    await open(first, 'alice').subscribe('room').opened
    await until(() => known(first).length === 1)
    const second = await stand({ ...byName, log })
    await until(() => known(second).length === 1)
    expect(second.hub.presence('room')).toEqual([{ id: 'alice', data: { name: 'ALICE' } }])
  })

  it('a node that is alone says hello, and nothing else', async () => {
    const log = memoryLog()
    const told: string[] = []
    log.listen({
      heard: ({ topic, text }) => void (topic === 'rt.presence' && told.push(text)),
      missed() {},
      failed() {},
    })
    const at = await stand({ ...byName, log, sessionTimeout: 100 })
    const line = open(at, 'alice')
    await line.subscribe('room').opened
    await until(() => known(at).length === 1)
    line.close()
    await until(() => known(at).length === 0)
    expect(told).toHaveLength(1)
  })

  it('knows five hundred people of another node, which takes several messages', async () => {
    const log = memoryLog()
    const first = await stand({ ...byName, log })
    const ears = Array.from({ length: 500 }, (_, n) => listen(first, 'websocket', { topic: 'room', user: n }))
    await Promise.all(ears.map(ear => ear.opened()))
    const second = await stand({ ...byName, log })
    await until(() => known(second).length === 500)
    for (const ear of ears) ear.close()
  })

  it('whoever comes or leaves while a node waits for the answer to its hello is known of by the others', async () => {
    const log = memoryLog()
    const late = delayed(log)
    const told: string[] = []
    log.listen({
      heard: ({ topic, text }) => void (topic === 'rt.presence' && told.push(text)),
      missed() {},
      failed() {},
    })
    const first = await stand({ ...byName, log })
    await open(first, 'alice').subscribe('room').opened
    late.waits = true
    const second = await stand({ ...byName, log: late.log })
    const carol = open(second, 'carol')
    await carol.subscribe('room').opened
    // It says hello once more, with carol.
    late.missed()
    await until(() => known(first).join() === 'alice,carol')
    await until(() => told.filter(text => text.includes('"all"')).length === 2)
    carol.close()
    await open(second, 'bob').subscribe('room').opened
    await until(() => known(second).join() === 'bob')
    late.goOn()
    await until(() => known(first).join() === 'alice,bob' && known(second).length === 2)
    expect(known(second).toSorted()).toEqual(['alice', 'bob'])
  })

  it('what was missed is asked for anew', async () => {
    const log = memoryLog()
    const deaf = lossy(log)
    const first = await stand({ ...byName, log })
    const second = await stand({ ...byName, log: deaf.log })
    const alice = open(first, 'alice')
    await alice.subscribe('room').opened
    await until(() => known(second).length === 1)
    deaf.loses = true
    await open(first, 'bob').subscribe('room').opened
    alice.close()
    await until(() => known(first).join() === 'bob')
    expect(known(second)).toEqual(['alice'])
    deaf.loses = false
    deaf.missed()
    await until(() => known(second).join() === 'bob')
  })
})

describe.skipIf(missingRedis)(
  `over nodes that share a Redis${missingRedis ? ` (${missingRedis})` : ''}`,
  () => {
    let redis: Redis
    beforeAll(async () => {
      redis = await startRedis('saved')
    })
    afterAll(() => redis.close())

    it('one list has the people of all, and each is told of the others', () =>
      shares(() => logAt(redis.url, 'shared')))

    it('the people of a node that was killed are gone when it was not heard for sessionTimeout', async () => {
      const at = await stand({ ...byName, sessionTimeout: 3_000, log: logAt(redis.url, 'killed') })
      const alice = asking(open(at, 'alice').subscribe('room'))
      const other = await startNode(redis.url, 'killed')
      const bob = listen({ host: other.host } as Stand, 'websocket', { topic: 'room', user: 'bob' })
      await bob.opened()
      await until(() => alice.people?.length === 2)
      const heard = watch(alice)
      other.child.kill('SIGKILL')
      await until(() => known(at).length === 1 && heard.length > 0)
      // On a busy machine a node may not be heard for so long while it lives: then bob comes back, and leaves for good now.
      expect(heard.at(-1)).toBe('leave bob')
      expect(known(at)).toEqual(['alice'])
    })
  },
)

async function shares(logOf: () => Log): Promise<void> {
  const one = logOf()
  const first = await stand({ ...byName, log: one })
  const second = await stand({ ...byName, log: 'close' in one ? logOf() : one })
  const alice = asking(open(first, 'alice').subscribe('room'))
  const bobs = open(second, 'bob')
  const bob = asking(bobs.subscribe('room'))
  await until(() => alice.people?.length === 2 && bob.people?.length === 2)
  expect(first.hub.presence('room')).toEqual(
    expect.arrayContaining(['alice', 'bob'].map(id => ({ id, data: { name: id.toUpperCase() } }))),
  )
  const heard = [watch(alice), watch(bob)]
  // The same person on both nodes is one, as long as it is on one of them.
  const tabs = [open(first, 'carol'), open(second, 'carol')]
  for (const tab of tabs) await tab.subscribe('room').opened
  await until(() => heard.every(each => each.length === 1))
  tabs[0]?.close()
  await until(() => first.hub.stats().sessions === 1)
  const dave = open(first, 'dave')
  await dave.subscribe('room').opened
  dave.close()
  await until(() => heard.every(each => each.includes('leave dave')))
  expect(known(first)).toEqual(['alice', 'bob', 'carol'])
  tabs[1]?.close()
  await until(() => heard.every(each => each.includes('leave carol')))
  expect(heard[0]).toEqual(['join carol', 'join dave', 'leave dave', 'leave carol'])
  expect(heard[1]).toEqual(heard[0])
}

function logAt(url: string, prefix: string): Log {
  const log = redisLog({ url, prefix, patience: 30_000, check: 50 })
  onTestFinished(() => log.close())
  return log
}

/** A log of which a hub hears nothing as long as it `loses`. */
function lossy(log: Log) {
  const found = {
    loses: false,
    missed: () => {},
    log: {
      ...log,
      listen(listener) {
        found.missed = listener.missed
        return log.listen({ ...listener, heard: entry => found.loses || listener.heard(entry) })
      },
    } as Log,
  }
  return found
}

/** A log whose listeners hear of what was appended elsewhere only when they may. */
function delayed(log: Log) {
  const waiting: (() => void)[] = []
  const found = {
    waits: false,
    missed: () => {},
    goOn() {
      found.waits = false
      for (const tell of waiting.splice(0)) tell()
    },
    log: {
      ...log,
      listen(listener) {
        found.missed = listener.missed
        return log.listen({
          ...listener,
          heard: entry => (found.waits ? waiting.push(() => listener.heard(entry)) : listener.heard(entry)),
        })
      },
    } as Log,
  }
  return found
}

/** A node in a process of its own. */
async function startNode(url: string, prefix: string): Promise<{ host: string; child: ChildProcess }> {
  const program = `
    import http from 'node:http'
    import { createHub, redisLog } from './server/index.ts'
    const hub = createHub({
      presence: ['*'],
      sessionTimeout: 3000,
      log: redisLog({ url: '${url}', prefix: '${prefix}', check: 50 }),
      authorize: ({ url }) => ({ principal: url.searchParams.get('user'), topics: url.searchParams.getAll('topic') }),
    })
    const server = http.createServer()
    hub.attach(server)
    server.listen(0, '127.0.0.1', () => console.log('127.0.0.1:' + server.address().port))`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return { host: String(line).trim(), child }
}
