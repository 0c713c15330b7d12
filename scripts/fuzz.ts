/**
 * Feeds everything that reads what strangers write with ever new rubbish, and with what is kept in `test/fuzz/corpus.json`, changed:
 * `npm run fuzz -- --seconds 3600`. A finding is printed with its smallest input and with how to repeat it, and the run exits with 1;
 * `--only` and `--seed` repeat it.
 */

import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import fc, { type RunDetails } from 'fast-check'
import { lines } from '../test/fuzz/lines.ts'
import { inputs, targets } from '../test/fuzz/readers.ts'
import { type Attacked, attackNames, startAttacked, volleys } from '../test/fuzz/server.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
if (!(seconds > 0)) throw new RangeError('--seconds has to be more than 0')
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))

/** Inputs, or volleys of them, in a round. */
const runs = { reader: 1_000, line: 100, attack: 15 }

/** A reader that takes longer for one input does not come back. */
const patience = 60

/** MB by which the heap may be larger than after the first rounds. */
const growth = 64

interface Target {
  name: string
  run(seed: number): RunDetails<[unknown]> | Promise<RunDetails<[unknown]>>
}

const attacked = await startAttacked()
const all = [
  ...Object.keys(targets).map(readerOf),
  ...Object.keys(lines).map(lineOf),
  ...attackNames.map(name => attackOf(attacked, name)),
]
const chosen = all.filter(({ name }) => !values.only || name === values.only)
if (chosen.length === 0) throw new RangeError(`--only is one of ${all.map(({ name }) => name).join(', ')}`)

const alive = watch()
console.log(`seed ${first}, ${seconds} s: ${chosen.map(({ name }) => name).join(', ')}`)
const failed = await fuzz()
await attacked.close()
process.exit(failed ? 1 : 0)

async function fuzz(): Promise<boolean> {
  const deadline = Date.now() + seconds * 1_000
  const counts = new Map<string, number>()
  const heaps: number[] = []
  for (let seed = first; Date.now() < deadline; seed++) {
    for (const { name, run } of chosen) {
      alive(name, seed)
      const result = await run(seed)
      counts.set(name, (counts.get(name) ?? 0) + result.numRuns)
      if (result.failed) return tell(name, seed, result)
    }
    heaps.push(heapUsed())
    const [least = 0, last = 0] = [heaps[Math.min(2, heaps.length - 1)], heaps.at(-1)]
    if (last > least + growth) {
      console.log(
        `the heap has grown from ${least.toFixed()} to ${last.toFixed()} MB. ${again('all', first)}`,
      )
      return true
    }
  }
  for (const [name, count] of counts) console.log(`${name}: ${count.toLocaleString('en')} held`)
  console.log(
    `heap ${heaps[0]?.toFixed()} MB after the first round, ${heaps.at(-1)?.toFixed()} MB after the last`,
  )
  return false
}

function readerOf(name: string): Target {
  const [target, shelf] = targets[name] as (typeof targets)[string]
  return {
    name,
    run: seed => fc.check(fc.property(inputs(shelf), target), { numRuns: runs.reader, seed }) as never,
  }
}

function lineOf(name: string): Target {
  const [hears, shelf] = lines[name] as (typeof lines)[string]
  const property = fc.asyncProperty(inputs(shelf), hears)
  return { name, run: seed => fc.check(property, { numRuns: runs.line, seed }) as never }
}

function attackOf(attacked: Attacked, name: (typeof attackNames)[number]): Target {
  const property = fc.asyncProperty(volleys(name), volley => attacked.attack(name, volley))
  return { name, run: seed => fc.check(property, { numRuns: runs.attack, seed }) as never }
}

function tell(name: string, seed: number, result: RunDetails<[unknown]>): true {
  const inputs = [result.counterexample?.[0]].flat() as Uint8Array[]
  console.log(
    `\n${name} does not hold: ${result.errorInstance instanceof Error ? result.errorInstance.message : ''}`,
  )
  for (const input of inputs) {
    console.log(`  ${JSON.stringify(Buffer.from(input).toString())}`)
    console.log(`  hex:${Buffer.from(input).toString('hex')}`)
  }
  console.log(`${again(name, seed)} Once it is mended, it belongs in test/fuzz/corpus.json.`)
  return true
}

function again(name: string, seed: number): string {
  const only = name === 'all' ? '' : ` --only '${name}'`
  return `Again: npm run fuzz -- --seconds ${seconds}${only} --seed ${seed}.`
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed / 2 ** 20
}

/** Another thread sees when this one hangs, says so and ends the process. What is given back says that it does not. */
function watch(): (name: string, seed: number) => void {
  const state = new Int32Array(new SharedArrayBuffer(12))
  const names = chosen.map(({ name }) => name)
  const worker = new Worker(
    `const { workerData: { state, names, patience, only } } = require('node:worker_threads')
    let turn = -1, since = Date.now()
    setInterval(() => {
      if (state[0] !== turn) { turn = state[0]; since = Date.now() }
      if (Date.now() - since < patience * 1000) return
      require('node:fs').writeSync(1, names[state[1]] + ' hangs for ' + patience + ' s. Again: npm run fuzz -- --only \\'' + names[state[1]] + '\\' --seed ' + state[2] + '\\n')
      process.kill(process.pid, 'SIGKILL')
    }, 500)`,
    { eval: true, workerData: { state, names, patience } },
  )
  worker.unref()
  return (name, seed) => {
    state[1] = names.indexOf(name)
    state[2] = seed
    state[0] = (state[0] ?? 0) + 1
  }
}
