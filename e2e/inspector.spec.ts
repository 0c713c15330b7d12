/** `<throughline-inspector>` beside a line at work, on a page whose policy allows scripts of its own and nothing else. */
import type { HubOptions } from '../server/index.ts'
import type { InspectorElement } from '../src/inspector.ts'
import { refused } from '../testing/playwright/faults.ts'
import { violations } from './fixtures/axe.ts'
import { expect, type TestPage, test } from './fixtures/test.ts'
import { type FaultyPlace, startFaultyPlace } from './network/place.ts'

// What pages/inspector.js puts into the page.
declare const begin: (options?: object) => void
declare const refusedByPolicy: string[]
declare const line: {
  readonly state: string
  send(data: unknown): Promise<void>
  subscribe(topic: string): { close(): void; opened: Promise<void> }
  reconnect(): void
  close(): void
}
declare const listeners: Record<string, number>
declare const element: InspectorElement
declare const textOf: (selector: string) => string[]
declare const figure: (name: string) => string | undefined

const anyTopic: HubOptions = { authorize: () => ({ topics: [], subscribe: ['*'] }) }

async function open(page: TestPage, place: FaultyPlace, options: object = {}): Promise<void> {
  await page.goto(`${place.box.url}/pages/inspector.html`)
  await page.evaluate(options => begin(options), options)
}

test('shows the try that was refused and the one that won, and offends no policy', async ({ openPage }) => {
  await using place = await startFaultyPlace(anyTopic)
  place.box.put(refused(403, ['websocket']))
  const page = await openPage()
  await open(page, place, { transports: ['websocket', 'eventsource'] })
  await page.waitFor(() => textOf('.attempts tbody').some(text => /eventsource.*works/.test(text)))
  expect(await page.evaluate(() => textOf('.state'))).toEqual(['open'])
  expect(await page.evaluate(() => textOf('.transport'))).toEqual(['eventsource'])
  const rows = await page.evaluate(() =>
    [...(element.shadowRoot?.querySelectorAll('.attempts tbody tr') ?? [])].slice(0, 2).map(row => ({
      text: row.textContent,
      state: row.getAttribute('data-state'),
      isDrawn: Number(row.querySelector('rect')?.getAttribute('width')) > 0,
    })),
  )
  expect(rows).toEqual([
    // On a busy machine the next one overtakes even what is refused at once.
    {
      text: expect.stringMatching(/^websocket.*(closed before opening|then another way was taken)/),
      state: expect.stringMatching(/^(failed|left)$/),
      isDrawn: true,
    },
    { text: expect.stringMatching(/^eventsource.*works/), state: 'in use', isDrawn: true },
  ])
  // The style is there although the policy lets no style in.
  expect(
    await page.evaluate(() => getComputedStyle(element.shadowRoot?.querySelector('dl') as Element).display),
  ).toBe('grid')
  expect(await page.evaluate(() => refusedByPolicy)).toEqual([])
})

test('counts messages by topic and by second, and forgets a topic that was left', async ({ openPage }) => {
  await using place = await startFaultyPlace(anyTopic)
  const page = await openPage()
  await open(page, place)
  await page.evaluate(async () => {
    const rooms = [line.subscribe('lobby'), line.subscribe('quiet')]
    Object.assign(window, { rooms })
    await Promise.all(rooms.map(({ opened }) => opened))
  })
  await place.publish(1_234)
  await page.waitFor(() => figure('Messages') === '1,234')
  const last = place.published.at(-1)?.id
  await page.waitFor(last => textOf('.topics tbody tr')[0] === `lobby1,234${last}`, last)
  expect(await page.evaluate(() => textOf('.topics tbody tr').length)).toBe(2)
  await page.waitFor(() => Number(figure('Messages a second')?.replace(',', '')) > 0)
  await page.evaluate(() => (window as unknown as { rooms: { close(): void }[] }).rooms[1]?.close())
  await page.waitFor(() => textOf('.topics tbody tr').length === 1)
})

test('shows sends that wait while the line is down, the error and the next try, and that all was taken', async ({
  openPage,
}) => {
  await using place = await startFaultyPlace(anyTopic)
  const page = await openPage()
  await open(page, place)
  await page.waitFor(() => line.state === 'open')
  await place.stop()
  await page.waitFor(() => line.state === 'waiting')
  await page.evaluate(() => {
    for (const text of ['one', 'two', 'three']) void line.send(text)
  })
  await page.waitFor(() => figure('Sends waiting') === '3')
  await page.waitFor(() =>
    element.shadowRoot
      ?.querySelector('.error a')
      ?.getAttribute('href')
      ?.endsWith('errors.md#what-a-line-meets'),
  )
  await page.waitFor(() => /^\d+ s$/.test(figure('Next try') ?? ''))
  await place.restart()
  await page.evaluate(() => line.reconnect())
  await page.waitFor(() => figure('Sends waiting') === '0' && figure('Sends') === '3')
})

test('once it is taken out of the page, or the line is closed, it lets go of everything', async ({
  openPage,
}) => {
  await using place = await startFaultyPlace(anyTopic)
  const page = await openPage()
  await open(page, place)
  await page.waitFor(() => line.state === 'open')
  const held = () =>
    page.evaluate(() => ({
      listeners: listeners.trace,
      onlookers: (line as unknown as { setup: { onlookers: Set<unknown> } }).setup.onlookers.size,
      own: ['send', 'dispatchEvent', 'subscribe'].filter(name => Object.hasOwn(line, name)),
    }))
  expect(await held()).toEqual({ listeners: 1, onlookers: 1, own: ['send', 'dispatchEvent', 'subscribe'] })
  // To move it is to take it out and put it in again.
  await page.evaluate(() => document.body.append(element))
  expect(await held()).toMatchObject({ listeners: 1, onlookers: 1 })
  await page.evaluate(() => line.close())
  await page.waitFor(() => textOf('.state')[0] === 'closed')
  await page.evaluate(() => element.remove())
  expect(await held()).toEqual({ listeners: 0, onlookers: 0, own: [] })
})

test('is drawn once in a frame at most, and not at all while it is collapsed or out of sight', async ({
  openPage,
}) => {
  await using place = await startFaultyPlace(anyTopic)
  const page = await openPage()
  await open(page, place)
  await page.evaluate(() => {
    // It hears of everything after the other one, so what it shows the other one would show.
    const beside = document.createElement('throughline-inspector') as InspectorElement
    beside.line = element.line
    document.body.append(beside)
    const counts = { drawings: 0, frames: 0 }
    const count = () => {
      counts.frames++
      requestAnimationFrame(count)
    }
    count()
    // All that is changed at one time is told at once.
    const changed = { subtree: true, childList: true, characterData: true, attributes: true }
    new MutationObserver(() => counts.drawings++).observe(element.shadowRoot as ShadowRoot, changed)
    Object.assign(window, { beside, counts })
    return line.subscribe('lobby').opened
  })
  const besideShows = (messages: string) =>
    page.waitFor(messages => {
      const { beside } = window as unknown as { beside: InspectorElement }
      return [...(beside.shadowRoot?.querySelectorAll('dd') ?? [])].some(
        ({ textContent }) => textContent === messages,
      )
    }, messages)
  const shown = () => page.evaluate(() => figure('Messages'))

  await place.publish(5_000)
  await page.waitFor(() => figure('Messages') === '5,000')
  const { drawings, frames } = await page.evaluate(
    () => (window as unknown as { counts: { drawings: number; frames: number } }).counts,
  )
  expect(drawings).toBeGreaterThan(0)
  expect(drawings).toBeLessThanOrEqual(frames)

  await page.evaluate(() => element.shadowRoot?.querySelector('summary')?.click())
  await place.publish()
  await besideShows('5,001')
  expect(await shown()).toBe('5,000')
  await page.evaluate(() => element.shadowRoot?.querySelector('summary')?.click())
  await page.waitFor(() => figure('Messages') === '5,001')

  await page.evaluate(async () => {
    // Of a change, one that was made later is told after the inspector's own. WebKit tells a new one at once what it sees.
    let told: (isSeen: boolean) => void
    const next = () => new Promise<boolean>(resolve => (told = resolve))
    const seen = next()
    new IntersectionObserver(([entry]) => told(entry?.isIntersecting ?? true)).observe(element)
    await seen
    const hidden = next()
    element.hidden = true
    await hidden
  })
  await place.publish()
  await besideShows('5,002')
  expect(await shown()).toBe('5,001')
  await page.evaluate(() => {
    element.hidden = false
  })
  await page.waitFor(() => figure('Messages') === '5,002')
})

test('gives a report to copy, without a word of any message', async ({ openPage }) => {
  await using place = await startFaultyPlace(anyTopic)
  const page = await openPage()
  await open(page, place, { params: { key: 'hunter2' } })
  await page.evaluate(() => line.subscribe('lobby').opened)
  await place.hub.publish('lobby', 'hunter2')
  await page.waitFor(() => figure('Messages') === '1')
  await page.evaluate(() => element.shadowRoot?.querySelector('button')?.click())
  await page.waitFor(() => /^Cop/.test(textOf('.foot span')[0] ?? ''))
  const report = await page.evaluate(() => JSON.parse(JSON.stringify(element.report())))
  expect(report).toMatchObject({
    version: 1,
    url: `${place.box.url}/live`,
    state: 'open',
    messages: 1,
    attempts: expect.arrayContaining([
      expect.objectContaining({ verdict: expect.stringContaining('works') }),
    ]),
  })
  expect(JSON.stringify(report)).not.toContain('hunter2')
})

test('several lines can be chosen from, and each goes on being counted', async ({ openPage }) => {
  await using place = await startFaultyPlace(anyTopic)
  const page = await openPage()
  await open(page, place)
  await page.evaluate(() => {
    const first = line
    begin({ separate: true })
    element.lines = [first, line] as never
    return first.subscribe('lobby').opened
  })
  await place.publish(3)
  await page.evaluate(() => {
    const select = element.shadowRoot?.querySelector('select') as HTMLSelectElement
    select.selectedIndex = 0
    select.dispatchEvent(new Event('change'))
  })
  await page.waitFor(() => figure('Messages') === '3')
})

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  test('axe finds nothing, dark or light, on a phone or a desk', async ({ browser }) => {
    await using place = await startFaultyPlace(anyTopic)
    place.box.put(refused(403, ['websocket']))
    const views = [
      { colorScheme: 'light', width: 1_000 },
      { colorScheme: 'dark', width: 360 },
    ] as const
    for (const { colorScheme, width } of views) {
      const viewport = { width, height: 900 }
      const context = await browser.newContext({ bypassCSP: true, colorScheme, viewport })
      const page = await context.newPage()
      await page.goto(`${place.box.url}/pages/inspector.html`)
      await page.evaluate(() => begin())
      await page.evaluate(() => line.subscribe('lobby').opened)
      await place.publish(3)
      await page.waitForFunction(() => figure('Messages') !== '0' && textOf('.attempts tbody tr').length > 1)
      expect(await violations(page), colorScheme).toEqual([])
      // Nothing is cut off to the right.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      await context.close()
    }
  })

  test('is worked by the keyboard', async ({ browser }) => {
    await using place = await startFaultyPlace(anyTopic)
    const page = await browser.newPage()
    await page.goto(`${place.box.url}/pages/inspector.html`)
    await page.evaluate(() => begin())
    const isOpen = () => page.evaluate(() => element.shadowRoot?.querySelector('details')?.open)
    const focused = () => page.evaluate(() => element.shadowRoot?.activeElement?.localName)
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('summary')
    await page.keyboard.press('Enter')
    expect(await isOpen()).toBe(false)
    await page.keyboard.press('Space')
    expect(await isOpen()).toBe(true)
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('button')
    await page.keyboard.press('Enter')
    await expect(page.getByText(/^Cop(ied|y it)/)).toBeVisible()
    await page.close()
  })
})
