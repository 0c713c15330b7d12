import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { type Guarded, startGuarded } from '../../e2e/fixtures/guarded.ts'
import { wait } from './harness.ts'

const path = '/usr/bin/redis-server'

/** Why a test that needs Redis can't run here; nothing if it can. */
export const missingRedis = existsSync(path)
  ? undefined
  : `${path} is not there: Debian's package redis-server has it`

export interface Redis {
  url: string
  /** One command, by somebody else. */
  command(...words: string[]): Promise<unknown>
  /** Ends it, without a last look at what it holds. */
  stop(): Promise<void>
  /** Starts it again, on the same port and folder. */
  start(): Promise<void>
  close(): Promise<void>
}

/** A Redis of its own. `durable`: each command is on the disk before it is answered; else only what `SAVE` wrote. */
export async function startRedis(keeping: 'durable' | 'saved' = 'durable'): Promise<Redis> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const append = keeping === 'durable' ? ['yes', '--appendfsync', 'always'] : ['no']
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--logfile', `${folder}/log`]
  const command = [path, ...where, '--save', '', '--appendonly', ...append]
  let running: Guarded | undefined
  const redis: Redis = { url, command: (...words) => ask(url, words), stop, start, close }
  await start()
  return redis

  async function start(): Promise<void> {
    const [program = '', ...rest] = command
    running = startGuarded(program, rest, process.env)
    running.report.resume()
    for (let tries = 0; tries < 100; tries++) {
      if ((await ask(url, ['PING']).catch(() => '')) === 'PONG') return
      await wait(20)
    }
    const words = await readFile(`${folder}/log`, 'utf8').catch(() => '')
    await close()
    throw new Error(`${path} does not answer on ${url}: ${words}`)
  }

  async function stop(): Promise<void> {
    if (!running) return
    const over = once(running.report, 'close')
    await ask(url, ['SHUTDOWN', 'NOSAVE']).catch(() => {})
    running.end()
    await over
    running = undefined
  }

  async function close(): Promise<void> {
    await stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function ask(url: string, words: string[]): Promise<unknown> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  try {
    await client.connect()
    return await client.sendCommand(words)
  } finally {
    if (client.isOpen) client.destroy()
  }
}
