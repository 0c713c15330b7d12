/** The samples of docs/types.md compile as they stand, and what they say does not compile does not. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { complaints } from './support/compile.ts'

/** By the name that its first line gives. */
const samples = new Map(
  [...readFileSync('docs/types.md', 'utf8').matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```/gms)].map(
    ([, name = '', code = '']) => [`docs/${name}`, code],
  ),
)

it('the samples of docs/types.md compile', () => {
  expect(samples.size).toBe(3)
  expect(complaints(samples)).toEqual([])
})
