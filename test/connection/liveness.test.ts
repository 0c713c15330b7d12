import { describe, expect, test } from 'vitest'
import { type Liveness, next, pingDue, type Signal } from '../../src/connection/liveness.ts'

/** When each signal comes, in ms. */
const now = 10_000

const states = {
  'not open': undefined,
  listening: { lastActivity: 1_000 },
  pinged: { lastActivity: 1_000, ping: { since: 8_000, again: false } },
  'pinged again': { lastActivity: 1_000, ping: { since: 8_000, again: true } },
  'pinged and heard': { lastActivity: 8_000, ping: { since: 8_000, again: false } },
} satisfies Record<string, Liveness | undefined>

const signals = {
  opened: ['opened'],
  activity: ['activity'],
  sent: ['sent', 20],
  acknowledged: ['acknowledged', 0],
  doubt: ['doubt'],
  pong: ['pong'],
  'timeout in time': ['timeout', 2_000],
  'timeout late': ['timeout', 500],
  'timeout without a ping': ['timeout', undefined],
  stopped: ['stopped'],
} satisfies Record<string, Signal>

type Place = 'not open' | 'listening' | 'pinged' | 'pinged again'

// The whole table: where each signal leads from each state. A dot is: no other state, and no other ping.
const table: Record<keyof typeof states, Record<keyof typeof signals, Place | '.'>> = {
  'not open': {
    opened: 'listening',
    activity: '.',
    sent: '.',
    acknowledged: '.',
    doubt: '.',
    pong: '.',
    'timeout in time': '.',
    'timeout late': '.',
    'timeout without a ping': '.',
    stopped: '.',
  },
  listening: {
    opened: 'listening',
    activity: '.',
    sent: '.',
    acknowledged: '.',
    doubt: 'pinged',
    pong: '.',
    'timeout in time': '.',
    'timeout late': '.',
    'timeout without a ping': '.',
    stopped: 'not open',
  },
  pinged: {
    opened: 'listening',
    activity: '.',
    sent: '.',
    acknowledged: '.',
    doubt: 'pinged',
    pong: 'listening',
    'timeout in time': 'not open',
    'timeout late': 'pinged again',
    'timeout without a ping': 'pinged again',
    stopped: 'not open',
  },
  'pinged again': {
    opened: 'listening',
    activity: '.',
    sent: '.',
    acknowledged: '.',
    doubt: 'pinged',
    pong: 'listening',
    'timeout in time': 'not open',
    'timeout late': 'not open',
    'timeout without a ping': 'not open',
    stopped: 'not open',
  },
  'pinged and heard': {
    opened: 'listening',
    activity: '.',
    sent: '.',
    acknowledged: '.',
    doubt: 'pinged',
    pong: 'listening',
    'timeout in time': 'listening',
    'timeout late': 'listening',
    'timeout without a ping': 'listening',
    stopped: 'not open',
  },
}

function placeOf(state: Liveness | undefined): Place {
  if (!state) return 'not open'
  if (!state.ping) return 'listening'
  return state.ping.again ? 'pinged again' : 'pinged'
}

describe.each(Object.entries(table))('a line that is %s', (name, row) => {
  test.each(Object.entries(row))('after %s is %s', (signal, expected) => {
    const before: Liveness | undefined = states[name as keyof typeof states]
    const after = next(before, signals[signal as keyof typeof signals], now)
    if (expected === '.') expect([placeOf(after), after?.ping]).toEqual([placeOf(before), before?.ping])
    else expect(placeOf(after)).toBe(expected)
    if (after?.ping && expected !== '.') expect(after.ping.since).toBe(now)
  })
})

const open: Liveness = { lastActivity: 1_000 }

test('activity is remembered by its time, also while a pong is waited for', () => {
  expect(next(open, ['activity'], now)).toEqual({ lastActivity: now })
  expect(next(states.pinged, ['activity'], now)).toEqual({ ...states.pinged, lastActivity: now })
})

test('what is sent waits since the first of it, and measures a round trip only if it went alone', () => {
  const first = next(open, ['sent', 20], 2_000)
  expect(first?.unacknowledged).toEqual({ since: 2_000, size: 20, alone: true })
  const second = next(first, ['sent', 30], 3_000)
  expect(second?.unacknowledged).toEqual({ since: 2_000, size: 50, alone: false })
})

test('what is left after an acknowledgement waits since then', () => {
  const sent = next(open, ['sent', 50], 2_000)
  expect(next(sent, ['acknowledged', 30], 3_000)?.unacknowledged).toEqual({
    since: 3_000,
    size: 30,
    alone: false,
  })
  expect(next(sent, ['acknowledged', 0], 3_000)?.unacknowledged).toBeUndefined()
})

test('a line that answers gives its slow server as much time again', () => {
  const pinged = next(next(open, ['sent', 20], 2_000), ['doubt'], 8_000)
  expect(next(pinged, ['pong'], 9_000)).toEqual({
    lastActivity: 1_000,
    unacknowledged: { since: 9_000, size: 20, alone: true },
  })
})

test('a line that opens anew, by another transport say, owes nothing', () => {
  const pinged = next(next(open, ['sent', 20], 2_000), ['doubt'], 8_000)
  expect(next(pinged, ['opened'], 9_000)).toEqual({ lastActivity: 9_000 })
})

describe('the next ping is due', () => {
  test('once nothing has arrived for the idle timeout', () => {
    expect(pingDue(open, 35_000, 2_000)).toBe(36_000)
  })

  test('never, where silence says nothing and nothing waits', () => {
    expect(pingDue(open, Infinity, 2_000)).toBe(Infinity)
  })

  test('five seconds after a message that is not acknowledged, and one ms for each of its characters', () => {
    const sent = next(open, ['sent', 20], 2_000) as Liveness
    expect(pingDue(sent, Infinity, 2_000)).toBe(7_020)
    expect(pingDue(sent, 1_000, 2_000)).toBe(2_000)
  })

  test('later on a line whose answers take longer', () => {
    const sent = next(open, ['sent', 20], 2_000) as Liveness
    expect(pingDue(sent, Infinity, 9_000)).toBe(11_020)
  })
})
