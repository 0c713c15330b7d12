import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { text } from 'node:stream/consumers'

/** Requests to this path and below it go to the listener, all others where they went. */
export function route(server: Server, path: string, listener: RequestListener): void {
  const others = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    const { pathname } = urlOf(request)
    if (pathname === path || pathname.startsWith(`${path}/`)) listener(request, response)
    else for (const other of others) other.call(server, request, response)
  })
}

export function urlOf({ url = '/' }: IncomingMessage): URL {
  return new URL(url, 'http://bench')
}

export function bodyOf(request: IncomingMessage): Promise<string> {
  return text(request)
}
