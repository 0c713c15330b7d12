import type { Server } from 'node:http'
import { WebSocketServer } from 'ws'
import { route } from './route.ts'

/** What a server without any library does: `/socket`, `/stream` and `/poll`. */
export function serveNative(server: Server): void {
  new WebSocketServer({ server, path: '/socket', perMessageDeflate: false }).on('connection', socket =>
    socket.send('websocket'),
  )
  route(server, '/stream', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.write('data: eventsource\n\n')
  })
  route(server, '/poll', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store' }).end('long-polling')
  })
}
