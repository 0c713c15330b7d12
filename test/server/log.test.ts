import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Entry, type History, type Log, memoryLog } from '../../server/index.ts'

const text = { event: undefined, data: 'x', encoding: undefined }
const append = (log: Log, topic = 'a') => log.append(topic, text) as Entry
const since = (log: Log, cursor: string | undefined, ...topics: string[]) =>
  log.after(cursor, topics) as History
const seqs = (history: History) => history.entries.map(entry => entry.seq)

describe('an id', () => {
  it('is epoch, number and a tag nobody can foretell, of characters that need no preflight', () => {
    const log = memoryLog()
    const ids = Array.from({ length: 2_000 }, () => append(log).id)
    expect(ids.every(id => /^[\w-]{8}\.\d+\.[0-9a-z]{1,7}$/.test(id))).toBe(true)
    expect(ids.map(id => Number(id.split('.')[1]))).toEqual(ids.map((_, index) => index + 1))
    expect(new Set(ids.map(id => id.split('.')[2])).size).toBeGreaterThan(1_990)
  })
})

describe('a gap', () => {
  it('is trimmed when one message too many is gone, at the very edge', () => {
    const log = memoryLog({ retain: 3 })
    const ids = Array.from({ length: 6 }, () => append(log).id)
    expect(since(log, ids[2], 'a').gap).toBeUndefined()
    expect(seqs(since(log, ids[2], 'a'))).toEqual([4, 5, 6])
    expect(since(log, ids[1], 'a')).toMatchObject({ gap: { reason: 'trimmed', from: ids[1] } })
    expect(seqs(since(log, ids[1], 'a'))).toEqual([4, 5, 6])
    expect(since(log, ids[5], 'a')).toEqual({ start: ids[5], entries: [], more: false })
  })

  it('is not there when what was trimmed belongs to a topic nobody asked for', () => {
    const log = memoryLog({ retain: 1 })
    const { id } = append(log, 'a')
    for (let n = 0; n < 5; n++) append(log, 'b')
    expect(since(log, id, 'a').gap).toBeUndefined()
  })

  it('lets a quiet topic keep what is older than the losses of a busy one', () => {
    const log = memoryLog({ retain: 2 })
    const { id } = append(log, 'quiet')
    const alarm = append(log, 'quiet')
    for (let n = 0; n < 5; n++) append(log, 'busy')
    const history = since(log, id, 'quiet', 'busy')
    expect(seqs(history)).toEqual([alarm.seq, 6, 7])
    expect(history.start).toBe(id)
    expect(history.gap?.to).toContain('.5.')
  })

  it('is epoch when the log began anew, and all it holds follows', () => {
    const { id } = append(memoryLog())
    const log = memoryLog()
    append(log)
    expect(since(log, id, 'a')).toMatchObject({
      gap: { reason: 'epoch', from: id },
      start: expect.stringContaining('.0.'),
    })
    expect(seqs(since(log, id, 'a'))).toEqual([1])
  })

  it('is epoch also when the new log is empty', () => {
    const { id } = append(memoryLog())
    expect(since(memoryLog(), id, 'a')).toMatchObject({ gap: { reason: 'epoch' }, entries: [] })
  })

  it('is future when the cursor is beyond the newest id', () => {
    const log = memoryLog()
    const { id } = append(log)
    const [epoch] = id.split('.')
    expect(since(log, `${epoch}.2.x`, 'a')).toEqual({
      start: id,
      gap: { reason: 'future', from: `${epoch}.2.x`, to: id },
      entries: [],
      more: false,
    })
  })

  it('is rollback when the number belongs to another message', () => {
    const log = memoryLog()
    const { id } = append(log)
    append(log)
    expect(since(log, `${id.slice(0, -1)}_`, 'a')).toMatchObject({ gap: { reason: 'rollback' }, entries: [] })
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
  ])('is unknown when the cursor is no id: %j', cursor => {
    const log = memoryLog()
    append(log)
    expect(since(log, cursor, 'a')).toMatchObject({ gap: { reason: 'unknown', from: cursor }, entries: [] })
  })

  it('is trimmed when a topic was dropped that held something after the cursor', () => {
    const log = memoryLog()
    const { id } = append(log)
    const last = append(log, 'gone')
    append(log)
    log.drop('gone')
    expect(since(log, id, 'a', 'gone').gap).toMatchObject({ reason: 'trimmed' })
    expect(since(log, last.id, 'a', 'gone').gap).toBeUndefined()
  })
})

it('gives a long past in pages', () => {
  const log = memoryLog({ retain: 5_000 })
  const { id } = append(log)
  for (let n = 0; n < 4_999; n++) append(log, n % 2 ? 'a' : 'b')
  let cursor: string = id
  const sizes: number[] = []
  for (let more = true; more; ) {
    const history = since(log, cursor, 'a', 'b')
    expect(history).toMatchObject({ start: cursor })
    sizes.push(history.entries.length)
    cursor = history.entries.at(-1)?.id ?? cursor
    more = history.more
  }
  expect(sizes).toEqual([1_000, 1_000, 1_000, 1_000, 999])
})

it('gives a page of one when a single message is larger than a page', () => {
  const log = memoryLog()
  const { id } = append(log)
  for (let n = 0; n < 2; n++) void log.append('a', { ...text, data: 'x'.repeat(2 ** 19) })
  expect(since(log, id, 'a')).toMatchObject({ more: true, entries: [{ seq: 2 }] })
})

it('remembers nothing of topics that were only asked for', () => {
  const log = memoryLog()
  const { id } = append(log)
  expect(since(log, id, 'never', 'published')).toEqual({ start: id, entries: [], more: false })
})

it('gives exactly what is missing, or one gap and then what is kept, whatever was published, trimmed and read', () => {
  const topics = ['a', 'b', 'c']
  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ publish: fc.constantFrom(...topics) }) },
    { weight: 1, arbitrary: fc.record({ resume: fc.subarray(topics, { minLength: 1 }), back: fc.nat(40) }) },
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(command, { maxLength: 200 }), (retain, commands) => {
      const log = memoryLog({ retain })
      const published: Entry[] = []
      for (const step of commands) {
        if ('publish' in step) published.push(append(log, step.publish))
        else checkResume(log, published, step.resume, published.at(-1 - step.back), retain)
      }
    }),
    { numRuns: 500 },
  )
})

/** Against a model that keeps everything. */
function checkResume(
  log: Log,
  published: Entry[],
  topics: string[],
  cursor: Entry | undefined,
  retain: number,
): void {
  if (!cursor) return
  const asked = published.filter(entry => topics.includes(entry.topic))
  const missing = asked.filter(entry => entry.seq > cursor.seq)
  const kept = topics.flatMap(topic => asked.filter(entry => entry.topic === topic).slice(-retain))
  const expected = missing.filter(entry => kept.includes(entry))
  const history = since(log, cursor.id, ...topics)
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
