/** Workers of a page: what works in which. */
import { startPlace } from '../fixtures/place.ts'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'

type Kind = 'dedicated' | 'shared' | 'service'

/** What the worker told its page. */
declare const told: { type: string; by?: string; data?: string; code?: string }[]

const hangul = '안녕하세요, 세계 👋'
const everywhere = ['websocket', 'eventsource', 'fetch-streaming', 'long-polling']
const works: Record<Kind, string[]> = {
  dedicated: [...everywhere, 'xhr-streaming'],
  shared: [...everywhere, 'xhr-streaming'],
  service: everywhere,
}

/** Speaks to its page through the port that comes with the first message, or, in a shared worker, with the connection. */
const script = `
  import { connect } from '/dist/index.js'
  import { stream } from '/dist/stream.js'
  import { fetchStreaming } from '/dist/transports/fetch-streaming.js'
  const begin = port => port.onmessage = ({ data: name }) => {
    const tell = (type, rest) => port.postMessage({ type, ...rest })
    const line = connect('/live?topic=lobby', { transports: [name === 'fetch-streaming' ? fetchStreaming : name] })
    line.onopen = ({ transport }) => tell('open', { by: transport })
    line.onmessage = ({ data }) => tell('message', { data })
    line.onerror = ({ error }) => {
      tell('error', { code: error.code })
      if (error.code === 'unavailable') line.close()
    }
    line.send('up')
      .then(() => stream('/ask', { body: { question: 'why' } }).text())
      .then(data => tell('answer', { data }), error => tell('failed', { data: error.message }))
  }
  addEventListener('message', ({ ports: [port] }) => port && begin(port))
  addEventListener('connect', ({ ports: [port] }) => begin(port))`

for (const kind of ['dedicated', 'shared', 'service'] as const) {
  test.describe(`a ${kind} worker`, () => {
    for (const transport of works[kind]) {
      test(`hears, comes back after a cut, sends and streams by ${transport}`, async ({ openPage }) => {
        await using place = await openThere()
        const taken: unknown[] = []
        place.hub.on('message', ({ data }) => void taken.push(data))
        const page = await begin(await openPage(), place.url, kind, transport)
        await page.waitFor(() => told.some(({ type }) => type === 'answer'))
        await place.hub.publish('lobby', 'before')
        await page.waitFor(() => told.some(({ data }) => data === 'before'))
        place.cut()
        await place.hub.publish('lobby', hangul)
        await page.waitFor(text => told.some(({ type, data }) => type === 'message' && data === text), hangul)
        const all = await page.evaluate(() => told)
        expect(all.filter(({ type }) => type === 'message').map(({ data }) => data)).toEqual([
          'before',
          hangul,
        ])
        expect(all.find(({ type }) => type === 'open')?.by).toBe(transport)
        expect(all.find(({ type }) => type === 'answer')?.data).toBe(`because ${hangul}`)
        expect(taken).toEqual(['up'])
      })
    }

    test('has no JSONP, and says so', async ({ openPage }) => {
      await using place = await openThere()
      const page = await begin(await openPage(), place.url, kind, 'jsonp')
      await page.waitFor(() => told.length > 0)
      expect(await page.evaluate(() => told[0])).toEqual({ type: 'error', code: 'unavailable' })
    })
  })
}

async function openThere() {
  const place = await startPlace({ retry: 20 })
  place.site.route('/worker.js', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script)
  })
  place.site.route('/ask', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.end(`data: because \n\ndata: ${hangul}\n\n`)
  })
  const network = await startTcpProxy(place.site.port)
  return {
    hub: place.hub,
    url: `http://127.0.0.1:${network.port}`,
    cut: () => network.cut('rst'),
    async [Symbol.asyncDispose]() {
      await network.close()
      await place[Symbol.asyncDispose]()
    },
  }
}

async function begin(page: TestPage, url: string, kind: Kind, transport: string): Promise<TestPage> {
  await page.goto(`${url}/pages/blank.html`)
  await page.evaluate(
    async ([kind, transport]) => {
      const told: unknown[] = []
      Object.assign(window, { told })
      const options = { type: 'module' } as const
      let port: MessagePort
      if (kind === 'shared') {
        const shared = new SharedWorker('/worker.js', options)
        Object.assign(window, { shared })
        port = shared.port
      } else {
        const { port1, port2 } = new MessageChannel()
        port = port1
        if (kind === 'dedicated') {
          const worker = new Worker('/worker.js', options)
          Object.assign(window, { worker })
          worker.postMessage('', [port2])
        } else {
          await navigator.serviceWorker.register('/worker.js', options)
          const { active } = await navigator.serviceWorker.ready
          active?.postMessage('', [port2])
        }
      }
      port.onmessage = ({ data }) => told.push(data)
      port.postMessage(transport)
    },
    [kind, transport] as const,
  )
  return page
}
