/** A server as people write them in an hour: an event stream with ids, a WebSocket echo, and a script that ends after each batch. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type WebSocket as Socket, WebSocketServer } from 'ws'
import { type Site, startSite } from '../fixtures/site.ts'
import type { Published } from '../network/history.ts'

export interface PlainServer extends AsyncDisposable {
  readonly site: Site
  /** All that was published, by the test or by a POST to `/events`. */
  readonly published: readonly Published[]
  publish(data: string): void
  /** Ends all event streams and sockets: in good order, or not. */
  endAll(how: 'end' | 'cut'): void
}

export async function startPlainServer(retry = 100): Promise<PlainServer> {
  const site = await startSite()
  const published: Published[] = []
  const streams = new Set<ServerResponse>()
  const sockets = new Set<Socket>()
  const echo = new WebSocketServer({ server: site.server, path: '/echo' })
  echo.on('connection', socket => {
    sockets.add(socket)
    socket.on('message', (data, binary) => socket.send(data, { binary }))
    socket.on('close', () => sockets.delete(socket))
  })
  site.route('/events', (request, response) => {
    if (request.method === 'POST') return void take(request, response)
    begin(request, response)
    streams.add(response)
    response.once('close', () => streams.delete(response))
  })
  site.route('/batches', (request, response) => {
    begin(request, response)
    response.end()
  })

  return {
    site,
    published,
    publish,
    endAll(how) {
      for (const response of streams) how === 'end' ? response.end() : response.socket?.resetAndDestroy()
      for (const socket of sockets) how === 'end' ? socket.close() : socket.terminate()
      streams.clear()
    },
    async [Symbol.asyncDispose]() {
      echo.close()
      await site.close()
    },
  }

  function publish(data: string): void {
    const entry = { id: `${published.length + 1}`, data }
    published.push(entry)
    for (const stream of streams) write(stream, entry)
  }

  function begin({ headers }: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(`retry: ${retry}\n\n`)
    for (const entry of published.slice(Number(headers['last-event-id'] ?? 0))) write(response, entry)
  }

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const piece of request) body += piece
    publish(body)
    response.writeHead(204).end()
  }
}

function write(response: ServerResponse, { id, data }: Published): void {
  response.write(`id: ${id}\ndata: ${data}\n\n`)
}
