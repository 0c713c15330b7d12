/**
 * Feeds everything that reads what strangers write with ever new rubbish: `npm run fuzz -- --seconds 60 --seed 1`. Prints its seed, and
 * with a failure the smallest input that shows it; exits with 1 then.
 */
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { input, targets } from '../test/wire/fuzz.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
})
const seconds = Number(values.seconds)
if (!(seconds > 0)) throw new RangeError('--seconds has to be more than 0')
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const round = 2_000

console.log(`seed ${first}, ${seconds} s`)
const deadline = Date.now() + seconds * 1_000
let seed = first
let failed = false
for (; Date.now() < deadline && !failed; seed++) failed = Object.entries(targets).some(breaks)
const inputs = (seed - first) * round
console.log(
  `${inputs.toLocaleString('en')} inputs for each of ${Object.keys(targets).join(', ')}: ${failed ? 'one failed' : 'all held'}`,
)
if (failed) process.exitCode = 1

function breaks([name, target]: [string, (input: Uint8Array) => void]): boolean {
  const result = fc.check(fc.property(input, target), { numRuns: round, seed })
  if (result.failed) console.log(`${name}, --seed ${seed}: ${fc.defaultReportMessage(result)}`)
  return result.failed
}
