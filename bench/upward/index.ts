/**
 * Upward beside a channel that only receives: `npm run bench -- --only upward`.
 *
 * Method. A page whose line is open sends 10,000 messages of 100 bytes as fast as it may: at most 9,000 are on their way at once where
 * the library says when one was taken (our outbox holds 10,000), all at once where it does not. Timed from the first call of
 * `send` until the server has heard the last, by the one clock that the machine's processes share. "one request per message"
 * is a `fetch` for each, of which the browser lets six run at once. Each is done once before, with 500 messages, to be warm.
 *
 * Browser, servers and names are those of the question of throughput.
 */
import { median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atLeast, type Bar, type Found, question, type Row } from '../report/findings.ts'
import { type Contestant, native, ours, peer } from '../stage/contestants.ts'
import { inRounds, type Stage } from '../stage/stage.ts'

const size = 100
const window = 9_000
/** The same for the single requests: the browser refuses more than it can keep waiting. */
const requests = 900
const warm = 500

const contestants: readonly Contestant[] = [
  { ...native('eventsource', 'native-eventsource'), name: 'one request per message' },
  ours('eventsource'),
  ours('xhr-streaming'),
  ours('long-polling'),
  ours('jsonp'),
  peer('socket.io', 'long-polling', 'socket-io', 'polling'),
  peer('sockjs', 'xhr-streaming', 'sockjs', 'xhr-streaming'),
  peer('sockjs', 'long-polling', 'sockjs', 'xhr-polling'),
  peer('SignalR*', 'eventsource', 'signalr', 'eventsource'),
  peer('SignalR*', 'long-polling', 'signalr', 'long-polling'),
]

interface Run {
  readonly contestant: Contestant
  /** Messages per second. */
  readonly speeds: number[]
}

export const upward = question(
  {
    name: 'upward',
    title: 'Upward over POST',
    intro: '10,000 messages of 100 bytes, from the first `send` until the server has all.',
  },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 5
  const count = quick ? 1_000 : 10_000
  const runs = contestants
    .filter(({ name }) => name.includes(part))
    .map((contestant): Run => ({ contestant, speeds: [] }))
  const machine = await inRounds(rounds, runs, (stage, run) => measure(stage, run, count))
  const single = speedOf(runs, 'one request per message')
  return {
    machine,
    rounds,
    tables: [
      {
        name: 'upward',
        title: 'Messages taken in a second',
        what: 'JSONP sends in the addresses of scripts.',
        columns: [
          { name: 'messages/s', digits: 0 },
          { name: '÷ one request per message', digits: 1 },
        ],
        rows: runs.map(({ contestant: { name, kind }, speeds }): Row => {
          const ratio = median(speeds) / single
          const cells = [median(speeds), Number.isFinite(ratio) ? ratio : null]
          return { who: name, kind, cells, spread: [Math.min(...speeds), Math.max(...speeds)] }
        }),
        chart: { of: 0, title: 'Upward: messages per second', from: 100, to: 1_000_000 },
      },
    ],
    bars: barsOf(runs, single),
  }
}

function measure(stage: Stage, { contestant, speeds }: Run, count: number): Promise<void> {
  return stage.visit(contestant, async visit => {
    const most = contestant.kind === 'native' ? requests : window
    await visit.send(warm, size, most)
    speeds.push((count / (await visit.send(count, size, most))) * 1_000)
  })
}

function barsOf(runs: readonly Run[], single: number): Bar[] {
  const bars = runs.flatMap(({ contestant, speeds }) => {
    if (contestant.kind !== 'ours' || contestant.channel === 'jsonp') return []
    const words = `${contestant.name} ≥ 10 × one request per message`
    const tenfold = atLeast(words, median(speeds) / single, 10, '×')
    const peers = runs.filter(run => run.contestant.kind === 'peer')
    return [
      tenfold,
      ...peers.map(peer =>
        atLeast(
          `${contestant.name} ≥ ${peer.contestant.name}`,
          median(speeds),
          median(peer.speeds),
          'messages/s',
        ),
      ),
    ]
  })
  return bars.filter(({ limit }) => Number.isFinite(limit))
}

function speedOf(runs: readonly Run[], name: string): number {
  return median(runs.find(({ contestant }) => contestant.name === name)?.speeds ?? [])
}
