import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type RedisLogOptions, redisLog } from '../../server/index.ts'
import { until } from './harness.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'
import { openDoor } from './redis-doors.ts'

let redis: Redis
let prefixes = 0

const mine = 'rt.to.aaaaaaaa.one'

describe.skipIf(missingRedis)(`what a log in Redis writes${missingRedis ? ` (${missingRedis})` : ''}`, () => {
  beforeAll(async () => {
    redis = await startRedis('saved')
  })
  afterAll(() => redis.close())

  describe('for a topic that lasts for hours', () => {
    const expire = 7_200_000

    it('lets it end no sooner than it should, and at most a minute later, after each of its messages', async () => {
      const { append, name } = logAt({ expire })
      for (let time = 0; time < 3; time++) {
        const before = await now()
        await append('x')
        const due = await score(name('due'), 'x')
        expect(due).toBeGreaterThanOrEqual(before + expire)
        expect(due).toBeLessThanOrEqual((await now()) + expire + 60_000)
      }
    })

    it('puts the end off once in a minute', async () => {
      const { append, name } = logAt({ expire })
      await append('x')
      const first = await score(name('due'), 'x')
      await append('x')
      expect(await score(name('due'), 'x')).toBe(first)
      await redis.command('HSET', name('log'), 'turned', String((await now()) - 60_000))
      await redis.command('ZADD', name('due'), String(first - 60_000), 'x')
      await append('x')
      expect(await score(name('due'), 'x')).toBeGreaterThanOrEqual(first)
    })

    it('puts it off when somebody has dropped it meanwhile', async () => {
      const { log, append, name } = logAt({ expire })
      await append('x')
      await log.drop('x')
      const before = await now()
      await append('x')
      expect(await score(name('due'), 'x')).toBeGreaterThanOrEqual(before + expire)
    })

    it('goes by what a topic that is kept whole was given', async () => {
      const { log, append, name } = logAt({ expire })
      await append('x')
      await log.append('x', plain, { expire: 5_000 })
      await append('x')
      expect(await score(name('due'), 'x')).toBeLessThanOrEqual((await now()) + 5_000)
    })
  })

  it('forgets what was answered', async () => {
    const { append, name } = logAt({})
    for (let time = 0; time < 200; time++) await append('x')
    const [key = ''] = (await redis.command('KEYS', `${name('kept:')}*`)) as string[]
    expect(await redis.command('HLEN', key)).toBeLessThan(64)
  })

  it('what went together is what it would be one by one, whatever is among it', async () => {
    const prefix = `append-${prefixes++}`
    const { log } = logAt({ prefix, retain: { '*': 3, loud: 50 } })
    const { log: other } = logAt({ prefix, retain: { '*': 3, loud: 50 } })
    const topics = ['a', 'loud', 'whole', 'b', mine, 'a', 'whole', 'rt.to.aaaaaaaa.two', 'loud', 'loud']
    const heard: string[] = []
    other.listen({
      heard: ({ id }) => void heard.push(id),
      moved: () => {},
      missed: () => {},
      failed: () => {},
    })
    for (const topic of new Set(topics)) other.follow?.(topic)
    await other.followed?.([...new Set(topics)])
    const sent = Array.from({ length: 200 }, (_, nth) => topics[nth % topics.length] as string)
    const whole = (topic: string) => (topic === 'whole' ? {} : undefined)
    const entries = await Promise.all(sent.map(async topic => log.append(topic, plain, whole(topic))))

    expect(entries.map(({ seq }) => seq)).toEqual(sent.map((_, nth) => nth + 1))
    expect(entries.map(({ topic }) => topic)).toEqual(sent)
    for (const topic of new Set(topics)) {
      const own = entries.filter(entry => entry.topic === topic).map(({ id }) => id)
      const most = { loud: 50, whole: own.length }[topic] ?? 3
      const past = await other.back(topic, { limit: 1_000 })
      expect(past.entries.map(({ id }) => id)).toEqual(own.slice(-most))
      expect(past.trimmed).toBe(own.length > most)
    }
    await until(() => heard.length === sent.length)
    expect(heard.toSorted()).toEqual(entries.map(({ id }) => id).toSorted())
  })

  describe('for the topics of sessions', { timeout: 60_000 }, () => {
    it.each([
      ['topics in which more came than can be traced', 'loud', 11_000],
      ['sessions in which more came than is read at once', 'rt.to.bbbbbbbb.loud', 3_000],
    ])('says which were missed, also when there are %s', async (_, loud, count) => {
      const { node, append, lose, find } = await missing()
      await append(mine)
      await until(() => node.heard.length === 1)
      await lose()
      await many(append, loud, count)
      const last = await append(mine)
      await find()
      expect(node.heard).toHaveLength(2)
      expect(node.heard[1]).toBe(last.id)
      expect(node.moved).toEqual([])
    })

    it('says which topics are to be read anew, when it is forgotten what was missed', async () => {
      const { node, append, lose, find } = await missing()
      await append(mine)
      await until(() => node.heard.length === 1)
      await lose()
      await append(mine)
      await many(append, 'rt.to.bbbbbbbb.loud', 11_000)
      await find()
      expect(node.heard).toHaveLength(1)
      expect(node.moved).toEqual([mine])
    })

    async function many(
      append: (topic: string) => Promise<unknown>,
      topic: string,
      count: number,
    ): Promise<void> {
      for (let left = count; left > 0; left -= 1_000)
        await Promise.all(Array.from({ length: 1_000 }, () => append(topic)))
    }

    /** A node that hears of `mine`, until its notices are lost. */
    async function missing() {
      const door = await openDoor(redis)
      const prefix = `append-${prefixes++}`
      const { append } = logAt({ prefix, patience: 20_000 })
      const { log } = logAt({ prefix, patience: 20_000, check: 60_000, url: door.url })
      const node = { heard: [] as string[], moved: [] as string[] }
      let found = false
      log.listen({
        heard: ({ id }) => {
          node.heard.push(id)
          found = true
        },
        moved: topics => {
          node.moved.push(...topics)
          found = true
        },
        missed: () => {},
        failed: () => {},
      })
      log.follow?.(mine)
      await log.followed?.([mine])
      return {
        node,
        append,
        async lose() {
          found = false
          door.freeze(sent => sent.includes('subscribe'))
        },
        async find() {
          await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
          await until(() => found)
        },
      }
    }
  })
})

const plain = { event: undefined, data: 'x', encoding: undefined }

function logAt(options: RedisLogOptions) {
  const { prefix = `append-${prefixes++}` } = options
  const log = redisLog({ url: redis.url, ...options, prefix })
  onTestFinished(() => log.close())
  return {
    log,
    append: async (topic: string) => log.append(topic, plain),
    name: (rest: string) => `{${prefix}}:${rest}`,
  }
}

async function now(): Promise<number> {
  const [seconds, micros] = (await redis.command('TIME')) as [string, string]
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
}

async function score(key: string, topic: string): Promise<number> {
  return Number(await redis.command('ZSCORE', key, topic))
}
