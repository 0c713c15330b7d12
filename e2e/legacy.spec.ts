/** The file for televisions and kiosks, in a browser that has lost what those never had. */
import { readFileSync } from 'node:fs'
import { parse } from 'acorn'
import { startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

/** The frame's window, with what pages/legacy.html puts there. */
interface Legacy extends Window {
  readonly globals: string[]
  readonly heard: unknown[]
  readonly errors: string[]
  readonly line: { readonly readyState: number; readonly transport: string; send(data: unknown): void }
  begin(transport: string): void
}
declare const frames: { 0: Legacy }

test('is ES5', () => {
  const { body } = parse(readFileSync('dist/throughline.legacy.js', 'utf8'), { ecmaVersion: 5 })
  expect(body.length).toBeGreaterThan(0)
  expect(() => parse('var a = () => 1', { ecmaVersion: 5 })).toThrow()
})

for (const transport of ['websocket', 'xhr-streaming', 'long-polling', 'jsonp'])
  test(`hears and sends over ${transport} where there is no more than docs/legacy.md lists`, async ({
    openPage,
  }) => {
    await using place = await startPlace({ retry: 50 })
    const page = await openPage()
    await page.goto(`${place.url}/pages/blank.html`)
    await page.evaluate(
      () =>
        new Promise(resolve => {
          const frame = document.createElement('iframe')
          frame.src = '/pages/legacy.html'
          frame.onload = resolve
          document.body.append(frame)
        }),
    )
    expect(await page.evaluate(() => [frames[0].globals, frames[0].errors])).toEqual([['Throughline'], []])
    await page.evaluate(transport => frames[0].begin(transport), transport)
    await page.waitFor(() => frames[0].line?.readyState === 1 || frames[0].errors.length > 0)
    expect(await page.evaluate(() => [frames[0].line?.transport, ...frames[0].errors])).toEqual([transport])
    const coming = new Promise(resolve => place.hub.on('message', ({ data }) => resolve(data)))
    await page.evaluate(() => void frames[0].line.send('up 안녕'))
    expect(await coming).toBe('up 안녕')
    await place.hub.publish('lobby', '하나 👋')
    await place.hub.publish('lobby', { two: 2 })
    await page.waitFor(() => frames[0].heard.length === 2)
    expect(await page.evaluate(() => JSON.stringify(frames[0].heard))).toBe('["하나 👋",{"two":2}]')
    expect(await page.evaluate(() => [...frames[0].errors])).toEqual([])
  })
