import { beginLine, openLine, startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

declare const begin: (url: string, options?: object) => void
declare const Throughline: { connect(url: string, options: object): typeof line }
declare const messages: () => { name: string; data: string; id: string }[]
declare const heard: { type: string; kind?: string; message?: string; status?: number; retryIn?: number }[]
declare const line: EventTarget & {
  readonly readyState: number
  readonly transport: string | null
  send(data: unknown): Promise<void>
  close(): void
}

test('asks for a fresh token once when the server no longer takes the old one', async ({ openPage }) => {
  const seen: (string | undefined)[] = []
  await using place = await startPlace({
    authorize({ token }) {
      seen.push(token)
      if (token !== 'second') throw { status: 401 }
      return ['lobby']
    },
  })
  const page = await openPage()
  await page.goto(`${place.url}/pages/line.html`)
  await page.evaluate(() => {
    const tokens = ['first', 'second']
    begin('/live', { transports: ['xhr-streaming'], token: async () => tokens.shift() ?? 'third' })
  })
  await page.waitFor(() => line.readyState === 1)
  expect(seen.slice(0, 2)).toEqual(['first', 'second'])
})

test('gives up when a fresh token is not taken either, and says why', async ({ openPage }) => {
  await using place = await startPlace({
    authorize() {
      throw { status: 401 }
    },
  })
  const page = await openPage()
  await page.goto(`${place.url}/pages/line.html`)
  await page.evaluate(() => begin('/live', { token: () => 'never' }))
  await page.waitFor(() => line.readyState === 2)
  expect(await page.evaluate(() => heard.filter(({ type }) => type === 'error').at(-1)?.message)).toContain(
    '401',
  )
})

test('has a token over WebSocket, and leaves it nowhere: no address, entry, report or storage', async ({
  openPage,
}) => {
  const seen: { token: string | undefined; address: string }[] = []
  await using place = await startPlace({
    authorize({ token, url }) {
      seen.push({ token, address: url.href })
      return ['lobby']
    },
  })
  const page = await openPage()
  await page.goto(`${place.url}/pages/line.html`)
  await page.evaluate(() => begin('/live', { transports: ['websocket'], token: () => 'hunter2/ü+' }))
  await page.waitFor(() => line.readyState === 1)
  const left = await page.evaluate(() =>
    JSON.stringify([
      performance.getEntries(),
      (line as unknown as { report(): unknown }).report(),
      { ...localStorage, ...sessionStorage },
      heard,
    ]),
  )
  expect(seen[0]?.token).toBe('hunter2/ü+')
  const encoded = Buffer.from('hunter2/ü+').toString('base64url')
  for (const text of [left, seen[0]?.address])
    for (const form of ['hunter2', encoded]) expect(text).not.toContain(form)
})

for (const transport of ['websocket', 'eventsource'])
  test(`finds out what ${transport} hides: a 403 is final`, async ({ openPage }) => {
    await using place = await startPlace({ authorize: () => null })
    const page = await beginLine(await openPage(), place.url, { transports: [transport] })
    await page.waitFor(() => line.readyState === 2)
    const [error, close] = await page.evaluate(() => heard)
    expect(error).toMatchObject({ type: 'error', kind: 'status' })
    expect(error?.message).toContain('403')
    expect(error?.retryIn).toBeUndefined()
    expect(close?.type).toBe('close')
  })

test('continues after a reload where the page before it stopped', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openLine(await openPage(), place.url, { resume: 'session' })
  await place.hub.publish('lobby', 'before')
  await page.waitFor(() => messages().length === 1)
  await page.goto(`${place.url}/pages/blank.html`)
  await place.hub.publish('lobby', 'while it was away')
  await openLine(page, place.url, { resume: 'session' })
  await page.waitFor(() => messages().length === 1)
  expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(['while it was away'])
})

for (const transport of ['websocket', 'xhr-streaming'])
  test(`sends what is left as the page goes, over ${transport}`, async ({ openPage }) => {
    await using place = await startPlace()
    const taken: unknown[] = []
    place.hub.on('message', ({ data }) => void taken.push(data))
    const page = await openLine(await openPage(), place.url, { transports: [transport] })
    await page.evaluate(() => {
      addEventListener(
        'pagehide',
        () => {
          for (let number = 1; number <= 20; number++) line.send(`${number}`).catch(() => {})
        },
        { capture: true, once: true },
      )
    })
    await page.goto(`${place.url}/pages/blank.html`)
    await expect.poll(() => taken).toEqual(Array.from({ length: 20 }, (_, index) => `${index + 1}`))
  })

test('a page that comes back from the back/forward cache goes on where it was', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openLine(await openPage(), place.url)
  await place.hub.publish('lobby', 'one')
  await page.waitFor(() => messages().length === 1)
  await page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
  })
  await expect.poll(() => Object.values(place.hub.stats().lines).reduce((sum, count) => sum + count)).toBe(0)
  await place.hub.publish('lobby', 'two')
  await page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
  })
  await page.waitFor(() => messages().length === 2)
  expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(['one', 'two'])
})

// Firefox ends the requests of a page as a navigation begins, EventSource and XMLHttpRequest without any event.
for (const dialect of ['native', 'plain'])
  for (const transport of ['websocket', 'eventsource', 'xhr-streaming', 'long-polling']) {
    test(`a navigation that the page survives leaves it a line that hears: ${dialect} over ${transport}`, async ({
      browserName,
      openPage,
    }) => {
      test.skip(
        browserName === 'webkit' && dialect === 'plain' && transport === 'eventsource',
        'WebKit ends an EventSource then and shows no sign of it: readyState stays 1. A server without our wire cannot be asked.',
      )
      await using place = await startPlace()
      const events = place.site.route('/events', (_, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' })
        const timer = setInterval(() => response.write('data: tick\n\n'), 100)
        response.on('close', () => clearInterval(timer))
      })
      place.site.route('/download', (_, response) => {
        response.writeHead(200, { 'Content-Disposition': 'attachment; filename=file.bin' }).end('bytes')
      })
      place.site.route('/nothing', (_, response) => void response.writeHead(204).end())
      const plain = dialect === 'plain' && transport !== 'websocket'
      const page = await openPage()
      await page.goto(`${place.url}/pages/line.html`)
      await page.evaluate(([url, options]) => begin(url as string, options as object), [
        plain ? '/events' : '/live?topic=lobby',
        { dialect, transports: [transport] },
      ] as const)
      await page.waitFor(() => line.readyState === 1)
      for (const address of ['/nothing', '/download']) {
        await page.evaluate(address => {
          heard.length = 0
          setTimeout(() => location.assign(address))
        }, address)
        // A line that is dead looks open for as long as nobody has looked.
        await new Promise(resolve => setTimeout(resolve, 2_500))
        await page.evaluate(() => {
          heard.length = 0
        })
        const pause = setInterval(() => void place.hub.publish('lobby', 'tick'), 100)
        await page.waitFor(() => messages().length > 3).finally(() => clearInterval(pause))
      }
      events()
    })
  }

for (const dialect of ['native', 'plain'])
  test(`a reload tells the page nothing of its ${dialect} lines on the way out`, async ({ openPage }) => {
    await using place = await startPlace()
    place.site.route('/events', (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: hello\n\n')
    })
    const page = await openPage()
    await page.goto(`${place.url}/pages/line.html`)
    for (const transport of ['websocket', 'eventsource', 'xhr-streaming', 'long-polling']) {
      await page.evaluate(
        ([dialect, transport]) => {
          const plain = dialect === 'plain' && transport !== 'websocket'
          begin(plain ? '/events' : '/live?topic=lobby', { dialect, transports: [transport] })
        },
        [dialect, transport] as const,
      )
      await page.waitFor(() => line.readyState === 1)
      await page.evaluate(() => {
        sessionStorage.setItem('told', '')
        for (const name of ['error', 'close'])
          line.addEventListener(name, () => sessionStorage.setItem('told', name))
        Object.assign(window, { old: true })
        setTimeout(() => location.reload())
      })
      // While the page changes it cannot be asked.
      const isNew = () => page.evaluate(() => !('old' in window) && document.readyState === 'complete')
      await expect.poll(() => isNew().catch(() => false)).toBe(true)
      expect(await page.evaluate(() => sessionStorage.getItem('told'))).toBe('')
    }
  })

test('bytes travel both ways over every transport', async ({ openPage }) => {
  await using place = await startPlace()
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  place.hub.on('message', ({ data, reply }) => void reply(data))
  const page = await openPage()
  await page.goto(`${place.url}/pages/line.html`)
  for (const transport of ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']) {
    const back = await page.evaluate(
      ([name, sent]) =>
        new Promise<number[]>((resolve, reject) => {
          const own = Throughline.connect('/live', { transports: [name] })
          own.addEventListener('message', event => {
            own.close()
            resolve([...new Uint8Array((event as MessageEvent<ArrayBuffer>).data)])
          })
          own.send(new Uint8Array(sent as number[])).catch(reject)
        }),
      [transport, [...bytes]] as [string, number[]],
    )
    expect(back).toEqual([...bytes])
  }
})
