import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Entry, type HubOptions, type Log, type RedisLogOptions, redisLog } from '../../server/index.ts'
import type { Block } from '../../src/wire/block.ts'
import { encode } from '../../src/wire/encoder.ts'
import {
  address,
  ask,
  channels,
  type Ear,
  listen,
  message,
  post,
  type Stand,
  stand,
  until,
  type Via,
  wait,
} from './harness.ts'
import { logContract, logOptions } from './log-contract.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'

let redis: Redis
let prefixes = 0
const freshPrefix = () => `test-${prefixes++}`
const numbers = (count: number, first = 1) => Array.from({ length: count }, (_, n) => String(first + n))

const here = `a log in Redis${missingRedis ? ` (${missingRedis})` : ''}`

describe.skipIf(missingRedis)(here, { timeout: 60_000 }, () => {
  beforeAll(async () => {
    redis = await startRedis('saved')
  })
  afterAll(() => redis.close())

  logContract({ make: options => node({ prefix: freshPrefix(), ...options }), histories: 30 })
  logOptions(options => node({ prefix: freshPrefix(), ...options }))

  describe('that two nodes share', () => {
    it('is heard on both, in one order, with the same ids', async () => {
      const [a, b] = await nodes()
      const ears = [listen(a, 'websocket'), listen(b, 'xhr-streaming')]
      await Promise.all(ears.map(ear => ear.opened()))
      const published = await Promise.all(
        numbers(200).map(data => (Number(data) % 2 ? a : b).hub.publish('x', data)),
      )
      const heard = await Promise.all(ears.map(ear => ear.messages(200)))
      expect(heard[0]).toEqual(heard[1])
      expect(idsOf(ears[0])).toEqual(idsOf(ears[1]))
      expect(idsOf(ears[0]).toSorted()).toEqual(published.toSorted())
      for (const odd of [0, 1]) expect(heard[0]?.filter(isOdd(odd))).toEqual(numbers(200).filter(isOdd(odd)))
    })

    it.each(channels)('lets a client of %s go on where it left the other', async via => {
      const [a, b] = await nodes()
      const before = listen(a, via)
      await before.opened()
      await publish(a, numbers(3))
      await before.messages(3)
      before.close()
      await publish(a, numbers(3, 4))
      const after = listen(b, via, { 'rt.id': idsOf(before)[2] })
      expect(await after.opened()).toMatchObject({ resumed: true })
      await publish(a, ['7'])
      expect(await after.messages(4)).toEqual(numbers(4, 4))
    })

    it('gives what is published during the history read once', async () => {
      const options = { prefix: freshPrefix() }
      const [first, other] = [node(options), node(options)]
      let reading = 0
      const heard: Entry[] = []
      await new Promise<void>(missed =>
        first.listen({ heard: entry => void heard.push(entry), missed: () => missed(), failed() {} }),
      ) // by now it knows where it stands
      const slow: Log = {
        ...first,
        async after(cursor, topics) {
          reading++
          const missing = heard.length + 2
          await Promise.all(append(other, ['early']))
          const history = await first.after(cursor, topics)
          await Promise.all(append(other, ['late']))
          await until(() => heard.length >= missing)
          return history
        },
      }
      const at = await stand({ log: slow })
      const [cursor] = await Promise.all(append(other, ['before']))
      const ear = listen(at, 'websocket', { 'rt.id': cursor })
      await ear.opened()
      await Promise.all(append(other, ['after']))
      expect(await ear.messages(3)).toEqual(['early', 'late', 'after'])
      expect(reading).toBe(1)
    })

    it('gives a reply to a client that has moved to the other node, and to nobody else', async () => {
      const authorize: HubOptions['authorize'] = ({ url }) => ({
        topics: ['x'],
        principal: url.searchParams.get('who') ?? '',
      })
      const [a, b] = await nodes({}, { authorize })
      a.hub.on('message', ({ reply }) => reply('for your eyes only'))
      const before = listen(a, 'xhr-streaming', { who: 'me' })
      const { session } = await before.opened()
      const id = before.blocks[0]?.id
      before.close()
      const said = await ask(address(a, { 'rt.via': 'post', 'rt.sid': session, who: 'me' }), {
        method: 'POST',
        headers: { 'content-type': 'text/event-stream' },
        body: message(1),
      })
      expect(said.status).toBe(200)
      const mine = listen(b, 'xhr-streaming', { who: 'me', 'rt.id': id, 'rt.sid': session })
      const theirs = listen(b, 'xhr-streaming', { who: 'you', 'rt.id': id, 'rt.sid': session })
      expect(await mine.messages(1)).toEqual(['for your eyes only'])
      await publish(b, ['for all'])
      expect(await theirs.messages(1)).toEqual(['for all'])
      expect(await mine.messages(1)).toEqual(['for all'])
    })

    it('brings a POST to the node where its session lives, and answers 404 when that has ended', async () => {
      const [a, b] = await nodes()
      const taken: unknown[] = []
      a.hub.on('message', ({ data }) => void taken.push(data))
      const { session } = await listen(a, 'xhr-streaming').opened()
      expect((await post(b, session, message(1))).status).toBe(200)
      expect(taken).toEqual(['m1'])
      await post(a, session, encode({ event: 'rt.bye', data: '' }))
      expect((await post(b, session, message(2))).status).toBe(404)
    })
  })

  describe('when connections break', () => {
    it('heals what was not notified', async () => {
      const [a, b] = await nodes()
      const ear = listen(a, 'websocket')
      await ear.opened()
      for (let round = 0; round < 5; round++) {
        await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
        await publish(b, numbers(20, round * 20 + 1))
      }
      expect(await ear.messages(100)).toEqual(numbers(100))
      await publish(b, ['last'])
      expect(await ear.messages(1)).toEqual(['last'])
    })

    it('tells of a gap when what was not notified is trimmed meanwhile', async () => {
      const door = await closingDoor(redis)
      const options = { prefix: freshPrefix(), retain: 2 }
      const a = await stand({ log: node({ ...options, url: door.url }) })
      const b = await stand({ log: node(options) })
      a.hub.on('error', () => {}) // not on the console
      const ear = listen(a, 'websocket')
      await ear.opened()
      await publish(b, ['1'])
      await ear.messages(1)
      door.shut()
      await publish(b, numbers(9, 2))
      door.open()
      const { data } = await ear.next('rt.gap')
      expect(JSON.parse(data ?? '')).toMatchObject({ reason: 'trimmed', from: idsOf(ear)[0] })
      expect(await ear.messages(2)).toEqual(['9', '10'])
    })

    it('keeps what was published once and in order, however often it had to be sent', async () => {
      const log = node({ prefix: freshPrefix() })
      const [start] = await Promise.all(append(log, ['start']))
      const sending = append(log, numbers(300))
      for (let kill = 0; kill < 8; kill++) {
        await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await wait(5)
        sending.push(...append(log, numbers(50, 301 + kill * 50)))
      }
      const ids = await Promise.all(sending)
      const { entries } = await log.after(start, ['x'])
      expect(entries.map(dataOf)).toEqual(numbers(700))
      expect(entries.map(entry => entry.id)).toEqual(ids)
    })

    /** A log whose next answer gets lost, and another one that has the same topics. */
    async function losing() {
      const door = await swallowingDoor(redis)
      const options = { prefix: freshPrefix() }
      const [log, other] = [node({ ...options, url: door.url }), node(options)]
      const [start] = await Promise.all(append(log, ['start']))
      return { log, other, start, lost: door.swallowAnswer() }
    }

    it('keeps a message once whose answer got lost', async () => {
      const { log, other, start, lost } = await losing()
      const [id] = await Promise.all(append(log, ['once']))
      expect(await lost).toContain('once')
      const { entries } = await other.after(start, ['x'])
      expect(entries).toMatchObject([{ id, seq: 2 }])
    })

    it('keeps each of many messages once that went together, whose answers got lost', async () => {
      const { log, other, start, lost } = await losing()
      const texts = ['alone', ...numbers(100).map(each => `once ${each}`)]
      const ids = await Promise.all(append(log, texts))
      expect(await lost).toContain('once')
      const { entries } = await other.after(start, ['x'])
      expect(entries.map(dataOf)).toEqual(texts)
      expect(entries.map(({ id }) => id)).toEqual(ids)
    })
  })

  describe('when Redis', () => {
    it('restarts, lets publishers and readers wait and loses nothing', async () => {
      const own = await ownRedis()
      const [a, b] = await nodes({ url: own.url })
      const failures = vi.fn()
      a.hub.on('error', failures)
      const ear = listen(a, 'websocket')
      await ear.opened()
      await publish(b, ['1', '2'])
      await ear.messages(2)
      await own.stop()
      const waiting = publish(b, ['3', '4'])
      const late = listen(a, 'xhr-streaming', { 'rt.id': idsOf(ear)[0] })
      await until(() => failures.mock.calls.length > 0)
      await wait(200) // for some more attempts
      expect(failures.mock.calls.map(String)).toEqual([expect.stringContaining('Redis is out of reach')])
      await own.start()
      await waiting
      await publish(b, ['5'])
      expect(await ear.messages(3)).toEqual(['3', '4', '5'])
      expect(await late.messages(4)).toEqual(['2', '3', '4', '5'])
      expect(ear.blocks.some(block => block.event === 'rt.gap')).toBe(false)
    })

    it('stays away, rejects a publish and says that it may have been kept', async () => {
      const own = await ownRedis()
      const log = node({ url: own.url, patience: 300 })
      await vi.waitFor(() => Promise.all(append(log, ['1'])), { timeout: 30_000 }) // until it is connected
      await own.stop()
      await expect(append(log, ['2'])[0]).rejects.toThrow(
        /did not answer within 300 ms.*whether the message was kept is not known/,
      )
      await expect(log.after(undefined, ['x'])).rejects.toThrow('did not answer within 300 ms')
    })

    it('is emptied, tells open lines of the gap, and goes on in a new epoch on all nodes', async () => {
      const own = await ownRedis()
      const [a, b] = await nodes({ url: own.url })
      const ears = [listen(a, 'websocket'), listen(b, 'xhr-streaming')]
      await Promise.all(ears.map(ear => ear.opened()))
      await publish(a, numbers(5))
      await Promise.all(ears.map(ear => ear.messages(5)))
      const old = idsOf(ears[0])[4]
      await own.command('FLUSHALL')
      for (const ear of ears) {
        const { data } = await ear.next('rt.gap')
        expect(JSON.parse(data ?? '')).toMatchObject({ reason: 'epoch', from: old })
      }
      await publish(b, ['new'])
      const late = listen(a, 'websocket', { 'rt.id': old })
      expect(await late.opened()).toMatchObject({ resumed: false })
      await late.next('rt.gap')
      for (const ear of [...ears, late]) expect(await ear.messages(1)).toEqual(['new'])
      expect(new Set([...ears, late].map(ear => idsOf(ear).at(-1))).size).toBe(1)
    })

    it('is emptied while a history is on its way, tells of the gap all the same', async () => {
      const own = await ownRedis()
      const log = node({ url: own.url, retain: 2 })
      let missed = 0
      log.listen({ heard() {}, missed: () => missed++, failed() {} })
      await until(() => missed === 1)
      const [cursor] = await Promise.all(append(log, numbers(6)))
      let emptied = false
      const slow: Log = {
        ...log,
        async after(...question) {
          const history = await log.after(...question)
          if (!emptied) {
            emptied = true
            await own.command('FLUSHALL')
            await until(() => missed === 2)
          }
          return history
        },
      }
      const at = await stand({ log: slow })
      const ear = listen(at, 'websocket', { 'rt.id': cursor })
      expect(JSON.parse((await ear.next('rt.gap')).data ?? '')).toMatchObject({ reason: 'trimmed' })
      expect(await ear.messages(2)).toEqual(['5', '6'])
      expect(JSON.parse((await ear.next('rt.gap')).data ?? '')).toMatchObject({ reason: 'epoch' })
      await publish(at, ['new'])
      expect(await ear.messages(1)).toEqual(['new'])
    })

    it('comes back without its last messages, notices who has heard them', async () => {
      const own = await ownRedis('saved')
      const log = node({ url: own.url })
      const kept = await Promise.all(append(log, numbers(3)))
      await own.command('SAVE')
      const lost = await Promise.all(append(log, ['4', '5']))
      await own.stop()
      await own.start()
      expect(await log.after(lost[1], ['x'])).toMatchObject({ gap: { reason: 'future' }, start: kept[2] })
      const again = await Promise.all(append(log, ['4 anew', '5 anew']))
      for (const id of lost) {
        expect(await log.after(id, ['x'])).toMatchObject({ gap: { reason: 'rollback', to: again[1] } })
      }
      const { gap, entries } = await log.after(kept[2], ['x'])
      expect(gap).toBeUndefined()
      expect(entries.map(entry => entry.id)).toEqual(again)
    })

    it('would throw messages away by itself, refuses to work with it', async () => {
      const own = await ownRedis()
      await own.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
      const log = node({ url: own.url, patience: 10_000 })
      await expect(append(log, ['1'])[0]).rejects.toThrow('maxmemory-policy allkeys-lru')
      await own.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await expect(append(log, ['1'])[0]).resolves.toMatch(/\.1\./)
    })
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'loses and doubles nothing when one of two processes gets %s while messages are published',
    async signal => {
      const own = await ownRedis('saved')
      const [a, b] = await Promise.all([serve(own), serve(own)])
      const publisher = node({ url: own.url })
      const clients = channels.map(via => wanderer(via, a.at, b.at))
      await Promise.all(clients.map(client => client.opened))
      for (const data of numbers(300)) {
        await Promise.all(append(publisher, [data]))
        if (data === '100') a.child.kill(signal)
        if (Number(data) % 10 === 0) await wait(5)
      }
      for (const client of clients) expect(await client.heard(300)).toEqual(numbers(300))
    },
  )
})

it('needs the package redis only when it is used, and says so', async () => {
  vi.resetModules()
  vi.doMock('redis', () => {
    throw new Error('Cannot find package')
  })
  onTestFinished(() => vi.doUnmock('redis'))
  const server = await import('../../server/index.ts')
  const text = { event: undefined, data: 'x', encoding: undefined }
  expect(server.memoryLog().append('x', text)).toMatchObject({ seq: 1 })
  const log = server.redisLog()
  await expect(log.append('x', text)).rejects.toThrow('redisLog needs the package redis: npm install redis')
  await log.close()
})

function node(options: RedisLogOptions = {}) {
  const log = redisLog({ url: redis.url, patience: 30_000, ...options })
  onTestFinished(() => log.close())
  return log
}

async function nodes(options: RedisLogOptions = {}, hubOptions: HubOptions = {}): Promise<[Stand, Stand]> {
  const shared = { prefix: freshPrefix(), ...options }
  const both = [stand({ ...hubOptions, log: node(shared) }), stand({ ...hubOptions, log: node(shared) })]
  const [a, b] = (await Promise.all(both)) as [Stand, Stand]
  for (const { hub } of [a, b]) hub.on('error', () => {}) // not on the console
  return [a, b]
}

async function ownRedis(keeping?: 'durable' | 'saved'): Promise<Redis> {
  const own = await startRedis(keeping)
  onTestFinished(() => own.close())
  return own
}

function publish({ hub }: Stand, all: string[]): Promise<string[]> {
  return Promise.all(all.map(data => hub.publish('x', data)))
}

/** The ids. */
function append(log: Log, all: string[]): Promise<string>[] {
  return all.map(async data => (await log.append('x', { event: undefined, data, encoding: undefined })).id)
}

function dataOf({ text }: Entry): string | undefined {
  return /^data: (.*)$/m.exec(text)?.[1]
}

function idsOf(ear: Ear | undefined): (string | undefined)[] {
  return (ear?.blocks ?? []).filter(block => !block.event?.startsWith('rt.')).map(block => block.id)
}

function isOdd(odd: number): (data: string) => boolean {
  return data => Number(data) % 2 === odd
}

interface Wanderer {
  opened: Promise<unknown>
  /** The data of all it heard, once there are so many, gaps included. */
  heard(count: number): Promise<(string | undefined)[]>
}

/** A client that goes from one node to the other, after the last id it was given, when its channel is over. */
function wanderer(via: Via, from: Stand, to: Stand): Wanderer {
  const ears = [listen(from, via)]
  const opened = ears[0]?.opened() as ReturnType<Ear['opened']>
  void wander()
  return { opened, heard }

  async function wander(): Promise<void> {
    const { session } = await opened
    await ears[0]?.closed
    const last = ears[0]?.blocks.findLast(block => block.id !== undefined)?.id
    ears.push(listen(to, via, { 'rt.id': last, 'rt.sid': session }))
  }

  async function heard(count: number): Promise<(string | undefined)[]> {
    const all = () => ears.flatMap(ear => ear.blocks.filter(isHeard))
    await until(() => all().length >= count)
    return all().map(block => block.data)
  }
}

function isHeard({ event }: Block): boolean {
  return event === undefined || event === 'rt.gap'
}

/** A way to Redis that can be shut: what was open breaks, and nobody comes through until it is open again. */
async function closingDoor(behind: Redis) {
  const sockets = new Set<Socket>()
  let isOpen = true
  const door = createServer(inner => {
    if (!isOpen) return void inner.destroy()
    const outer = connect(Number(new URL(behind.url).port), '127.0.0.1')
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    inner.pipe(outer).pipe(inner)
    inner.on('close', () => outer.destroy())
    outer.on('close', () => inner.destroy())
  })
  const shut = () => {
    isOpen = false
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  onTestFinished(() => {
    shut()
    door.close()
  })
  return {
    url: `redis://127.0.0.1:${(door.address() as AddressInfo).port}`,
    shut,
    open() {
      isOpen = true
    },
  }
}

/** Stands before Redis. */
async function swallowingDoor(behind: Redis) {
  const sockets = new Set<Socket>()
  let swallowed: ((sent: string) => void) | undefined
  const door = createServer(inner => {
    const outer = connect(Number(new URL(behind.url).port), '127.0.0.1')
    let sent = ''
    for (const socket of [inner, outer]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    inner.on('close', () => outer.destroy())
    outer.on('close', () => inner.destroy())
    inner.on('data', chunk => {
      sent = String(chunk)
      outer.write(chunk)
    })
    outer.on('data', chunk => {
      if (!swallowed || !sent.includes('once')) return void inner.write(chunk)
      swallowed(sent)
      swallowed = undefined
      inner.destroy()
    })
  })
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    door.close()
  })
  return {
    url: `redis://127.0.0.1:${(door.address() as AddressInfo).port}`,
    /** Resolves to what was sent when the answer to it was thrown away with the connection. */
    swallowAnswer: () =>
      new Promise<string>(resolve => {
        swallowed = resolve
      }),
  }
}

/** A node that is a process. */
async function serve({ url }: Redis): Promise<{ at: Stand; child: ChildProcess }> {
  const command = ['--import', 'tsx', 'cli/main.ts', 'serve', '--redis', url]
  const child = spawn(process.execPath, command, {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return { at: { host: new URL(String(line).trim()).host } as Stand, child }
}
