/**
 * What a log takes of Redis, when one Redis has it and when it is spread over three: `npx tsx bench/spread.ts [seconds]`.
 *
 * Method. Two hubs, each in a process of its own, publish in 10,000 topics by turns, 100 messages at a time each, and each hears 100 of the topics. The Redises (no disk) are on this
 * machine, too. One and three by turns, five rounds, each for some seconds after one to warm up; told are medians. Redis' own processor time is what `INFO cpu` says before and after,
 * divided by the messages. Where nodes and Redises share a few cores the nodes are what limits the messages a second: what one Redis could carry is a second divided by its time for one.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from 'redis'
import { freePort } from '../e2e/fixtures/free-port.ts'
import { createHub, redisLog } from '../server/index.ts'
import { median, sum } from './numbers.ts'

const seconds = Number(process.argv.at(process.send ? 4 : 2) ?? 6)
const rounds = 5
const topics = 10_000
const heard = 100
const atOnce = 100

interface Redis {
  readonly url: string
  /** Seconds of its processor. */
  used(): Promise<number>
  stop(): Promise<void>
}

interface Figures {
  readonly perSecond: number
  /** Microseconds of each Redis for one message that it took. */
  readonly each: number
  /** The share that the busiest has of what all use. */
  readonly busiest: number
}

if (process.send) await publish(JSON.parse(process.argv[2] ?? '[]'), process.argv[3] ?? '')
else await measure()

async function measure(): Promise<void> {
  const redises = await Promise.all([startRedis(), startRedis(), startRedis()])
  const found: Record<string, Figures[]> = { 'one Redis': [], 'three Redises': [] }
  for (let round = 0; round < rounds; round++) {
    found['one Redis']?.push(await run(redises.slice(0, 1), `one-${round}`))
    found['three Redises']?.push(await run(redises, `three-${round}`))
  }
  for (const [name, all] of Object.entries(found))
    console.log(name, {
      'messages a second': Math.round(median(all.map(({ perSecond }) => perSecond))),
      'µs of Redis for each': Number(median(all.map(({ each }) => each)).toFixed(1)),
      'share of the busiest, %': Math.round(100 * median(all.map(({ busiest }) => busiest))),
    })
  await Promise.all(redises.map(redis => redis.stop()))
}

async function run(redises: readonly Redis[], prefix: string): Promise<Figures> {
  const urls = JSON.stringify(redises.map(({ url }) => url))
  const nodes = [0, 1].map(() => fork(fileURLToPath(import.meta.url), [urls, prefix, `${seconds}`]))
  await Promise.all(nodes.map(node => once(node, 'message')))
  const before = await Promise.all(redises.map(redis => redis.used()))
  const counts = await Promise.all(nodes.map(count))
  const after = await Promise.all(redises.map(redis => redis.used()))
  const used = after.map((time, n) => time - (before[n] as number))
  const messages = sum(counts)
  await Promise.all(nodes.map(leave))
  return {
    perSecond: messages / seconds,
    each: (sum(used) / messages) * 1e6,
    busiest: Math.max(...used) / sum(used),
  }
}

async function count(node: ChildProcess): Promise<number> {
  node.send('go')
  const [messages] = await once(node, 'message')
  return messages as number
}

async function leave(node: ChildProcess): Promise<void> {
  const over = once(node, 'exit')
  node.send('leave')
  await over
}

/** One node: warms up, says so, publishes for so long when it is told, says how many that were. */
async function publish(urls: string[], prefix: string): Promise<void> {
  const log = redisLog({ url: urls, prefix })
  const hub = createHub({ log })
  const own = Array.from({ length: heard }, (_, n) => topicAt(n * 97 + process.pid))
  for (const topic of own) log.follow?.(topic)
  await log.followed?.(own)
  await publishFor(hub.publish, 1)
  process.send?.('ready')
  await once(process, 'message')
  process.send?.(await publishFor(hub.publish, seconds))
  await once(process, 'message')
  await hub.close()
  await log.close()
  process.exit()
}

async function publishFor(
  act: (topic: string, data: string) => Promise<string>,
  duration: number,
): Promise<number> {
  const until = performance.now() + duration * 1_000
  const data = 'x'.repeat(200)
  let messages = 0
  const one = async (n: number) => {
    for (let at = n; performance.now() < until; at += atOnce) {
      await act(topicAt(at), data)
      messages++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, (_, n) => one(n)))
  return messages
}

function topicAt(n: number): string {
  return `topic:${n % topics}`
}

async function startRedis(): Promise<Redis> {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-bench-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const server = spawn('redis-server', [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
  ])
  const client = createClient({ url })
  client.on('error', () => {})
  await client.connect()
  return {
    url,
    async used() {
      const info = await client.info('cpu')
      const times = [...info.matchAll(/used_cpu_(?:sys|user):([\d.]+)/g)].map(([, time]) => Number(time))
      return sum(times)
    },
    async stop() {
      client.destroy()
      const over = once(server, 'exit')
      server.kill()
      await over
      rmSync(folder, { recursive: true })
    },
  }
}
