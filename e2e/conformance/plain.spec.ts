/** `dialect: 'plain'` with servers that people already run: a WebSocket echo, bare event streams, scripts that end. */
import { once } from 'node:events'
import { type WebSocket as Socket, WebSocketServer } from 'ws'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { channels } from './cases.ts'
import { type Answer, type Script, type Stand, startStand } from './stand.ts'

interface PlainLine extends EventTarget {
  readonly transport: string | null
  readonly readyState: number
  readonly bufferedAmount: number
  onerror: ((event: Event & { error: Error }) => void) | null
  send(data: unknown): Promise<void>
  close(): void
}

declare const connectPlain: (url: string, channel: string | string[], options?: object) => PlainLine
declare const line: PlainLine
declare const heard: string[]

const all = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']

test.describe('over WebSocket', () => {
  test('carries text and bytes both ways, unchanged and in order', async ({ openPage }) => {
    await using place = await openPlace(openPage)
    const sockets = serveSockets(place.stand)
    await place.listen('/echo', 'websocket')
    const texts = ['', 'a', '안녕 👋', 'data: no\n\nblock', '\0\r\n', 'x'.repeat(100_000)]
    await place.page.evaluate(async texts => {
      for (const text of texts) await line.send(text)
      await line.send(Uint8Array.of(0, 255, 13, 10).buffer)
      await line.send(new Uint8Array([9, 1, 2, 9]).subarray(1, 3))
      await line.send(new ArrayBuffer(0))
    }, texts)
    const wanted = [
      'open',
      ...texts.map(text => `message ${text}`),
      'bytes 0,255,13,10',
      'bytes 1,2',
      'bytes ',
    ]
    await place.page.waitFor(count => heard.length === count, wanted.length)
    expect(await place.page.evaluate(() => heard)).toEqual(wanted)
    expect(sockets.protocols).toEqual([undefined])
    await place.page.evaluate(() => line.close())
    await expect.poll(() => sockets.open.size).toBe(0)
  })

  for (const [how, end] of [
    ['closes', (socket: Socket) => socket.close(1001, 'restart')],
    ['is cut', (socket: Socket) => socket.terminate()],
  ] as const) {
    test(`comes again when it ${how}, and sends what waited`, async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const sockets = serveSockets(place.stand)
      await place.listen('/echo', 'websocket', { retry: 100 })
      for (const socket of sockets.open) end(socket)
      await place.page.waitFor(() => heard.includes('error 0'))
      await place.page.evaluate(() => line.send('waited'))
      await place.page.waitFor(() => heard.includes('message waited'))
      expect(await place.page.evaluate(() => heard)).toEqual(['open', 'error 0', 'open', 'message waited'])
    })
  }
})

test.describe('with the whole race', () => {
  test('finds WebSocket where there is nothing else, and stays', async ({ openPage }) => {
    await using place = await openPlace(openPage)
    const sockets = serveSockets(place.stand)
    await place.listen('/echo', all)
    for (const socket of sockets.open) socket.close()
    await place.page.waitFor(() => heard.length === 3)
    await place.page.evaluate(() => line.send('hello'))
    await place.page.waitFor(() => heard.includes('message hello'))
    expect(await place.page.evaluate(() => [...heard, line.transport])).toEqual([
      'open',
      'error 0',
      'open',
      'message hello',
      'websocket',
    ])
  })

  test('finds EventSource where there is an event stream, and hears each message once', async ({
    openPage,
  }) => {
    await using place = await openPlace(openPage)
    const served = place.stand.serve([
      { body: 'retry: 1\nid: 1\ndata: a\n\n' },
      { body: 'id: 2\ndata: b\n\n', after: 'hold' },
    ])
    await place.listen(served.path, all)
    await place.page.waitFor(() => heard.includes('message b'))
    expect(await place.page.evaluate(() => [...heard, line.transport])).toEqual([
      'open',
      'message a',
      'error 0',
      'open',
      'message b',
      'eventsource',
    ])
  })

  test('ends where every way is refused but waits where WebSocket may come back', async ({ openPage }) => {
    await using place = await openPlace(openPage)
    const served = place.stand.serve([{ status: 404 }])
    await place.begin(served.path, ['eventsource', 'xhr-streaming', 'long-polling'])
    await place.page.waitFor(() => heard.length > 0)
    expect(await place.page.evaluate(() => heard)).toEqual(['error 2'])
    await place.begin(served.path, all)
    await place.page.waitFor(() => heard.length > 0)
    expect(await place.page.evaluate(() => heard)).toEqual(['error 0'])
  })
})

for (const channel of channels) {
  test.describe(`over ${channel}`, () => {
    test('takes an end after each batch for health', async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const { path } = place.stand.serve((_, turn) => ({ body: `retry: 5\ndata: ${turn}\n\n` }))
      await place.listen(path, channel)
      const turns = 8
      const wanted = Array.from({ length: turns }, (_, turn) => ['open', `message ${turn}`, 'error 0']).flat()
      await place.page.waitFor(count => heard.length >= count, wanted.length)
      expect(await place.page.evaluate(count => heard.slice(0, count), wanted.length)).toEqual(wanted)
    })

    test('hears once what a script repeats with every answer', async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const log = ['a']
      const { path, asked } = place.stand.serve(() => ({ body: replay(log) }))
      await place.listen(path, channel)
      const turns = async (count: number) => {
        const already = asked.length
        await expect.poll(() => asked.length).toBeGreaterThanOrEqual(already + count)
      }
      await turns(3)
      log.push('b', 'c')
      await turns(3)
      log.push('a')
      await turns(3)
      expect(await place.page.evaluate(() => heard.filter(each => each.startsWith('message')))).toEqual([
        'message a',
        'message b',
        'message c',
        'message a',
      ])
    })

    test('sends by POST what the server takes, whatever it answers', async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const replies: Answer[] = [
        { status: 204, type: null },
        { type: 'application/json', body: '{"ok":true}' },
        { type: 'text/plain', body: 'data: not for the page\n\n' },
        { status: 201, type: null },
        { status: 202, type: 'text/html', body: '<p>' },
      ]
      const { path, asked } = place.stand.serve(talker(replies))
      await place.listen(path, channel)
      await place.page.evaluate(async () => {
        for (const data of ['a', '안녕', { to: 'ALL' }, 'd']) await line.send(data)
        await line.send(Uint8Array.of(104, 105))
      })
      const posts = asked.filter(({ method }) => method === 'POST')
      expect(posts.map(({ body }) => body)).toEqual(['a', '안녕', '{"to":"ALL"}', 'd', 'hi'])
      expect(await place.page.evaluate(() => [...heard, line.bufferedAmount])).toEqual(['open', 0])
    })

    test('says which answer refused a message, and goes on', async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const replies: Answer[] = [405, 404, 401, 403, 413, 500].map(status => ({ status, body: 'no' }))
      const { path, url, asked } = place.stand.serve(talker([...replies, { status: 204 }]))
      await place.listen(path, channel)
      const outcomes = await place.page.evaluate(sendAll, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
      expect(outcomes).toEqual([
        {
          kind: 'forbidden',
          status: 405,
          message: expect.stringContaining(`${url} answered with status 405`),
        },
        { kind: 'forbidden', status: 404, message: expect.stringContaining('404') },
        { kind: 'forbidden', status: 401, message: expect.stringContaining('401') },
        { kind: 'forbidden', status: 403, message: expect.stringContaining('403') },
        { kind: 'too-large', status: 413, message: expect.stringContaining('413') },
        { kind: 'IN_DOUBT', status: 500, message: expect.stringContaining('500') },
        'taken',
      ])
      expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(7)
      expect(await place.page.evaluate(() => heard)).toEqual(['open'])
    })

    test('sends nothing twice: a message without an answer is in doubt', async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const { path } = place.stand.serve(talker([{ after: 'cut' }, { status: 204 }]))
      await place.listen(path, channel)
      const outcomes = await place.page.evaluate(sendAll, ['a', 'b'])
      expect(outcomes).toEqual([{ kind: 'IN_DOUBT', message: expect.stringContaining('IN_DOUBT') }, 'taken'])
    })

    test('sends nothing twice while streams end and begin beside it', async ({ openPage }) => {
      await using place = await openPlace(openPage)
      const { path, asked } = place.stand.serve(({ method }) =>
        // Slow enough for a browser that knows no least time of its own to be left to its own reconnecting.
        method === 'POST' ? { status: 200, body: ['', '', 'ok'] } : { body: 'retry: 60\ndata: a\n\n' },
      )
      await place.listen(path, channel)
      const texts = Array.from({ length: 8 }, (_, index) => `${index}`)
      expect(await place.page.evaluate(sendAll, texts)).toEqual(texts.map(() => 'taken'))
      expect(asked.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual(texts)
    })
  })
}

/**
 * What a page-hosting script prints that keeps its messages in a file. An EventSource that comes back sooner is left for a new one after twenty
 * times, to which nobody can say where to go on. If the log grows just then from one message to two, no client can tell what is repeated from
 * what a server says that counts anew.
 */
function replay(log: readonly string[]): string {
  return `retry: 60\n\n${log.map((text, index) => `id: ${index + 1}\ndata: ${text}\n\n`).join('')}`
}

/** Streams to those who listen, and replies to those who talk. */
function talker(replies: readonly Answer[]): Script {
  const left = [...replies]
  return ({ method }) => (method === 'POST' ? (left.shift() ?? {}) : { body: ':\n\n', after: 'hold' })
}

/** A WebSocket server that says what it hears. */
function serveSockets(stand: Stand) {
  const server = new WebSocketServer({ noServer: true })
  const open = new Set<Socket>()
  const protocols: (string | undefined)[] = []
  stand.site.server.on('upgrade', (request, socket, head) => {
    protocols.push(request.headers['sec-websocket-protocol'])
    if (request.url !== '/echo') return void socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
    server.handleUpgrade(request, socket, head, echo => {
      open.add(echo)
      echo.on('message', (data, isBinary) => echo.send(data, { binary: isBinary }))
      void once(echo, 'close').then(() => open.delete(echo))
    })
  })
  return { open, protocols }
}

async function openPlace(openPage: () => Promise<TestPage>) {
  const stand = await startStand()
  const page = await openPage()
  await page.goto(stand.page)
  const begin = (url: string, channel: string | readonly string[], options: object = {}) =>
    page.evaluate(beginLine, { url, channel, options })
  return {
    stand,
    page,
    begin,
    /** Begins, and waits until it is open. */
    async listen(...given: Parameters<typeof begin>) {
      await begin(...given)
      await page.waitFor(() => heard.includes('open'))
    },
    [Symbol.asyncDispose]: () => stand[Symbol.asyncDispose](),
  }
}

// What runs in the page:

function beginLine({
  url,
  channel,
  options,
}: {
  url: string
  channel: string | readonly string[]
  options: object
}): void {
  const heard: string[] = []
  const line = connectPlain(url, channel as string[], options)
  line.addEventListener('open', () => heard.push('open'))
  line.addEventListener('error', () => heard.push(`error ${line.readyState}`))
  line.addEventListener('message', event => {
    const { data } = event as MessageEvent<string | ArrayBuffer>
    heard.push(typeof data === 'string' ? `message ${data}` : `bytes ${new Uint8Array(data)}`)
  })
  Object.assign(window, { line, heard })
}

function sendAll(texts: string[]): Promise<unknown[]> {
  const sends = texts.map(text =>
    line.send(text).then(
      () => 'taken',
      ({ kind, status, message }) => ({ kind, status, message }),
    ),
  )
  return Promise.all(sends)
}
