/** Middleboxes that people really run, each as a process of its own that ends with the test. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../fixtures/free-port.ts'
import { startGuarded } from '../fixtures/guarded.ts'
import type { Box } from './place.ts'

export interface Program {
  readonly name: string
  /** Where Debian's package puts it. */
  readonly path: string
  /** Its configuration file, for a box that listens on this port; whatever it writes goes into the folder. */
  configure(port: number, folder: string): string
  /** How it is started so that it stays in the foreground. */
  arguments(file: string, folder: string, port: number): string[]
  /** What it needs in its environment. */
  environment?(folder: string): Record<string, string>
  /** Whether it serves. @default it has the test page */
  isReady?(port: number): Promise<boolean>
}

/** Why a test that needs the program can't run here; nothing if it can. */
export function missing({ name, path }: Program): string | undefined {
  return existsSync(path) ? undefined : `${path} is not there: Debian's package ${name} has it`
}

/** The port is given up before the program takes it, and may be gone by then; hence the attempts. */
export async function startProgram(program: Program, attempts = 3): Promise<Box> {
  const folder = await mkdtemp(join(tmpdir(), `throughline-${program.name}-`))
  const port = await freePort()
  const file = join(folder, 'box.conf')
  await writeFile(file, program.configure(port, folder))
  const log = join(folder, 'log')
  const command = ['-c', 'exec "$@" > "$0" 2>&1', log, program.path, ...program.arguments(file, folder, port)]
  const running = startGuarded('sh', command, { ...process.env, ...program.environment?.(folder) })
  running.report.destroy()
  const close = async () => {
    running.end()
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
  const url = `http://127.0.0.1:${port}`
  const { isReady = hasPage } = program
  if (await becomes(() => isReady(port))) return { url, close }
  const words = await readFile(log, 'utf8').catch(() => '')
  await close()
  if (attempts > 1) return startProgram(program, attempts - 1)
  throw new Error(`${program.path} does not listen on ${url}: ${words}`)
}

async function becomes(so: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 60; tries++) {
    if (await so()) return true
    await sleep(50)
  }
  return false
}

function hasPage(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/pages/line.html`).then(
    response => response.ok,
    () => false,
  )
}
