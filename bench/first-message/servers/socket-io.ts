import type { Server } from 'node:http'
import { Server as SocketIo } from 'socket.io'

export function serveSocketIo(server: Server): void {
  new SocketIo(server, { serveClient: false }).on('connection', socket => {
    socket.emit('message', socket.conn.transport.name)
  })
}
