/** Tries of transports as bars. */
import { expect, test } from 'vitest'
import type { Finding } from '../../src/connection/report.ts'
import { waterfall } from '../../src/inspect/waterfall.ts'

const finding = (more: Partial<Finding> = {}): Finding => ({
  transport: 'websocket',
  started: 1_000,
  opened: undefined,
  heard: undefined,
  proven: undefined,
  lasted: 100,
  state: 'failed',
  failure: undefined,
  ...more,
})

test('nothing was tried', () => {
  expect(waterfall([])).toEqual([])
})

test('tries of one race stand on one axis, where they began and ended', () => {
  const [refused, won] = waterfall([
    finding(),
    finding({ started: 1_100, opened: 20, proven: 100, lasted: 60_000, state: 'in use' }),
  ])
  expect(refused).toMatchObject({ after: undefined, from: 0 })
  expect(refused?.to).toBeCloseTo(100 / 220)
  expect(won?.after).toBe(100)
  expect(won?.from).toBeCloseTo(100 / 220)
  expect(won?.accepted).toBeCloseTo(120 / 220)
  expect(won?.proven).toBeCloseTo(200 / 220)
})

test('one that works runs on to the end, and does not make the others too short to be seen', () => {
  const [, won] = waterfall([
    finding(),
    finding({ started: 1_050, proven: 50, lasted: 3_600_000, state: 'in use' }),
  ])
  expect(won?.to).toBe(1)
  expect(won?.proven).toBeCloseTo(1 / 1.1)
})

test('what did not happen stands where the try ended', () => {
  const [bar] = waterfall([finding()])
  expect(bar?.accepted).toBe(bar?.to)
  expect(bar?.proven).toBe(bar?.to)
})

test('a later race has an axis of its own', () => {
  const bars = waterfall([finding(), finding({ started: 9_000 }), finding({ started: 9_050 })])
  expect(bars.map(({ after }) => after)).toEqual([undefined, undefined, 50])
  expect(bars[1]?.from).toBe(0)
})

test('no more than the latest twelve are drawn', () => {
  const bars = waterfall(Array.from({ length: 50 }, (_, index) => finding({ started: index })))
  expect(bars).toHaveLength(12)
  expect(bars.at(-1)?.finding.started).toBe(49)
})
