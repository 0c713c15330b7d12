import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { ask } from './harness.ts'

async function serve(env: Record<string, string> = {}): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'server/serve.ts'], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = await once(child.stdout as NonNullable<typeof child.stdout>, 'data')
  return { url: String(line).trim(), child }
}

it('prints its URL, tells how to try it, passes on what is published, and ends on SIGTERM', async () => {
  const { url, child } = await serve()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
  expect((await ask(url)).text).toContain(`curl -N '${url}live?topic=x'`)

  const stream = await fetch(`${url}live?topic=x`)
  const { status, text: id } = await ask(`${url}publish?topic=x&event=wakeup`, {
    method: 'POST',
    body: '하나',
  })
  expect(status).toBe(200)
  let heard = ''
  const decoder = new TextDecoder()
  for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
    heard += decoder.decode(chunk, { stream: true })
    if (heard.endsWith('하나\n\n')) child.kill('SIGTERM')
  }
  expect(heard).toContain(`event: wakeup\nid: ${id.trim()}\ndata: 하나\n\n`)
  expect(heard).toContain('rt.bye')
  if (child.exitCode === null) await once(child, 'exit')
  expect(child.exitCode).toBe(0)
})

it('passes on what a client sends to all who hear its topics', async () => {
  const { url } = await serve()
  const open = await ask(`${url}live?topic=x&rt.via=long-polling&rt.n=0`)
  const [id, sid] = [/^id: (.*)$/m.exec(open.text)?.[1], /"session":"(.*?)"/.exec(open.text)?.[1]]
  const session = `${url}live?topic=x&rt.sid=${sid}`
  const headers = { 'content-type': 'text/event-stream' }
  await ask(`${session}&rt.via=post`, { method: 'POST', headers, body: 'id: 1\nevent: note\ndata: hi\n\n' })
  const { text } = await ask(`${session}&rt.via=long-polling&rt.n=1&rt.id=${id}`)
  expect(text).toMatch(/event: note\nid: .*\ndata: hi\n\n/)
})

it('lets only listed origins in, and no page publish', async () => {
  const { url } = await serve({ ORIGINS: 'https://a.example, https://b.example' })
  const from = (origin: string) => ask(`${url}live?rt.via=long-polling`, { headers: { origin } })
  expect(await from('https://b.example')).toMatchObject({ status: 200 })
  expect(await from('https://c.example')).toMatchObject({ status: 403 })
  const headers = { origin: 'https://b.example' }
  expect(await ask(`${url}publish?topic=x`, { method: 'POST', headers, body: 'x' })).toMatchObject({
    status: 403,
  })
})
