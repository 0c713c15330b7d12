/** What a node makes of what it missed, with a Redis that is made up. */
import { expect, it, vi } from 'vitest'
import { type Entry, placeOf, writePlace } from '../../server/log/log.ts'
import { createHearing, type Life, type Missed } from '../../server/log/redis-hearing.ts'

const idOf = ({ epoch }: Life, seq: number) => writePlace(placeOf(epoch, seq, 1))
const entry = (life: Life, seq: number, topic: string, text = 'x'): Entry => ({
  id: idOf(life, seq),
  seq,
  topic,
  text,
})
const lifeOf = (epoch: string, top: number): Life => ({ epoch, top, keys: [{ from: 0, key: 1 }] })

/** Follows two topics from the beginning on. */
async function start() {
  const told: string[] = []
  const redis = { life: lifeOf('one', 0), entries: [] as Entry[], asked: 0, read: async () => {} }
  const hearing = createHearing({
    subscribe: async () => {},
    unsubscribe() {},
    newest: async topics => ({ life: redis.life, numbers: topics.map(newestOf) }),
    async after(topic, _, seq): Promise<Missed> {
      redis.asked++
      await redis.read()
      const entries = redis.entries.filter(each => each.topic === topic && each.seq > seq)
      return { life: redis.life, entries, moved: [] }
    },
    idOf,
    tell: ({ topic, seq, id }) => void told.push(`${topic} ${seq} ${id.split('.')[0]}`),
    missed: topics => void told.push(topics ? `missed ${topics}` : 'missed'),
  })
  for (const topic of ['a', 'b']) hearing.follow(topic)
  await hearing.followed(['a', 'b'])
  hearing.look()
  await vi.waitFor(() => expect(told).toEqual(['missed'])) // now it knows where it stands
  told.length = 0
  return { hearing, redis, told, publish }

  function newestOf(topic: string): number {
    return redis.entries.findLast(each => each.topic === topic)?.seq ?? 0
  }

  function publish(topic: string, text?: string): void {
    const seq = redis.life.top + 1
    redis.life = lifeOf(redis.life.epoch, seq)
    redis.entries.push(entry(redis.life, seq, topic, text))
  }
}

it('what was missed in several topics is told in the order in which it was published', async () => {
  const { hearing, told, publish } = await start()
  for (const topic of ['a', 'b', 'a', 'b', 'b', 'a']) publish(topic)
  hearing.look()
  await vi.waitFor(() => expect(told).toHaveLength(6))
  expect(told).toEqual(['a 1 one', 'b 2 one', 'a 3 one', 'b 4 one', 'b 5 one', 'a 6 one'])
})

it('what was published since it was looked comes by its notice, behind what was published before', async () => {
  const { hearing, redis, told, publish } = await start()
  publish('a')
  publish('b')
  redis.read = async () => {
    redis.read = async () => {}
    publish('a')
    hearing.heard({ entry: redis.entries[2] as Entry, before: 1 })
  }
  hearing.look()
  await vi.waitFor(() => expect(told).toHaveLength(3))
  expect(told).toEqual(['a 1 one', 'b 2 one', 'a 3 one'])
})

it('what is read of another life of the log is not told as missed: all read for themselves', async () => {
  const { hearing, redis, told, publish } = await start()
  publish('a')
  publish('b')
  redis.read = async () => {
    redis.life = lifeOf('two', 0)
    redis.entries = []
    publish('a')
    publish('b')
    redis.read = async () => {}
  }
  hearing.look()
  await vi.waitFor(() => expect(redis.asked).toBeGreaterThan(0))
  await vi.waitFor(() => {
    hearing.look()
    expect(told).toContain('missed')
  })
  expect(told).toEqual(['missed'])
})

it('of more than can be held the topics are told, and those who hear them read for themselves', async () => {
  const { hearing, told, publish } = await start()
  publish('a', 'x'.repeat(10))
  publish('b', 'x'.repeat(2 ** 24))
  publish('b')
  publish('a')
  hearing.look()
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(1))
  expect(told).toEqual(['missed b', 'a 1 one', 'a 4 one'])
})
