import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** What stands in front of a server. Each says whether the request was its own. */
export interface Front {
  handle(request: IncomingMessage, response: ServerResponse): boolean
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

/** Anything that emits as node:http's servers do. */
export type AnyServer = Pick<Server, 'emit' | 'on' | 'off' | 'listeners'>

/**
 * Lets `front` see requests and upgrades before the server's listeners do, be they added before or later. It stands in the
 * way of `emit`, since a listener cannot keep the others from being called. Gives back the undo.
 */
export function attachTo(server: AnyServer, front: Front): () => void {
  const emit = server.emit
  let active = true
  server.on('upgrade', unowned)
  server.emit = intercept
  return () => {
    active = false
    server.off('upgrade', unowned)
    // Somebody else may have done the same since; then ours stays in the chain and lets everything pass.
    if (server.emit === intercept) server.emit = emit
  }

  function intercept(this: AnyServer, name: string, ...args: unknown[]): boolean {
    return (active && takes(name, args)) || Reflect.apply(emit, this, [name, ...args])
  }

  function takes(name: string, args: unknown[]): boolean {
    if (name === 'request') return front.handle(...(args as Parameters<Front['handle']>))
    return name === 'upgrade' && front.upgrade(...(args as Parameters<Front['upgrade']>))
  }
}

/**
 * Without a listener Node would not announce upgrades at all. It is called for those that no hub has taken; if nobody
 * but hubs takes upgrades here, nobody would ever answer.
 */
function unowned(this: AnyServer, _: IncomingMessage, socket: Duplex): void {
  if (!socket.writable || !this.listeners('upgrade').every(listener => listener === unowned)) return
  socket.on('error', () => {})
  socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
}
