import type { Finding } from '../connection/report.ts'

/** How many tries are drawn. */
const most = 12

/** How far apart two tries may begin that are of one race, in ms. */
const together = 3_000

/** The shortest time that is drawn, in ms. */
const shortest = 50

/** One try as a bar: each place is a share of the width that its race has. */
export interface Bar<F extends Finding> {
  readonly finding: F
  /** How long after the first of its race it began, in ms; `undefined` for that one. */
  readonly after: number | undefined
  readonly from: number
  /** Where the other side accepted, and where the proof came; `to` if that did not happen. */
  readonly accepted: number
  readonly proven: number
  readonly to: number
}

/**
 * The latest tries, each race of them on an axis of its own. That is as long as it takes to see what became of each: one that worked runs
 * on to the end.
 */
export function waterfall<F extends Finding>(findings: readonly F[]): readonly Bar<F>[] {
  return racesOf(findings.slice(-most)).flatMap(barsOf)
}

function racesOf<F extends Finding>(findings: readonly F[]): F[][] {
  const races: F[][] = []
  let last = Number.NEGATIVE_INFINITY
  for (const finding of findings) {
    const { started } = finding
    if (started - last > together) races.push([])
    races[races.length - 1]?.push(finding)
    last = started
  }
  return races
}

function barsOf<F extends Finding>(race: readonly F[]): Bar<F>[] {
  const begin = race[0]?.started ?? 0
  const ends = race.map(({ started, proven, lasted }) => started - begin + (proven ?? lasted))
  const length = Math.max(shortest, ...ends) * 1.1
  return race.map((finding, index) => {
    const { started, lasted, proven = lasted, opened = proven } = finding
    const place = (ms: number) => Math.min((started - begin + ms) / length, 1)
    return {
      finding,
      after: index > 0 ? started - begin : undefined,
      from: place(0),
      accepted: place(opened),
      proven: place(proven),
      to: place(lasted),
    }
  })
}
