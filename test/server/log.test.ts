import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Entry, type History, type Log, memoryLog, type Past } from '../../server/index.ts'
import { logCases } from '../../testing/log/index.ts'
import { stopTime } from './harness.ts'
import { logContract, logOptions } from './log-contract.ts'

logContract({ make: memoryLog, histories: 500 })
logOptions(memoryLog)

describe('the published cases', () => {
  const cases = logCases({ make: options => memoryLog({ ...options, retain: 2 }), histories: 1, seed: 7 })

  it('are named by docs/write-a-log.md, each at its clause, and no others', () => {
    const page = readFileSync('docs/write-a-log.md', 'utf8').split('## Ids')[1] ?? ''
    const named = [...page.matchAll(/\*(?=[a-z])((?:[^*\n`]|`[^`]*`)+)\*/g)].map(([, name]) => name)
    expect(named.toSorted()).toEqual(cases.map(({ name }) => name).toSorted())
  })

  it('fail where a log does not keep them, and say what they saw', async () => {
    const failed: string[] = []
    for (const { part, name, run } of cases.filter(({ part }) => part === 'topics'))
      await run().catch(error => failed.push(`${part}: ${name}: ${error.name}`))
    expect(failed).toContain(
      'topics: a topic keeps as many messages as the longest pattern says that fits its name: AssertionError',
    )
    const histories = cases.find(({ part }) => part === 'histories')
    await expect(histories?.run()).rejects.toThrow(/^with seed 7 and one history: /)
  })

  it('end the logs that they made, also when they fail', async () => {
    let open = 0
    const make = () => {
      open++
      return { ...memoryLog(), after: () => Promise.reject(new Error('away')) }
    }
    const [ids, gap] = ['ids', 'gaps'].map(of =>
      logCases({ make, close: () => open-- }).find(({ part }) => part === of),
    )
    await ids?.run()
    await expect(gap?.run()).rejects.toThrow('away')
    expect(open).toBe(0)
  })
})

const whole = (log: Log, topic: string, bytes: number) =>
  log.append(topic, { event: undefined, data: 'x'.repeat(bytes), encoding: undefined }) as Entry

const kept = (log: Log, cursor: string, ...topics: string[]) => log.after(cursor, topics) as History

it('looks only at what is over, when somebody publishes or reads', () => {
  const time = stopTime()
  const log = memoryLog({ expire: { 'typing:*': 1_000, '*': 60_000 } })
  const [start] = ['start', 'typing:1', 'room:1', 'typing:2'].map(topic => whole(log, topic, 10).id)
  const isGone = (topic: string) => kept(log, start as string, topic).gap !== undefined
  time.pass(600)
  whole(log, 'typing:1', 10)
  time.pass(400)
  expect(isGone('typing:2')).toBe(false)
  time.pass(1)
  expect(isGone('typing:2')).toBe(true)
  expect(isGone('typing:1')).toBe(false)
  time.pass(600)
  const { seq } = whole(log, 'typing:1', 10)
  expect(isGone('typing:1')).toBe(true)
  expect(seqs(kept(log, start as string, 'typing:1'))).toEqual([seq])
  expect(isGone('room:1')).toBe(false)
  time.pass(60_000)
  expect((log.back('room:1', { limit: 5 }) as Past).entries).toEqual([])
})

const seqs = ({ entries }: History) => entries.map(({ seq }) => seq)

describe('bytes', () => {
  it('are bounded in each topic: the oldest go first, and whoever was at them is told', () => {
    const log = memoryLog({ retainBytes: 10_000 })
    const ids = Array.from({ length: 20 }, () => whole(log, 'a', 2_000).id)
    expect(kept(log, ids[0] as string, 'a')).toMatchObject({ gap: { reason: 'trimmed' } })
    expect(seqs(kept(log, ids[0] as string, 'a'))).toEqual([17, 18, 19, 20])
    expect(seqs(kept(log, ids[15] as string, 'a'))).toEqual([17, 18, 19, 20])
    expect(kept(log, ids[15] as string, 'a').gap).toBeUndefined()
  })

  it('count as they are written, not as characters', () => {
    const log = memoryLog({ retainBytes: 10_000 })
    const ids = Array.from({ length: 9 }, () => {
      return (log.append('a', { event: undefined, data: '한'.repeat(1_000), encoding: undefined }) as Entry)
        .id
    })
    expect(seqs(kept(log, ids[0] as string, 'a'))).toEqual([8, 9])
  })

  it('of a topic that is kept whole are bounded only with those of all, and it says when its beginning is gone', async () => {
    const log = memoryLog({ retainBytes: 10_000, retainBytesInAll: 40_000 })
    const append = () =>
      log.append('a', { event: undefined, data: 'x'.repeat(2_000), encoding: undefined }, {})
    for (let n = 0; n < 12; n++) await append()
    expect(log.back('a', { limit: 50 })).toMatchObject({ entries: { length: 12 }, trimmed: false })
    for (let n = 0; n < 12; n++) await append()
    expect(log.back('a', { limit: 50 })).toMatchObject({ entries: { length: 17 }, trimmed: true })
  })

  it('of a session are bounded for themselves', () => {
    const log = memoryLog({ retainBytesPerSession: 10_000 })
    const first = whole(log, 'rt.to.someone', 2_000)
    for (let n = 0; n < 20; n++) whole(log, 'rt.to.someone', 2_000)
    for (let n = 0; n < 20; n++) whole(log, 'a', 2_000)
    expect(kept(log, first.id, 'rt.to.someone').gap).toMatchObject({ reason: 'trimmed' })
    expect(seqs(kept(log, first.id, 'rt.to.someone', 'a'))).toHaveLength(4 + 20)
  })

  it('keep the newest message of a topic, however large it is', () => {
    const log = memoryLog({ retainBytes: 1_000, retainBytesInAll: 1_000 })
    const { id } = whole(log, 'a', 10)
    whole(log, 'a', 50_000)
    expect(seqs(kept(log, id, 'a'))).toEqual([2])
  })

  it('of all topics are bounded together: the oldest go first, whatever topic they are in', () => {
    const log = memoryLog({ retainBytesInAll: 20_000 })
    const { id } = whole(log, 'quiet', 1_000)
    whole(log, 'quiet', 1_000)
    for (let n = 0; n < 10; n++) for (const topic of ['a', 'b', 'c']) whole(log, topic, 1_000)
    expect(kept(log, id, 'quiet').gap).toMatchObject({ reason: 'trimmed' })
    const left = seqs(kept(log, id, 'quiet', 'a', 'b', 'c'))
    expect(left).toEqual(Array.from({ length: left.length }, (_, n) => 33 - left.length + n))
    expect(left.length).toBeGreaterThan(10)
    whole(log, 'quiet', 1_000)
    expect(seqs(kept(log, id, 'quiet'))).toEqual([33])
  })

  it('of names count too: a topic for each message, dropped or not, is no way around', () => {
    const log = memoryLog({ retainBytesInAll: 50_000 })
    const first = whole(log, 'first', 0)
    const names = Array.from({ length: 5_000 }, (_, n) => `name ${n} ${'x'.repeat(500)}`)
    for (const [n, name] of names.entries()) {
      whole(log, name, 0)
      if (n % 3 === 0) void log.drop(name)
    }
    expect(seqs(kept(log, first.id, ...names)).length).toBeLessThan(50)
    expect(kept(log, first.id, 'first').gap).toBeUndefined()
    expect(kept(log, first.id, names[0] as string).gap).toMatchObject({ reason: 'trimmed' })
  })

  it('are what they were for any order of topics and drops', () => {
    const step = fc.tuple(
      fc.constantFrom('a', 'b', 'c', 'rt.to.d'),
      fc.integer({ min: 0, max: 3_000 }),
      fc.nat(39),
    )
    const bounds = { a: 6_000, b: 6_000, c: 6_000, 'rt.to.d': 4_000 }
    const bytesOf = ({ entries }: { entries: readonly Entry[] }) =>
      entries.reduce((all, { text }) => all + text.length, 0)
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), steps => {
        const log = memoryLog({ retainBytes: 6_000, retainBytesPerSession: 4_000, retainBytesInAll: 12_000 })
        const start = whole(log, 'start', 0).id
        for (const [topic, bytes, dice] of steps) {
          const { id, seq } = whole(log, topic, bytes)
          const found = kept(log, start, 'a', 'b', 'c', 'rt.to.d')
          expect(bytesOf(found)).toBeLessThanOrEqual(12_000)
          for (const [each, bound] of Object.entries(bounds))
            expect(bytesOf(kept(log, start, each))).toBeLessThanOrEqual(bound)
          expect(seqs(found)).toContain(seq)
          expect(kept(log, id, 'a', 'b', 'c', 'rt.to.d')).toEqual({ start: id, entries: [], more: false })
          if (dice === 0) void log.drop(topic)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('of 200 messages of 1 MB each leave a heap of 128 MB standing, with what is kept without asking', () => {
    const fill = `
      import { memoryLog } from './server/log/memory-log.ts'
      const log = memoryLog()
      for (let n = 0; n < 400; n++) {
        const data = Array.from({ length: 1000 }, (_, line) => n + 'x'.repeat(1000) + line).join('')
        log.append(n % 2 ? 'rt.to.' + n : 'topic ' + n % 50, { event: undefined, data, encoding: undefined })
      }
      console.log('alive')`
    const node = ['--max-old-space-size=128', '--import', 'tsx', '--input-type=module', '--eval', fill]
    expect(execFileSync(process.execPath, node, { encoding: 'utf8' })).toBe('alive\n')
  }, 60_000)
})
