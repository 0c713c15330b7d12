/**
 * What a cluster carries, what single things cost in it, and what a million lines would take: `npm run load`. The method stands at the top of load/index.ts.
 *
 * A full run takes a quarter of an hour on two cores, and keeps its figures in docs/benchmarks/load.json; `npm run bench -- --write` makes the page of them.
 *
 * Flags: `--quick` measures one short round, `--part "3 nodes"` only what has that in its name, and both keep nothing; `--rounds 3`; `--model` measures nothing, and computes from the costs that are kept.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { load } from './load/index.ts'
import { modelTables } from './load/tables.ts'
import { printTable } from './report/findings.ts'

const kept = new URL('../docs/benchmarks/load.json', import.meta.url)
const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    part: { type: 'string', default: '' },
    rounds: { type: 'string' },
    model: { type: 'boolean', default: false },
  },
})
if (flags.model)
  for (const table of modelTables(JSON.parse(await readFile(kept, 'utf8')).costs)) printTable(table)
else {
  const effort = { ...flags, rounds: flags.rounds === undefined ? undefined : Number(flags.rounds) }
  const found = await load.ask(effort)
  if (!flags.quick && !flags.part) await writeFile(kept, `${JSON.stringify(found, null, 1)}\n`)
}
