/** The sockjs dialect with the npm package sockjs. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { beginForeign, openForeign } from './foreign-line.ts'
import { prefix, type SockJSPlace, startSockJs } from './sockjs.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const line: {
  readonly transport: string | null
  readonly readyState: number
  send(data: unknown): Promise<void>
  close(): void
}
declare const heard: { type: string; kind: string; message: string; reason: string; resumed: boolean }[]
declare const messages: () => { data: string }[]

const channels = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
type Channel = (typeof channels)[number]

for (const channel of channels) {
  test.describe(`over ${channel}`, () => {
    test('carries texts of all kinds both ways', async ({ openPage }) => {
      await using place = await startSockJs({}, true)
      const page = await openPage()
      await openForeign(page, lineTo(place, channel))
      const texts = ['one', '안녕 👋', 'two\r\nlines', '"quoted" %41 100%', '', '\u2028\0<', 'a["h"]']
      await page.evaluate(async all => {
        for (const text of all) await line.send(text)
      }, texts)
      await waitForCount(page, texts.length)
      expect(place.heard).toEqual(texts)
      expect(await heardTexts(page)).toEqual(texts)
      expect(await page.evaluate(() => line.transport)).toBe(channel)
      expect(place.sessions).toBe(1)
    })

    test('hears each message once while responses reach their limit and heartbeats come', async ({
      openPage,
    }) => {
      await using place = await startSockJs({ response_limit: 4_096, heartbeat_delay: 50 })
      const page = await openPage()
      await openForeign(page, lineTo(place, channel))
      const published = await publishSome(place, 200)
      await waitForCount(page, published.length)
      expect(await heardTexts(page)).toEqual(published)
      // It is the same session all the time, and the page hears of no interruption.
      expect(place.sessions).toBe(1)
      expect(await page.evaluate(() => heard.filter(({ type }) => type !== 'message').length)).toBe(1)
      const receivers = place.paths.filter(path => !path.endsWith('_send'))
      expect(new Set(receivers).size).toBe(1)
      if (channel !== 'websocket') expect(receivers.length).toBeGreaterThan(2)
    })
  })
}

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  for (const channel of channels) {
    test(`comes back over ${channel} in a new session when the line was cut`, async ({ openPage }) => {
      await using place = await startSockJs()
      const proxy = await startTcpProxy(place.site.port)
      const page = await openPage()
      await openForeign(page, { ...lineTo(place, channel), site: `http://127.0.0.1:${proxy.port}` })
      place.publish('before')
      await waitForCount(page, 1)
      // Between two polls there would be nothing to cut, and the session would go on.
      await expect.poll(() => place.held).toBe(1)
      proxy.cut('rst')
      await page.waitFor(() => heard.filter(({ type }) => type === 'open').length === 2)
      await expect.poll(() => place.connections.length).toBeGreaterThan(0)
      place.publish('after')
      await waitForCount(page, 2)
      expect(await heardTexts(page)).toEqual(['before', 'after'])
      const opens = await page.evaluate(() => heard.filter(({ type }) => type === 'open'))
      expect(opens.map(({ resumed }) => resumed)).toEqual([false, false])
      await page.evaluate(() => line.send('up'))
      await expect.poll(() => place.heard).toEqual(['up'])
      await proxy.close()
    })

    test(`comes back over ${channel} when the server was restarted`, async ({ openPage }) => {
      await using place = await startSockJs()
      const page = await openPage()
      await openForeign(page, lineTo(place, channel))
      await place.restart()
      await page.waitFor(() => heard.filter(({ type }) => type === 'open').length === 2)
      await expect.poll(() => place.connections.length).toBeGreaterThan(0)
      place.publish('after')
      await waitForCount(page, 1)
    })

    test(`ends over ${channel} when the server closes for good, and says why`, async ({ openPage }) => {
      await using place = await startSockJs()
      const page = await openPage()
      await openForeign(page, lineTo(place, channel))
      place.publish('last words')
      place.connections[0]?.close(4_001, 'somebody else has your seat')
      await page.waitFor(() => line.readyState === 2)
      expect(await heardTexts(page)).toEqual(['last words'])
      const end = await page.evaluate(() => heard.slice(-2))
      expect(end.map(({ type }) => type)).toEqual(['error', 'close'])
      expect(end[1]?.reason).toContain('4001 somebody else has your seat')
    })

    test(`comes back over ${channel} when the server closes for now`, async ({ openPage }) => {
      await using place = await startSockJs()
      const page = await openPage()
      await openForeign(page, lineTo(place, channel))
      place.connections[0]?.close(1_012, 'a restart')
      await page.waitFor(() => heard.filter(({ type }) => type === 'open').length === 2)
      expect(await page.evaluate(() => heard.find(({ type }) => type === 'error')?.message)).toMatch(
        /1012 a restart; trying again/,
      )
    })

    test(`gives up over ${channel} when it is answered 403`, async ({ openPage }) => {
      await using place = await startSockJs()
      const page = await openPage()
      place.answer(/^\/sockjs\//, 403)
      await beginForeign(page, lineTo(place, channel))
      await page.waitFor(() => line.readyState === 2)
      expect(await page.evaluate(() => heard.map(({ type }) => type))).toEqual(['error', 'close'])
    })
  }

  for (const channel of ['eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const)
    test(`sends over ${channel} what met a session that is no more once there is a new one`, async ({
      openPage,
    }) => {
      await using place = await startSockJs()
      const page = await openPage()
      await openForeign(page, lineTo(place, channel))
      place.answer(/_send/)
      const sent = page.evaluate(() => line.send('not lost'))
      await page.waitFor(() => heard.some(({ type }) => type === 'error'))
      place.answer()
      await sent
      await expect.poll(() => place.heard).toEqual(['not lost'])
      expect(await page.evaluate(() => heard.find(({ type }) => type === 'error')?.message)).toMatch(
        /no longer knows this session/,
      )
    })

  test('sends from another origin over JSONP', async ({ openPage }) => {
    await using place = await startSockJs({}, true)
    const page = await openPage()
    const url = `http://localhost:${place.site.port}${prefix}`
    const near = lineTo(place, 'jsonp')
    await openForeign(page, { ...near, url, options: { ...near.options, jsonp: 'cross-origin' } })
    await page.evaluate(() => line.send('한글'))
    await waitForCount(page, 1)
    expect(place.heard).toEqual(['한글'])
  })

  test('begins on WebSocket when it may choose, and opens one session', async ({ openPage }) => {
    await using place = await startSockJs()
    const page = await openPage()
    await openForeign(page, { ...lineTo(place), slow: true })
    expect(await page.evaluate(() => line.transport)).toBe('websocket')
    await expect.poll(() => place.connections.length).toBe(1)
  })

  test('takes the next way where the server has WebSocket turned off', async ({ openPage }) => {
    await using place = await startSockJs({ websocket: false })
    const page = await openPage()
    await openForeign(page, { ...lineTo(place), slow: true })
    expect(await page.evaluate(() => line.transport)).toBe('eventsource')
  })

  test('closes the session when the page closes the line', async ({ openPage }) => {
    await using place = await startSockJs()
    const page = await openPage()
    await openForeign(page, lineTo(place))
    await expect.poll(() => place.connections.length).toBe(1)
    await page.evaluate(() => line.close())
    await expect.poll(() => place.connections.length).toBe(0)
  })

  test('refuses bytes, which SockJS cannot carry', async ({ openPage }) => {
    await using place = await startSockJs()
    const page = await openPage()
    await openForeign(page, lineTo(place))
    const refusal = await page.evaluate(() => line.send(new ArrayBuffer(2)).catch(error => error.message))
    expect(refusal).toMatch(/carries text only/)
  })

  test('a page of sockjs-client’s moves over by two lines', async ({ openPage }) => {
    await using place = await startSockJs({}, true)
    const { site } = place
    const client = createRequire(import.meta.url).resolve('sockjs-client/dist/sockjs.min.js')
    site.route('/sockjs.js', (_, response) => {
      response.setHeader('Content-Type', 'text/javascript')
      response.end(readFileSync(client))
    })
    const before = [`import '/sockjs.js'`, `const sock = new SockJS('${prefix}')`]
    const after = [
      `import { connect } from '/dist/index.js'; import { sockjs } from '/dist/dialects/sockjs.js'`,
      `const sock = connect('${prefix}', { dialect: sockjs() })`,
    ]
    const logs = []
    for (const twoLines of [before, after]) {
      site.route('/chat.html', (_, response) => {
        response.setHeader('Content-Type', 'text/html')
        response.end(chatPage(twoLines))
      })
      const page = await openPage()
      await page.goto(`${site.url}/chat.html`)
      await page.waitFor(() => (window as never as { log?: string[] }).log?.includes('closed'))
      logs.push(await page.evaluate(() => (window as never as { log: string[] }).log))
    }
    expect(logs[0]).toEqual(['open 1', 'message hello', 'message {"to":"ALL"}', 'closed'])
    expect(logs[1]).toEqual(logs[0])
  })
})

/** The script of a page that a SockJS tutorial could have. */
function chatPage([first, second]: string[]): string {
  return `<!doctype html><script type="module">
${first}
${second}
const log = window.log = []
sock.onopen = () => {
  log.push('open ' + sock.readyState)
  sock.send('hello')
  sock.send(JSON.stringify({ to: 'ALL' }))
}
sock.onmessage = event => {
  log.push(event.type + ' ' + event.data)
  if (log.length === 3) sock.close()
}
sock.onclose = () => log.push('closed')
</script>`
}

function lineTo({ site }: SockJSPlace, transport?: Channel) {
  const options = { retry: 100, ...(transport && { transports: [transport] }) }
  return { site: site.url, url: prefix, dialect: 'sockjs', options }
}

/** One after the other, some of them together. */
async function publishSome(place: SockJSPlace, count: number): Promise<string[]> {
  await expect.poll(() => place.connections.length).toBe(1)
  const published: string[] = []
  while (published.length < count) {
    const text = `${published.length} ${'x'.repeat(100)}`
    published.push(text)
    place.publish(text)
    if (published.length % 3 === 0) await new Promise(resolve => setTimeout(resolve, 5))
  }
  return published
}

function waitForCount(page: TestPage, count: number): Promise<unknown> {
  return page.waitFor(wanted => messages().length >= wanted, count)
}

function heardTexts(page: TestPage): Promise<string[]> {
  return page.evaluate(() => messages().map(({ data }) => data))
}
