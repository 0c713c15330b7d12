import { readFile } from 'node:fs/promises'
import { startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

declare const said: string[]

test('the first lines of code in the README work as they stand', async ({ openPage }) => {
  await using place = await startPlace()
  const taken: unknown[] = []
  place.hub.on('message', ({ data }) => void taken.push(data))
  const code = await firstCode()
  place.site.route('/readme.html', (_, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(pageWith(code))
  })
  const page = await openPage()
  await page.goto(`${place.url}/readme.html`)
  await expect.poll(() => taken).toEqual(['{"to":"ALL","text":"hello"}'])
  await place.hub.publish('lobby', 'good morning')
  await place.hub.publish('lobby', 'get up', { event: 'wakeup' })
  await page.waitFor(() => said.length === 3)
  const [through, message, named] = await page.evaluate(() => said)
  expect(through).toBe('through by websocket ')
  expect(message).toMatch(/^good morning \S+$/)
  expect(named).toBe('named events too: get up')
})

async function firstCode(): Promise<string> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  return /```js\n(.*?)```/s.exec(readme)?.[1] ?? ''
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
