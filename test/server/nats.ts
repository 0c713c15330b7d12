import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { type Guarded, startGuarded } from '../../e2e/fixtures/guarded.ts'
import { wait } from './harness.ts'

const path = ['/usr/sbin/nats-server', '/usr/bin/nats-server'].find(existsSync)

/** Why a test that needs NATS can't run here; nothing if it can. */
export const missingNats = path
  ? undefined
  : "/usr/sbin/nats-server is not there: Debian's package nats-server has it"

export interface Nats {
  url: string
  /** Acts by a connection of its own. */
  by<T>(act: (jsm: JetStreamManager) => Promise<T>): Promise<T>
  /** Ends it by SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, on the same port and folder. */
  start(): Promise<void>
  /** Where its files are. */
  folder: string
  close(): Promise<void>
}

/** A NATS of its own, with JetStream. */
export async function startNats(): Promise<Nats> {
  const folder = await mkdtemp(join(tmpdir(), 'throughline-nats-'))
  const port = await freePort()
  const url = `nats://127.0.0.1:${port}`
  await writeFile(
    `${folder}/conf`,
    `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${folder}/store" }\nlog_file: "${folder}/log"\npid_file: "${folder}/pid"\n`,
  )
  let running: Guarded | undefined
  const nats: Nats = { url, by, kill, start, folder, close }
  await start()
  return nats

  async function start(): Promise<void> {
    running = startGuarded(path ?? '', ['-c', `${folder}/conf`], process.env)
    running.report.resume()
    for (let tries = 0; tries < 250; tries++) {
      if (
        await by(jsm => jsm.getAccountInfo()).then(
          () => true,
          () => false,
        )
      )
        return
      await wait(20)
    }
    const words = await readFile(`${folder}/log`, 'utf8').catch(() => '')
    await close()
    throw new Error(`${path} does not answer on ${url}: ${words}`)
  }

  async function by<T>(act: (jsm: JetStreamManager) => Promise<T>): Promise<T> {
    const nc = await connect({ servers: url, reconnect: false, timeout: 30_000 })
    try {
      return await act(await jetstreamManager(nc, { checkAPI: false, timeout: 30_000 }))
    } finally {
      await nc.close()
    }
  }

  async function kill(): Promise<void> {
    if (!running) return
    const over = once(running.report, 'close')
    process.kill(Number(await readFile(`${folder}/pid`, 'utf8')), 'SIGKILL')
    running.end()
    await over
    running = undefined
  }

  async function close(): Promise<void> {
    await kill()
    await rm(folder, { recursive: true, force: true })
  }
}
