/** The programs that the guides show, each run as its first line says. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Guide extends AsyncDisposable {
  readonly url: string
  /** What it wrote that it should not have. */
  complaints(): string
}

/** They find the package by its own name, which leads to `dist`. */
export async function startGuide(name: string, environment: Record<string, string> = {}): Promise<Guide> {
  const child = spawn(process.execPath, [`examples/guides/${name}/server.mjs`], {
    env: { ...process.env, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  const ended = once(child, 'close')
  let complained = ''
  child.stderr.setEncoding('utf8').on('data', piece => {
    complained += piece
  })
  const [line = ''] = await Promise.race([once(child.stdout, 'data'), ended.then(() => [])])
  const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line)) ?? []
  if (!url) throw new Error(`examples/guides/${name} has ended: ${complained}`)
  return {
    url,
    complaints: () => complained,
    async [Symbol.asyncDispose]() {
      process.off('exit', end)
      end()
      await ended
    },
  }
}
