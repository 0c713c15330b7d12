import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPreference } from '../../src/race/preference.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { createWorld } from '../support/world.ts'

const hour = 60 * 60 * 1_000

afterEach(() => {
  vi.useRealTimers()
})

function remember() {
  const world = createWorld()
  return { world, known: createPreference(world.environment, world.origin) }
}

describe('what worked', () => {
  test('is known to the next page', () => {
    const { world, known } = remember()
    expect(known.recall()).toBeUndefined()
    known.remember('long-polling')
    expect(createPreference(world.environment, world.origin).recall()).toBe('long-polling')
  })

  test('is believed for six hours: networks change', () => {
    vi.useFakeTimers()
    const { known } = remember()
    known.remember('long-polling')
    vi.advanceTimersByTime(6 * hour - 1)
    expect(known.recall()).toBe('long-polling')
    vi.advanceTimersByTime(1)
    expect(known.recall()).toBeUndefined()
  })

  test('is known of each origin by itself', () => {
    const { world, known } = remember()
    known.remember('long-polling')
    expect(createPreference(world.environment, 'https://elsewhere.test').recall()).toBeUndefined()
  })

  test.each(['', 'long-polling', 'long-polling soon', '{"a":1}', ' 99999999999999'])(
    'is nothing when storage holds %j',
    stored => {
      const { world, known } = remember()
      world.storage.set(`throughline:${world.origin}`, stored)
      expect(known.recall()).toBeUndefined()
    },
  )
})

describe('what seemed to work and did not', () => {
  test('is known to the next page, for six hours', () => {
    vi.useFakeTimers()
    const { world, known } = remember()
    expect(known.left()).toEqual([])
    known.leave([{ name: 'eventsource' }])
    known.leave([{ name: 'xhr-streaming' }])
    known.remember('long-polling')
    expect(known.left()).toEqual(['eventsource', 'xhr-streaming'])
    const elsewhere = `${world.origin}/page`
    world.storage.set(`throughline:${elsewhere}`, world.storage.get(`throughline:${world.origin}`) as string)
    const next = createPreference(world.environment, elsewhere)
    expect([next.recall(), next.left()]).toEqual(['long-polling', ['eventsource', 'xhr-streaming']])
    vi.advanceTimersByTime(6 * hour)
    expect([known.left(), next.left()]).toEqual([[], []])
  })

  test.each(['long-polling 1 eventsource', 'long-polling 1 eventsource soon', '   ', 'a b c d e'])(
    'is nothing when storage holds %j',
    stored => {
      const world = createWorld()
      world.storage.set(`throughline:${world.origin}`, stored)
      expect(createPreference(world.environment, world.origin).left()).toEqual([])
    },
  )
})

describe('WebSockets', () => {
  const limit = websocket.attemptLimit
  const fail = (known: ReturnType<typeof createPreference>, times: number) => {
    for (let time = 0; time < times; time++) known.attemptFailed()
  }

  test('may be tried until six have failed within two minutes', () => {
    const { known } = remember()
    fail(known, 5)
    expect(known.attemptsAllowed(true, limit)).toBe(true)
    fail(known, 1)
    expect(known.attemptsAllowed(true, limit)).toBe(false)
  })

  test('keep two of these tries for a line that another transport carries: an outage does not use up all', () => {
    const { known } = remember()
    fail(known, 3)
    expect(known.attemptsAllowed(false, limit)).toBe(true)
    fail(known, 1)
    expect(known.attemptsAllowed(false, limit)).toBe(false)
    expect(known.attemptsAllowed(true, limit)).toBe(true)
  })

  test('may be tried again when the oldest failure is two minutes old', async () => {
    const { world, known } = remember()
    fail(known, 1)
    await world.pass(60_000)
    fail(known, 5)
    await world.pass(60_000)
    expect(known.attemptsAllowed(true, limit)).toBe(false)
    await world.pass(1)
    expect(known.attemptsAllowed(true, limit)).toBe(true)
  })

  test('are counted for all lines of one kind to an address together', () => {
    const { world, known } = remember()
    fail(known, 6)
    expect(createPreference(world.environment, world.origin).attemptsAllowed(true, limit)).toBe(false)
    expect(createPreference(world.environment, 'https://elsewhere.test').attemptsAllowed(true, limit)).toBe(
      true,
    )
  })
})
