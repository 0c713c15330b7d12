/** A process of its own that is asked things, and the two ends of asking. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface Child<Order, Told> {
  ask(order: Order): Promise<Told>
  stop(): void
}

/** Whoever has not answered after so many ms will not. */
const patience = 180_000

/** Once for each: whoever begins would find half a file while it is made again. */
const compiled = new Map<string, Promise<string>>()

/**
 * Starts a module that calls `answer`. It runs as it would be published: what the tool that runs TypeScript adds to each function
 * costs time and memory where there are thousands of lines.
 */
export async function startChild<Order extends object, Told>(
  module: URL,
  flags: readonly string[] = [],
): Promise<Child<Order, Told>> {
  const compiling = compiled.get(module.href) ?? compile(module)
  compiled.set(module.href, compiling)
  const child = fork(await compiling, { execArgv: [...flags] })
  const asked = new Map<number, { resolve(told: Told): void; reject(error: Error): void }>()
  let count = 0
  child.on('message', ({ id, told, error }: Answer<Told>) => {
    if (error === undefined) asked.get(id)?.resolve(told as Told)
    else asked.get(id)?.reject(new Error(error))
    asked.delete(id)
  })
  void once(child, 'exit').then(() => {
    for (const { reject } of asked.values()) reject(new Error(`${module.pathname} ended`))
  })
  return {
    ask(order) {
      const id = ++count
      child.send({ id, order })
      return new Promise((resolve, reject) => {
        const late = () => reject(new Error(`${module.pathname} does not answer ${JSON.stringify(order)}`))
        const timer = setTimeout(late, patience)
        const settle =
          <T>(how: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer)
            how(value)
          }
        asked.set(id, { resolve: settle(resolve), reject: settle(reject) })
      })
    },
    stop: () => void (child.connected && child.disconnect()),
  }
}

/** Where Node still finds the packages. Gives back the file. */
async function compile(module: URL): Promise<string> {
  const path = fileURLToPath(module)
  const name = `${basename(dirname(path))}-${basename(path, '.ts')}`
  const outfile = resolve(`node_modules/.cache/bench/${name}.mjs`)
  await build({
    entryPoints: [path],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
  return outfile
}

interface Answer<Told> {
  readonly id: number
  readonly told?: Told
  readonly error?: string
}

/** Answers what this process is asked, until nobody can ask any more. */
export function answer<Order>(carryOut: (order: Order) => unknown): void {
  process.on('message', async ({ id, order }: { id: number; order: Order }) => {
    try {
      process.send?.({ id, told: await carryOut(order) })
    } catch (error) {
      process.send?.({ id, error: String((error as Error).stack) })
    }
  })
  process.once('disconnect', () => process.exit())
}
