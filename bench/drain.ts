/**
 * Three nodes are restarted one after the other, under traffic: `npm run drain`.
 *
 * Method. Three processes share a Redis and stand behind HAProxy, which is configured as docs/load-balancers.md says. Lines of the SDK in Node are open
 * through it, three of four over WebSocket and the others over fetch streaming with POSTs. Something is published every 50 ms, and each line sends every second.
 * Each node is told to go by SIGTERM, drains, and is started again in its place; three seconds later the next one is told.
 *
 * Shown: for how long a line was without a connection, from its `error` event to its next `open`, of all moves of all lines; how many lines a node let in within its
 * busiest second, against 1.1 times `admission`; whether anything was lost, doubled, out of order or in doubt. Clients, balancer, Redis and nodes share one machine, so times are upper bounds.
 * It exits with 1 where something was lost, doubled or in doubt, and where a node let in more than it may; times are only shown.
 *
 * Flags: `--lines 100 --admission 100` (a second, for each node).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { upwardViolations, violations } from '../test/history.ts'
import { startRedis } from '../test/server/redis.ts'
import { type Client, restartUnderTraffic, startClient } from './drain/clients.ts'
import { startCluster } from './drain/cluster.ts'

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '100' }, admission: { type: 'string', default: '100' } },
})
const lines = Number(values.lines)
const admission = Number(values.admission)
const redis = await startRedis('saved')
const cluster = await startCluster({ redis: redis.url, hub: { admission } })
// They come one after the other, and have been there for a while: whoever was refused, or has just come, waits longer when it is told to come again.
const clients: Client[] = []
for (let nth = 0; nth < lines; nth++) {
  clients.push(startClient(cluster.url, `client ${nth}`, nth % 4 === 3 ? 'fetch-streaming' : 'websocket'))
  await sleep(1000 / admission)
}
await Promise.all(clients.map(({ opened }) => opened))
await sleep(3_000)
await restartUnderTraffic(cluster, clients, 1_000)
const taken = await cluster.taken()
const wrong = clients.flatMap(({ name, heard, sent }) => [
  ...violations(cluster.published, heard),
  ...heard.filter(({ type }) => type === 'gap'),
  ...upwardViolations(sent, taken, data => data.startsWith(`${name} `)),
  ...sent.filter(({ outcome }) => outcome !== 'taken'),
])
for (const client of clients) client.close()
await cluster.close()
await redis.close()

for (const transport of ['websocket', 'fetch-streaming']) {
  const dark = clients.filter(client => client.transport === transport).flatMap(client => client.dark)
  const [half, most, longest] = [0.5, 0.99, 1].map(share => Math.round(quantile(dark, share)))
  console.log(
    `${transport}: ${dark.length} moves, without a connection for ${half} ms (median), ${most} ms (p99), ${longest} ms at most`,
  )
}
const peak = Math.max(...cluster.connects.map(peakOf))
console.log(`busiest second of a node: ${peak} lines let in, of ${Math.floor(1.1 * admission)} that may be`)
console.log('refused:', cluster.refused, ' errors of lines:', tally(clients.flatMap(({ errors }) => errors)))
console.log(
  `${cluster.published.length} published, ${taken.length} taken; wrong: ${wrong.length}`,
  wrong.slice(0, 5),
)
if (cluster.errors.length > 0) console.log('nodes report', cluster.errors)
process.exitCode = wrong.length > 0 || peak > 1.1 * admission ? 1 : 0

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** The most that came within any second. */
function peakOf(times: readonly number[]): number {
  let first = 0
  return times.reduce((peak, time, at) => {
    while ((times[first] as number) <= time - 1_000) first++
    return Math.max(peak, at + 1 - first)
  }, 0)
}

function tally(words: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const word of words) found[word] = (found[word] ?? 0) + 1
  return found
}
