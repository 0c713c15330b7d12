/**
 * Where a page's time goes in a burst: `npx tsx bench/profile.ts "throughline websocket" [messages]`.
 *
 * Prints the functions that the browser's sampling profiler found at work most of the time, with their share; "(program)" is the
 * browser's own code, "(idle)" waiting. The names of those who take part are in stage/contestants.ts. Sampling costs time too:
 * take speeds from the question of throughput.
 */
import { columns } from './report/columns.ts'
import { contestants } from './stage/contestants.ts'
import { openStage, type Visit } from './stage/stage.ts'

const [name = 'throughline websocket', messages = '50000'] = process.argv.slice(2)
const turn = { once: 1_000, every: 0 }
const shown = 25

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; lineNumber: number } }[]
  readonly samples: readonly number[]
  /** In µs. */
  readonly timeDeltas: readonly number[]
}

const contestant = contestants.find(each => each.name === name)
if (!contestant) throw new Error(`"${name}": there are ${contestants.map(each => each.name).join(', ')}`)
// The scripts of pages keep the names of their functions then.
process.env.BENCH_READABLE = '1'
const stage = await openStage()
try {
  console.log(columns(await stage.visit(contestant, profile)))
} finally {
  await stage.close()
}

async function profile({ page, burst }: Visit): Promise<string[][]> {
  await burst(2_000, 100, turn)
  await page.ask('Profiler.enable')
  await page.ask('Profiler.setSamplingInterval', { interval: 200 })
  await page.ask('Profiler.start')
  await burst(Number(messages), 100, turn)
  const { profile } = await page.ask<{ profile: Profile }>('Profiler.stop')
  return rowsOf(profile)
}

function rowsOf({ nodes, samples, timeDeltas }: Profile): string[][] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, lineNumber } }) => [
      id,
      lineNumber < 0 ? functionName : `${functionName || 'a function'}, line ${lineNumber + 1}`,
    ]),
  )
  const times = new Map<string, number>()
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? ''
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0))
  }
  const all = [...times.values()].reduce((sum, time) => sum + time, 0)
  const most = [...times].sort(([, a], [, b]) => b - a).slice(0, shown)
  return most.map(([name, time]) => [
    name,
    `${(time / 1_000).toFixed(1)} ms`,
    `${((100 * time) / all).toFixed(1)} %`,
  ])
}
