/** Three nodes behind nginx that brings each request to the next one: whatever happens to nodes, their ways to each other and their Redis, the books are exact. */
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Client, startClient, type TransportName, underTraffic } from '../../bench/drain/clients.ts'
import { type Cluster, startCluster } from '../../bench/drain/cluster.ts'
import { upwardViolations, violations } from '../history.ts'
import { wait } from './harness.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'

const nginx = '/usr/sbin/nginx'
const missing = missingRedis ?? (existsSync(nginx) ? undefined : `${nginx} is not there`)

const transports: TransportName[] = ['websocket', 'fetch-streaming', 'long-polling']
const nodes = [0, 1, 2]
const all = nodes.length + 1 // the one that publishes has a hub of its own

describe.skipIf(missing)('behind a balancer that keeps nobody on a node', () => {
  let redis: Redis
  let books: Redis
  let cluster: Cluster
  let begun = 0

  beforeAll(async () => {
    redis = await startRedis()
    books = await startRedis('saved')
    const hub = { admission: 1_000, presence: ['lobby'], sessionTimeout: 8_000 }
    cluster = await startCluster({ redis: redis.url, books: books.url, balancer: 'round-robin', hub })
    await settled(0)
  }, 120_000)

  afterAll(async () => {
    await cluster?.close()
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

  function begin(count: number): Client[] {
    const clients = Array.from({ length: count }, (_, nth) =>
      startClient(cluster.url, `line ${++begun}`, transports[nth % transports.length] as TransportName),
    )
    onTestFinished(async () => {
      for (const client of clients) client.close()
      await settled(0)
    })
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
