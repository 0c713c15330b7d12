/** Browsers open six HTTP/1.1 connections to a host, for all tabs together; a stream or a held poll takes one for itself. */

import { refused, swallowed } from '../../testing/playwright/faults.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { startFaultyPlace } from './place.ts'

/** A tab's window, with what pages/line.html puts there. */
type Tab = Window & {
  begin(url: string, options: object): void
  line: { readonly readyState: number; readonly transport: string }
  heard: { type: string }[]
}

const tabs = 7

test('seven tabs hear everything over WebSocket', async ({ openPage }) => {
  await using place = await startFaultyPlace()
  const page = await openPage()
  await page.goto(`${place.box.url}/pages/blank.html`)
  await openTabs(page, `${place.box.url}/pages/line.html`)
  await expectAll(page, 0)
  await place.publish(3)
  await expectAll(page, 3)
})

for (const [what, fault] of [
  ['WebSocket is refused', refused(403, ['websocket'])],
  ['no stream gets through', swallowed(['websocket', 'eventsource', 'xhr-streaming'])],
] as const)
  test(`seven tabs hear everything over six connections by sharing one, where ${what}`, async ({
    openPage,
  }) => {
    await using place = await startFaultyPlace()
    place.box.put(fault)
    const page = await openPage()
    await page.goto(`${place.box.url}/pages/blank.html`)
    await openTabs(page, `${place.box.url}/pages/line.html`, { shared: true })
    await expectAll(page, 0)
    await place.publish(3)
    await expectAll(page, 3)
    const transports = await page.evaluate(() =>
      [...document.querySelectorAll('iframe')].map(
        ({ contentWindow }) => (contentWindow as Tab).line.transport,
      ),
    )
    // The other one is the holder's, which wins a race on a machine that may be busy.
    expect(transports.filter(name => name === 'carried')).toHaveLength(tabs - 1)
  })

/** Frames of one page share its connections as tabs do, and every engine can be asked about them. */
async function openTabs(page: TestPage, url: string, options = {}): Promise<void> {
  await page.evaluate(
    async ({ url, tabs, options }) => {
      const frames = Array.from({ length: tabs }, () => document.createElement('iframe'))
      const loaded = frames.map(frame => new Promise(resolve => frame.addEventListener('load', resolve)))
      for (const frame of frames) frame.src = url
      document.body.append(...frames)
      await Promise.all(loaded)
      for (const { contentWindow } of frames) (contentWindow as Tab).begin('/live?topic=lobby', options)
    },
    { url, tabs, options },
  )
}

/** Waits until each line is open and has heard so many messages. */
async function expectAll(page: TestPage, count: number): Promise<void> {
  const heard = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('iframe')].map(({ contentWindow }) => {
        const { line, heard } = contentWindow as Tab
        return line.readyState === 1 ? heard.filter(({ type }) => type === 'message').length : -1
      }),
    )
  await expect.poll(heard, { timeout: 20_000 }).toEqual(Array.from({ length: tabs }, () => count))
}
