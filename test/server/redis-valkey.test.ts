import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { logContract } from './log-contract.ts'
import {
  type Cluster,
  type Member,
  missingValkey,
  startCluster,
  startMember,
  valkeyServer,
} from './redis-groups.ts'
import { append, freshPrefix, logAt, nodeAt, survives } from './redis-nodes.ts'

const note = missingValkey ? ` (${missingValkey})` : ''

describe.skipIf(missingValkey)(`a log in Valkey${note}`, { timeout: 180_000 }, () => {
  let valkey: Member
  beforeAll(async () => {
    valkey = await startMember({ program: valkeyServer, port: await freePort(), args: ['--save', ''] })
  }, 60_000)
  afterAll(() => valkey?.close())

  logContract({ make: options => logAt({ url: valkey.url, ...options }), histories: 5 })

  it('tells nothing that is wrong', async () => {
    const { log, failures } = await nodeAt({ url: valkey.url })
    await append(log, 'x')
    expect(String(await valkey.command('INFO', 'server'))).toContain('server_name:valkey')
    expect(failures).toEqual([])
  })
})

describe.skipIf(missingValkey)(`a log in a cluster of Valkey${note}`, { timeout: 180_000 }, () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster(valkeyServer)
  }, 180_000)
  afterAll(() => cluster?.close())

  it('loses and doubles nothing of which no gap tells, when its primary is killed', async () => {
    const prefix = freshPrefix()
    const [primary] = await cluster.primaries(`{${prefix}}:log`)
    const nodes = cluster.nodes.map(({ url }) => url)
    await survives({ cluster: { nodes }, shards: 1, prefix }, async () => primary?.signal('SIGKILL'))
    const alive = cluster.nodes.find(node => node !== primary)
    expect(String(await alive?.command('CLUSTER', 'NODES'))).toMatch(/master,fail/)
  })
})
