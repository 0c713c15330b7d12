/** Places beyond the page, as processes: which there are, how they are had, and what works in each. */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** Where project.ts makes the project. Not in node_modules: what is there tools take for somebody else's, which needs no compiling. */
export const folder = resolve('test-results/places')

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
