/**
 * Memory of a page that listens for long: `npm run bench -- --only memory`.
 *
 * Method. A line over XHR streaming hears 1 GB, in bursts of 2 MB (2,000 messages of 1,000 bytes), each when the page has the
 * one before. One over long polling hears an hour of one message per second, accelerated: 3,600 messages of 1,000 bytes, each when
 * the page has the one before, so that each comes by a poll of its own. Eight times on the way all garbage is collected, and the
 * page's heap is weighed (`Runtime.getHeapUsage`, garbage gone), and on Linux also what its process has in memory of its own
 * (`RssAnon`), where responses lie that a page has not let go. The first weighing is after an eighth, when all code has run.
 */
import { readFile } from 'node:fs/promises'
import type { Effort } from '../question.ts'
import { atMost, type Findings, type Found, question, type Row } from '../report/findings.ts'
import type { Browser, Page } from '../stage/browser.ts'
import { type Contestant, ours, plainXhr } from '../stage/contestants.ts'
import { openStage, type Stage } from '../stage/stage.ts'

const weighings = 8
const size = 1_000

interface Course {
  readonly contestant: Contestant
  /** What comes in one piece, and how many pieces there are in all. */
  readonly piece: number
  readonly pieces: number
}

interface Weights {
  readonly course: Course
  /** In MB, after so many MB or messages. */
  readonly heap: (readonly [number, number])[]
  readonly own: number[]
}

export const memory = question(
  { name: 'memory', title: 'Memory of a page', intro: 'After garbage is collected, in MB.' },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const stage = await openStage()
  const measured: Weights[] = []
  try {
    for (const course of coursesOf(quick).filter(({ contestant }) => contestant.name.includes(part)))
      measured.push(await follow(stage, course))
  } finally {
    await stage.close()
  }
  return {
    machine: stage.machine,
    rounds: 1,
    tables: measured.map(tableOf),
    bars: measured.filter(({ course }) => course.contestant.kind === 'ours').map(barOf),
  }
}

function coursesOf(quick: boolean): Course[] {
  const part = quick ? 50 : 1
  const gigabyte = { piece: 2_000, pieces: Math.ceil(512 / part) }
  const hour = { piece: 1, pieces: 3_600 / part }
  return [
    { contestant: ours('xhr-streaming'), ...gigabyte },
    // One response for all of it: what would happen. A tenth is enough to see it.
    { contestant: plainXhr, piece: 2_000, pieces: Math.ceil(32 / part) },
    { contestant: ours('long-polling'), ...hour },
  ]
}

function follow(stage: Stage, course: Course): Promise<Weights> {
  const { contestant, piece, pieces } = course
  const weights: Weights = { course, heap: [], own: [] }
  return stage.visit(contestant, async ({ page, burst }) => {
    const each = Math.max(1, Math.floor(pieces / weighings))
    for (let done = 1; done <= pieces; done++) {
      await burst(piece, size, { once: 500, every: 0 })
      if (done % each) continue
      const { heap, own } = await weigh(page, stage.browser)
      weights.heap.push([(done * piece * size) / 1e6, heap])
      weights.own.push(own)
    }
    return weights
  })
}

async function weigh(page: Page, browser: Browser): Promise<{ heap: number; own: number }> {
  await page.ask('HeapProfiler.collectGarbage')
  const { usedSize } = await page.ask<{ usedSize: number }>('Runtime.getHeapUsage')
  const { processInfo } = await browser.ask<{ processInfo: { type: string; id: number }[] }>(
    'SystemInfo.getProcessInfo',
  )
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => ownOf(id))
  return { heap: usedSize / 1e6, own: Math.max(0, ...(await Promise.all(renderers))) }
}

/** In MB; of all pages the busy one has most. 0 where the system does not tell. */
async function ownOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return (Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024) / 1e6
}

function tableOf({ course: { contestant }, heap, own }: Weights): Findings['tables'][number] {
  const { name, kind, channel } = contestant
  const points = own.map((each, at) => [heap[at]?.[0] ?? 0, each] as const)
  return {
    name: `memory-${kind}-${channel}`,
    title: name,
    what: 'MB streamed, the heap, and what the process has of its own.',
    columns: [
      { name: 'heap, MB', digits: 2 },
      { name: 'process, MB', digits: 1 },
    ],
    rows: heap.map(([streamed, weight], at): Row => {
      const who = `${streamed.toLocaleString('en', { maximumFractionDigits: 1 })} MB`
      return { who, kind, cells: [weight, own[at] ?? null] }
    }),
    chart: {
      title: `${name}: memory by what was streamed`,
      x: 'MB streamed',
      y: 'MB',
      lines: [
        { name: 'heap', kind, points: heap },
        ...(own.every(Boolean) ? [{ name: 'process', kind: 'native' as const, points }] : []),
      ],
    },
  }
}

function barOf({ course: { contestant }, heap }: Weights) {
  const weights = heap.map(([, weight]) => weight)
  const grown = Math.max(...weights) - (weights[0] ?? 0)
  return atMost(`${contestant.name}: heap within 10 MB of the start`, grown, 10, 'MB')
}
