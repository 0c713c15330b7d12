/** The table of an EventSource's life, by itself. */
import { describe, expect, test } from 'vitest'
import { type Failure, type Life, next, pauseOf, type Signal } from '../../src/drop-in/event-source/life.ts'

const asking: Life = { name: 'asking', tries: 0 }
const open: Life = { name: 'open' }
const failed = (kind: Failure['kind']): Signal => ({ type: 'failed', failure: { kind } })
const run = (life: Life, ...signals: Signal[]) =>
  signals.reduce((before, signal) => next(before, signal), life)

describe('a failure', () => {
  test.each(['network', 'ended', 'cut', 'silent'] as const)('%s is waited after', kind => {
    for (const life of [asking, open])
      expect(run(life, failed(kind))).toEqual({ name: 'waiting', tries: 1, failure: { kind } })
  })

  test.each(['status', 'content', 'impossible'] as const)('%s is for good', kind => {
    for (const life of [asking, open])
      expect(run(life, failed(kind))).toEqual({ name: 'closed', failure: { kind } })
  })

  test('waits longer after each in a row, and begins anew once it was open', () => {
    const three = run(
      asking,
      failed('network'),
      { type: 'due' },
      failed('network'),
      { type: 'due' },
      failed('network'),
    )
    expect(three).toMatchObject({ name: 'waiting', tries: 3 })
    expect(run(three, { type: 'due' }, { type: 'answered' }, failed('cut'))).toMatchObject({
      tries: 1,
    })
  })

  test('that says "not shared" is believed the second time, or when the browser has said so too', () => {
    expect(run(asking, failed('unshared'))).toMatchObject({ name: 'waiting', tries: 1 })
    expect(run(asking, failed('unshared'), { type: 'due' }, failed('unshared'))).toMatchObject({
      name: 'closed',
    })
    expect(run(asking, { type: 'given-up' }, failed('unshared'))).toMatchObject({ name: 'closed' })
  })
})

describe('the browser’s own EventSource', () => {
  test('comes back by itself', () => {
    const away = run(open, { type: 'interrupted', failure: { kind: 'cut' } })
    expect(away).toEqual({ name: 'returning', failure: { kind: 'cut' } })
    expect(run(away, { type: 'answered' })).toEqual({ name: 'open' })
  })

  test('that gives up is replaced: at once, or after a wait if it was open', () => {
    expect(run(asking, { type: 'given-up' })).toEqual({ name: 'asking', tries: 1 })
    expect(run(open, { type: 'given-up' })).toMatchObject({ name: 'waiting', failure: { kind: 'cut' } })
  })
})

test('a page that comes back from the history asks at once', () => {
  for (const life of [asking, open, run(open, failed('cut'))])
    expect(run(life, { type: 'pagehide' }, { type: 'pageshow' })).toMatchObject({
      name: 'waiting',
      tries: 0,
      failure: { kind: 'away' },
    })
  expect(run(open, { type: 'pageshow' })).toBe(open)
})

test('a network that is back takes away what failures have added, and no more', () => {
  const waiting: Life = { name: 'waiting', tries: 5, failure: { kind: 'network' } }
  expect(run(waiting, { type: 'online' })).toEqual({ name: 'waiting', tries: 1 })
  for (const life of [asking, open]) expect(run(life, { type: 'online' })).toBe(life)
})

test('what is closed stays closed', () => {
  const closed = run(open, { type: 'closed' })
  const signals: Signal[] = [
    { type: 'answered' },
    failed('network'),
    failed('status'),
    { type: 'due' },
    { type: 'given-up' },
    { type: 'pageshow' },
  ]
  for (const signal of signals) expect(run(closed, signal)).toBe(closed)
})

test('the first wait is what the server says, to the millisecond, and more are at most half a minute longer', () => {
  expect(pauseOf(2_000, 0)).toBe(0)
  expect(pauseOf(2_000, 1)).toBe(2_000)
  for (let tries = 2; tries < 100; tries++) {
    expect(pauseOf(2_000, tries)).toBeGreaterThanOrEqual(2_000)
    expect(pauseOf(2_000, tries)).toBeLessThan(32_000)
  }
})
