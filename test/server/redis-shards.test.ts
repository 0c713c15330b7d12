/** A log in shards, which all primaries of a Redis Cluster have a share of. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { slotOf, tagsOf } from '../../server/log/redis-slots.ts'
import { missingRedis } from './redis.ts'
import { type Cluster, type Member, replication, startCluster } from './redis-groups.ts'
import { append, freshPrefix, logAt } from './redis-nodes.ts'
import { type Course, spreadRun, topics } from './spread-nodes.ts'

describe('the texts that decide on slots', () => {
  it('have the slots that the specification of Redis Cluster says', () => {
    expect(slotOf('123456789')).toBe(0x31c3)
    expect(slotOf('')).toBe(0)
  })

  it.each([1, 2, 3, 4, 6, 12])('are shared evenly by %i primaries that share the slots evenly', primaries => {
    const shares = new Array<number>(primaries).fill(0)
    for (const tag of tagsOf('throughline', 12)) {
      const primary = Math.floor((slotOf(tag) / 16_384) * primaries)
      shares[primary] = (shares[primary] ?? 0) + 1
    }
    expect(new Set(shares)).toEqual(new Set([12 / primaries]))
  })

  it('are the same on all nodes and in all releases', () => {
    expect(tagsOf('throughline', 4)).toMatchInlineSnapshot(`
      [
        "throughline:11",
        "throughline:10",
        "throughline:13",
        "throughline:12",
      ]
    `)
    expect(new Set(tagsOf('한', 1_024)).size).toBe(1_024)
  })
})

const here = `a log in shards over a Redis Cluster of six${missingRedis ? ` (${missingRedis})` : ''}`

describe.skipIf(missingRedis)(here, { timeout: 180_000 }, () => {
  let cluster: Cluster
  let nodes: string[]
  beforeAll(async () => {
    cluster = await startCluster()
    nodes = cluster.nodes.map(({ url }) => url)
  }, 180_000)
  afterAll(() => cluster?.close())

  /** The primary of each shard, as it is now. */
  async function primariesOf(prefix: string): Promise<Member[]> {
    const found = tagsOf(prefix, 12).map(tag => cluster.primaries(`{${tag}}:log`))
    return (await Promise.all(found)).map(([primary]) => primary as Member)
  }

  it('is shared by all primaries, and what is published in a slot is carried to no node without it', async () => {
    const prefix = freshPrefix()
    const primaries = await primariesOf(prefix)
    for (const node of cluster.nodes) await node.command('CONFIG', 'RESETSTAT')
    const log = logAt({ cluster: { nodes }, prefix })
    for (const topic of topics) log.follow?.(topic)
    await log.followed?.(topics)
    const heard: string[] = []
    log.listen({ heard: ({ topic }) => void heard.push(topic), missed() {}, failed() {} })
    await Promise.all(topics.map(topic => append(log, 'x', topic)))
    await vi.waitFor(() => expect(heard.toSorted()).toEqual(topics.toSorted()), { timeout: 30_000 })
    for (const primary of new Set(primaries)) {
      expect(primaries.filter(each => each === primary)).toHaveLength(4)
      const own = topics.filter(topic => primaries[log.spaces?.of(topic) as number] === primary)
      const stats = String(await primary.command('INFO', 'commandstats'))
      expect(Number(/^cmdstat_spublish:calls=(\d+)/m.exec(stats)?.[1])).toBe(own.length)
      expect(stats).not.toContain('cmdstat_publish:')
      expect(
        Number(
          /cluster_stats_messages_publish_sent:(\d+)/.exec(
            String(await primary.command('CLUSTER', 'INFO')),
          )?.[1] ?? 0,
        ),
      ).toBe(0)
    }
  })

  it('loses nothing when the slot of one shard moves, and the others go on meanwhile', async () => {
    const prefix = freshPrefix()
    const [tag] = tagsOf(prefix, 12) as [string]
    const key = `{${tag}}:log`
    const [from, to] = (await cluster.primaries(key)) as [Member, Member]
    const { lost, gaps } = await spreadRun({ cluster: { nodes }, prefix }, async run => {
      const slot = String(slotOf(tag))
      const [here, there] = await Promise.all([from, to].map(each => each.command('CLUSTER', 'MYID')))
      await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(here))
      await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(there))
      await run.acknowledges(5, ({ space }) => space !== 0)
      for (;;) {
        const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '10')) as string[]
        if (keys.length === 0) break
        await from.command('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys)
      }
      for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(there))
    })
    expect([lost, gaps]).toEqual([[], []])
    expect((await primariesOf(prefix))[0]).toBe(to)
  })

  it('loses nothing when one of its primaries becomes a replica', async () => {
    const prefix = freshPrefix()
    const [primary] = (await primariesOf(prefix)) as [Member]
    const replica = await cluster.replicaOf(primary)
    const { lost, gaps } = await spreadRun({ cluster: { nodes }, prefix }, async () => {
      await replica.command('CLUSTER', 'FAILOVER')
      const isDone = async () => expect(await replication(replica)).toContain('role:master')
      await vi.waitFor(isDone, { timeout: 60_000, interval: 20 })
    })
    expect([lost, gaps]).toEqual([[], []]) // this failover waits for the replica
  })

  it('goes on in the shards of the others when a primary is killed, and tells of a gap in its own alone', async () => {
    const prefix = freshPrefix()
    const primaries = await primariesOf(prefix)
    const [primary] = primaries as [Member]
    const isIts = ({ space }: Course) => primaries[space] === primary
    const { lost, gaps, courses } = await spreadRun({ cluster: { nodes }, prefix }, async run => {
      await primary.signal('SIGKILL')
      await run.acknowledges(30, course => !isIts(course))
      await run.acknowledges(5, isIts)
    })
    const own = courses.filter(isIts).map(({ topic }) => topic)
    expect(own.length).toBeGreaterThan(5)
    expect(own).toEqual(expect.arrayContaining(lost))
    expect(own).toEqual(expect.arrayContaining(gaps))
  })
})
