import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import type { Door } from '../peer.ts'
import { createPolls } from './polls.ts'
import { bodyOf, route, urlOf } from './route.ts'

/**
 * As much of SignalR's server as these questions need, over its three transports, after its public "TransportProtocols"
 * and "HubProtocol" specifications. The real one runs on .NET; this one does less work for each message, not more.
 */
export function serveSignalR(server: Server, { joined, heard }: Door): (text: string) => void {
  const lines = new Map<string, Line>()
  const polls = createPolls(records => records.join(''))
  const sockets = new WebSocketServer({ server, path: '/signalr', perMessageDeflate: false })
  sockets.on('connection', (socket, request) => {
    const line = enter(idOf(request), 'websocket', record => socket.send(record))
    socket.on('message', data => line.hear(`${data}`))
    socket.on('error', () => {})
    socket.on('close', () => lines.delete(idOf(request)))
  })
  route(server, '/signalr', (request, response) => void answer(request, response))
  return text => {
    const record = recordOf(text)
    for (const { send } of lines.values()) send(record)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = idOf(request)
    if (urlOf(request).pathname.endsWith('/negotiate')) return reply(response, JSON.stringify(negotiation()))
    if (request.method === 'DELETE') lines.delete(id)
    else if (request.method === 'POST') lines.get(id)?.hear(await bodyOf(request))
    else if (request.headers.accept === 'text/event-stream') return stream(id, response)
    else if (lines.has(id)) return polls.wait(id, response)
    // The first poll is answered empty: it only says that the client polls.
    else enter(id, 'long-polling', polls.sender(id))
    reply(response, '')
  }

  function stream(id: string, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.write(':\r\n\r\n')
    response.once('close', () => lines.delete(id))
    enter(id, 'eventsource', record => void response.write(`data: ${record}\r\n\r\n`))
  }

  function enter(id: string, carrier: string, send: Line['send']): Line {
    const line: Line = {
      send,
      hear(records) {
        for (const record of records.split('\x1e')) {
          if (!record) continue
          const told = JSON.parse(record)
          if (told.protocol) {
            send('{}\x1e')
            joined({ carrier, send: text => send(recordOf(text)) })
          } else if (told.type === 1) heard?.(told.arguments[0])
        }
      },
    }
    lines.set(id, line)
    return line
  }
}

interface Line {
  send(record: string): void
  hear(records: string): void
}

function recordOf(text: string): string {
  return `${JSON.stringify({ type: 1, target: 'message', arguments: [text] })}\x1e`
}

function idOf(request: IncomingMessage): string {
  return urlOf(request).searchParams.get('id') ?? ''
}

function negotiation() {
  const names = ['WebSockets', 'ServerSentEvents', 'LongPolling']
  const availableTransports = names.map(transport => ({ transport, transferFormats: ['Text'] }))
  const id = randomUUID()
  return { negotiateVersion: 1, connectionId: id, connectionToken: id, availableTransports }
}

function reply(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }).end(body)
}
