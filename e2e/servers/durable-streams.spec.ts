/** The durable-streams dialect with the protocol's reference server. */

import { type Fault, startFaultProxy } from '../../testing/playwright/fault-proxy.ts'
import { cutAfterBytes } from '../../testing/playwright/faults.ts'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { type Heard, mistakes } from '../network/history.ts'
import { type DurableOptions, startDurableStreams } from './durable-streams.ts'
import { beginForeign, type ForeignLine, openForeign } from './foreign-line.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const line: {
  readonly transport: string | null
  readonly readyState: number
  readonly lastEventId: string
  send(data: unknown): Promise<void>
  report(): { transport: string; failure?: { code: string } }[]
  close(): void
}
declare const heard: { type: string; kind: string; message: string; data: unknown; id: string }[]
declare const messages: () => { data: unknown; id: string }[]
declare const begin: (url: string, options: object) => void

const channels = ['eventsource', 'xhr-streaming', 'long-polling'] as const
const imported = { fetchStreaming: 'transports/fetch-streaming' }
type Way = (typeof channels)[number] | keyof typeof imported
const ways: readonly Way[] = [...channels, 'fetchStreaming']

for (const way of channels) {
  test.describe(`over ${way}`, () => {
    test('carries values both ways, each with the offset behind it', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const values = ['안녕 👋', { a: [1, { b: '],"' }] }, [1, [2]], null, 0.5, '', 'two\r\nlines', true, []]
      const offsets = [await place.append(values[0])]
      await openForeign(page, place.line(way))
      expect(await page.evaluate(() => line.transport)).toBe(way)
      await waitForCount(page, 1)
      for (const [place_, value] of values.slice(1).entries()) {
        offsets.push(await place.append(value))
        await waitForCount(page, place_ + 2)
      }
      expect(await page.evaluate(() => messages().map(({ data, id }) => [data, id]))).toEqual(
        values.map((value, at) => [value, offsets[at]]),
      )
      await page.evaluate(async sent => {
        for (const value of sent) await line.send(value)
      }, values)
      await waitForCount(page, 2 * values.length)
      expect(JSON.parse(await place.read())).toEqual([...values, ...values])
      const last = await place.append('last')
      await page.waitFor(offset => line.lastEventId === offset, last)
    })
  })
}

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  for (const way of ways) {
    test(`goes on over ${way} where the line was cut, again and again`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const proxy = await startTcpProxy(place.port)
      const flow = flowTo(place)
      await openForeign(page, place.line(way, { port: proxy.port }))
      for (const how of ['rst', 'fin', 'rst'] as const) {
        const count = await page.evaluate(() => messages().length)
        await waitForCount(page, count + 20)
        proxy.cut(how)
      }
      await flow.stop()
      await expectExact(page, flow.published)
      await proxy.close()
    })

    test(`loses and doubles nothing over ${way} when it is cut within a batch`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const published = Array.from({ length: 300 }, (_, at) => `message ${at}, ${'x'.repeat(at % 50)}`)
      for (let at = 0; at < 300; at += 100) await place.appendAll(published.slice(at, at + 100))
      const proxy = await startFaultProxy(place.port, place.path)
      let cuts = 0
      const cutting: Fault = {
        when: ({ method }) => method === 'GET' && cuts++ < 4,
        down: (next, visit) => cutAfterBytes(2_000 * cuts, 'rst', []).down?.(next, visit) ?? next,
        // A server says how long an answer is, and nobody may know better.
        answering: headers => void delete headers['content-length'],
      }
      proxy.put(cutting)
      await beginForeign(page, place.line(way, { port: proxy.port }))
      await waitForCount(page, 300)
      const flow = flowTo(place, published)
      await waitForCount(page, 320)
      await flow.stop()
      await expectExact(page, flow.published)
      expect(cuts).toBeGreaterThan(4)
      await proxy.close()
    })
  }

  for (const way of channels) {
    test(`catches up with many messages over ${way}, and goes on live`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const published = Array.from({ length: 5_000 }, (_, at) => `message ${at} ${'x'.repeat(2_000)}`)
      for (let at = 0; at < published.length; at += 500) await place.appendAll(published.slice(at, at + 500))
      const flow = flowTo(place, published)
      await openForeign(page, place.line(way))
      await waitForCount(page, 5_050)
      await flow.stop()
      await expectExact(page, flow.published)
    })

    test(`goes on over ${way} after any id that a page has kept`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const published: string[] = []
      for (let batch = 0; batch < 3; batch++) {
        const values = [0, 1, 2].map(at => `${batch}.${at}`)
        published.push(...values)
        await place.appendAll(values)
      }
      await openForeign(page, place.line(way))
      await waitForCount(page, 9)
      const ids = await page.evaluate(() => messages().map(({ id }) => id))
      expect(new Set(ids).size).toBe(9)
      for (const at of [0, 3, 4, 7]) {
        await openForeign(page, place.line(way, { options: { lastEventId: ids[at] } }))
        await waitForCount(page, 8 - at)
        expect(await heardData(page)).toEqual(published.slice(at + 1))
      }
    })

    test(`ends for good over ${way} when the stream is closed`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await place.append('one')
      await openForeign(page, place.line(way))
      await waitForCount(page, 1)
      await place.append('two')
      await place.end()
      await page.waitFor(() => line.readyState === 2)
      expect(await heardData(page)).toEqual(['one', 'two'])
      expect(await page.evaluate(() => heard.slice(-2).map(({ type }) => type))).toEqual(['error', 'close'])
      expect(await page.evaluate(() => heard.at(-2)?.message)).toMatch(/the stream is closed; giving up$/)
      // One that comes later hears all, and ends too.
      await beginForeign(page, place.line(way))
      await page.waitFor(() => line.readyState === 2)
      expect(await heardData(page)).toEqual(['one', 'two'])
    })

    test(`appends once over ${way} what was taken and whose answer was lost`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const proxy = await startFaultProxy(place.port, place.path)
      let lost = 0
      const answersLost: Fault = {
        when: ({ method }) => method === 'POST' && lost++ % 2 === 0,
        async answer(visit) {
          await visit.ask(await visit.body())
          visit.cut('rst')
        },
      }
      proxy.put(answersLost)
      await openForeign(page, place.line(way, { port: proxy.port }))
      await page.evaluate(() => Promise.all(['a', 'b', 'c'].map(value => line.send(value))))
      await page.evaluate(async () => {
        for (const value of ['d', 'e', 'f']) await line.send(value)
      })
      expect(JSON.parse(await place.read())).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
      expect(lost).toBeGreaterThanOrEqual(8)
      await waitForCount(page, 6)
      expect(await heardData(page)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
      await proxy.close()
    })

    test(`hears over ${way} only what is new, if that is wanted`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await place.append('old')
      await openForeign(page, place.line(way, { given: { from: 'now' } }))
      // Where a line is now, it knows once it was told.
      await page.waitFor(() => line.lastEventId !== '')
      await place.append('new')
      await waitForCount(page, 1)
      expect(await heardData(page)).toEqual(['new'])
    })
  }

  test('sends once what is sent beside cuts of the line', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    const proxy = await startTcpProxy(place.port)
    await openForeign(page, place.line('xhr-streaming', { port: proxy.port }))
    const sending = page.evaluate(async () => {
      for (let at = 0; at < 60; at++) {
        await line.send(at)
        await new Promise(resolve => setTimeout(resolve, 30))
      }
    })
    for (const how of ['rst', 'fin', 'rst'] as const) {
      await new Promise(resolve => setTimeout(resolve, 300))
      proxy.cut(how)
    }
    await sending
    expect(JSON.parse(await place.read())).toEqual(Array.from({ length: 60 }, (_, at) => at))
    await proxy.close()
  })

  test('begins on EventSource when it may choose, and tries no WebSocket', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await openForeign(page, { ...place.line(), slow: true })
    expect(await page.evaluate(() => line.transport)).toBe('eventsource')
    const tried = await page.evaluate(() =>
      line.report().map(({ transport, failure }) => [transport, failure?.code]),
    )
    expect(tried.filter(([, code]) => code !== 'unavailable')).toEqual([['eventsource', undefined]])
  })

  test('carries a text both ways as it is', async ({ openPage }) => {
    await using place = await openPlace('text/plain')
    const page = await openPage()
    await place.append(' token')
    await openForeign(page, place.line(undefined, { given: { contentType: 'text/plain' } }))
    expect(await page.evaluate(() => line.transport)).toBe('long-polling')
    await page.evaluate(() => line.send(' by\r\n token 👋'))
    await page.evaluate(() => line.send({ a: 1 }))
    const whole = ' token by\r\n token 👋{"a":1}'
    await page.waitFor(
      text =>
        messages()
          .map(({ data }) => data)
          .join('') === text,
      whole,
    )
    expect(await place.read()).toBe(whole)
  })

  for (const way of ['eventsource', 'xhr-streaming', 'fetchStreaming'] as const) {
    test(`carries bytes over ${way}, both ways and through cuts`, async ({ openPage }) => {
      await using place = await openPlace('application/octet-stream')
      const page = await openPage()
      const proxy = await startTcpProxy(place.port)
      const given = { contentType: 'application/octet-stream' }
      await place.append(Uint8Array.of(255, 0, 13, 10))
      await openForeign(page, place.line(way, { given, port: proxy.port }))
      await page.evaluate(() => line.send(Uint8Array.of(1, 2, 254)))
      proxy.cut('rst')
      await place.append(Uint8Array.of(7))
      const whole = [255, 0, 13, 10, 1, 2, 254, 7]
      await page.waitFor(
        bytes => `${messages().flatMap(({ data }) => [...new Uint8Array(data as ArrayBuffer)])}` === bytes,
        `${whole}`,
      )
      await proxy.close()
    })
  }

  test('shuts out an earlier line of the same producer', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await page.goto(`${place.site}/pages/line.html`)
    const outcomes = await page.evaluate(async url => {
      const path = '/dist/dialects/durable-streams.js'
      const { durableStreams } = await import(path)
      const open = (epoch: number) => {
        begin(url, { dialect: durableStreams({ producer: () => ({ id: 'form', epoch }) }), separate: true })
        return line
      }
      const [first, second] = [open(1), open(2)]
      const told = ({ kind, status, detail }: Record<string, unknown>) => [kind, status, detail]
      return [
        await first.send('a'),
        await second.send('b'),
        await first.send('c').catch(told),
        await second.send('d'),
        await first.send('e').catch(told),
      ]
    }, place.line().url)
    const shutOut = ['declined', 403, 'its epoch is 2']
    expect(outcomes).toEqual([undefined, undefined, shutOut, undefined, shutOut])
    expect(JSON.parse(await place.read())).toEqual(['a', 'b', 'd'])
  })

  test('says by which status the server does not take what is of another type', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await openForeign(page, place.line('eventsource', { given: { contentType: 'application/x-other' } }))
    const refusal = () => line.send('no').catch(({ kind, status }) => ({ kind, status }))
    expect(await page.evaluate(refusal)).toEqual({ kind: 'declined', status: 409 })
  })

  test('waits for a stream that is not there yet', async ({ openPage }) => {
    await using place = await startDurableStreams()
    const page = await openPage()
    await beginForeign(page, lineTo(place, 'xhr-streaming'))
    await page.waitFor(() => heard.some(({ type }) => type === 'error'))
    await place.create()
    await place.append('one')
    await waitForCount(page, 1)
  })
})

async function openPlace(contentType?: string, options?: DurableOptions) {
  const place = await startDurableStreams(options)
  await place.create(contentType)
  return { ...place, line: (way?: Way, given?: LineOptions) => lineTo(place, way, given) }
}

interface LineOptions {
  /** What the dialect's factory is given. */
  given?: object
  options?: object
  /** That of a proxy. @default the server's own */
  port?: number
}

interface Where {
  readonly site: string
  readonly port: number
  readonly path: string
}

function lineTo(
  { site, port: own, path }: Where,
  way?: Way,
  { given = {}, options = {}, port = own }: LineOptions = {},
): ForeignLine {
  const module = imported[way as keyof typeof imported]
  return {
    site,
    url: `http://127.0.0.1:${port}${path}`,
    dialect: 'durable-streams',
    given,
    options: { retry: 100, ...(way && !module && { transports: [way] }), ...options },
    ...(module && { imports: { [way as string]: module } }),
  }
}

/** Appends one message after the other until it is told to stop. */
function flowTo(place: { append(value: unknown): Promise<string> }, before: readonly string[] = []) {
  const published = [...before]
  let going = true
  const flowing = (async () => {
    while (going) {
      const data = `live ${published.length + 1}`
      await place.append(data)
      published.push(data)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  })()
  return {
    published,
    stop() {
      going = false
      return flowing
    },
  }
}

function waitForCount(page: TestPage, count: number): Promise<unknown> {
  return page.waitFor(wanted => messages().length >= wanted, count)
}

async function heardData(page: TestPage): Promise<unknown[]> {
  return page.evaluate(() => messages().map(({ data }) => data))
}

/** By their data, which differ: the id of a message depends on how the server cut its batches. */
async function expectExact(page: TestPage, published: readonly string[]): Promise<void> {
  await page.waitFor(last => messages().some(({ data }) => data === last), published.at(-1) ?? '')
  const all = await page.evaluate(() => heard)
  const told = all.map(each => ({ ...each, id: each.data })) as readonly Heard[]
  expect(
    mistakes(
      published.map(data => ({ id: data, data })),
      told,
      undefined,
    ),
  ).toEqual([])
  expect(all.filter(({ type }) => type === 'message').length).toBe(published.length)
}
