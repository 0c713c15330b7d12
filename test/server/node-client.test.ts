/** The SDK in Node, over the package ws, against our server. */
import { createServer, request } from 'node:http'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { freePort } from '../../e2e/fixtures/free-port.ts'
import { createHub } from '../../server/index.ts'
import { connect, longPolling, native, race, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { uncaught } from '../support/uncaught.ts'
import { stand, wait } from './harness.ts'

const environment = { WebSocket }

function open(url: string) {
  const line = connect(url, { transport: websocket, dialect: native, environment })
  onTestFinished(() => line.close())
  return line
}

it('a line over ws hears what is published, and sends', async () => {
  const { hub, host } = await stand()
  hub.on('message', ({ data, reply }) => reply(`heard ${data}`))
  const line = open(`ws://${host}/live?topic=x`)
  const heard = new Promise(resolve => {
    line.onmessage = ({ data }) => resolve(data)
  })
  await line.send('hello')
  expect(await heard).toBe('heard hello')
})

it('a handshake over ws that is refused is an error event, and ends no process', async () => {
  const server = createServer()
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const thrown = await uncaught(async () => {
    const line = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/live?topic=x`)
    const kind = await new Promise(resolve => {
      line.onerror = ({ error }) => resolve(error.kind)
    })
    expect(kind).toBe('refused')
    line.close()
  })
  expect(thrown).toEqual([])
})

it('a line with more topics than an address can name comes back to a server that never heard of them', async () => {
  const topic = Array.from({ length: 1_000 }, (_, number) => `company:${number}`)
  const start = async (port: number) => {
    const hub = createHub({ retry: 20 })
    const server = createServer()
    hub.attach(server)
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    const stop = async () => {
      await hub.close()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
    return { hub, port, stop }
  }
  const before = await start(await freePort())
  const line = connect(`http://127.0.0.1:${before.port}/live`, {
    transport: websocket,
    dialect: native,
    environment,
    params: { topic },
  })
  onTestFinished(() => line.close())
  const next = (type: 'open' | 'message') =>
    new Promise<string>(resolve =>
      line.addEventListener(type, event => resolve(String((event as { data?: string }).data)), {
        once: true,
      }),
    )
  await next('open')
  await before.stop()
  const again = next('open')
  const after = await start(before.port)
  onTestFinished(after.stop)
  await again
  const heard = next('message')
  await after.hub.publish('company:999', 'back')
  expect(await heard).toBe('back')
})

it('without any WebSocket a line says what can be done', async () => {
  const line = connect('http://127.0.0.1:9/live?topic=x', {
    transport: websocket,
    dialect: native,
    environment: { WebSocket: undefined },
  })
  const message = await new Promise<string>(resolve => {
    line.onerror = ({ error }) => resolve(error.message)
  })
  expect(message).toMatch(/^websocket cannot be used here: .*environment/)
})

it.each([
  ['a WebSocket', websocket],
  ['POSTs', fetchStreaming],
])(
  'what is sent faster over %s than the server lets through arrives later, whole and in order',
  async (_, transport) => {
    const { hub, host } = await stand({ limits: { sendsPerSecond: 200, burst: 100 } })
    const taken: string[] = []
    hub.on('message', ({ data }) => taken.push(String(data)))
    const line = connect(`http://${host}/live?topic=x`, { transport, dialect: native, environment })
    onTestFinished(() => line.close())
    const all = Array.from({ length: 300 }, (_, index) => String(index))
    for (const tenth of [0, 100, 200])
      await Promise.all(all.slice(tenth, tenth + 100).map(text => line.send(text)))
    expect(taken).toEqual(all)
    expect(hub.stats().slowed).toBeGreaterThan(0)
  },
)

it('what is sent over POSTs while listeners are behind arrives later, whole and in order', async () => {
  const { hub, host } = await stand({
    limits: { message: 2_000, batch: 2_000, unhandled: 2_000, messages: 4 },
  })
  const taken: string[] = []
  hub.on('message', async ({ data }) => {
    taken.push(String(data))
    await wait(1)
  })
  const line = connect(`http://${host}/live?topic=x`, {
    transport: fetchStreaming,
    dialect: native,
    environment,
  })
  onTestFinished(() => line.close())
  const all = Array.from({ length: 50 }, (_, index) => String(index).padEnd(500))
  await Promise.all(all.map(text => line.send(text)))
  expect(taken).toEqual(all)
})

it('a poll whose answer a race holds back for a better transport is followed by the next only in its session', async () => {
  const { hub, host } = await stand()
  const polls: string[] = []
  // A stream is accepted and silent; the answer to a poll takes a while, and for as long as that it is held.
  const front = createServer((asked, answer) => {
    if (asked.url?.includes('via=fetch-streaming')) {
      answer.writeHead(200, { 'Content-Type': 'text/event-stream' })
      return answer.flushHeaders()
    }
    polls.push(asked.url ?? '')
    setTimeout(
      () => {
        const { url, method, headers } = asked
        const onward = request(`http://${host}${url}`, { method, headers }, response => {
          answer.writeHead(response.statusCode ?? 500, response.headers)
          response.pipe(answer)
        })
        onward.on('error', () => answer.destroy())
        asked.pipe(onward)
      },
      polls.length === 1 ? 200 : 0,
    )
  })
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    front.closeAllConnections()
    front.close()
  })
  const { port } = front.address() as AddressInfo
  const line = connect(`http://127.0.0.1:${port}/live?topic=x`, {
    transport: race(fetchStreaming, longPolling),
    dialect: native,
  })
  onTestFinished(() => line.close())
  await line.opened
  await line.send('hello')
  await expect.poll(() => polls.filter(url => url.includes('via=long-polling')).length).toBeGreaterThan(1)
  const [first, ...rest] = polls.filter(url => url.includes('via=long-polling'))
  expect(first).not.toContain('sid=')
  expect(rest.filter(url => !url.includes('sid='))).toEqual([])
  expect(hub.stats().sessions).toBe(1)
})

it('a line whose WebSocket takes its time, so that others were tried beside it, is one session, and leaves none', async () => {
  const { hub, host } = await stand()
  const told: string[] = []
  hub.on('open', () => void told.push('open'))
  hub.on('close', () => void told.push('close'))
  let streams = 0
  const target = new URL(`http://${host}`)
  // A handshake goes on once the server has answered a stream, of which the client hears nothing.
  const streaming = gate()
  const front = createTcpServer(socket => {
    socket.on('error', () => {})
    socket.once('data', head => {
      const onward = connectTcp(Number(target.port), target.hostname)
      onward.on('error', () => socket.destroy())
      onward.on('close', () => socket.destroy())
      socket.on('close', () => onward.destroy())
      if (/\r\nupgrade: websocket\r\n/i.test(head.toString()))
        return void streaming.opened.then(() => {
          onward.write(head)
          socket.pipe(onward)
          onward.pipe(socket)
        })
      streams++
      onward.write(head)
      onward.once('data', streaming.open)
    })
  })
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void front.close())
  const { port } = front.address() as AddressInfo
  const line = connect(`http://127.0.0.1:${port}/live?topic=x`, {
    transport: race(websocket, fetchStreaming),
    dialect: native,
    // Nothing is known of lines before it.
    environment: { ...environment, getItem: () => null, setItem() {} },
  })
  onTestFinished(() => line.close())
  await expect.poll(() => line.transport, { timeout: 15_000 }).toBe('websocket')
  expect(hub.stats().sessions).toBe(1)
  line.close()
  await expect.poll(() => hub.stats().sessions).toBe(0)
  expect(streams).toBe(1)
  expect(told).toEqual(['open', 'close'])
})

it('a line that is closed before it has heard anything leaves no session', async () => {
  const { hub, host } = await stand()
  const target = new URL(`http://${host}`)
  let posts = 0
  // What the server says is never heard.
  const front = createTcpServer(socket => {
    socket.on('error', () => {})
    socket.once('data', head => {
      if (head.toString().startsWith('POST')) posts++
      const onward = connectTcp(Number(target.port), target.hostname)
      onward.on('error', () => socket.destroy())
      socket.on('close', () => onward.destroy())
      onward.write(head)
      socket.pipe(onward)
      onward.resume()
    })
  })
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void front.close())
  const { port } = front.address() as AddressInfo
  const line = connect(`http://127.0.0.1:${port}/live?topic=x`, {
    transport: race(fetchStreaming, longPolling),
    dialect: native,
    environment: { ...environment, getItem: () => null, setItem() {} },
  })
  onTestFinished(() => line.close())
  await expect.poll(() => hub.stats().sessions).toBe(1)
  line.close()
  await expect.poll(() => hub.stats().sessions).toBe(0)
  expect(posts).toBe(1)
})

it('a line that is closed before it has asked for anything asks for nothing', async () => {
  const { hub, host } = await stand()
  const asked: unknown[] = []
  const line = connect(`http://${host}/live?topic=x`, {
    transport: race(websocket, longPolling),
    dialect: native,
    environment: { ...environment, fetch: url => Promise.reject(asked.push(url)) },
  })
  line.close()
  await wait(50)
  expect(asked).toEqual([])
  expect(hub.stats().sessions).toBe(0)
})

function gate() {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}
