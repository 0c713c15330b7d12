import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ConnectionError, connect, type Line, type LineErrorEvent } from '../../src/index.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { createTestServer, type HubOptions, type TestServer } from '../../testing/index.ts'
import { until } from '../server/harness.ts'

function serve(options?: HubOptions): TestServer {
  const server = createTestServer(options)
  onTestFinished(() => server.close())
  return server
}

function open(server: TestServer, options: object = {}): Line<Record<string, string>> {
  const line = connect('http://localhost/live', { environment: server.environment, retry: 10, ...options })
  onTestFinished(() => line.close())
  return line
}

function next<Event>(line: Line<Record<string, string>>, type: string): Promise<Event> {
  return new Promise(resolve =>
    line.addEventListener(type as 'message', event => resolve(event as Event), { once: true }),
  )
}

const transports = {
  websocket: 'websocket',
  'long-polling': 'long-polling',
  'fetch-streaming': fetchStreaming,
}

describe.each(Object.entries(transports))('an application’s line over %s', (name, transport) => {
  const by = { transports: [transport] }

  test('hears what the test publishes, and the test sees what it sends', async () => {
    const server = serve()
    const line = await open(server, by).opened
    expect(line.transport).toBe(name)
    const room = line.subscribe('room')
    await room.opened
    const heard = new Promise(resolve => {
      room.onmessage = ({ data }) => resolve(data)
    })
    await server.hub.publish('room', { price: 3 })
    expect(await heard).toEqual({ price: 3 })
    const coming = server.nextSent()
    await line.send({ hello: '안녕' })
    await line.send('two', { event: 'named' })
    expect(await coming).toMatchObject({ data: { hello: '안녕' }, event: 'message' })
    expect(await server.nextSent()).toMatchObject({ data: 'two', event: 'named' })
    expect(server.sent).toHaveLength(2)
  })

  test('gets an answer of the test’s', async () => {
    const server = serve()
    server.hub.on('message', ({ data }) => `you said ${data}`)
    const line = open(server, by)
    expect(await line.send('hi', { answer: true })).toBe('you said hi')
  })

  test('comes back after a cut, and has missed nothing', async () => {
    const server = serve()
    const line = await open(server, by).opened
    const room = line.subscribe('room')
    await room.opened
    const heard: unknown[] = []
    room.onmessage = ({ data }) => heard.push(data)
    await server.hub.publish('room', 'one')
    await until(() => heard.length === 1)
    const failed = next<LineErrorEvent>(line, 'error')
    const back = next(line, 'open')
    // Between two polls there is nothing to cut.
    await until(() => server.hub.stats().lines[name as 'websocket'] === 1)
    server.cut()
    await server.hub.publish('room', 'two')
    expect((await failed).error).toBeInstanceOf(ConnectionError)
    await back
    await until(() => heard.length === 2)
    expect(heard).toEqual(['one', 'two'])
  })

  test('is told of a refusal, and lives on when that is over', async () => {
    const server = serve()
    server.refuse({ status: 503, message: 'closed on Sundays', retryAfter: 0 })
    const line = open(server, by)
    const { error, retryIn } = await next<LineErrorEvent>(line, 'error')
    expect(error.message).toContain('closed on Sundays')
    expect(error.status).toBe(503)
    expect(retryIn).toBeGreaterThanOrEqual(0)
    server.refuse()
    await line.opened
  })

  test('ends where it is refused for good', async () => {
    const server = serve()
    server.refuse({ status: 403, message: 'not you' })
    const line = open(server, by)
    await expect(line.opened).rejects.toMatchObject({ status: 403 })
    expect(line.readyState).toBe(2)
  })

  test('waits while there is no network', async () => {
    const server = serve()
    const line = await open(server, by).opened
    const failed = next<LineErrorEvent>(line, 'error')
    server.offline()
    await failed
    const sending = line.send('later')
    await next(line, 'error')
    expect(server.sent).toEqual([])
    server.online()
    await sending
    expect(server.sent.map(({ data }) => data)).toEqual(['later'])
  })
})

test('fake time passes as fast as a test likes', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const server = serve({ heartbeat: 15_000 })
  const line = open(server, { transports: ['websocket'], retry: 30_000 })
  await vi.advanceTimersByTimeAsync(100)
  expect(line.state).toBe('open')
  await vi.advanceTimersByTimeAsync(600_000)
  expect(line.state).toBe('open')
  server.offline()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(line.state).toBe('waiting')
  server.online()
  await vi.advanceTimersByTimeAsync(300_000)
  expect(line.state).toBe('open')
})

test('the options are those of a hub, whose authorize is asked', async () => {
  const server = serve({ authorize: ({ token }) => token === 'let-me-in' && ['room'] })
  await expect(open(server, { token: () => 'no' }).opened).rejects.toMatchObject({ status: 403 })
  await open(server, { token: () => 'let-me-in' }).opened
  expect(() => createTestServer({ retain: -1 })).toThrow('retain is -1')
})

test('two servers know nothing of each other', async () => {
  const [one, other] = [serve(), serve()]
  await open(one).opened
  expect([one.hub.stats().sessions, other.hub.stats().sessions]).toEqual([1, 0])
})
