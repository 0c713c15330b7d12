import { describe, expect, test } from 'vitest'
import {
  fresh,
  hasChannel,
  type LineState,
  movedAfter,
  next,
  type Signal,
  type State,
  seen,
  stableAfter,
} from '../../src/connection/state.ts'
import { say } from '../../src/contracts/say.ts'
import { ours } from '../support/dialects.ts'
import { cut, endedWell, status } from '../support/fakes.ts'

const [socket, source] = [ours('websocket'), ours('eventsource')]

const states: { [Name in State['name']]: State & { name: Name } } = {
  suspended: { name: 'suspended', backoffStep: 0 },
  connecting: { name: 'connecting', backoffStep: 2 },
  open: { name: 'open', backoffStep: 2, transport: socket, since: 1_000 },
  reconnecting: { name: 'reconnecting', backoffStep: 2, failure: cut },
  waiting: { name: 'waiting', backoffStep: 3, failure: cut },
  failed: { name: 'failed', reason: 'forbidden', failure: status(403) },
  closed: { name: 'closed', code: undefined, reason: 'enough' },
}

const signals: { [Type in Signal[0]]: Signal & readonly [Type, ...unknown[]] } = {
  resume: ['resume'],
  opened: ['opened', source],
  interrupted: ['interrupted', endedWell],
  ended: ['ended', cut, false, false],
  suspend: ['suspend'],
  reconnect: ['reconnect'],
  close: ['close', 4_000, 'enough'],
}

// The whole table: where each signal leads from each state. A dot is: nothing changes, and nothing is entered anew.
const table: Record<State['name'], Record<Signal[0], State['name'] | '.'>> = {
  suspended: {
    resume: 'connecting',
    opened: '.',
    interrupted: '.',
    ended: '.',
    suspend: 'suspended',
    reconnect: 'connecting',
    close: 'closed',
  },
  connecting: {
    resume: '.',
    opened: 'open',
    interrupted: '.',
    ended: 'waiting',
    suspend: 'suspended',
    reconnect: 'connecting',
    close: 'closed',
  },
  open: {
    resume: '.',
    opened: 'open',
    interrupted: 'reconnecting',
    ended: 'waiting',
    suspend: 'suspended',
    reconnect: 'connecting',
    close: 'closed',
  },
  reconnecting: {
    resume: '.',
    opened: 'open',
    interrupted: 'reconnecting',
    ended: 'waiting',
    suspend: 'suspended',
    reconnect: 'connecting',
    close: 'closed',
  },
  waiting: {
    resume: 'connecting',
    opened: '.',
    interrupted: '.',
    ended: '.',
    suspend: 'suspended',
    reconnect: 'connecting',
    close: 'closed',
  },
  failed: {
    resume: '.',
    opened: '.',
    interrupted: '.',
    ended: '.',
    suspend: '.',
    reconnect: 'connecting',
    close: 'closed',
  },
  closed: {
    resume: '.',
    opened: '.',
    interrupted: '.',
    ended: '.',
    suspend: '.',
    reconnect: '.',
    close: '.',
  },
}

// What the page sees of each, with a network and without one.
const shown: Record<State['name'], [online: LineState, offline: LineState]> = {
  suspended: ['suspended', 'suspended'],
  connecting: ['connecting', 'connecting'],
  open: ['open', 'open'],
  reconnecting: ['waiting', 'offline'],
  waiting: ['waiting', 'offline'],
  failed: ['closed', 'closed'],
  closed: ['closed', 'closed'],
}

/** When each signal comes. */
const now = 5_000

const ended = (state: State, { fruitful = false, failure = cut, at = now } = {}) =>
  next(state, ['ended', failure, false, fruitful], at)

describe.each(Object.entries(table))('%s', (name, row) => {
  test.each(Object.entries(row))('%s leads to %s', (type, expected) => {
    const before = states[name as State['name']]
    const after = next(before, signals[type as Signal[0]], now)
    if (expected === '.') expect(after).toBe(before)
    else expect(after.name).toBe(expected)
  })
})

test.each(Object.entries(shown))('%s is seen as %j', (name, expected) => {
  const state = states[name as State['name']]
  expect([true, false].map(online => seen(state, { online: () => online }))).toEqual(expected)
})

test('a new channel that the page asks for begins the wait anew, also where one was being opened', () => {
  for (const name of ['suspended', 'connecting', 'open', 'reconnecting', 'waiting', 'failed'] as const) {
    const after = next(states[name], signals.reconnect, now)
    expect(after).toEqual({ name: 'connecting', backoffStep: fresh })
    expect(after).not.toBe(states[name])
  }
})

test('what the page says as it closes is kept', () => {
  expect(next(states.open, signals.close, now)).toEqual({ name: 'closed', code: 4_000, reason: 'enough' })
})

test('a move to another transport keeps the time since when the line is open', () => {
  expect(next(states.open, signals.opened, now)).toEqual({ ...states.open, transport: source })
})

test('hearing again that the same transport is open changes nothing', () => {
  expect(next(states.open, ['opened', socket], 9_000)).toBe(states.open)
})

test('opening does not yet forget how far the wait has grown', () => {
  expect(next(states.connecting, signals.opened, now)).toMatchObject({ backoffStep: 2, since: 5_000 })
})

test('a try that fails makes the wait grow', () => {
  expect(ended(states.connecting)).toEqual({ name: 'waiting', backoffStep: 3, failure: cut })
})

test('the wait grows from the first try that fails, and from the second end of a line that had opened', () => {
  expect(ended({ name: 'connecting', backoffStep: fresh })).toMatchObject({ backoffStep: 1 })
  expect(ended({ ...states.open, backoffStep: fresh })).toMatchObject({ backoffStep: 0 })
  expect(ended({ ...states.open, backoffStep: 0 })).toMatchObject({ backoffStep: 1 })
})

test('a line that is cut soon after it opened counts as a failed try', () => {
  expect(ended(states.open, { at: 1_000 + stableAfter - 1 })).toMatchObject({ backoffStep: 3 })
})

test('a line that was open for long enough begins to count anew', () => {
  expect(ended(states.open, { at: 1_000 + stableAfter })).toMatchObject({ backoffStep: 0 })
})

test('a response that ends in good order and had brought nothing makes the wait grow as a cut does', () => {
  expect(ended(states.open, { failure: endedWell, at: 1_001 })).toMatchObject({ backoffStep: 3 })
})

test('one that had brought something does not, but the second within half a minute waits', () => {
  const of = (backoffStep: number) =>
    ended({ ...states.open, backoffStep }, { failure: endedWell, fruitful: true, at: 1_001 })
  expect(of(fresh)).toMatchObject({ backoffStep: 0 })
  for (const backoffStep of [0, 1, 5]) expect(of(backoffStep)).toMatchObject({ backoffStep: 1 })
})

test('an open line that fails otherwise than by its end makes the wait grow at once', () => {
  const failure = { kind: 'silent', code: 'silent' } as const
  expect(ended({ ...states.open, backoffStep: fresh }, { failure })).toMatchObject({ backoffStep: 1 })
})

test('a line that servers hand on as they restart one after the other waits no longer each time, unless they do so without a pause', () => {
  const failure = { kind: 'ended', code: 'goodbye', retryAfter: 0 } as const
  const line = { ...states.open, backoffStep: 1 }
  expect(ended(line, { failure, fruitful: true, at: 1_000 + movedAfter })).toMatchObject({ backoffStep: 0 })
  expect(ended(line, { failure, fruitful: true, at: 1_000 + movedAfter - 1 })).toMatchObject({
    backoffStep: 1,
  })
  expect(ended(line, { failure: endedWell, fruitful: true, at: 1_000 + movedAfter })).toMatchObject({
    backoffStep: 1,
  })
})

test('an interruption keeps its reason for the page to hear', () => {
  expect(next(states.open, signals.interrupted, now)).toEqual({
    name: 'reconnecting',
    backoffStep: 2,
    failure: endedWell,
  })
})

test('an interruption that goes on is told each time it fails again', () => {
  const reconnecting = next(states.open, signals.interrupted, now)
  const again = next(reconnecting, ['interrupted', cut], now)
  expect(again).toEqual({ name: 'reconnecting', backoffStep: 2, failure: cut })
})

test('a final end is a failure, and says why', () => {
  const failure = status(403)
  const after = next(states.connecting, ['ended', failure, true, false], now)
  expect(after).toEqual({ name: 'failed', reason: say(failure), failure })
})

test('a page that is put aside forgets how far the wait has grown', () => {
  expect(next(states.waiting, signals.suspend, now)).toEqual({ name: 'suspended', backoffStep: fresh })
})

test('only connecting, open and reconnecting have a channel', () => {
  expect(Object.values(states).filter(hasChannel)).toEqual([
    states.connecting,
    states.open,
    states.reconnecting,
  ])
})
