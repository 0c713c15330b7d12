/** Topics that come and go on an open line, over each transport, in each engine. */
import { violations } from '../test/history.ts'
import { openLine, type Place, startPlace } from './fixtures/place.ts'
import { startTcpProxy } from './fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from './fixtures/test.ts'

interface Room {
  readonly sub: {
    readonly state: string
    readonly lastEventId: string
    readonly error?: { message: string; status?: number }
    readonly opened: Promise<void>
    close(): void
  }
  readonly heard: { type: string; id?: string; data?: string; to?: string }[]
  after?: string
}

declare let rooms: Record<string, Room>
declare const heard: unknown[]
declare const line: {
  readonly readyState: number
  readonly transport: string | null
  subscribe(topic: string, options?: object): Room['sub'] & EventTarget
  send(data: unknown): Promise<void>
  reconnect(): void
}

const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
const names = Array.from({ length: 10 }, (_, n) => `room ${n}, 안녕: 100%`)

/** Subscribes to these topics on the page's line, and writes down what each hears. */
function subscribe(page: TestPage, topics: readonly string[], options: object = {}): Promise<void> {
  return page.evaluate(
    ({ topics, options }) => {
      Object.assign(window, { rooms: (window as unknown as { rooms?: object }).rooms ?? {} })
      for (const topic of topics) {
        const room: Room = { sub: line.subscribe(topic, options), heard: [] }
        rooms[topic] = room
        const target = room.sub as unknown as EventTarget
        target.addEventListener('open', () => {
          room.after ??= room.sub.lastEventId
        })
        target.addEventListener('message', event => {
          const { lastEventId: id, data } = event as MessageEvent
          room.heard.push({ type: 'message', id, data })
        })
        target.addEventListener('gap', event =>
          room.heard.push({ type: 'gap', to: (event as unknown as { to: string }).to }),
        )
      }
    },
    { topics, options },
  )
}

function states(page: TestPage): Promise<string[]> {
  return page.evaluate(() => Object.values(rooms).map(({ sub }) => sub.state))
}

async function areSubscribed(page: TestPage): Promise<void> {
  await page.waitFor(() => Object.values(rooms).every(({ sub }) => sub.state !== 'subscribing'))
  expect(new Set(await states(page))).toEqual(new Set(['subscribed']))
}

/** What was published in each topic, and what is wrong with what the page has heard of it. */
function createBooks({ hub }: Place) {
  const books = new Map<string, { id: string; data: string }[]>(names.map(topic => [topic, []]))
  return {
    async publish(data: string, topics: readonly string[] = names): Promise<void> {
      for (const topic of topics) books.get(topic)?.push({ id: await hub.publish(topic, data), data })
    },
    /** Once the last message of each of these topics was heard. */
    async mistakes(page: TestPage, topics: readonly string[] = names): Promise<string[]> {
      const last = topics.map(topic => [topic, books.get(topic)?.at(-1)?.id] as const)
      await page.waitFor(
        last => last.every(([topic, id]) => rooms[topic]?.heard.some(each => each.id === id)),
        last,
      )
      const all = await page.evaluate(() =>
        Object.entries(rooms).map(([topic, { heard, after }]) => ({ topic, heard, after })),
      )
      return all
        .filter(({ topic }) => topics.includes(topic))
        .flatMap(({ topic, heard, after }) =>
          violations(books.get(topic) ?? [], heard, after).map(
            ({ kind, what }) => `${topic}: ${kind} ${what}`,
          ),
        )
    },
  }
}

for (const transport of transports) {
  test.describe(transport, () => {
    test('subscribes to ten topics, with their history, and leaves them', async ({ openPage }) => {
      await using place = await startPlace()
      const books = createBooks(place)
      for (const data of ['one', 'two', 'three']) await books.publish(data)
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      await subscribe(page, names, { history: 2 })
      await areSubscribed(page)
      await books.publish('four')
      expect(await books.mistakes(page)).toEqual([])
      const [first = '', ...others] = names
      expect(await page.evaluate(name => rooms[name]?.heard.map(({ data }) => data), first)).toEqual([
        'two',
        'three',
        'four',
      ])
      await page.evaluate(name => rooms[name]?.sub.close(), first)
      await page.evaluate(() => line.send('what went up before is read'))
      await books.publish('five')
      expect(await books.mistakes(page, others)).toEqual([])
      expect(await page.evaluate(name => rooms[name]?.heard.length, first)).toBe(3)
      expect(await page.evaluate(() => line.transport)).toBe(transport)
    })

    test('is told in words of a topic that is refused, and hears the others', async ({ openPage }) => {
      await using place = await startPlace({ authorize: () => ({ topics: ['lobby'] }) })
      place.hub.on('subscribe', ({ topic }) => {
        if (topic === 'paid') throw { status: 402, message: 'pay first: 안녕' }
      })
      const books = createBooks(place)
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      await subscribe(page, ['paid', ...names])
      await page.waitFor(() => Object.values(rooms).every(({ sub }) => sub.state !== 'subscribing'))
      expect(await states(page)).toEqual(['refused', ...names.map(() => 'subscribed')])
      const error = await page.evaluate(() => {
        const { message = '', status } = rooms.paid?.sub.error ?? {}
        return { message, status }
      })
      expect(error).toMatchObject({ status: 402, message: expect.stringContaining('pay first: 안녕') })
      await books.publish('one')
      expect(await books.mistakes(page)).toEqual([])
    })

    test('goes on in each topic when the server comes back', async ({ openPage }) => {
      await using place = await startPlace()
      const books = createBooks(place)
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      await subscribe(page, names)
      await areSubscribed(page)
      await books.publish('before')
      await page.waitFor(() => Object.values(rooms).every(({ heard }) => heard.length === 1))
      await place.site.close()
      await page.waitFor(() => line.readyState === 0)
      await books.publish('meanwhile')
      await place.restart()
      await books.publish('after')
      expect(await books.mistakes(page)).toEqual([])
      expect(new Set(await states(page))).toEqual(new Set(['subscribed']))
    })

    test('is cut in the middle of it all, and tells the topic that lost messages of its gap, and no other', async ({
      openPage,
    }) => {
      await using place = await startPlace({ retain: 6, retry: 50 })
      const proxy = await startTcpProxy(place.site.port)
      const books = createBooks(place)
      const page = await openLine(await openPage(), `http://localhost:${proxy.port}`, {
        transports: [transport],
      })
      await subscribe(page, names)
      await areSubscribed(page)
      await books.publish('before')
      expect(await books.mistakes(page)).toEqual([])
      const publishing = books.publish('while it is cut')
      proxy.cut('rst')
      await publishing
      await page.waitFor(() => Object.values(rooms).every(({ heard }) => heard.length >= 2))
      await place.site.close()
      await page.waitFor(() => line.readyState === 0)
      const [, , busy = ''] = names
      await books.publish('meanwhile')
      for (let n = 0; n < 8; n++) await books.publish(`too much: ${n}`, [busy])
      await place.restart()
      await page.evaluate(() => line.reconnect())
      await books.publish('after')
      expect(await books.mistakes(page)).toEqual([])
      const told = await page.evaluate(() =>
        Object.entries(rooms).map(([topic, { heard }]) => [
          topic,
          heard.filter(({ type }) => type === 'gap').length,
        ]),
      )
      expect(told).toEqual(names.map(topic => [topic, topic === busy ? 1 : 0]))
      await proxy.close()
    })

    test('goes on in each topic after a reload, with resume: "session"', async ({ openPage }) => {
      await using place = await startPlace()
      const books = createBooks(place)
      const page = await openPage()
      const options = { transports: [transport], resume: 'session' }
      await openLine(page, place.url, options)
      await subscribe(page, names)
      await areSubscribed(page)
      await books.publish('before')
      expect(await books.mistakes(page)).toEqual([])
      await page.goto(`${place.url}/pages/blank.html`)
      await books.publish('meanwhile')
      await openLine(page, place.url, options)
      await subscribe(page, names)
      await areSubscribed(page)
      await books.publish('after')
      await page.waitFor(() => Object.values(rooms).every(({ heard }) => heard.length >= 2))
      const all = await page.evaluate(() =>
        Object.values(rooms).map(({ heard }) => heard.map(({ data }) => data)),
      )
      expect(all).toEqual(names.map(() => ['meanwhile', 'after']))
    })
  })
}

for (const transport of ['websocket', 'eventsource', 'long-polling'] as const) {
  test(`10,000 topics on one line over ${transport}`, async ({ openPage, browserName }) => {
    test.skip(browserName !== 'chromium', 'the engines do not differ in this')
    await using place = await startPlace({ retry: 50 })
    // With the lobby it is what a line may hear (limits.topics).
    const many = Array.from({ length: 9_999 }, (_, n) => `company:${n}`)
    const page = await openLine(await openPage(), place.url, { transports: [transport] })
    const start = Date.now()
    await subscribe(page, many)
    await page.waitFor(() => Object.values(rooms).every(({ sub }) => sub.state === 'subscribed'))
    const subscribed = Date.now() - start
    const round = (data: string) => Promise.all(many.map(topic => place.hub.publish(topic, data)))
    await round('one')
    await page.waitFor(() => Object.values(rooms).every(({ heard }) => heard.length === 1))
    await place.site.close()
    await page.waitFor(() => line.readyState === 0)
    await round('two')
    await place.restart()
    await page.evaluate(() => line.reconnect())
    const back = Date.now()
    await page.waitFor(() => Object.values(rooms).every(({ heard }) => heard.length === 2))
    const resumed = Date.now() - back
    await round('three')
    await page.waitFor(() => Object.values(rooms).every(({ heard }) => heard.length >= 3))
    const heard = await page.evaluate(() =>
      Object.values(rooms).map(({ heard }) => heard.map(({ type, data }) => data ?? type).join()),
    )
    expect(heard).toHaveLength(many.length)
    expect(new Set(heard)).toEqual(new Set(['one,two,three']))
    expect(await page.evaluate(() => line.transport)).toBe(transport)
    expect(new Set(await states(page))).toEqual(new Set(['subscribed']))
    console.log(
      `10,000 topics over ${transport}: subscribed after ${subscribed} ms, resumed after ${resumed} ms`,
    )
  })
}
