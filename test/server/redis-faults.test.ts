import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type HubOptions, type Log, type RedisLogOptions, redisLog } from '../../server/index.ts'
import { address, ask, type Ear, listen, message, post, type Stand, stand, until, wait } from './harness.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'
import { openDoor } from './redis-doors.ts'

let redis: Redis
let prefixes = 0
const freshPrefix = () => `fault-${prefixes++}`
const numbers = (count: number, first = 1) => Array.from({ length: count }, (_, n) => String(first + n))
const here = `a log in Redis${missingRedis ? ` (${missingRedis})` : ''}`
/** Short, so that no test waits for long for what never comes; on a busy machine what comes may need more than one try. */
const quick = { patience: 1_000, check: 50 }
/** For what does come, however busy the machine is. */
const patient = { patience: 30_000, check: 50 }

describe.skipIf(missingRedis)(here, { timeout: 180_000 }, () => {
  beforeAll(async () => {
    redis = await startRedis('saved')
  })
  afterAll(() => redis.close())

  describe('whose connections lead nowhere, while new ones would get through', () => {
    it('connects anew, publishes again, and open lines hear on', async () => {
      const door = await openDoor(redis)
      const prefix = freshPrefix()
      const { at } = await nodeAt({ url: door.url, prefix, ...quick })
      const other = await nodeAt({ prefix, ...patient })
      const ear = listen(at, 'websocket')
      await ear.opened()
      await other.at.hub.publish('x', 'before')
      // A line that has not come to the present yet ends with its read, and its client comes again: that is another case.
      expect(await ear.messages(1)).toEqual(['before'])
      door.freeze()
      expect(await insist(at, 'after')).toMatch(/\./)
      expect(await ear.messages(1)).toEqual(['after'])
    })

    it.each([
      ['for commands', (sent: string) => sent.includes('EVALSHA')],
      ['that hears', (sent: string) => sent.includes('subscribe')],
    ])('notices it of the one %s alone, though nobody publishes', async (_, which) => {
      const door = await openDoor(redis)
      const prefix = freshPrefix()
      const { at } = await nodeAt({ url: door.url, prefix, ...quick })
      const other = await nodeAt({ prefix, ...quick })
      const ear = listen(at, 'websocket')
      await ear.opened()
      await insist(other.at, '1')
      expect(await ear.messages(1)).toEqual(['1'])
      const before = door.visits
      door.freeze(which)
      await until(() => door.visits >= before + 2)
      await insist(other.at, '2')
      expect(await ear.messages(1)).toEqual(['2'])
    })

    it('can be closed all the same', async () => {
      const door = await openDoor(redis)
      const { log } = await nodeAt({ url: door.url, ...quick })
      await vi.waitFor(() => Promise.all(append(log, ['before'])), { timeout: 30_000 })
      door.freeze()
      const refused = expect(append(log, ['never answered'])[0]).rejects.toThrow()
      await log.close()
      await refused
    })

    it('connects anew also when the process was told nothing for the time of a handshake', async () => {
      const door = await openDoor(redis)
      door.answer = () => '' // takes everything, says nothing
      const { at, failures } = await nodeAt({ url: door.url, ...quick })
      await until(() => failures.length > 0)
      door.answer = () => undefined
      expect(await insist(at, 'at last')).toMatch(/\./)
    })
  })

  describe('whose address leads to another Redis since', () => {
    it('goes there when the one it is connected to has become a replica', async () => {
      const [old, next] = [await ownRedis(), await ownRedis()]
      const door = await openDoor(old)
      const { at } = await nodeAt({ url: door.url, ...quick })
      await insist(at, '1')
      door.leadTo(portOf(next))
      await old.command('REPLICAOF', '127.0.0.1', String(portOf(next)))
      expect(await insist(at, '2')).toMatch(/\./)
    })

    it('is not ready at a replica, and says so once', async () => {
      const [primary, replica] = [await ownRedis(), await ownRedis()]
      await replica.command('REPLICAOF', '127.0.0.1', String(portOf(primary)))
      const { at, log, failures } = await nodeAt({ url: replica.url, ...quick })
      await until(() => failures.length > 0)
      expect(log.ready).toBe(false)
      await expect(at.hub.publish('x', '1')).rejects.toThrow(/READONLY|MASTERDOWN|LOADING/)
      expect(failures).toHaveLength(1)
      await replica.command('REPLICAOF', 'NO', 'ONE')
      expect(await insist(at, '2')).toMatch(/\./)
    })

    it('is not ready at a replica that can be written to', async () => {
      const [primary, replica] = [await ownRedis(), await ownRedis()]
      await replica.command('CONFIG', 'SET', 'replica-read-only', 'no')
      await replica.command('REPLICAOF', '127.0.0.1', String(portOf(primary)))
      const { at, log, failures } = await nodeAt({ url: replica.url, ...quick })
      await until(() => failures.length > 0)
      expect(log.ready).toBe(false)
      await expect(at.hub.publish('x', '1')).rejects.toThrow(/it is a (replica|slave)|MASTERDOWN|LOADING/)
    })

    it.each(['MOVED 1234 ', 'MOVED 1234 127.0.0.1'])(
      'follows %j, which a node of a cluster says',
      async moved => {
        const next = await ownRedis()
        const door = await openDoor(redis)
        const { at } = await nodeAt({ url: door.url, ...patient })
        await insist(at, '1')
        const port = portOf(next)
        door.answer = sent => (sent.includes('EVALSHA') ? `-${moved}:${port}\r\n` : undefined)
        expect(await insist(at, '2')).toMatch(/\.1\./) // the first that the other keeps
      },
    )

    it.each([
      'LOADING Redis is loading',
      'MASTERDOWN Link with MASTER is down',
      'CLUSTERDOWN down',
      'BUSY Redis',
    ])('tries again with growing pauses while it says %s', async said => {
      const door = await openDoor(redis)
      const { at, failures } = await nodeAt({ url: door.url, ...quick })
      await insist(at, '1')
      door.answer = sent => (sent.includes('EVALSHA') ? `-${said}\r\n` : undefined)
      const before = door.visits
      await until(() => failures.length > 0)
      await expect(at.hub.publish('x', 'now')).rejects.toThrow(said)
      expect(failures).toHaveLength(1)
      expect(door.visits - before).toBeLessThan(2 * 12)
      door.answer = () => undefined
      expect(await insist(at, '2')).toMatch(/\./)
    })

    it('is told the scripts again by whom they were taken', async () => {
      const own = await ownRedis()
      const { at } = await nodeAt({ url: own.url, ...patient })
      await insist(at, '1')
      await own.command('SCRIPT', 'FLUSH')
      expect(await at.hub.publish('x', '2')).toMatch(/\.2\./)
    })
  })

  describe('whose user may not do everything', () => {
    it.each([
      ['has no right to the channel', ['allcommands', 'allkeys', 'resetchannels'], /NOPERM/],
      ['has no right to one command', ['allcommands', '-xadd', 'allkeys', 'allchannels'], /XADD/],
      ['has no right to its keys', ['allcommands', '~other:*', 'allchannels'], /NOPERM/],
    ])('that %s is not ready, says so, keeps nothing, and works once it may', async (_, rights, why) => {
      const own = await ownRedis()
      const url = await user(own, rights)
      const prefix = freshPrefix()
      const { at, log, failures } = await nodeAt({ url, prefix, ...quick })
      const other = await nodeAt({ url: own.url, prefix, ...patient })
      await until(() => failures.length > 0)
      expect(log.ready).toBe(false)
      expect(failures).toEqual([expect.stringMatching(why)])
      await expect(at.hub.publish('x', 'refused')).rejects.toThrow(why)
      await own.command('ACL', 'SETUSER', 'app', 'allcommands', 'allkeys', 'allchannels')
      expect(await other.at.hub.publish('x', 'kept')).toMatch(/\.1\./)
      expect(await insist(at, 'kept too')).toMatch(/\./)
    })

    it('that may do what docs/growing.md names works', async () => {
      const own = await ownRedis()
      const docs = await readFile('docs/growing.md', 'utf8')
      const [, rights = ''] = /ACL SETUSER live on >secret ([^`]*)`/.exec(docs) ?? []
      const { at, failures } = await nodeAt({
        url: await user(own, rights.split(' ')),
        prefix: 'throughline',
        ...patient,
      })
      const ear = listen(at, 'websocket')
      await ear.opened()
      const first = await insist(at, '1')
      await at.hub.publish('gone', '2')
      await at.hub.drop('gone')
      expect(await ear.messages(1)).toEqual(['1'])
      const late = listen(at, 'websocket', { topic: 'gone', 'rt.id': first })
      await late.next('rt.gap')
      expect(failures).toEqual([])
    })

    it('loses its right to the channel on the way: what was kept is not refused, and is heard', async () => {
      const own = await ownRedis()
      const door = await openDoor(own)
      const url = (await user(own, ['allcommands', 'allkeys', 'allchannels'])).replace(
        /:\d+$/,
        `:${door.port}`,
      )
      const prefix = freshPrefix()
      const { log } = await nodeAt({ url, prefix, patience: 20_000 })
      const other = await nodeAt({ url: own.url, prefix, ...patient })
      const ear = listen(other.at, 'websocket')
      await ear.opened()
      await Promise.all(append(log, ['1']))
      await ear.messages(1)
      door.freeze(sent => sent.includes('subscribe')) // Redis cuts who hears what it may not: this node is not told yet
      await own.command('ACL', 'SETUSER', 'app', 'resetchannels')
      await Promise.all(append(log, ['2', '3']))
      expect(await ear.messages(2)).toEqual(['2', '3'])
    })

    it('that may not ask INFO works, and it is said once what is not known', async () => {
      const own = await ownRedis()
      const url = await user(own, ['allcommands', '-info', 'allkeys', 'allchannels'])
      const { at, failures } = await nodeAt({ url, ...patient })
      const ear = listen(at, 'websocket')
      await ear.opened()
      await at.hub.publish('x', '1')
      expect(await ear.messages(1)).toEqual(['1'])
      await wait(patient.check * 4)
      expect(failures).toEqual([expect.stringMatching(/maxmemory-policy.*NOPERM.*noeviction/)])
    })

    it('that may not ask INFO is told of a Redis that came back without its last messages', async () => {
      const own = await ownRedis('saved')
      const url = await user(own, ['allcommands', '-info', '-acl', 'allkeys', 'allchannels'])
      const { log } = await nodeAt({ url, ...patient })
      await Promise.all(append(log, numbers(3)))
      await own.command('SAVE')
      const lost = await Promise.all(append(log, ['4']))
      await own.stop()
      await own.start()
      await user(own, ['allcommands', '-info', 'allkeys', 'allchannels'])
      await until(() => log.ready === true)
      await vi.waitFor(() => Promise.all(append(log, ['4 anew'])), { timeout: 20_000 })
      expect(await log.after(lost[0], ['x'])).toMatchObject({ gap: { reason: 'rollback' } })
    })
  })

  describe('whose Redis', () => {
    it('is told to throw messages away while it runs, is not ready and says so, until it is mended', async () => {
      const own = await ownRedis()
      const { at, log, failures } = await nodeAt({ url: own.url, ...patient })
      await insist(at, '1')
      await own.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
      await until(() => failures.length > 0)
      expect(failures[0]).toContain('maxmemory-policy allkeys-lru')
      expect(log.ready).toBe(false)
      await own.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      expect(await insist(at, '2')).toMatch(/\.2\./)
    })

    it('is full, can be emptied by drop, and tells what it refuses', async () => {
      const own = await ownRedis()
      const { at, log } = await nodeAt({ url: own.url, ...patient })
      const topics = numbers(50).map(n => `order:${n}`)
      await Promise.all(topics.map(topic => at.hub.publish(topic, 'x'.repeat(1_000))))
      await own.command('CONFIG', 'SET', 'maxmemory', '1')
      await expect(at.hub.publish('x', 'more')).rejects.toThrow(/Redis refused: .*OOM/)
      await Promise.all(topics.map(topic => at.hub.drop(topic)))
      const left = (await own.command('KEYS', '*topic:order:*')) as string[]
      expect(left).toEqual([])
      await own.command('CONFIG', 'SET', 'maxmemory', '0')
      expect(await at.hub.publish('x', 'again')).toMatch(/\.51\./)
      expect(log.ready).toBe(true)
    })

    it('is full and was started anew, is ready all the same', async () => {
      const own = await ownRedis()
      const prefix = freshPrefix()
      const before = await nodeAt({ url: own.url, prefix, ...patient })
      await insist(before.at, 'kept')
      await before.log.close()
      await own.stop()
      await own.start()
      await own.command('CONFIG', 'SET', 'maxmemory', '1')
      const { at } = await nodeAt({ url: own.url, prefix, ...patient })
      await vi.waitFor(() => at.hub.drop('x'), { timeout: 20_000 })
      expect(await own.command('KEYS', '*topic:x')).toEqual([])
    })

    it('is away, refuses newcomers with 503 and Retry-After, keeps who is there, and takes what they send', async () => {
      const own = await ownRedis()
      const { at, failures } = await nodeAt({ url: own.url, ...patient })
      const ear = listen(at, 'websocket')
      const { session } = await ear.opened()
      await own.stop()
      await until(() => failures.length > 0)
      for (const via of ['xhr-streaming', 'long-polling'] as const) {
        const { status, headers } = await ask(address(at, { 'rt.via': via, 'rt.n': 0 }))
        expect(status).toBe(503)
        expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      }
      expect((await ask(address(at, { 'rt.via': 'eventsource' }))).text).toContain('503')
      expect((await post(at, session, message(1))).status).toBe(200)
      expect(failures).toHaveLength(1)
      await own.start()
      await insist(at, 'back')
      expect(await ear.messages(1)).toEqual(['back'])
      await listen(at, 'xhr-streaming').opened()
    })
  })

  describe('that is read by many', () => {
    it('sends to a reader of many topics what the reader gets, once', async () => {
      const own = await ownRedis()
      const { log } = await nodeAt({ url: own.url })
      const topics = numbers(60).map(n => `t${n}`)
      const text = 'x'.repeat(2_000)
      const [start] = await Promise.all(append(log, ['start']))
      for (let round = 0; round < 40; round++)
        await Promise.all(topics.map(topic => log.append(topic, { ...plain, data: text })))
      const before = await sentBy(own)
      let bytes = 0
      let count = 0
      for (let cursor = start, more = true; more; ) {
        const history = await log.after(cursor, topics)
        count += history.entries.length
        bytes += history.entries.reduce((sum, entry) => sum + entry.text.length, 0)
        cursor = history.entries.at(-1)?.id ?? cursor
        more = history.more
      }
      expect(count).toBe(60 * 40)
      expect((await sentBy(own)) - before).toBeLessThan(bytes * 1.5)
    })

    it('lets nobody wait for a reader of topics with large messages: no script reads much more than a page', async () => {
      const own = await ownRedis()
      const { log } = await nodeAt({ url: own.url })
      const topics = numbers(20).map(n => `t${n}`)
      const large = { ...plain, data: 'x'.repeat(600_000) }
      const [start] = await Promise.all(append(log, ['start']))
      for (const topic of topics) for (let n = 0; n < 3; n++) await log.append(topic, large)
      await own.command('CONFIG', 'RESETSTAT')
      const seen: number[] = []
      for (let cursor = start, more = true; more; ) {
        const history = await log.after(cursor, topics)
        seen.push(...history.entries.map(entry => entry.seq))
        cursor = history.entries.at(-1)?.id ?? cursor
        more = history.more
      }
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(seen).toHaveLength(60)
      // Each message is looked at twice at most, and each topic's end once more.
      expect(await callsOf(own, 'xrange')).toBeLessThan(60 * 2 + 20 * 3 + 60)
    })

    it('asks once what many ask at the same time', async () => {
      const own = await ownRedis()
      const { log } = await nodeAt({ url: own.url, check: 60_000 })
      const [start] = await Promise.all(append(log, ['start', '1']))
      await own.command('CONFIG', 'RESETSTAT')
      const all = await Promise.all(Array.from({ length: 500 }, () => log.after(start, ['x'])))
      expect(all.every(({ entries }) => entries.length === 1)).toBe(true)
      expect(await callsOf(own, 'evalsha')).toBeLessThan(20)
    })
  })

  describe('of which a node missed so much that it cannot be told one by one', () => {
    it.each([
      ['more of one topic than is kept', 9],
      ['more than can be traced', 10_050],
    ])('%s, lets only those read anew who hear it', async (_, count) => {
      const door = await openDoor(redis)
      const prefix = freshPrefix()
      const options = { prefix, retain: 2, patience: 20_000, check: 60_000 }
      const { at, log, asked } = await nodeAt({ ...options, url: door.url })
      const { log: other } = await nodeAt(options)
      const [quiet, loud, still] = ['quiet', 'loud', 'still'].map(topic =>
        listen(at, 'websocket', { topic }),
      ) as [Ear, Ear, Ear]
      await Promise.all([quiet.opened(), loud.opened(), still.opened()])
      await Promise.all(append(other, ['first'], 'loud'))
      await Promise.all(append(other, ['first'], 'quiet'))
      await Promise.all([loud.messages(1), quiet.messages(1)])
      asked.length = 0
      door.freeze(sent => sent.includes('subscribe')) // its notices are lost
      for (let left = count; left > 0; left -= 1_000)
        await Promise.all(append(other, numbers(Math.min(left, 1_000)), 'loud'))
      await Promise.all(append(log, ['last'], 'quiet')) // its own notice is lost, too
      await at.hub.publish('quiet', 'very last')
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await loud.next('rt.gap')
      expect(await quiet.messages(2)).toEqual(['last', 'very last'])
      expect(quiet.blocks.some(block => block.event === 'rt.gap')).toBe(false)
      expect(asked.flat()).toContain('loud')
      expect(asked.flat()).not.toContain('still')
    })
  })
})

const plain = { event: undefined, data: 'x', encoding: undefined }

interface Node {
  at: Stand
  log: ReturnType<typeof redisLog>
  /** What `error` told. */
  failures: string[]
  /** The topics of each reading. */
  asked: (readonly string[])[]
}

async function nodeAt(options: RedisLogOptions, hubOptions: HubOptions = {}): Promise<Node> {
  const log = redisLog({ url: redis.url, prefix: freshPrefix(), ...options })
  onTestFinished(() => log.close())
  const asked: (readonly string[])[] = []
  const watched: Log = {
    ...log,
    after(cursor, topics) {
      asked.push(topics)
      return log.after(cursor, topics)
    },
  }
  Object.defineProperty(watched, 'ready', { get: () => log.ready })
  const at = await stand({ ...hubOptions, log: watched })
  const failures: string[] = []
  at.hub.on('error', error => void failures.push(String(error)))
  return { at, log, failures, asked }
}

/** Publishes until it is kept: what is asked while a connection is found to be dead may fail. */
async function insist({ hub }: Stand, data: string): Promise<string> {
  return vi.waitFor(() => hub.publish('x', data), { timeout: 30_000, interval: 20 })
}

function append(log: Log, all: string[], topic = 'x'): Promise<string>[] {
  return all.map(async data => (await log.append(topic, { ...plain, data })).id)
}

async function ownRedis(keeping?: 'durable' | 'saved'): Promise<Redis> {
  const own = await startRedis(keeping)
  onTestFinished(() => own.close())
  return own
}

/** The URL of a user with these rights. */
async function user(own: Redis, rights: string[]): Promise<string> {
  await own.command('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rights)
  return own.url.replace('//', '//app:secret@')
}

function portOf({ url }: Redis): number {
  return Number(new URL(url).port)
}

/** Bytes that Redis has sent. */
async function sentBy(own: Redis): Promise<number> {
  const info = String(await own.command('INFO', 'stats'))
  return Number(/^total_net_output_bytes:(\d+)/m.exec(info)?.[1])
}

async function callsOf(own: Redis, command: string): Promise<number> {
  const info = String(await own.command('INFO', 'commandstats'))
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0)
}
