/**
 * Whether a page stays usable while messages pour in: `npm run bench -- --only main-thread`.
 *
 * Method. A page whose line is open hears 10,000 messages of 100 bytes in a second, for five seconds, and a second later 10,000 at once;
 * its handler counts and does nothing else. The browser's own trace says how long each task of the page's main thread was
 * (`RunTask`, in its category "toplevel"), and an animation frame is asked for all the time: how many came, and the longest wait for one.
 * Recording each task slows those with a task for each message a little.
 */
import { median, sum } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atLeast, atMost, type Bar, type Found, question, type Row } from '../report/findings.ts'
import type { Browser } from '../stage/browser.ts'
import { type Contestant, contestants as everybody } from '../stage/contestants.ts'
import { inRounds, type Stage, type Visit } from '../stage/stage.ts'

const size = 100
const pouring = { once: 100, every: 10 }
const atOnce = { once: 10_000, every: 0 }

/** What is asked of the frames while messages pour in: of all that an idle page has, this share. */
const held = 0.95

const contestants: readonly Contestant[] = everybody.filter(
  ({ kind, name }) => kind !== 'peer' || /socket.io/.test(name),
)

/** Each has one figure of each round. */
interface Run {
  readonly contestant: Contestant
  /** The longest task in ms: while messages pour in, and when they come at once. */
  readonly poured: number[]
  readonly burst: number[]
  /** Frames per second, and the longest wait for one in ms, while messages pour in. */
  readonly frames: number[]
  readonly wait: number[]
  /** Frames per second of the same page before. */
  readonly idle: number[]
}

export const mainThread = question(
  {
    name: 'main-thread',
    title: 'The main thread under load',
    intro: '10,000 messages of 100 bytes in a second, and 10,000 at once.',
  },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 3
  const seconds = quick ? 1 : 5
  const runs = contestants
    .filter(({ name }) => name.includes(part))
    .map((contestant): Run => ({ contestant, poured: [], burst: [], frames: [], wait: [], idle: [] }))
  const machine = await inRounds(rounds, runs, (stage, run) => measure(stage, run, seconds))
  return {
    machine,
    rounds,
    tables: [
      {
        name: 'main-thread',
        title: 'Tasks and frames',
        what: 'Times in ms.',
        columns: [
          { name: 'longest task', digits: 1 },
          { name: 'longest task, all at once', digits: 1 },
          { name: 'frames/s', digits: 1 },
          { name: 'frames/s, idle', digits: 1 },
          { name: 'longest wait for a frame', digits: 0 },
        ],
        rows: runs.map(rowOf),
        chart: { of: 0, title: 'ms of the longest task, 10,000 messages/s', from: 0.1, to: 1_000 },
      },
    ],
    bars: runs.filter(({ contestant }) => contestant.kind === 'ours').flatMap(barsOf),
  }
}

function measure(stage: Stage, run: Run, seconds: number): Promise<void> {
  return stage.visit(run.contestant, async visit => {
    await visit.burst(2_000, size, pouring)
    run.idle.push((await framesOf(visit, () => visit.page.run('new Promise(r => setTimeout(r, 1000))'))).rate)
    const poured = await tasksOf(stage.browser, async () => {
      const { rate, longest } = await framesOf(visit, () => visit.burst(10_000 * seconds, size, pouring))
      run.frames.push(rate)
      run.wait.push(longest)
    })
    run.poured.push(Math.max(...poured))
    run.burst.push(Math.max(...(await tasksOf(stage.browser, () => visit.burst(10_000, size, atOnce)))))
  })
}

/** How often the page could have drawn meanwhile. */
async function framesOf({ page }: Visit, act: () => Promise<unknown>) {
  await page.run('bench.draw()')
  await act()
  const { times } = await page.run<{ times: number[] }>('bench.drawn()')
  const waits = times.slice(1).map((time, at) => time - (times[at] ?? 0))
  return { rate: waits.length / (sum(waits) / 1_000), longest: Math.max(...waits) }
}

/** A task as the browser writes it down; `dur` in µs. */
interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly dur?: number
  readonly args?: { name?: string }
}

/** The lengths of all tasks of the pages' main threads meanwhile, in ms. */
async function tasksOf(browser: Browser, act: () => Promise<unknown>): Promise<number[]> {
  const events: TraceEvent[] = []
  const off = browser.on('Tracing.dataCollected', ({ value }: { value: TraceEvent[] }) =>
    events.push(...value),
  )
  await browser.ask('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', '__metadata'] },
  })
  await act()
  const complete = new Promise<void>(resolve => {
    const offComplete = browser.on('Tracing.tracingComplete', () => {
      offComplete()
      resolve()
    })
  })
  await browser.ask('Tracing.end')
  await complete
  off()
  const threads = new Set(
    events.filter(({ args }) => args?.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const tasks = events.filter(
    ({ name, pid, tid }) => name.endsWith('RunTask') && threads.has(`${pid} ${tid}`),
  )
  return tasks.map(({ dur = 0 }) => dur / 1_000)
}

function rowOf({ contestant: { name, kind }, poured, burst, frames, wait, idle }: Run): Row {
  const cells = [poured, burst, frames, idle, wait].map(median)
  return { who: name, kind, cells, spread: [Math.min(...poured), Math.max(...poured)] }
}

function barsOf({ contestant: { name }, poured, burst, frames, idle }: Run): Bar[] {
  return [
    atMost(`${name}: longest task, 10,000 messages/s`, Math.max(...poured), 50, 'ms'),
    atMost(`${name}: longest task, 10,000 at once`, Math.max(...burst), 50, 'ms'),
    atLeast(`${name}: frames ≥ ${held} × idle`, median(frames), held * median(idle), '/s'),
  ]
}
