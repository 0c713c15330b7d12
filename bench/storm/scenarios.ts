/**
 * The storms, and the bounds that our rule must keep in them. They hold for every storm no worse than the default one: an
 * outage of at most 30 s, and no more clients than the server admits within 50 s. No rule can be faster than those 50 s.
 *
 * - Outage, told Retry-After: 76 s, which is half as long again as at best, since Retry-After is stretched by up to a half.
 *   4 attempts each: 3.1 are measured.
 * - Outage, told nothing: 90 s, as late comers may have half a minute to wait. The attempts do not change.
 * - Outage, refusals cost: 120 s and 5 attempts each. Slower is fine, but it must come to an end: with 10 attempts at a
 *   tenth of an admission each, a server would do nothing but refuse.
 * - Peak after an outage: first knocks come at the rate of admission, and each client goes on to knock at its own pace, so
 *   attempts × admission is the most that a second can hold.
 * - Cut: the server can admit the crowd as it comes, save for chance. One attempt, a tenth for those whom chance turns
 *   away, the longest wait, 30 s, and a round trip for the last of them; the peak has five standard deviations (√admission) to spare.
 * - Planned drain: each comes in its turn, stretched by up to a half. So 1.5 × 50 s and a second for the round trip, one
 *   attempt, and never more in a second than the server admits, since the stretch thins the crowd.
 */
import type { Figures } from './figures.ts'
import type { Storm } from './simulate.ts'
import { ours, peers, type Strategy, toldEventSource } from './strategies.ts'

/** At most so much of each. */
export type Bounds = Pick<Figures, 'drain' | 'attemptsEach' | 'peak'>

export interface Scenario {
  readonly title: string
  readonly runs: readonly Run[]
}

export interface Run {
  readonly name: string
  readonly storm: Storm
  readonly strategy: Strategy
  /** The peers have none, nor has a storm that is worse than the default one. */
  readonly bounds?: Bounds | undefined
}

export interface Setting extends Pick<Storm, 'clients' | 'admission' | 'outage' | 'seed' | 'refusal'> {
  readonly retryAfter: number
}

/** How long after the outage all should be back, in ms: later is never. */
const patience = 600_000

export function scenarios({ retryAfter, ...setting }: Setting): Scenario[] {
  const { clients, admission } = setting
  const atBest = (clients / admission) * 1_000
  const judged = setting.outage <= 30_000 && atBest <= 50_000
  const chance = 5 * Math.sqrt(admission)
  const outage = { ...setting, refusal: 0, limit: setting.outage + patience }
  const costly = { ...outage, refusal: setting.refusal }
  const cut = { ...outage, outage: 0, limit: patience }

  return [
    {
      title: `Outage of ${setting.outage / 1_000} s`,
      runs: [
        run('ours', outage, bounds(90_000, 4)),
        run(`ours, Retry-After: ${retryAfter / 1_000}`, { ...outage, retryAfter }, bounds(76_000, 4)),
        ...peerRuns(outage),
      ],
    },
    {
      title: `Outage of ${setting.outage / 1_000} s, a refusal costs ${setting.refusal} of an admission`,
      runs: [
        run('ours', costly, bounds(120_000, 5)),
        run(`ours, Retry-After: ${retryAfter / 1_000}`, { ...costly, retryAfter }, bounds(120_000, 5)),
        ...peerRuns(costly),
      ],
    },
    {
      title: 'All lines cut, no outage',
      runs: [
        run('ours', cut, bounds(atBest + 31_000, 1.1, 1.1 * admission + chance)),
        run('ours, spread as it was on opening', { ...cut, stale: true }),
        ...peerRuns(cut),
      ],
    },
    {
      title: 'Planned drain (who cannot be told when to come back: as above)',
      runs: [
        run('ours', { ...cut, farewell: true }, bounds(1.5 * atBest + 1_000, 1.05, admission)),
        { name: 'EventSource, told retry', storm: { ...cut, farewell: true }, strategy: toldEventSource },
      ],
    },
  ]

  function bounds(drain: number, attemptsEach: number, peak = attemptsEach * admission): Bounds | undefined {
    return judged ? { drain, attemptsEach, peak } : undefined
  }
}

/** What broke which bound, in words; nothing when all is well. */
export function broken({ bounds }: Run, figures: Figures): string[] {
  if (!bounds) return []
  const keys = Object.keys(bounds) as (keyof Bounds)[]
  // The negation, so that what is no number is broken too.
  return keys
    .filter(key => !(figures[key] <= bounds[key]))
    .map(key => `${key} ${figures[key]} > ${bounds[key]}`)
}

function run(name: string, storm: Storm, bounds?: Bounds): Run {
  return { name, storm, strategy: ours, bounds }
}

function peerRuns(storm: Storm): Run[] {
  return Object.entries(peers).map(([name, strategy]) => ({ name, storm, strategy }))
}
