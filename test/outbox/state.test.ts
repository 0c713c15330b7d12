import { describe, expect, test } from 'vitest'
import { closed, next, type Signal, type State, uplink } from '../../src/outbox/state.ts'

const send = () => {}
const another = () => {}
const batch = {}

const ready = { name: 'ready', send } as const
const backingOff = { name: 'backing-off', send, until: 1_250, after: ready } as const

const states: Record<string, State> = {
  closed,
  ready,
  sending: { name: 'sending', batch, after: ready },
  'backing off': backingOff,
  'sending a ping while backing off': { name: 'sending', batch, after: backingOff },
  'sending by a channel that is gone': { name: 'sending', batch, after: closed },
}

const signals: Record<string, Signal> = {
  opened: { type: 'opened', send: another },
  closed: { type: 'closed' },
  'closed, awaited': { type: 'closed', awaited: true },
  sent: { type: 'sent', batch: {} },
  backOff: { type: 'backOff', until: 2_000 },
  'over, of this batch': { type: 'over', batch },
  'over, of another batch': { type: 'over', batch: {} },
  'over, of no batch': { type: 'over' },
}

// The whole table: where each signal leads from each state. A dot is: nothing changes.
const table: Record<string, Record<string, string>> = {
  closed: {
    opened: 'ready',
    closed: '.',
    'closed, awaited': '.',
    sent: '.',
    backOff: '.',
    'over, of this batch': '.',
    'over, of another batch': '.',
    'over, of no batch': '.',
  },
  ready: {
    opened: '.',
    closed: 'closed',
    'closed, awaited': 'closed',
    sent: 'sending → ready',
    backOff: 'backing-off → ready',
    'over, of this batch': '.',
    'over, of another batch': '.',
    'over, of no batch': '.',
  },
  sending: {
    opened: '.',
    closed: 'closed',
    'closed, awaited': 'sending → closed',
    sent: '.',
    backOff: 'backing-off → ready',
    'over, of this batch': 'ready',
    'over, of another batch': '.',
    'over, of no batch': '.',
  },
  'backing off': {
    opened: '.',
    closed: 'closed',
    'closed, awaited': 'closed',
    sent: 'sending → backing-off',
    backOff: 'backing-off → ready',
    'over, of this batch': '.',
    'over, of another batch': '.',
    'over, of no batch': 'ready',
  },
  'sending a ping while backing off': {
    opened: '.',
    closed: 'closed',
    'closed, awaited': 'sending → closed',
    sent: '.',
    backOff: 'backing-off → ready',
    'over, of this batch': 'backing-off → ready',
    'over, of another batch': '.',
    'over, of no batch': '.',
  },
  'sending by a channel that is gone': {
    opened: 'sending → ready',
    closed: 'closed',
    'closed, awaited': 'sending → closed',
    sent: '.',
    backOff: 'closed',
    'over, of this batch': 'closed',
    'over, of another batch': '.',
    'over, of no batch': '.',
  },
}

describe.each(Object.entries(table))('%s', (name, row) => {
  test.each(Object.entries(row))('%s leads to %s', (type, expected) => {
    const before = states[name] as State
    const after = next(before, signals[type] as Signal)
    if (expected === '.') expect(after).toBe(before)
    else expect(after.after ? `${after.name} → ${after.after.name}` : after.name).toBe(expected)
  })
})

test('the table has a row for each state, and in it each signal', () => {
  expect(Object.keys(table)).toEqual(Object.keys(states))
  for (const row of Object.values(table)) expect(Object.keys(row)).toEqual(Object.keys(signals))
})

test('a channel that opens while the outcome of an earlier request is awaited sends after it, and not before', () => {
  const waiting = next(states['sending by a channel that is gone'] as State, signals.opened as Signal)
  expect(waiting).toEqual({ name: 'sending', batch, after: { name: 'ready', send: another } })
  expect(uplink(waiting)).toBe(another)
})

test('a ping while backing off does not shorten the time', () => {
  const after = next(states['sending a ping while backing off'] as State, { type: 'over', batch })
  expect(after).toEqual({ name: 'backing-off', send, until: 1_250, after: ready })
})

test('backing off once more goes by the time that was said last', () => {
  expect(next(backingOff, signals.backOff as Signal)).toMatchObject({ send, until: 2_000 })
})

test('there is an uplink as long as there is a channel', () => {
  const open = Object.keys(states).filter(name => uplink(states[name] as State))
  expect(open).toEqual(['ready', 'sending', 'backing off', 'sending a ping while backing off'])
})
