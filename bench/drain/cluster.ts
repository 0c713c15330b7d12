/** Three nodes that share a Redis, behind a balancer as docs/load-balancers.md has it, to be restarted, killed and cut off from each other. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createClient } from 'redis'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { documented } from '../../e2e/network/documented.ts'
import { type Program, startProgram } from '../../e2e/network/programs.ts'
import { createHub, redisLog } from '../../server/index.ts'
import { createParser } from '../../src/wire/parser.ts'
import type { Published } from '../../test/history.ts'
import type { Look, NodeOptions, Order, Told } from './node.ts'

export interface ClusterOptions {
  /** The Redis of the nodes' log. */
  readonly redis: string
  /** Another way to it for the log of nodes alone. @default that of all */
  readonly way?: string
  /** Where it is written down what was taken. @default the same Redis */
  readonly books?: string
  /** `round-robin`: nginx, which brings each request to the next node. @default 'haproxy', which keeps a client on its node */
  readonly balancer?: 'haproxy' | 'round-robin'
  readonly hub: NodeOptions['hub']
}

export interface Cluster {
  /** The hub's address behind the balancer. */
  readonly url: string
  /** All that was published, in order, as far as it is known that it was. */
  readonly published: readonly Published[]
  /** How publishing failed. */
  readonly failures: readonly string[]
  /** What nodes reported as errors. */
  readonly errors: string[]
  /** When lines were let in, in ms, for each life of a node that is over. */
  readonly connects: readonly (readonly number[])[]
  /** How often nodes that are over refused, by status and message. */
  readonly refused: Record<string, number>
  /** Publishes every so many ms, until what it gives is called. */
  flow(every: number): () => Promise<void>
  /** All that the log has kept since the first message that is known of, in order. */
  history(): Promise<Published[]>
  /** Ends a node by SIGTERM, in good order, or by SIGKILL. Settles when it is gone. */
  end(at: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Starts another one in its place. */
  replace(at: number): Promise<void>
  /** Tells each node to go, waits until it has, and starts another one in its place. */
  restart(): Promise<void>
  /** What a node sees, once it has done what it is told: to let nothing travel from other nodes to it, or to let it go on. */
  tell(at: number, order: Exclude<Order, number>): Promise<Look>
  /** What was taken from clients, in order. */
  taken(): Promise<string[]>
  close(): Promise<void>
}

const count = 3

export async function startCluster({
  redis,
  way = redis,
  books: where = redis,
  balancer = 'haproxy',
  hub,
}: ClusterOptions): Promise<Cluster> {
  const errors: string[] = []
  const failures: string[] = []
  const connects: number[][] = []
  const refused: Record<string, number> = {}
  const published: Published[] = []
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  // They take a while until they can listen, so the second ones are there when the first go.
  const spare = Array.from({ length: 2 * count }, prepare)
  const nodes = await Promise.all(ports.map(port => begin(spare.shift() as ChildProcess, port)))
  const box = await startProgram({ ...(await configured(balancer, ports)), isReady: serves })
  // No balancer leads to it.
  const log = redisLog({ url: redis, retain: 100_000, patience: 2_000 })
  const publisher = createHub({ log })
  const books = createClient({ url: where })
  await books.connect()
  return {
    url: `${box.url}/live`,
    published,
    failures,
    errors,
    connects,
    refused,
    flow,
    history,
    end: (at, signal) => end(nodes[at] as ChildProcess, signal),
    replace,
    restart,
    tell,
    taken: () => books.lRange('taken', 0, -1),
    close,
  }

  function prepare(): ChildProcess {
    const program = fileURLToPath(new URL('node.ts', import.meta.url))
    const given: NodeOptions = { redis: way, books: where, hub }
    const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(given)], {
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
    const listens = word(child, 'listens')
    child.send(port)
    await listens
    return child
  }

  /** Of two words that come at once both are heard. */
  function word<Type extends Told['type']>(
    child: ChildProcess,
    type: Type,
  ): Promise<Extract<Told, { type: Type }>> {
    return new Promise(resolve => {
      const listen = (told: Told) => {
        if (told.type !== type) return
        child.off('message', listen)
        resolve(told as Extract<Told, { type: Type }>)
      }
      child.on('message', listen)
    })
  }

  function flow(every: number): () => Promise<void> {
    let going = true
    let last = 0
    const flowing = (async () => {
      while (going) {
        const data = `message ${++last}`
        // What is told as a failure may have been kept: `history` knows.
        const id = await publisher.publish('lobby', data).catch(error => void failures.push(String(error)))
        if (id) published.push({ id, data })
        await sleep(every)
      }
    })()
    return () => {
      going = false
      return flowing
    }
  }

  async function history(): Promise<Published[]> {
    const [first] = published
    const found = first ? [first] : []
    for (let cursor = first?.id, more = first !== undefined; more; ) {
      const page = await log.after(cursor, ['lobby'])
      for (const { id, text } of page.entries) {
        const [block] = createParser().feed(text)
        found.push({ id, data: block?.data ?? '' })
      }
      cursor = page.entries.at(-1)?.id ?? cursor
      more = page.more
    }
    return found
  }

  async function tell(at: number, order: Exclude<Order, number>): Promise<Look> {
    const child = nodes[at] as ChildProcess
    const done = word(child, 'done')
    child.send(order)
    return (await done).look
  }

  async function replace(at: number): Promise<void> {
    nodes[at] = await begin(spare.shift() ?? prepare(), ports[at] as number)
  }

  async function restart(): Promise<void> {
    for (const at of ports.keys()) {
      await end(nodes[at] as ChildProcess)
      await replace(at)
      // HAProxy looks every half second whether it is there. Who is told by one server after the other to come at once, within two seconds, waits.
      await sleep(3_000)
    }
  }

  async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const over = once(child, 'exit')
    child.kill(signal)
    await over
  }

  async function close(): Promise<void> {
    await Promise.all(nodes.map(child => end(child)))
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

/** A balancer as docs/load-balancers.md has it, or nginx without what keeps a client on its node there. */
async function configured(balancer: 'haproxy' | 'round-robin', ports: readonly number[]): Promise<Program> {
  const name = balancer === 'haproxy' ? 'haproxy' : 'nginx'
  const page = await readFile('docs/load-balancers.md', 'utf8')
  const [, rules = ''] =
    (name === 'nginx' ? /```nginx\n([\s\S]*?)```/ : /```haproxy\n([\s\S]*?)```/).exec(page) ?? []
  const shown = balancer === 'haproxy' ? rules : rules.replace(/^ *hash .*\n/m, '')
  return documented(name, shown, text =>
    text.replace(/\bnode-(\d):8080/g, (_, nth) => `127.0.0.1:${ports[nth - 1]}`),
  )
}
