import { deepEqual, equal } from 'node:assert/strict'
import { createParser } from '../../src/wire/parser.ts'
import { append, appendMany, type Case, readOn, seqs, since, text } from './steps.ts'

export const pages: Record<string, Case> = {
  'several topics come in one order, whatever each holds, page by page': async make => {
    const log = await make()
    const { id } = await append(log)
    const topics = Array.from({ length: 9 }, (_, n) => `t${n}`)
    const sizes = [1, 1, 1, 200_000, 1, 30, 90_000, 1, 400_000]
    for (let n = 0; n < 90; n++)
      await log.append(topics[(n * n) % 9] ?? '', { ...text, data: 'x'.repeat(sizes[n % 9] ?? 1) })
    const found = (await readOn(log, id, ...topics)).flat()
    deepEqual(
      found,
      Array.from({ length: 90 }, (_, n) => n + 2),
    )
  },

  'a message is kept with its name, how its data is written, and what that stands for': async make => {
    const log = await make()
    const { id } = await append(log)
    const kept = await log.append('a', { event: 'e', data: '{"a":1}', encoding: undefined, type: 'json' })
    await log.append('a', { event: undefined, data: 'AQI=', encoding: 'base64', re: '4 s' })
    const { entries } = await since(log, id, 'a')
    deepEqual(entries[0], kept)
    const blocks = createParser().feed(entries.map(({ text }) => text).join(''))
    deepEqual(
      blocks.map(block => ({ ...block })),
      [
        { id: kept.id, event: 'e', topic: 'a', data: '{"a":1}', type: 'json' },
        { id: entries[1]?.id, event: undefined, topic: 'a', data: 'AQI=', encoding: 'base64', re: '4 s' },
      ],
    )
  },

  'a block of a session names no topic': async make => {
    const log = await make()
    const { text: block } = await append(log, 'rt.to.somebody')
    const [read] = createParser().feed(block)
    equal(read?.topic, undefined)
  },

  'a long past comes in pages of 4,000': async make => {
    const log = await make({ retain: 5_000 })
    const { id } = await append(log)
    await appendMany(log, 4_999, 'b', 'a')
    const sizes = (await readOn(log, id, 'a', 'b')).map(({ length }) => length)
    deepEqual(sizes, [4_000, 999])
  },

  'a page has a single message when that is larger than a page': async make => {
    const log = await make()
    const { id } = await append(log)
    for (let n = 0; n < 2; n++) await log.append('a', { ...text, data: 'x'.repeat(2 ** 19) })
    const history = await since(log, id, 'a')
    deepEqual([history.more, seqs(history)], [true, [2]])
  },
}
