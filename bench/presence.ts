/**
 * What it costs the server that it is known who is in a topic: `npx tsx bench/presence.ts`.
 *
 * Method. The hub is in this process, the clients are in another one: bare WebSockets of 10, 100 or 1,000 people who all hear one topic and ask who is there.
 * Then 40 more come, once each by itself and once all together. Counted is what this process has used of its processor (`process.cpuUsage`), from
 * the first of them until all have heard of the last, divided by 40. "off" is the same with a hub that keeps no presence: what the difference is, presence costs.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { createHub } from '../server/index.ts'
import { median } from './numbers.ts'

/** What the clients are to do; each is answered when it is done. */
type Order = { come: number; apart: number } | { go: true }

const newcomers = 40
/** Longer than what is told of together, in ms. */
const apart = 150

if (process.send) serveOrders(process.argv[2] ?? '')
else await measure()

async function measure(): Promise<void> {
  for (const people of [10, 100, 1_000]) {
    const row: Record<string, number> = {}
    for (const way of ['one by one', 'at once'])
      for (const presence of ['off', 'on']) {
        const found: number[] = []
        for (let round = 0; round < 3; round++)
          found.push(await one(people, presence === 'on', way === 'at once' ? 0 : apart))
        row[`${way}, ${presence}`] = Math.round(median(found))
      }
    console.log(`${people} people, µs of the server's processor for each who comes:`, row)
  }
}

async function one(people: number, isKept: boolean, apart: number): Promise<number> {
  const hub = createHub({ ...(isKept && { presence: ['*'] }), authorize, admission: 100_000 })
  const server = http.createServer()
  hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const crowd = fork(fileURLToPath(import.meta.url), [`ws://127.0.0.1:${port}/live`])
  const tell = async (order: Order) => {
    crowd.send(order)
    await once(crowd, 'message')
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  await once(crowd, 'message')
  await tell({ come: people, apart: 0 })
  const before = process.cpuUsage()
  await tell({ come: newcomers, apart })
  const { user, system } = process.cpuUsage(before)
  await tell({ go: true })
  crowd.kill()
  await hub.close({ within: 0 })
  server.closeAllConnections()
  server.close()
  return (user + system) / newcomers
}

function authorize({ url }: { url: URL }) {
  const principal = url.searchParams.get('user') ?? ''
  return { principal, subscribe: ['*'], presence: { name: `Somebody called ${principal}` } }
}

function serveOrders(url: string): void {
  const sockets: WebSocket[] = []
  process.on('message', async (order: Order) => {
    if ('go' in order) for (const socket of sockets) socket.terminate()
    else await come(order.come, order.apart)
    process.send?.('done')
  })
  process.send?.('ready')

  async function come(count: number, apart: number): Promise<void> {
    const opening: Promise<unknown>[] = []
    for (let n = 0; n < count; n++) {
      const query = `user=${sockets.length}&rt.v=2&rt.via=websocket&rt.s=1&rt.t=${encodeURIComponent('+:room')}`
      const socket = new WebSocket(`${url}?${query}`)
      sockets.push(socket)
      opening.push(once(socket, 'message'))
      if (apart) await new Promise(resolve => setTimeout(resolve, apart))
    }
    await Promise.all(opening)
  }
}
