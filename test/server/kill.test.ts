/** A real process, killed and started again where it was: what a client that comes back is told. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { ask, channels, parse } from './harness.ts'

it.each(channels.filter(via => via === 'long-polling' || via === 'xhr-streaming'))(
  'a kill without warning loses the log in memory, and %s is told so by one gap: epoch',
  async via => {
    const first = await serve(await freePort())
    const cursor = await publish(first.url, 'before')
    await publish(first.url, 'never heard')
    first.child.kill('SIGKILL')
    await once(first.child, 'exit')

    const second = await serve(Number(new URL(first.url).port))
    await publish(second.url, 'after')
    const query = new URLSearchParams({
      topic: 'x',
      'rt.via': via,
      'rt.n': '0',
      'rt.id': cursor,
      'rt.sid': 'gone',
    })
    const blocks = await firstBlocks(`${second.url}live?${query}`, 3)
    expect(blocks.map(({ event = 'message' }) => event)).toEqual(['rt.open', 'rt.gap', 'message'])
    expect(JSON.parse(blocks[0]?.data ?? '')).toMatchObject({ resumed: false })
    expect(blocks[0]?.id).toBe(cursor)
    expect(JSON.parse(blocks[1]?.data ?? '')).toMatchObject({ reason: 'epoch', from: cursor })
    expect(blocks[2]?.data).toBe('after')
  },
)

async function serve(port: number): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'serve'], {
    env: { ...process.env, PORT: `${port}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  const [line] = await Promise.race([
    said,
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`serve ended with ${code}`))),
  ])
  return { url: String(line).trim(), child }
}

/** Gives back the id. */
async function publish(url: string, body: string): Promise<string> {
  return JSON.parse((await ask(`${url}publish?topic=x`, { method: 'POST', body })).text).id
}

/** Reads until so many blocks have come. */
async function firstBlocks(url: string, count: number) {
  const { body } = await fetch(url)
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (parse(text).length >= count) break
  }
  return parse(text).slice(0, count)
}
