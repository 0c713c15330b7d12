/** `throughline/stream` in real browsers, read by fetch and by XMLHttpRequest. */
import { answer, chunk, head, last, type RawServer, rawServer } from '../test/stream/server.ts'
import { startSite } from './fixtures/site.ts'
import { expect, type TestPage, test } from './fixtures/test.ts'

type Reading = 'fetch' | 'xhr'

const words = ['안녕', ' 하세요', ' 👩‍👩‍👧‍👦', ' done']
const whole = words.join('')
const blocks = (from: number) =>
  words
    .map((data, index) => `id: ${index + 1}\ndata: ${data}\n\n`)
    .slice(from)
    .join('')
const bytes = Buffer.from(`${head}${chunk(`retry: 1\n${blocks(0)}`)}${last}`)
const bare = Buffer.from(`${head}${chunk(words.map(data => `data: ${data}\n\n`).join(''))}${last}`)

/** What became of one answer, in the page. */
interface Outcome {
  readonly kind: string
  readonly text: string
}

for (const reading of ['fetch', 'xhr'] as const) {
  test.describe(`read by ${reading}`, () => {
    test('an answer that breaks off at whichever byte is whole, or says what came, and is asked for once', async ({
      openPage,
      browserName,
    }) => {
      await using place = await startPlace(openPage, reading)
      const stride = browserName === 'chromium' ? 1 : 7
      const offsets = Array.from({ length: Math.ceil(bytes.length / stride) }, (_, index) => index * stride)
      const outcomes = await place.page.evaluate(
        async ({ url, offsets }) => {
          const { stream } = globalThis as never as { stream: (url: string, options: object) => PageAnswer }
          const outcomeOf = (answer: PageAnswer): Promise<Outcome> =>
            answer.text().then(
              text => ({ kind: 'whole', text }),
              ({ kind, text }) => ({ kind, text }),
            )
          const all: Outcome[][] = []
          let next = 0
          const some = async () => {
            while (next < offsets.length) {
              const index = next++
              const offset = offsets[index] as number
              const ids = stream(`${url}/ids/${offset}`, { body: 'x', resume: `${url}/on` })
              const none = stream(`${url}/none/${offset}`, { body: 'x' })
              all[index] = [await outcomeOf(ids), await outcomeOf(none)]
            }
          }
          await Promise.all(Array.from({ length: 6 }, some))
          return all
          interface PageAnswer {
            text(): Promise<string>
          }
        },
        { url: place.server.url, offsets },
      )
      for (const [index, offset] of offsets.entries()) {
        const [ids, none] = outcomes[index] as [Outcome, Outcome]
        // What came just before a cut a browser may keep to itself.
        const begun = ids.kind === 'whole'
        expect([offset, ids]).toEqual([
          offset,
          begun ? { kind: 'whole', text: whole } : { kind: 'IN_DOUBT', text: '' },
        ])
        expect(whole.startsWith(none.text), `${offset}: ${none.text}`).toBe(true)
        expect([offset, none.kind]).toEqual([
          offset,
          offset >= bare.length ? 'whole' : none.text === '' ? 'IN_DOUBT' : 'cut',
        ])
      }
      // What more the server may count the browser has sent again by itself; they have the same key.
      expect(await place.page.evaluate(() => (globalThis as never as { posts: number }).posts)).toBe(
        2 * offsets.length,
      )
      expect(place.server.came.filter(({ method }) => method === 'GET').length).toBeGreaterThan(0)
    })

    test('characters that are torn between pieces are whole', async ({ openPage }) => {
      await using place = await startPlace(openPage, reading)
      const text = await place.page.evaluate(
        ({ url }) =>
          (globalThis as never as { stream: (url: string, options: object) => { text(): Promise<string> } })
            .stream(`${url}/torn`, { body: 'x' })
            .text(),
        { url: place.server.url },
      )
      expect(text).toBe(whole)
    })

    test('a refusal is told with its status, a header and its body', async ({ openPage }) => {
      await using place = await startPlace(openPage, reading)
      const told = await place.page.evaluate(
        ({ url }) => {
          const { stream } = globalThis as never as { stream: (url: string, options: object) => PageAnswer }
          const answer = stream(`${url}/refused`, { body: 'x' })
          return answer.done.catch(({ name, kind, status, body }) => ({
            name,
            kind,
            status,
            body,
            type: answer.header('content-type'),
          }))
          interface PageAnswer {
            done: Promise<void>
            header(name: string): string | null
          }
        },
        { url: place.server.url },
      )
      expect(told).toEqual({
        name: 'StreamError',
        kind: 'status',
        status: 400,
        body: '{"why":"틀림"}',
        type: 'application/json',
      })
    })

    test('each piece is there when it comes, also in a tab that is hidden, and the time of the first is told', async ({
      openPage,
    }) => {
      await using place = await startPlace(openPage, reading)
      await place.page.evaluate(
        ({ url }) => {
          const page = globalThis as never as {
            stream: (url: string, options: object) => EventTarget & { timing: object }
            pieces: string[]
            answer: { timing: object }
          }
          page.pieces = []
          Object.defineProperty(document, 'visibilityState', { value: 'hidden' })
          document.dispatchEvent(new Event('visibilitychange'))
          const answer = page.stream(`${url}/slow`, { body: 'x' })
          page.answer = answer
          answer.addEventListener('message', event => page.pieces.push((event as MessageEvent).data))
        },
        { url: place.server.url },
      )
      for (const count of [1, 2, 3]) {
        await place.page.waitFor(
          count => (globalThis as never as { pieces: string[] }).pieces.length === count,
          count,
        )
        place.more()
      }
      const timing = await place.page.evaluate(
        () =>
          (globalThis as never as { answer: { timing: { head: number; firstByte: number } } }).answer.timing,
      )
      expect(timing.firstByte).toBeGreaterThanOrEqual(timing.head)
      expect(place.server.came.filter(({ method }) => method === 'POST').length).toBe(1)
    })
  })
}

test('what a browser sends again by itself, over a connection that was used before, has the same key', async ({
  openPage,
}) => {
  const site = await startSite()
  const keys: (string | undefined)[] = []
  site.route('/ask', (request, _response) => {
    keys.push(request.headers['idempotency-key'] as string | undefined)
    request.socket.resetAndDestroy()
  })
  const page = await openPage()
  await page.goto(`${site.url}/pages/line.html`)
  const kind = await page.evaluate(async () => {
    const { stream } = await import('/dist/stream.js' as string)
    await (await fetch('/pages/line.html')).text()
    return stream('/ask', { body: { question: 1 } }).done.catch(({ kind }: { kind: string }) => kind)
  })
  expect(kind).toBe('IN_DOUBT')
  expect(keys.length).toBeGreaterThan(0)
  expect(keys[0]).toMatch(/^"[\d-]+"$/)
  expect(new Set(keys).size).toBe(1)
  await site.close()
})

/** A page with `stream`, and a server that does by its paths what a test wants. */
async function startPlace(openPage: () => Promise<TestPage>, reading: Reading) {
  const site = await startSite()
  let more = () => {}
  const server: RawServer = await rawServer(({ method, path, headers }, socket) => {
    const [, kind, offset] = path.split('/')
    // No connection is used twice: what browsers do then is another test.
    if (method === 'OPTIONS') return socket.end(answer(200, ''))
    if (kind === 'ids' || kind === 'none')
      return socket.write((kind === 'ids' ? bytes : bare).subarray(0, Number(offset)), () =>
        setTimeout(() => socket.destroy(), 20),
      )
    if (kind === 'on') return socket.end(`${head}${chunk(blocks(Number(headers['last-event-id'])))}${last}`)
    if (kind === 'refused')
      return socket.end(answer(400, '{"why":"틀림"}', { 'Content-Type': 'application/json' }))
    socket.write(head)
    if (kind === 'slow') {
      more = () => socket.write(chunk('data: piece\n\n'))
      return more()
    }
    const pieces = [...Buffer.from(blocks(0))]
    const next = () => {
      const byte = pieces.shift()
      if (byte === undefined) return socket.end(last)
      socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]), () =>
        setTimeout(next),
      )
    }
    return next()
  })
  const page = await openPage()
  await page.goto(`${site.url}/pages/line.html`)
  await page.evaluate(async reading => {
    const page = globalThis as never as { posts: number; fetch: typeof fetch | undefined }
    const { fetch: real } = globalThis
    const { open } = XMLHttpRequest.prototype
    page.posts = 0
    page.fetch = (url, init) => {
      if (init?.method === 'POST') page.posts++
      return real(url, init)
    }
    XMLHttpRequest.prototype.open = function (this: XMLHttpRequest, ...given: [string, string]) {
      if (given[0] === 'POST') page.posts++
      open.apply(this, given as never)
    }
    if (reading === 'xhr') page.fetch = undefined
    Object.assign(globalThis, { stream: (await import('/dist/stream.js' as string)).stream })
  }, reading)
  return {
    page,
    server,
    more: () => more(),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await site.close()
    },
  }
}
