import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { spreadLog } from '../../server/index.ts'
import { stand, until } from './harness.ts'
import { logContract } from './log-contract.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'
import { append, freshPrefix, logAt } from './redis-nodes.ts'
import { type Course, spreadRun, topics } from './spread-nodes.ts'

const here = `a log that is spread over three Redises${missingRedis ? ` (${missingRedis})` : ''}`

async function startThree(keeping: 'durable' | 'saved'): Promise<Redis[]> {
  const all = await Promise.all([0, 1, 2].map(() => startRedis(keeping)))
  onTestFinished(async () => {
    await Promise.all(all.map(redis => redis.close()))
  })
  return all
}

const isIn = (space: number) => (course: Course) => course.space === space
const isNotIn = (space: number) => (course: Course) => course.space !== space

describe.skipIf(missingRedis)(here, { timeout: 180_000 }, () => {
  it('has a share of the topics in each, and what nodes tell each other in the first', async () => {
    const redises = await startThree('saved')
    const url = redises.map(redis => redis.url)
    const prefix = freshPrefix()
    const [one, other] = [logAt({ url, prefix }), logAt({ url, prefix })]
    for (const log of [one, other]) await Promise.all(topics.map(topic => append(log, 'x', topic)))
    for (const [space, redis] of redises.entries()) {
      const keys = (await redis.command('KEYS', `{${prefix}}:topic:room:*`)) as string[]
      const own = topics.filter(topic => one.spaces?.of(topic) === space)
      expect(keys.map(key => key.split(':topic:')[1]).toSorted()).toEqual(own.toSorted())
      expect(own.length).toBeGreaterThan(5)
    }
    const hubs = [await stand({ log: one }), await stand({ log: other })].map(({ hub }) => hub)
    await until(() => hubs.every(hub => hub.stats().nodes === 2))
    const registered = await Promise.all(
      redises.map(redis => redis.command('KEYS', `{${prefix}}:registry:*`) as Promise<string[]>),
    )
    expect(registered.map(keys => keys.length > 0)).toEqual([true, false, false])
  })

  it('is the same as one that is made of three by hand', async () => {
    const url = (await startThree('saved')).map(redis => redis.url)
    const prefix = freshPrefix()
    const log = logAt({ url, prefix })
    const byHand = spreadLog(url.map(each => logAt({ url: each, prefix })))
    const ids = await Promise.all(topics.map(topic => append(log, 'x', topic)))
    for (const [n, topic] of topics.entries())
      expect((await byHand.back(topic, { limit: 5 })).entries.map(({ id }) => id)).toEqual([ids[n]])
  })

  it('keeps publishing in the topics of two when the third is stopped, and is exact in all when it is back', async () => {
    const redises = await startThree('durable')
    const url = redises.map(redis => redis.url)
    const dead = 1
    const { lost, gaps, courses } = await spreadRun({ url, prefix: freshPrefix() }, async run => {
      await redises[dead]?.stop()
      await until(() => run.log.spaces?.isReady(dead) === false)
      const before = run.courses.filter(isIn(dead)).map(({ acknowledged }) => acknowledged.length)
      await run.acknowledges(100, isNotIn(dead))
      const after = run.courses.filter(isIn(dead)).map(({ acknowledged }) => acknowledged.length)
      expect(after).toEqual(before)
      expect(run.log.ready).toBe(true)
      await redises[dead]?.start()
      await run.acknowledges(5, isIn(dead))
    })
    expect(lost).toEqual([])
    expect(gaps).toEqual([])
    expect(courses.filter(isIn(dead)).length).toBeGreaterThan(5)
  })

  it('tells of a gap in the topics of the one that has lost what it had, and in no others', async () => {
    const redises = await startThree('saved')
    const url = redises.map(redis => redis.url)
    const dead = 2
    const { lost, gaps, courses } = await spreadRun({ url, prefix: freshPrefix() }, async run => {
      await redises[dead]?.stop()
      await redises[dead]?.start()
      await run.acknowledges(5, isIn(dead))
    })
    const concerned = courses.filter(isIn(dead)).map(({ topic }) => topic)
    expect(lost).toEqual(concerned)
    expect(gaps).toEqual(concerned)
  })
})

describe.skipIf(missingRedis)(`${here} keeps the contract`, { timeout: 60_000 }, () => {
  let redises: Redis[] = []
  beforeAll(async () => {
    redises = await Promise.all([0, 1, 2].map(() => startRedis('saved')))
  })
  afterAll(async () => {
    await Promise.all(redises.map(redis => redis.close()))
  })

  logContract({ make: options => logAt({ url: redises.map(({ url }) => url), ...options }), histories: 10 })
})
