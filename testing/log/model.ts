import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Entry, Log } from '../../server/index.ts'
import { append, type Case, type Make, seqOf, since } from './steps.ts'

const names = ['a', 'b', 'c'] as const
type Name = (typeof names)[number]
type Counts = Record<Name, number>

/** A number from 0 up to, and without, `below`. */
type Dice = (below: number) => number

/** Histories that are made up, against a model that keeps everything. */
export function histories(count: number, seed: number): Record<string, Case> {
  return {
    'exactly what is missing is given, or one gap and then what is kept, whatever was published, trimmed and read':
      async make => {
        for (let n = 0; n < count; n++) await named(seed + n, () => compare(make, dice(seed + n)))
      },
  }
}

/** A failure says with which seed it comes again. */
async function named(seed: number, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (error instanceof Error) error.message = `with seed ${seed} and one history: ${error.message}`
    throw error
  }
}

async function compare(make: Make, dice: Dice): Promise<void> {
  const most: Counts = { a: 1 + dice(8), b: 1 + dice(8), c: 1 + dice(8) }
  const log = await make({ retain: { a: most.a, 'b*': most.b, '*': most.c } })
  const published: Entry[] = []
  for (let steps = dice(200); steps > 0; steps--) {
    if (dice(5) > 0) published.push(await append(log, names[dice(3)]))
    else await checkResume(log, published, some(dice), published.at(-1 - dice(40)), most)
  }
}

function some(dice: Dice): readonly Name[] {
  const chosen = 1 + dice(7)
  return names.filter((_, bit) => chosen & (1 << bit))
}

async function checkResume(
  log: Log,
  published: readonly Entry[],
  topics: readonly Name[],
  cursor: Entry | undefined,
  most: Counts,
): Promise<void> {
  if (!cursor) return
  const asked = published.filter(entry => topics.some(topic => topic === entry.topic))
  const missing = asked.filter(entry => entry.seq > cursor.seq)
  const kept = topics.flatMap(topic => asked.filter(entry => entry.topic === topic).slice(-most[topic]))
  const expected = missing.filter(entry => kept.includes(entry))
  const history = await since(log, cursor.id, ...topics)
  deepEqual(history.entries, expected)
  equal(history.gap !== undefined, expected.length < missing.length)
  if (!history.gap) return equal(history.start, cursor.id)
  const lost = missing.filter(entry => !kept.includes(entry))
  ok(seqOf(history.gap.to) >= (lost.at(-1)?.seq ?? 0), 'the gap reaches up to what was lost last')
  ok(seqOf(history.start) < (expected[0]?.seq ?? Number.POSITIVE_INFINITY), 'it starts before what follows')
}

/** Mulberry32. */
function dice(seed: number): Dice {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
