/** A page with the SDK as it is, and the servers of examples/ in other languages. */
import {
  missingProgram,
  type ReferenceServer,
  startPhp,
  startPhpWorkers,
  startPython,
} from '../fixtures/reference-servers.ts'
import { type Site, startSite } from '../fixtures/site.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const begin: (url: string, options: object) => void
declare const line: {
  readonly lastEventId: string
  send(data: unknown): Promise<void>
  reconnect(): void
  close(): void
}
declare const heard: { type: string; transport?: string; resumed?: boolean; reason?: string }[]
declare const messages: () => { data: unknown; id: string }[]

interface Example {
  readonly name: string
  readonly missing: string | undefined
  readonly transports: readonly string[]
  start(origin: string): Promise<ReferenceServer>
}

const byRequest = ['eventsource', 'xhr-streaming', 'long-polling']
const examples: Example[] = [
  {
    name: 'Python',
    missing: missingProgram('python3'),
    transports: ['websocket', ...byRequest],
    start: startPython,
  },
  { name: 'PHP', missing: missingProgram('php'), transports: byRequest, start: startPhp },
]

for (const { name, missing, transports, start } of examples) {
  test.describe(name, () => {
    test.skip(missing !== undefined, missing)
    let site: Site
    let server: ReferenceServer

    test.beforeAll(async () => {
      site = await startSite()
      server = await start(site.url)
    })

    test.afterAll(async () => {
      await server?.close()
      await site?.close()
    })

    for (const transport of transports) {
      test(`a page hears and sends by ${transport}`, async ({ openPage }) => {
        const page = await openPage()
        await open(page, site, server, [transport], `by-${transport}`)
        const sent = ['hello', '안녕 👋', 'two\nlines', 'a\rb\0c', '']
        for (const text of sent) await page.evaluate(text => line.send(text), text)
        await page.evaluate(() => line.send({ value: [1, null] }))
        await expectHeard(page, [...sent, { value: [1, null] }])
        expect(await page.evaluate(() => heard.find(({ type }) => type === 'open')?.transport)).toBe(
          transport,
        )
        expect(await page.evaluate(() => heard.filter(({ type }) => type === 'gap'))).toEqual([])
      })

      test(`a page that was away goes on by ${transport}`, async ({ openPage }) => {
        const topic = `away-${transport}`
        const [page, other] = [await openPage(), await openPage()]
        await open(page, site, server, [transport], topic)
        await open(other, site, server, ['long-polling'], topic)
        await other.evaluate(() => line.send('one'))
        await expectHeard(page, ['one'])
        await page.evaluate(() => line.reconnect())
        await other.evaluate(() => Promise.all(['two', 'three'].map(text => line.send(text))))
        await expectHeard(page, ['one', 'two', 'three'])
        expect(await page.evaluate(() => heard.filter(({ type }) => type === 'gap'))).toEqual([])
      })
    }

    test('a page that says nothing of transports gets through', async ({ openPage }) => {
      const page = await openPage()
      await open(page, site, server, undefined, 'usual')
      await page.evaluate(() => line.send('hello'))
      await expectHeard(page, ['hello'])
    })
  })
}

test("PHP's own web server with its workers serves a page", async ({ openPage }) => {
  const missing = missingProgram('php')
  test.skip(missing !== undefined, missing)
  const site = await startSite()
  const server = await startPhpWorkers(site.url)
  const page = await openPage()
  await open(page, site, server, byRequest, 'workers')
  for (const text of ['one', 'two']) await page.evaluate(text => line.send(text), text)
  await expectHeard(page, ['one', 'two'])
  await server.close()
  await site.close()
})

async function open(
  page: TestPage,
  site: Site,
  server: ReferenceServer,
  transports: readonly string[] | undefined,
  topic: string,
): Promise<void> {
  await page.goto(`${site.url}/pages/line.html`)
  const url = `${server.url}?topic=${topic}`
  await page.evaluate(({ url, transports }) => begin(url, transports ? { transports } : {}), {
    url,
    transports,
  })
  await page.waitFor(() => heard.some(({ type }) => type === 'open'))
}

async function expectHeard(page: TestPage, data: readonly unknown[]): Promise<void> {
  await page.waitFor(count => messages().length >= count, data.length)
  expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(data)
}
