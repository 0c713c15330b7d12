/** What `npm run drain` measures, with few lines: that it is exact does not depend on how fast a machine is. */
import { existsSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { restartUnderTraffic, startClient } from '../../bench/drain/clients.ts'
import { startCluster } from '../../bench/drain/cluster.ts'
import { upwardViolations, violations } from '../history.ts'
import { missingRedis, startRedis } from './redis.ts'

const haproxy = '/usr/sbin/haproxy'
const missing = missingRedis ?? (existsSync(haproxy) ? undefined : `${haproxy} is not there`)

it.skipIf(missing)(
  'three nodes that are told to go one after the other, under traffic, lose nothing, double nothing and leave nothing in doubt',
  async () => {
    const redis = await startRedis('saved')
    onTestFinished(() => redis.close())
    const cluster = await startCluster({ redis: redis.url, hub: { admission: 40 } })
    onTestFinished(() => cluster.close())
    const clients = Array.from({ length: 16 }, (_, nth) =>
      startClient(cluster.url, `client ${nth}`, nth % 4 === 3 ? 'fetch-streaming' : 'websocket'),
    )
    onTestFinished(() => {
      for (const client of clients) client.close()
    })
    await restartUnderTraffic(cluster, clients, 50)
    const taken = await cluster.taken()
    for (const client of clients) {
      const { name, heard, sent, transport } = client
      expect(violations(cluster.published, heard), transport).toEqual([])
      expect(heard.filter(({ type }) => type === 'gap')).toEqual([])
      expect(
        upwardViolations(sent, taken, data => data.startsWith(`${name} `)),
        transport,
      ).toEqual([])
      expect(sent.filter(({ outcome }) => outcome !== 'taken')).toEqual([])
    }
    // Each of them was moved.
    expect(clients.every(({ dark }) => dark.length > 0)).toBe(true)
    // Just after a node has stopped, POSTs of its sessions come to the others.
    expect(cluster.errors.filter(error => !error.includes('the balancer'))).toEqual([])
  },
  300_000,
)
