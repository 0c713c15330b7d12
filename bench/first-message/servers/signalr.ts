import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import { bodyOf, route, urlOf } from './route.ts'

/**
 * As much of SignalR's server as a first message needs, over its three transports, after its public "TransportProtocols"
 * and "HubProtocol" specifications. The real one runs on .NET; this one does less work for each message, not more.
 */
export function serveSignalR(server: Server): void {
  const lines = new Map<string, Line>()
  const sockets = new WebSocketServer({ server, path: '/signalr', perMessageDeflate: false })
  sockets.on('connection', socket => {
    const line = createLine('websocket', record => socket.send(record))
    socket.on('message', data => line.hear(`${data}`))
  })
  route(server, '/signalr', (request, response) => void answer(request, response))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = urlOf(request)
    const id = searchParams.get('id') ?? ''
    if (pathname.endsWith('/negotiate')) return reply(response, JSON.stringify(negotiation()))
    if (request.method === 'DELETE') lines.delete(id)
    else if (request.method === 'POST') lines.get(id)?.hear(await bodyOf(request))
    else if (request.headers.accept === 'text/event-stream') return stream(id, response)
    else return poll(id, response)
    reply(response, '')
  }

  function stream(id: string, response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.write(':\r\n\r\n')
    lines.set(
      id,
      createLine('eventsource', record => void response.write(`data: ${record}\r\n\r\n`)),
    )
  }

  /** The first poll is answered empty: it only says that the client polls. */
  function poll(id: string, response: ServerResponse): void {
    const line = lines.get(id)
    if (line) return line.wait(response)
    lines.set(id, createLine('long-polling'))
    reply(response, '')
  }
}

interface Line {
  /** The handshake is answered, and the message follows; of what else comes nothing is needed. */
  hear(records: string): void
  wait(response: ServerResponse): void
}

/** Without a way to send, records wait for the next poll. */
function createLine(carrier: string, send?: (record: string) => void): Line {
  let held = ''
  let waiting: ServerResponse | undefined
  return {
    hear(said) {
      if (!said.includes('"protocol"')) return
      const records = ['{}\x1e', `{"type":1,"target":"hello","arguments":["${carrier}"]}\x1e`]
      if (send) for (const record of records) send(record)
      else hold(records.join(''))
    },
    wait(response) {
      waiting = response
      release()
    },
  }

  function hold(records: string): void {
    held += records
    release()
  }

  function release(): void {
    if (!held || !waiting) return
    reply(waiting, held)
    held = ''
    waiting = undefined
  }
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
