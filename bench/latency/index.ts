/**
 * Latency on an idle line, from `publish` to the handler: `npm run bench -- --only latency`.
 *
 * Method. A page opens its line over one channel and hears a burst of 2,000 messages, and 50 one by one, to be warm. Then the server sends 150 messages of 100 bytes,
 * one each 30 ms, when nothing else is on its way; the time of each is from just before the call of `publish` (`send`, `emit`)
 * until the page's handler runs. Both are read from the one clock that the machine's processes share. In each round everybody is
 * measured once, another one first each round, each time in a page and a process of its own; shown are quantiles of all rounds'
 * messages together. 30 ms are enough for the next poll to be there before the next message.
 *
 * Browser, servers and names are those of the question of throughput.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atMost, type Bar, type Found, question, type Row } from '../report/findings.ts'
import { type Contestant, channels, contestants, natives, type PipeName } from '../stage/contestants.ts'
import { inRounds, type Stage, type Visit } from '../stage/stage.ts'

const size = 100
const pace = { once: 1, every: 30 }
const warm = 50

/** How late a message may be, of how late it is without a library. */
const near = 1.1

/** For how long the last message of a visit is waited for, in ms. */
const patience = 5_000

interface Run {
  readonly contestant: Contestant
  /** Of every message, in ms. */
  readonly times: number[]
}

export const latency = question(
  { name: 'latency', title: 'Latency on an idle line', intro: 'From `publish` to the handler, in ms.' },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 5
  const count = quick ? 40 : 150
  const runs = contestants
    .filter(({ name }) => name.includes(part))
    .map((contestant): Run => ({ contestant, times: [] }))
  const machine = await inRounds(rounds, runs, (stage, run) => measure(stage, run, count))
  return {
    machine,
    rounds,
    tables: [
      {
        name: 'latency',
        title: 'Publish to handler',
        what: 'The chart shows the median, and the range from 1 % to 99 %.',
        columns: [
          { name: 'p50, ms', digits: 2 },
          { name: 'p99, ms', digits: 2 },
          { name: 'p50 ÷ native or plain, same channel', digits: 2 },
        ],
        rows: runs.map(run => rowOf(run, runs)),
        chart: { of: 0, title: 'ms from publish to handler', from: 0.1, to: 100 },
      },
    ],
    bars: channels.flatMap(channel => barsOfChannel(runs, channel)),
  }
}

function measure(stage: Stage, { contestant, times: all }: Run, count: number): Promise<void> {
  return stage.visit(contestant, async visit => {
    await visit.burst(2_000, size, { once: 100, every: 0 })
    await visit.note()
    const sent = await visit.publish(warm + count, size, pace)
    const { numbers, times } = await allNoted(visit, sent.length)
    const late = numbers.map((number, at) => (times[at] ?? 0) - (sent[number - 1] ?? 0))
    all.push(...late.filter((_, at) => (numbers[at] ?? 0) > warm))
  })
}

async function allNoted(visit: Visit, count: number) {
  const deadline = Date.now() + patience
  for (;;) {
    const noted = await visit.noted()
    if (noted.numbers.length >= count || Date.now() > deadline) return noted
    await sleep(50)
  }
}

function rowOf({ contestant: { name, kind, channel }, times }: Run, runs: readonly Run[]): Row {
  const ratio = quantile(times, 0.5) / quantile(timesOf(runs, natives[channel]), 0.5)
  return {
    who: name,
    kind,
    cells: [quantile(times, 0.5), quantile(times, 0.99), Number.isFinite(ratio) ? ratio : null],
    spread: [quantile(times, 0.01), quantile(times, 0.99)],
  }
}

function barsOfChannel(runs: readonly Run[], channel: PipeName): Bar[] {
  const name = `throughline ${channel}`
  const [ours, native] = [timesOf(runs, name), timesOf(runs, natives[channel])]
  if (!ours.length || !native.length) return []
  return [0.5, 0.99].map(share =>
    atMost(
      `${name} ≤ ${near} × ${natives[channel]}, p${share * 100}`,
      quantile(ours, share),
      near * quantile(native, share),
      'ms',
    ),
  )
}

function timesOf(runs: readonly Run[], name: string | undefined): readonly number[] {
  return runs.find(({ contestant }) => contestant.name === name)?.times ?? []
}
