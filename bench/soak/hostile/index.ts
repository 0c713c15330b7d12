/**
 * A thousand honest clients, and then a hundred beside them that never read, ask without end, pipeline, send what is huge, abandon what
 * they began and reconnect. The honest ones must hear and send exactly what they would without, hardly later, and the server must live
 * and not grow: `npm run soak -- --hostile --minutes 10`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { connect, longPolling, native, type Transport, websocket } from '../../../src/core.ts'
import { fetchStreaming } from '../../../src/transports/fetch-streaming.ts'
import type { Told } from './server.ts'

/** How many honest clients come by each transport, of a thousand. */
const shares: [Transport, number][] = [
  [websocket, 600],
  [fetchStreaming, 250],
  [longPolling, 150],
]
const sendsEvery = 10_000
const settling = 60_000

/** How much later an honest client may hear, and how much larger the heap may be at the end, in times and in MB. */
const allowance = { latency: 2, heap: 1.5, megabytes: 64 }

type Health = Extract<Told, { type: 'health' }>

export async function soakHostile(minutes: number, honest: number): Promise<void> {
  const server = start('server', ['--expose-gc'])
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  const healths: Health[] = []
  server.on('message', told => healths.push(told as Health))
  const crowd = openCrowd(`http://127.0.0.1:${port}/live?topic=lobby`, honest)
  await crowd.settled()
  console.log(`${honest} honest clients are there`)

  const calm = await measure('without', Math.max(20, minutes * 12))
  const attackers = start('attackers', [], [`${port}`, `${honest / 10}`])
  const harried = await measure('beside the hostile tenth', minutes * 60)
  attackers.kill()
  crowd.stopSending()
  const healed = await crowd.settled()
  const wrong = [
    ...crowd.mistakes(),
    ...(healed ? [] : ['not every honest client has heard all in time']),
    ...judge(),
  ]
  if (server.exitCode !== null || server.signalCode !== null) wrong.push('the server has died')
  crowd.close()
  server.disconnect()

  for (const [kind, count] of Object.entries(kindsOf(wrong))) console.log(`${count} × ${kind}`)
  for (const each of wrong.slice(0, 20)) console.log(each)
  console.log(wrong.length === 0 ? 'clean' : `${wrong.length} mistakes`)
  process.exit(wrong.length === 0 ? 0 : 1)

  async function measure(name: string, seconds: number) {
    crowd.latencies.length = 0
    healths.length = 0
    const before = crowd.counts()
    const own = monitorEventLoopDelay({ resolution: 10 })
    own.enable()
    await sleep(seconds * 1_000)
    own.disable()
    const sorted = crowd.latencies.slice().sort((one, other) => one - other)
    const after = crowd.counts()
    const [first, last] = [healths[Math.floor(healths.length / 5)], healths.at(-1)]
    const standstill = Math.max(...healths.map(health => health.standstill))
    console.log(
      `${name}, ${seconds.toFixed()} s: ${sorted.length} heard, p50 ${at(sorted, 0.5)} ms, p99 ${at(sorted, 0.99)} ms, most ${at(sorted, 1)} ms; ` +
        `${after.taken - before.taken} taken, ${after.refused - before.refused} not; ${after.errors - before.errors} errors of honest lines; ` +
        `server: heap ${mb(first?.heap)} to ${mb(last?.heap)} MB (most ${mb(Math.max(...healths.map(({ heap }) => heap)))}), ` +
        `rss ${mb(last?.rss)} MB, ${last?.sessions} sessions, ${last?.lines} lines, longest standstill ${standstill.toFixed()} ms. ` +
        // What is late because of these is not the server's.
        `The honest clients' own: ${(own.max / 1e6).toFixed()} ms; load of the machine ${loadavg()[0]?.toFixed()}`,
    )
    return { p99: at(sorted, 0.99), heap: [first?.heap ?? 0, last?.heap ?? 0] as const }
  }

  function judge(): string[] {
    const ratio = harried.p99 / calm.p99
    console.log(`p99 beside the hostile tenth is ${ratio.toFixed(2)} times that without`)
    const [first, last] = harried.heap
    const most = first * allowance.heap + allowance.megabytes
    return [
      ...(ratio > allowance.latency
        ? [`p99 is ${ratio.toFixed(2)} times as long, more than ${allowance.latency}`]
        : []),
      ...(last > most ? [`the heap has ${mb(last)} MB at the end, more than ${mb(most)}`] : []),
    ]
  }
}

/** Honest clients, each with a book of what it heard and what became of what it sent. */
function openCrowd(url: string, count: number) {
  const latencies: number[] = []
  const wrong: string[] = []
  const counts = { taken: 0, refused: 0, errors: 0 }
  const clients = shares
    .flatMap(([transport, share]) => Array<Transport>(Math.round((share * count) / 1_000)).fill(transport))
    .map(openOne)
  return {
    latencies,
    counts: () => ({ ...counts }),
    mistakes: () => wrong,
    stopSending() {
      for (const client of clients) client.stop()
    },
    /** Whether every client is open, has its answers and has heard the same as all others, within a while. */
    async settled(): Promise<boolean> {
      const deadline = Date.now() + settling
      while (Date.now() < deadline) {
        await sleep(200)
        const last = clients.map(client => client.last())
        if (clients.every(client => client.idle()) && Math.max(...last) - Math.min(...last) <= 2 && last[0])
          return true
      }
      return false
    },
    close() {
      for (const client of clients) client.close()
    },
  }

  function openOne(transport: Transport, index: number) {
    const line = connect(url, { transport, dialect: native, environment: { WebSocket } as never })
    const name = `${transport.name} ${index}`
    let last = 0
    let sent = 0
    let answered = 0
    let pending = 0
    line.onmessage = ({ data }) => {
      if (data.startsWith('re ')) {
        if (data !== `re ${++answered}`) wrong.push(`${name}: "${data}" as answer ${answered}`)
        return
      }
      const [number = 0, time = 0] = data.split(' ').map(Number)
      if (last && number !== last + 1) wrong.push(`${name}: ${number} came after ${last}`)
      last = number
      latencies.push(Date.now() - time)
    }
    line.addEventListener('gap', () => wrong.push(`${name}: a gap`))
    line.onerror = () => counts.errors++
    line.addEventListener('close', () => wrong.push(`${name}: closed for good`))
    const sending = setInterval(send, sendsEvery * (0.5 + Math.random()))
    return {
      last: () => last,
      idle: () => line.readyState === 1 && pending === 0 && answered === sent,
      stop: () => clearInterval(sending),
      close: () => line.close(),
    }

    function send(): void {
      const number = ++sent
      pending++
      line
        .send(`${number}`)
        .then(
          () => counts.taken++,
          error => {
            counts.refused++
            wrong.push(`${name}: ${number} was not taken: ${error.kind}`)
          },
        )
        .finally(() => pending--)
    }
  }
}

function start(name: string, flags: string[] = [], args: string[] = []): ChildProcess {
  return fork(new URL(`${name}.ts`, import.meta.url), args, { execArgv: ['--import', 'tsx', ...flags] })
}

function kindsOf(wrong: readonly string[]): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const each of wrong) {
    const kind = each.replace(/\d+/g, '…')
    kinds[kind] = (kinds[kind] ?? 0) + 1
  }
  return kinds
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function mb(value = Number.NaN): string {
  return value.toFixed()
}
