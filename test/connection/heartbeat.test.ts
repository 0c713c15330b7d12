import { describe, expect, test } from 'vitest'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { ack, message, pong, welcome } from '../support/blocks.ts'
import { type Asked, openLine, type Stage } from '../support/line.ts'
import { tokenOf } from '../support/token.ts'
import { createWorld } from '../support/world.ts'

const { ping } = native.sending

/** A line whose server took so many ms to greet. */
async function opened(took = 0, options: Parameters<typeof openLine>[0] = {}): Promise<Stage> {
  const stage = await openLine(options)
  await stage.world.pass(took)
  stage.transport.channel.opens()
  stage.transport.channel.brings(welcome(), pong)
  hand(stage)
  await stage.world.pass(1)
  return stage
}

/** The channel has handed over all that it was given, as a WebSocket does at once. */
function hand({ transport }: Stage): void {
  for (let count = 0; count < 20; count++) transport.channel.takes()
}

async function send({ line, world }: Stage, data: string): Promise<void> {
  line.send(data).catch(() => {})
  await world.settle()
}

/** How long it takes until the page hears that the line is dead. */
async function noticed({ heard, world }: Stage, most = 60_000): Promise<number> {
  const from = world.now
  while (!heard.some(each => each.startsWith('error')) && world.now - from < most) await world.pass(100)
  return world.now - from
}

describe('a message that waits for its acknowledgement is a question', () => {
  test.each([0, 3, 20])('a server gone silent after %i s is noticed within ten', async quiet => {
    const stage = await opened()
    await stage.world.pass(quiet * 1_000)
    await send(stage, 'anybody there?')
    hand(stage)
    const after = await noticed(stage)
    expect(after).toBeGreaterThanOrEqual(5_000)
    expect(after).toBeLessThanOrEqual(10_000)
    expect(stage.heard.at(-1)).toBe('error silent')
  })

  test('also of the second message, when the first was acknowledged', async () => {
    const stage = await opened()
    await send(stage, 'one')
    hand(stage)
    stage.transport.channel.brings(ack(1))
    await send(stage, 'two')
    hand(stage)
    expect(await noticed(stage)).toBeLessThanOrEqual(10_000)
  })

  test('also of an empty one', async () => {
    const stage = await opened()
    await send(stage, '')
    hand(stage)
    expect(await noticed(stage)).toBeLessThanOrEqual(10_000)
  })

  test('where the way up is taken by the message itself, the question goes beside it', async () => {
    const asked: { body: unknown; signal: AbortSignal }[] = []
    const fetch = async (_: unknown, { body, signal }: RequestInit = {}) => {
      asked.push({ body, signal: signal as AbortSignal })
      return new Promise<Response>(() => {})
    }
    const stage = await opened(0, { world: createWorld({ fetch }) })
    await send(stage, 'never answered')
    await stage.world.pass(5_100)
    expect(asked.map(({ body }) => body)).toEqual([ping])
    // A listener of the server may be slow: the line is well.
    stage.transport.channel.brings(pong)
    expect(asked[0]?.signal.aborted).toBe(true)
    expect(await noticed(stage)).toBeLessThanOrEqual(10_000)
    expect(asked.length).toBeGreaterThan(1)
  })

  test('a line that answers while its server is slow to acknowledge stays', async () => {
    const stage = await opened()
    await send(stage, 'work')
    hand(stage)
    for (let second = 0; second < 60; second++) {
      await stage.world.pass(1_000)
      hand(stage)
      if (stage.transport.channel.sent.at(-1) === ping) stage.transport.channel.brings(pong)
    }
    expect(stage.heard).toEqual(['open by websocket'])
    const asked = stage.transport.channel.sent.filter(text => text === ping)
    expect(asked.length).toBeLessThanOrEqual(1 + 60 / 5)
  })

  test('a large message has the time that it needs at 1 KB/s', async () => {
    const stage = await opened()
    await send(stage, 'x'.repeat(20_000))
    hand(stage)
    await stage.world.pass(24_000)
    expect(stage.transport.channel.sent.at(-1)).not.toBe(ping)
    await stage.world.pass(2_000)
    expect(stage.transport.channel.sent.at(-1)).toBe(ping)
  })

  test('a message that is acknowledged asks nothing', async () => {
    const stage = await opened()
    await send(stage, 'hi')
    hand(stage)
    stage.transport.channel.brings(ack(1))
    await stage.world.pass(30_000)
    expect(stage.transport.channel.sent).toHaveLength(2)
    expect(stage.heard).toEqual(['open by websocket'])
  })

  test('where nothing is acknowledged none is asked', async () => {
    const stage = await openLine({ dialect: plain })
    stage.transport.channel.opens()
    await send(stage, 'hi')
    hand(stage)
    await stage.world.pass(60_000)
    expect(stage.heard).toEqual(['open by websocket'])
  })
})

describe('the time for an answer', () => {
  test.each([2_500, 3_300])('follows the round trip of the line, of %i ms say', async trip => {
    const stage = await opened(2 * trip)
    for (let visit = 0; visit < 20; visit++) {
      await stage.world.fire('visibilitychange')
      hand(stage)
      await stage.world.pass(trip)
      stage.transport.channel.brings(pong)
      await stage.world.pass(1_000)
    }
    expect(stage.heard).toEqual(['open by websocket'])
  })

  test('is learned from acknowledgements too, where a network got slow', async () => {
    const stage = await opened(50)
    await send(stage, 'hi')
    hand(stage)
    await stage.world.pass(3_000)
    stage.transport.channel.brings(ack(1))
    await stage.world.fire('online')
    await stage.world.pass(3_000)
    stage.transport.channel.brings(pong)
    expect(stage.heard).toEqual(['open by websocket'])
  })

  test.each([
    [50, 2_000],
    [60_000, 10_000],
  ])('after %i ms to open is %i ms', async (took, time) => {
    const stage = await opened(took, { timeout: 100_000 })
    await stage.world.fire('online')
    await stage.world.pass(time - 1)
    expect(stage.heard).toEqual(['open by websocket'])
    await stage.world.pass(1)
    expect(stage.heard.at(-1)).toBe('error silent')
  })

  test('gets shorter again by and by', async () => {
    const stage = await opened(9_000)
    for (let visit = 0; visit < 30; visit++) {
      await stage.world.fire('online')
      hand(stage)
      await stage.world.pass(20)
      stage.transport.channel.brings(pong)
      await stage.world.pass(1)
    }
    await stage.world.fire('online')
    expect(await noticed(stage)).toBeLessThanOrEqual(2_100)
  })
})

describe('a browser that says it is offline', () => {
  test('lets an open line be asked, and one that answers stays', async () => {
    const stage = await opened()
    await stage.world.fire('offline')
    expect(stage.transport.channel.sent.at(-1)).toBe(ping)
    stage.transport.channel.brings(pong)
    await stage.world.pass(10_000)
    expect(stage.heard).toEqual(['open by websocket'])
  })

  test('lets a dead line be noticed in two seconds', async () => {
    const stage = await opened()
    await stage.world.fire('offline')
    expect(await noticed(stage)).toBeLessThanOrEqual(2_100)
  })

  test('neither ends nor hurries a line that is down, and ends none that cannot be asked', async () => {
    const stage = await opened()
    stage.transport.channel.ends({ kind: 'cut', code: 'gone', retryAfter: 10_000 })
    for (let second = 0; second < 9; second++) {
      await stage.world.fire('offline')
      await stage.world.pass(1_000)
    }
    expect(stage.transport.channels).toHaveLength(1)
    const foreign = await openLine({ dialect: plain })
    foreign.transport.channel.opens()
    await foreign.world.fire('offline')
    await foreign.world.pass(60_000)
    expect(foreign.heard).toEqual(['open by websocket'])
  })
})

describe('a navigation', () => {
  const options: [string, Asked][] = [
    ['native', {}],
    ['plain', { dialect: plain }],
  ]

  test.each(options)('that takes the page away tells nothing of its lines: %s', async (_, asked) => {
    const stage = await openLine(asked)
    stage.transport.channel.opens()
    stage.transport.channel.brings(welcome())
    stage.heard.length = 0
    await stage.world.fire('beforeunload')
    await stage.world.pass(2_500)
    stage.transport.channel.brings(pong)
    await stage.world.pass(2_500)
    stage.transport.channel.ends({ kind: 'status', code: 'EventSource was refused' })
    await stage.world.pass(900)
    await stage.world.fire('pagehide')
    await stage.world.pass(60_000)
    expect(stage.heard.filter(each => !each.startsWith('message'))).toEqual([])
    await stage.world.fire('pageshow')
    expect(stage.transport.channels).toHaveLength(2)
  })

  test('that the page survives lets its lines come back, and tells of it', async () => {
    const stage = await opened()
    await stage.world.fire('beforeunload')
    stage.transport.channel.ends({ kind: 'ended', code: 'closed with 1001' })
    await send(stage, 'meanwhile')
    await stage.world.pass(1_000)
    expect(stage.heard.at(-1)).toBe('error ended')
    await stage.world.pass(2_000)
    stage.transport.channel.opens()
    stage.transport.channel.brings(welcome(), pong)
    expect(stage.transport.channel.sent.join()).toContain('meanwhile')
  })

  test('that the page survives lets a line be asked that may have been ended without a word', async () => {
    const stage = await opened()
    await stage.world.fire('beforeunload')
    await stage.world.pass(2_000)
    expect(stage.transport.channel.sent.at(-1)).toBe(ping)
    expect(await noticed(stage)).toBeLessThanOrEqual(3_100)
  })

  test('counts for half a minute: what ends later is told at once', async () => {
    const stage = await opened()
    await stage.world.fire('beforeunload')
    await stage.world.pass(2_000)
    stage.transport.channel.brings(pong)
    await stage.world.pass(28_000)
    stage.transport.channel.ends()
    expect(stage.heard.at(-1)).toBe('error cut')
  })

  test('of a line that is closed meanwhile tells its closing alone', async () => {
    const stage = await opened()
    await stage.world.fire('beforeunload')
    stage.transport.channel.ends()
    stage.line.close()
    await stage.world.pass(60_000)
    expect(stage.heard).toEqual(['open by websocket', 'close: closed by the page'])
    expect([stage.world.timers, stage.world.listeners]).toEqual([0, 0])
  })
})

describe('token()', () => {
  const never = new Promise<string>(() => {})

  test('that never settles is an error within ten seconds, and asked again', async () => {
    let calls = 0
    const stage = await openLine({ token: () => (calls++ ? 'second' : never) })
    await stage.world.pass(10_000)
    expect(stage.heard).toEqual(['error silent'])
    await stage.world.pass(5_000)
    expect(calls).toBe(2)
    expect(tokenOf(stage.transport.channel.asked)).toBe('second')
  })

  test('that answers late is heard: the next try needs no other', async () => {
    let calls = 0
    let answer: (token: string) => void = () => {}
    const late = new Promise<string>(resolve => {
      answer = resolve
    })
    const stage = await openLine({
      token: () => {
        calls++
        return late
      },
    })
    await stage.world.pass(10_000)
    answer('late')
    await stage.world.pass(5_000)
    expect(calls).toBe(1)
    expect(tokenOf(stage.transport.channel.asked)).toBe('late')
  })

  test.each([
    [
      'throws an Error',
      () => {
        throw new Error('no network')
      },
      /no network/,
    ],
    [
      'throws nothing',
      () => {
        throw undefined
      },
      /undefined/,
    ],
    ['rejects with a text', () => Promise.reject('logged out'), /logged out/],
    ['rejects with null', () => Promise.reject(null), /object/],
    ['gives undefined', () => undefined, /undefined.*string/],
    ['gives null', async () => null, /null.*string/],
    ['gives a number', () => 42, /number.*string/],
    ['gives an object', async () => ({ jwt: 'x' }), /object.*string/],
    ['gives an object without a text', async () => ({ token: 7 }), /number.*string/],
  ])('that %s is an error that says so, and asked again', async (_, token, words) => {
    const stage = await openLine({ token: token as never })
    const errors: string[] = []
    stage.line.onerror = ({ error }) => errors.push(error.message)
    await stage.world.pass(30_000)
    expect(stage.heard[0]).toBe('error refused')
    expect(errors[0]).toMatch(words)
    expect(errors.length).toBeGreaterThan(1)
    expect(errors.length).toBeLessThan(20)
    expect(stage.transport.channels).toEqual([])
  })

  test('is waited for no longer once the line is closed', async () => {
    const stage = await openLine({ token: () => never })
    stage.line.close()
    await stage.world.pass(60_000)
    expect(stage.heard).toEqual(['close: closed by the page'])
    expect(stage.world.timers).toBe(0)
  })
})

test('messages that come are signs of life to a line that is asked', async () => {
  const stage = await opened()
  await stage.world.fire('online')
  await stage.world.pass(1_000)
  stage.transport.channel.brings(message(1))
  await stage.world.pass(20_000)
  expect(stage.heard).toEqual(['open by websocket', 'message m1'])
})
