import { deepEqual, equal } from 'node:assert/strict'
import type { Entry, Log } from '../../server/index.ts'
import {
  append,
  appendMany,
  type Case,
  comeAndGo,
  expectGap,
  expectParts,
  ids,
  since,
  text,
  wait,
} from './steps.ts'

async function keepWhole(log: Log, count: number, expire?: number, topic = 'a'): Promise<Entry[]> {
  const kept: Entry[] = []
  for (let n = 0; n < count; n++) kept.push(await log.append(topic, text, { expire }))
  return kept
}

export const whole: Record<string, Case> = {
  'a topic that is kept whole lets no message go, however few the others keep, and whoever publishes in it':
    async make => {
      const log = await make({ retain: 3 })
      const { id } = await append(log, 'other')
      const kept = [...(await keepWhole(log, 10)), await append(log)]
      const history = await since(log, id, 'a')
      equal(history.gap, undefined)
      equal(history.start, id)
      deepEqual(ids(history), ids({ entries: kept }))
      expectParts(await log.back('a', { limit: 20 }), { more: false, trimmed: false })
      await appendMany(log, 5, 'other')
      equal((await log.back('other', { limit: 20 })).entries.length, 3)
    },

  'a topic that was kept whole is as others are once it was dropped': async make => {
    const log = await make({ retain: 3 })
    await keepWhole(log, 5)
    await log.drop('a')
    await appendMany(log, 5, 'a')
    const { entries, trimmed } = await log.back('a', { limit: 20 })
    deepEqual([entries.length, trimmed], [3, true])
  },

  'a topic that is kept whole lasts as long as its last message says, also after one that says nothing':
    async make => {
      const log = await make({ expire: { '*': 3_600_000, brief: 1 } })
      const { id } = await append(log, 'other')
      // Where it took longer than that, the topic was over before the last message.
      let [topic, began, lasts] = ['', 0, 30]
      do {
        lasts *= 2
        topic = `of ${lasts} ms`
        await keepWhole(log, 2, 3_600_000, topic)
        began = Date.now()
        await keepWhole(log, 2, lasts, topic)
        await append(log, topic)
      } while (Date.now() - began >= lasts)
      await keepWhole(log, 2, 3_600_000, 'brief')
      while ((await since(log, id, topic)).gap?.reason !== 'trimmed') {
        await append(log, 'other')
        await wait(20)
      }
      deepEqual((await since(log, id, topic)).entries, [])
      equal((await since(log, id, 'brief')).entries.length, 2)
    },

  'a topic is whole though others of its name, or of names that were forgotten, came before it':
    async make => {
      const log = await make()
      const { id } = await append(log)
      await append(log)
      await log.drop('a')
      await keepWhole(log, 3)
      expectParts(await log.back('a', { limit: 20 }), { more: false, trimmed: false })
      expectGap(await since(log, id, 'a'), 'trimmed', id)
      equal((await since(log, id, 'a')).entries.length, 3)
      await comeAndGo(log, 10_100)
      await keepWhole(log, 3, undefined, 'new')
      expectParts(await log.back('new', { limit: 20 }), { more: false, trimmed: false })
    },
}
