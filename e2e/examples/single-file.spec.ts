/** The example that is one HTML file, with the smallest server: as its first line says, in this package's own folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, type TestPage, test } from '../fixtures/test.ts'

const program = fileURLToPath(new URL('../../examples/single-file/server.js', import.meta.url))
let server: ChildProcess | undefined

test.afterEach(() => server?.kill())

test('who presses the button is seen by everybody, and by those who come later', async ({ openPage }) => {
  const running = spawn(process.execPath, [program], { env: { ...process.env, PORT: '0' } })
  server = running
  const [said] = await once(running.stdout, 'data')
  const url = String(said).trim()
  const [one, other] = [await openPage(), await openPage()]
  for (const page of [one, other]) {
    await page.goto(url)
    await page.waitFor(() => document.querySelector('button:enabled') !== null)
    await shows(page, '0')
  }
  await one.click('button')
  for (const page of [one, other]) await shows(page, '1')
  await other.click('button')
  for (const page of [one, other]) await shows(page, '2')
  const late = await openPage()
  await late.goto(url)
  await shows(late, '2')
  expect(await late.text('#state')).toMatch(/^open, by \w/)
})

async function shows(page: TestPage, count: string): Promise<void> {
  await page.waitFor(count => document.querySelector('#count')?.textContent === count, count)
}
