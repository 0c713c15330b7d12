/** The mercure dialect with a small hub of the protocol's. */
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { mistakes } from '../network/history.ts'
import { beginForeign, type ForeignLine, openForeign } from './foreign-line.ts'
import { type MercureHub, startMercure } from './mercure-hub.ts'

interface Heard {
  readonly type: string
  readonly name: string
  readonly data: string
  readonly id: string
  readonly reason: string
}

// What the page's own script, pages/line.html, puts into the page.
declare const line: { readonly readyState: number; send(data: unknown): Promise<void> }
declare const heard: Heard[]
declare const messages: () => Heard[]

const channels = ['eventsource', 'xhr-streaming'] as const

for (const channel of channels) {
  test.describe(`over ${channel}`, () => {
    test.skip(
      ({ browserName }) => browserName !== 'chromium' && channel !== 'eventsource',
      'the engines differ only in an EventSource of their own',
    )
    test('hears the topics it asked for, under the names that updates have', async ({ openPage }) => {
      await using hub = await startMercure()
      const page = await openPage()
      await openForeign(
        page,
        lineTo(hub, channel, { options: { params: { topic: ['a', 'b'] }, names: ['alarm'] } }),
      )
      hub.publish({ topic: 'a', data: 'one' })
      hub.publish({ topic: 'c', data: 'not asked for' })
      hub.publish({ topic: 'b', data: '안녕\n👋', type: 'alarm' })
      hub.publish({ topic: 'a', data: 'three' })
      await waitForCount(page, 3)
      expect(await page.evaluate(() => messages().map(({ name, data }) => `${name} ${data}`))).toEqual([
        'message one',
        'alarm 안녕\n👋',
        'message three',
      ])
    })

    for (const how of ['end', 'cut'] as const) {
      test(`goes on after the last update it heard when the hub ${how}s it`, async ({ openPage }) => {
        await using hub = await startMercure()
        const page = await openPage()
        const published: { id: string; data: string }[] = []
        const publish = () => {
          const data = `update ${published.length + 1}`
          published.push({ id: hub.publish({ topic: 'a', data }), data })
        }
        await openForeign(page, lineTo(hub, channel))
        for (let round = 0; round < 3; round++) {
          publish()
          publish()
          await waitForCount(page, published.length)
          hub.endAll(how)
          publish()
        }
        await waitForCount(page, published.length)
        expect(mistakes(published, await page.evaluate(() => heard))).toEqual([])
        expect(decodeURIComponent(hub.asked.at(-1) as string)).toContain(
          `lastEventID=${published.at(-2)?.id}`,
        )
      })
    }

    test('hears what is private by the cookie that the site has set', async ({ openPage }) => {
      await using hub = await startMercure()
      const page = await openPage()
      await openForeign(page, lineTo(hub, channel))
      hub.publish({ topic: 'a', data: 'private', private: true })
      hub.publish({ topic: 'a', data: 'public' })
      await expectTexts(page, ['public'])
      const token = hub.token({ subscribe: ['a'] })
      await page.evaluate(token => {
        // biome-ignore lint/suspicious/noDocumentCookie: a test page; CookieStore is not there without https
        document.cookie = `mercureAuthorization=${token}; path=/`
      }, token)
      await openForeign(page, lineTo(hub, channel))
      hub.publish({ topic: 'a', data: 'private', private: true })
      hub.publish({ topic: 'a', data: 'public' })
      await expectTexts(page, ['private', 'public'])
    })

    for (const draft of [7, 8] as const) {
      test(`hears and publishes by a token, as draft ${draft} names things`, async ({ openPage }) => {
        await using hub = await startMercure({ draft })
        const page = await openPage()
        const token = hub.token({ subscribe: ['a'], publish: ['a'] })
        const publish = { topic: 'a', private: 'on' }
        const given = draft === 7 ? { publish } : { publish, token: 'access_token' }
        const params = draft === 7 ? { topic: 'a' } : { match: 'a' }
        await openForeign(page, {
          ...lineTo(hub, channel, { given, options: { params, tokenIn: 'address' } }),
          token,
        })
        await page.evaluate(async () => {
          for (const data of ['one', '안녕 & = +', { to: 'ALL' }]) await line.send(data)
        })
        await expectTexts(page, ['one', '안녕 & = +', '{"to":"ALL"}'])
        // Only EventSource cannot set a header.
        expect(hub.asked.some(url => url.includes('=ey'))).toBe(channel === 'eventsource')
      })
    }

    test('says by what the hub answers that a message was not taken', async ({ openPage }) => {
      await using hub = await startMercure()
      const page = await openPage()
      const token = hub.token({ publish: ['b'] })
      const options = { tokenIn: 'address' }
      await openForeign(page, {
        ...lineTo(hub, channel, { given: { publish: { topic: 'a' } }, options }),
        token,
      })
      const send = () => page.evaluate(() => line.send('no').catch(({ kind, status }) => ({ kind, status })))
      expect(await send()).toEqual({ kind: 'forbidden', status: 403 })
      expect(
        await page.evaluate(() => line.send(new ArrayBuffer(1)).catch(({ message }) => message)),
      ).toMatch(/text only/)
    })
  })
}

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  test('tells by a gap, over XHR, that the hub does not have all that was missed', async ({ openPage }) => {
    await using hub = await startMercure({ retain: 2 })
    const page = await openPage()
    await openForeign(page, lineTo(hub, 'xhr-streaming'))
    const ids = missSome(hub)
    await waitForCount(page, 3)
    expect(
      await page.evaluate(() =>
        heard
          .filter(({ type }) => type === 'gap' || type === 'message')
          .map(({ type, data, reason }) => data ?? `${type} ${reason}`),
      ),
    ).toEqual(['update 0', 'gap unknown', 'update 4', 'update 5'])
    expect(decodeURIComponent(hub.asked.at(-1) as string)).toContain(ids[0])
  })

  test('tells of no gap, over XHR, where the hub has all of it', async ({ openPage }) => {
    await using hub = await startMercure({ retain: 5 })
    const page = await openPage()
    await openForeign(page, lineTo(hub, 'xhr-streaming'))
    missSome(hub)
    await waitForCount(page, 6)
    expect(await page.evaluate(() => heard.filter(({ type }) => type === 'gap'))).toEqual([])
  })

  test('cannot tell over the browser’s EventSource, and goes on with what there is', async ({ openPage }) => {
    await using hub = await startMercure({ retain: 2 })
    const page = await openPage()
    await openForeign(page, lineTo(hub, 'eventsource'))
    missSome(hub)
    await expectTexts(page, ['update 0', 'update 4', 'update 5'])
    expect(await page.evaluate(() => heard.filter(({ type }) => type === 'gap'))).toEqual([])
  })

  test('does not show the token in an address unasked, and says why', async ({ openPage }) => {
    await using hub = await startMercure()
    const page = await openPage()
    await beginForeign(page, { ...lineTo(hub, 'eventsource'), token: hub.token({ subscribe: ['a'] }) })
    await page.waitFor(() => line.readyState === 2)
    expect(await page.evaluate(() => JSON.stringify(heard))).toContain("tokenIn: 'address' allows")
    expect(hub.asked).toEqual([])
  })

  test('asks for the token once more, and ends for good where the hub knows neither', async ({
    openPage,
  }) => {
    await using hub = await startMercure()
    const page = await openPage()
    await beginForeign(page, { ...lineTo(hub, 'xhr-streaming'), token: `${hub.token({})}x` })
    await page.waitFor(() => line.readyState === 2)
    expect(await page.evaluate(() => heard.map(({ type }) => type))).toEqual(['error', 'error', 'close'])
  })
})

/** One update is heard, five are missed. */
function missSome(hub: MercureHub): string[] {
  const publish = (number: number) => hub.publish({ topic: 'a', data: `update ${number}` })
  const first = publish(0)
  hub.endAll('end')
  return [first, ...[1, 2, 3, 4, 5].map(publish)]
}

function lineTo(
  hub: MercureHub,
  channel: string,
  { given = {}, options = {} }: Partial<ForeignLine> = {},
): ForeignLine {
  return {
    site: hub.site.url,
    url: hub.path,
    dialect: 'mercure',
    given,
    options: { transports: [channel], params: { topic: 'a' }, retry: 50, ...options },
  }
}

function waitForCount(page: TestPage, count: number): Promise<unknown> {
  return page.waitFor(wanted => messages().length >= wanted, count)
}

async function expectTexts(page: TestPage, texts: readonly string[]): Promise<void> {
  await waitForCount(page, texts.length)
  expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(texts)
}
