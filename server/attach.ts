import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What stands in front of a server. */
export interface Front {
  /** Whether a request is its own. */
  owns(request: IncomingMessage): boolean
  handle(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Turns a connection away before its request is read, or does nothing to it and gives `false`. `plain`: nothing is encrypted. */
  turnsAway?(socket: Socket, plain: boolean): boolean
  /** Node has closed one, since the server has as many as it may. */
  dropped?(address: string): void
}

/** Anything that emits as node:http's servers do, those of node:http2 included. */
export type AnyServer = Pick<Server, 'emit' | 'on' | 'off' | 'listeners'>

interface Gate {
  readonly fronts: Set<Front>
  leave(): void
}

/** All that is attached to a server shares what is added to it. */
const gates = new WeakMap<AnyServer, Gate>()

/**
 * Lets `front` see requests and upgrades before the server's listeners do, be they added before or later. Others are answered as if
 * nothing were attached, and what nobody would ever answer is answered 404. Gives back the undo.
 */
export function attachTo(server: AnyServer, front: Front): () => void {
  checkServer(server)
  const gate = gates.get(server) ?? enter(server)
  const own = { ...front } // what is attached twice is there twice
  gate.fronts.add(own)
  return () => {
    if (gate.fronts.delete(own) && gate.fronts.size === 0) gate.leave()
  }
}

/** Stands in the way of `emit`, since a listener cannot keep the others from being called. */
function enter(server: AnyServer): Gate {
  const { emit } = server
  const fronts = new Set<Front>()
  const isPlain = !('setSecureContext' in server)
  const gate: Gate = { fronts, leave }
  gates.set(server, gate)
  // Without a listener Node announces no upgrades, and the compatible part of HTTP/2 no requests.
  server.on('upgrade', unowned)
  server.on('request', unanswered)
  server.emit = intercept
  return gate

  function leave(): void {
    gates.delete(server)
    server.off('upgrade', unowned)
    server.off('request', unanswered)
    // Somebody else may have done the same since; then ours stays in the chain and lets everything pass.
    if (server.emit === intercept) server.emit = emit
  }

  function intercept(this: AnyServer, name: string, ...args: unknown[]): boolean {
    return takes(name, args) || Reflect.apply(emit, this, [name, ...args])
  }

  function ownerOf(request: IncomingMessage): Front | undefined {
    for (const front of fronts) if (front.owns(request)) return front
    return undefined
  }

  function takes(name: string, args: unknown[]): boolean {
    if (name === 'connection') return [...fronts].some(front => front.turnsAway?.(args[0] as Socket, isPlain))
    if (name === 'drop') for (const front of fronts) front.dropped?.(addressOf(args[0]))
    if (name !== 'request' && name !== 'upgrade') return false
    const [request, other, head] = args as [IncomingMessage, ServerResponse & Duplex, Buffer]
    const owner = ownerOf(request)
    if (!owner) return false
    if (name === 'request') owner.handle(request, other)
    else if (isHandshake(request)) owner.upgrade(request, other, head)
    else replay(server, request, other, head)
    return true
  }
}

function addressOf(dropped: unknown): string {
  return (dropped as { remoteAddress?: string } | undefined)?.remoteAddress ?? ''
}

/** Whether somebody asks for a WebSocket. "A server MAY ignore a received Upgrade header field" (RFC 9110, 7.8): any other is. */
export function isHandshake({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

/** What would have been an ordinary request if nothing were attached, and nobody else takes upgrades, is one. */
function unowned(this: AnyServer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (this.listeners('upgrade').every(listener => listener === unowned)) replay(this, request, socket, head)
}

/** A server with no listeners but ours would leave its clients waiting. */
function unanswered(this: AnyServer, request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || !this.listeners('request').every(listener => listener === unanswered)) return
  request.resume()
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end('There is nothing here.\n')
}

/** Node has taken the socket out of HTTP. It is put back, with the request as it came, but for the offer to upgrade. */
function replay(server: AnyServer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  // The answer to a request that was sent before this one is still on its way.
  const before = (socket as { _httpMessage?: ServerResponse | null })._httpMessage
  if (before) {
    socket.on('error', ignore)
    before.once('close', () => setImmediate(replay, server, request, socket, head))
    return
  }
  socket.off('error', ignore)
  if (!socket.writable) return
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = withoutOffer(name.toLowerCase(), rawHeaders[at + 1] as string)
    if (value !== undefined) lines.push(`${name}: ${value}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket as never)
}

function ignore(): void {}

function withoutOffer(name: string, value: string): string | undefined {
  if (name === 'upgrade' || name === 'http2-settings') return undefined
  if (name !== 'connection') return value
  const rest = value.split(',').filter(token => !/^\s*(upgrade|http2-settings)?\s*$/i.test(token))
  return rest.join(',') || undefined
}

/** A framework's application emits and listens too, but no request ever comes out of it. */
function checkServer(server: unknown): void {
  const names = ['on', 'off', 'emit', 'listeners', 'address'] as const
  const given = server as Record<string, unknown> | null | undefined
  if (typeof given === 'object' && names.every(name => typeof given?.[name] === 'function')) return
  const what =
    typeof given === 'function' ? 'a function' : given === null ? 'null' : `no HTTP server (${typeof given})`
  throw new TypeError(
    `attach: this is ${what}; it takes the HTTP server: what createServer(app) or app.listen(…) gives back, or app.server where a framework has one`,
  )
}
