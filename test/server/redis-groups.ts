import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from 'redis'
import { vi } from 'vitest'
import { freePorts } from '../../e2e/fixtures/free-port.ts'
import { type Guarded, startGuarded } from '../../e2e/fixtures/guarded.ts'
import type { RedisClientOptions } from '../../server/index.ts'

const redisServer = '/usr/bin/redis-server'

/** Valkey's, which may be elsewhere: `VALKEY_SERVER` says where. */
export const valkeyServer = process.env.VALKEY_SERVER ?? '/usr/bin/valkey-server'
export const missingValkey = existsSync(valkeyServer)
  ? undefined
  : `${valkeyServer} is not there: Debian's package valkey-server has it, from Debian 13 on`

const openssl = '/usr/bin/openssl'
export const missingOpenssl = existsSync(openssl)
  ? undefined
  : `${openssl} is not there: Debian's package openssl has it`

/** One server of several. */
export interface Member {
  readonly port: number
  readonly url: string
  command(...words: string[]): Promise<unknown>
  /** SIGKILL, or SIGSTOP: what is sent to it then is taken and never answered. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>
  close(): Promise<void>
}

interface MemberOptions {
  program?: string
  port: number
  /** What follows the name of the program; a port and a folder are said already. */
  args?: readonly string[]
  /** Lines of a file of settings, for those that want one. */
  config?: readonly string[]
  /** How the test itself gets there. */
  client?: RedisClientOptions
  tls?: boolean
}

/** A server that is there when this resolves. */
export async function startMember({
  program = redisServer,
  port,
  args = [],
  config,
  client = {},
  tls = false,
}: MemberOptions): Promise<Member> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-redis-'))
  const url = `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`
  const file = `${folder}/settings`
  if (config) await writeFile(file, config.join('\n'))
  const where = [tls ? '--tls-port' : '--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  const all = [...(config ? [file] : []), ...where, '--logfile', `${folder}/log`, ...args]
  const running: Guarded = startGuarded(program, all, process.env)
  running.report.resume()
  const over = once(running.report, 'close')
  const member: Member = { port, url, command, signal, close }
  let pid = 0
  try {
    const answers = async () => {
      const info = String(await command('INFO', 'server'))
      pid = Number(/^process_id:(\d+)/m.exec(info)?.[1])
      if (!pid) throw new Error(info)
    }
    await vi.waitFor(answers, { timeout: 30_000, interval: 20 })
    return member
  } catch (error) {
    const words = await readFile(`${folder}/log`, 'utf8').catch(() => '')
    await close()
    throw new Error(`${program} does not answer on ${url} (${error}): ${words}`)
  }

  async function command(...words: string[]): Promise<unknown> {
    const socket = { ...client.socket, reconnectStrategy: false as const, connectTimeout: 5_000 }
    const asked = createClient({ ...client, url, socket } as Parameters<typeof createClient>[0])
    asked.on('error', () => {})
    try {
      await asked.connect()
      return await asked.sendCommand(words)
    } finally {
      if (asked.isOpen) asked.destroy()
    }
  }

  async function signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    process.kill(pid, name)
    if (name === 'SIGKILL') await over
  }

  async function close(): Promise<void> {
    running.end()
    await over
    await rm(folder, { recursive: true, force: true })
  }
}

export interface Cluster {
  readonly nodes: readonly Member[]
  /** Those that have slots now, the one with this key first. */
  primaries(key: string): Promise<Member[]>
  /** Who can take its place. */
  replicaOf(primary: Member): Promise<Member>
  close(): Promise<void>
}

/** Three primaries, each with a replica. */
export async function startCluster(program?: string): Promise<Cluster> {
  const [ports, buses] = [await freePorts(6), await freePorts(6)]
  const settings = (bus: number) => [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', '3000', '--cluster-port', String(bus)],
    ...['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'],
  ]
  const nodes = await startAll(
    ports.map((port, n) => ({ port, args: settings(buses[n] ?? 0), ...(program && { program }) })),
  )
  const idOf = async (member: Member) => String(await member.command('CLUSTER', 'MYID'))
  const [first] = nodes as [Member]
  await Promise.all(nodes.map((node, n) => node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1))))
  const parts = [
    ['0', '5460'],
    ['5461', '10922'],
    ['10923', '16383'],
  ] as const
  await Promise.all(parts.map((part, n) => nodes[n]?.command('CLUSTER', 'ADDSLOTSRANGE', ...part)))
  await Promise.all(
    ports.map((port, n) => first.command('CLUSTER', 'MEET', '127.0.0.1', String(port), String(buses[n]))),
  )
  await all(nodes, async node => /cluster_known_nodes:6/.test(String(await node.command('CLUSTER', 'INFO'))))
  for (const [n, replica] of nodes.slice(3).entries())
    await replica.command('CLUSTER', 'REPLICATE', await idOf(nodes[n] as Member))
  await all(nodes, async node => /cluster_state:ok/.test(String(await node.command('CLUSTER', 'INFO'))))
  await all(nodes.slice(3), async node => /master_link_status:up/.test(await replication(node)))
  const cluster: Cluster = { nodes, primaries, replicaOf, close: () => closeAll(nodes) }
  return cluster

  async function primaries(key: string): Promise<Member[]> {
    const slot = Number(await first.command('CLUSTER', 'KEYSLOT', key))
    const slots = (await first.command('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    const has = ([from, to]: [number, number, unknown]) => from <= slot && slot <= to
    const ordered = [...slots.filter(has), ...slots.filter(range => !has(range))]
    const found = ordered.map(([, , [, port]]) => nodes.find(node => node.port === port) as Member)
    return [...new Set(found)]
  }

  async function replicaOf(primary: Member): Promise<Member> {
    const found = /slave0:ip=[\d.]+,port=(\d+)/.exec(await replication(primary))?.[1]
    return nodes.find(node => node.port === Number(found)) as Member
  }
}

export interface Watched {
  readonly primary: Member
  readonly replica: Member
  readonly sentinels: readonly Member[]
  close(): Promise<void>
}

/** A primary with a replica, that three sentinels call `main`. */
export async function startWatched(settings: readonly string[] = []): Promise<Watched> {
  const [port = 0, other = 0, ...rest] = await freePorts(5)
  const usual = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0', ...settings]
  const primary = await startMember({ port, args: usual })
  const replica = await startMember({
    port: other,
    args: [...usual, '--replicaof', '127.0.0.1', String(port)],
  })
  await all([replica], async node => /master_link_status:up/.test(await replication(node)))
  const config = [
    `sentinel monitor main 127.0.0.1 ${port} 2`,
    'sentinel down-after-milliseconds main 2000',
    'sentinel failover-timeout main 10000',
  ]
  const sentinels = await startAll(rest.map(at => ({ port: at, config, args: ['--sentinel'] })))
  const members = [primary, replica, ...sentinels]
  await all(sentinels, async node => {
    const told = (await node.command('SENTINEL', 'MASTER', 'main')) as Record<string, string> | string[]
    const words = Array.isArray(told) ? told : Object.entries(told).flat()
    const of = (name: string) => words[words.indexOf(name) + 1]
    return of('num-slaves') === '1' && of('num-other-sentinels') === '2' && of('flags') === 'master'
  })
  return { primary, replica, sentinels, close: () => closeAll(members) }
}

export async function replication(node: Member): Promise<string> {
  return String(await node.command('INFO', 'replication'))
}

async function startAll(options: readonly MemberOptions[]): Promise<Member[]> {
  return Promise.all(options.map(startMember))
}

async function closeAll(members: readonly Member[]): Promise<void> {
  await Promise.all(members.map(member => member.close()))
}

/** Until it is so for all of them. */
async function all(nodes: readonly Member[], isSo: (node: Member) => Promise<boolean>): Promise<void> {
  const look = async () => {
    const found = await Promise.all(nodes.map(isSo))
    if (found.includes(false)) throw new Error(`not yet: ${found}`)
  }
  await vi.waitFor(look, { timeout: 60_000, interval: 50 })
}

/** PEM texts. */
export interface Pair {
  cert: string
  key: string
}

export interface Certificates {
  /** Whose signature counts. */
  ca: string
  /** For a server that is called `redis.test`, and not by its address. */
  server: Pair
  client: Pair
  folder: string
  close(): Promise<void>
}

export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-certificates-'))
  const at = (name: string) => join(folder, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const make = (...words: string[]) => promisify(execFile)(openssl, words)
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.crt'), '-subj', '/CN=of the test', '-days', '2']
  await make('req', '-x509', ...key, ...ca)
  const read = (name: string) => readFile(at(name), 'utf8')
  return {
    ca: await read('ca.crt'),
    server: await pair('server', 'DNS:redis.test'),
    client: await pair('client', 'DNS:node.test'),
    folder,
    close: () => rm(folder, { recursive: true, force: true }),
  }

  async function pair(name: string, alternative: string): Promise<Pair> {
    await writeFile(at('names'), `subjectAltName=${alternative}`)
    await make('req', ...key, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', `/CN=${name}`)
    const signed = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2']
    await make(
      'x509',
      '-req',
      '-in',
      at(`${name}.csr`),
      ...signed,
      '-extfile',
      at('names'),
      '-out',
      at(`${name}.crt`),
    )
    return { cert: await read(`${name}.crt`), key: await read(`${name}.key`) }
  }
}
