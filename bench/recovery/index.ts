/**
 * All sockets are cut while messages come: `npm run bench -- --only recovery`.
 *
 * Method. Page and server are joined by a TCP proxy. The server sends 100 messages in a second, numbered, for six seconds; after the
 * first second the proxy resets every connection, and takes new ones at once. Lost are the numbers that the page's handler has
 * not seen three seconds after the last was sent, doubled those it has seen twice; the time to the next message is from the cut
 * until the handler runs next, by the one clock that the machine's processes share.
 *
 * Lines have been open for a second before; one of ours also for 31 s, after which the first cut counts as the first.
 *
 * Peers have their defaults for reconnecting; sockjs has none, and is left out. socket.io also takes part with its "connection
 * state recovery". The native EventSource has a server that gives no ids and keeps nothing. Those marked * have a minimal
 * implementation of their server, without the recovery that the real one may offer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { startTcpProxy, type TcpProxy } from '../../e2e/fixtures/tcp-proxy.ts'
import { median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atMost, type Bar, type Found, question, type Row } from '../report/findings.ts'
import { monotonic } from '../stage/clock.ts'
import { type Contestant, channels, native, ours, peer } from '../stage/contestants.ts'
import { inRounds, type Stage } from '../stage/stage.ts'

const size = 100
const pace = { once: 1, every: 10 }
const count = 600
const cutAfter = 1_000
const patience = 3_000

/** For how long a line was open before messages come, in ms: by then what has to prove itself or to move up has done so. */
const usualAge = 1_000

interface Aged extends Contestant {
  readonly age?: number
}

const anyChannel = { kind: 'ours', channel: 'websocket', server: 'throughline', page: 'throughline' } as const

const contestants: readonly Aged[] = [
  native('eventsource', 'native-eventsource'),
  ...channels.map(ours),
  { name: 'throughline', ...anyChannel },
  { name: 'throughline, open for 31 s', ...anyChannel, age: 31_000 },
  { name: 'socket.io', kind: 'peer', channel: 'websocket', server: 'socket-io', page: 'socket-io' },
  {
    name: 'socket.io, recovering',
    kind: 'peer',
    channel: 'websocket',
    server: 'socket-io-recovering',
    page: 'socket-io',
  },
  peer('SignalR*', 'websocket', 'signalr', 'websocket'),
  peer('centrifuge*', 'websocket', 'centrifuge', 'websocket'),
]

/** Each has one figure of each round. */
interface Run {
  readonly contestant: Aged
  readonly lost: number[]
  readonly doubled: number[]
  /** In ms. */
  readonly next: number[]
}

export const recovery = question(
  {
    name: 'recovery',
    title: 'All sockets cut',
    intro: '100 messages in a second, and every connection reset.',
  },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 7
  const runs = contestants
    .filter(({ name }) => name.includes(part))
    .map((contestant): Run => ({ contestant, lost: [], doubled: [], next: [] }))
  const machine = await inRounds(rounds, runs, (stage, run) => measure(stage, run))
  return {
    machine,
    rounds,
    tables: [
      {
        name: 'recovery',
        title: 'After the cut',
        what: `Of ${count} messages; "lost" and "doubled" are the worst of the rounds.`,
        columns: [
          { name: 'ms to the next message', digits: 0 },
          { name: 'longest', digits: 0 },
          { name: 'lost', digits: 0 },
          { name: 'doubled', digits: 0 },
        ],
        rows: runs.map(({ contestant: { name, kind }, next, lost, doubled }): Row => {
          const cells = [median(next), Math.max(...next), Math.max(...lost), Math.max(...doubled)]
          return { who: name, kind, cells: cells.map(finite), spread: [Math.min(...next), Math.max(...next)] }
        }),
        chart: { of: 0, title: 'ms from the cut to the next message', from: 1, to: 10_000 },
      },
    ],
    bars: barsOf(runs),
  }
}

async function measure(stage: Stage, { contestant, lost, doubled, next }: Run): Promise<void> {
  const { age = usualAge } = contestant
  let proxy: TcpProxy | undefined
  const between = async (port: number) => {
    proxy = await startTcpProxy(port)
    return proxy.port
  }
  await stage.visit(
    contestant,
    async visit => {
      await sleep(age)
      await visit.note()
      const sent = visit.publish(count, size, pace)
      await sleep(cutAfter)
      const cut = monotonic()
      proxy?.cut('rst')
      const begun = await sent
      await sleep(patience)
      const { numbers, times } = await visit.noted()
      const heard = new Set(numbers)
      lost.push(count - heard.size)
      doubled.push(numbers.length - heard.size)
      // One that was on its way when the cut came is not yet the next.
      const after = (number = 0) => (begun[number - 1] ?? 0) > cut
      next.push((times[numbers.findIndex(after)] ?? Infinity) - cut)
    },
    between,
  )
  await proxy?.close()
}

function barsOf(runs: readonly Run[]): Bar[] {
  const mine = runs.filter(({ contestant }) => contestant.kind === 'ours')
  const best = Math.min(
    ...runs.filter(({ contestant }) => contestant.kind !== 'ours').map(({ next }) => median(next)),
  )
  return mine.flatMap(({ contestant: { name, channel }, lost, doubled, next }) => [
    atMost(`${name}: lost`, Math.max(...lost), 0, ''),
    atMost(`${name}: doubled`, Math.max(...doubled), 0, ''),
    ...(channel === 'xhr-streaming'
      ? [atMost(`${name}: time to the next message`, median(next), 25, 'ms')]
      : []),
    ...(Number.isFinite(best)
      ? [atMost(`${name}: time to the next message ≤ any other's`, median(next), best, 'ms')]
      : []),
  ])
}

function finite(figure: number): number | null {
  return Number.isFinite(figure) ? figure : null
}
