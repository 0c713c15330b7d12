/**
 * Random things happen to a line in virtual time: the real client over every real transport, on virtual wires, with a server that
 * keeps the protocol. Afterwards the books must agree. A failure prints its seed and the shortest script that shows it.
 *
 * A change is judged by the same scripts every time; `MODEL_RUNS=100000 MODEL_SEED=$RANDOM npx vitest run test/model` plays others.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { play, playAndClose } from './play.ts'
import { type Script, script, scriptWithTopics } from './script.ts'

const runs = Number(process.env.MODEL_RUNS ?? 1_500)
const seed = Number(process.env.MODEL_SEED ?? 20_261)
const patience = 60_000 + runs * 60

test(
  `a line delivers exactly, whatever happens to it: ${runs} scripts of seed ${seed}`,
  () => holds(play),
  patience,
)

test(
  `a line can be closed at any moment and leaves nothing behind: ${runs} scripts`,
  () => holds(playAndClose),
  patience,
)

test(
  `each topic is delivered exactly, however topics come and go: ${runs} scripts`,
  () => holds(play, scriptWithTopics),
  patience,
)

test(
  `a line with topics can be closed at any moment and leaves nothing behind: ${runs} scripts`,
  () => holds(playAndClose, scriptWithTopics),
  patience,
)

function holds(game: typeof play, scripts: fc.Arbitrary<Script> = script): Promise<void> {
  const clean = fc.asyncProperty(scripts, async script => {
    expect(await game(script)).toEqual([])
  })
  return fc.assert(clean, { numRuns: runs, seed })
}
