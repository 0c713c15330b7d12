/**
 * What it costs that a request comes to another node than the one where its session lives: `npx tsx bench/any-node.ts`.
 *
 * Method. Two processes, each a hub, share a Redis. A session begins at the first. Then the same is asked of the first and of the second in turn, for five rounds: POSTs of one message of
 * 100 characters one after the other on a connection that is kept, and messages over a WebSocket, each acknowledged before the next goes. Counted is what both processes have used of their
 * processor (`process.cpuUsage`), and the time from the question to the answer. "move" is what is compared with: the two questions to Redis that it takes to let a session of 1 kB go and take it up elsewhere, each way, without
 * anything that has to be done with it then. Medians; client, nodes and Redis share one machine.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { createHub, redisLog } from '../server/index.ts'
import { startRedis } from '../test/server/redis.ts'
import { median } from './numbers.ts'

type Order = 'cpu' | 'nodes' | 'move'

const rounds = 5
const requests = 500
const text = 'x'.repeat(100)

if (process.send) await serve(process.argv[2] ?? '')
else await measure()

async function serve(url: string): Promise<void> {
  const log = redisLog({ url })
  const hub = createHub({ log, limits: { sendsPerSecond: 1_000_000 } })
  hub.on('message', () => {})
  const server = http.createServer()
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.on('message', async (order: Order) => process.send?.(await carryOut(order)))
  process.send?.((server.address() as AddressInfo).port)

  async function carryOut(order: Order): Promise<number> {
    if (order === 'nodes') return hub.stats().nodes
    if (order === 'move') return move()
    const { user, system } = process.cpuUsage()
    return user + system
  }

  async function move(): Promise<number> {
    const { registry } = log
    for (let turn = 0; turn < requests; turn++) {
      const there = await registry?.get('session:x')
      await registry?.compareAndSet('session:x', there, `${turn} ${'x'.repeat(1_000)}`, 60_000)
    }
    return 0
  }
}

async function measure(): Promise<void> {
  const redis = await startRedis('saved')
  const nodes = [1, 2].map(() => fork(fileURLToPath(import.meta.url), [redis.url]))
  const tell = async (node: (typeof nodes)[number], order: Order) => {
    node.send(order)
    return ((await once(node, 'message')) as [number])[0]
  }
  const ports = await Promise.all(nodes.map(async node => ((await once(node, 'message')) as [number])[0]))
  for (const node of nodes) while ((await tell(node, 'nodes')) < 2) await sleep(100)
  const used = async () =>
    (await Promise.all(nodes.map(node => tell(node, 'cpu')))).reduce((all, each) => all + each, 0)
  const found: Record<string, { cpu: number[]; time: number[] }> = {}
  const agent = new http.Agent({ keepAlive: true })
  const sid = await begin(ports[0] as number)
  let number = 0

  for (let round = 0; round < rounds; round++) {
    for (const [name, port] of [
      ['here', ports[0]],
      ['elsewhere', ports[1]],
    ] as const) {
      await count(`POST, ${name}`, () => post(port as number, sid, ++number))
      const socket = await open(port as number, sid)
      await count(`WebSocket, ${name}`, () => send(socket, ++number))
      socket.close()
    }
    const before = await used()
    const from = performance.now()
    await tell(nodes[1] as (typeof nodes)[number], 'move')
    keep('move', (await used()) - before, performance.now() - from)
  }
  for (const [name, { cpu, time }] of Object.entries(found))
    console.log(
      `${name}: ${Math.round(median(cpu))} µs of the nodes' processors, answered after ${median(time).toFixed(2)} ms`,
    )
  agent.destroy()
  for (const node of nodes) node.kill()
  await redis.close()

  async function count(name: string, act: () => Promise<unknown>): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await act()
    const before = await used()
    const from = performance.now()
    for (let turn = 0; turn < requests; turn++) await act()
    keep(name, (await used()) - before, performance.now() - from)
  }

  function keep(name: string, cpu: number, time: number): void {
    found[name] ??= { cpu: [], time: [] }
    found[name].cpu.push(cpu / requests)
    found[name].time.push(time / requests)
  }

  function post(port: number, sid: string, number: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const body = `id: ${number}\ndata: ${text}\n\n`
      const asking = http.request(
        {
          port,
          host: '127.0.0.1',
          path: `/live?rt.via=post&rt.sid=${sid}`,
          method: 'POST',
          agent,
          headers: { 'content-type': 'text/event-stream' },
        },
        answer => {
          if (answer.statusCode !== 200) reject(new Error(`POST was answered ${answer.statusCode}`))
          answer.resume().once('end', resolve)
        },
      )
      asking.once('error', reject).end(body)
    })
  }
}

async function begin(port: number): Promise<string> {
  const answer = await fetch(
    `http://127.0.0.1:${port}/live?rt.v=2&rt.via=long-polling&rt.n=0&rt.line=${'l'.repeat(32)}`,
  )
  return JSON.parse(/data: (.*)/.exec(await answer.text())?.[1] ?? '').session
}

async function open(port: number, sid: string): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live?rt.v=2&rt.via=websocket&rt.sid=${sid}`)
  await once(socket, 'message')
  return socket
}

async function send(socket: WebSocket, number: number): Promise<void> {
  socket.send(`id: ${number}\ndata: ${text}\n\n`)
  await once(socket, 'message')
}
