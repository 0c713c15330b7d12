/** The same inputs each time. `npm run fuzz -- --seconds 60` looks for others. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { input, targets } from './fuzz.ts'

const seed = 20_261
const runs = 3_000

describe(`whatever comes, in ${runs} inputs of seed ${seed}`, () => {
  it.each(Object.entries(targets))('the %s keeps its promises', (_, target) => {
    expect(() => fc.assert(fc.property(input, target), { numRuns: runs, seed })).not.toThrow()
  })
})
