#!/usr/bin/env node
import { createRequire } from 'node:module'
import { type Command, UsageError } from './arguments.ts'

/** What each subcommand is for, and where it is: only the one that is called is loaded. */
const commands: Record<string, { about: string; load(): Promise<{ command: Command }> }> = {
  serve: { about: 'a bare server to try the wire by hand', load: () => import('./serve.ts') },
  publish: {
    about: 'publish a message by the publish endpoint of a server',
    load: () => import('./publish.ts'),
  },
  listen: { about: 'print what comes over a line', load: () => import('./listen.ts') },
  diagnose: { about: 'try every transport to a server by itself', load: () => import('./diagnose.ts') },
  check: { about: 'check a server against docs/PROTOCOL.md', load: () => import('./check.ts') },
}

const help = `throughline <command>

${Object.entries(commands)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

throughline <command> --help says more.
Exit codes: 0 it went well, 1 it failed, 2 it was called wrongly.
`

// A process that ends because nothing keeps it any more, before its command is done, has failed.
process.exitCode = 1
void main(process.argv.slice(2)).then(code => {
  // Not at once: what is still to be written is written first, and what is under way keeps the process.
  process.exitCode = code
})

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') return say(help)
  if (name === '--version') return say(`${version()}\n`)
  const known = Object.hasOwn(commands, name ?? '') ? commands[name as string] : undefined
  if (!known)
    return complain(name === undefined ? help : `throughline: there is no command '${name}'\n\n${help}`)
  const { command } = await known.load()
  if (args.includes('--help') || args.includes('-h')) return say(command.help)
  try {
    return await command.run(args)
  } catch (error) {
    if (error instanceof UsageError)
      return complain(
        `throughline ${name}: ${error.message}\nthroughline ${name} --help says how to call it.\n`,
      )
    process.stderr.write(`throughline ${name}: ${wordsOf(error)}\n`)
    return 1
  }
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

function complain(text: string): number {
  process.stderr.write(text)
  return 2
}

function version(): string {
  const require = createRequire(import.meta.url)
  return require('../package.json').version
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return `${error}`
  const { cause } = error
  const why = cause instanceof Error ? `: ${cause.message || (cause as NodeJS.ErrnoException).code}` : ''
  return `${error.message || (error as NodeJS.ErrnoException).code || error.name}${why}`
}
