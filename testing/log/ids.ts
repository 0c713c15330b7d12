import { deepEqual, ok } from 'node:assert/strict'
import { appendMany, type Case, seqOf } from './steps.ts'

export const ids: Record<string, Case> = {
  'an id is epoch, number and a tag nobody can foretell, of characters that need no preflight':
    async make => {
      const log = await make()
      const ids = (await appendMany(log, 2_000)).map(entry => entry.id)
      const odd = ids.filter(id => !/^[\w~-]+\.\d+\.[\w~-]+$/.test(id) || id.length > 64)
      deepEqual(odd, [])
      ok(new Set(ids.map(id => id.split('.')[2])).size > 1_990, 'tags differ')
    },

  'numbers rise by one from 1, in the order of the appends, whatever the topic': async make => {
    const log = await make()
    const entries = await appendMany(log, 200, 'a', 'b', 'rt.to.somebody')
    deepEqual(
      entries.map(({ seq }) => seq),
      entries.map((_, index) => index + 1),
    )
    deepEqual(
      entries.map(({ id }) => seqOf(id)),
      entries.map(({ seq }) => seq),
    )
    deepEqual(
      entries.slice(0, 3).map(({ topic }) => topic),
      ['a', 'b', 'rt.to.somebody'],
    )
  },
}
