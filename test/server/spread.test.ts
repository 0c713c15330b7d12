/** A hub over a log that is spread over three, parts of which may be out of reach. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  type Entry,
  type History,
  type HubOptions,
  type Log,
  type LogListener,
  memoryLog,
  type Past,
  type Refused,
  type SpreadLog,
  spreadLog,
} from '../../server/index.ts'
import { type CoreOptions, connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import {
  address,
  ask,
  cutter,
  listen,
  message,
  parse,
  type Stand,
  stand,
  until,
  type Via,
  wait,
} from './harness.ts'

const clients = { websocket, fetchStreaming, longPolling }
const plain = { event: undefined, data: 'x', encoding: undefined }

/** A log in memory with a way to it that can be closed. What others append meanwhile is kept, and not heard here. */
interface Part {
  readonly log: Log
  readonly memory: Log
  leave(): void
  comeBack(): void
  /** How often `after` was called with a position. */
  readonly reads: number
}

function part(): Part {
  const memory = memoryLog()
  const listeners = new Set<LogListener>()
  let isAway = false
  let reads = 0
  const others = () => (isAway ? [] : listeners)
  memory.listen({
    heard(entry) {
      for (const each of others()) each.heard(entry)
    },
    passed(topic, text) {
      for (const each of others()) each.passed?.(topic, text)
    },
    missed() {},
    failed() {},
  })
  const tried = <T>(act: () => T | Promise<T>) =>
    isAway ? Promise.reject<T>(new Error('out of reach')) : act()
  const log: Log = {
    ...memory,
    append: (...asked) => tried<Entry>(() => memory.append(...asked)),
    after(...asked) {
      if (asked[0] !== undefined) reads++
      return tried<History>(() => memory.after(...asked))
    },
    back: (...asked) => tried<Past>(() => memory.back(...asked)),
    drop: topic => tried<void>(() => memory.drop(topic) as undefined),
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get ready() {
      return !isAway
    },
  }
  return {
    log,
    memory,
    leave() {
      isAway = true
    },
    comeBack() {
      isAway = false
      for (const each of listeners) each.missed()
    },
    get reads() {
      return reads
    },
  }
}

interface Spread {
  readonly log: SpreadLog
  readonly parts: readonly Part[]
  /** A topic of each part. */
  readonly topics: readonly [string, string, string]
  /** Another one of the same part. */
  beside(topic: string): string
}

function spread(): Spread {
  const parts = [part(), part(), part()]
  const log = spreadLog(parts.map(each => each.log))
  const names = Array.from({ length: 200 }, (_, n) => `room:${n}`)
  const inSpace = (space: number) => names.filter(name => log.spaces.of(name) === space)
  const topics = [0, 1, 2].map(space => inSpace(space)[0] as string) as unknown as Spread['topics']
  return { log, parts, topics, beside: topic => inSpace(log.spaces.of(topic))[1] as string }
}

const authorize: HubOptions['authorize'] = ({ url }) => ({
  topics: (url.searchParams.get('hear') ?? '').split(',').filter(Boolean),
  subscribe: ['*'],
})

/** Beats thrice in its `heartbeat`. */
const options = { authorize, retry: 10, heartbeat: 300 }

function open(at: Stand, transport: CoreOptions['transport'] = websocket) {
  const line = connect(`http://${at.host}/live`, {
    transport,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
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

describe('a client with one position for all', () => {
  const pipes: (Via | 'bare')[] = ['bare', 'websocket', 'xhr-streaming', 'long-polling', 'jsonp']

  it.each(pipes)(
    'over %s hears topics of one log, and what is sent to it, and goes on after its last id',
    async via => {
      const { log, topics, beside } = spread()
      const at = await stand({ log, ...options })
      for (const topic of topics) {
        const hear = `${topic},${beside(topic)}`
        let session: { send(data: string): Promise<string | undefined> } | undefined
        at.hub.on('open', told => {
          session = told.session
        })
        const ear = listen(at, via, { hear })
        expect(await ear.opened()).toMatchObject({ resumed: false })
        await at.hub.publish(topic, 'one')
        await at.hub.publish(beside(topic), 'two')
        await session?.send('three')
        expect(await ear.messages(3)).toEqual(['one', 'two', 'three'])
        const [last] = ear.blocks.filter(({ data }) => data === 'two')
        ear.close()
        await at.hub.publish(topic, 'four')
        const again = listen(at, via, { hear, 'rt.id': last?.id })
        expect(await again.opened()).toMatchObject({ resumed: true })
        await at.hub.publish(beside(topic), 'five')
        expect(await again.messages(2)).toEqual(['four', 'five'])
        expect(again.blocks.some(({ event }) => event === 'rt.gap')).toBe(false)
        again.close()
      }
    },
  )

  it('is refused topics of several logs, with words that name two of them and the way out', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options })
    const refused: Refused[] = []
    at.hub.on('refused', told => void refused.push(told))
    const [first, other] = topics
    const { status, text } = await ask(address(at, { 'rt.via': undefined, hear: topics.join() }))
    expect(status).toBe(400)
    expect(text).toContain(`"${first}" and "${other}" are in different logs`)
    expect(text).toContain('the same text in braces in their names, such as "{room}a" and "{room}b"')
    expect(refused).toMatchObject([{ status: 400, reason: 'spaces' }])
    const ear = listen(at, 'websocket', { hear: topics.join() })
    expect(JSON.parse((await ear.next('rt.fail')).data ?? '')).toMatchObject({ status: 400 })
  })

  it('hears any number of topics with the same text in braces', async () => {
    const { log } = spread()
    const at = await stand({ log, ...options })
    const topics = Array.from({ length: 30 }, (_, n) => `{house}room:${n}`)
    const ear = listen(at, 'bare', { hear: topics.join() })
    await ear.opened()
    for (const topic of topics) await at.hub.publish(topic, topic)
    expect(await ear.messages(30)).toEqual(topics)
  })

  it('whose topics have moved to another log begins a session there, and is told of a gap', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options })
    const ear = listen(at, 'xhr-streaming', { hear: topics[0] })
    const { session } = await ear.opened()
    await at.hub.publish(topics[0], 'one')
    await ear.messages(1)
    const id = ear.blocks.at(-1)?.id
    ear.close()
    const again = listen(at, 'xhr-streaming', { hear: topics[1], 'rt.sid': session, 'rt.id': id })
    const opened = await again.opened()
    expect(opened.resumed).toBe(false)
    expect(opened.session).not.toBe(session)
    expect(JSON.parse((await again.next('rt.gap')).data ?? '')).toMatchObject({ reason: 'epoch' })
    await at.hub.publish(topics[1], 'two')
    expect(await again.messages(1)).toEqual(['two'])
  })

  it('is told to come again while its log is out of reach, and others are let in', async () => {
    const { log, topics, parts } = spread()
    const at = await stand({ log, ...options })
    parts[1]?.leave()
    const answer = await ask(address(at, { 'rt.via': undefined, hear: topics[1] }))
    expect(answer.status).toBe(503)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    const ear = listen(at, 'bare', { hear: topics[2] })
    await ear.opened()
    await at.hub.publish(topics[2], 'here')
    expect(await ear.messages(1)).toEqual(['here'])
    expect((await at.hub.ready()).status).toBe(200)
    for (const each of parts) each.leave()
    expect((await at.hub.ready()).status).toBe(503)
    expect((await ask(address(at, { 'rt.via': undefined, hear: topics[2] }))).status).toBe(503)
  })
})

describe('a client with a position for each topic', () => {
  it('is told of each topic that it is given where it begins, in its own log', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options })
    const ids = await Promise.all(topics.map(topic => at.hub.publish(topic, 'before')))
    for (const more of [{}, { 'rt.t': '' }]) {
      const ear = listen(at, 'websocket', { 'rt.v': 2, hear: topics.join(), topic: undefined, ...more })
      const opened = (await ear.opened()) as unknown as { topics: Record<string, string> }
      expect(opened.topics).toEqual(Object.fromEntries(topics.map((topic, n) => [topic, ids[n]])))
      ear.close()
    }
  })

  it('that comes with one position of its page goes on after it where that is, and hears of a gap elsewhere', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options })
    for (const [n, topic] of topics.entries()) {
      const id = await at.hub.publish(topic, `page ${n}`)
      await at.hub.publish(topic, `after ${n}`)
      const ear = listen(at, 'websocket', { 'rt.v': 2, hear: topics.join(), 'rt.id': id, topic: undefined })
      await ear.opened()
      await until(() => ear.blocks.filter(({ event }) => event === 'rt.gap').length === 2)
      const gaps = ear.blocks.filter(({ event }) => event === 'rt.gap')
      expect(gaps.map(gap => gap.topic).toSorted()).toEqual(
        topics.filter(other => other !== topic).toSorted(),
      )
      for (const { data } of gaps) expect(JSON.parse(data ?? '')).toMatchObject({ reason: 'epoch', from: id })
      await until(() => ear.blocks.some(({ data }) => data === `after ${n}`))
      expect(ear.blocks.some(({ data }) => data === `page ${n}`)).toBe(false)
      ear.close()
    }
  })

  it.each(Object.entries(clients))(
    'over %s hears what is sent to it alone wherever that is kept',
    async (_, transport) => {
      const { log } = spread()
      const at = await stand({ log, ...options })
      at.hub.on('message', ({ data, reply }) => reply(`you said ${data}`))
      const cut = cutter(at.server)
      for (let n = 0; n < 6; n++) {
        const line = open(at, transport)
        const heard = record(line)
        await line.send(`${n}`)
        await until(() => heard.length === 1)
        cut()
        await line.send('again')
        await until(() => heard.length === 2)
        expect(heard).toEqual([`you said ${n}`, 'you said again'])
        line.close()
      }
    },
  )

  it('hears what was sent to it alone after it has left for another node', async () => {
    const { log } = spread()
    const [one, other] = [await stand({ log, ...options }), await stand({ log, ...options })]
    for (let n = 0; n < 6; n++) {
      const ear = listen(one, 'websocket', { 'rt.v': 2, topic: undefined })
      let session: { send(data: string): Promise<string | undefined> } | undefined
      const undo = one.hub.on('message', told => {
        session = told.session
      })
      const { session: sid } = await ear.opened()
      ear.send(message(1, 'hello'))
      await until(() => session !== undefined)
      const id = ear.blocks[0]?.id
      ear.close()
      await session?.send('for you')
      undo()
      const again = listen(other, 'websocket', {
        'rt.v': 2,
        'rt.sid': sid,
        'rt.id': id,
        topic: undefined,
      })
      expect(await again.opened()).toMatchObject({ resumed: true })
      expect(await again.messages(1)).toEqual(['for you'])
      again.close()
    }
  })
})

describe('how far a line has come in one log says nothing of another:', () => {
  it('a poll goes on with each topic where that is', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options })
    for (const topic of topics) for (let n = 0; n < 5; n++) await at.hub.publish(topic, 'before')
    const query = { 'rt.v': 2, 'rt.via': 'long-polling', 'rt.c': 'a', hear: topics.join(), topic: undefined }
    const [open] = parse((await ask(address(at, { ...query, 'rt.n': 0 }))).text)
    const position = { 'rt.sid': JSON.parse(open?.data ?? '').session, 'rt.id': open?.id }
    for (const [n, topic] of topics.entries()) {
      const poll = ask(address(at, { ...query, ...position, 'rt.n': 2 * n + 1 }))
      await until(() => at.hub.stats().lines['long-polling'] === 1)
      for (let count = 0; count < 20; count++) await at.hub.publish(topic, 'heard')
      const heard = parse((await poll).text).map(({ data }) => data)
      expect(new Set(heard)).toEqual(new Set(['heard']))
      const others = topics.filter(other => other !== topic)
      for (const other of others) await at.hub.publish(other, 'meanwhile')
      const found: string[] = []
      const next = parse((await ask(address(at, { ...query, ...position, 'rt.n': 2 * n + 2 }))).text)
      for (const { event, topic: of, data } of next)
        if (data !== 'heard') found.push(`${event} ${of} ${data}`)
      expect(found.toSorted()).toEqual(others.map(other => `undefined ${other} meanwhile`).toSorted())
    }
  })

  it('a line that reads slowly goes on with each topic where that is', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options, limits: { unsent: 2 ** 16 } })
    const much = 'x'.repeat(2 ** 18)
    for (const [n, topic] of topics.entries()) {
      const ear = listen(at, 'websocket', { 'rt.v': 2, hear: topics.join(), topic: undefined })
      await ear.opened()
      for (const each of topics) await at.hub.publish(each, 'first')
      await ear.messages(3)
      ear.pause()
      let count = 0
      for (; at.hub.stats().unsent <= 2 ** 16; count++) {
        await at.hub.publish(topic, much)
        await wait(1)
      }
      const other = topics[(n + 1) % 3] as string
      await at.hub.publish(other, 'second')
      ear.resume()
      const heard = await ear.messages(count + 1)
      expect(heard.filter(data => data !== much)).toEqual(['second'])
      expect(ear.blocks.some(({ event }) => event === 'rt.gap')).toBe(false)
      ear.close()
      await until(() => at.hub.stats().lines.websocket === 0)
    }
  })
})

describe.each(Object.entries(clients))('while one of three logs is out of reach, over %s', (_, transport) => {
  it('lines go on with the topics of the others, new ones too, and nothing is lost', async () => {
    const { log, topics, parts } = spread()
    const at = await stand({ log, ...options })
    const [lost, ...others] = [1, 0, 2] as const
    // What is sent to the session of one of these alone is in the log that is lost, and that of others elsewhere.
    const lines = Array.from({ length: 8 }, () => open(at, transport))
    const before = lines.map(line => topics.map(topic => line.subscribe(topic)))
    const heardBefore = before.map(rooms => rooms.map(record))
    await Promise.all(before.flat().map(room => room.opened))
    for (const topic of topics) await at.hub.publish(topic, 'hello')
    await until(() => heardBefore.flat().every(heard => heard.length === 1))

    parts[lost]?.leave()
    await expect(at.hub.publish(topics[lost], 'refused')).rejects.toThrow('out of reach')
    const late = open(at, transport)
    const lateRooms = topics.map(topic => late.subscribe(topic))
    const after = lateRooms.map(record)
    const past = late.subscribe(topics[lost], { history: 10 })
    await Promise.all(others.map(n => lateRooms[n]?.opened))
    for (const n of others) await at.hub.publish(topics[n], 'meanwhile')
    await until(() => others.every(n => [...heardBefore, after].every(all => all[n]?.at(-1) === 'meanwhile')))
    expect([lateRooms[lost]?.state, past.state]).toEqual(['subscribing', 'subscribing'])

    // Another node reaches it.
    await parts[lost]?.memory.append(topics[lost], { ...plain, data: 'elsewhere' })
    parts[lost]?.comeBack()
    const told = record(past)
    await Promise.all([lateRooms[lost]?.opened, past.opened])
    for (const topic of topics) await at.hub.publish(topic, 'last')
    await until(() => [...heardBefore.flat(), ...after, told].every(heard => heard.at(-1) === 'last'))
    for (const heard of heardBefore) {
      expect(heard[lost]).toEqual(['hello', 'elsewhere', 'last'])
      for (const n of others) expect(heard[n]).toEqual(['hello', 'meanwhile', 'last'])
    }
    expect(told).toEqual(['hello', 'elsewhere', 'last'])
    for (const n of others) expect(after[n]).toEqual(['meanwhile', 'last'])

    at.hub.on('message', ({ data, reply }) => reply(`you said ${data}`))
    const own = lines.map(record)
    await Promise.all(lines.map((line, n) => line.send(`${n}`)))
    await until(() => own.every(heard => heard.length > 0))
    expect(own).toEqual(lines.map((_, n) => [`you said ${n}`]))
  })

  it('a line that comes back goes on with the topics of the others, and then with those of that one', async () => {
    const { log, topics, parts } = spread()
    const at = await stand({ log, ...options })
    const cut = cutter(at.server)
    // What is sent to the session of one of these alone is out of reach, too, and that of others is not.
    const lines = Array.from({ length: 8 }, () => open(at, transport))
    const rooms = lines.map(line => topics.map(topic => line.subscribe(topic)))
    const heard = rooms.map(each => each.map(record))
    await Promise.all(rooms.flat().map(room => room.opened))
    for (const topic of topics) await at.hub.publish(topic, 'one')
    await until(() => heard.flat().every(each => each.length === 1))
    parts[1]?.leave()
    cut()
    await parts[1]?.memory.append(topics[1], { ...plain, data: 'two' })
    for (const n of [0, 2]) await at.hub.publish(topics[n] as string, 'two')
    await until(() => heard.every(([first, , third]) => first?.length === 2 && third?.length === 2))
    expect(heard.map(([, second]) => second)).toEqual(lines.map(() => ['one']))
    parts[1]?.comeBack()
    for (const topic of topics) await at.hub.publish(topic, 'three')
    await until(() => heard.flat().every(each => each.at(-1) === 'three'))
    for (const each of heard.flat()) expect(each).toEqual(['one', 'two', 'three'])
  })
})

describe('what a log that is spread does for all', () => {
  it('lets those read anew alone whose log may have missed something', async () => {
    const { log, topics, parts } = spread()
    const at = await stand({ log, ...options })
    const line = open(at)
    const rooms = topics.map(topic => line.subscribe(topic))
    const heard = rooms.map(record)
    await Promise.all(rooms.map(room => room.opened))
    for (const topic of topics) await at.hub.publish(topic, 'one')
    await until(() => heard.every(each => each.length === 1))
    const before = parts.map(({ reads }) => reads)
    await parts[2]?.leave()
    await parts[2]?.memory.append(topics[2], { ...plain, data: 'missed' })
    parts[2]?.comeBack()
    await until(() => heard[2]?.at(-1) === 'missed')
    expect(parts.map(({ reads }, n) => reads > (before[n] as number))).toEqual([false, false, true])
  })

  it('tells who is there on other nodes, cancels what they produce, and reads an answer from its beginning', async () => {
    const { log, topics } = spread()
    const [one, other] = [
      await stand({ log, ...options, presence: ['room:*'] }),
      await stand({ log, ...options, presence: ['room:*'] }),
    ]
    for (const topic of topics) {
      const room = open(one).subscribe(topic)
      await room.opened
      await until(() => other.hub.presence(topic).length === 1)
    }
    for (const [n, topic] of topics.entries()) {
      const production = one.hub.produce(`answer:${topic}`, async function* (signal: AbortSignal) {
        yield `piece of ${n}`
        await new Promise(resolve => signal.addEventListener('abort', resolve))
      } as never)
      const answer = open(other).subscribe(`answer:${topic}`, { history: Number.POSITIVE_INFINITY })
      const heard = record(answer)
      await until(() => heard.length === 1)
      expect(heard).toEqual([`piece of ${n}`])
      expect(other.hub.cancel(`answer:${topic}`)).toBe(false)
      await production.done.catch(() => {})
    }
  })

  it('gives the past of a topic, and forgets it when it is dropped', async () => {
    const { log, topics } = spread()
    const at = await stand({ log, ...options })
    const line = open(at)
    for (const topic of topics) {
      for (let n = 0; n < 5; n++) await at.hub.publish(topic, `${n}`)
      const room = line.subscribe(topic)
      await room.opened
      expect((await room.history({ limit: 3 })).messages.map(({ data }) => data)).toEqual(['2', '3', '4'])
      await at.hub.drop(topic)
      expect((await room.history()).messages).toEqual([])
    }
  })

  it('has its figures of each log, and the sum of its histograms', async () => {
    const bounds = [1, 2]
    const logs = [3, 4].map(value =>
      Object.assign(memoryLog(), {
        metrics: () => [
          { name: 'lag_messages', help: 'h', type: 'gauge' as const, samples: [{ value }] },
          {
            name: 'wait_seconds',
            help: 'h',
            type: 'histogram' as const,
            bounds,
            counts: [1, 0, value],
            sum: 9,
          },
        ],
      }),
    )
    const at = await stand({ log: spreadLog(logs) })
    const lines = at.hub.metrics().split('\n')
    for (const line of [
      'throughline_log_lag_messages{space="0"} 3',
      'throughline_log_lag_messages{space="1"} 4',
      'throughline_log_space_up{space="1"} 1',
      'throughline_log_wait_seconds_bucket{le="2"} 2',
      'throughline_log_wait_seconds_bucket{le="+Inf"} 9',
      'throughline_log_wait_seconds_sum 18',
    ])
      expect(lines).toContain(line)
  })
})
