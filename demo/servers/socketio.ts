import type { Socket } from 'socket.io'
import type { Serve } from '../live.ts'

/** Engine.IO knows two of the ways, by names of its own. */
const names: Record<string, string> = { websocket: 'websocket', polling: 'long-polling' }

/** Socket.IO at `/socket.io/`, as its own documentation begins, with connection state recovery. */
export const serveSocketIo: Serve = async (server, people, heard) => {
  const { Server } = await import('socket.io').catch(() => ({ Server: undefined }))
  if (!Server) return undefined
  let refused: readonly string[] = []
  const io = new Server(server, {
    serveClient: false,
    // The upgrades of our own hub are none of its business.
    destroyUpgrade: false,
    connectionStateRecovery: {},
    allowRequest: ({ url }, answer) => {
      const asked = new URL(url ?? '/', 'http://here').searchParams.get('transport') ?? ''
      answer('refused by the network lab', !refused.includes(names[asked] ?? asked))
    },
  })
  io.use((socket, next) => {
    const { name, page } = socket.handshake.query
    const entered = people.enter(name, `${page}`)
    if ('status' in entered) return next(new Error(entered.message))
    socket.data = entered
    next()
  })
  io.on('connection', hear)

  return {
    name: 'socketio',
    publish: (topic, data, event = 'message') => void io.to(topic).emit(event, data),
    refuse(transports) {
      refused = transports
      end(({ conn }) => refused.includes(names[conn.transport.name] ?? ''))
    },
    cut: () => end(() => true),
    restart: () => end(() => true),
    close: async () => {
      // It would close the web server with it, which is not its own.
      io.disconnectSockets(true)
      io.engine.close()
    },
  }

  function hear(socket: Socket): void {
    const { name, principal } = socket.data
    const visitor = { id: socket.id, principal }
    void socket.join(['lobby', `user:${name}`])
    heard.opened(visitor)
    socket.on('disconnect', () => heard.closed(visitor))
    socket.onAny((event: string, data: unknown) =>
      heard.message({ event, data: JSON.stringify(data), session: visitor }, (told, as) =>
        socket.emit(as.event, JSON.parse(told)),
      ),
    )
  }

  function end(which: (socket: Socket) => boolean): void {
    for (const socket of io.sockets.sockets.values()) if (which(socket)) socket.conn.close()
  }
}
