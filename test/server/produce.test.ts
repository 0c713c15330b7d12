/** Sources that are read once and published in a topic of their own: the hub, and lines of the SDK in Node that read it. */
import { ReadableStream } from 'node:stream/web'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type HubOptions, type Log, memoryLog, redisLog } from '../../server/index.ts'
import { type CoreOptions, connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { cutter, type Stand, stand, until, wait } from './harness.ts'
import { missingRedis, type Redis, startRedis } from './redis.ts'

const transports = { websocket, fetchStreaming, longPolling }
type Name = keyof typeof transports
const names = Object.keys(transports) as Name[]

const topic = 'answer:1'
const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, n) => `${first + n}`)

/** A line of its own that reads the answer from its beginning. */
function read(at: Stand, name: Name = 'websocket', more: Partial<CoreOptions> = {}, topicName = topic) {
  const line = connect(`http://${at.host}/live`, {
    transport: transports[name],
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
    ...more,
  })
  onTestFinished(() => line.close())
  const subscription = line.subscribe(topicName, { history: Number.POSITIVE_INFINITY })
  const pieces: unknown[] = []
  const ends: unknown[] = []
  const told: string[] = []
  subscription.onmessage = ({ data }) => void pieces.push(data)
  subscription.onopen = ({ trimmed }) => void told.push(trimmed ? 'open, trimmed' : 'open')
  subscription.addEventListener('gap', () => told.push('gap'))
  subscription.addEventListener('end', event => ends.push((event as unknown as { data: unknown }).data))
  const ended = () => until(() => ends.length > 0)
  return { line, subscription, pieces, ends, told, ended }
}

/** A source that gives what it is told to, and says what happens to it. */
function byHand() {
  const waiting: { resolve(step: IteratorResult<string>): void; reject(error: unknown): void }[] = []
  const source = {
    asked: 0,
    closed: 0,
    signal: undefined as AbortSignal | undefined,
    give: (value: string) => waiting.shift()?.resolve({ done: false, value }),
    end: () => waiting.shift()?.resolve({ done: true, value: undefined }),
    fail: (error: unknown) => waiting.shift()?.reject(error),
    open: (signal: AbortSignal) => {
      source.signal = signal
      return source
    },
    [Symbol.asyncIterator]: () => ({
      next: () => {
        source.asked++
        return new Promise<IteratorResult<string>>((resolve, reject) => waiting.push({ resolve, reject }))
      },
      return: async () => {
        source.closed++
        return { done: true as const, value: undefined }
      },
    }),
    /** Once the hub has asked for it. */
    async giveAll(values: readonly string[]) {
      for (const value of values) {
        await until(() => waiting.length > 0)
        source.give(value)
      }
      await until(() => waiting.length > 0)
    },
  }
  return source
}

function errorsOf({ hub }: Stand): unknown[] {
  const errors: unknown[] = []
  hub.on('error', error => void errors.push(error))
  return errors
}

async function* slowly(values: Iterable<string>, ms = 5) {
  for (const value of values) {
    await wait(ms)
    yield value
  }
}

describe.each(names)('over %s', name => {
  it('a line reads the pieces as they come, and then the end with their number', async () => {
    const at = await stand()
    const source = byHand()
    const answer = at.hub.produce(topic, source)
    const { pieces, ends, ended, told } = read(at, name)
    await source.giveAll(['one'])
    await until(() => pieces.length === 1)
    await source.giveAll(['two', ''])
    await until(() => pieces.length === 3)
    expect(ends).toEqual([])
    expect(at.hub.stats().producing).toBe(1)
    source.end()
    await ended()
    expect([pieces, ends]).toEqual([['one', 'two', ''], [{ pieces: 3 }]])
    expect(await answer.done).toEqual({ pieces: 3 })
    expect(told).toEqual(['open'])
    expect(at.hub.stats().producing).toBe(0)
    expect(source.closed).toBe(0)
    expect(answer.signal.aborted).toBe(false)
  })

  it('a line that is cut in the middle, again and again, misses nothing and hears nothing twice', async () => {
    const at = await stand({ retry: 1 })
    const cut = cutter(at.server)
    const all = numbers(120)
    at.hub.produce(topic, slowly(all))
    const { pieces, ends, ended, told } = read(at, name)
    for (const count of [10, 40, 70]) {
      await until(() => pieces.length >= count)
      cut()
    }
    await ended()
    expect([pieces, ends]).toEqual([all, [{ pieces: 120 }]])
    expect(told).toEqual(['open'])
  })

  it('a second line reads it from the beginning, in the middle and after the end', async () => {
    const at = await stand()
    const source = byHand()
    at.hub.produce(topic, source)
    const first = read(at, name)
    await source.giveAll(['one', 'two'])
    await until(() => first.pieces.length === 2)
    first.line.close()
    const second = read(at, name)
    await until(() => second.pieces.length === 2)
    await source.giveAll(['three'])
    source.end()
    await second.ended()
    const third = read(at, name)
    await third.ended()
    for (const { pieces, ends, told } of [second, third]) {
      expect(pieces).toEqual(['one', 'two', 'three'])
      expect([ends, told]).toEqual([[{ pieces: 3 }], ['open']])
    }
  })

  it('a line that comes after `expire` is told that it is not kept', async () => {
    const at = await stand()
    await at.hub.produce(topic, ['one'], { expire: 30 }).done
    await wait(60)
    const { pieces, ends, told } = read(at, name)
    await until(() => told.length > 0)
    expect([pieces, ends, told]).toEqual([[], [], ['open, trimmed']])
  })

  it('a page cancels by a message, where the application lets it', async () => {
    const at = await stand()
    at.hub.on('message', ({ event, data }) => {
      if (event !== 'cancel') return undefined
      if (data !== topic) throw { status: 403, message: 'that is not yours' }
      return at.hub.cancel(data, 'by its reader')
    })
    const source = byHand()
    const answer = at.hub.produce(topic, source.open)
    const { line, pieces, ends, ended } = read(at, name)
    await source.giveAll(['one'])
    await until(() => pieces.length === 1)
    await expect(line.send('another', { event: 'cancel', answer: true })).rejects.toMatchObject({
      status: 403,
    })
    expect(await line.send(topic, { event: 'cancel', answer: true })).toBe(true)
    await ended()
    expect(ends).toEqual([{ pieces: 1, cancelled: 'by its reader' }])
    expect(await answer.done).toEqual({ pieces: 1, cancelled: 'by its reader' })
    expect([source.signal?.aborted, source.closed]).toEqual([true, 1])
    source.give('too late')
    await wait(10)
    expect(pieces).toEqual(['one'])
  })

  it('hub.close() ends it, closes its source and tells the page', async () => {
    const at = await stand()
    const errors = errorsOf(at)
    const source = byHand()
    const answer = at.hub.produce(topic, source.open)
    const { pieces, ends, ended } = read(at, name)
    await source.giveAll(['one'])
    await until(() => pieces.length === 1)
    // Who is between two polls cannot be told.
    await until(() => Object.values(at.hub.stats().lines).some(count => count > 0))
    await at.hub.close()
    await ended()
    expect(ends).toEqual([
      { pieces: 1, error: { status: 503, message: `the server was closed before "${topic}" was complete` } },
    ])
    await expect(answer.done).rejects.toMatchObject({ status: 503 })
    expect([source.signal?.aborted, source.closed]).toEqual([true, 1])
    await expect(at.hub.produce('another', ['one']).done).rejects.toMatchObject({ status: 503 })
    expect(errors).toEqual([])
  })
})

describe('a source', () => {
  it.each<[string, () => Parameters<Stand['hub']['produce']>[1]]>([
    ['an async generator', () => slowly(['a', 'b'])],
    ['an array', () => ['a', 'b']],
    ['an iterable of promises', () => new Set([Promise.resolve('a'), 'b'])],
    ['a function of it', () => () => slowly(['a', 'b'])],
    ['an async function of it', () => async () => ['a', 'b']],
    ['a stream of the web', () => ReadableStream.from(['a', 'b'])],
  ])('may be %s', async (_, source) => {
    const at = await stand()
    at.hub.produce(topic, source())
    const { pieces, ends, ended } = read(at)
    await ended()
    expect([pieces, ends]).toEqual([['a', 'b'], [{ pieces: 2 }]])
  })

  it('may be empty', async () => {
    const at = await stand()
    at.hub.produce(topic, [])
    const { pieces, ends, ended } = read(at)
    await ended()
    expect([pieces, ends]).toEqual([[], [{ pieces: 0 }]])
  })

  it('gives values and bytes too, under the names that the application says', async () => {
    const at = await stand()
    at.hub.produce(topic, [{ a: 1 }, null, Uint8Array.of(1, 2)], { event: 'piece', end: 'done' })
    const { subscription } = read(at)
    const heard: unknown[] = []
    for (const name of ['piece', 'done'])
      subscription.addEventListener(name, event => {
        const { type, data } = event as unknown as { type: string; data: unknown }
        heard.push([type, data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data])
      })
    await until(() => heard.length === 4)
    expect(heard).toEqual([
      ['piece', { a: 1 }],
      ['piece', null],
      ['piece', [1, 2]],
      ['done', { pieces: 3 }],
    ])
  })

  it.each([
    { status: 429, message: 'too many questions' },
    Object.assign(new Error('too many questions'), { status: 429, expose: true }),
  ])('that throws words for the page ends with them, and is no error of the hub: %o', async thrown => {
    const at = await stand()
    const errors = errorsOf(at)
    at.hub.produce(
      topic,
      (async function* () {
        yield 'one'
        throw thrown
      })(),
    )
    const { pieces, ends, ended } = read(at)
    await ended()
    expect([pieces, ends]).toEqual([
      ['one'],
      [{ pieces: 1, error: { status: 429, message: 'too many questions' } }],
    ])
    await wait(10)
    expect(errors).toEqual([])
  })

  it.each([
    new Error('the key sk-123 is wrong'),
    // As the libraries of models do.
    Object.assign(new Error('the key sk-123 is wrong'), { status: 401 }),
    'the key sk-123 is wrong',
  ])(
    'that throws anything else ends without a word of it, and the hub tells the application: %o',
    async failure => {
      const at = await stand()
      const errors = errorsOf(at)
      const source = byHand()
      const answer = at.hub.produce(topic, source)
      await source.giveAll(['one'])
      source.fail(failure)
      const { ends, ended } = read(at)
      await ended()
      expect(ends).toEqual([{ pieces: 1, error: { status: 500, message: 'the server failed' } }])
      await until(() => errors.length > 0)
      expect(errors).toEqual([failure])
      await expect(answer.done).rejects.toBe(failure)
      expect(answer.signal.aborted).toBe(true)
    },
  )

  it('whose failure is awaited is told to nobody else', async () => {
    const at = await stand()
    const errors = errorsOf(at)
    const failure = new Error('secret')
    const source = () => {
      throw failure
    }
    await expect(at.hub.produce(topic, source).done).rejects.toBe(failure)
    await wait(10)
    expect(errors).toEqual([])
  })

  it.each<[string, unknown, RegExp]>([
    ['a function', () => {}, /cannot be sent|function/],
    ['undefined', undefined, /undefined/],
    ['more than fits into a message', 'x'.repeat(2 ** 20 + 1), /split it/],
  ])('that gives %s ends with an error, and is closed', async (_, piece, words) => {
    const at = await stand()
    let closed = false
    const source = (async function* () {
      try {
        yield 'one'
        yield piece
      } finally {
        closed = true
      }
    })()
    await expect(at.hub.produce(topic, source as AsyncIterable<string>).done).rejects.toThrow(words)
    expect(closed).toBe(true)
    const { pieces, ends, ended } = read(at)
    await ended()
    expect([pieces, ends]).toEqual([
      ['one'],
      [{ pieces: 1, error: { status: 500, message: 'the server failed' } }],
    ])
  })

  it('that is always ready does not keep the server from everything else', async () => {
    const at = await stand()
    let turns = 0
    const clock = setInterval(() => turns++, 1)
    const answer = at.hub.produce(
      topic,
      Array.from({ length: 20_000 }, () => 'x'),
    )
    await answer.done
    clearInterval(clock)
    expect(turns).toBeGreaterThan(3)
  })

  it('is not read ahead of the log', async () => {
    const inner = memoryLog()
    const waiting: (() => void)[] = []
    const log: Log = {
      ...inner,
      async append(...message) {
        await new Promise<void>(resolve => waiting.push(resolve))
        return inner.append(...message)
      },
    }
    const at = await stand({ log })
    const source = byHand()
    const answer = at.hub.produce(topic, source)
    await until(() => source.asked === 1)
    for (const n of [1, 2, 3]) {
      source.give(`${n}`)
      await until(() => waiting.length === 1)
      await wait(5)
      expect(source.asked).toBe(n)
      waiting.shift()?.()
      await until(() => source.asked === n + 1)
    }
    source.end()
    await until(() => waiting.length === 1)
    waiting.shift()?.()
    expect(await answer.done).toEqual({ pieces: 3 })
  })

  it.each<[unknown[], RegExp]>([
    [['', []], /^topic is ""/],
    [['rt.x', []], /begin with rt\./],
    [[topic, 'text'], /^produce: the source is "text"; it has to be an async iterable or an iterable/],
    [[topic, 5], /^produce: the source is 5/],
    [[topic, undefined], /^produce: the source is undefined/],
    [[topic, [], { event: 'a', end: 'a' }], /^produce: event and end are both "a"/],
    [[topic, [], { event: 'rt.a' }], /^event is "rt\.a"/],
    [[topic, [], { end: '' }], /^event is ""/],
    [[topic, [], { expire: 0 }], /^produce: expire is 0/],
    [[topic, [], { retainBytes: -1 }], /^produce: retainBytes is -1/],
    [
      [topic, [], { retain: 5 }],
      /^produce: unknown option "retain"; the options are event, end, expire, retainBytes/,
    ],
    [[topic, [], 5], /^produce: the options are 5/],
  ])('or what goes with it is checked: %o', async (args, words) => {
    const { hub } = await stand()
    expect(() => hub.produce(...(args as Parameters<typeof hub.produce>))).toThrow(TypeError)
    expect(() => hub.produce(...(args as Parameters<typeof hub.produce>))).toThrow(words)
  })
})

describe('a production', () => {
  it('that nobody listens to goes on to its end', async () => {
    const at = await stand()
    const source = byHand()
    const answer = at.hub.produce(topic, source)
    const { line, pieces } = read(at)
    await source.giveAll(['one'])
    await until(() => pieces.length === 1)
    await line.close({ flush: 1_000 })
    await source.giveAll(['two'])
    source.end()
    expect(await answer.done).toEqual({ pieces: 2 })
  })

  it('that is longer than a topic of the hub may be is kept whole', async () => {
    const at = await stand({ retain: 10, retainBytes: 10_000 })
    const all = numbers(6_000)
    await at.hub.produce(topic, all).done
    const { pieces, ends, told, ended } = read(at)
    await ended()
    expect(pieces).toEqual(all)
    expect([ends, told]).toEqual([[{ pieces: 6_000 }], ['open']])
  })

  it('that is longer than its own `retainBytes` ends with an error, and what was published is kept', async () => {
    const at = await stand()
    const source = byHand()
    const answer = at.hub.produce(topic, source, { retainBytes: 500 })
    await source.giveAll(['one', 'two'])
    source.give('three')
    await expect(answer.done).rejects.toThrow(
      `"${topic}" has more than the 500 bytes that are kept of it (retainBytes)`,
    )
    expect(source.closed).toBe(1)
    const { pieces, ends, ended } = read(at)
    await ended()
    expect([pieces, ends]).toEqual([
      ['one', 'two'],
      [{ pieces: 2, error: expect.objectContaining({ status: 507 }) }],
    ])
  })

  it('is read from its beginning by a second part of a page whose line hears it already', async () => {
    const at = await stand()
    const source = byHand()
    at.hub.produce(topic, source)
    const { line, pieces } = read(at)
    await source.giveAll(numbers(20))
    await until(() => pieces.length === 20)
    const again: unknown[] = []
    line.subscribe(topic, { history: Number.POSITIVE_INFINITY }).onmessage = ({ data }) =>
      void again.push(data)
    await source.giveAll(numbers(5, 20))
    await until(() => again.length === 25)
    expect(again).toEqual(numbers(25))
  })

  it('in a topic that is produced already, or was, is not begun, and does not harm what is there', async () => {
    const at = await stand()
    const errors = errorsOf(at)
    const source = byHand()
    const first = at.hub.produce(topic, source)
    const { pieces, ends, ended } = read(at)
    await source.giveAll(['one'])
    let called = 0
    const second = at.hub.produce(topic, () => {
      called++
      return ['wrong']
    })
    await expect(second.done).rejects.toThrow(`produce: there are messages in "${topic}" already`)
    await expect(second.done).rejects.toMatchObject({ status: 409 })
    second.cancel()
    expect(at.hub.stats().producing).toBe(1)
    const other = byHand()
    at.hub.produce(topic, other)
    await until(() => other.closed === 1)
    await until(() => errors.length === 1)
    expect(errors).toEqual([expect.objectContaining({ status: 409 })])
    await source.giveAll(['two'])
    source.end()
    await ended()
    expect(await first.done).toEqual({ pieces: 2 })
    await expect(at.hub.produce(topic, ['wrong']).done).rejects.toMatchObject({ status: 409 })
    expect([pieces, ends, called]).toEqual([['one', 'two'], [{ pieces: 2 }], 0])
    await at.hub.drop(topic)
    expect(await at.hub.produce(topic, ['new']).done).toEqual({ pieces: 1 })
  })

  it('is cancelled once, also before its source has begun, and not once it is over', async () => {
    const at = await stand()
    const source = byHand()
    const answer = at.hub.produce(topic, source.open)
    answer.cancel()
    answer.cancel('again')
    expect(await answer.done).toEqual({ pieces: 0, cancelled: 'cancelled' })
    expect(source.signal).toBeUndefined()
    answer.cancel()
    expect(at.hub.cancel(topic)).toBe(false)
    const { ends, ended } = read(at)
    await ended()
    expect(ends).toEqual([{ pieces: 0, cancelled: 'cancelled' }])
  })

  it('that is cancelled while its function works closes what that gives later', async () => {
    const at = await stand()
    const source = byHand()
    let give = () => {}
    const answer = at.hub.produce(topic, async signal => {
      await new Promise<void>(resolve => {
        give = resolve
      })
      return source.open(signal)
    })
    await wait(5)
    answer.cancel()
    expect(await answer.done).toEqual({ pieces: 0, cancelled: 'cancelled' })
    give()
    await until(() => source.closed === 1)
    expect([source.asked, source.signal?.aborted]).toEqual([0, true])
  })

  it.each<[unknown[], RegExp]>([
    [[undefined], /^cancel: topic is undefined; it has to be a text/],
    [[topic, 5], /^cancel: reason is 5/],
  ])('cannot be cancelled by %o', async (args, words) => {
    const { hub } = await stand()
    expect(() => hub.cancel(...(args as Parameters<typeof hub.cancel>))).toThrow(words)
  })

  it('no page ends by itself', async () => {
    const at = await stand()
    const source = byHand()
    const answer = at.hub.produce(topic, source)
    const { line, pieces } = read(at)
    await source.giveAll(['one'])
    await until(() => pieces.length === 1)
    await line.send(topic, { event: 'cancel' })
    await line.send({ topic }, { event: 'cancel' })
    await source.giveAll(['two'])
    source.end()
    expect(await answer.done).toEqual({ pieces: 2 })
  })

  it('whose source is silent for longer than `expire` keeps its beginning', async () => {
    const at = await stand()
    const source = byHand()
    at.hub.produce(topic, source, { expire: 20 })
    await source.giveAll(['one'])
    await wait(60)
    await at.hub.publish('another', 'so that the log looks at what is over')
    await source.giveAll(['two'])
    const { pieces, told } = read(at)
    await until(() => pieces.length === 2)
    expect([pieces, told]).toEqual([['one', 'two'], ['open']])
  })

  it('whose pieces the log does not take is ended, and the end is tried until the log takes it', async () => {
    const { at, away, log } = await standWithFailingLog()
    const source = byHand()
    const answer = at.hub.produce(topic, source)
    await source.giveAll(['one'])
    away(true)
    source.give('two')
    await until(() => source.closed === 1)
    const failing = expect(answer.done).rejects.toThrow('the log is away')
    await wait(20)
    away(false)
    await failing
    const { pieces, ends, ended } = read(at)
    await ended()
    expect([pieces, ends]).toEqual([
      ['one'],
      [{ pieces: 1, error: { status: 500, message: 'the server failed' } }],
    ])
    expect(log.tries).toBeGreaterThan(2)
  })

  it('that cannot even say its end lets hub.close() go', async () => {
    const { at, away } = await standWithFailingLog()
    const source = byHand()
    const answer = at.hub.produce(topic, source)
    await source.giveAll(['one'])
    away(true)
    const failing = expect(answer.done).rejects.toMatchObject({ status: 503 })
    const errors = errorsOf(at)
    await at.hub.close()
    await failing
    expect(errors).toEqual([expect.objectContaining({ message: 'the log is away' })])
  })

  it('leaves nothing behind', async () => {
    const at = await stand()
    const source = byHand()
    const answers = numbers(50).map(n =>
      at.hub.produce(`answer:${n}`, n === '7' ? source : [n], { expire: 1 }),
    )
    expect(at.hub.stats().producing).toBe(50)
    answers[7]?.cancel()
    await Promise.all(answers.map(({ done }) => done))
    await wait(5)
    expect(at.hub.stats().producing).toBe(0)
    const { told } = read(at, 'websocket', {}, 'answer:9')
    await until(() => told.length > 0)
    expect(told).toEqual(['open, trimmed'])
  })
})

async function standWithFailingLog() {
  const inner = memoryLog()
  let isAway = false
  const log = {
    ...inner,
    tries: 0,
    append(...message: Parameters<Log['append']>) {
      log.tries++
      if (isAway) throw new Error('the log is away')
      return inner.append(...message)
    },
  }
  const at = await stand({ log })
  return {
    at,
    log,
    away(now: boolean) {
      isAway = now
    },
  }
}

describe.skipIf(missingRedis)(
  `with nodes that share a log in Redis (${missingRedis ?? 'here'})`,
  { timeout: 60_000 },
  () => {
    let redis: Redis
    let prefixes = 0

    beforeAll(async () => {
      redis = await startRedis('saved')
    })
    afterAll(() => redis.close())

    async function nodes(): Promise<[Stand, Stand]> {
      const prefix = `produce-${prefixes++}`
      const begin = (options: HubOptions = {}) => {
        const log = redisLog({ url: redis.url, prefix, retain: 20 })
        onTestFinished(() => log.close())
        return stand({ ...options, log })
      }
      return (await Promise.all([begin(), begin()])) as [Stand, Stand]
    }

    it.each(names)('a line of the other node over %s reads all of it, also after a cut', async name => {
      const [a, b] = await nodes()
      const cut = cutter(b.server)
      const all = numbers(100)
      const answer = a.hub.produce(topic, slowly(all))
      const during = read(b, name)
      await until(() => during.pieces.length >= 30)
      cut()
      await during.ended()
      expect(await answer.done).toEqual({ pieces: 100 })
      const after = read(b, name)
      await after.ended()
      for (const { pieces, ends, told } of [during, after]) {
        expect(pieces).toEqual(all)
        expect([ends, told]).toEqual([[{ pieces: 100 }], ['open']])
      }
    })

    it('is cancelled by the other node, and is not begun there', async () => {
      const [a, b] = await nodes()
      const source = byHand()
      const answer = a.hub.produce(topic, source.open)
      const { pieces, ends, ended } = read(b)
      await source.giveAll(['one'])
      await until(() => pieces.length === 1)
      await expect(b.hub.produce(topic, ['wrong']).done).rejects.toMatchObject({ status: 409 })
      expect(b.hub.cancel('another')).toBe(false)
      expect(b.hub.cancel(topic, 'from there')).toBe(false)
      await ended()
      expect(await answer.done).toEqual({ pieces: 1, cancelled: 'from there' })
      expect([pieces, ends]).toEqual([['one'], [{ pieces: 1, cancelled: 'from there' }]])
      expect([source.signal?.aborted, source.closed]).toEqual([true, 1])
    })

    it('a node that is closed says so to the lines of the other one', async () => {
      const [a, b] = await nodes()
      const source = byHand()
      const answer = a.hub.produce(topic, source)
      const { pieces, ends, ended } = read(b)
      await source.giveAll(['one'])
      await until(() => pieces.length === 1)
      await a.hub.close()
      await ended()
      expect(ends).toEqual([{ pieces: 1, error: expect.objectContaining({ status: 503 }) }])
      await expect(answer.done).rejects.toMatchObject({ status: 503 })
    })
  },
)
