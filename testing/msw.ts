import type { Network, Socket } from './network.ts'

/** What of the package msw is needed, as it exports them. */
export interface Msw<Http, Socket> {
  /** For requests. */
  http: { all(url: string, resolve: (info: { request: Request }) => Promise<Response>): Http }
  /** For WebSockets. */
  ws: {
    link(url: string): {
      addEventListener(type: 'connection', listener: (connection: MswConnection) => void): Socket
    }
  }
}

/** A socket of a page, as msw hands it on. */
export interface MswConnection {
  /** The page's end. */
  client: {
    readonly url: URL
    send(data: string): void
    close(code?: number, reason?: string): void
    addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
    addEventListener(type: 'close', listener: () => void): void
  }
  /** What it asked for. */
  info: { protocols: string | string[] | undefined }
}

/** Handlers that answer whoever asks for this URL as the hub does. */
export function createHandlers<Http, Sockets>(
  { http, ws }: Msw<Http, Sockets>,
  url: string,
  network: Network,
): (Http | Sockets)[] {
  const { href } = new URL(url)
  return [
    http.all(href, async ({ request }) => {
      try {
        return await network.fetch(request)
      } catch {
        return Response.error()
      }
    }),
    ws.link(href.replace(/^http/, 'ws')).addEventListener('connection', connect),
  ]

  function connect({ client, info }: MswConnection): void {
    const early: unknown[] = []
    let socket: Socket | undefined
    const offered = [info.protocols ?? []].flat().join(', ')
    const request = new Request(client.url.href.replace(/^ws/, 'http'), {
      headers: offered ? { 'sec-websocket-protocol': offered } : {},
    })
    client.addEventListener('message', ({ data }) => {
      if (socket) socket.send(data)
      else early.push(data)
    })
    client.addEventListener('close', () => socket?.close())
    network
      .open(request, {
        heard: text => client.send(text),
        // A browser's own code for a line that broke, and for one without a code, nobody may send (WebSockets standard, 3.1).
        closed: (code, reason) => client.close(code === 1006 || code === 1005 ? 4_000 : code, reason),
      })
      .then(
        opened => {
          socket = opened
          socket.begin()
          for (const data of early) socket.send(data)
        },
        () => client.close(1011),
      )
  }
}
