import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type HubRequest, targetOf } from '../http/hub-request.ts'
import type { Arrival } from '../http/proxies.ts'
import type { Registry } from '../log/log.ts'
import { ignore } from '../wire/channel.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'
import {
  createForwarder,
  elsewhereHeader,
  type Forwarded,
  type Forwarder,
  type Outcome,
  ofConnection,
} from './forward.ts'
import { createNodes } from './nodes.ts'

/** Brings what is asked of a session to the hub where it lives. */
export interface Cluster {
  /** Whether a request may be another hub's, which is to be asked for by the next two. */
  isForeign(ask: HubRequest, request: Incoming): boolean
  /** Has it answered where its session lives. `false`: that is here, or nowhere. */
  forward(
    ask: HubRequest,
    request: Incoming,
    response: Outgoing,
    body: () => Promise<Buffer>,
  ): Promise<boolean>
  forwardUpgrade(ask: HubRequest, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<boolean>
  /** Whether another hub has brought it. */
  isForwarded(request: Incoming): boolean
  /** Tells the hub that has brought it that what it is about is not here. */
  refuse(response: Outgoing): void
  refuseUpgrade(socket: Duplex): void
  /** How many hubs there are, this one included. */
  readonly nodes: number
  /** How many requests others have answered for it. */
  readonly forwarded: number
  close(): Promise<void>
}

/** What a hub does with what others bring it. */
export interface Service {
  handle(request: IncomingMessage, response: Outgoing): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** It came so to the hub that brings it. */
  vouch(request: Incoming, arrival: Arrival): void
  /** Whether a session is known here, be it that it was ended. */
  knows(sid: string): boolean
  failed(error: unknown): void
}

/** For how long all transports of a race go to one hub, in ms. */
const racing = 30_000

/** By this header a hub says how a request came to it, and proves that it is one of them. */
const sealHeader = 'throughline-forwarded'

/** `self`: with what the ids of this hub's sessions begin. */
export function createCluster(registry: Registry, self: string, service: Service): Cluster {
  const nodes = createNodes(registry, self)
  let count = 0
  const forwarded = new WeakSet<Incoming>()
  const lines = new Map<string, string>() // by line, whose it is
  let server: Server | undefined
  let forwarder: Forwarder | undefined
  const started = start().catch(service.failed)

  return {
    isForeign,
    forward,
    forwardUpgrade,
    isForwarded: request => forwarded.has(request),
    refuse(response) {
      response.setHeader(elsewhereHeader, '1')
      response.statusCode = 421
      response.end()
    },
    refuseUpgrade(socket) {
      socket.end(
        `HTTP/1.1 421 Misdirected Request\r\n${elsewhereHeader}: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      )
    },
    get nodes() {
      return nodes.count
    },
    get forwarded() {
      return count
    },
    close,
  }

  /** What others bring comes by a server of its own: whatever serves the application's clients is not in the way. */
  async function start(): Promise<void> {
    const address = await registry.address?.()
    if (address === undefined) return
    const { createServer } = await import('node:http')
    forwarder = await createForwarder()
    server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 })
    server.on('request', (request, response) =>
      isOurs(request) ? service.handle(request, response) : request.destroy(),
    )
    server.on('upgrade', (request, socket, head) =>
      isOurs(request) ? service.upgrade(request, socket, head) : socket.destroy(),
    )
    await new Promise<void>((resolve, reject) => server?.once('error', reject).listen(0, address, resolve))
    server.unref().on('error', ignore)
    const { port } = server.address() as { port: number }
    await nodes.enter(`${address}:${port}`)
  }

  /** Whether a hub says so. How it came there is how it comes here. */
  function isOurs(request: IncomingMessage): boolean {
    const [text = '', signature = ''] = String(request.headers[sealHeader] ?? '').split('.')
    if (!nodes.isSigned(sealed(request, text), signature)) return false
    forwarded.add(request)
    delete request.headers[sealHeader]
    service.vouch(request, JSON.parse(Buffer.from(text, 'base64url').toString()))
    return true
  }

  function sealed({ method, url }: Pick<Incoming, 'method' | 'url'>, text: string): string {
    return `${method} ${url} ${text}`
  }

  function isForeign(ask: HubRequest, request: Incoming): boolean {
    if (!forwarder || ask.before || nodes.count === 1 || forwarded.has(request)) return false
    const sid = ask.sid ?? ask.url.searchParams.get('rt.by')
    if (sid) return !sid.startsWith(self) && !service.knows(sid)
    return ask.line !== undefined && lines.get(ask.line) !== self
  }

  async function forward(
    ask: HubRequest,
    request: Incoming,
    response: Outgoing,
    body: () => Promise<Buffer>,
  ): Promise<boolean> {
    const node = await homeOf(ask)
    const address = node === undefined ? undefined : nodes.addressOf(node)
    if (!node || !address) return false
    const what = forwardedOf(ask, request, ask.via === 'post' ? await body() : undefined)
    const outcome = await forwarder?.request(address, what, response)
    if (outcome === 'broken') response.destroy()
    return isDone(node, outcome)
  }

  async function forwardUpgrade(
    ask: HubRequest,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<boolean> {
    const node = await homeOf(ask)
    const address = node === undefined ? undefined : nodes.addressOf(node)
    if (!node || !address) return false
    const outcome = await forwarder?.upgrade(address, forwardedOf(ask, request), socket, head)
    if (outcome === 'broken') socket.destroy()
    return isDone(node, outcome)
  }

  function isDone(node: string, outcome: Outcome | undefined): boolean {
    if (outcome === 'unreachable') nodes.lost(node)
    if (outcome === 'answered') count++
    return outcome === 'answered' || outcome === 'broken'
  }

  function forwardedOf({ arrival, via }: HubRequest, request: Incoming, body?: Buffer): Forwarded {
    const { method = 'GET', headers } = request
    const url = targetOf(request)
    const text = Buffer.from(JSON.stringify(arrival)).toString('base64url')
    const kept = Object.entries(headers).filter(
      ([name]) => !name.startsWith(':') && (via === 'websocket' || !ofConnection.test(name)),
    )
    return {
      method,
      url,
      headers: {
        ...Object.fromEntries(kept),
        host: headers.host ?? String(headers[':authority']),
        [sealHeader]: `${text}.${nodes.sign(sealed({ method, url }, text))}`,
        ...(body && { 'content-length': body.length }),
      },
      ...(body && { body }),
    }
  }

  async function homeOf(ask: HubRequest): Promise<string | undefined> {
    const sid = ask.sid ?? ask.url.searchParams.get('rt.by') ?? undefined
    if (sid !== undefined) return /^[\w-]{32}$/.test(sid) ? sid.slice(0, self.length) : undefined
    return ask.line === undefined ? undefined : claim(ask.line)
  }

  /** All transports of a race go where the first of them came to: none of them has been told a session yet. */
  async function claim(line: string): Promise<string | undefined> {
    const node = await registry.compareAndSet(`line:${line}`, undefined, self, racing)
    if (node === undefined) return undefined
    lines.delete(line)
    lines.set(line, node)
    const [oldest] = lines.keys()
    if (lines.size > 10_000 && oldest !== undefined) lines.delete(oldest)
    return node === self ? undefined : node
  }

  async function close(): Promise<void> {
    await started
    await nodes.leave()
    forwarder?.close()
    server?.close()
    server?.closeAllConnections()
  }
}
