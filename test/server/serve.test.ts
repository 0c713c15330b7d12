import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ask } from './harness.ts'

async function serve(
  env: Record<string, string> = {},
  options: string[] = [],
): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'serve', ...options], {
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', options.length ? 'ignore' : 'inherit'],
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
  expect(heard).toContain(`event: wakeup\nid: ${JSON.parse(id).id}\ndata: 하나\n\n`)
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

it('answers loopback and the hosts it is given, and no other', async () => {
  const { url } = await serve({ HOSTS: 'hub.example' })
  for (const path of ['', 'live?rt.via=long-polling', 'publish?topic=x']) {
    const from = (host: string) => ask(url + path, { headers: { host } })
    expect(await from('evil.example')).toMatchObject({ status: 403 })
    for (const host of ['hub.example', 'localhost']) expect((await from(host)).status).not.toBe(403)
  }
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

it('ends with npm, whose shell passes no signal on', async () => {
  const { PORT: _, ...env } = process.env
  const npm = spawn('npm', ['run', '--silent', 'serve'], {
    env: { ...env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(npm.stdout, 'data')
  const url = String(line).trim()
  expect((await ask(url)).status).toBe(200)
  npm.kill('SIGTERM')
  // Whether it still answers is all that a stranger can see.
  await vi.waitFor(() => expect(ask(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' }), {
    timeout: 30_000,
    interval: 100,
  })
}, 30_000)

it('takes what is still sent while it sends its lines away', async () => {
  const { url, child } = await serve()
  const ear = await fetch(`${url}live?topic=x&rt.via=xhr-streaming`)
  const chunks = (ear.body as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  expect(String(Buffer.from((await chunks.next()).value))).toContain('rt.open')
  child.kill('SIGTERM')
  let rest = ''
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) rest += Buffer.from(next.value)
  expect(rest).toContain('rt.bye')
  if (child.exitCode === null) await once(child, 'exit')
  expect(child.exitCode).toBe(0)
})

it('answers 503 with a time to come again while Redis is away, and 400 for what is wrong with a message', async () => {
  const closed = net.createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as net.AddressInfo
  closed.close()
  const { url } = await serve({}, ['--redis', `redis://127.0.0.1:${port}`])
  const publish = (topic: string) => ask(`${url}publish?topic=${topic}`, { method: 'POST', body: 'hi' })
  expect(await publish('')).toMatchObject({ status: 400 })
  expect(await publish('x')).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
}, 30_000)

it('says so when it cannot listen', async () => {
  const { url } = await serve()
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'serve'], {
    env: { ...process.env, PORT: new URL(url).port },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [said] = await once(child.stderr, 'data')
  expect(String(said)).toMatch(/^throughline serve: port is \d+, host is 127\.0\.0\.1: .*EADDRINUSE/)
  if (child.exitCode === null) await once(child, 'exit')
  expect(child.exitCode).toBe(1)
})
