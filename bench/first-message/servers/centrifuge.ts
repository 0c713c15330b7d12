import { randomUUID } from 'node:crypto'
import type { Server, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import { bodyOf, route, urlOf } from './route.ts'

/**
 * As much of a Centrifugo server as a first message needs, over WebSocket, HTTP streaming and server-sent events, after its
 * public client protocol (JSON). The real one is written in Go and gives each connection more to do.
 */
export function serveCentrifuge(server: Server): void {
  const sockets = new WebSocketServer({ server, path: '/centrifuge/socket', perMessageDeflate: false })
  sockets.on('connection', socket => {
    socket.on('message', data => {
      if (`${data}`.includes('"connect"')) socket.send(greeting('websocket'))
    })
  })
  route(server, '/centrifuge/http_stream', async (request, response) => {
    await bodyOf(request)
    begin(response, 'application/json').write(`${greeting('http_stream')}\n`)
  })
  route(server, '/centrifuge/sse', (request, response) => {
    if (!urlOf(request).searchParams.get('cf_connect')) return void response.writeHead(400).end()
    const events = greeting('sse').split('\n')
    begin(response, 'text/event-stream').write(events.map(event => `data: ${event}\n\n`).join(''))
  })
}

/** The reply to the connect command, and the first push in the same breath. */
function greeting(carrier: string): string {
  const connect = { client: randomUUID(), version: '0.0.0', ping: 25, pong: true, session: 's', node: 'n' }
  const reply = { id: 1, connect }
  const push = { push: { message: { data: carrier } } }
  return `${JSON.stringify(reply)}\n${JSON.stringify(push)}`
}

function begin(response: ServerResponse, type: string): ServerResponse {
  return response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' })
}
