import { deepEqual, equal, ok } from 'node:assert/strict'
import { append, appendMany, type Case, expectGap, expectNothing, seqOf, seqs, since } from './steps.ts'

const noIds = [
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
]

export const gaps: Record<string, Case> = {
  'a gap is trimmed when one message too many is gone, at the very edge': async make => {
    const log = await make({ retain: 3 })
    const ids = (await appendMany(log, 6)).map(entry => entry.id) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    equal((await since(log, ids[2], 'a')).gap, undefined)
    deepEqual(seqs(await since(log, ids[2], 'a')), [4, 5, 6])
    expectGap(await since(log, ids[1], 'a'), 'trimmed', ids[1])
    deepEqual(seqs(await since(log, ids[1], 'a')), [4, 5, 6])
    expectNothing(await since(log, ids[5], 'a'), ids[5])
  },

  'a gap is not there when what was trimmed belongs to a topic nobody asked for': async make => {
    const log = await make({ retain: 1 })
    const { id } = await append(log, 'a')
    await appendMany(log, 5, 'b')
    equal((await since(log, id, 'a')).gap, undefined)
  },

  'a quiet topic keeps what is older than the losses of a busy one': async make => {
    const log = await make({ retain: 2 })
    const { id } = await append(log, 'quiet')
    const alarm = await append(log, 'quiet')
    await appendMany(log, 5, 'busy')
    const history = await since(log, id, 'quiet', 'busy')
    deepEqual(seqs(history), [alarm.seq, 6, 7])
    equal(history.start, id)
    equal(seqOf(history.gap?.to ?? ''), 5)
  },

  'a gap is epoch when the log began anew, and all it holds follows': async make => {
    const { id } = await append(await make())
    const log = await make()
    await append(log)
    const history = await since(log, id, 'a')
    expectGap(history, 'epoch', id)
    equal(seqOf(history.start), 0)
    deepEqual(seqs(history), [1])
  },

  'a gap is epoch also when the new log is empty': async make => {
    const { id } = await append(await make())
    const history = await since(await make(), id, 'a')
    expectGap(history, 'epoch', id)
    deepEqual(history.entries, [])
  },

  'a gap is future when the cursor is beyond the newest id': async make => {
    const log = await make()
    const { id } = await append(log)
    const cursor = `${id.split('.')[0]}.2.x`
    deepEqual(await since(log, cursor, 'a'), {
      start: id,
      gap: { reason: 'future', from: cursor, to: id },
      entries: [],
      more: false,
    })
  },

  'a gap is rollback when the number belongs to another message': async make => {
    const log = await make()
    const { id } = await append(log)
    await append(log)
    const other = `${id.slice(0, -1)}${id.endsWith('_') ? '-' : '_'}`
    const history = await since(log, other, 'a')
    expectGap(history, 'rollback', other)
    deepEqual(history.entries, [])
  },

  'a gap is unknown when the cursor is no id': async make => {
    const log = await make()
    await append(log)
    for (const cursor of noIds) {
      const history = await since(log, cursor, 'a')
      expectGap(history, 'unknown', cursor)
      deepEqual(history.entries, [])
    }
  },

  'a gap is trimmed when a topic was dropped that held something after the cursor': async make => {
    const log = await make()
    const { id } = await append(log)
    const last = await append(log, 'gone')
    await append(log)
    await log.drop('gone')
    expectGap(await since(log, id, 'a', 'gone'), 'trimmed', id)
    equal((await since(log, last.id, 'a', 'gone')).gap, undefined)
  },

  'no cursor means to begin at the newest position': async make => {
    const log = await make()
    const { id } = await append(log)
    expectNothing(await since(log, undefined, 'a'), id)
    const { start } = await since(await make(), undefined, 'a')
    ok(/^[\w~-]+\.0\.[\w~-]+$/.test(start), `${start} is a position before the first message`)
  },

  'nothing is remembered of topics that were only asked for': async make => {
    const log = await make()
    const { id } = await append(log)
    expectNothing(await since(log, id, 'never', 'published'), id)
  },
}
