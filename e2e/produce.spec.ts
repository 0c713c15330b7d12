/** An answer that is produced in a topic of its own, read by pages over each transport. */
import { openLine, type Place, startPlace } from './fixtures/place.ts'
import { startTcpProxy } from './fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from './fixtures/test.ts'

declare const line: {
  readonly transport: string | null
  subscribe(topic: string, options: object): EventTarget
  send(data: unknown, options: object): Promise<unknown>
}

/** What the page has shown, over reloads. */
interface Shown {
  pieces: string[]
  ends: { pieces: number; cancelled?: string }[]
  told: string[]
}

const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
const topic = 'answer:1, 안녕'
const words = (count: number) => Array.from({ length: count }, (_, n) => `word ${n}, 안녕\n`)

/** Gives a word each few milliseconds, and waits before each of these until it is let go on. */
function speech(count: number, stops: readonly number[] = []) {
  const going: (() => void)[] = []
  const gates = new Map(stops.map(stop => [stop, new Promise<void>(resolve => going.push(resolve))]))
  return {
    goOn: () => going.shift()?.(),
    async *[Symbol.asyncIterator]() {
      for (const [n, word] of words(count).entries()) {
        await gates.get(n)
        await new Promise(resolve => setTimeout(resolve, 5))
        yield word
      }
    },
  }
}

/** Reads the answer as a page does that keeps what it has shown for its next life. */
function read(page: TestPage): Promise<void> {
  return page.evaluate(topic => {
    const shown: Shown = JSON.parse(
      sessionStorage.getItem('shown') ?? '{ "pieces": [], "ends": [], "told": [] }',
    )
    const keep = () => sessionStorage.setItem('shown', JSON.stringify(shown))
    const answer = line.subscribe(topic, { history: Number.POSITIVE_INFINITY })
    answer.addEventListener('message', event => {
      shown.pieces.push((event as MessageEvent).data)
      keep()
    })
    answer.addEventListener('end', event => {
      shown.ends.push((event as MessageEvent).data)
      keep()
    })
    answer.addEventListener('open', event => {
      if ((event as unknown as { trimmed: boolean }).trimmed) shown.told.push('trimmed')
    })
    answer.addEventListener('gap', () => shown.told.push('gap'))
    Object.assign(window, { shown })
  }, topic)
}

declare const shown: Shown

async function ended(page: TestPage): Promise<Shown> {
  await page.waitFor(() => shown.ends.length > 0)
  return page.evaluate(() => shown)
}

function has(page: TestPage, count: number): Promise<unknown> {
  return page.waitFor(count => shown.pieces.length >= count, count)
}

function produce({ hub }: Place, source: AsyncIterable<string>) {
  return hub.produce(topic, source)
}

for (const transport of transports) {
  test.describe(transport, () => {
    const options = { transports: [transport], resume: 'session' }

    test('a page shows an answer word by word, and goes on where it was after a reload', async ({
      openPage,
    }) => {
      await using place = await startPlace()
      const source = speech(60, [20, 40])
      const answer = produce(place, source)
      const page = await openLine(await openPage(), place.url, options)
      await read(page)
      await has(page, 20)
      expect(await page.evaluate(() => [shown.pieces.length, shown.ends.length])).toEqual([20, 0])
      await page.goto(`${place.url}/pages/blank.html`)
      source.goOn()
      await openLine(page, place.url, options)
      await read(page)
      await has(page, 40)
      source.goOn()
      expect(await ended(page)).toEqual({ pieces: words(60), ends: [{ pieces: 60 }], told: [] })
      expect(await answer.done).toEqual({ pieces: 60 })
      expect(await page.evaluate(() => line.transport)).toBe(transport)
    })

    test('goes on after each cut, and another page reads all of it from the beginning', async ({
      openPage,
    }) => {
      await using place = await startPlace({ retain: 10, retry: 50 })
      const proxy = await startTcpProxy(place.site.port)
      const source = speech(90, [30, 60])
      produce(place, source)
      const page = await openLine(await openPage(), `http://localhost:${proxy.port}`, {
        transports: [transport],
      })
      await read(page)
      for (const count of [30, 60]) {
        await has(page, count)
        source.goOn()
        proxy.cut('rst')
      }
      const whole = { pieces: words(90), ends: [{ pieces: 90 }], told: [] }
      expect(await ended(page)).toEqual(whole)
      const other = await openLine(await openPage(), place.url, { transports: [transport] })
      await read(other)
      expect(await ended(other)).toEqual(whole)
      await proxy.close()
    })

    test('is ended by a page that may, and not by one that leaves', async ({ openPage }) => {
      await using place = await startPlace()
      place.hub.on('message', ({ event, data }) => {
        if (event === 'cancel' && data === topic) place.hub.cancel(data, 'enough')
      })
      const answer = produce(place, speech(20, [10, 19]))
      const [first, second] = [await openPage(), await openPage()]
      for (const page of [first, second]) {
        await openLine(page, place.url, { transports: [transport] })
        await read(page)
        await has(page, 10)
      }
      await first.goto(`${place.url}/pages/blank.html`)
      expect(answer.signal.aborted).toBe(false)
      await second.evaluate(topic => line.send(topic, { event: 'cancel' }), topic)
      const end = { pieces: 10, cancelled: 'enough' }
      expect(await ended(second)).toEqual({ pieces: words(10), ends: [end], told: [] })
      expect(await answer.done).toEqual(end)
    })
  })
}
