import { randomUUID } from 'node:crypto'
import type { Server, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import type { Client, Door } from '../peer.ts'
import { bodyOf, route, urlOf } from './route.ts'

/** A command of the client, as far as one is answered here. */
interface Command {
  id?: number
  connect?: object
  send?: { data: string }
}

/**
 * As much of a Centrifugo server as these questions need, over WebSocket, HTTP streaming and server-sent events, after its
 * public client protocol (JSON). The real one is written in Go and gives each connection more to do.
 */
export function serveCentrifuge(server: Server, { joined, heard }: Door): (text: string) => void {
  const clients = new Set<Client>()
  const sockets = new WebSocketServer({ server, path: '/centrifuge/socket', perMessageDeflate: false })
  sockets.on('connection', socket => {
    const write = (line: string) => socket.send(line)
    let client: Client | undefined
    socket.on('message', data => {
      for (const command of `${data}`.split('\n').filter(Boolean).map(readCommand)) {
        if (command.connect) client = enter('websocket', command, write)
        else if (command.send) heard?.(command.send.data)
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => client && clients.delete(client))
  })
  route(server, '/centrifuge/http_stream', async (request, response) => {
    const command = readCommand(await bodyOf(request))
    begin(response, 'application/json')
    follow(
      response,
      enter('http_stream', command, line => void response.write(`${line}\n`)),
    )
  })
  route(server, '/centrifuge/sse', (request, response) => {
    const connect = urlOf(request).searchParams.get('cf_connect')
    if (!connect) return void response.writeHead(400).end()
    begin(response, 'text/event-stream')
    follow(
      response,
      enter('sse', readCommand(connect), line => void response.write(`data: ${line}\n\n`)),
    )
  })
  return text => {
    for (const client of clients) client.send(text)
  }

  function enter(carrier: string, { id }: Command, write: (line: string) => void): Client {
    const connect = { client: randomUUID(), version: '0.0.0', ping: 25, pong: true, session: 's', node: 'n' }
    write(JSON.stringify({ id, connect }))
    const client = {
      carrier,
      send: (data: string) => write(JSON.stringify({ push: { message: { data } } })),
    }
    clients.add(client)
    joined(client)
    return client
  }

  function follow(response: ServerResponse, client: Client): void {
    response.once('close', () => clients.delete(client))
  }
}

function readCommand(line: string): Command {
  return JSON.parse(line)
}

function begin(response: ServerResponse, type: string): void {
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' })
}
