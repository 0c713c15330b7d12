import type { Server } from 'node:http'
import { Server as SocketIo } from 'socket.io'
import type { Door } from '../peer.ts'

/** `recovers`: with its "connection state recovery". */
export function serveSocketIo(server: Server, { joined, heard }: Door, recovers = false) {
  const recovery = recovers ? { connectionStateRecovery: {} } : {}
  const io = new SocketIo(server, { serveClient: false, ...recovery })
  io.on('connection', socket => {
    socket.on('message', text => heard?.(text))
    if (!socket.recovered)
      joined({ carrier: socket.conn.transport.name, send: text => void socket.emit('message', text) })
  })
  return (text: string) => void io.emit('message', text)
}
