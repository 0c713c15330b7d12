import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it, onTestFinished } from 'vitest'
import { createHub } from '../../server/index.ts'
import { ask, listen, message, post, type Stand, stand, until } from './harness.ts'

type Parsed = IncomingMessage & { body?: unknown; rawBody?: unknown }

/** A hub behind something that reads bodies, and leaves what `keep` makes of them. */
async function behind(keep: (request: Parsed, bytes: Buffer) => void): Promise<Stand> {
  const hub = createHub()
  const server = http.createServer(async (request: Parsed, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      keep(request, Buffer.concat(chunks))
    }
    hub.handle(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await hub.close()
    server.closeAllConnections()
    server.close()
  })
  return { hub, server, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function heard({ hub }: Stand) {
  const all = { messages: [] as unknown[], errors: [] as unknown[], refused: [] as string[] }
  hub.on('message', ({ data }) => all.messages.push(data))
  hub.on('error', error => all.errors.push(error))
  hub.on('refused', ({ message }) => all.refused.push(message))
  return all
}

it.each<[string, (request: Parsed, bytes: Buffer) => void]>([
  ['a text', (request, bytes) => Object.assign(request, { body: bytes.toString() })],
  ['bytes', (request, bytes) => Object.assign(request, { body: bytes })],
  [
    'bytes beside what it made of them',
    (request, bytes) => Object.assign(request, { rawBody: bytes, body: {} }),
  ],
  ['a Uint8Array', (request, bytes) => Object.assign(request, { body: new Uint8Array(bytes) })],
])('takes what a body parser has left: %s', async (_, keep) => {
  const at = await behind(keep)
  const { messages } = heard(at)
  const { session } = await listen(at, 'xhr-streaming').opened()
  expect(await post(at, session, message(1, '하나'))).toMatchObject({
    status: 200,
    text: expect.stringContaining('data: 1'),
  })
  expect(messages).toEqual(['하나'])
})

it.each<[string, (request: Parsed) => void]>([
  ['nothing', () => {}],
  ['an object', request => Object.assign(request, { body: {} })],
])('says so when a body parser has left %s: to the client each time, as an error once', async (_, keep) => {
  const at = await behind(keep)
  const { messages, errors, refused } = heard(at)
  const { session } = await listen(at, 'xhr-streaming').opened()
  for (let time = 0; time < 2; time++) {
    const { status, text } = await post(at, session, message(1))
    expect([status, text]).toEqual([400, 'the body of the POST was read by a body parser before the hub\n'])
  }
  expect(refused).toHaveLength(2)
  expect(errors).toMatchObject([{ message: expect.stringContaining('use hub.handle before the parser') }])
  expect(messages).toEqual([])
})

it.each(['', ': nothing\n\n', '\n\n', 'id: 1\ndata: half a block'])(
  'does not acknowledge a body of %j',
  async body => {
    const at = await stand()
    const { session } = await listen(at, 'xhr-streaming').opened()
    expect(await post(at, session, body)).toMatchObject({
      status: 400,
      text: expect.stringContaining('no block'),
    })
    expect(await post(at, session, message(1))).toMatchObject({ status: 200 })
  },
)

it('leaves a body alone that is for somebody else', async () => {
  const at = await stand()
  at.server.removeAllListeners('request')
  at.server.on('request', async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    response.end(body)
  })
  expect((await ask(`http://${at.host}/else`, { method: 'POST', body: 'mine' })).text).toBe('mine')
})

it('in pieces of a byte takes hardly more memory than in one', async () => {
  const at = await stand()
  const { session } = await listen(at, 'xhr-streaming').opened()
  let arrived: net.Socket | undefined
  at.server.on('connection', connection => {
    arrived = connection
  })
  const before = heapUsed()
  const socket = net.connect(Number(at.host.split(':')[1]), '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write(
    `POST /live?topic=x&rt.via=post&rt.sid=${session} HTTP/1.1\r\nHost: a\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`,
  )
  socket.write('6\r\ndata: \r\n')
  const thousand = '1\r\na\r\n'.repeat(1_000)
  for (let count = 0; count < 300; count++) if (!socket.write(thousand)) await once(socket, 'drain')
  await until(() => socket.writableLength === 0 && arrived?.bytesRead === socket.bytesWritten)
  await new Promise(setImmediate)
  expect(heapUsed() - before).toBeLessThan(4 * 2 ** 20)
}, 60_000)

/** Once garbage is collected. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
