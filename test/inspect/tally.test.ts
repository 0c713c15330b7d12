/** What a trace comes to: entries in, figures out. */
import { expect, test } from 'vitest'
import type { TraceContent, TraceEntry } from '../../src/connection/trace.ts'
import { createTally, seconds } from '../../src/inspect/tally.ts'

function viewOf(entries: readonly (TraceContent & { at?: number })[], now = 10_000) {
  const tally = createTally()
  for (const entry of entries) tally.take({ at: 0, ...entry } as TraceEntry)
  return tally.view(now)
}

const message = (more: object = {}): TraceContent & { at: number } => ({
  at: 0,
  type: 'message',
  event: 'message',
  topic: 'lobby',
  lastEventId: '1',
  bytes: 10,
  ...more,
})

const attempt = (more: object = {}): TraceContent & { type: 'attempt' } => ({
  type: 'attempt',
  transport: 'websocket',
  started: 100,
  opened: undefined,
  heard: undefined,
  proven: undefined,
  lasted: 0,
  state: 'trying',
  failure: undefined,
  ...more,
})

test('of a trace that has told nothing nothing is known', () => {
  expect(viewOf([])).toMatchObject({
    state: undefined,
    transport: null,
    attempts: [],
    topics: [],
    messages: 0,
    waiting: 0,
    roundTrip: undefined,
    lastError: undefined,
  })
})

test('a try is one, however often it is told, and lasts until it ends', () => {
  const failure = { kind: 'refused', code: 'refused' } as const
  const { attempts } = viewOf(
    [
      attempt(),
      attempt({ transport: 'eventsource', started: 150 }),
      attempt({ lasted: 300, state: 'failed', failure }),
      attempt({ transport: 'eventsource', started: 150, proven: 40, lasted: 40, state: 'in use' }),
      attempt({ started: 500 }),
    ],
    1_150,
  )
  expect(attempts).toMatchObject([
    { transport: 'websocket', started: 100, state: 'failed', lasted: 300, failure },
    { transport: 'eventsource', state: 'in use', proven: 40, lasted: 1_000 },
    { transport: 'websocket', started: 500, state: 'trying', lasted: 650 },
  ])
  expect(attempts[0]).not.toHaveProperty('at')
})

test('the transport is the one that the line is open by, and none once it is not', () => {
  const open: TraceContent = { type: 'open', transport: 'websocket', resumed: false }
  expect(viewOf([open]).transport).toBe('websocket')
  expect(viewOf([open, { type: 'statechange', state: 'waiting', transport: null }])).toMatchObject({
    state: 'waiting',
    transport: null,
  })
})

test('messages are counted by topic, the busiest first, each with its last id', () => {
  const { topics, messages, bytes } = viewOf([
    { type: 'topic', topic: 'quiet', state: 'heard', lastEventId: '7' },
    message(),
    message({ topic: 'room', lastEventId: '2' }),
    message({ topic: 'room', lastEventId: '3', bytes: undefined }),
    message({ topic: undefined, lastEventId: '' }),
  ])
  expect(topics.map(({ topic, messages, lastEventId }) => [topic, messages, lastEventId])).toEqual([
    ['room', 2, '3'],
    ['lobby', 1, '1'],
    [undefined, 1, ''],
    ['quiet', 0, '7'],
  ])
  expect({ messages, bytes }).toEqual({ messages: 4, bytes: 30 })
})

test.each(['left', 'refused'] as const)('a topic that was %s is not shown any more', state => {
  const gone = { type: 'topic', topic: 'lobby', state, code: 'topic-refused', status: 403 } as TraceContent
  expect(viewOf([message(), gone]).topics).toEqual([])
})

test('messages a second are those of whole seconds, the present one aside, and of no more than a minute', () => {
  const entries = [
    message({ at: 1_000 }),
    message({ at: 62_100 }),
    message({ at: 62_900 }),
    message({ at: 63_100 }),
  ]
  const { perSecond } = viewOf(entries, 63_500)
  expect(perSecond).toHaveLength(seconds)
  expect(perSecond.at(-1)).toBe(2)
  expect(perSecond.reduce((sum, count) => sum + count, 0)).toBe(2)
  expect(viewOf(entries, 200_000).perSecond.some(Boolean)).toBe(false)
})

test('a send waits until it was taken or has failed', () => {
  const queued = (number: number): TraceContent => ({
    type: 'send',
    number,
    state: 'queued',
    event: 'message',
    bytes: 1,
  })
  expect(viewOf([queued(1), queued(2), queued(3)]).waiting).toBe(3)
  expect(
    viewOf([
      queued(1),
      queued(2),
      queued(3),
      { type: 'send', number: 2, state: 'taken' },
      { type: 'send', number: 1, state: 'failed', code: 'expired' },
      // One that was sent before anybody looked.
      { type: 'send', number: 9, state: 'taken' },
    ]),
  ).toMatchObject({ waiting: 1, taken: 1, failed: 1 })
})

test('round trip, last error and gaps', () => {
  const error = { type: 'error', kind: 'cut', code: 'closed', status: undefined, retryIn: 100 } as const
  expect(
    viewOf([
      { type: 'roundtrip', took: 12 },
      { type: 'roundtrip', took: 15 },
      { ...error, code: 'refused' },
      error,
      { type: 'gap', topic: 'lobby', reason: 'epoch', from: '1', to: '2' },
    ]),
  ).toMatchObject({ roundTrip: 15, lastError: error, gaps: 1 })
})

test('keeps no more, however much there is', () => {
  const tally = createTally()
  for (let number = 0; number < 100_000; number++)
    tally.take(message({ at: number, topic: `room:${number % 5_000}` }) as TraceEntry)
  for (let number = 0; number < 1_000; number++) tally.take({ at: 0, ...attempt({ started: number }) })
  const { topics, attempts, entries, perSecond, messages } = tally.view(100_000)
  expect(messages).toBe(100_000)
  expect(topics.length).toBe(200)
  // The latest are those that are kept.
  expect(topics.some(({ topic }) => topic === 'room:4999')).toBe(true)
  expect(attempts.length).toBeLessThanOrEqual(50)
  expect(entries.length).toBeLessThanOrEqual(200)
  expect(perSecond).toHaveLength(seconds)
})
