import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from './harness.ts'
import { logContract } from './log-contract.ts'
import { missingRedis } from './redis.ts'
import { openDoor } from './redis-doors.ts'
import { type Cluster, type Member, replication, startCluster } from './redis-groups.ts'
import { append, freshPrefix, insist, logAt, nodeAt, patient, quick, survives } from './redis-nodes.ts'

const here = `a log in a Redis Cluster of six${missingRedis ? ` (${missingRedis})` : ''}`

describe.skipIf(missingRedis)(here, { timeout: 180_000 }, () => {
  let cluster: Cluster
  let nodes: string[]
  beforeAll(async () => {
    cluster = await startCluster()
    nodes = cluster.nodes.map(({ url }) => url)
  }, 180_000)
  afterAll(() => cluster?.close())

  describe.each([1, 3])('in shards: %i', shards => {
    logContract({ make: options => logAt({ cluster: { nodes }, shards, ...options }), histories: 5 })
  })

  it('is found from any one node, a replica too', async () => {
    const prefix = freshPrefix()
    for (const [n, node] of nodes.entries())
      expect(await append(logAt({ cluster: { nodes: [{ url: node }] }, shards: 1, prefix }), 'x')).toContain(
        `.${n + 1}.`,
      )
  })

  it('is found though the first that is asked does not answer, and another refuses', async () => {
    const door = await openDoor({ url: nodes[0] ?? '' })
    door.answer = () => '' // takes everything, says nothing
    const log = logAt({ cluster: { nodes: [door.url, 'redis://127.0.0.1:1', nodes[1] ?? ''] } })
    expect(await append(log, 'x')).toMatch(/\.1\./)
    expect(door.visits).toBeGreaterThan(0)
  })

  it('uses the user and the password of the address on all nodes, with the rights that docs/growing.md names', async () => {
    const docs = await readFile('docs/growing.md', 'utf8')
    const [, rights = ''] = /ACL SETUSER live on >secret ([^`]*)`/.exec(docs) ?? []
    const [, more = ''] = /In a cluster it needs `([^`]*)`/.exec(docs) ?? []
    const words = `${rights} ${more}`.replaceAll('throughline', 'way-*').split(' ')
    for (const node of cluster.nodes)
      await node.command('ACL', 'SETUSER', 'live', 'reset', 'on', '>secret', ...words)
    const { log, failures } = await nodeAt({
      cluster: { nodes: nodes.map(node => node.replace('//', '//live:secret@')) },
    })
    expect(await append(log, 'x')).toMatch(/\.1\./)
    expect(failures).toEqual([])
  })

  it('says so once when no node answers', async () => {
    const { log, failures } = await nodeAt({
      cluster: { nodes: ['redis://:secret@127.0.0.1:1', 'redis://127.0.0.1:2'] },
      shards: 1,
      ...quick,
    })
    await until(() => failures.length > 0)
    expect(failures).toEqual([
      expect.stringMatching(
        /out of reach for \d+ ms: nobody says where the primary is \(.*ECONNREFUSED.*; .*ECONNREFUSED/,
      ),
    ])
    expect(failures[0]).not.toContain('secret')
    expect(log.ready).toBe(false)
  })

  it('answers nobody for longer than patience while the way to its primary leads nowhere, and says so once', async () => {
    const prefix = freshPrefix()
    const [primary] = (await cluster.primaries(`{${prefix}}:log`)) as [Member]
    const door = await openDoor(primary)
    const nat = (address: string) =>
      address === `127.0.0.1:${primary.port}` ? { host: '127.0.0.1', port: door.port } : undefined
    const others = nodes.filter(node => node !== primary.url)
    const { log, failures } = await nodeAt({ cluster: { nodes: others, nat }, shards: 1, prefix, ...quick })
    await insist(log, 'before')
    door.answer = () => ''
    door.freeze()
    await expect(append(log, 'meanwhile')).rejects.toThrow(/did not answer within 1000 ms/)
    await until(() => failures.length > 0)
    expect(failures).toEqual([expect.stringMatching(/Redis is out of reach for \d+ ms/)])
    door.answer = () => undefined
    await insist(log, 'after')
  })

  describe('loses and doubles nothing of which no gap tells', () => {
    it('when its slot moves to another node, by ASK, TRYAGAIN and MOVED', async () => {
      const prefix = freshPrefix()
      const key = `{${prefix}}:log`
      const [from, to] = (await cluster.primaries(key)) as [Member, Member]
      await from.command('CONFIG', 'RESETSTAT')
      const { lost } = await survives({ cluster: { nodes }, shards: 1, prefix, ...patient }, async () => {
        const slot = String(await from.command('CLUSTER', 'KEYSLOT', key))
        const [here, there] = await Promise.all([from, to].map(each => each.command('CLUSTER', 'MYID')))
        await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(here))
        await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(there))
        await refusals(from, 'TRYAGAIN', 1)
        for (;;) {
          const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '10')) as string[]
          if (keys.length === 0) break
          const way = ['127.0.0.1', String(to.port), '', '0', '5000']
          await from.command('MIGRATE', ...way, 'KEYS', ...keys)
        }
        await refusals(from, 'ASK', 1)
        for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(there))
      })
      expect(lost).toBe(0)
      expect((await cluster.primaries(key))[0]).toBe(to)
    })

    it('when its primary becomes a replica and keeps its connections', async () => {
      const prefix = freshPrefix()
      const [primary] = (await cluster.primaries(`{${prefix}}:log`)) as [Member]
      const replica = await cluster.replicaOf(primary)
      // The node tells those who hear that the slot is not its own any more, or says MOVED to those who ask.
      const { lost } = await survives({ cluster: { nodes }, shards: 1, prefix, ...patient }, async () => {
        await replica.command('CLUSTER', 'FAILOVER')
        const isDone = async () => expect(await replication(replica)).toContain('role:master')
        await vi.waitFor(isDone, { timeout: 60_000, interval: 20 })
      })
      expect(lost).toBe(0) // this failover waits for the replica
      expect(await replication(primary)).toContain('role:slave')
    })

    it('when its primary falls silent and keeps its connections, and comes back as a replica', async () => {
      const prefix = freshPrefix()
      const [primary] = (await cluster.primaries(`{${prefix}}:log`)) as [Member]
      await survives({ cluster: { nodes }, shards: 1, prefix, patience: 3_000, check: 50 }, () =>
        primary.signal('SIGSTOP'),
      )
      await primary.signal('SIGCONT')
      const isBack = async () => expect(await replication(primary)).toContain('master_link_status:up')
      await vi.waitFor(isBack, { timeout: 60_000, interval: 50 })
    })

    it('when its primary is killed', async () => {
      const prefix = freshPrefix()
      const [primary] = (await cluster.primaries(`{${prefix}}:log`)) as [Member]
      const { failures } = await survives({ cluster: { nodes }, shards: 1, prefix, ...patient }, () =>
        primary.signal('SIGKILL'),
      )
      const tells = /Redis is out of reach for \d+ ms/
      expect(failures).toEqual([expect.stringMatching(tells), expect.stringMatching(tells)])
    })
  })
})

/** Until it refused so often with this. */
async function refusals(node: Member, word: string, count: number): Promise<void> {
  const many = new RegExp(`^errorstat_${word}:count=(\\d+)`, 'm')
  for (let seen = 0; seen < count; )
    seen = Number(many.exec(String(await node.command('INFO', 'errorstats')))?.[1] ?? 0)
}
