/** Places beyond the page, as processes: which there are, how they are had, and what works in each. */
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

export interface Runtime {
  readonly name: string
  /** The package that brings it; nothing for the Node that runs the tests. */
  readonly package?: string
  /** What runs a program, seen from the project. */
  readonly command: readonly string[]
  /** What works, and the classes that a package has to bring for it. */
  readonly works: Readonly<Record<string, readonly string[]>>
  /** What a line goes by when nothing is said. */
  readonly usual: string
}

const everywhere = { 'fetch-streaming': [], 'long-polling': [] }
const node = { ...everywhere, websocket: [], eventsource: ['EventSource'] }
/** What needs a page. */
export const never = ['xhr-streaming', 'jsonp']

export const runtimes: readonly Runtime[] = [
  {
    name: `Node ${process.versions.node.split('.')[0]}`,
    command: [process.execPath],
    works: { ...node, websocket: 'WebSocket' in globalThis ? [] : ['WebSocket'] },
    usual: 'WebSocket' in globalThis ? 'websocket' : 'long-polling',
  },
  ...['22.23.5', '26.12.1'].map(version => ({
    name: `Node ${version.split('.')[0]}`,
    package: `node-${version}@npm:node-${process.platform}-${process.arch}@${version}`,
    command: [`node_modules/node-${version}/bin/node`],
    works: node,
    usual: 'websocket',
  })),
  {
    name: 'Deno 2',
    package: 'deno@2.9.6',
    command: ['node_modules/.bin/deno', 'run', '--quiet', '--allow-all', '--node-modules-dir=manual'],
    works: { ...node, eventsource: [] },
    usual: 'websocket',
  },
  {
    name: 'Bun 1',
    package: 'bun@1.4.5',
    command: ['node_modules/.bin/bun', 'run'],
    works: node,
    usual: 'websocket',
  },
]

/** What a program tells, a line each. */
export interface Told {
  readonly type: string
  readonly [what: string]: unknown
}

export interface Running extends AsyncDisposable {
  readonly told: readonly Told[]
  /** Settles with its exit code when it has ended by itself. */
  readonly ended: Promise<number | null>
}

const folder = resolve('node_modules/.cache/throughline-runtimes')

/** A project that has the package as it is packed, what may go along with it, and each runtime. Made once for each state of `dist`. */
export function makeProject(): string {
  mkdirSync(folder, { recursive: true })
  const wanted = runtimes.flatMap(runtime => runtime.package ?? [])
  const known = join(folder, 'wanted.json')
  const isThere = existsSync(known) && readFileSync(known, 'utf8') === JSON.stringify(wanted)
  if (!existsSync(join(folder, 'package.json')))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const [packed] = JSON.parse(npm(['pack', '--json', '--silent', '--pack-destination', folder], '.'))
  const also = isThere ? [] : [...wanted, 'ws@8', 'eventsource@4']
  npm(['install', '--silent', '--no-audit', '--no-fund', join(folder, packed.filename), ...also], folder)
  writeFileSync(known, JSON.stringify(wanted))
  copyFileSync(new URL('program.mjs', import.meta.url), join(folder, 'program.mjs'))
  return folder
}

/** Runs the program of this folder. */
export function start({ command, works }: Runtime, url: string, transport: string): Running {
  const [first = '', ...more] = command
  const args = [...more, 'program.mjs', url, transport, ...(works[transport] ?? [])]
  const child = spawn(first, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const told: Told[] = []
  createInterface(child.stdout).on('line', line => void told.push(JSON.parse(line)))
  createInterface(child.stderr).on('line', words => void told.push({ type: 'stderr', words }))
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  return {
    told,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function npm(args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 24 })
  if (status !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}
