/**
 * Throughput down, and what a message costs the page: `npm run bench -- --only throughput`.
 *
 * Method. A page opens its line over one channel and hears a burst of 2,000 messages. Then the server sends 100,000 messages of 100
 * bytes, 1,000 in each turn of its event loop; from the first call of `publish` (`send`, `emit`) until the page's handler has run
 * for the last, by the one clock that the machine's processes share. The handler counts and does nothing else. This is done three
 * times: the first burst is what a page hears that is new, while engines still learn the code; the third counts for the bars.
 * After that, 600 messages come one by one, 200 in a second. What the page's main thread has spent in either part is what the
 * browser says of its tasks (`TaskDuration`), network and rendering threads not included.
 *
 * Every visit has a page and a process of its own, in a Chromium that nobody drives while it measures (stage/browser.ts says
 * why). In each round everybody is measured once, another one first each round. Servers run in one other process
 * (stage/backend.ts). "native" and "plain" are what a page and a server do without a library: one message in a frame or an
 * event, one growing response, read by `fetch` as ours is or by XHR, one answer with all that waits. Our hub keeps 110,000 messages, since a page may fall that far
 * behind. Peers have their defaults and one transport; those marked * have a minimal implementation of their server.
 */
import { median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import {
  atLeast,
  atMost,
  type Bar,
  type Findings,
  type Found,
  question,
  type Row,
} from '../report/findings.ts'
import { type Contestant, channels, contestants, natives, type PipeName } from '../stage/contestants.ts'
import { inRounds, type Stage } from '../stage/stage.ts'

const size = 100
const warm = 2_000
const turn = { once: 1_000, every: 0 }
const pace = { once: 1, every: 5 }

/** What one message alone may cost the page, of what it costs without a library. */
const near = 1.1

/** What each round brought of one contestant. */
interface Run {
  readonly contestant: Contestant
  /** Messages per second in the first burst, and in the third. */
  readonly first: number[]
  readonly speeds: number[]
  /** Of the page's time for one message, in µs: in the burst, and one by one. */
  readonly burst: number[]
  readonly paced: number[]
}

export const throughput = question(
  {
    name: 'throughput',
    title: 'Throughput down, and page time',
    intro: 'Bursts of 100,000 messages of 100 bytes, then 600 one by one.',
  },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 5
  const count = quick ? 20_000 : 100_000
  const single = quick ? 100 : 600
  const runs = contestants
    .filter(({ name }) => name.includes(part))
    .map((contestant): Run => ({ contestant, first: [], speeds: [], burst: [], paced: [] }))
  const machine = await inRounds(rounds, runs, (stage, run) => measure(stage, run, count, single))
  return {
    machine,
    rounds,
    tables: tablesOf(runs),
    bars: barsOf(runs),
  }
}

function measure(stage: Stage, run: Run, count: number, single: number): Promise<void> {
  return stage.visit(run.contestant, async visit => {
    await visit.burst(warm, size, turn)
    const first = await visit.burst(count, size, turn)
    await visit.burst(count, size, turn)
    const burst = await visit.burst(count, size, turn)
    const paced = await visit.burst(single, size, pace)
    run.first.push((count / first.took) * 1_000)
    run.speeds.push((count / burst.took) * 1_000)
    run.burst.push((burst.busy / count) * 1_000)
    run.paced.push((paced.busy / single) * 1_000)
  })
}

function tablesOf(runs: readonly Run[]): Findings['tables'] {
  const base = speedOf(runs, natives.websocket)
  const speeds = runs.map((run): Row => {
    const { name, kind, channel } = run.contestant
    const speed = median(run.speeds)
    const cells = [
      speed,
      speed / base,
      speed / speedOf(runs, natives[channel]),
      median(run.burst),
      median(run.first),
    ]
    return { who: name, kind, cells: cells.map(numberOrNot), spread: spreadOf(run.speeds) }
  })
  const costs = runs.map((run): Row => {
    const { name, kind } = run.contestant
    return { who: name, kind, cells: [median(run.paced)], spread: spreadOf(run.paced) }
  })
  return [
    {
      name: 'throughput-burst',
      title: 'In a burst',
      what: 'Page time is of its main thread, for one message.',
      columns: [
        { name: 'messages/s', digits: 0 },
        { name: '÷ native WebSocket', digits: 2 },
        { name: '÷ native or plain, same channel', digits: 2 },
        { name: 'page, µs', digits: 2 },
        { name: 'messages/s, first burst', digits: 0 },
      ],
      rows: speeds,
      chart: { of: 0, title: 'Burst: messages per second', from: 10_000, to: 2_000_000 },
    },
    {
      name: 'throughput-paced',
      title: 'One by one',
      what: '200 messages in a second, each alone.',
      columns: [{ name: 'page, µs', digits: 0 }],
      rows: costs,
      chart: { of: 0, title: 'One by one: µs of page time per message', from: 10, to: 10_000 },
    },
  ]
}

function barsOf(runs: readonly Run[]): Bar[] {
  const bars = channels.flatMap(channel => barsOfChannel(runs, channel))
  const [ws, native] = [runOf(runs, 'throughline websocket'), runOf(runs, natives.websocket)]
  if (!ws || !native) return bars
  const tenfold = atLeast(
    'throughline websocket ≥ 10 × native WebSocket',
    median(ws.speeds) / median(native.speeds),
    10,
    '×',
  )
  return [tenfold, ...bars]
}

function barsOfChannel(runs: readonly Run[], channel: PipeName): Bar[] {
  const ours = runOf(runs, `throughline ${channel}`)
  if (!ours) return []
  const others = runs.filter(({ contestant }) => contestant.channel === channel && contestant.kind !== 'ours')
  return others.flatMap(other => {
    const { name, kind } = other.contestant
    const speed = atLeast(
      `throughline ${channel} ≥ ${name}, burst`,
      median(ours.speeds),
      median(other.speeds),
      'messages/s',
    )
    const share = kind === 'native' ? 1 : name.startsWith('socket.io') ? 0.5 : undefined
    if (share === undefined) return [speed]
    const words = (factor: number) =>
      `throughline ${channel} ≤ ${factor === 1 ? '' : `${factor} × `}${name}, page time`
    const alone = share === 1 ? near : share
    const [limit, paced] = [share * median(other.burst), alone * median(other.paced)]
    return [
      speed,
      atMost(`${words(share)} in a burst`, median(ours.burst), limit, 'µs'),
      atMost(`${words(alone)} one by one`, median(ours.paced), paced, 'µs'),
    ]
  })
}

function runOf(runs: readonly Run[], name: string | undefined): Run | undefined {
  return runs.find(({ contestant }) => contestant.name === name)
}

function speedOf(runs: readonly Run[], name: string | undefined): number {
  return median(runOf(runs, name)?.speeds ?? [])
}

function numberOrNot(figure: number): number | null {
  return Number.isFinite(figure) ? figure : null
}

function spreadOf(samples: readonly number[]): [number, number] {
  return [Math.min(...samples), Math.max(...samples)]
}
