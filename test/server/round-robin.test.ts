/** Three nodes behind nginx that brings each request to the next one: whatever happens to nodes, their ways to each other and their Redis, the books are exact. */
import { existsSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Client, startClient, type TransportName, underTraffic } from '../../bench/drain/clients.ts'
import { type Cluster, startCluster } from '../../bench/drain/cluster.ts'
import { upwardViolations, violations } from '../history.ts'
import { wait } from './harness.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'
import { type LossyWay, startLossyWay } from './redis-losses.ts'

const nginx = '/usr/sbin/nginx'
const missing = missingRedis ?? (existsSync(nginx) ? undefined : `${nginx} is not there`)

const transports: TransportName[] = ['websocket', 'fetch-streaming', 'long-polling']
const nodes = [0, 1, 2]
const all = nodes.length + 1 // the one that publishes has a hub of its own

describe.skipIf(missing)('behind a balancer that keeps nobody on a node', () => {
  let redis: Redis
  let books: Redis
  let way: LossyWay
  let cluster: Cluster
  let begun = 0
  const opened: Client[] = []

  beforeAll(async () => {
    redis = await startRedis()
    books = await startRedis('saved')
    way = await startLossyWay(redis)
    cluster = await startCluster({
      redis: redis.url,
      way: way.url,
      books: books.url,
      balancer: 'round-robin',
      hub: { admission: 1_000, presence: ['lobby'], sessionTimeout: 10_000 },
    })
    await settled(0)
  }, 120_000)

  afterEach(async () => {
    for (const client of opened.splice(0)) client.close()
    await settled(0)
  }, 120_000)

  afterAll(async () => {
    await cluster?.close()
    way?.close()
    await Promise.all([redis?.close(), books?.close()])
  }, 120_000)

  it('nothing is lost, doubled or in doubt, and each line is one session', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      await wait(1_000)
    })
    await settled(9)
    const looks = await look()
    expect(looks.every(({ forwarded }) => forwarded > 0)).toBe(true)
  }, 120_000)

  it('a node that goes by SIGTERM leaves its sessions to others', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      await cluster.end(0, 'SIGTERM')
      await wait(500)
      await cluster.replace(0)
      await settled(9)
    })
  }, 120_000)

  it('of a node that is killed only what it was working at is in doubt, and its lines go on in new sessions', async () => {
    const clients = begin(12)
    let lost: readonly string[] = []
    const before = new Map<string, number>()
    const after = new Map<string, number>()
    await exact(
      clients,
      async () => {
        await settled(12)
        // Then it is known of each where it lives.
        while (!clients.every(({ sent }) => sent.some(({ outcome }) => outcome === 'taken'))) await wait(20)
        lost = (await cluster.tell(1, 'look')).homeOf
        for (const { name, sent } of clients)
          before.set(name, sent.filter(({ outcome }) => outcome === 'taken').length)
        await cluster.end(1, 'SIGKILL')
        // Until the others have seen its connections end, they cannot know what it has had.
        await wait(500)
        for (const { name, sent } of clients) after.set(name, sent.length)
        await cluster.replace(1)
        await settled(12)
      },
      ({ name, sent }, data) => {
        const nth = sent.findIndex(each => each.data === data)
        return lost.includes(name) && nth >= (before.get(name) ?? 0) && nth < (after.get(name) ?? 0)
      },
    )
  }, 120_000)

  it('all nodes restart one after the other', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      await cluster.restart()
      await settled(9)
    })
  }, 180_000)

  it('nothing gets through to a node from the others for a while', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      await cluster.tell(2, 'stall')
      await wait(8_000)
      await cluster.tell(2, 'resume')
      await settled(9)
    })
  }, 120_000)

  it('their Redis stands still, and goes on', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      const pid = await pidOf(redis)
      process.kill(pid, 'SIGSTOP')
      await wait(3_000)
      process.kill(pid, 'SIGCONT')
      await settled(9)
    })
  }, 120_000)

  it('their Redis is killed, and comes back with what it has saved', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      process.kill(await pidOf(redis), 'SIGKILL')
      await redis.stop()
      await wait(5_000)
      await redis.start()
      await settled(9)
    })
  }, 120_000)

  it('the memory of their Redis is full: publishing says so, what is sent is taken, and who comes is let in', async () => {
    const clients = begin(9)
    await exact(clients, async () => {
      await settled(9)
      const { length } = cluster.failures
      await redis.command('CONFIG', 'SET', 'maxmemory', '1')
      onTestFinished(async () => void (await redis.command('CONFIG', 'SET', 'maxmemory', '0')))
      await wait(13_000)
      const late = begin(3)
      await Promise.all(late.map(({ opened }) => opened))
      for (const client of late) client.send()
      await Promise.all(late.map(client => client.settled()))
      expect(late.flatMap(({ sent }) => sent.map(({ outcome }) => outcome))).toEqual(late.map(() => 'taken'))
      await redis.command('CONFIG', 'SET', 'maxmemory', '0')
      expect(cluster.failures.slice(length)).toContainEqual(expect.stringMatching(/Redis refused: .*OOM/))
      await settled(12)
    })
  }, 120_000)

  it('2 % of the notices are lost', async () => {
    const clients = begin(9)
    const { lost } = way
    await exact(clients, async () => {
      way.lose(50)
      await vi.waitFor(() => expect(way.lost - lost).toBeGreaterThan(10), { timeout: 60_000 })
      way.lose(0)
      await settled(9)
    })
  }, 120_000)

  function begin(count: number): Client[] {
    const clients = Array.from({ length: count }, (_, nth) =>
      startClient(cluster.url, `line ${++begun}`, transports[nth % transports.length] as TransportName),
    )
    opened.push(...clients)
    return clients
  }

  function look() {
    return Promise.all(nodes.map(at => cluster.tell(at, 'look')))
  }

  /** Waits until so many sessions are on all nodes together, and each node knows of so many people and of all nodes. */
  async function settled(sessions: number): Promise<void> {
    const seen = async () => {
      const looks = await look()
      return {
        sessions: looks.reduce((sum, each) => sum + each.sessions, 0),
        present: looks.map(each => each.present),
        nodes: looks.map(each => each.nodes),
      }
    }
    const due = { sessions, present: nodes.map(() => sessions), nodes: nodes.map(() => all) }
    await vi.waitFor(async () => expect(await seen()).toEqual(due), { timeout: 60_000, interval: 100 })
  }

  /** Acts under traffic, and compares the books. `doubtful`: what may be in doubt. */
  async function exact(
    clients: readonly Client[],
    act: () => Promise<unknown>,
    doubtful: (client: Client, data: string) => boolean = () => false,
  ): Promise<void> {
    const published = await underTraffic(cluster, clients, 40, act)
    const ids = new Set(published.map(({ id }) => id))
    expect(cluster.published.filter(({ id }) => !ids.has(id))).toEqual([])
    const taken = await cluster.taken()
    for (const client of clients) {
      const { name, transport, heard, sent } = client
      expect(violations(published, heard), transport).toEqual([])
      expect(heard.filter(({ type }) => type === 'gap')).toEqual([])
      const own = upwardViolations(sent, taken, data => data.startsWith(`${name} `))
      expect(own, transport).toEqual([])
      const unsure = sent.filter(
        ({ data, outcome }) => outcome !== 'taken' && !(outcome === 'IN_DOUBT' && doubtful(client, data)),
      )
      expect(unsure, transport).toEqual([])
    }
  }
})

async function pidOf(redis: Redis): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(String(await redis.command('INFO', 'server')))?.[1])
}
