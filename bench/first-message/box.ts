import {
  Agent,
  createServer,
  type IncomingMessage,
  request as requestFrom,
  type Server,
  type ServerResponse,
} from 'node:http'
import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Box, Network } from './networks.ts'

/** What lies between on this network. It knows nobody's addresses, only what a handshake and an answer is. */
export function createBetween(target: number, { box, latency = 0 }: Network): TcpServer {
  return box ? createBox(target, box) : createDistance(target, latency)
}

function createBox(target: number, { sockets, buffers }: Box): Server {
  const agent = new Agent({ keepAlive: true })
  return createServer(pass)
    .on('upgrade', (request, socket: Socket) => meet[sockets](socket.on('error', ignore), request, target))
    .on('connection', socket => socket.setNoDelay(true))

  function pass(request: IncomingMessage, response: ServerResponse): void {
    const { method, url: path, headers } = request
    const onward = requestFrom({ agent, host: '127.0.0.1', port: target, method, path, headers })
    onward.on('response', answer => void (buffers ? gather(answer, response) : deliver(answer, response)))
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  }
}

type Meet = (socket: Socket, request: IncomingMessage, target: number) => void

const meet: Record<Box['sockets'], Meet> = {
  refused: socket => void socket.end(refusal),
  swallowed: socket => void socket.resume(),
  silent: (socket, request, target) => accept(socket, request, target, () => socket.resume()),
  cut: (socket, request, target) => accept(socket, request, target, () => setImmediate(() => socket.end())),
}

const refusal = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/** The server is asked, and its 101 passed. */
function accept(
  socket: Socket,
  { url: path, headers }: IncomingMessage,
  target: number,
  then: () => void,
): void {
  const onward = requestFrom({ agent: false, host: '127.0.0.1', port: target, path, headers }).end()
  onward.on('upgrade', (answer, server) => {
    const fields = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join('')}\r\n`)
    socket.once('close', () => server.destroy())
    server.on('error', ignore).resume()
    then()
  })
  onward.on('response', () => socket.destroy()).on('error', () => socket.destroy())
}

function deliver(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, withoutHops(answer)).flushHeaders()
  answer.pipe(response)
}

async function gather(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await answer.toArray().catch(() => undefined)
  if (body) response.writeHead(answer.statusCode ?? 502, withoutHops(answer)).end(Buffer.concat(body))
  else response.destroy()
}

function withoutHops({ headers }: IncomingMessage) {
  const { connection, 'keep-alive': alive, 'transfer-encoding': coding, ...others } = headers
  return others
}

/**
 * Bytes arrive later, in order. The operating system answers a connection on this machine at once, so the round trip that
 * it costs elsewhere is put before the first bytes of the browser.
 */
function createDistance(target: number, latency: number): TcpServer {
  return createTcpServer({ noDelay: true }, browser => {
    const server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    const connected = performance.now() + 2 * latency
    carry(browser, server, () => Math.max(performance.now(), connected) + latency)
    carry(server, browser, () => performance.now() + latency)
  })
}

function carry(from: Socket, to: Socket, due: () => number): void {
  let previous: Promise<unknown> = Promise.resolve()
  const later = (act: () => void) => {
    const at = due()
    previous = previous.then(() => sleep(at - performance.now())).then(act)
  }
  from.on('data', chunk => later(() => to.writable && to.write(chunk)))
  from.on('close', () => later(() => to.destroy()))
  from.on('error', ignore)
}

function ignore(): void {}
