/** Socket.IO's own server beside the test pages, with a chat of the kind that its tutorials end with. */
import { Server, type ServerOptions, type Socket } from 'socket.io'
import { type Site, startSite } from '../fixtures/site.ts'

export interface SocketIOPlace extends AsyncDisposable {
  site: Site
  io: Server
  /** Those that are in, the oldest first. */
  readonly sockets: Socket[]
  /** Ends all and comes back on the same port, knowing nothing. */
  restart(): Promise<void>
}

/** What the chat answers a message with. */
interface Answer {
  status: 200 | 404
  note?: string
}

type Options = Partial<ServerOptions>

const usual: Options = {
  serveClient: false,
  connectionStateRecovery: { maxDisconnectionDuration: 60_000, skipMiddlewares: true },
}

export async function startSocketIO(
  options: Options = {},
  prepare: (io: Server) => void = () => {},
): Promise<SocketIOPlace> {
  const place: SocketIOPlace = {
    site: await startSite(),
    io: new Server(),
    get sockets() {
      return [...place.io.sockets.sockets.values()]
    },
    async restart() {
      await close()
      place.site = await startSite({ port: place.site.port })
      install()
    },
    [Symbol.asyncDispose]: close,
  }
  install()
  return place

  function install(): void {
    place.io = new Server(place.site.server, { ...usual, ...options })
    prepare(place.io)
  }

  async function close(): Promise<void> {
    place.io.engine.close()
    await place.site.close()
  }
}

/** Login by token, to one and to everyone: each message is answered 200, or 404 where nobody of that name is in. */
export function chat(io: Server): void {
  io.use((socket, next) => {
    const { token } = socket.handshake.auth
    const name = typeof token === 'string' && /^let-me-in-as:(\w+)$/.exec(token)?.[1]
    if (!name) return next(new Error('no such person'))
    socket.data.name = name
    next()
  })
  io.on('connection', socket => {
    const { name } = socket.data
    void socket.join(`user:${name}`)
    if (!socket.recovered) socket.broadcast.emit('joined', name)
    socket.on('chat', async (message: { to: string; text: string }, answer: (with_: Answer) => void) => {
      const { to, text } = message
      const rooms = to === 'ALL' ? [] : [`user:${to}`]
      if (rooms.length > 0 && (await io.in(rooms).fetchSockets()).length === 0)
        return answer({ status: 404, note: `nobody called ${to} is here` })
      const audience = rooms.length > 0 ? io.to(rooms) : io
      audience.emit('chat', { from: name, text })
      answer({ status: 200 })
    })
  })
}
