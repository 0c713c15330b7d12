/**
 * Throughline and what a user would pick instead, side by side: `npm run bench`.
 *
 * Each question lies in a folder of its own, whose index.ts explains the method. A question prints a table with the bars
 * that Throughline sets itself and whether they are met. That is for reading: figures depend on the machine, and nothing
 * fails because of them. A full run keeps its figures in docs/benchmarks/ as JSON and writes the page there with its
 * charts; sections that were not asked this time are written from the figures that are kept.
 *
 * Flags: `--only first-message` asks one question (their names are those of the folders); `--quick` asks with few rounds,
 * `--part swallowed` only what has that in its name, and both keep nothing; `--write` asks nothing, and writes the page from
 * what is kept. All of it takes about an hour on two cores; they should have nothing else to do.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { compression } from './compression/index.ts'
import { firstMessage } from './first-message/index.ts'
import { latency } from './latency/index.ts'
import { load } from './load/index.ts'
import { mainThread } from './main-thread/index.ts'
import { memory } from './memory/index.ts'
import { parser } from './parser/index.ts'
import type { Question, Section } from './question.ts'
import { recovery } from './recovery/index.ts'
import { type Standing, standingOf } from './report/standing.ts'
import { server } from './server/index.ts'
import { size } from './size/index.ts'
import { streams } from './stream/index.ts'
import { throughput } from './throughput/index.ts'
import { topics } from './topics/index.ts'
import { upward } from './upward/index.ts'

const questions = [
  size,
  firstMessage,
  throughput,
  latency,
  upward,
  recovery,
  mainThread,
  memory,
  parser,
  server,
  load,
  topics,
  streams,
  compression,
] as Question[]
const folder = new URL('../docs/benchmarks/', import.meta.url)

const preface = `# Measured

Written by \`npm run bench\`, which measures Throughline and what a user would pick instead in one run. Compare figures within
a table only: the next machine has others. The method of each section is told at the top of the file it names. What was tried
to get there, what it gave and what did not help is in [notes.md](notes.md).

## Where we are ahead, and where not
`

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    part: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})
if (!flags.write) await askAll()
if (!flags.quick && !flags.part) await writePage()

async function askAll(): Promise<void> {
  const asked = questions.filter(({ name }) => !flags.only || name === flags.only)
  if (asked.length === 0)
    throw new Error(`--only ${flags.only}: the questions are ${questions.map(({ name }) => name).join(', ')}`)
  for (const question of asked) {
    console.log(`${question.title}\n`)
    const answer = await question.ask(flags)
    if (!flags.quick && !flags.part)
      await keep(`${question.name}.json`, `${JSON.stringify(answer, null, 1)}\n`)
  }
}

async function writePage(): Promise<void> {
  const sections: string[] = []
  const standings: Standing[] = []
  for (const question of questions) {
    const section = await sectionOf(question)
    if (!section) continue
    sections.push(`## ${question.title}\n\n${section.markdown}`)
    standings.push({ title: question.title, bars: section.bars })
    for (const [name, chart] of Object.entries(section.charts)) await keep(name, chart)
  }
  await keep('README.md', [preface, standingOf(standings), ...sections].join('\n'))
}

async function sectionOf(question: Question): Promise<Section | undefined> {
  const kept = await readFile(new URL(`${question.name}.json`, folder), 'utf8').catch(() => undefined)
  return kept === undefined ? undefined : question.present(JSON.parse(kept))
}

async function keep(name: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(new URL(name, folder), text)
}
