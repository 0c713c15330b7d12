import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import type { RedisLogOptions } from '../../server/index.ts'
import { until } from './harness.ts'
import { logContract } from './log-contract.ts'
import { missingRedis } from './redis.ts'
import { openDoor } from './redis-doors.ts'
import { type Member, startMember, startWatched, type Watched } from './redis-groups.ts'
import {
  append,
  dataOf,
  freshPrefix,
  insist,
  keptAfter,
  logAt,
  nodeAt,
  quick,
  survives,
} from './redis-nodes.ts'

const here = `a log in a Redis that sentinels watch${missingRedis ? ` (${missingRedis})` : ''}`

describe.skipIf(missingRedis)(here, { timeout: 180_000 }, () => {
  let watched: Watched
  beforeAll(async () => {
    watched = await startWatched()
  }, 120_000)
  afterAll(() => watched?.close())

  logContract({ make: options => logAt({ ...of(watched), ...options }), histories: 5 })

  it('is found though the first sentinel does not answer', async () => {
    const door = await openDoor(watched.primary)
    door.answer = () => '' // takes everything, says nothing
    const { name, nodes } = of(watched).sentinel
    const log = logAt({ sentinel: { name, nodes: [{ host: '127.0.0.1', port: door.port }, ...nodes] } })
    expect(await append(log, 'x')).toMatch(/\.1\./)
    expect(door.visits).toBeGreaterThan(0)
  })

  it('is found by a user of the sentinels who has the rights that docs/growing.md names, and no other', async () => {
    const docs = await readFile('docs/growing.md', 'utf8')
    const [, rights = ''] = /ACL SETUSER live on >other ([^`]*)`/.exec(docs) ?? []
    for (const sentinel of watched.sentinels)
      await sentinel.command('ACL', 'SETUSER', 'live', 'on', '>other', ...rights.split(' '))
    const { sentinel } = of(watched)
    const client = { username: 'live', password: 'other' }
    expect(await append(logAt({ sentinel: { ...sentinel, client } }), 'x')).toMatch(/\.1\./)
    const wrong = await nodeAt({ sentinel: { ...sentinel, client: { ...client, password: 'no' } }, ...quick })
    await until(() => wrong.failures.length > 0)
    expect(wrong.failures[0]).toMatch(/nobody says where the primary is .*WRONGPASS/)
  })

  it('is not there when the sentinels know no primary of that name, and says so once', async () => {
    const { sentinel } = of(watched)
    const { log, failures } = await nodeAt({ sentinel: { ...sentinel, name: 'other' }, ...quick })
    await until(() => failures.length > 0)
    expect(failures).toEqual([
      expect.stringMatching(/out of reach for \d+ ms: .*it knows no primary named other/),
    ])
    expect(log.ready).toBe(false)
    await expect(append(log, 'x')).rejects.toThrow('it knows no primary named other')
  })

  it('is not taken from a replica that a sentinel takes for the primary', async () => {
    const { name, nodes } = of(watched).sentinel
    const { primary, replica } = watched
    const nat = { [`127.0.0.1:${primary.port}`]: { host: '127.0.0.1', port: replica.port } }
    const { log, failures } = await nodeAt({ sentinel: { name, nodes, nat }, ...quick })
    await until(() => failures.length > 0)
    expect(failures[0]).toMatch(/READONLY it is a (replica|slave)/)
    expect(log.ready).toBe(false)
  })

  it('answers nobody for longer than patience while the way to its primary leads nowhere, and says so once', async () => {
    const { primary } = watched
    const door = await openDoor(primary)
    const nat = { [`127.0.0.1:${primary.port}`]: { host: '127.0.0.1', port: door.port } }
    const { sentinel } = of(watched)
    const { log, failures } = await nodeAt({ sentinel: { ...sentinel, nat }, ...quick })
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
    it('when the primary is killed', async () => {
      const own = await ownWatched()
      const { dark, failures } = await survives(of(own), () => own.primary.signal('SIGKILL'))
      expect(failures).toEqual([expect.stringMatching(tells), expect.stringMatching(tells)])
      expect(dark).toBeGreaterThan(0)
    })

    it('when the primary falls silent and keeps its connections', async () => {
      const own = await ownWatched()
      await survives(of(own), () => own.primary.signal('SIGSTOP'))
    })

    it('when the sentinels make the replica the primary, though the old one is well', async () => {
      const own = await ownWatched()
      await survives(of(own), () => failOver(own))
    })
  })

  describe('whose replica has not got the last message when the primary is killed', () => {
    it('tells of a gap, and gives its number to another', async () => {
      const own = await ownWatched()
      const { log } = await nodeAt(of(own))
      const kept = await append(log, 'kept')
      await detach(own)
      const lost = await append(log, 'lost')
      await own.primary.signal('SIGKILL')
      await own.replica.signal('SIGCONT')
      const next = await insist(log, 'next')
      expect(next).toContain('.2.')
      expect(await log.after(lost, ['x'])).toMatchObject({ gap: { reason: 'rollback' } })
      expect((await keptAfter(log, kept)).map(dataOf)).toEqual(['next'])
    })

    it('does not acknowledge that message if it is to be on a replica', async () => {
      const own = await ownWatched()
      const prefix = freshPrefix()
      const { log } = await nodeAt({ ...of(own), prefix, replicas: 1 })
      const hasty = logAt({ ...of(own), prefix, replicas: 1, patience: 1_000 })
      const kept = await append(log, 'kept')
      await append(hasty, 'kept, too')
      await detach(own)
      await expect(append(hasty, 'rejected')).rejects.toThrow(
        /within 1000 ms.*whether the message was kept on 2 servers is not known/,
      )
      const acknowledged = append(log, 'waits for the new primary')
      expect((await log.after(kept, ['x'])).entries).toHaveLength(3) // it is read meanwhile
      await own.primary.signal('SIGKILL')
      await own.replica.signal('SIGCONT')
      const third = await startReplica(own.replica)
      onTestFinished(() => third.close())
      expect(await acknowledged).toContain('.3.')
      expect((await keptAfter(log, kept)).map(dataOf)).toEqual(['kept, too', 'waits for the new primary'])
    })
  })

  it('keeps nothing that a primary without replicas refuses, and says so', async () => {
    const own = await ownWatched(['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1'])
    const log = logAt(of(own))
    const start = await append(log, 'start')
    await detach(own)
    await expect(append(log, 'refused')).rejects.toThrow(/Redis refused: .*NOREPLICAS/)
    await own.replica.signal('SIGCONT')
    await insist(log, 'kept')
    expect((await keptAfter(log, start)).map(dataOf)).toEqual(['kept'])
  })

  it('moves as soon as a sentinel says so, though the old primary stays as it was', async () => {
    const own = await ownWatched()
    const door = await openDoor(own.primary)
    const nat = { [`127.0.0.1:${own.primary.port}`]: { host: '127.0.0.1', port: door.port } }
    const { sentinel } = of(own)
    const log = logAt({ sentinel: { ...sentinel, nat }, patience: 60_000 })
    await append(log, 'before')
    door.freeze() // nothing of it is heard any more, and patience is long
    await failOver(own)
    await append(log, 'after')
    expect(Number(await own.replica.command('DBSIZE'))).toBeGreaterThan(0)
  })
})

const tells = /Redis is out of reach for \d+ ms/

/** The replica is the primary when this resolves. */
async function failOver({ sentinels, replica }: Watched): Promise<void> {
  await sentinels[0]?.command('SENTINEL', 'FAILOVER', 'main')
  const isPrimary = async () => expect(String(await replica.command('ROLE'))).toMatch(/^master/)
  await vi.waitFor(isPrimary, { timeout: 60_000, interval: 20 })
}

/** From now on the replica gets nothing, until it goes on; the connection on which something could wait for it is cut. */
async function detach({ primary, replica }: Watched): Promise<void> {
  await replica.signal('SIGSTOP')
  await primary.command('CLIENT', 'KILL', 'TYPE', 'replica')
}

async function startReplica({ port }: Member): Promise<Member> {
  const args = ['--save', '', '--replicaof', '127.0.0.1', String(port)]
  return startMember({ port: await freePort(), args })
}

async function ownWatched(settings?: string[]): Promise<Watched> {
  const own = await startWatched(settings)
  onTestFinished(() => own.close())
  return own
}

function of({ sentinels }: Watched) {
  const nodes = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
  return { sentinel: { name: 'main', nodes } } satisfies RedisLogOptions
}
