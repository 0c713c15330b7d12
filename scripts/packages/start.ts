/** The first page of the docs, followed to the letter in an empty folder: its commands are run and its files written in the order of the page. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { blocksOf } from '../samples.ts'
import { run, type Setting, start } from './project.ts'

export const bundlers = ['Vite', 'webpack', 'esbuild', 'Rollup', 'Parcel'] as const
export type Bundler = (typeof bundlers)[number]

/** What the page promises. */
const most = { commands: 6, lines: 20 }

/** Either is one thing to do. */
type Step = { command: string } | { path: string; text: string }

/**
 * Does what the page says to whoever has this bundler, with the packed package in place of the registry's, and looks at the page that comes of it.
 *
 * @throws {Error} when a command fails, the message does not come, or there is more to do than is promised
 */
export async function runStart(bundler: Bundler, { tarball, root, see }: Setting): Promise<void> {
  const steps = stepsFor(bundler)
  checkLength(steps)
  const folder = join(root, `start-${bundler}`)
  mkdirSync(folder)
  const last = steps.pop()
  for (const step of steps) {
    if ('command' in step)
      await run(folder, 'sh', ['-c', step.command.replace(' throughline', ` ${tarball}`)])
    else write(join(folder, step.path), step.text)
  }
  if (!last || !('command' in last)) throw new Error('the page does not end with a command')
  await using server = await start(folder, 'sh', ['-c', last.command], { PORT: `${await freePort()}` })
  await see(server.url, 'p', /^It is /)
}

function checkLength(steps: readonly Step[]): void {
  const commands = steps.flatMap(step => ('command' in step ? [step.command] : []))
  const lines = steps
    .flatMap(step => ('text' in step ? step.text.split('\n') : []))
    .filter(line => line.trim())
  if (commands.length === 0 || commands.length > most.commands)
    throw new Error(`docs/start.md has ${commands.length} commands: ${commands.join('; ')}`)
  if (lines.length === 0 || lines.length > most.lines)
    throw new Error(`the files of docs/start.md have ${lines.length} lines`)
}

/** A block may be for some bundlers alone: its name is one of them, or ends with them in parentheses. */
function stepsFor(bundler: Bundler): Step[] {
  const blocks = blocksOf({ path: 'docs/start.md', text: readFileSync('docs/start.md', 'utf8') })
  return blocks.flatMap(({ language, name = '', code }): Step[] => {
    const [, path = name, only = ''] = /^(\S+) \((.*)\)$/.exec(name) ?? []
    if (language !== 'sh')
      return only === '' || only.split(', ').includes(bundler) ? [{ path, text: code }] : []
    if (name !== '' && name !== bundler) return []
    return code
      .trim()
      .split('\n')
      .map(command => ({ command }))
  })
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
