/** The npm package sockjs, which the protocol's own authors wrote, beside the test pages. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { Connection, Options } from 'sockjs'
import { type Site, startSite } from '../fixtures/site.ts'

export interface SockJSPlace extends AsyncDisposable {
  site: Site
  /** Those that are open, the oldest first. */
  readonly connections: Connection[]
  /** All that pages have sent, in the order in which it came. */
  readonly heard: string[]
  /** How many sessions there have been. */
  readonly sessions: number
  /** The paths of all requests since the start. */
  readonly paths: string[]
  /** How many requests it holds that it has not answered to the end, WebSockets among them: between two polls there is none. */
  readonly held: number
  publish(text: string): void
  /** Whoever asks for such a path is answered by this status; nobody, without one. */
  answer(path?: RegExp, status?: number): void
  /** Ends all and comes back on the same port, knowing nothing. */
  restart(): Promise<void>
}

/** Where it answers. */
export const prefix = '/sockjs'

/** `echo`: what a page sends comes back to it. */
export async function startSockJs(options: Partial<Options> = {}, echo = false): Promise<SockJSPlace> {
  let intercept: { path: RegExp; status: number } | undefined
  let sessions = 0
  let held = 0
  const paths: string[] = []
  const connections: Connection[] = []
  const heard: string[] = []

  const place: SockJSPlace = {
    site: await startSite(),
    connections,
    heard,
    paths,
    get sessions() {
      return sessions
    },
    get held() {
      return held
    },
    publish(text) {
      for (const connection of connections) connection.write(text)
    },
    answer(path, status = 404) {
      intercept = path && { path, status }
    },
    async restart() {
      await place.site.close()
      connections.length = 0
      place.site = await startSite({ port: place.site.port })
      install()
    },
    [Symbol.asyncDispose]: () => place.site.close(),
  }
  install()
  return place

  function install(): void {
    const service = anew().createServer({ prefix, log() {}, ...options })
    service.on('connection', connection => {
      sessions++
      connections.push(connection)
      connection.on('data', text => {
        heard.push(text)
        if (echo) connection.write(text)
      })
      connection.on('close', () => {
        const at = connections.indexOf(connection)
        if (at >= 0) connections.splice(at, 1)
      })
    })
    const { server } = place.site
    service.installHandlers(server)
    const [handle] = server.listeners('request') as RequestListener[]
    const [upgrade] = server.listeners('upgrade') as ((...given: never[]) => void)[]
    server.removeAllListeners('request').removeAllListeners('upgrade')
    server.on('request', (request, response) => {
      const status = note(request, response)
      if (status) response.writeHead(status).end()
      else handle?.(request, response)
    })
    server.on('upgrade', (request, socket, head) => {
      const status = note(request, socket)
      if (status) socket.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\n\r\n`)
      else upgrade?.(...([request, socket, head] as never[]))
    })
  }

  /** The status it is to be answered with, if the test says so. */
  function note({ url = '' }: IncomingMessage, way: EventEmitter): number | undefined {
    if (url.startsWith(prefix)) {
      paths.push(url.split('?', 1)[0] as string)
      held++
      way.once('close', () => held--)
    }
    return intercept?.path.test(url) ? intercept.status : undefined
  }
}

/** The package keeps its sessions with the module: a server that is to know nothing of the one before needs a module of its own. */
function anew(): typeof import('sockjs') {
  const require = createRequire(import.meta.url)
  for (const path of Object.keys(require.cache)) if (/[\\/]sockjs[\\/]/.test(path)) delete require.cache[path]
  return require('sockjs')
}
