import { describe, expect, test, vi } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { ConnectionError } from '../../src/contracts/errors.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Limits } from '../../src/contracts/outbox.ts'
import type { Done } from '../../src/contracts/send.ts'
import { usualWaiting, type Waiting } from '../../src/contracts/waiting.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { createParser } from '../../src/wire/parser.ts'
import { vary } from '../support/dialects.ts'
import { cut, endedWell, refused, status } from '../support/fakes.ts'
import { createWorld } from '../support/world.ts'

const limits: Limits = { message: 1_000, batch: 5_000, messages: 100 }

/** An outbox, and a way up that waits for the test to say `done`. */
function setUp({
  dialect = native,
  told = limits,
  waiting = usualWaiting,
}: {
  dialect?: Dialect
  told?: Limits
  waiting?: Waiting
} = {}) {
  const world = createWorld()
  const requests: string[] = []
  const outcomes: string[] = []
  let lost = 0
  let answer: Done = () => {}
  const outbox = dialect.sending.outbox(dialect.sending, world.environment, () => lost++, waiting)
  const open = () =>
    outbox.open((text, done) => {
      requests.push(text as string)
      answer = done
    }, told)
  return {
    world,
    outbox,
    requests,
    /** How each message ended. */
    outcomes,
    get lost() {
      return lost
    },
    open,
    /** Sends messages in one turn; what is sent in one turn goes up together. */
    async add(...texts: string[]) {
      for (const text of texts) {
        outbox.add({ event: undefined, data: text }).then(
          () => outcomes.push(`${text} taken`),
          (error: ConnectionError) => outcomes.push(`${text} ${error.kind}`),
        )
      }
      await world.settle()
    },
    /** The request in flight is over. */
    answers: ((failure, answered) => answer(failure, answered)) as Done,
  }
}

/** What a request carries, as `number data`. */
function carried(request: string | undefined): string[] {
  return createParser()
    .feed(request ?? '')
    .map(({ id, data }) => `${id} ${data}`)
}

describe('numbering', () => {
  test('counts the messages of a session from 1', async () => {
    const { open, add, answers, requests } = setUp()
    open()
    await add('a')
    answers()
    await add('b')
    expect(requests.map(carried)).toEqual([['1 a'], ['2 b']])
  })

  test('keeps one request in flight, and puts everything that waits into the next', async () => {
    const { open, add, answers, requests } = setUp()
    open()
    await add('a')
    await add('b', 'c')
    expect(requests.map(carried)).toEqual([['1 a']])
    answers()
    expect(requests.map(carried)).toEqual([['1 a'], ['2 b', '3 c']])
  })

  test('holds what is sent while there is no way up', async () => {
    const { open, add, requests } = setUp()
    await add('a', 'b')
    expect(requests).toEqual([])
    open()
    expect(requests.map(carried)).toEqual([['1 a', '2 b']])
  })

  test('fills a request up to the limits of a batch in messages and in bytes', async () => {
    const { open, add, answers, outbox, requests, world } = setUp({ told: { ...limits, messages: 2 } })
    await add('a', 'b', 'c')
    open()
    answers()
    // No more may be unanswered than that.
    expect(requests.map(carried)).toEqual([['1 a', '2 b']])
    outbox.acknowledged?.(2)
    await world.settle()
    expect(requests.map(carried)).toEqual([['1 a', '2 b'], ['3 c']])

    const narrow = setUp({ told: { ...limits, batch: 100 } })
    await narrow.add('한'.repeat(15), '글'.repeat(15))
    narrow.open()
    expect(carried(narrow.requests[0])).toHaveLength(1)
  })
})

describe('acknowledgement', () => {
  test('takes all messages up to its number', async () => {
    const { open, add, outbox, outcomes, world } = setUp()
    await add('a', 'b', 'c')
    open()
    outbox.acknowledged?.(2)
    await world.settle()
    expect(outcomes).toEqual(['a taken', 'b taken'])
    expect(outbox.size).toBe(1)
  })

  test('that comes twice, or late, takes nothing more', async () => {
    const { open, add, outbox, outcomes, world } = setUp()
    await add('a', 'b')
    open()
    outbox.acknowledged?.(1)
    outbox.acknowledged?.(1)
    outbox.acknowledged?.(0)
    await world.settle()
    expect(outcomes).toEqual(['a taken'])
  })

  test('goes on with the right numbers after it', async () => {
    const { open, add, answers, outbox, requests } = setUp()
    await add('a', 'b')
    open()
    outbox.acknowledged?.(2)
    answers()
    await add('c')
    expect(carried(requests[1])).toEqual(['3 c'])
  })

  test('that a message was not taken answers those before it, rejects it with the server’s words, and the numbers go on', async () => {
    const { open, add, answers, outbox, outcomes, requests, world } = setUp()
    await add('a')
    let told: unknown
    outbox.add({ event: undefined, data: 'b' }).catch(error => {
      told = error
    })
    await add('c', 'd')
    open()
    const no = {
      kind: 'status',
      status: 422,
      code: 'told',
      detail: 'the server answered 422, no room',
    } as const
    outbox.declined?.(2, no)
    outbox.declined?.(2, no)
    outbox.acknowledged?.(3)
    answers()
    await add('e')
    await world.settle()
    expect(told).toMatchObject({ kind: 'declined', status: 422, message: expect.stringContaining('no room') })
    expect(outcomes).toEqual(['a taken', 'c taken'])
    expect(carried(requests[1])).toEqual(['5 e'])
  })

  test.each([Number.NaN, undefined, -1, 3, 1.5])(
    'that number %j was not taken rejects nothing that was not sent',
    async number => {
      const { open, add, outbox, outcomes, world } = setUp()
      open()
      await add('a')
      outbox.declined?.(number as number, refused)
      await add('b')
      await world.settle()
      expect(outcomes.filter(outcome => outcome.endsWith('declined'))).toEqual([])
    },
  )

  test('that is the last of a session leaves nothing in doubt: what is above it goes in the next one', async () => {
    const { open, add, outbox, outcomes, requests, world } = setUp()
    await add('a', 'b', 'c')
    open()
    outbox.returned?.(1)
    outbox.renew()
    open()
    await world.settle()
    expect(outcomes).toEqual(['a taken'])
    expect(carried(requests.at(-1))).toEqual(['1 b', '2 c'])
  })

  test('that is no number takes nothing', async () => {
    const { open, add, outbox, outcomes, world } = setUp()
    await add('a')
    open()
    outbox.acknowledged?.(Number.NaN)
    await world.settle()
    expect(outcomes).toEqual([])
  })
})

describe('after an outcome that is not known', () => {
  test('sends the same messages with the same numbers', async () => {
    const { open, add, answers, requests, world } = setUp()
    await add('a', 'b')
    open()
    answers(cut)
    await world.pass(250)
    expect(requests.map(carried)).toEqual([
      ['1 a', '2 b'],
      ['1 a', '2 b'],
    ])
  })

  test('waits longer each time, and not longer than half a minute', async () => {
    const { open, add, answers, requests, world } = setUp()
    await add('a')
    open()
    for (const wait of [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = requests.length
      answers(refused)
      await world.pass(wait - 1)
      expect(requests).toHaveLength(before)
      await world.pass(1)
      expect(requests).toHaveLength(before + 1)
    }
  })

  test.each([429, 503])('waits as long as the server asks with %i, and loses nothing', async code => {
    const { open, add, answers, outcomes, outbox, requests, world } = setUp()
    await add('a', 'b')
    open()
    // However often: the server took nothing, and the messages keep their numbers.
    for (let time = 1; time <= 5; time++) {
      answers(status(code, { retryAfter: 7_000 }))
      await world.pass(6_999)
      expect(requests).toHaveLength(time)
      await world.pass(1)
      expect(carried(requests[time])).toEqual(['1 a', '2 b'])
    }
    outbox.acknowledged?.(2)
    answers(undefined)
    await world.settle()
    expect(outcomes).toEqual(['a taken', 'b taken'])
  })

  test('sends nothing before that time, although more is sent meanwhile', async () => {
    const { open, add, answers, requests, world } = setUp()
    await add('a')
    open()
    answers(status(503, { retryAfter: 7_000 }))
    await add('b')
    expect(requests).toHaveLength(1)
    await world.pass(7_000)
    expect(carried(requests[1])).toEqual(['1 a', '2 b'])
  })

  test('sends again only what was not acknowledged meanwhile', async () => {
    const { open, add, answers, outbox, requests, world } = setUp()
    await add('a', 'b')
    open()
    outbox.acknowledged?.(1)
    answers(cut)
    await world.pass(250)
    expect(carried(requests[1])).toEqual(['2 b'])
  })

  test('sends nothing again once all is acknowledged', async () => {
    const { open, add, answers, outbox, requests, world } = setUp()
    await add('a')
    open()
    answers(cut)
    outbox.acknowledged?.(1)
    await world.pass(60_000)
    expect(requests).toHaveLength(1)
    expect(world.timers).toBe(0)
  })
})

describe('when the line reopens', () => {
  test('sends everything unanswered with the numbers it had', async () => {
    const { open, add, outbox, requests } = setUp()
    await add('a', 'b')
    open()
    outbox.pause()
    await add('c')
    open()
    expect(requests.map(carried)).toEqual([
      ['1 a', '2 b'],
      ['1 a', '2 b', '3 c'],
    ])
  })

  test('takes no notice of what a request of the old channel says', async () => {
    const stage = setUp()
    await stage.add('a')
    stage.open()
    stage.outbox.pause()
    stage.answers(status(404))
    stage.open()
    expect(stage.lost).toBe(0)
    expect(stage.requests).toHaveLength(2)
  })

  test('sends nothing while it is paused, whatever was planned', async () => {
    const { open, add, answers, outbox, requests, world } = setUp()
    await add('a')
    open()
    answers(cut)
    outbox.pause()
    await world.pass(60_000)
    expect(requests).toHaveLength(1)
  })
})

describe('how much goes together', () => {
  const piece = 'x'.repeat(2 ** 10)
  const wide: Limits = { message: 2 ** 11, batch: 2 ** 18, messages: 1_000 }

  /** Has the request in flight acknowledged whole, and gives how many KiB the next one has. */
  async function next({ answers, outbox, requests, world }: ReturnType<typeof setUp>): Promise<number> {
    outbox.acknowledged?.(Number(carried(requests.at(-1)).at(-1)?.split(' ')[0]))
    answers(undefined, true)
    await world.settle()
    return carried(requests.at(-1)).length
  }

  test('doubles with each request that is acknowledged whole, up to what the server takes', async () => {
    const box = setUp({ told: wide, waiting: { ...usualWaiting, bytes: 2 ** 22 } })
    box.open()
    await box.add(...Array.from({ length: 1_000 }, () => piece))
    const sizes = [carried(box.requests[0]).length]
    for (let turn = 0; turn < 4; turn++) sizes.push(await next(box))
    expect(sizes).toEqual([63, 126, 252, 252, 252])
  })

  test('is as little as at first after a request that failed, and on another channel', async () => {
    const box = setUp({ told: wide, waiting: { ...usualWaiting, bytes: 2 ** 22 } })
    box.open()
    await box.add(...Array.from({ length: 1_000 }, () => piece))
    expect(await next(box)).toBe(126)
    box.answers(refused)
    await box.world.pass(250)
    expect(carried(box.requests.at(-1)).length).toBe(63)
    expect(await next(box)).toBe(126)
    box.outbox.pause()
    box.open()
    expect(carried(box.requests.at(-1)).length).toBe(63)
  })

  test('never more than a server takes that takes less', async () => {
    const box = setUp({ told: { ...wide, batch: 2 ** 14 }, waiting: { ...usualWaiting, bytes: 2 ** 22 } })
    box.open()
    await box.add(...Array.from({ length: 100 }, () => piece))
    expect(carried(box.requests[0]).length).toBe(15)
    expect(await next(box)).toBe(15)
  })
})

describe('a batch that is too large', () => {
  test('is halved until it passes', async () => {
    const { open, add, answers, requests } = setUp()
    await add('a', 'b', 'c', 'd', 'e')
    open()
    answers(status(413))
    answers(status(413))
    answers()
    expect(requests.map(carried).map(({ length }) => length)).toEqual([5, 3, 2, 2])
    expect(requests.map(carried)[3]).toEqual(['3 c', '4 d'])
  })

  test('of one message is refused, and the later ones go on with its number', async () => {
    const { open, add, answers, requests, outcomes, world } = setUp()
    await add('huge', 'b')
    open()
    answers(status(413))
    answers(status(413))
    await world.settle()
    expect(outcomes).toEqual(['huge too-large'])
    expect(carried(requests.at(-1))).toEqual(['1 b'])
  })

  test('does not narrow the next channel', async () => {
    const { open, add, answers, outbox, requests } = setUp()
    await add('a', 'b')
    open()
    answers(status(413))
    outbox.pause()
    open()
    expect(carried(requests.at(-1))).toHaveLength(2)
  })
})

describe('a message that the server may not have', () => {
  test('is refused at once when it is larger than the server said it takes', async () => {
    const { open, add, outbox, outcomes, requests, world } = setUp()
    open()
    await add('x'.repeat(1_001), '한'.repeat(334), 'ok')
    await world.settle()
    expect(outcomes).toEqual([`${'x'.repeat(1_001)} too-large`, `${'한'.repeat(334)} too-large`])
    expect(requests.map(carried)).toEqual([['1 ok']])
    expect(outbox.size).toBe(2)
  })

  test('is refused when it is larger as it is written', async () => {
    const { open, add, outcomes, requests, world } = setUp()
    open()
    await add('x'.repeat(995), 'ok')
    await world.settle()
    expect(outcomes).toEqual([`${'x'.repeat(995)} too-large`])
    expect(requests.map(carried)).toEqual([['1 ok']])
  })

  test('is refused with all that were sent with it when this line may only listen', async () => {
    const { open, add, answers, outcomes, world } = setUp()
    await add('a', 'b')
    open()
    answers(status(403))
    await world.settle()
    expect(outcomes).toEqual(['a forbidden', 'b forbidden'])
    expect(world.timers).toBe(0)
  })
})

describe('when the server no longer knows the session', () => {
  test.each([404, 410])('asks for a new one after status %i', async code => {
    const stage = setUp()
    await stage.add('a')
    stage.open()
    stage.answers(status(code))
    expect(stage.lost).toBe(1)
  })

  test('tells what was sent without an answer that it is in doubt, and moves over what never was, numbered from 1', async () => {
    const { open, add, answers, outbox, outcomes, requests, world } = setUp()
    open()
    await add('sent')
    answers(cut)
    await add('waiting')
    await world.pass(250)
    expect(carried(requests[1])).toEqual(['1 sent', '2 waiting'])
    answers(status(404))
    outbox.renew()
    open()
    await world.settle()
    expect(outcomes).toEqual(['sent IN_DOUBT'])
    expect(carried(requests.at(-1))).toEqual(['1 waiting'])
  })

  test.each([404, 410, 409])(
    'status %i to what was sent for the first time says that it was not taken: it goes in the new session',
    async code => {
      const { open, add, answers, outbox, outcomes, requests, world } = setUp()
      open()
      await add('a', 'b')
      answers(status(code))
      await world.pass(250)
      if (code === 409) answers(status(code))
      outbox.renew()
      open()
      expect(carried(requests.at(-1))).toEqual(['1 a', '2 b'])
      outbox.acknowledged?.(2)
      await world.settle()
      expect(outcomes).toEqual(['a taken', 'b taken'])
    },
  )

  test('tries once more with the same numbers when they are out of order, then asks for a new one', async () => {
    const stage = setUp()
    await stage.add('a')
    stage.open()
    stage.answers(status(409))
    expect(stage.lost).toBe(0)
    await stage.world.pass(250)
    expect(carried(stage.requests[1])).toEqual(['1 a'])
    // An answer that is heard on the way, as that of a 409 is over WebSocket and JSONP, takes nothing that was not sent.
    stage.outbox.acknowledged?.(0)
    stage.answers(status(409))
    expect(stage.lost).toBe(1)
  })
})

describe('an answer that says success and acknowledges', () => {
  test('nothing is no progress: the same goes again, ever later, and is in doubt in the end', async () => {
    const stage = setUp()
    await stage.add('a', 'b')
    stage.open()
    for (const wait of [250, 500, 1_000, 2_000, 4_000]) {
      stage.answers(undefined, true)
      await stage.world.pass(wait)
    }
    expect(stage.requests.map(carried)).toEqual(Array(6).fill(['1 a', '2 b']))
    expect(stage.outcomes).toEqual([])
    stage.answers(undefined, true)
    await stage.world.settle()
    expect(stage.outcomes).toEqual(['a IN_DOUBT', 'b IN_DOUBT'])
    expect(stage.lost).toBe(1)
    stage.open()
    await stage.add('c')
    expect(carried(stage.requests.at(-1))).toEqual(['1 c'])
  })

  test('less than was sent lets the rest go again, and counts anew from there', async () => {
    const { open, add, answers, outbox, requests, outcomes, world } = setUp()
    await add('a', 'b')
    open()
    for (let turn = 0; turn < 5; turn++) {
      answers(undefined, true)
      await world.pass(10_000)
    }
    outbox.acknowledged?.(1)
    answers(undefined, true)
    await world.pass(250)
    expect(carried(requests.at(-1))).toEqual(['2 b'])
    outbox.acknowledged?.(2)
    answers(undefined, true)
    await world.settle()
    expect(outcomes).toEqual(['a taken', 'b taken'])
    expect(world.timers).toBe(0)
  })
})

describe('whatever throws', () => {
  const writes = (text: string): Dialect =>
    vary(native, {
      sending: {
        write(message, number) {
          if (message.data === text) throw new RangeError('cannot be written')
          return native.sending.write(message, number)
        },
      },
    })

  test('in writing a message rejects that one, and the next ones have its number', async () => {
    const { open, add, answers, outbox, outcomes, requests, world } = setUp({ dialect: writes('bad') })
    await add('a', 'bad', 'b')
    open()
    expect(requests.map(carried)).toEqual([['1 a', '2 b']])
    answers()
    outbox.acknowledged?.(2)
    await world.settle()
    expect(outcomes).toEqual(['bad undefined', 'a taken', 'b taken'])
    expect(outbox.size).toBe(0)
  })

  test('in the way up is an outcome that is not known', async () => {
    const { outbox, world, outcomes, add, requests } = setUp()
    let broken = true
    const open = () =>
      outbox.open((text, done) => {
        if (broken) throw new Error('the socket is odd')
        requests.push(text as string)
        done()
      }, limits)
    await add('a')
    open()
    broken = false
    await world.pass(250)
    expect(requests.map(carried)).toEqual([['1 a']])
    outbox.acknowledged?.(1)
    await world.settle()
    expect(outcomes).toEqual(['a taken'])
  })

  test('in the way up of a server that numbers nothing leaves one in doubt, and later ones go on', async () => {
    const { outbox, world, outcomes, add } = setUp({ dialect: plain })
    let broken = true
    outbox.open((_, done) => {
      if (broken) throw new Error('the socket is odd')
      done()
    }, undefined)
    await add('a')
    broken = false
    await add('b')
    await world.settle()
    expect(outcomes).toEqual(['a IN_DOUBT', 'b taken'])
  })

  test('a way up that says twice that it is done counts once', async () => {
    const { open, add, answers, requests, outcomes, world } = setUp({ dialect: plain })
    await add('a', 'b', 'c')
    open()
    answers()
    const [, second] = requests
    expect(second).toBe('b')
    answers()
    answers()
    await world.settle()
    expect(outcomes).toEqual(['a taken', 'b taken', 'c taken'])
  })
})

describe('a timeout', () => {
  test('takes out what was not sent by then', async () => {
    const { open, outbox, requests, world } = setUp()
    const late = expect(outbox.add({ event: undefined, data: 'a', timeout: 1_000 })).rejects.toMatchObject({
      kind: 'expired',
      message: expect.stringContaining('1000 ms'),
    })
    await world.pass(1_000)
    await late
    open()
    expect(requests).toEqual([])
    expect(world.timers).toBe(0)
  })

  test('rejects what was sent as in doubt, which keeps its number until it is acknowledged', async () => {
    const { open, add, answers, outbox, requests, outcomes, world } = setUp()
    open()
    const late = expect(outbox.add({ event: undefined, data: 'a', timeout: 1_000 })).rejects.toMatchObject({
      kind: 'IN_DOUBT',
    })
    await world.pass(1_000)
    await late
    outbox.acknowledged?.(1)
    answers()
    await add('b')
    expect(carried(requests.at(-1))).toEqual(['2 b'])
    outbox.acknowledged?.(2)
    await world.settle()
    expect(outcomes).toEqual(['b taken'])
  })

  test('of what is answered in time does nothing', async () => {
    const { open, outbox, world } = setUp()
    open()
    const sent = outbox.add({ event: undefined, data: 'a', timeout: 1_000 })
    await world.settle()
    outbox.acknowledged?.(1)
    await sent
    expect(world.timers).toBe(0)
  })
})

describe('bounds', () => {
  test('are the page’s to set, and named', async () => {
    const { outbox } = setUp({ dialect: plain, waiting: { messages: 2, bytes: 2_000_000, age: 5_000 } })
    outbox.add({ event: undefined, data: 'x'.repeat(1_500_000) }).catch(() => {})
    await expect(outbox.add({ event: undefined, data: 'x'.repeat(2_000_001) })).rejects.toMatchObject({
      kind: 'too-large',
      message: expect.stringContaining('limits.bytes is 2000000'),
    })
    await expect(outbox.add({ event: undefined, data: 'x'.repeat(500_001) })).rejects.toMatchObject({
      kind: 'full',
      message: expect.stringContaining('2 messages or 2000000 bytes'),
    })
  })

  test('let a hundred thousand go one by one without running out of stack', async () => {
    const { outbox, world } = setUp({
      dialect: plain,
      waiting: { messages: 100_000, bytes: 2 ** 30, age: 5_000 },
    })
    let went = 0
    for (let index = 0; index < 20_000; index++) void outbox.add({ event: undefined, data: '' })
    outbox.open((_, done) => {
      went++
      done()
    }, undefined)
    await world.settle()
    expect(went).toBe(20_000)
  })

  test('ten thousand messages may wait, the next is refused', async () => {
    const { add, outbox, outcomes, world } = setUp()
    for (let index = 0; index < 10_001; index++) void add(`${index}`)
    await world.settle()
    expect(outcomes).toEqual(['10000 full'])
    expect(outbox.size).toBe(10 + 90 * 2 + 900 * 3 + 9_000 * 4)
  })

  test('a MiB may wait, counted in UTF-8 bytes', async () => {
    const { add, outbox, world, outcomes } = setUp({ told: { ...limits, message: 2 ** 20 } })
    await add('한'.repeat(300_000), 'x'.repeat(2 ** 20 - 900_000), '')
    await world.settle()
    expect(outbox.size).toBe(2 ** 20)
    expect(outcomes).toEqual([])
    await add('y')
    await world.settle()
    expect(outcomes).toEqual(['y full'])
  })

  test('a refused message leaves room for the next', async () => {
    const { add, outbox, world, outcomes } = setUp()
    await add('x'.repeat(2 ** 20), 'y', '')
    await world.settle()
    expect(outcomes).toEqual(['y full'])
    expect(outbox.size).toBe(2 ** 20)
  })

  test('what waits for two minutes without ever being sent is refused', async () => {
    const { add, outcomes, world } = setUp()
    await add('a')
    await world.pass(60_000)
    await add('b')
    await world.pass(60_000)
    expect(outcomes).toEqual(['a expired'])
    await world.pass(60_000)
    expect(outcomes).toEqual(['a expired', 'b expired'])
    expect(world.timers).toBe(0)
  })

  test('what was sent and stays unanswered for two minutes is in doubt, and ends the session', async () => {
    const stage = setUp()
    await stage.add('a')
    stage.open()
    await stage.world.pass(120_000)
    expect(stage.outcomes).toEqual(['a IN_DOUBT'])
    expect(stage.lost).toBe(1)
  })
})

describe('ping', () => {
  test('is sent when nothing else is on its way', async () => {
    const { open, add, outbox, answers, requests } = setUp()
    outbox.ping()
    expect(requests).toEqual([])
    open()
    outbox.ping()
    expect(requests).toEqual([native.sending.ping])
    await add('a')
    expect(requests).toHaveLength(1)
    answers()
    outbox.ping()
    expect(requests.map(carried)[1]).toEqual(['1 a'])
    expect(requests).toHaveLength(2)
  })

  test('goes while messages have to wait, and does not let them go sooner', async () => {
    const { open, add, outbox, answers, requests, world } = setUp()
    open()
    await add('a')
    answers(status(503, { retryAfter: 7_000 }))
    await world.pass(3_000)
    expect(outbox.ping()).toBe(true)
    answers()
    await world.pass(3_999)
    expect(requests.slice(1)).toEqual([native.sending.ping])
    await world.pass(1)
    expect(carried(requests[2])).toEqual(['1 a'])
  })

  test('that is answered 413 holds nothing up', async () => {
    const { open, add, outbox, answers, requests } = setUp()
    open()
    outbox.ping()
    answers(status(413))
    await add('a')
    expect(carried(requests[1])).toEqual(['1 a'])
  })

  test('is not sent to servers that have none', () => {
    const { open, outbox, requests } = setUp({ dialect: plain })
    open()
    outbox.ping()
    expect(requests).toEqual([])
  })
})

describe('with a server that acknowledges nothing', () => {
  test('hands over one message after the other, as it is, and calls it taken', async () => {
    const { open, add, answers, outcomes, requests, world } = setUp({ dialect: plain })
    await add('a', 'b')
    open()
    expect(requests).toEqual(['a'])
    answers()
    expect(requests).toEqual(['a', 'b'])
    answers()
    await world.settle()
    expect(outcomes).toEqual(['a taken', 'b taken'])
    expect(world.timers).toBe(0)
  })
})

describe('with a server that acknowledges nothing, a message that failed', () => {
  test.each<[string, Failure, string]>([
    ['without a word may have been taken', refused, 'IN_DOUBT'],
    ['by a fault of the server may have been taken', status(500), 'IN_DOUBT'],
    ['because it is too large was not', status(413), 'too-large'],
    ['because it is not allowed was not', status(403), 'forbidden'],
  ])('%s, and never goes a second time', async (_, failure, kind) => {
    const { open, add, answers, outcomes, requests, world } = setUp({ dialect: plain })
    await add('a', 'b')
    open()
    answers(failure)
    await world.settle()
    expect(outcomes).toEqual([`a ${kind}`])
    expect(requests).toEqual(['a', 'b'])
  })

  test('goes again when the server asks to come back later', async () => {
    const { open, add, answers, requests, world } = setUp({ dialect: plain })
    await add('a')
    open()
    answers(status(429, { retryAfter: 7_000 }))
    await world.pass(6_999)
    expect(requests).toEqual(['a'])
    await world.pass(1)
    expect(requests).toEqual(['a', 'a'])
  })

  test('goes by the next channel when this one was closing already', async () => {
    const { open, add, answers, outbox, requests } = setUp({ dialect: plain })
    await add('a')
    open()
    outbox.pause()
    answers(endedWell)
    open()
    expect(requests).toEqual(['a', 'a'])
  })

  describe('because its session is no more', () => {
    const dialect = vary(plain, { sending: { isSessionLost: status => status === 404 } })

    test('goes in the next session, which is asked for', async () => {
      const stage = setUp({ dialect })
      await stage.add('a')
      stage.open()
      stage.answers(status(404))
      expect(stage.lost).toBe(1)
      stage.outbox.pause()
      stage.open()
      expect(stage.requests).toEqual(['a', 'a'])
      stage.answers()
      await stage.world.settle()
      expect(stage.outcomes).toEqual(['a taken'])
    })

    test('may still be answered there', async () => {
      const stage = setUp({ dialect })
      const answer = stage.outbox.add({ event: undefined, data: 'a', answer: true })
      await stage.world.settle()
      stage.open()
      stage.answers(status(404))
      stage.outbox.pause()
      stage.open()
      stage.answers()
      stage.outbox.answered?.(2, 'yes')
      expect(await answer).toBe('yes')
    })

    test('goes in the session that the line has moved to meanwhile', async () => {
      const stage = setUp({ dialect })
      await stage.add('a')
      stage.open()
      stage.outbox.pause()
      stage.open()
      stage.answers(status(404))
      expect(stage.lost).toBe(0)
      await stage.world.pass(250)
      expect(stage.requests).toEqual(['a', 'a'])
    })
  })

  test('goes no second time once its answer is there', async () => {
    const { open, answers, outbox, requests, world } = setUp({ dialect: plain })
    const answer = outbox.add({ event: undefined, data: 'a', answer: true })
    open()
    await world.settle()
    outbox.answered?.(1, 'yes')
    answers(status(503, { retryAfter: 7_000 }))
    await world.pass(60_000)
    expect(await answer).toBe('yes')
    expect(requests).toEqual(['a'])
  })

  test('is waited for while the line reopens', async () => {
    const { open, add, answers, outbox, outcomes, requests, world } = setUp({ dialect: plain })
    await add('a', 'b')
    open()
    outbox.pause()
    open()
    expect(requests).toEqual(['a'])
    answers()
    await world.settle()
    expect(outcomes).toEqual(['a taken'])
    expect(requests).toEqual(['a', 'b'])
  })
})

describe('an answer that was asked for', () => {
  const question = { event: undefined, data: 'a', answer: true }
  const asked = (request: string | undefined) =>
    createParser()
      .feed(request ?? '')
      .map(({ id, re }) => `${id} ${re}`)

  test.each([
    ['after the acknowledgement', ['acknowledged', 'answered']],
    ['before it', ['answered', 'acknowledged']],
  ] as const)('that comes %s is what the send resolves with, and the number is used up', async (_, order) => {
    const { open, add, answers, outbox, requests, world } = setUp()
    open()
    const answer = outbox.add(question)
    await world.settle()
    expect(asked(requests[0])).toEqual(['1 answer'])
    for (const what of order) outbox[what]?.(1, 'yes')
    answers()
    expect(await answer).toBe('yes')
    expect(outbox.size).toBe(0)
    await add('b')
    expect(asked(requests[1])).toEqual(['2 undefined'])
  })

  test('is told from the answers to other messages, and from one that came before', async () => {
    const { open, outbox, world } = setUp()
    open()
    const answer = [outbox.add(question), outbox.add({ ...question, answer: false }), outbox.add(question)]
    await world.settle()
    outbox.acknowledged?.(3)
    for (const number of [3, 2, 7, Number.NaN]) outbox.answered?.(number, `to ${number}`)
    outbox.answered?.(3, 'again')
    outbox.answered?.(1, 'to 1')
    expect(await Promise.all(answer)).toEqual(['to 1', undefined, 'to 3'])
  })

  test('is waited for on the next channel, by which the question goes again with its number', async () => {
    const { open, outbox, requests, world } = setUp()
    open()
    const answer = outbox.add(question)
    await world.settle()
    outbox.pause()
    open()
    expect(requests.map(asked)).toEqual([['1 answer'], ['1 answer']])
    outbox.acknowledged?.(1)
    outbox.pause()
    open()
    outbox.answered?.(1, 'yes')
    expect(await answer).toBe('yes')
    expect(requests).toHaveLength(2)
  })

  test.each<[string, (outbox: ReturnType<typeof setUp>['outbox']) => void]>([
    ['another session', outbox => outbox.renew()],
    ['the end of the line', outbox => outbox.close()],
  ])('is in doubt at %s, though the message was taken', async (_, act) => {
    const { open, answers, outbox, world } = setUp()
    open()
    const answer = expect(outbox.add({ ...question, timeout: 60_000 })).rejects.toMatchObject({
      kind: 'IN_DOUBT',
    })
    await world.settle()
    outbox.acknowledged?.(1)
    answers()
    act(outbox)
    await answer
    expect(world.timers).toBe(0)
  })

  test('does not come for a message that was declined', async () => {
    const { open, outbox, world } = setUp()
    open()
    const answer = expect(outbox.add(question)).rejects.toMatchObject({ kind: 'declined', status: 422 })
    await world.settle()
    outbox.declined?.(1, status(422))
    await answer
    outbox.answered?.(1, 'late')
    let empty = false
    outbox.whenEmpty(() => {
      empty = true
    })
    expect(empty).toBe(true)
  })

  test('is waited for until its time is over; one that comes later is no longer asked for', async () => {
    const { open, outbox, requests, world } = setUp()
    open()
    const answer = expect(outbox.add({ ...question, timeout: 500 })).rejects.toMatchObject({
      kind: 'IN_DOUBT',
    })
    await world.pass(500)
    await answer
    outbox.pause()
    open()
    expect(requests.map(asked)).toEqual([['1 answer'], ['1 undefined']])
    outbox.acknowledged?.(1)
    outbox.answered?.(1, 'late')
    expect(outbox.size).toBe(0)
  })

  test('keeps the news that nothing waits back until it is there', async () => {
    const { open, outbox, world } = setUp()
    open()
    const answer = outbox.add(question)
    await world.settle()
    outbox.acknowledged?.(1)
    let empty = false
    outbox.whenEmpty(() => {
      empty = true
    })
    expect(empty).toBe(false)
    outbox.answered?.(1, 'yes')
    expect(empty).toBe(true)
    await answer
  })
})

describe.each([
  ['numbered', native],
  ['handed over', plain],
])('a volatile message that is %s', (_, dialect) => {
  const point = { event: undefined, data: 'point', volatile: true }
  const dropped = (sent: Promise<unknown>) => expect(sent).rejects.toMatchObject({ kind: 'dropped' })

  test('is dropped in the same turn while there is no channel', async () => {
    const { open, outbox, requests, world } = setUp({ dialect })
    const sent = dropped(outbox.add(point))
    expect(outbox.size).toBe(5)
    await sent
    expect(outbox.size).toBe(0)
    expect(world.timers).toBe(0)
    open()
    expect(requests).toEqual([])
  })

  test('is sent where it can be, and counts until it is taken', async () => {
    const { open, answers, outbox, requests, world } = setUp({ dialect })
    open()
    const sent = outbox.add(point)
    await world.settle()
    expect(requests).toHaveLength(1)
    expect(outbox.size).toBe(5)
    answers()
    outbox.acknowledged?.(1)
    await sent
    expect(outbox.size).toBe(0)
  })

  test('is dropped behind a request that is under way, and keeps nothing else from going', async () => {
    const { open, add, answers, outbox, outcomes, requests, world } = setUp({ dialect })
    open()
    await add('a')
    const sent = dropped(outbox.add(point))
    await add('b')
    await sent
    answers()
    outbox.acknowledged?.(1)
    answers()
    outbox.acknowledged?.(2)
    await world.settle()
    expect(outcomes).toEqual(['a taken', 'b taken'])
    expect(requests.join('')).not.toContain('point')
  })

  test('is dropped where there is no room for it', async () => {
    const { add, outbox } = setUp({ dialect, waiting: { ...usualWaiting, messages: 1 } })
    await add('a')
    await dropped(outbox.add(point))
  })

  test('that was sent and whose channel is gone is in doubt when the session ends, as any other', async () => {
    const { open, outbox, requests, world } = setUp({ dialect })
    open()
    const sent = expect(outbox.add(point)).rejects.toMatchObject({ kind: 'IN_DOUBT' })
    await world.settle()
    outbox.pause()
    outbox.renew()
    await sent
    open()
    expect(requests).toHaveLength(1)
  })

  test('may ask for an answer', async () => {
    const { open, answers, outbox, world } = setUp({ dialect })
    await dropped(outbox.add({ ...point, answer: true }))
    open()
    const answer = outbox.add({ ...point, answer: true })
    await world.settle()
    answers()
    outbox.acknowledged?.(1)
    // What is handed over has a number for each try to write something.
    for (const number of [1, 2, 3]) outbox.answered?.(number, 'yes')
    expect(await answer).toBe('yes')
  })
})

describe('a volatile message behind a request that was acknowledged, and is not over yet,', () => {
  async function acknowledged() {
    const stage = setUp()
    stage.open()
    await stage.add('a')
    stage.outbox.acknowledged?.(1)
    const sent = stage.outbox.add({ event: undefined, data: 'point', volatile: true })
    sent.catch(() => {})
    await stage.world.settle()
    expect(stage.requests.map(carried)).toEqual([['1 a']])
    return { ...stage, sent }
  }
  const dropped = (sent: Promise<unknown>) => expect(sent).rejects.toMatchObject({ kind: 'dropped' })

  test('goes as soon as that is over, with what waits besides', async () => {
    const { add, answers, outbox, requests, sent } = await acknowledged()
    await add('b')
    answers()
    expect(requests.map(carried)).toEqual([['1 a'], ['2 point', '3 b']])
    outbox.acknowledged?.(3)
    await sent
  })

  test('is dropped when nothing can be sent then', async () => {
    const { answers, outbox, requests, sent, world } = await acknowledged()
    answers(cut)
    await dropped(sent)
    await world.pass(60_000)
    expect(requests.map(carried)).toEqual([['1 a']])
    expect(outbox.size).toBe(0)
  })

  test('is dropped when the channel goes, and does not go up on the next', async () => {
    const { open, outbox, requests, sent } = await acknowledged()
    outbox.pause()
    await dropped(sent)
    open()
    expect(requests.map(carried)).toEqual([['1 a']])
  })

  test('is dropped behind a second one, of which nothing is acknowledged', async () => {
    const { answers, add, outbox, requests, sent } = await acknowledged()
    answers()
    await dropped(outbox.add({ event: undefined, data: 'late', volatile: true }))
    await add('b')
    outbox.acknowledged?.(2)
    await sent
    answers()
    expect(requests.map(carried)).toEqual([['1 a'], ['2 point'], ['3 b']])
  })
})

test('volatile messages of one turn go up together, behind those before them', async () => {
  const { open, outbox, requests, world } = setUp()
  open()
  for (const [data, volatile] of [
    ['a', false],
    ['b', true],
    ['c', true],
  ] as const)
    void outbox.add({ event: undefined, data, volatile })
  await world.settle()
  expect(requests.map(carried)).toEqual([['1 a', '2 b', '3 c']])
})

test.each([true, false])(
  'a volatile message waits for the end of a request that was acknowledged, and is dropped if the channel is gone first: %s',
  async isOver => {
    const { open, answers, add, outbox, requests, world } = setUp()
    open()
    await add('a')
    outbox.acknowledged?.(1)
    let outcome = 'waits'
    outbox.add({ event: undefined, data: 'point', volatile: true }).then(
      () => {
        outcome = 'taken'
      },
      ({ kind }) => {
        outcome = kind
      },
    )
    await world.settle()
    expect(outcome).toBe('waits')
    if (isOver) answers()
    else outbox.pause()
    await world.settle()
    expect(requests.map(carried)).toEqual(isOver ? [['1 a'], ['2 point']] : [['1 a']])
    outbox.acknowledged?.(isOver ? 2 : 1)
    await world.settle()
    expect(outcome).toBe(isOver ? 'taken' : 'dropped')
  },
)

test('a volatile message that was sent goes again after a cut, with its number', async () => {
  const { open, outbox, requests, world } = setUp()
  open()
  const sent = outbox.add({ event: undefined, data: 'a', volatile: true })
  await world.settle()
  outbox.pause()
  open()
  expect(requests.map(carried)).toEqual([['1 a'], ['1 a']])
  outbox.acknowledged?.(1)
  await sent
})

describe.each([
  ['numbered', native],
  ['handed over', plain],
])('a signal of a message that is %s', (_, dialect) => {
  test('takes it out of what waits, and its reason is what the send rejects with', async () => {
    const { open, add, outbox, requests, world } = setUp({ dialect })
    const going = new AbortController()
    const left = vi.spyOn(going.signal, 'removeEventListener')
    const rejected = expect(
      outbox.add({ event: undefined, data: 'a', timeout: 1_000, signal: going.signal }),
    ).rejects.toBe('enough')
    going.abort('enough')
    await rejected
    expect(outbox.size).toBe(0)
    expect(world.timers).toBe(0)
    expect(left).toHaveBeenCalledTimes(1)
    await add('b')
    open()
    expect(requests).toHaveLength(1)
    expect(requests[0]).toContain('b')
    expect(requests[0]).not.toContain('a\n')
  })

  test('of one that was sent ends the wait, and the next one follows it', async () => {
    const { open, add, answers, outbox, outcomes, requests, world } = setUp({ dialect })
    open()
    const going = new AbortController()
    const rejected = expect(
      outbox.add({ event: undefined, data: 'a', answer: true, signal: going.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' })
    await world.settle()
    going.abort()
    await rejected
    answers()
    outbox.acknowledged?.(1)
    outbox.answered?.(1, 'late')
    await add('b')
    answers()
    outbox.acknowledged?.(2)
    await world.settle()
    expect(outcomes).toEqual(['b taken'])
    expect(requests).toHaveLength(2)
    expect(world.timers).toBe(0)
  })

  test('is left alone once its message has come through', async () => {
    const { open, answers, outbox, world } = setUp({ dialect })
    open()
    const going = new AbortController()
    const left = vi.spyOn(going.signal, 'removeEventListener')
    const sent = outbox.add({ event: undefined, data: 'a', signal: going.signal })
    await world.settle()
    answers()
    outbox.acknowledged?.(1)
    await sent
    await world.settle()
    expect(left).toHaveBeenCalledTimes(1)
    going.abort()
  })
})

describe('the news that nothing waits', () => {
  test('comes when the channel is gone that the last answer was to come by', async () => {
    const { open, answers, outbox, world } = setUp({ dialect: plain })
    open()
    const doubted = expect(outbox.add({ event: undefined, data: 'a', answer: true })).rejects.toMatchObject({
      kind: 'IN_DOUBT',
    })
    await world.settle()
    answers()
    let empty = false
    outbox.whenEmpty(() => {
      empty = true
    })
    expect(empty).toBe(false)
    outbox.pause()
    expect(empty).toBe(true)
    await doubted
  })
})

describe('close', () => {
  test('tells what was sent that it is in doubt, the rest that it was not sent, and leaves no timer', async () => {
    const { open, add, outbox, outcomes, world } = setUp()
    open()
    await add('sent')
    await add('waiting')
    outbox.close()
    await world.settle()
    expect(outcomes).toEqual(['sent IN_DOUBT', 'waiting closed'])
    expect(outbox.size).toBe(0)
    expect(world.timers).toBe(0)
  })
})
