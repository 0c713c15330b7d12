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
  /** Leaves a session for whichever hub is asked for it next. Whether that is possible. */
  leave(sid: string, rest: unknown): Promise<boolean>
  /** Takes up the session that is asked for, if one was left that `forward` has found. `another`: another hub was quicker, and `forward` finds that. */
  takeUp(sid: string): Promise<{ readonly rest: unknown } | 'another' | undefined>
  /** A session that was taken up is over. */
  ended(sid: string): void
  /** Has all others do something too: those that are there, and each for as long as it is. */
  tellAll(order: object): void
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
  /** What another one has all of them do. */
  obey(order: object): void
  /** How long a session may be without a channel, in ms. */
  readonly sessionTimeout: number
  /** Whether a session is known here, be it that it was ended. */
  knows(sid: string): boolean
  failed(error: unknown): void
}

/** What the registry has of a session that does not live where it began: the hub where it does, or what was left of it. */
type Whereabouts = { readonly at: string } | { readonly rest: unknown }

/** For how long it is known where a session lives that has moved, unless that is told again. In ms. */
const lasting = 600_000

/** For how long all transports of a race go to one hub, in ms. */
const racing = 30_000

/** By this header a hub says how a request came to it, and proves that it is one of them. */
const sealHeader = 'throughline-forwarded'

/** By this one it says what all are to do. */
const orderHeader = 'throughline-order'

/** How long to wait with telling it once more, in ms. */
const again = 500

/** `self`: with what the ids of this hub's sessions begin. */
export function createCluster(registry: Registry, self: string, service: Service): Cluster {
  const nodes = createNodes(registry, self)
  let count = 0
  const forwarded = new WeakSet<Incoming>()
  const lines = new Map<string, string>() // by line, whose it is
  let server: Server | undefined
  let forwarder: Forwarder | undefined
  const left = new Map<string, string>() // sessions that nobody has taken up, as the registry has them
  const takenUp = new Map<string, string>() // those that live here now, likewise
  const clock = setInterval(keepTelling, lasting / 4).unref()
  let isOver = false
  let joined: Promise<void> | undefined
  void start().catch(service.failed)

  return {
    isForeign,
    leave,
    takeUp,
    ended,
    forward,
    forwardUpgrade,
    tellAll,
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
    if (address === undefined || isOver) return
    joined = join(address)
    await joined
  }

  async function join(address: string): Promise<void> {
    const { createServer } = await import('node:http')
    forwarder = await createForwarder()
    server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 })
    server.on('request', (request, response) => {
      if (isOurs(request)) service.handle(request, response)
      else if (isOrder(request)) response.end()
      else request.destroy()
    })
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

  /** Whether a hub says what is to be done. It is. */
  function isOrder(request: IncomingMessage): boolean {
    const [text = '', signature = ''] = String(request.headers[orderHeader] ?? '').split('.')
    if (!nodes.isSigned(text, signature)) return false
    service.obey(JSON.parse(Buffer.from(text, 'base64url').toString()))
    return true
  }

  function tellAll(order: object): void {
    const text = Buffer.from(JSON.stringify(order)).toString('base64url')
    for (const node of nodes.others()) void tell(node, text)
  }

  async function tell(node: string, text: string): Promise<void> {
    for (let address = nodes.addressOf(node); address; address = nodes.addressOf(node)) {
      if (await forwarder?.tell(address, { [orderHeader]: `${text}.${nodes.sign(text)}` })) return
      await new Promise(resolve => setTimeout(resolve, again).unref())
    }
  }

  function sealed({ method, url }: Pick<Incoming, 'method' | 'url'>, text: string): string {
    return `${method} ${url} ${text}`
  }

  function isForeign(ask: HubRequest, request: Incoming): boolean {
    if (!forwarder || ask.before || forwarded.has(request)) return false
    const sid = sidOf(ask)
    if (sid !== undefined) return !service.knows(sid)
    return ask.line !== undefined && nodes.count > 1 && lines.get(ask.line) !== self
  }

  async function forward(
    ask: HubRequest,
    request: Incoming,
    response: Outgoing,
    body: () => Promise<Buffer>,
  ): Promise<boolean> {
    let what: Forwarded | undefined
    const isDone = await bring(ask, async (to, address) => {
      what ??= forwardedOf(ask, request, ask.via === 'post' ? await body() : undefined)
      return to.request(address, what, response)
    })
    if (isDone === 'broken') response.destroy()
    return isDone !== undefined
  }

  async function forwardUpgrade(
    ask: HubRequest,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<boolean> {
    const isDone = await bring(ask, (to, address) =>
      to.upgrade(address, forwardedOf(ask, request), socket, head),
    )
    if (isDone === 'broken') socket.destroy()
    return isDone !== undefined
  }

  /** To where it began, or where it has moved since. */
  async function bring(
    ask: HubRequest,
    act: (to: Forwarder, address: string) => Promise<Outcome>,
  ): Promise<'answered' | 'broken' | undefined> {
    const sid = sidOf(ask)
    const first = sid === undefined ? await claim(ask.line as string) : startOf(sid)
    const outcome = await tryAt(first, act)
    if (sid === undefined || outcome) return outcome
    const there = await registry.get(placeOf(sid))
    const found: Whereabouts | undefined = there && JSON.parse(there)
    if (!found || !there) return undefined
    if ('at' in found) return found.at === first ? undefined : tryAt(found.at, act)
    left.set(sid, there)
    return undefined
  }

  async function tryAt(
    node: string | undefined,
    act: (to: Forwarder, address: string) => Promise<Outcome>,
  ): Promise<'answered' | 'broken' | undefined> {
    const address = node === undefined || node === self ? undefined : nodes.addressOf(node)
    if (!forwarder || !node || !address) return undefined
    const outcome = await act(forwarder, address)
    if (outcome === 'unreachable') nodes.lost(node)
    if (outcome === 'unreachable' || outcome === 'elsewhere') return undefined
    count++
    return outcome
  }

  async function leave(sid: string, rest: unknown): Promise<boolean> {
    const text = JSON.stringify({ rest })
    try {
      const before = takenUp.get(sid)
      const there = await registry.compareAndSet(placeOf(sid), before, text, service.sessionTimeout)
      takenUp.delete(sid)
      return there === text
    } catch {
      return false
    }
  }

  async function takeUp(sid: string): Promise<{ readonly rest: unknown } | 'another' | undefined> {
    const there = left.get(sid)
    if (there === undefined) return undefined
    left.delete(sid)
    const text = JSON.stringify({ at: self })
    const now = await registry.compareAndSet(placeOf(sid), there, text, lasting)
    if (now !== text) return now === undefined ? undefined : 'another'
    takenUp.set(sid, text)
    return JSON.parse(there)
  }

  function ended(sid: string): void {
    const text = takenUp.get(sid)
    if (text === undefined) return
    takenUp.delete(sid)
    void set(sid, text, 1)
  }

  function keepTelling(): void {
    for (const [sid, text] of takenUp) void set(sid, text, lasting)
  }

  /** Where it fails, whoever looks for the session finds it gone. */
  async function set(sid: string, text: string, lasts: number): Promise<void> {
    await Promise.resolve(registry.compareAndSet(placeOf(sid), text, text, lasts)).catch(() => {})
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

  function startOf(sid: string): string | undefined {
    return /^[\w-]{32}$/.test(sid) ? sid.slice(0, self.length) : undefined
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
    clearInterval(clock)
    isOver = true
    await joined?.then(nodes.leave).catch(ignore) // it was told already
    forwarder?.close()
    server?.close()
    server?.closeAllConnections()
  }
}

/** The session that a request is about: its own, or the one that is to carry it. */
export function sidOf({ sid, url }: HubRequest): string | undefined {
  return sid ?? url.searchParams.get('rt.by') ?? undefined
}

function placeOf(sid: string): string {
  return `session:${sid}`
}
