import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import type { Client, Door } from '../peer.ts'
import { createPolls } from './polls.ts'
import { bodyOf, route, urlOf } from './route.ts'

/** What a server without any library does: `/socket`, `/stream`, `/lines`, `/poll` and, upward, `/up`. */
export function serveNative(server: Server, { joined, heard }: Door): (text: string) => void {
  const clients = new Set<Client>()
  const polls = createPolls(texts => texts.join('\n'))
  const sockets = new WebSocketServer({ server, path: '/socket', perMessageDeflate: false })
  sockets.on('connection', socket => {
    const client = enter({ carrier: 'websocket', send: text => socket.send(text) })
    socket.on('message', data => heard?.(`${data}`))
    socket.on('error', () => {})
    socket.on('close', () => clients.delete(client))
  })
  route(server, '/stream', (_, response) => {
    begin(response, 'text/event-stream', 'eventsource', text => `data: ${text}\n\n`)
  })
  route(server, '/lines', (_, response) => {
    begin(response, 'text/plain', 'xhr-streaming', text => `${text}\n`)
  })
  route(server, '/poll', (request, response) => {
    const name = urlOf(request).search
    polls.wait(name, response)
    if (polls.isNew(name)) enter({ carrier: 'long-polling', send: polls.sender(name) })
  })
  route(server, '/up', async (request, response) => {
    heard?.(await bodyOf(request))
    response.writeHead(204).end()
  })
  return text => {
    for (const client of clients) client.send(text)
  }

  function enter(client: Client): Client {
    clients.add(client)
    joined(client)
    return client
  }

  function begin(
    response: ServerResponse,
    type: string,
    carrier: string,
    write: (text: string) => string,
  ): void {
    // Without the last one Chromium holds plain text back to look what it is.
    const headers = { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
    response.writeHead(200, headers).flushHeaders()
    const client = enter({ carrier, send: text => void response.write(write(text)) })
    void once(response, 'close').then(() => clients.delete(client))
  }
}
