/** A project that has the package as it is packed, each runtime, and what platforms need besides. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { folder, runtimes } from './runtimes.ts'

const wanted = [
  ...['ws@8', 'eventsource@4', 'crossws@0.4.17', 'hono@4.13.19', '@hono/node-server@2.1.9'],
  ...['miniflare@4.20260730.0', 'esbuild@0.28.2', 'next@16.4.6', 'react@19', 'react-dom@19'],
  ...['express@5', 'fastify@5', 'vite@8', '@vitejs/plugin-react@6'],
  ...runtimes.flatMap(runtime => runtime.package ?? []),
]

/** Made once for each state of the package. Several workers may ask at a time: one makes it, the others wait. */
export async function makeProject(): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const leave = await enter(join(folder, 'making'))
  try {
    make()
  } finally {
    leave()
  }
}

function make(): void {
  const [packed] = JSON.parse(npm(['pack', '--json', '--silent', '--pack-destination', folder], '.'))
  const archive = join(folder, packed.filename)
  const state = createHash('sha256').update(readFileSync(archive)).update(wanted.join()).digest('hex')
  const known = join(folder, 'state')
  for (const from of ['e2e/places/program.mjs', 'e2e/places/worker.mjs', 'e2e/places/kit', 'examples'])
    cpSync(from, join(folder, from.replace('e2e/places/', '')), { recursive: true })
  if (existsSync(known) && readFileSync(known, 'utf8') === state) return
  if (!existsSync(join(folder, 'package.json')))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  npm(['install', '--silent', '--no-audit', '--no-fund', archive, ...wanted], folder)
  writeFileSync(known, state)
}

/** Waits until nobody else is in, by a folder, which only one can make. One that was left behind by a run that was killed names a process that is no more. */
async function enter(lock: string): Promise<() => void> {
  for (;;) {
    try {
      mkdirSync(lock)
      writeFileSync(join(lock, 'pid'), `${process.pid}`)
      return () => rmSync(lock, { recursive: true, force: true })
    } catch {
      await wait(200)
      if (!isAlive(lock)) rmSync(lock, { recursive: true, force: true })
    }
  }
}

function isAlive(lock: string): boolean {
  try {
    return process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0)
  } catch (error) {
    // It is just being made, or just being left.
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function npm(args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 24 })
  if (status !== 0) throw new Error(`npm ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}
