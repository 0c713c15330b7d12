/** One project of e2e/packages: a copy of it that has the packed package, built and run as its `package.json` says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Page } from './page.ts'

export interface Setting {
  /** The packed package. */
  readonly tarball: string
  /** Where the copies go. */
  readonly root: string
  /** Takes the script `quick` in place of `test`, where there is one. */
  readonly quick: boolean
  /** Opens a built page, and tries its line. */
  open(page: Page): Promise<void>
  /** Opens what a server shows, which has to be this, with nothing in the console. */
  see(url: string, selector: string, shown: RegExp): Promise<void>
}

/**
 * Runs the script `build` if there is one, then `test` if there is one. A project without tests is a page: its own server is started by `start`,
 * and otherwise the folder `dist` is served; where there is a server for development, `dev`, the page is tried there too.
 *
 * @throws {Error} with what a command printed, when it fails
 */
export async function runProject(name: string, { tarball, root, quick, open }: Setting): Promise<void> {
  const folder = join(root, name)
  cpSync(join('e2e/packages', name), folder, { recursive: true, filter: isSource })
  await install(folder, tarball)

  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (scripts.build) await run(folder, 'npm', ['run', 'build'])
  if (scripts.test) return void (await run(folder, 'npm', ['run', quick && scripts.quick ? 'quick' : 'test']))
  const startBy = (script: string) => (env: Environment) =>
    start(folder, 'npm', ['run', script, '--', '--port', '0'], env)
  await open({ folder, ...(scripts.start && { start: startBy('start') }) })
  if (scripts.dev) await open({ folder, start: startBy('dev'), isDevelopment: true })
}

export type Environment = Record<string, string>

/** A server that runs, and where. */
export interface Started extends AsyncDisposable {
  readonly url: string
}

/**
 * Puts packages, and what `package.json` names, into a folder, as npm does for everybody. That asks the registry of each package: with
 * `--prefer-offline` npm would take a kept list of versions that is older than the newest package that needs one of them, and find none.
 */
export async function install(folder: string, ...packages: string[]): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  await run(folder, 'npm', ['install', ...quiet, ...packages])
}

/** Gives what the command printed. */
export async function run(cwd: string, command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { cwd, env: calm, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed = collect(child)
  const code = await new Promise(resolve => {
    child.once('error', resolve)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} in ${basename(cwd)}: ${code}\n${printed()}`)
  return printed()
}

/** A server that prints where it is. */
export async function start(
  cwd: string,
  command: string,
  args: readonly string[],
  env: Environment,
): Promise<Started> {
  // In a group of its own, since npm starts the server in a process of its own.
  const child = spawn(command, args, {
    cwd,
    env: { ...calm, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
  const stop = async () => {
    if (child.exitCode === null) process.kill(-(child.pid as number), 'SIGKILL')
    await ended
  }
  try {
    return { url: await addressOf(child), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A limit, not an expectation. */
const patience = 120_000

function addressOf(child: ChildProcess): Promise<string> {
  const printed = collect(child)
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`a server printed no address, but:\n${printed()}`))
    setTimeout(fail, patience).unref()
    child.once('close', fail)
    child.stdout?.on('data', () => {
      const [found] = /http:\/\/[\w.]+:\d+/.exec(printed()) ?? []
      if (found) resolve(found)
    })
  })
}

function collect({ stdout, stderr }: ChildProcess): () => string {
  let all = ''
  for (const stream of [stdout, stderr])
    stream?.setEncoding('utf8').on('data', text => {
      all += text
    })
  return () => all
}

/** No tool of a project asks questions, colours what it prints or counts its users. */
const calm = { ...process.env, CI: '1', NO_COLOR: '1', NEXT_TELEMETRY_DISABLED: '1' }

/** What a person who tried the project left in its folder stays there. */
function isSource(path: string): boolean {
  return !['node_modules', 'dist', '.next', 'package-lock.json'].includes(basename(path))
}
