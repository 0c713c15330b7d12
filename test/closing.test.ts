/** What `close(code, reason)` tells the other side, and what it does not take. */
import { expect, onTestFinished, test } from 'vitest'
import { type WebSocket as Accepted, WebSocket, WebSocketServer } from 'ws'
import type { TransportName } from '../src/contracts/failure.ts'
import { connect, native, race, websocket } from '../src/core.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import type { Environment } from '../src/environment.ts'
import { longPolling } from '../src/transports/long-polling.ts'
import { stand, until } from './server/harness.ts'
import { message } from './support/blocks.ts'
import { cut, fake } from './support/fakes.ts'
import { type Asked, greet, openLine } from './support/line.ts'
import { createWorld } from './support/world.ts'

async function open(options?: Asked) {
  const stage = await openLine(options)
  const ends: unknown[] = []
  stage.line.addEventListener('close', ({ code, reason }) => ends.push([code, reason]))
  return { ...stage, ends }
}

test('the close event has the code and the reason that the page gave', async () => {
  const { line, ends } = await open()
  line.close(4_001, 'signed out')
  line.close(4_002, 'twice')
  expect(ends).toEqual([[4_001, 'signed out']])
})

test.each<[[code?: number | undefined, reason?: string], unknown[]]>([
  [[], [undefined, 'closed by the page']],
  [[1_000], [1_000, 'closed by the page']],
  [
    [3_000, ''],
    [3_000, 'closed by the page'],
  ],
  [
    [undefined, 'enough'],
    [undefined, 'enough'],
  ],
  [
    [4_999, 'é'.repeat(61)],
    [4_999, 'é'.repeat(61)],
  ],
])('close(...%j) is told as %j', async (given, told) => {
  const { line, ends } = await open()
  line.close(...given)
  expect(ends).toEqual([told])
})

test('after close({ flush, code, reason }) it has them too', async () => {
  const { line, ends, transport } = await open()
  greet(transport.channel)
  await line.close({ flush: 1_000, code: 4_001, reason: 'signed out' })
  expect(ends).toEqual([[4_001, 'signed out']])
  expect(transport.channel.sent.at(-1)).toContain('{"code":4001,"reason":"signed out"}')
})

test('a failure has a reason and no code', async () => {
  const { ends, transport } = await open()
  transport.channel.ends({ kind: 'status', status: 403, code: 'nothing here' })
  expect(ends).toEqual([[undefined, 'nothing here (status 403)']])
})

const wrong: [code: unknown, reason: string | undefined, name: string, named: string][] = [
  ...[0, 999, 1_001, 1_005, 2_999, 5_000, -4_000, Number.NaN].map(
    code => [code, undefined, 'InvalidAccessError', `code is ${code};`] as const,
  ),
  ['yes', undefined, 'InvalidAccessError', 'code is "yes";'],
  [4_000, 'é'.repeat(62), 'SyntaxError', 'reason is "éé'],
].map(each => [...each] as never)

test.each(wrong)(
  'close(%o, %o) throws the %s of a WebSocket, and the line goes on',
  async (code, reason, name, named) => {
    const { line, ends } = await open()
    let thrown: unknown
    try {
      line.close(code as number, reason)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(DOMException)
    expect(thrown).toMatchObject({ name, message: expect.stringContaining(named) })
    const promise = line.close({ flush: 0, code: code as number, ...(reason && { reason }) })
    await expect(promise).rejects.toMatchObject({ name, message: expect.stringContaining(named) })
    expect(ends).toEqual([])
    expect(line.state).toBe('connecting')
    void line.send('x').catch(() => {})
    expect(line.bufferedAmount).toBe(1)
  },
)

test('a code of null is none, for code without types', async () => {
  const { line, ends } = await open()
  line.close(null as never)
  expect(ends).toEqual([[undefined, 'closed by the page']])
})

test.each<TransportName>(['xhr-streaming', 'long-polling'])(
  'over %s the goodbye goes with the last messages by a POST',
  async name => {
    const posts: string[] = []
    const fetch = async (_: string, { body }: RequestInit) => {
      posts.push(body as string)
      return new Response('')
    }
    const transport = fake(name)
    const world = createWorld({ fetch } as Partial<Environment>)
    const { line } = await openLine({ world, transports: [transport] })
    greet(transport.channel)
    transport.channel.brings(message(1))
    void line.send('last').catch(() => {})
    line.close(4_001, 'a "quoted"\nreason')
    expect(posts).toEqual([
      'id: 1\ndata: last\n\nevent: rt.bye\ndata: {"code":4001,"reason":"a \\"quoted\\"\\nreason"}\n\n',
    ])
  },
)

test('a line that waits tells the session that the server keeps', async () => {
  const posts: string[] = []
  const fetch = async (_: string, { body }: RequestInit) => {
    posts.push(body as string)
    return new Response('')
  }
  const { line, transport } = await openLine({ world: createWorld({ fetch } as Partial<Environment>) })
  greet(transport.channel)
  transport.channel.ends(cut)
  line.close(4_001)
  expect(posts).toEqual(['event: rt.bye\ndata: {"code":4001}\n\n'])
})

test('a dialect whose goodbye says nothing says it as ever', async () => {
  const transport = fake('long-polling')
  const { line } = await openLine({ transports: [transport], dialect: socketio() })
  transport.channel.brings({
    event: '0',
    id: '',
    data: '{"sid":"s","pingInterval":25000,"maxPayload":1000000}',
  })
  transport.channel.brings({ event: '40', id: '', data: '{"sid":"a"}' })
  line.close(4_001, 'signed out')
  expect(transport.channel.sent.at(-1)).toMatch(/^41/)
  expect(transport.channel.sent.at(-1)).not.toContain('signed out')
})

/** A server of WebSockets that knows nothing of us. */
async function accept() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => void server.close())
  const closed = new Promise<unknown[]>(resolve =>
    server.on('connection', (socket: Accepted) =>
      socket.on('close', (code, reason) => resolve([code, String(reason)])),
    ),
  )
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  return { url: `ws://127.0.0.1:${port}/`, closed }
}

test.each(['alone', 'of a race'])(
  'a WebSocket %s, of a foreign server, is closed with code and reason',
  async how => {
    const { url, closed } = await accept()
    const line = connect(url, {
      transport: how === 'alone' ? websocket : race(websocket),
      dialect: plain,
      environment: { WebSocket },
    })
    await line.opened
    line.close(4_001, 'signed out')
    expect(await closed).toEqual([4_001, 'signed out'])
  },
)

test('a WebSocket of a page that gave none is closed as ever', async () => {
  const { url, closed } = await accept()
  const line = connect(url, { transport: websocket, dialect: plain, environment: { WebSocket } })
  await line.opened
  line.close()
  expect(await closed).toEqual([1_005, ''])
})

const clients = {
  websocket: { transport: websocket, environment: { WebSocket } },
  'long-polling': { transport: longPolling, environment: {} },
} as const

test.each(Object.entries(clients))('our server hears them over %s', async (_, options) => {
  const { hub, host } = await stand()
  const ended: unknown[] = []
  hub.on('close', ({ code, reason }) => ended.push([code, reason]))
  const line = connect(`http://${host}/live?topic=x`, { ...options, dialect: native })
  await line.opened
  line.close(4_001, 'signed out')
  await until(() => ended.length > 0)
  expect(ended).toEqual([[4_001, 'signed out']])
})

test('our server hears none of a client that gave none', async () => {
  const { hub, host } = await stand()
  const ended: unknown[] = []
  hub.on('close', ({ code, reason }) => ended.push([code, reason]))
  const line = connect(`http://${host}/live?topic=x`, { ...clients.websocket, dialect: native })
  await line.opened
  line.close()
  await until(() => ended.length > 0)
  expect(ended).toEqual([[undefined, undefined]])
})
