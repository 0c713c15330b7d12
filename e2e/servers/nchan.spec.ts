/** The nchan dialect with Debian's nginx and libnginx-mod-nchan. */
import { createConnection, createServer } from 'node:net'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { type Heard, mistakes, type Published } from '../network/history.ts'
import { beginForeign, openForeign } from './foreign-line.ts'
import { missingNchan, type NchanServer, startNchan } from './nchan.ts'

interface Message {
  readonly data: string
  readonly id: string
}

// What the page's own script, pages/line.html, puts into the page.
declare const line: {
  readonly transport: string | null
  readonly readyState: number
  readonly lastEventId: string
  send(data: unknown): Promise<void>
  report(): { transport: string; state: string }[]
  close(): void
}
declare const heard: (Message & { type: string; kind: string; message: string; resumed: boolean })[]
declare const messages: () => Message[]

const channels = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling'] as const
type Channel = (typeof channels)[number]

for (const channel of channels) {
  test.describe(`over ${channel}`, () => {
    test('hears what was published before and after, with the ids that Nchan told', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const texts = ['one', '안녕 👋', 'two\nlines', 'data: no\n\nblock', ' ', '\r\n']
      const published: Message[] = []
      const publish = async (data: string) => {
        published.push({ id: await place.publish('a', data), data })
      }
      for (const text of texts) await publish(text)
      await openForeign(page, place.line(channel))
      for (const text of texts) await publish(text)
      await waitForCount(page, published.length)
      // An event stream has no CRLF inside data.
      const streamed = channel === 'eventsource' || channel === 'xhr-streaming'
      const wanted = published.map(({ id, data }) => ({
        id,
        data: streamed ? data.replace('\r\n', '\n') : data,
      }))
      expect(await heardMessages(page)).toEqual(wanted)
      expect(await page.evaluate(() => line.transport)).toBe(channel)
    })

    test('says by what Nchan answers whether a message was taken', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await place.publish('a', 'first')
      await openForeign(page, place.line(channel))
      await page.evaluate(async () => {
        for (const data of ['a', '안녕', { to: 'ALL' }, 'd']) await line.send(data)
      })
      await waitForCount(page, 5)
      expect((await heardMessages(page)).map(({ data }) => data)).toEqual([
        'first',
        'a',
        '안녕',
        '{"to":"ALL"}',
        'd',
      ])
      await openForeign(page, place.line(channel, { publish: '/closed' }))
      const refusal = await page.evaluate(() =>
        line.send('no').catch(({ kind, status }) => ({ kind, status })),
      )
      expect(refusal).toEqual({ kind: 'forbidden', status: 403 })
    })

    test('takes a timeout of Nchan’s for health, and goes on', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await place.publish('a', 'one')
      await openForeign(page, place.line(channel, { publish: '/pub/a' }, '/hurried/a'))
      await waitForCount(page, 1)
      await expect.poll(() => place.answered('/hurried/a')).toBeGreaterThanOrEqual(3)
      await place.publish('a', 'two')
      await waitForCount(page, 2)
      expect((await heardMessages(page)).map(({ data }) => data)).toEqual(['one', 'two'])
      // Answers that end are joined to one stream where a page can see how they end.
      const joined = channel === 'xhr-streaming' || channel === 'long-polling'
      const errors = await page.evaluate(() =>
        heard.filter(({ type }) => type === 'error').map(({ kind }) => kind),
      )
      expect(new Set(errors)).toEqual(new Set(joined ? [] : ['ended']))
    })

    // The browser's own EventSource does not show how a response ends.
    if (channel === 'eventsource') return
    test('ends for good when the channel is deleted, if that is wanted', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await place.publish('a', 'one')
      await openForeign(page, place.line(channel, { endsWhenGone: true }))
      await waitForCount(page, 1)
      // Between two polls nobody is there to be told.
      await expect.poll(() => place.listening('a')).toBe(1)
      await place.remove('a')
      await page.waitFor(() => line.readyState === 2)
      expect(await page.evaluate(() => heard.map(({ type }) => type))).toEqual([
        'open',
        'message',
        'error',
        'close',
      ])
      expect(await page.evaluate(() => heard.at(-2)?.message)).toMatch(/410( Gone\)?)?; giving up$/)
    })
  })
}

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  for (const channel of channels) {
    test(`goes on over ${channel} where the line was cut, again and again`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const proxy = await startTcpProxy(Number(new URL(place.site).port))
      const flow = place.flow()
      await openForeign(page, { ...place.line(channel), site: `http://127.0.0.1:${proxy.port}` })
      for (const how of ['rst', 'fin', 'rst'] as const) {
        const count = await page.evaluate(() => messages().length)
        await waitForCount(page, count + 20)
        proxy.cut(how)
      }
      await flow.stop()
      await expectExact(page, flow.published)
      await proxy.close()
    })

    for (const end of ['close', 'kill'] as const)
      test(`goes on over ${channel} at a second nginx when the first is ${end === 'kill' ? 'killed' : 'stopped'}`, async ({
        openPage,
      }) => {
        await using place = await openPlace(2)
        const [first, second] = place.servers as [NchanServer, NchanServer]
        await using front = await startFront(first.url)
        const page = await openPage()
        const flow = place.flow()
        await openForeign(page, { ...place.line(channel), site: front.url })
        await waitForCount(page, 20)
        front.lead(second.url)
        await first[end]()
        const count = await page.evaluate(() => messages().length)
        await waitForCount(page, count + 20)
        await flow.stop()
        await expectExact(page, flow.published)
      })
  }

  test('moves up to WebSocket beside a flow of messages and hears each once', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    const flow = place.flow()
    await openForeign(page, { ...place.line(['websocket', 'long-polling']), withoutWebSocket: true })
    expect(await page.evaluate(() => line.transport)).toBe('long-polling')
    await page.evaluate(() => {
      Object.assign(globalThis, { withoutWebSocket: false })
      dispatchEvent(new Event('online'))
    })
    await page.waitFor(() => line.transport === 'websocket')
    const count = await page.evaluate(() => messages().length)
    await waitForCount(page, count + 20)
    await flow.stop()
    await expectExact(page, flow.published)
  })

  for (const [name, path] of [
    ['multipart', 'transports/multipart'],
    ['fetchStreaming', 'transports/fetch-streaming'],
  ] as const) {
    test(`goes on over ${name}, which a page imports, through timeouts and cuts`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const proxy = await startTcpProxy(Number(new URL(place.site).port))
      const flow = place.flow()
      const where = place.line([], { publish: '/pub/a' }, '/hurried/a')
      await openForeign(page, { ...where, site: `http://127.0.0.1:${proxy.port}`, imports: { [name]: path } })
      // More than a second, after which Nchan ends it.
      await waitForCount(page, 120)
      await page.evaluate(() => line.send('sent'))
      proxy.cut('rst')
      const count = await page.evaluate(() => messages().length)
      await waitForCount(page, count + 20)
      await flow.stop()
      const last = { data: 'last', id: await place.publish('a', 'last') }
      await page.waitFor(id => messages().some(message => message.id === id), last.id)
      const texts = (await heardMessages(page)).map(({ data }) => data)
      expect(texts.filter(text => text !== 'sent')).toEqual([
        ...flow.published.map(({ data }) => data),
        'last',
      ])
      expect(texts.filter(text => text === 'sent')).toHaveLength(1)
      await proxy.close()
    })
  }

  test('begins on WebSocket when it may choose', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await openForeign(page, { ...place.line(), slow: true })
    await place.publish('a', 'one')
    await waitForCount(page, 1)
    expect(await page.evaluate(() => line.transport)).toBe('websocket')
  })

  test('carries bytes over WebSocket, both ways', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await openForeign(page, place.line('websocket'))
    await page.evaluate(() => line.send(Uint8Array.of(255, 0, 13, 10, 1)))
    await page.evaluate(() => line.send('text'))
    await waitForCount(page, 2)
    const [bytes, text] = await page.evaluate(() =>
      messages().map(({ data }) => (typeof data === 'string' ? data : [...new Uint8Array(data)])),
    )
    expect(bytes).toEqual([255, 0, 13, 10, 1])
    expect(text).toBe('text')
  })

  test('publishes where it listens if nothing else is said', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await openForeign(page, place.line('websocket', {}, '/pubsub/a'))
    await page.evaluate(() => line.send('hello'))
    await waitForCount(page, 1)
    expect((await heardMessages(page)).map(({ data }) => data)).toEqual(['hello'])
  })

  test('hears only what is new where the location says so', async ({ openPage }) => {
    await using place = await openPlace()
    const page = await openPage()
    await place.publish('a', 'old')
    await openForeign(page, place.line('websocket', {}, '/newest/a'))
    await place.publish('a', 'new')
    await waitForCount(page, 1)
    expect((await heardMessages(page)).map(({ data }) => data)).toEqual(['new'])
  })

  for (const imports of [{}, { polling: 'transports/polling' }])
    test(`polls at intervals where Nchan answers at once, with the transport ${Object.keys(imports)[0] ?? 'long-polling'}`, async ({
      openPage,
    }) => {
      await using place = await openPlace()
      const page = await openPage()
      await openForeign(page, { ...place.line('long-polling', { interval: 50 }, '/interval/a'), imports })
      const published: Published[] = []
      for (const data of ['one', 'two', 'three']) {
        published.push({ id: await place.publish('a', data), data })
        await waitForCount(page, published.length)
      }
      await expectExact(page, published)
      expect(await page.evaluate(() => heard.filter(({ type }) => type === 'error'))).toEqual([])
    })

  for (const channel of channels) {
    test(`hears several channels over ${channel}, each message once`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const proxy = await startTcpProxy(Number(new URL(place.site).port))
      const published: string[] = []
      const publish = async (channel: string) => {
        published.push(`${channel} ${published.length}`)
        await place.publish(channel, published.at(-1) as string)
      }
      // What is published while such a line comes back Nchan may lose: docs/servers/nchan.md.
      const listens = async (count: number) => {
        for (const channel of ['a', 'b']) await expect.poll(() => place.listening(channel)).toBe(count)
      }
      await publish('a')
      await publish('b')
      const where = place.line(channel, { multiplexed: true }, '/both/a/b')
      await openForeign(page, { ...where, site: `http://127.0.0.1:${proxy.port}` })
      for (let round = 0; round < 3; round++) {
        for (const channel of ['b', 'a', 'a']) {
          await waitForCount(page, published.length)
          await listens(1)
          await publish(channel)
        }
        await waitForCount(page, published.length)
        await proxy.refuse(true)
        proxy.cut('rst')
        await listens(0)
        // It goes on with an id that tells two positions.
        await proxy.refuse(false)
      }
      // Messages of the same second come one channel after the other.
      const heardOf = (await heardMessages(page)).map(({ data }) => data)
      for (const channel of ['a', 'b']) {
        const ofIt = (text: string) => text.startsWith(channel)
        expect(heardOf.filter(ofIt)).toEqual(published.filter(ofIt))
      }
      expect(heardOf).toHaveLength(published.length)
      await proxy.close()
    })
  }

  test('is not refused for good by 403 over WebSocket, since a browser does not tell it', async ({
    openPage,
  }) => {
    await using place = await openPlace()
    const page = await openPage()
    await beginForeign(page, place.line('websocket', {}, '/closed'))
    await page.waitFor(() => heard.length >= 2)
    expect(await page.evaluate(() => line.readyState)).toBe(0)
    expect(await page.evaluate(() => [...new Set(heard.map(({ type }) => type))])).toEqual(['error'])
  })

  for (const channel of channels.filter(channel => channel !== 'websocket')) {
    test(`is refused for good over ${channel} with status 403`, async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await beginForeign(page, place.line(channel, {}, '/closed'))
      await page.waitFor(() => line.readyState === 2)
      expect(await page.evaluate(() => heard.map(({ type }) => type))).toEqual(['error', 'close'])
    })
  }
})

async function openPlace(count = 1) {
  const reason = missingNchan(count)
  test.skip(reason !== undefined, reason)
  const nchan = await startNchan(count)
  const site = (nchan.servers[0] as NchanServer).url
  return {
    ...nchan,
    site,
    answered: (path: string) => (nchan.servers[0] as NchanServer).answered(path),
    line(transports?: Channel | readonly Channel[], given: object = { publish: '/pub/a' }, url = '/sub/a') {
      const options = { retry: 100, ...(transports && { transports: [transports].flat() }) }
      return { site, url, dialect: 'nchan', given, options }
    },
    /** Publishes one message after the other until it is told to stop. */
    flow() {
      const published: Published[] = []
      let going = true
      const flowing = (async () => {
        while (going) {
          const data = `message ${published.length + 1}`
          published.push({ id: await nchan.publish('a', data), data })
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
    },
  }
}

/** A load balancer that knows one server at a time. */
async function startFront(url: string) {
  let target = Number(new URL(url).port)
  const server = createServer(client => {
    const upstream = createConnection(target, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    lead(to: string) {
      target = Number(new URL(to).port)
    },
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

function waitForCount(page: TestPage, count: number): Promise<unknown> {
  return page.waitFor(wanted => messages().length >= wanted, count)
}

async function heardMessages(page: TestPage): Promise<Message[]> {
  return page.evaluate(() => messages().map(({ id, data }) => ({ id, data })))
}

async function expectExact(page: TestPage, published: readonly Published[]): Promise<void> {
  await page.waitFor(id => messages().some(message => message.id === id), published.at(-1)?.id ?? '')
  const all = await page.evaluate(() => heard)
  expect(mistakes(published, all as readonly Heard[], undefined)).toEqual([])
  expect(all.filter(({ type }) => type === 'message').length).toBe(published.length)
}
