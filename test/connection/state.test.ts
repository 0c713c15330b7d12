import { describe, expect, test } from 'vitest'
import { fresh, hasPipe, next, type Signal, type State, settled } from '../../src/connection/state.ts'
import { say } from '../../src/contracts/say.ts'
import { cut, endedWell, status } from '../support/fakes.ts'

const states: { [Name in State['name']]: State & { name: Name } } = {
  idle: { name: 'idle', grown: 0 },
  connecting: { name: 'connecting', grown: 2 },
  open: { name: 'open', grown: 2, transport: 'websocket', since: 1_000 },
  waiting: { name: 'waiting', grown: 3, failure: cut },
  closed: { name: 'closed', reason: 'closed by the page' },
}

const signals: { [Type in Signal['type']]: Signal & { type: Type } } = {
  opened: { type: 'opened', transport: 'eventsource', now: 5_000 },
  paused: { type: 'paused', failure: endedWell },
  ended: { type: 'ended', failure: cut, final: false, fruitful: false, now: 5_000 },
  due: { type: 'due' },
  wake: { type: 'wake' },
  parked: { type: 'parked' },
  close: { type: 'close', reason: 'enough' },
}

// The whole table: where each signal leads from each state. A dot is: nothing changes, and nothing is entered anew.
const table: Record<State['name'], Record<Signal['type'], State['name'] | '.'>> = {
  idle: {
    opened: '.',
    paused: '.',
    ended: '.',
    due: '.',
    wake: 'connecting',
    parked: 'idle',
    close: 'closed',
  },
  connecting: {
    opened: 'open',
    paused: '.',
    ended: 'waiting',
    due: '.',
    wake: '.',
    parked: 'idle',
    close: 'closed',
  },
  open: {
    opened: 'open',
    paused: 'connecting',
    ended: 'waiting',
    due: '.',
    wake: '.',
    parked: 'idle',
    close: 'closed',
  },
  waiting: {
    opened: '.',
    paused: '.',
    ended: '.',
    due: 'connecting',
    wake: 'connecting',
    parked: 'idle',
    close: 'closed',
  },
  closed: { opened: '.', paused: '.', ended: '.', due: '.', wake: '.', parked: '.', close: '.' },
}

describe.each(Object.entries(table))('%s', (name, row) => {
  test.each(Object.entries(row))('%s leads to %s', (type, expected) => {
    const before = states[name as State['name']]
    const after = next(before, signals[type as Signal['type']])
    if (expected === '.') expect(after).toBe(before)
    else expect(after.name).toBe(expected)
  })
})

test('a move to another transport keeps the time since when the line is open', () => {
  expect(next(states.open, signals.opened)).toEqual({ ...states.open, transport: 'eventsource' })
})

test('hearing again that the same transport is open changes nothing', () => {
  expect(next(states.open, { type: 'opened', transport: 'websocket', now: 9_000 })).toBe(states.open)
})

test('opening does not yet forget how far the wait has grown', () => {
  expect(next(states.connecting, signals.opened)).toMatchObject({ grown: 2, since: 5_000 })
})

test('a try that fails makes the wait grow', () => {
  expect(next(states.connecting, signals.ended)).toEqual({ name: 'waiting', grown: 3, failure: cut })
})

test('the wait grows from the first try that fails, and from the second end of a line that had opened', () => {
  const connecting: State = { name: 'connecting', grown: fresh }
  expect(next(connecting, signals.ended)).toMatchObject({ grown: 1 })
  const open = { ...states.open, grown: fresh }
  expect(next(open, signals.ended)).toMatchObject({ grown: 0 })
  expect(next({ ...open, grown: 0 }, signals.ended)).toMatchObject({ grown: 1 })
})

test('a line that is cut soon after it opened counts as a failed try', () => {
  expect(next(states.open, { ...signals.ended, now: 1_000 + settled - 1 })).toMatchObject({ grown: 3 })
})

test('a line that was open for long enough begins to count anew', () => {
  expect(next(states.open, { ...signals.ended, now: 1_000 + settled })).toMatchObject({ grown: 0 })
})

test('a response that ends in good order and had brought nothing makes the wait grow as a cut does', () => {
  const signal: Signal = { ...signals.ended, failure: endedWell, now: 1_001 }
  expect(next(states.open, signal)).toMatchObject({ grown: 3 })
})

test('one that had brought something does not, but the second within half a minute waits', () => {
  const signal: Signal = { ...signals.ended, failure: endedWell, fruitful: true, now: 1_001 }
  expect(next({ ...states.open, grown: fresh }, signal)).toMatchObject({ grown: 0 })
  for (const grown of [0, 1, 5]) expect(next({ ...states.open, grown }, signal)).toMatchObject({ grown: 1 })
})

test('an open line that fails otherwise than by its end makes the wait grow at once', () => {
  const silent: Signal = { ...signals.ended, failure: { kind: 'silent', code: 'silent' } }
  expect(next({ ...states.open, grown: fresh }, silent)).toMatchObject({ grown: 1 })
})

test('a pause keeps its reason for the page to hear', () => {
  expect(next(states.open, signals.paused)).toEqual({ name: 'connecting', grown: 2, interrupted: endedWell })
})

test('a pause that goes on is told each time it fails again', () => {
  const interrupted = next(states.open, signals.paused)
  const again = next(interrupted, { type: 'paused', failure: cut })
  expect(again).toEqual({ name: 'connecting', grown: 2, interrupted: cut })
})

test('a final end closes, and says why', () => {
  const failure = status(403)
  const after = next(states.connecting, { ...signals.ended, failure, final: true })
  expect(after).toEqual({ name: 'closed', reason: say(failure), failure })
})

test('a page that is put aside forgets how far the wait has grown', () => {
  expect(next(states.waiting, signals.parked)).toEqual({ name: 'idle', grown: fresh })
})

test('only connecting and open have a pipe', () => {
  expect(Object.values(states).filter(hasPipe)).toEqual([states.connecting, states.open])
})
