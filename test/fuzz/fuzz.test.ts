/** The same inputs each time. `npm run fuzz -- --seconds 60` looks for others. */
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createParser } from '../../src/wire/parser.ts'
import { seeds } from './corpus.ts'
import { lines } from './lines.ts'
import { inputs, targets } from './readers.ts'
import { type Attacked, attackNames, shelfOf, startAttacked, volleys } from './server.ts'

// So many inputs take their time on a machine that does much else.
vi.setConfig({ testTimeout: 120_000 })

const seed = 20_261
const runs = 1_000

describe(`whatever comes, in ${runs} inputs of seed ${seed}`, () => {
  it.each(Object.entries(targets))('the %s keeps its promises', (_, [target, shelf]) => {
    for (const known of seeds(shelf)) target(known)
    expect(() => fc.assert(fc.property(inputs(shelf), target), { numRuns: runs, seed })).not.toThrow()
  })
})

describe('a hostile server', () => {
  it.each(Object.entries(lines))('does nothing to the page of %s but be heard', async (_, [hears, shelf]) => {
    for (const known of seeds(shelf)) await hears(known)
    await fc.assert(fc.asyncProperty(inputs(shelf), hears), { numRuns: 200, seed })
  })
})

describe('a server', () => {
  it.each(attackNames)('that %s come to serves an honest client as before', async name => {
    const attacked = await start()
    await attacked.attack(name, seeds(shelfOf(name)))
    const property = fc.asyncProperty(volleys(name), volley => attacked.attack(name, volley))
    await fc.assert(property, { numRuns: 5, seed })
  })
})

describe('a fault that is put there to be found', () => {
  it('is found in a reader that reads a CRLF as two line ends where it is cut', () => {
    const blocks = (pieces: string[]) => pieces.flatMap(piece => createParser().feed(piece)).length
    const broken = (input: Uint8Array) => {
      const text = new TextDecoder().decode(input)
      const at = text.indexOf('\r\n')
      if (at >= 0 && blocks([text]) !== blocks([text.slice(0, at + 1), text.slice(at + 1)]))
        throw new Error('the cut changes what is read')
    }
    expect(fc.check(fc.property(inputs('blocks'), broken), { numRuns: runs, seed }).failed).toBe(true)
  })

  it('is found in an application that fails at a text', async () => {
    const attacked = await start(data => {
      if (data.includes('\r')) throw new Error('no second line was expected')
    })
    const property = fc.asyncProperty(volleys('messages'), volley => attacked.attack('messages', volley))
    const { failed, errorInstance } = await fc.check(property, { numRuns: 100, seed, endOnFailure: true })
    expect([failed, String(errorInstance)]).toEqual([true, expect.stringContaining('no second line')])
  })
})

async function start(application?: (data: string) => void): Promise<Attacked> {
  const attacked = await startAttacked(application)
  onTestFinished(() => attacked.close())
  return attacked
}
