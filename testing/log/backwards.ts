import { deepEqual, equal } from 'node:assert/strict'
import { append, appendMany, type Case, expectParts, first, ids, since, text, wait } from './steps.ts'

export const backwards: Record<string, Case> = {
  'backwards a topic gives the newest, and page by page what is older, each once': async make => {
    const log = await make()
    const all = (await appendMany(log, 120, 'a', 'b'))
      .filter(({ topic }) => topic === 'a')
      .map(({ id }) => id)
    const newest = await log.back('a', { limit: 25 })
    deepEqual(ids(newest), all.slice(-25))
    const second = await log.back('a', { before: first(newest.entries).id, limit: 25 })
    deepEqual(ids(second), all.slice(10, 35))
    expectParts(second, { more: true, trimmed: false })
    const last = await log.back('a', { before: first(second.entries).id, limit: 25 })
    deepEqual(ids(last), all.slice(0, 10))
    expectParts(last, { more: false, trimmed: false })
    expectParts(await log.back('a', { before: first(last.entries).id, limit: 25 }), {
      entries: [],
      more: false,
    })
  },

  'backwards a topic says where to begin, so that what follows there is what it gave, and then what is new':
    async make => {
      const log = await make()
      await appendMany(log, 30, 'a', 'b')
      const past = await log.back('a', { limit: 5 })
      const next = await append(log)
      const history = await since(log, past.start, 'a')
      equal(history.gap, undefined)
      deepEqual(ids(history), [...ids(past), next.id])
    },

  'backwards a topic of which nothing is kept begins at the newest position': async make => {
    const log = await make()
    const { id } = await append(log)
    deepEqual(await log.back('none', { limit: 5 }), { entries: [], start: id, more: false, trimmed: false })
    const next = await append(log, 'none')
    deepEqual(ids(await since(log, id, 'none')), [next.id])
  },

  'backwards a topic says that it had to let older ones go': async make => {
    const log = await make({ retain: 3 })
    await appendMany(log, 5)
    expectParts(await log.back('a', { limit: 3 }), { more: false, trimmed: true })
    expectParts(await log.back('a', { limit: 2 }), { more: true, trimmed: false })
    equal((await log.back('a', { limit: 9 })).entries.length, 3)
    await log.drop('a')
    expectParts(await log.back('a', { limit: 9 }), { entries: [], more: false, trimmed: true })
  },

  'backwards a topic gives what was kept since a time': async make => {
    const log = await make()
    await appendMany(log, 20)
    await wait(20)
    const time = Date.now()
    await wait(20)
    const late = (await appendMany(log, 20)).map(({ id }) => id)
    const past = await log.back('a', { since: time, limit: 1_000 })
    deepEqual(ids(past), late)
    expectParts(past, { more: false, trimmed: false })
    deepEqual(ids(await log.back('a', { since: time, limit: 3 })), late.slice(-3))
  },

  'backwards a topic gives no more than a page of what is large': async make => {
    const log = await make()
    for (let n = 0; n < 4; n++) await log.append('a', { ...text, data: 'x'.repeat(2 ** 18) })
    const { entries, more } = await log.back('a', { limit: 100 })
    deepEqual([entries.length, more], [1, true])
  },

  'backwards a topic gives nothing before what is no position of the log': async make => {
    const log = await make()
    const { id } = await append(log)
    for (const before of ['x', '', 'a.1.b'])
      deepEqual(await log.back('a', { before, limit: 5 }), {
        entries: [],
        start: id,
        more: false,
        trimmed: true,
      })
  },
}
