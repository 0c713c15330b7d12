import { describe, expect, test } from 'vitest'
import { figures } from '../bench/storm/figures.ts'
import { broken, type Run, type Setting, scenarios } from '../bench/storm/scenarios.ts'
import { simulate } from '../bench/storm/simulate.ts'
import { ours, peers } from '../bench/storm/strategies.ts'

/** The default storm of `npm run storm`, a fiftieth of its size. */
const small: Setting = {
  clients: 20_000,
  admission: 400,
  outage: 30_000,
  retryAfter: 10_000,
  refusal: 0.1,
  seed: 1,
}
const bounded = scenarios(small).flatMap(({ title, runs }) =>
  runs.filter(({ bounds }) => bounds).map(run => ({ title, ...run })),
)

describe('our rule keeps its bounds', () => {
  test.each(bounded)('$title: $name', run => {
    expect(broken(run, outcome(run))).toEqual([])
  })

  test('in each of the four scenarios, with and without Retry-After', () => {
    expect(bounded).toHaveLength(6)
  })
})

describe('the simulation', () => {
  const storm = { ...small, retryAfter: 5_000, limit: 300_000 }

  test('goes the same way for the same seed, and another for another', () => {
    expect(simulate(storm, ours)).toEqual(simulate(storm, ours))
    expect(simulate({ ...storm, seed: 2 }, ours).attempts).not.toEqual(simulate(storm, ours).attempts)
  })

  test('admits everybody once, nobody before the outage is over, and no more than the server can', () => {
    const { admitted } = simulate(storm, ours)
    expect(sum(admitted)).toBe(storm.clients)
    expect(sum(admitted.subarray(0, 3_000))).toBe(0)
    // What it had saved up in 100 ms comes on top.
    for (let at = 0; at < admitted.length; at += 100)
      expect(sum(admitted.subarray(at, at + 100))).toBeLessThanOrEqual(440)
  })

  test('notices a rule that breaks a bound', () => {
    const worse = bounded.map(run => ({ ...run, strategy: peers['EventSource, 3 s'] }))
    expect(worse.filter(run => broken(run, outcome(run)).length === 0)).toEqual([])
  })

  test('counts those who give up', () => {
    const { gaveUp, recovery } = figures(simulate(storm, peers.SignalR))
    expect(gaveUp).toBeGreaterThan(0)
    expect(recovery).toBe(Number.POSITIVE_INFINITY)
  })
})

function outcome({ storm, strategy }: Run) {
  return figures(simulate(storm, strategy))
}

function sum(numbers: Uint32Array): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
