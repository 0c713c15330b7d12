/**
 * The plain dialect with servers that know nothing of us. To the letter it is held against EventSource in e2e/conformance; here it
 * lives with them: it is cut, comes back, sends.
 */
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { mistakes } from '../network/history.ts'
import { type ForeignLine, openForeign } from './foreign-line.ts'
import { type PlainServer, startPlainServer } from './plain-server.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const line: { readonly transport: string | null; send(data: unknown): Promise<void> }
declare const heard: { type: string; kind: string; retryIn: number; id: string; data: string }[]
declare const messages: () => { data: string }[]
declare const Throughline: { connect(url: string, options: object): EventSource }

const channels = ['eventsource', 'xhr-streaming', 'long-polling'] as const

for (const channel of channels) {
  test.describe(`over ${channel}`, () => {
    test.skip(
      ({ browserName }) => browserName !== 'chromium' && channel !== 'eventsource',
      'the engines differ only in an EventSource of their own',
    )

    for (const how of ['end', 'cut'] as const) {
      test(`hears a bare event stream to the last message, when the server ${how}s it`, async ({
        openPage,
      }) => {
        await using server = await startPlainServer()
        const page = await openPage()
        await openForeign(page, lineTo(server, '/events', [channel]))
        for (let round = 0; round < 2; round++) {
          for (const text of ['a', '안녕', 'b']) server.publish(`${text} ${round}`)
          await waitForCount(page, server.published.length)
          server.endAll(how)
          server.publish(`while it was away ${round}`)
        }
        await waitForCount(page, server.published.length)
        await page.evaluate(() => line.send('sent'))
        await waitForCount(page, server.published.length)
        expect(server.published.at(-1)?.data).toBe('sent')
        expect(mistakes(server.published, await page.evaluate(() => heard))).toEqual([])
      })
    }

    test('takes the end of each batch for health, and the server’s word for when to come again', async ({
      openPage,
    }) => {
      // A time that nobody would come to by chance.
      const retry = 137
      await using server = await startPlainServer(retry)
      const page = await openPage()
      await openForeign(page, lineTo(server, '/batches', [channel]))
      for (const text of ['one', 'two', 'three']) {
        server.publish(text)
        await waitForCount(page, server.published.length)
        const turns = await opened(page)
        await page.waitFor(least => heard.filter(({ type }) => type === 'open').length > least, turns + 2)
      }
      expect(mistakes(server.published, await page.evaluate(() => heard))).toEqual([])
      const errors = await page.evaluate(() => heard.filter(({ type }) => type === 'error'))
      expect(new Set(errors.map(({ kind }) => kind))).toEqual(new Set(['ended']))
      // Lines spread themselves after it. EventSource keeps to itself what the server told it; e2e/conformance measures that.
      if (channel !== 'eventsource') expect(errors.filter(({ retryIn }) => retryIn < retry)).toEqual([])
    })
  })
}

test('hears and says over a WebSocket echo, again and again', async ({ openPage }) => {
  await using server = await startPlainServer()
  const page = await openPage()
  await openForeign(page, lineTo(server, '/echo', ['websocket']))
  for (const how of ['end', 'cut', 'end'] as const) {
    const already = await page.evaluate(() => messages().length)
    await page.evaluate(async how => {
      for (const text of ['a', '안녕', how]) await line.send(text)
    }, how)
    await waitForCount(page, already + 3)
    const turns = await opened(page)
    server.endAll(how)
    await page.waitFor(least => heard.filter(({ type }) => type === 'open').length > least, turns)
  }
  const texts = await page.evaluate(() => messages().map(({ data }) => data))
  expect(texts).toEqual(['a', '안녕', 'end', 'a', '안녕', 'cut', 'a', '안녕', 'end'])
})

test('finds the one way that each server has', async ({ openPage }) => {
  await using server = await startPlainServer()
  server.publish('one')
  const page = await openPage()
  for (const [path, transport] of [
    ['/echo', 'websocket'],
    ['/events', 'eventsource'],
  ] as const) {
    await openForeign(page, lineTo(server, path))
    expect(await page.evaluate(() => line.transport)).toBe(transport)
  }
})

test('runs the handlers that a page has for its EventSource', async ({ openPage }) => {
  await using server = await startPlainServer()
  for (const text of ['one', 'two']) server.publish(text)
  const page = await openPage()
  await page.goto(`${server.site.url}/pages/line.html`)
  const [theirs, ours] = await page.evaluate(listenToBoth)
  expect(ours).toEqual(theirs)
  expect(theirs).toEqual(['open', 'one #1', 'two #2'])
})

// Runs in the page:

function listenToBoth(): Promise<string[][]> {
  const listen = (source: EventSource) =>
    new Promise<string[]>(resolve => {
      const told: string[] = []
      source.onopen = () => told.push('open')
      source.onerror = () => told.push('error')
      source.onmessage = ({ data, lastEventId }) => {
        told.push(`${data} #${lastEventId}`)
        if (told.length < 3) return
        source.close()
        resolve(told)
      }
    })
  return Promise.all([
    listen(new EventSource('/events')),
    listen(Throughline.connect('/events', { dialect: 'plain' })),
  ])
}

function lineTo(server: PlainServer, url: string, transports?: string[]): ForeignLine {
  return { site: server.site.url, url, options: { retry: 100, ...(transports && { transports }) } }
}

function waitForCount(page: TestPage, count: number): Promise<unknown> {
  return page.waitFor(wanted => messages().length >= wanted, count)
}

function opened(page: TestPage): Promise<number> {
  return page.evaluate(() => heard.filter(({ type }) => type === 'open').length)
}
