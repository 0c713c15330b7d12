import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { Target } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { nchan } from '../../src/dialects/nchan.ts'
import { plain, plainWith } from '../../src/dialects/plain.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { sockjs } from '../../src/dialects/sockjs.ts'
import { createPollPacing, type Over } from '../../src/transports/http/poll-pacing.ts'
import { createWorld } from '../support/world.ts'

interface Answer extends Partial<Over> {
  /** How many new things it brought. */
  news?: number
  took?: number
}

/** What a channel waits after each of these answers. */
async function waits(dialect: Dialect, ...answers: Answer[]): Promise<number[]> {
  const world = createWorld()
  let taken = 0
  const target = { dialect, environment: world.environment, taken: () => taken } as Target
  const pace = createPollPacing(target)
  const waited: number[] = []
  for (const { news = 0, took = 5, spoke = false, ...more } of answers) {
    const since = world.now
    await world.pass(took)
    taken += news
    const wait = pace.after({ since, spoke, ...more })
    waited.push(wait)
    await world.pass(wait)
  }
  return waited
}

function times(count: number, answer: Answer): Answer[] {
  return Array(count).fill(answer)
}

const greeting: Answer = { spoke: true }

describe('the next request', () => {
  test('follows an answer at once that brought something new', async () => {
    expect(await waits(native, greeting, { news: 1 }, { news: 3 })).toEqual([0, 0, 0])
  })

  test('follows an answer at once that was held, though it brought nothing', async () => {
    expect(await waits(native, ...times(3, { took: 25_000 }))).toEqual([0, 0, 0])
    expect(await waits(plain, ...times(3, { took: 25_000 }))).toEqual([0, 0, 0])
  })

  test('follows the first greeting at once, and waits longer after each that has nothing else', async () => {
    expect(await waits(native, ...times(6, greeting))).toEqual([0, 1_000, 2_000, 4_000, 5_000, 5_000])
  })

  test('follows at once again after an answer that had something', async () => {
    expect(await waits(native, ...times(3, greeting), { news: 1 }, greeting)).toEqual([
      0, 1_000, 2_000, 0, 1_000,
    ])
  })

  test('waits after an empty answer, for as long as the dialect says', async () => {
    expect(await waits(native, {}, {})).toEqual([1_000, 2_000])
    expect(await waits(plain, ...times(3, {}))).toEqual([1_000, 1_000, 1_000])
    expect(await waits(nchan({ interval: 70 }), {}, {})).toEqual([70, 70])
  })

  test('waits after a copy of the answer before, where no id tells that it is one', async () => {
    const copy: Answer = { news: 1, spoke: true, text: 'data: the same\n\n' }
    expect(await waits(plain, ...times(3, copy))).toEqual([0, 1_000, 1_000])
  })

  test('comes when a server without our wire says, and not sooner after an answer without news', async () => {
    expect(await waits(plain, { news: 1, retry: 800 }, { retry: 800 }, { retry: 3_000 })).toEqual([
      800, 1_000, 3_000,
    ])
    expect(await waits(plainWith({ letter: true }), { retry: 800 })).toEqual([800])
  })
})

describe('where many answers bring something new', () => {
  test('a server that keeps no account is asked at once in a burst only', async () => {
    const slow = await waits(plain, ...times(100, { news: 1, took: 1 }))
    expect(slow.filter(wait => wait === 0).length).toBeLessThanOrEqual(21)
    expect(slow.at(-1)).toBe(249)
  })

  test.each([native, nchan(), nchan({ multiplexed: true }), sockjs(), socketio()])(
    'a server that keeps account of what was heard is asked a hundred times a second at most ($name)',
    async dialect => {
      const far = await waits(dialect, ...times(100, { news: 1, took: 10 }))
      expect(new Set(far)).toEqual(new Set([0]))
      expect((await waits(dialect, ...times(100, { news: 1, took: 1 }))).at(-1)).toBe(9)
    },
  )

  test('a server that asks for no wait between them is obeyed as far', async () => {
    expect((await waits(plainWith({ letter: true }), ...times(100, { retry: 0, took: 1 }))).at(-1)).toBe(249)
  })
})
