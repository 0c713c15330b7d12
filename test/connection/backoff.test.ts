import { describe, expect, test } from 'vitest'
import { backoff, type Circumstances } from '../../src/connection/backoff.ts'

function wait(circumstances: Partial<Circumstances>, chance: number): number {
  const usual = {
    tries: 0,
    retry: undefined,
    spread: undefined,
    foreign: false,
    exact: false,
    retryAfter: undefined,
  }
  return backoff({ ...usual, ...circumstances, random: () => chance })
}

/** The shortest and the longest wait that chance allows. */
function range(circumstances: Partial<Circumstances>): [number, number] {
  return [wait(circumstances, 0), wait(circumstances, 1)]
}

describe('after a line that was well', () => {
  test('comes back within the time over which the server spreads its lines', () => {
    expect(range({ spread: 50 })).toEqual([0, 50])
    expect(range({ spread: 60_000, retry: 2_000 })).toEqual([0, 60_000])
    expect(range({ spread: 0 })).toEqual([0, 0])
  })

  test('spreads itself over two seconds, or over retry if that is longer, when no server told', () => {
    expect(range({})).toEqual([0, 2_000])
    expect(range({ retry: 500 })).toEqual([0, 2_000])
    expect(range({ retry: 8_000 })).toEqual([0, 8_000])
  })

  test('spreads itself over a second at least after the retry of a server without our wire', () => {
    expect(range({ foreign: true })).toEqual([1_000, 2_000])
    expect(range({ foreign: true, retry: 0 })).toEqual([0, 1_000])
    expect(range({ foreign: true, retry: 800 })).toEqual([800, 1_800])
    expect(range({ foreign: true, retry: 10_000 })).toEqual([10_000, 15_000])
  })

  test('takes retry to the millisecond where the page asked for that, but not twice at once', () => {
    expect(range({ exact: true, retry: 800 })).toEqual([800, 800])
    expect(range({ exact: true, retry: 800, tries: 1 })).toEqual([800, 800])
    expect(range({ exact: true, retry: 0 })).toEqual([0, 0])
    expect(range({ exact: true, retry: 0, tries: 1 })).toEqual([250, 250])
    expect(range({ exact: true })).toEqual([2_000, 2_000])
  })
})

describe('after tries that failed', () => {
  test('waits longer with each, up to half a minute', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 60].map(tries => range({ tries })[1])
    expect(longest).toEqual([1_250, 2_250, 4_250, 8_250, 16_250, 28_250, 28_250, 28_250])
  })

  test('never knocks sooner than a quarter of a second, or than retry', () => {
    expect(range({ tries: 3 })[0]).toBe(250)
    expect(range({ tries: 3, retry: 5_000 })).toEqual([5_000, 9_000])
  })

  test('spreads itself as widely as after a line that was well, and never over more than half a minute', () => {
    expect(range({ tries: 1, retry: 2_000, spread: 5_000 })).toEqual([2_000, 7_000])
    expect(range({ tries: 4, retry: 2_000, spread: 5_000 })).toEqual([2_000, 10_000])
    expect(range({ tries: 1, retry: 2_000, spread: 600_000 })).toEqual([2_000, 30_000])
  })

  test('adds the jitter after the cap, so that clients that have failed for long still do not wait all the same', () => {
    const waits = [0, 0.25, 0.5, 0.75].map(chance => wait({ tries: 20, retry: 2_000 }, chance))
    expect(waits).toEqual([2_000, 9_000, 16_000, 23_000])
  })

  test('grows with a server without our wire too', () => {
    expect(range({ tries: 2, foreign: true, retry: 800 })).toEqual([800, 2_800])
    expect(range({ tries: 2, exact: true, retry: 800 })).toEqual([800, 2_800])
    expect(range({ tries: 1, foreign: true })).toEqual([1_000, 2_000])
  })
})

describe('Retry-After', () => {
  test('is obeyed, and stretched by up to a half so that clients do not all come at once', () => {
    expect(range({ retryAfter: 7_000, tries: 5, spread: 1, exact: true })).toEqual([7_000, 10_500])
  })

  test('never makes a line wait longer than ten minutes', () => {
    expect(range({ retryAfter: 1e12 })).toEqual([600_000, 600_000])
  })

  test('of 0, as a goodbye may ask for, means at once the first time, and no more than that', () => {
    expect(range({ retryAfter: 0 })).toEqual([0, 0])
    expect(range({ retryAfter: 0, tries: 1 })).toEqual([250, 1_250])
    expect(range({ retryAfter: 0, tries: 3 })).toEqual([250, 4_250])
  })
})
