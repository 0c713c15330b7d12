import type { ConnectionOptions } from 'node:tls'

/** Options of the package `redis` that are passed to `createClient` as they are. Those that the log needs for itself are refused, by name. */
export interface RedisClientOptions {
  /** The user of an access list. One in an address goes before it. */
  username?: string
  /** Its password. One in an address goes before it. */
  password?: string
  /** What `CLIENT LIST` calls the connections. */
  name?: string
  /** The number of the database. One in an address goes before it; a cluster has 0 alone. @default 0 */
  database?: number
  /** Milliseconds between two `PING`s, for networks that cut what is quiet. The log asks anyway, once in every `check`. */
  pingInterval?: number
  /** @default 3 */
  RESP?: 2 | 3
  /**
   * How the connection is made: all of Node's `tls.connect()`, such as `ca`, `cert`, `key` and `servername`. TLS is used where the address begins with
   * `rediss://`; to what sentinels name, where `tls` is true.
   */
  socket?: RedisSocketOptions
  readonly [option: string]: unknown
}

/** How a connection to Redis is made: options of Node's `net.connect()` and `tls.connect()`. */
export interface RedisSocketOptions extends ConnectionOptions {
  /** Whether the primary that sentinels name is reached by TLS; in an address `rediss://` says it. @default false */
  tls?: boolean
  readonly [option: string]: unknown
}

/** Where a server is. */
export interface RedisNode {
  /** A name or an address. */
  host: string
  /** From 1 to 65535. */
  port: number
}

/** Where a node is found from here that Redis calls `host:port`; nothing if it is found there. */
export type RedisNat = Readonly<Record<string, RedisNode>> | ((address: string) => RedisNode | undefined)

/** Options of a log in a Redis Cluster. */
export interface RedisCluster {
  /**
   * Some of the nodes, as in `redisLog({ url })`. The first that answers says who has the log, and the others are found by it. A user and a password
   * in them are used for the nodes that they name.
   */
  nodes: readonly (string | { readonly url: string })[]
  /** Where nodes are found from here, if not where the cluster says. */
  nat?: RedisNat
}

/** Options of a log in a Redis that sentinels watch over. */
export interface RedisSentinel {
  /** What the sentinels call the primary. */
  name: string
  /** Some of the sentinels; `port` is 26379 if it is left out. */
  nodes: readonly { readonly host: string; readonly port?: number }[]
  /** Where the primary is found from here, if not where the sentinels say. */
  nat?: RedisNat
  /** Options for the connections to the sentinels. Nothing of those to Redis is used there. */
  client?: RedisClientOptions
}

/** Where Redis is: one of the three. */
export interface RedisWays {
  url?: string | undefined
  cluster?: RedisCluster | undefined
  sentinel?: RedisSentinel | undefined
  client?: RedisClientOptions | undefined
}

/** How the primary is found. */
export type Way =
  | { by: 'url'; url: string }
  | { by: 'cluster'; urls: readonly string[]; nat: RedisNat | undefined }
  | {
      by: 'sentinel'
      name: string
      urls: readonly string[]
      nat: RedisNat | undefined
      /** For the sentinels. */
      client: RedisClientOptions
      /** What the address of the primary begins with. */
      scheme: string
    }

/** Throws a TypeError that names what was given, and the way out. */
export function readWay({ url, cluster, sentinel, client = {} }: RedisWays, prefix: string): Way {
  const ways = Object.entries({ url, cluster, sentinel }).filter(([, way]) => way !== undefined)
  if (ways.length > 1) {
    const given = ways.map(([name]) => name).join(' and ')
    throw new TypeError(`${given} are given; exactly one of url, cluster and sentinel says where Redis is`)
  }
  checkClient('client', client, owned)
  if (cluster) return readCluster(cluster, client, prefix)
  if (sentinel) return readSentinel(sentinel, client)
  const address = url ?? 'redis://127.0.0.1:6379'
  checkUrl('url', address, client)
  return { by: 'url', url: address }
}

function readCluster({ nodes, nat }: RedisCluster, client: RedisClientOptions, prefix: string): Way {
  checkNodes('cluster', nodes, 'redis://host:port of some of its nodes')
  const urls = nodes.map(node => (typeof node === 'string' ? node : node?.url))
  for (const url of urls) checkUrl('a node of cluster', url, client)
  if (new Set(urls.map(url => new URL(url).protocol)).size > 1)
    throw new TypeError('some nodes of cluster are redis:// and some rediss://; all have TLS, or none')
  const database = urls.map(url => new URL(url).pathname.slice(1)).find(Boolean) ?? client.database
  if (Number(database ?? 0) !== 0)
    throw new TypeError(
      `the database is ${database}; a cluster has number 0 alone, a prefix tells logs apart`,
    )
  if (prefix === '' || prefix.startsWith('}'))
    throw new TypeError(`prefix is '${prefix}'; in a cluster it needs a first character other than '}'`)
  return { by: 'cluster', urls, nat }
}

function readSentinel(
  { name, nodes, nat, client: own = {} }: RedisSentinel,
  client: RedisClientOptions,
): Way {
  if (typeof name !== 'string' || name === '')
    throw new TypeError(`sentinel.name is ${JSON.stringify(name)}; it is what the sentinels call the primary`)
  checkNodes('sentinel', nodes, '{ host, port } of some sentinels')
  checkClient('sentinel.client', own, { ...owned, RESP: 'it is always 3', database: 'a sentinel has none' })
  const urls = nodes.map(node => urlOf(own.socket?.tls, node))
  return { by: 'sentinel', name, urls, nat, client: own, scheme: schemeOf(client.socket?.tls) }
}

function urlOf(tls: boolean | undefined, node: RedisSentinel['nodes'][number]): string {
  const { host, port = 26379 } = node ?? {}
  const url = `${schemeOf(tls)}//${hostIn(String(host))}:${port}`
  if (!host || !URL.canParse(url) || !new URL(url).host)
    throw new TypeError(`a node of sentinel is ${JSON.stringify(node)}; it is { host, port }`)
  return url
}

function schemeOf(tls: boolean | undefined): string {
  return tls ? 'rediss:' : 'redis:'
}

/** As a URL has it. */
export function hostIn(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

function checkNodes(way: string, nodes: unknown, what: string): void {
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new TypeError(`${way}.nodes is ${JSON.stringify(nodes)}; it is a list of ${what}`)
}

function checkUrl(what: string, url: unknown, client: RedisClientOptions): void {
  const known = typeof url === 'string' && URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol)
  if (!known) throw new TypeError(`${what} is '${shown(url)}'; it is redis:// or rediss://, and a host`)
  const { tls } = client.socket ?? {}
  if (tls !== undefined && tls !== url.startsWith('rediss:'))
    throw new TypeError(
      `${what} is '${shown(url)}' and client.socket.tls is ${tls}; rediss:// is with TLS, redis:// is without`,
    )
}

/** A password is not for logs. */
export function shown(url: unknown): string {
  return String(url).replace(/\/\/.*@/, '//***@')
}

const address = 'url, cluster or sentinel says where Redis is'

/** Options of the client with which the log would not work, and why. */
const owned: Readonly<Record<string, string>> = {
  url: address,
  disableOfflineQueue: 'the log keeps what waits, in order, for as long as patience says',
  readonly: 'a log is written to',
  keyPrefix: 'the option prefix of redisLog does that',
  commandOptions: 'the log reads the answers as they are',
  commandsQueueMaxLength: 'the log decides what is sent again',
  clientSideCache: 'the log has its own',
}

const ownedSocket: Readonly<Record<string, string>> = {
  reconnectStrategy: 'the log connects anew by itself',
  host: address,
  port: address,
  path: address,
}

function checkClient(what: string, client: unknown, refused: Readonly<Record<string, string>>): void {
  checkObject(what, client)
  const { socket = {} } = client
  checkObject(`${what}.socket`, socket)
  checkNone(what, client, refused)
  checkNone(`${what}.socket`, socket, ownedSocket)
}

function checkObject(what: string, value: unknown): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${what} is ${String(value)}; it is an object of options`)
}

function checkNone(
  what: string,
  given: Record<string, unknown>,
  refused: Readonly<Record<string, string>>,
): void {
  for (const [name, why] of Object.entries(refused))
    if (given[name] !== undefined) throw new TypeError(`${what}.${name} can't be set: ${why}`)
}
