/** The server that is attacked, in a process of its own: it tells once a second how it is. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createHub } from '../../../server/index.ts'

/** What the server tells the soak. */
export type Told =
  | { type: 'listens'; port: number }
  | { type: 'health'; heap: number; rss: number; sessions: number; lines: number; standstill: number }

const hub = createHub()
hub.on('message', ({ data, reply }) => reply(`re ${String(data).slice(0, 100)}`))
hub.on('error', error => console.log(`the server reports: ${error}`))
const server = http.createServer((_, response) => response.writeHead(404).end())
hub.attach(server)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
tell({ type: 'listens', port: (server.address() as AddressInfo).port })

let published = 0
setInterval(() => void hub.publish('lobby', `${++published} ${Date.now()}`), 1_000 / 3)

const standstill = monitorEventLoopDelay({ resolution: 10 })
standstill.enable()
setInterval(() => {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  const { sessions, lines } = hub.stats()
  tell({
    type: 'health',
    heap: (heapUsed + external) / 2 ** 20,
    rss: rss / 2 ** 20,
    sessions,
    lines: Object.values(lines).reduce((sum, count) => sum + count),
    standstill: standstill.max / 1e6,
  })
  standstill.reset()
}, 2_000)
process.on('disconnect', () => process.exit())

function tell(told: Told): void {
  process.send?.(told)
}
