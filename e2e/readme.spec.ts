import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

declare const said: string[]

test('the first lines of code in the README work as they stand', async ({ openPage }) => {
  await using place = await startPlace()
  const taken: unknown[] = []
  place.hub.on('message', ({ data }) => {
    taken.push(data)
    return 'heard'
  })
  const code = await firstCode()
  place.site.route('/readme.html', (_, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(pageWith(code))
  })
  const page = await openPage()
  await page.goto(`${place.url}/readme.html`)
  await expect.poll(() => taken).toEqual([{ to: 'ALL', text: 'hello' }])
  await place.hub.publish('room:42', 'good morning')
  await place.hub.publish('room:42', 'get up', { event: 'wakeup' })
  await page.waitFor(() => said.length === 3)
  const [through, message, named] = await page.evaluate(() => said)
  expect(through).toBe('through by websocket ')
  expect(message).toMatch(/^good morning \S+$/)
  expect(named).toBe('named events too: get up')
})

test('the server in the README is one that a person can open', async () => {
  const codes = [...(await readme()).matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code)
  const server = codes.find(code => code.includes('createHub'))
  const place = await startPlace()
  const { port } = new URL(place.url)
  await place[Symbol.asyncDispose]()
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', (server ?? '').replaceAll('8080', port)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  try {
    const [said] = await once(child.stdout, 'data')
    const url = /http:[^']+/.exec(String(said))?.[0] ?? ''
    expect(await (await fetch(new URL('/', url))).text()).toBe('The line is at /live')
    const heard: string[] = []
    const decoder = new TextDecoder()
    for await (const chunk of (await fetch(url)).body as unknown as AsyncIterable<Uint8Array>) {
      heard.push(decoder.decode(chunk))
      if (heard.join('').includes('data: it is ')) break
    }
  } finally {
    child.kill()
  }
})

async function firstCode(): Promise<string> {
  return /```js\n(.*?)```/s.exec(await readme())?.[1] ?? ''
}

function readme(): Promise<string> {
  return readFile(new URL('../README.md', import.meta.url), 'utf8')
}

function pageWith(code: string): string {
  return `<!doctype html>
<script type="importmap">{ "imports": { "throughline": "/dist/index.js" } }</script>
<script>
  window.said = []
  console.log = (...words) => said.push(words.join(' '))
</script>
<script type="module">${code}</script>`
}
