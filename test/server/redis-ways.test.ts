import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { type Entry, type RedisClientOptions, type RedisLogOptions, redisLog } from '../../server/index.ts'
import { scripts } from '../../server/log/redis-scripts.ts'
import { until } from './harness.ts'
import { logContract } from './log-contract.ts'
import { missingRedis } from './redis.ts'
import {
  type Certificates,
  type Member,
  makeCertificates,
  missingOpenssl,
  startMember,
} from './redis-groups.ts'
import { append, freshPrefix, logAt, nodeAt, quick } from './redis-nodes.ts'

const missing = missingRedis ?? missingOpenssl

describe('redisLog says where Redis is in one way, and refuses', () => {
  const url = 'redis://10.0.0.1:6379'
  const nodes = [url]
  const sentinel = { name: 'main', nodes: [{ host: 'a' }] }
  const client = (options: object) => ({ client: options }) as RedisLogOptions

  it.each<[string, RedisLogOptions, RegExp]>([
    [
      'two ways',
      { url, cluster: { nodes } },
      /^url and cluster are given; exactly one of url, cluster and sentinel/,
    ],
    ['three ways', { url, cluster: { nodes }, sentinel }, /^url and cluster and sentinel are given/],
    [
      'another protocol',
      { url: 'http://:secret@a' },
      /^url is 'http:\/\/\*\*\*@a'; it is redis:\/\/ or rediss/,
    ],
    ['a cluster without nodes', { cluster: { nodes: [] } }, /^cluster.nodes is \[\]; it is a list of redis:/],
    [
      'a node without a host',
      { cluster: { nodes: ['a:6379'] } },
      /^a node of cluster is 'a:6379'; it is redis:/,
    ],
    ['nodes with and without TLS', { cluster: { nodes: [url, 'rediss://b'] } }, /all have TLS, or none/],
    [
      'a database of a cluster',
      { cluster: { nodes: [`${url}/2`] } },
      /^the database is 2; a cluster has number 0 alone/,
    ],
    ['a database of a cluster', { cluster: { nodes }, client: { database: 3 } }, /^the database is 3/],
    ['no prefix in a cluster', { cluster: { nodes }, prefix: '' }, /^prefix is ''; in a cluster it needs/],
    [
      'sentinels of nobody',
      { sentinel: { ...sentinel, name: '' } },
      /^sentinel.name is ""; it is what the sentinels call/,
    ],
    ['no sentinels', { sentinel: { name: 'main', nodes: [] } }, /^sentinel.nodes is \[\]/],
    [
      'a sentinel without a host',
      { sentinel: { name: 'm', nodes: [{ host: '' }] } },
      /^a node of sentinel is \{"host":""\}/,
    ],
    [
      'TLS that the address has not',
      { url, ...client({ socket: { tls: true } }) },
      /tls is true; rediss:\/\/ is with TLS/,
    ],
    ['an empty list of addresses', { url: [] }, /^url is an empty list/],
    ['an address that is no address', { url: [url, 'x'] }, /^url is 'x'; it is redis:/],
    ['an address twice', { url: [url, url] }, /^url has 'redis:\/\/10.0.0.1:6379' twice/],
    ['several addresses and a cluster', { url: [url], cluster: { nodes } }, /^url and cluster are given/],
    ['shards without a cluster', { url, shards: 2 }, /^shards is for a cluster; several addresses in url/],
    ['no shards', { cluster: { nodes }, shards: 0 }, /^shards is 0; it must be a whole number from 1 to/],
    ['half a shard', { cluster: { nodes }, shards: 1.5 }, /^shards is 1.5/],
    [
      'a brace in the prefix of shards',
      { cluster: { nodes }, prefix: 'a}b' },
      /^prefix is 'a}b'; with several/,
    ],
    ['what is no object', client([0][0] as never), /^client is 0; it is an object of options/],
  ])('%s', (_, options, message) => {
    expect(() => redisLog(options)).toThrow(message)
    expect(() => redisLog(options)).toThrow(TypeError)
  })

  it.each([
    ['url', /^client.url can't be set: url, cluster or sentinel says where Redis is/],
    ['disableOfflineQueue', /^client.disableOfflineQueue can't be set: the log keeps what waits/],
    ['readonly', /^client.readonly/],
    ['keyPrefix', /^client.keyPrefix can't be set: the option prefix/],
    ['commandOptions', /^client.commandOptions/],
  ])('the option %s of the client', (name, message) => {
    expect(() => redisLog(client({ [name]: 'x' }))).toThrow(message)
    const own = { sentinel: { ...sentinel, client: { [name]: 'x' } } }
    expect(() => redisLog(own)).toThrow(new RegExp(`^sentinel.client.${name}`))
  })

  it.each(['reconnectStrategy', 'host', 'port', 'path'])('the option socket.%s of the client', name => {
    expect(() => redisLog(client({ socket: { [name]: 1 } }))).toThrow(`client.socket.${name} can't be set`)
  })
})

describe.skipIf(missing)(
  `a log in a Redis that asks for certificates${missing ? ` (${missing})` : ''}`,
  () => {
    let certificates: Certificates
    let redis: Member
    let allowed: RedisClientOptions
    beforeAll(async () => {
      certificates = await makeCertificates()
      const { ca, client, folder } = certificates
      allowed = { socket: { ca, ...client, servername: 'redis.test' } }
      const at = (name: string) => `${folder}/${name}`
      const files = ['--tls-ca-cert-file', at('ca.crt'), '--tls-cert-file', at('server.crt')]
      const args = [...files, '--tls-key-file', at('server.key'), '--port', '0', '--save', '']
      redis = await startMember({ port: await freePort(), tls: true, args, client: allowed })
    }, 60_000)
    afterAll(async () => {
      await redis?.close()
      await certificates?.close()
    })

    logContract({ make: options => logAt({ url: redis.url, client: allowed, ...options }), histories: 5 })

    it('has the name that it was given, on both connections, and the user', async () => {
      await redis.command('ACL', 'SETUSER', 'somebody', 'on', '>secret', '+@all', '~*', '&*')
      const client = { ...allowed, name: 'node-7', username: 'somebody', password: 'secret' }
      await append(logAt({ url: redis.url, client }), 'x')
      const list = String(await redis.command('CLIENT', 'LIST'))
      expect(list.match(/name=node-7 .*user=somebody/g)).toHaveLength(2)
    })

    it('leaves the options as they were, and can be made again from them', async () => {
      const before = JSON.stringify(allowed)
      await append(logAt({ url: redis.url, client: allowed }), 'x')
      await append(logAt({ url: redis.url, client: allowed }), 'x')
      expect(JSON.stringify(allowed)).toBe(before)
    })

    it('works with the second version of the protocol, too', async () => {
      const prefix = freshPrefix()
      const { log, failures } = await nodeAt({ url: redis.url, client: { ...allowed, RESP: 2 }, prefix })
      const heard: Entry[] = []
      log.listen({ heard: entry => void heard.push(entry), missed() {}, failed() {} })
      log.follow?.('x')
      await log.followed?.(['x'])
      await append(log, 'first')
      await append(logAt({ url: redis.url, client: allowed, prefix }), 'second')
      await until(() => heard.some(({ text }) => text.includes('second')))
      expect(failures).toEqual([])
    })

    it.each<[string, (chosen: Record<string, unknown>) => object, RegExp]>([
      ['does not know who signed it', ({ ca: _, ...rest }) => rest, /self.signed|unable to/],
      ['calls it by another name', rest => ({ ...rest, servername: 'other.test' }), /other\.test/],
      [
        'shows no certificate',
        ({ cert: _, key: __, ...rest }) => rest,
        /certificate required|closed|ECONNRESET|EPIPE/,
      ],
    ])('of which a node %s: is not ready, and says why', async (_, change, why) => {
      const socket = change({ ...allowed.socket }) as NonNullable<RedisClientOptions['socket']>
      const { log, failures } = await nodeAt({ url: redis.url, client: { socket }, ...quick })
      await until(() => failures.length > 0)
      expect(failures[0]).toMatch(/Redis is out of reach for \d+ ms/)
      expect(failures[0]).toMatch(why)
      expect(log.ready).toBe(false)
      await expect(append(log, 'refused')).rejects.toThrow()
    })
  },
  120_000,
)

describe.skipIf(missingRedis)(
  `the least rights that do${missingRedis ? ` (${missingRedis})` : ''}`,
  () => {
    let redis: Member
    let url: string
    beforeAll(async () => {
      redis = await startMember({ port: await freePort(), args: ['--save', ''] })
      const rights = (await rightsIn('docs/growing.md')).map(right => right.replace('throughline', 'way-*'))
      await redis.command('ACL', 'SETUSER', 'live', 'on', '>secret', ...rights)
      url = redis.url.replace('//', '//live:secret@')
    }, 60_000)
    afterAll(() => redis?.close())

    logContract({ make: options => logAt({ url, ...options }), histories: 5 })

    it('are those of what the scripts call, and of what the connections say themselves', async () => {
      const rights = await rightsIn('docs/growing.md')
      const said = rights.filter(right => right.startsWith('+')).map(right => right.slice(1))
      const called = Object.values(scripts).flatMap(script => [
        ...[...script.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, name]) => String(name)),
        ...[...script.matchAll(/^ {2}\{'(\w+)'/gm)].map(([, name]) => String(name)),
      ])
      const own = ['evalsha', 'script|load', 'subscribe', 'unsubscribe', 'ping', 'hello', 'info']
      const inClusters = ['spublish']
      expect([...said, ...inClusters].toSorted()).toEqual(
        [...new Set([...called, ...own].map(name => name.toLowerCase()))].toSorted(),
      )
    })
  },
  120_000,
)

async function rightsIn(page: string): Promise<string[]> {
  const [, rights = ''] = /ACL SETUSER live on >secret ([^`]*)`/.exec(await readFile(page, 'utf8')) ?? []
  return rights.split(' ')
}
