/** What the packed package holds, without any tool: files, hashes, source maps, and what its pages promise. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { exportsOf, pages, wrongImports } from '../samples.ts'
import { differences } from '../shipped.ts'
import { hashesIn, hashesSaid, scripts } from '../sri.ts'
import { run } from './project.ts'

export interface Packed {
  /** The paths of all that is in it. */
  readonly files: readonly string[]
  /** Where npm has put it. */
  readonly folder: string
}

/** In bytes. The largest, of throughline.js, has 265 kB; with the sources inside it had 706 kB. */
const mapLimit = 300_000

/** By what each check makes sure of; it gives a sentence for each thing that is wrong. */
export const contents: Record<string, (packed: Packed) => string[] | Promise<string[]>> = {
  'nothing is shipped but what is listed': ({ files }) => differences(files),
  'the README has the hashes of the files for script tags': ({ folder }) => {
    const said = hashesSaid(readFileSync(join(folder, 'README.md'), 'utf8'))
    return Object.entries(hashesIn(join(folder, 'dist'))).flatMap(([name, hash]) =>
      said[name] === hash ? [] : [`${name} is ${hash}: \`npm run sri -- --write\` puts it into the README`],
    )
  },
  'source maps of the files for script tags are small, and lead to sources that are there': ({ folder }) =>
    scripts.flatMap(name => wrongMap(join(folder, 'dist'), `${name}.map`)),
  'what README.md and docs import is there': ({ folder }) =>
    wrongImports(pages(), exportsOf(declarations(folder))),
  'every entry exports what its declarations say': ({ folder }) => undeclared(folder),
}

function wrongMap(dist: string, name: string): string[] {
  const path = join(dist, name)
  const { sources, sourcesContent } = JSON.parse(readFileSync(path, 'utf8'))
  const missing = sources.filter((source: string) => !existsSync(join(dist, source)))
  return [
    ...(sourcesContent ? [`${name} has the sources inside`] : []),
    ...(statSync(path).size > mapLimit ? [`${name} has more than ${mapLimit} bytes`] : []),
    ...missing.map((source: string) => `${name} leads to ${source}, which is not in the package`),
  ]
}

async function undeclared(folder: string): Promise<string[]> {
  const exported = await namesOf(folder)
  return [...exportsOf(declarations(folder))].flatMap(([entry, names]) => {
    const values = [...names].flatMap(([name, kind]) => (kind === 'value' ? [name] : []))
    const [declares, exports] = [values, exported[entry] ?? []].map(all => all.sort().join(', '))
    return declares === exports ? [] : [`${entry} exports ${exports} and declares ${declares}`]
  })
}

/** What each entry exports in a program of its own: one of them brings a package that may be loaded once, and this one has it. */
async function namesOf(folder: string): Promise<Record<string, string[]>> {
  const program = `const names = {}
    for (const entry of ${JSON.stringify(entriesOf(folder))}) names[entry] = Object.keys(await import(entry))
    console.log(JSON.stringify(names))`
  const project = join(folder, '../..')
  return JSON.parse(await run(project, process.execPath, ['--input-type=module', '--eval', program]))
}

/** The declarations of each entry, by the name that a program imports. */
function declarations(folder: string): Map<string, string> {
  return new Map(entriesOf(folder).map(entry => [entry, modulePath(folder, entry).replace(/js$/, 'd.ts')]))
}

function entriesOf(folder: string): string[] {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const paths = Object.keys(exports).filter(path => path !== './package.json')
  return paths.map(path => `throughline${path.slice(1)}`)
}

function modulePath(folder: string, entry: string): string {
  return join(folder, 'dist', `${entry.replace(/^throughline\/?/, '') || 'index'}.js`)
}
