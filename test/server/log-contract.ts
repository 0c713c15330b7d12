import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry, History, Log, PerTopic } from '../../server/index.ts'
import { createParser } from '../../src/wire/parser.ts'
import { wait } from './harness.ts'

/** A log of its own, empty, in an epoch of its own. */
export type MakeLog = (options?: { retain?: PerTopic; expire?: PerTopic }) => Log

const text = { event: undefined, data: 'x', encoding: undefined }
const append = async (log: Log, topic = 'a') => log.append(topic, text)
const since = async (log: Log, cursor: string | undefined, ...topics: string[]) => log.after(cursor, topics)
const seqs = (history: History) => history.entries.map(entry => entry.seq)

/** In the topics by turns. */
async function appendMany(log: Log, count: number, ...topics: string[]): Promise<Entry[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => append(log, topics[n % topics.length])))
}

/** What any log promises. `effort`: how many random histories are tried. */
export function logContract(make: MakeLog, effort: number): void {
  describe('an id', () => {
    it('is epoch, number and a tag nobody can foretell, of characters that need no preflight', async () => {
      const log = make()
      const ids = (await appendMany(log, 2_000)).map(entry => entry.id)
      expect(ids.every(id => /^[\w-]{8}\.\d+\.[\w-]{6}$/.test(id))).toBe(true)
      expect(ids.map(id => Number(id.split('.')[1]))).toEqual(ids.map((_, index) => index + 1))
      expect(new Set(ids.map(id => id.split('.')[2])).size).toBeGreaterThan(1_990)
    })
  })

  describe('a gap', () => {
    it('is trimmed when one message too many is gone, at the very edge', async () => {
      const log = make({ retain: 3 })
      const ids = (await appendMany(log, 6)).map(entry => entry.id)
      expect((await since(log, ids[2], 'a')).gap).toBeUndefined()
      expect(seqs(await since(log, ids[2], 'a'))).toEqual([4, 5, 6])
      expect(await since(log, ids[1], 'a')).toMatchObject({ gap: { reason: 'trimmed', from: ids[1] } })
      expect(seqs(await since(log, ids[1], 'a'))).toEqual([4, 5, 6])
      expect(await since(log, ids[5], 'a')).toEqual({ start: ids[5], entries: [], more: false })
    })

    it('is not there when what was trimmed belongs to a topic nobody asked for', async () => {
      const log = make({ retain: 1 })
      const { id } = await append(log, 'a')
      await appendMany(log, 5, 'b')
      expect((await since(log, id, 'a')).gap).toBeUndefined()
    })

    it('lets a quiet topic keep what is older than the losses of a busy one', async () => {
      const log = make({ retain: 2 })
      const { id } = await append(log, 'quiet')
      const alarm = await append(log, 'quiet')
      await appendMany(log, 5, 'busy')
      const history = await since(log, id, 'quiet', 'busy')
      expect(seqs(history)).toEqual([alarm.seq, 6, 7])
      expect(history.start).toBe(id)
      expect(history.gap?.to).toContain('.5.')
    })

    it('is epoch when the log began anew, and all it holds follows', async () => {
      const { id } = await append(make())
      const log = make()
      await append(log)
      expect(await since(log, id, 'a')).toMatchObject({
        gap: { reason: 'epoch', from: id },
        start: expect.stringContaining('.0.'),
      })
      expect(seqs(await since(log, id, 'a'))).toEqual([1])
    })

    it('is epoch also when the new log is empty', async () => {
      const { id } = await append(make())
      expect(await since(make(), id, 'a')).toMatchObject({ gap: { reason: 'epoch' }, entries: [] })
    })

    it('is future when the cursor is beyond the newest id', async () => {
      const log = make()
      const { id } = await append(log)
      const [epoch] = id.split('.')
      expect(await since(log, `${epoch}.2.x`, 'a')).toEqual({
        start: id,
        gap: { reason: 'future', from: `${epoch}.2.x`, to: id },
        entries: [],
        more: false,
      })
    })

    it('is rollback when the number belongs to another message', async () => {
      const log = make()
      const { id } = await append(log)
      await append(log)
      expect(await since(log, `${id.slice(0, -1)}${id.endsWith('_') ? '-' : '_'}`, 'a')).toMatchObject({
        gap: { reason: 'rollback' },
        entries: [],
      })
    })

    it.each([
      '',
      'x',
      '1.2',
      'a.1e3.b',
      'a.-1.b',
      'a.9007199254740993.b',
      'a.1.b.c',
      'a.1.b\n',
      `${'a'.repeat(64)}.1.b`,
      '한.1.b',
    ])('is unknown when the cursor is no id: %j', async cursor => {
      const log = make()
      await append(log)
      expect(await since(log, cursor, 'a')).toMatchObject({
        gap: { reason: 'unknown', from: cursor },
        entries: [],
      })
    })

    it('is trimmed when a topic was dropped that held something after the cursor', async () => {
      const log = make()
      const { id } = await append(log)
      const last = await append(log, 'gone')
      await append(log)
      await log.drop('gone')
      expect((await since(log, id, 'a', 'gone')).gap).toMatchObject({ reason: 'trimmed' })
      expect((await since(log, last.id, 'a', 'gone')).gap).toBeUndefined()
    })
  })

  describe('a topic', () => {
    it.each(['a', 'rt.to.somebody'])(
      'that is %s is forgotten with all it keeps when it is dropped',
      async topic => {
        const log = make()
        const { id } = await append(log, topic)
        const last = await append(log, topic)
        await log.drop(topic)
        expect(await since(log, id, topic)).toMatchObject({ gap: { reason: 'trimmed' }, entries: [] })
        expect((await since(log, last.id, topic)).gap).toBeUndefined()
      },
    )

    it('that was dropped and is published in again tells of what was lost, and goes on', async () => {
      const log = make()
      const { id } = await append(log)
      await append(log)
      await log.drop('a')
      const next = await append(log)
      expect(await since(log, id, 'a')).toMatchObject({
        gap: { reason: 'trimmed' },
        entries: [{ seq: next.seq }],
      })
      expect((await since(log, next.id, 'a')).gap).toBeUndefined()
    })

    it('is told to be lost however many were dropped after it', async () => {
      const log = make()
      const { id } = await append(log, 'first')
      await append(log, 'first')
      await log.drop('first')
      // Not all at once: that would be a question of how fast this machine is.
      for (let n = 0; n < 10_100; n += 100) {
        const others = Array.from({ length: 100 }, (_, index) => `other:${n + index}`)
        await Promise.all(others.map(topic => append(log, topic)))
        await Promise.all(others.map(topic => log.drop(topic)))
      }
      expect((await since(log, id, 'first')).gap).toMatchObject({ reason: 'trimmed' })
      const { id: now } = await append(log, 'first')
      expect((await since(log, id, 'first')).gap).toMatchObject({ reason: 'trimmed' })
      expect((await since(log, now, 'first', 'rt.to.somebody')).gap).toBeUndefined()
    })

    it('that nobody drops is forgotten `expire` ms after its last message, and the gap is told', async () => {
      // A machine that stood still for so long has forgotten the busy topic too, and shows nothing: again, with more time.
      for (let expire = 300; ; expire *= 2) {
        const log = make({ expire })
        let last = Date.now()
        let longest = 0
        const keepBusy = async () => {
          await append(log, 'busy')
          longest = Math.max(longest, Date.now() - last)
          last = Date.now()
        }
        const { id } = await append(log, 'order:1')
        await append(log, 'order:1')
        await keepBusy()
        while ((await since(log, id, 'order:1')).gap?.reason !== 'trimmed') {
          await wait(20)
          await keepBusy()
        }
        expect((await since(log, id, 'order:1')).entries).toEqual([])
        const busy = await since(log, id, 'busy')
        if (Math.max(longest, Date.now() - last) >= expire) continue
        expect(busy.gap).toBeUndefined()
        expect(busy.entries.length).toBeGreaterThan(0)
        return
      }
    })

    it('that nobody drops is forgotten after the time of the longest pattern that fits its name', async () => {
      const patterns = { 'order:*': 300, 'order:kept:*': 3_600_000, 'order:1': Number.POSITIVE_INFINITY }
      const log = make({ expire: patterns })
      const names = ['order:1', 'order:2', 'order:kept:1', 'other', 'rt.to.somebody']
      const { id } = await append(log)
      await appendMany(log, 2 * names.length, ...names)
      const gone = async () => (await since(log, id, 'order:2')).gap?.reason === 'trimmed'
      while (!(await gone())) {
        await append(log, 'busy')
        await wait(20)
      }
      expect((await since(log, id, 'order:2')).entries).toEqual([])
      expect(await log.back('order:2', { limit: 5 })).toMatchObject({ entries: [], trimmed: true })
      for (const name of names.filter(name => name !== 'order:2')) {
        const { gap, entries } = await since(log, id, name)
        expect([name, gap, entries.length]).toEqual([name, undefined, 2])
      }
    })

    it('keeps as many messages as the longest pattern says that fits its name', async () => {
      const log = make({ retain: { 'room:*': 3, 'room:vip:*': 5, 'room:vip:1': 1, ticker: 2, 'r*': 4 } })
      const kept = {
        'room:vip:1': 1,
        'room:vip:10': 5,
        'room:': 3,
        room: 4,
        ticker: 2,
        'ticker:1': 10,
        'rt.to.somebody': 10,
      }
      const { id } = await append(log)
      const names = Object.keys(kept)
      await appendMany(log, 10 * names.length, ...names)
      for (const [name, count] of Object.entries(kept)) {
        const { gap, entries } = await since(log, id, name)
        expect([name, entries.length, gap?.reason]).toEqual([name, count, count < 10 ? 'trimmed' : undefined])
        const past = await log.back(name, { limit: 20 })
        expect([name, past.entries.length, past.trimmed]).toEqual([name, count, count < 10])
        expect((await since(log, entries[0]?.id, name)).gap).toBeUndefined()
      }
    })

    it('that fits no pattern has the default, and each has what `*` says', async () => {
      for (const [retain, expected] of [
        [{ 'room:*': 2 }, 1_000],
        [{ 'room:*': 2, '*': 3 }, 3],
        [{}, 1_000],
      ] as const) {
        const log = make({ retain })
        const { id } = await append(log)
        await appendMany(log, 1_100, 'a')
        await appendMany(log, 1_100, 'rt.to.somebody')
        for (const name of ['a', 'rt.to.somebody'])
          expect((await log.back(name, { limit: 2_000 })).entries).toHaveLength(expected)
        expect((await since(log, id, 'a')).gap?.reason).toBe('trimmed')
      }
    })

    it.each<[object, RegExp]>([
      [{ retain: { 'room:*': 0 } }, /^retain\["room:\*"\] is 0; it must be 1 or more/],
      [{ retain: { a: 1, b: '5' } }, /^retain\["b"\] is "5"/],
      [{ retain: { a: undefined } }, /^retain\["a"\] is undefined/],
      [{ retain: [5] }, /^retain is \[object Array\]/],
      [{ retain: null }, /^retain is null/],
      [{ expire: { 'a*': -1 } }, /^expire\["a\*"\] is -1; it must be a positive number of ms/],
      [{ retain: { '': 5 } }, /^retain has the pattern ""; it must be the name of a topic/],
      [{ retain: { '*:a': 5 } }, /^retain has the pattern "\*:a"; .* one \* at the end/],
      [{ expire: { 'a**': 5 } }, /^expire has the pattern "a\*\*"/],
      [{ expire: { 'rt.to.*': 5 } }, /^expire has the pattern "rt\.to\.\*"; .* are reserved/],
      [{ retain: { 'a\ud83d*': 5 } }, /^retain has the pattern "a\\ud83d\*"/],
      [{ retain: { 'a\nb': 5 } }, /^retain has the pattern "a\\nb"/],
    ])('cannot be kept as %o says', (options, words) => {
      expect(() => make(options)).toThrow(TypeError)
      expect(() => make(options)).toThrow(words)
    })

    it.each([0, -1, Number.NaN, '1h'])('cannot expire after %j', expire => {
      expect(() => make({ expire: expire as number })).toThrow(/^expire is .* number of ms/)
    })
  })

  describe('a topic that is kept whole', () => {
    const keepWhole = async (log: Log, count: number, expire?: number, topic = 'a') => {
      const kept: Entry[] = []
      for (let n = 0; n < count; n++) kept.push(await log.append(topic, text, { expire }))
      return kept
    }

    it('lets no message go, however few the others keep, and whoever publishes in it', async () => {
      const log = make({ retain: 3 })
      const { id } = await append(log, 'other')
      const kept = [...(await keepWhole(log, 10)), await append(log)]
      expect(await since(log, id, 'a')).toMatchObject({
        start: id,
        entries: kept.map(({ seq }) => ({ seq })),
      })
      expect((await since(log, id, 'a')).gap).toBeUndefined()
      expect(await log.back('a', { limit: 20 })).toMatchObject({ more: false, trimmed: false })
      await appendMany(log, 5, 'other')
      expect((await log.back('other', { limit: 20 })).entries).toHaveLength(3)
    })

    it('is as others are once it was dropped', async () => {
      const log = make({ retain: 3 })
      await keepWhole(log, 5)
      await log.drop('a')
      await appendMany(log, 5, 'a')
      const { entries, trimmed } = await log.back('a', { limit: 20 })
      expect([entries.length, trimmed]).toEqual([3, true])
    })

    it('lasts as long as its last message says, also after one that says nothing', async () => {
      const log = make({ expire: { '*': 3_600_000, brief: 1 } })
      const { id } = await append(log, 'other')
      await keepWhole(log, 2, 3_600_000)
      await keepWhole(log, 2, 60, 'a')
      await append(log)
      await keepWhole(log, 2, 3_600_000, 'brief')
      while ((await since(log, id, 'a')).gap?.reason !== 'trimmed') {
        await append(log, 'other')
        await wait(20)
      }
      expect((await since(log, id, 'a')).entries).toEqual([])
      expect((await since(log, id, 'brief')).entries).toHaveLength(2)
    })

    it('is whole though others of its name, or of names that were forgotten, came before it', async () => {
      const log = make()
      const { id } = await append(log)
      await append(log)
      await log.drop('a')
      await keepWhole(log, 3)
      expect(await log.back('a', { limit: 20 })).toMatchObject({ more: false, trimmed: false })
      expect(await since(log, id, 'a')).toMatchObject({ gap: { reason: 'trimmed' } })
      expect((await since(log, id, 'a')).entries).toHaveLength(3)
      for (let n = 0; n < 10_100; n += 100) {
        const others = Array.from({ length: 100 }, (_, index) => `other:${n + index}`)
        await Promise.all(others.map(topic => append(log, topic)))
        await Promise.all(others.map(topic => log.drop(topic)))
      }
      await keepWhole(log, 3, undefined, 'new')
      expect(await log.back('new', { limit: 20 })).toMatchObject({ more: false, trimmed: false })
    })
  })

  describe('a topic, backwards,', () => {
    const ids = (entries: readonly Entry[]) => entries.map(({ id }) => id)

    it('gives the newest, and page by page what is older, each once', async () => {
      const log = make()
      const all = (await appendMany(log, 120, 'a', 'b')).filter(({ topic }) => topic === 'a')
      const first = await log.back('a', { limit: 25 })
      expect(ids(first.entries)).toEqual(ids(all.slice(-25)))
      const second = await log.back('a', { before: first.entries[0]?.id, limit: 25 })
      expect(ids(second.entries)).toEqual(ids(all.slice(10, 35)))
      expect(second).toMatchObject({ more: true, trimmed: false })
      const last = await log.back('a', { before: second.entries[0]?.id, limit: 25 })
      expect(ids(last.entries)).toEqual(ids(all.slice(0, 10)))
      expect(last).toMatchObject({ more: false, trimmed: false })
      expect(await log.back('a', { before: last.entries[0]?.id, limit: 25 })).toMatchObject({
        entries: [],
        more: false,
      })
    })

    it('says where to begin, so that what follows there is what it gave, and then what is new', async () => {
      const log = make()
      await appendMany(log, 30, 'a', 'b')
      const { entries, start } = await log.back('a', { limit: 5 })
      const next = await append(log)
      const { gap, entries: followed } = await since(log, start, 'a')
      expect(gap).toBeUndefined()
      expect(ids(followed)).toEqual([...ids(entries), next.id])
    })

    it('of which nothing is kept begins at the newest position', async () => {
      const log = make()
      const { id } = await append(log)
      const { start, ...rest } = await log.back('none', { limit: 5 })
      expect(rest).toEqual({ entries: [], more: false, trimmed: false })
      expect(start).toBe(id)
      const next = await append(log, 'none')
      expect(ids((await since(log, start, 'none')).entries)).toEqual([next.id])
    })

    it('says that it had to let older ones go', async () => {
      const log = make({ retain: 3 })
      await appendMany(log, 5)
      expect(await log.back('a', { limit: 3 })).toMatchObject({ more: false, trimmed: true })
      expect(await log.back('a', { limit: 2 })).toMatchObject({ more: true, trimmed: false })
      expect((await log.back('a', { limit: 9 })).entries).toHaveLength(3)
      await log.drop('a')
      expect(await log.back('a', { limit: 9 })).toMatchObject({ entries: [], more: false, trimmed: true })
    })

    it('gives what was kept since a time', async () => {
      const log = make()
      await appendMany(log, 20)
      await wait(20)
      const time = Date.now()
      await wait(20)
      const late = await appendMany(log, 20)
      const past = await log.back('a', { since: time, limit: 1_000 })
      expect(ids(past.entries)).toEqual(ids(late))
      expect(past).toMatchObject({ more: false, trimmed: false })
      expect(ids((await log.back('a', { since: time, limit: 3 })).entries)).toEqual(ids(late.slice(-3)))
    })

    it('gives no more than a page of what is large', async () => {
      const log = make()
      for (let n = 0; n < 4; n++) await log.append('a', { ...text, data: 'x'.repeat(2 ** 18) })
      const { entries, more } = await log.back('a', { limit: 100 })
      expect(entries).toHaveLength(1)
      expect(more).toBe(true)
    })

    it.each(['x', '', 'a.1.b'])('gives nothing before %j, which is no position of it', async before => {
      const log = make()
      const { id } = await append(log)
      expect(await log.back('a', { before, limit: 5 })).toEqual({
        entries: [],
        start: id,
        more: false,
        trimmed: true,
      })
    })
  })

  it('gives several topics in one order, whatever each holds, page by page', async () => {
    const log = make()
    const { id } = await append(log)
    const topics = Array.from({ length: 9 }, (_, n) => `t${n}`)
    const sizes = [1, 1, 1, 200_000, 1, 30, 90_000, 1, 400_000]
    for (let n = 0; n < 90; n++)
      await log.append(topics[(n * n) % 9] ?? '', { ...text, data: 'x'.repeat(sizes[n % 9] ?? 1) })
    const found: number[] = []
    for (let cursor = id, more = true; more; ) {
      const history = await since(log, cursor, ...topics)
      expect(history.gap).toBeUndefined()
      found.push(...seqs(history))
      cursor = history.entries.at(-1)?.id ?? cursor
      more = history.more
    }
    expect(found).toEqual(Array.from({ length: 90 }, (_, n) => n + 2))
  })

  it('keeps what a message is: its name, how its data is written, and what that stands for', async () => {
    const log = make()
    const { id } = await append(log)
    const kept = await log.append('a', { event: 'e', data: '{"a":1}', encoding: undefined, type: 'json' })
    await log.append('a', { event: undefined, data: 'AQI=', encoding: 'base64', re: '4 s' })
    const { entries } = await since(log, id, 'a')
    expect(entries[0]).toEqual(kept)
    const blocks = createParser().feed(entries.map(({ text }) => text).join(''))
    expect(blocks).toEqual([
      { id: kept.id, event: 'e', topic: 'a', data: '{"a":1}', type: 'json' },
      { id: entries[1]?.id, event: undefined, topic: 'a', data: 'AQI=', encoding: 'base64', re: '4 s' },
    ])
  })

  it('gives a long past in pages', async () => {
    const log = make({ retain: 5_000 })
    const { id } = await append(log)
    await appendMany(log, 4_999, 'b', 'a')
    let cursor: string = id
    const sizes: number[] = []
    for (let more = true; more; ) {
      const history = await since(log, cursor, 'a', 'b')
      expect(history).toMatchObject({ start: cursor })
      sizes.push(history.entries.length)
      cursor = history.entries.at(-1)?.id ?? cursor
      more = history.more
    }
    expect(sizes).toEqual([4_000, 999])
  })

  it('gives a page of one when a single message is larger than a page', async () => {
    const log = make()
    const { id } = await append(log)
    for (let n = 0; n < 2; n++) await log.append('a', { ...text, data: 'x'.repeat(2 ** 19) })
    expect(await since(log, id, 'a')).toMatchObject({ more: true, entries: [{ seq: 2 }] })
  })

  it('remembers nothing of topics that were only asked for', async () => {
    const log = make()
    const { id } = await append(log)
    expect(await since(log, id, 'never', 'published')).toEqual({ start: id, entries: [], more: false })
  })

  it('gives exactly what is missing, or one gap and then what is kept, whatever was published, trimmed and read', async () => {
    const topics: ('a' | 'b' | 'c')[] = ['a', 'b', 'c']
    const count = fc.integer({ min: 1, max: 8 })
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.record({ publish: fc.constantFrom(...topics) }) },
      {
        weight: 1,
        arbitrary: fc.record({ resume: fc.subarray(topics, { minLength: 1 }), back: fc.nat(40) }),
      },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.record({ a: count, 'b*': count, '*': count }),
        fc.array(command, { maxLength: 200 }),
        async (retain, commands) => {
          const log = make({ retain })
          const most = { a: retain.a, b: retain['b*'], c: retain['*'] }
          const published: Entry[] = []
          for (const step of commands) {
            if ('publish' in step) published.push(await append(log, step.publish))
            else await checkResume(log, published, step.resume, published.at(-1 - step.back), most)
          }
        },
      ),
      { numRuns: effort },
    )
  })
}

/** Against a model that keeps everything. */
async function checkResume(
  log: Log,
  published: Entry[],
  topics: ('a' | 'b' | 'c')[],
  cursor: Entry | undefined,
  most: { a: number; b: number; c: number },
): Promise<void> {
  if (!cursor) return
  const asked = published.filter(entry => topics.some(topic => topic === entry.topic))
  const missing = asked.filter(entry => entry.seq > cursor.seq)
  const kept = topics.flatMap(topic => asked.filter(entry => entry.topic === topic).slice(-most[topic]))
  const expected = missing.filter(entry => kept.includes(entry))
  const history = await since(log, cursor.id, ...topics)
  expect(history.entries).toEqual(expected)
  expect(history.gap !== undefined).toBe(expected.length < missing.length)
  if (!history.gap) expect(history.start).toBe(cursor.id)
  else {
    const lost = missing.filter(entry => !kept.includes(entry))
    const to = Number(history.gap.to.split('.')[1])
    expect(to).toBeGreaterThanOrEqual(lost.at(-1)?.seq ?? 0)
    expect(Number(history.start.split('.')[1])).toBeLessThan(expected[0]?.seq ?? Number.POSITIVE_INFINITY)
  }
}
