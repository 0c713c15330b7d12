import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Log } from '../../server/index.ts'
import {
  append,
  appendMany,
  type Case,
  comeAndGo,
  expectGap,
  expectParts,
  first,
  seqs,
  since,
  until,
  wait,
} from './steps.ts'

const isTrimmed = async (log: Log, cursor: string, topic: string) =>
  (await since(log, cursor, topic)).gap?.reason === 'trimmed'

export const topics: Record<string, Case> = {
  'a topic is forgotten with all it keeps when it is dropped': make => isForgotten(make, 'a'),
  'a topic of a session is forgotten likewise': make => isForgotten(make, 'rt.to.somebody'),

  'a topic that was dropped and is published in again tells of what was lost, and goes on': async make => {
    const log = await make()
    const { id } = await append(log)
    await append(log)
    await log.drop('a')
    const next = await append(log)
    const history = await since(log, id, 'a')
    expectGap(history, 'trimmed', id)
    deepEqual(seqs(history), [next.seq])
    equal((await since(log, next.id, 'a')).gap, undefined)
  },

  'a topic is told to be lost however many were dropped after it': async make => {
    const log = await make()
    const { id } = await append(log, 'first')
    await append(log, 'first')
    await log.drop('first')
    await comeAndGo(log, 10_100)
    ok(await isTrimmed(log, id, 'first'))
    const { id: now } = await append(log, 'first')
    ok(await isTrimmed(log, id, 'first'))
    equal((await since(log, now, 'first', 'rt.to.somebody')).gap, undefined)
  },

  'a topic that nobody drops is forgotten `expire` ms after its last message, and the gap is told':
    async make => {
      // A machine that stood still for so long has forgotten the busy topic too, and shows nothing: again, with more time.
      for (let expire = 300; !(await expires(await make({ expire }), expire)); ) expire *= 2
    },

  'a topic that nobody drops is forgotten after the time of the longest pattern that fits its name':
    async make => {
      const patterns = { 'order:*': 300, 'order:kept:*': 3_600_000, 'order:1': Number.POSITIVE_INFINITY }
      const log = await make({ expire: patterns })
      const names = ['order:1', 'order:2', 'order:kept:1', 'other', 'rt.to.somebody']
      const { id } = await append(log)
      await appendMany(log, 2 * names.length, ...names)
      await until(async () => {
        await append(log, 'busy')
        return isTrimmed(log, id, 'order:2')
      })
      deepEqual((await since(log, id, 'order:2')).entries, [])
      expectParts(await log.back('order:2', { limit: 5 }), { entries: [], trimmed: true })
      for (const name of names.filter(name => name !== 'order:2')) {
        const { gap, entries } = await since(log, id, name)
        deepEqual([name, gap, entries.length], [name, undefined, 2])
      }
    },

  'a topic keeps as many messages as the longest pattern says that fits its name': async make => {
    const log = await make({ retain: { 'room:*': 3, 'room:vip:*': 5, 'room:vip:1': 1, ticker: 2, 'r*': 4 } })
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
      deepEqual([name, entries.length, gap?.reason], [name, count, count < 10 ? 'trimmed' : undefined])
      const past = await log.back(name, { limit: 20 })
      deepEqual([name, past.entries.length, past.trimmed], [name, count, count < 10])
      equal((await since(log, first(entries).id, name)).gap, undefined)
    }
  },

  'a topic that fits no pattern has the default of 1,000 messages, and each has what `*` says':
    async make => {
      for (const [retain, expected] of [
        [{ 'room:*': 2 }, 1_000],
        [{ 'room:*': 2, '*': 3 }, 3],
        [{}, 1_000],
      ] as const) {
        const log = await make({ retain })
        const { id } = await append(log)
        await appendMany(log, 1_100, 'a')
        await appendMany(log, 1_100, 'rt.to.somebody')
        for (const name of ['a', 'rt.to.somebody'])
          equal((await log.back(name, { limit: 2_000 })).entries.length, expected)
        ok(await isTrimmed(log, id, 'a'))
      }
    },

  'a name of a topic may be any line of text': async make => {
    const log = await make()
    const names = [
      'a b',
      'a.b',
      'a*',
      '>',
      '$SYS',
      '한국어',
      'ü/#?&=%',
      '😀',
      '{a}:b',
      `long${'x'.repeat(1_000)}`,
    ]
    const { id } = await append(log)
    await appendMany(log, 2 * names.length, ...names)
    for (const name of names) {
      const { entries } = await since(log, id, name)
      deepEqual(
        entries.map(({ topic }) => topic),
        [name, name],
      )
    }
  },
}

async function isForgotten(make: () => Promise<Log>, topic: string): Promise<void> {
  const log = await make()
  const { id } = await append(log, topic)
  const last = await append(log, topic)
  await log.drop(topic)
  const history = await since(log, id, topic)
  expectGap(history, 'trimmed', id)
  deepEqual(history.entries, [])
  equal((await since(log, last.id, topic)).gap, undefined)
}

/** Whether the machine was quick enough to show it. */
async function expires(log: Log, expire: number): Promise<boolean> {
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
  while (!(await isTrimmed(log, id, 'order:1'))) {
    await wait(20)
    await keepBusy()
  }
  deepEqual((await since(log, id, 'order:1')).entries, [])
  const busy = await since(log, id, 'busy')
  if (Math.max(longest, Date.now() - last) >= expire) return false
  equal(busy.gap, undefined)
  ok(busy.entries.length > 0)
  return true
}
