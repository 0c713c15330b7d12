/** `EventSource` and `WebSocket` in place of the browser's, from the file for script tags, with servers that people run: Nchan, Mercure, PHP. SockJS has a file of its own. */
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { startMercure } from '../servers/mercure-hub.ts'
import { missingNchan, type NchanPlace, type NchanServer, startNchan } from '../servers/nchan.ts'
import { missingPhp, startPhp } from '../servers/php.ts'

declare const ThroughlineDropIn: { EventSource: typeof EventSource; WebSocket: typeof WebSocket }
/** What was heard, with its id. */
declare const heard: string[]
/** How often it was interrupted. */
declare const breaks: unknown[]

const hangul = '안녕 👋'

for (const kind of ['EventSource', 'WebSocket'] as const) {
  test(`Nchan: ${kind} hears, and comes back after a cut${kind === 'EventSource' ? ' behind the last id' : ''}`, async ({
    openPage,
  }) => {
    await using place = await openNchan()
    const page = await open(
      await openPage(),
      place.url,
      kind,
      kind === 'EventSource' ? '/sub/a' : '/newest/a',
    )
    await place.waitForListeners(1)
    await place.publish('a', 'one')
    await place.publish('a', hangul)
    await page.waitFor(() => heard.length === 2)
    place.cut()
    await page.waitFor(() => breaks.length > 0)
    // Nchan itself loses what is published just as somebody comes back.
    await place.waitForListeners(0)
    if (kind === 'EventSource') await place.publish('a', 'meanwhile')
    await place.waitForListeners(1)
    await place.publish('a', 'after')
    await page.waitFor(() => heard.at(-1) === 'after')
    expect(await page.evaluate(() => heard)).toEqual([
      'one',
      hangul,
      ...(kind === 'EventSource' ? ['meanwhile'] : []),
      'after',
    ])
  })
}

test('Mercure: EventSource hears what is private by a header, and each update once over two cuts', async ({
  openPage,
}) => {
  await using hub = await startMercure()
  const headers = { Authorization: `Bearer ${hub.token({ subscribe: ['a'] })}` }
  const page = await open(await openPage(), hub.site.url, 'EventSource', `${hub.path}?topic=a`, { headers })
  await expect.poll(() => hub.asked.length).toBe(1)
  const texts: string[] = []
  const publish = () => {
    texts.push(`update ${texts.length + 1}`)
    hub.publish({ topic: 'a', data: texts.at(-1) as string, private: true })
  }
  for (const how of ['cut', 'end'] as const) {
    publish()
    await page.waitFor(count => heard.length === count, texts.length)
    hub.endAll(how)
    publish()
    await page.waitFor(count => heard.length === count, texts.length)
  }
  expect(await page.evaluate(() => heard)).toEqual(texts)
})

test('PHP: EventSource comes again to a script that prints what waits and ends', async ({ openPage }) => {
  const reason = missingPhp()
  test.skip(reason !== undefined, reason)
  const { url, close } = await startPhp()
  await using _ = { [Symbol.asyncDispose]: close }
  const put = (text: string) =>
    fetch(`${url}/messages.php`, { method: 'POST', body: JSON.stringify({ to: 'bob', text }) })
  await put('one')
  const page = await open(await openPage(), url, 'EventSource', '/status.php?me=bob')
  await page.waitFor(() => heard.length === 1)
  await page.waitFor(() => breaks.length >= 2)
  await put(hangul)
  await put('three')
  await page.waitFor(() => heard.length === 3)
  const texts = await page.evaluate(() => heard.map(text => (JSON.parse(text) as { text: string }).text))
  expect(texts).toEqual(['one', hangul, 'three'])
})

/** Loads the file for script tags, installs the class as the global, and opens one. */
async function open(
  page: TestPage,
  site: string,
  kind: 'EventSource' | 'WebSocket',
  path: string,
  options: object = {},
): Promise<TestPage> {
  await page.goto(`${site}/pages/line.html`)
  await page.evaluate(
    async ({ kind, path, options }) => {
      await new Promise(resolve => {
        const script = document.createElement('script')
        script.src = '/dist/throughline-drop-in.min.js'
        script.onload = resolve
        document.head.append(script)
      })
      globalThis.EventSource = ThroughlineDropIn.EventSource
      globalThis.WebSocket = ThroughlineDropIn.WebSocket
      Object.assign(window, { heard: [], breaks: [] })
      const source = kind === 'EventSource' ? new EventSource(path, options) : new WebSocket(path)
      source.onmessage = ({ data }: MessageEvent) => void heard.push(data)
      source.onerror = () => void breaks.push(0)
      if ('onclose' in source) source.onclose = () => void breaks.push(0)
      Object.assign(window, { source })
    },
    { kind, path, options },
  )
  return page
}

/** Nchan behind a network that can be cut. */
async function openNchan(): Promise<
  Pick<NchanPlace, 'publish'> &
    AsyncDisposable & { url: string; cut(): void; waitForListeners(count: number): Promise<void> }
> {
  const reason = missingNchan()
  test.skip(reason !== undefined, reason)
  const nchan = await startNchan()
  const network = await startTcpProxy(Number(new URL((nchan.servers[0] as NchanServer).url).port))
  return {
    url: `http://127.0.0.1:${network.port}`,
    publish: nchan.publish,
    cut: () => network.cut('rst'),
    waitForListeners: count => expect.poll(() => nchan.listening('a')).toBe(count),
    async [Symbol.asyncDispose]() {
      await network.close()
      await nchan[Symbol.asyncDispose]()
    },
  }
}
