/** Three nodes that share a Redis, behind HAProxy as docs/load-balancers.md has it, restarted by SIGTERM one after the other. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient } from 'redis'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { documented } from '../../e2e/network/documented.ts'
import { startProgram } from '../../e2e/network/programs.ts'
import { createHub, redisLog } from '../../server/index.ts'
import type { Published } from '../../test/history.ts'
import type { Told } from './node.ts'

export interface Cluster {
  /** The hub's address behind the balancer. */
  readonly url: string
  /** All that was published, in order. */
  readonly published: readonly Published[]
  /** What nodes reported as errors. */
  readonly errors: readonly string[]
  /** When lines were let in, in ms, for each life of a node that is over. */
  readonly connects: readonly (readonly number[])[]
  /** How often nodes that are over refused, by status and message. */
  readonly refused: Record<string, number>
  /** Publishes every so many ms, until what it gives is called. */
  flow(every: number): () => Promise<void>
  /** Tells each node to go, waits until it has, and starts another one in its place. */
  restart(): Promise<void>
  /** What was taken from clients, in order. */
  taken(): Promise<string[]>
  close(): Promise<void>
}

const count = 3

export async function startCluster(redis: string, admission: number): Promise<Cluster> {
  const errors: string[] = []
  const connects: number[][] = []
  const refused: Record<string, number> = {}
  const published: Published[] = []
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  // They take a while until they can listen, so the second ones are there when the first go.
  const spare = Array.from({ length: 2 * count }, prepare)
  const nodes = await Promise.all(ports.map(port => begin(spare.shift() as ChildProcess, port)))
  const rules = /```haproxy\n([\s\S]*?)```/.exec(await readFile('docs/load-balancers.md', 'utf8'))?.[1] ?? ''
  const place = (text: string) => text.replace(/\bnode-(\d):8080/g, (_, nth) => `127.0.0.1:${ports[nth - 1]}`)
  const box = await startProgram({ ...documented('haproxy', rules, place), isReady: serves })
  // No balancer leads to it.
  const log = redisLog({ url: redis })
  const publisher = createHub({ log })
  const books = createClient({ url: redis })
  await books.connect()
  return {
    url: `${box.url}/live`,
    published,
    errors,
    connects,
    refused,
    flow,
    restart,
    taken: () => books.lRange('taken', 0, -1),
    close,
  }

  function prepare(): ChildProcess {
    const program = fileURLToPath(new URL('node.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', program, redis, String(admission)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    child.on('message', (told: Told) => {
      if (told.type === 'error') errors.push(told.message)
      if (told.type !== 'over') return
      connects.push(told.connects)
      for (const [why, times] of Object.entries(told.refused)) refused[why] = (refused[why] ?? 0) + times
    })
    return child
  }

  async function begin(child: ChildProcess, port: number): Promise<ChildProcess> {
    child.send(port)
    for (;;) {
      const [told] = (await once(child, 'message')) as [Told]
      if (told.type === 'listens') return child
    }
  }

  function flow(every: number): () => Promise<void> {
    let going = true
    const flowing = (async () => {
      while (going) {
        const data = `message ${published.length + 1}`
        published.push({ id: await publisher.publish('lobby', data), data })
        await sleep(every)
      }
    })()
    return () => {
      going = false
      return flowing
    }
  }

  async function restart(): Promise<void> {
    for (const [at, port] of ports.entries()) {
      await end(nodes[at] as ChildProcess)
      nodes[at] = await begin(spare.shift() as ChildProcess, port)
      // HAProxy looks every half second whether it is there. Who is told by one server after the other to come at once, within two seconds, waits.
      await sleep(3_000)
    }
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const over = once(child, 'exit')
    child.kill('SIGTERM')
    await over
  }

  async function close(): Promise<void> {
    await Promise.all(nodes.map(end))
    for (const child of spare) child.kill('SIGKILL')
    await box.close()
    await publisher.close()
    await Promise.all([log.close(), books.close()])
  }
}

function serves(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/live?rt.via=long-polling`).then(
    ({ ok }) => ok,
    () => false,
  )
}
