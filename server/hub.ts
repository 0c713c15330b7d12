import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { isBytes, show } from '../src/wire/codec.ts'
import { pack } from '../src/wire/payload.ts'
import { type AnyServer, attachTo, isHandshake } from './attach.ts'
import type { Context } from './context.ts'
import { createConnections } from './delivery/connections.ts'
import { createEvents, type Listener } from './events.ts'
import { handleRequest, handleUpgrade } from './handler.ts'
import { createConnectionRoom } from './http/connection-room.ts'
import { targetOf } from './http/hub-request.ts'
import { canonicalPath } from './http/target.ts'
import { checkTransports, type HubOptions, readOptions, type TransportName } from './options.ts'
import { reported } from './reported.ts'
import { createInbox, type HubEvents, hubEvents } from './sessions/inbox.ts'
import { createInflow } from './sessions/inflow.ts'
import { createRoaming } from './sessions/roaming.ts'
import type { Connection, Payload } from './sessions/session.ts'
import { createSessions } from './sessions/sessions.ts'
import { createTurns } from './sessions/turns.ts'
import { dropSlices } from './transports/jsonp.ts'
import { createSockets } from './transports/websocket-server.ts'
import { lengthOnWire, longest } from './wire/length.ts'

/** Every transport at one URL: who may hear what, what is published, what comes back. */
export interface Hub {
  /**
   * Takes the requests and upgrades to the hub's path on a `node:http`, `node:https` or `node:http2` server; all others go where
   * they went. Gives back the undo.
   *
   * @throws {TypeError} when it is given no server but, say, a framework's application.
   */
  attach(server: AnyServer): () => void
  /**
   * For frameworks that own the server: whether the request was the hub's. If not, nothing was done to it, and `next` is called if there
   * is one: `app.use(hub.handle)`. Use it before anything that reads bodies, such as `express.text()`; `upgrade` belongs with it.
   */
  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): boolean
  /** The same for the server's `upgrade` event. An upgrade to something other than WebSocket is not the hub's. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /**
   * Keeps a message and sends it to all who hear the topic. Resolves to its id once it is kept. `event` is `message`
   * unless you name another. It never throws, it rejects; a failure that nobody awaits is told to `on('error')`.
   *
   * @throws {TypeError} as a rejection, for a name that is empty, begins with `rt.` or has a line break, and for data that is neither text
   *   nor bytes
   * @throws {RangeError} as a rejection, for a message that takes more than 1 MiB on the wire
   * @throws {Error} as a rejection, whatever the log failed with
   */
  publish(topic: string, data: Payload, options?: { event?: string }): Promise<string>
  /**
   * Forgets a topic and all that it keeps: one for an order that is done. Who hears it goes on hearing it, should it be
   * published in again; who comes back for what was forgotten is told by a `gap`. It never throws, it rejects as `publish` does. Topics in which
   * nobody publishes are forgotten by the log's `expire`.
   */
  drop(topic: string): Promise<void>
  /**
   * A text that lets its bearer in as `principal`, once, within 30 seconds: `rt.ticket` in the address of a line or a request. For clients
   * that can carry no credential otherwise, such as a page's own EventSource: give it to whoever has shown you who they are. `authorize` is
   * shown the `principal`. Pages with `token` need not ask for it: the SDK fetches a ticket where it needs one.
   *
   * @throws {TypeError} when the principal is no text, or an empty one.
   */
  ticket(principal: string): string
  /**
   * Hears what happens; `HubEvents` says what each event has. Gives back the undo.
   *
   * @throws {TypeError} for an event that there is not, and for a listener that is no function
   */
  on<Name extends keyof HubEvents>(name: Name, listener: Listener<HubEvents[Name]>): () => void
  /**
   * Refuses connections over these transports, and cuts those that are open, until it is called again.
   *
   * @throws {TypeError} for a transport that there is not
   */
  refuse(transports: readonly (TransportName | 'post')[]): void
  /**
   * Moves all clients to other nodes: lets nobody in, and tells one after the other to come back at once. Until then its line
   * goes on as ever; then nothing more is taken from it, the message being worked at is finished and acknowledged. Resolves when all are gone.
   * `perSecond`: how many go in a second, by default what `admission` says; `within`: in how many ms all are gone, if that needs more of them.
   *
   * @throws {TypeError} as a rejection, when one of them is no positive number
   */
  drain(options?: { perSecond?: number; within?: number }): Promise<void>
  /**
   * Ends everything. Takes nothing more, waits `within` ms at most (5,000 by default) for listeners that still work on a message,
   * acknowledges what was taken, and tells all to come back, spread as `admission` says. Resolves when nothing of it is left; the HTTP
   * server is yours to close.
   *
   * @throws {TypeError} as a rejection, when `within` is no number of ms from 0 to 2147483647
   */
  close(options?: { within?: number }): Promise<void>
  /** Figures for monitoring. docs/limits.md says which of them counts what. */
  stats(): Stats
}

/** Figures of a hub, as they are now. */
export interface Stats {
  /** Those included that are away. */
  sessions: number
  /** Open channels, by transport. */
  lines: Record<TransportName, number>
  /** Published so far, replies included. */
  messages: number
  /** Requests and handshakes refused so far; `hub.on('refused', …)` tells of each. */
  refused: number
  /** Bytes that wait for slow readers; see `limits.unsent`. */
  unsent: number
  /** Lines that were cut so far because they took nothing of what waited for them. */
  stuck: number
  /** Bytes on their way to listeners; see `limits.unhandled`. */
  unhandled: number
  /** Messages so far that listeners were not done with in time; see `limits.handling`. */
  overdue: number
  /** How often a line was told by a `gap` that it has lost messages, since a log keeps so much and for so long. */
  gaps: number
  /** How often a client was held back that sends too much, or more than listeners are done with. */
  slowed: number
}

/** How long what clients sent may be worked at once they have to go, in ms. */
const patience = 5_000

const told: Record<keyof HubEvents, true> = {
  message: true,
  open: true,
  close: true,
  refused: true,
  error: true,
}

/**
 * Makes a hub: all transports at one path of your HTTP server.
 *
 * ```ts
 * import { createHub } from 'throughline/server'
 * const hub = createHub({ path: '/live' })
 * hub.attach(server)
 * hub.on('message', ({ data, reply }) => reply(`you said ${data}`))
 * await hub.publish('lobby', 'hello')
 * ```
 *
 * @throws {TypeError} naming the option that is unknown or cannot be
 */
export function createHub(options: HubOptions = {}): Hub {
  const settings = readOptions(options)
  const { path, log, heartbeat, limits, admission } = settings
  const events = createEvents<HubEvents>(hubEvents)
  const roaming = createRoaming(events.report)
  const inflow = createInflow(limits)
  const sessions = createSessions(settings, {
    name: roaming.name,
    send: append,
    ended(member) {
      const { session, topic, stage } = member
      dropSlices(inflow, member)
      // A session outlives a planned restart, be it on another node: what it has not heard is kept for it.
      if (away === undefined) void log.drop(topic)
      if (stage !== 'new') void events.tell('close', { session })
    },
  })
  const lines = createConnections(settings, sessions, roaming, {
    began: ({ session }) => void events.tell('open', { session }),
    failed: events.report,
  })
  const unlisten = log.listen({
    heard: lines.deliver,
    missed: () => lines.reread(),
    moved: lines.reread,
    failed: events.report,
  })
  checkTransports(options.refuse ?? [])
  const refused = new Set(options.refuse)
  let away: number | undefined
  let messages = 0
  let refusals = 0
  let overdue = 0
  events.on('refused', () => refusals++)
  const clock = setInterval(() => {
    lines.beat()
    sessions.sweep()
  }, heartbeat / 3).unref()
  const context: Context = {
    settings,
    events,
    sessions,
    lines,
    accept: createInbox(events, limits, () => overdue++),
    inflow,
    turns: createTurns(),
    sockets: createSockets(limits),
    room: createConnectionRoom(events.report),
    refused,
    roaming,
    get away() {
      return away
    },
  }
  const hub: Hub = { attach, handle, upgrade, publish, drop, ticket, on, refuse, drain, close, stats }
  return hub

  function attach(server: AnyServer): () => void {
    return attachTo(server, { owns: isOurs, handle, upgrade })
  }

  function ticket(principal: string): string {
    if (typeof principal !== 'string' || principal === '')
      throw new TypeError(`ticket: the principal is ${show(principal)}; it has to be a text`)
    return settings.tickets.make({ principal })
  }

  function handle(request: IncomingMessage, response: ServerResponse, next?: () => void): boolean {
    if (!isOurs(request)) {
      next?.()
      return false
    }
    void handleRequest(context, request, response)
    return true
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!isOurs(request) || !isHandshake(request)) return false
    void handleUpgrade(context, request, socket, head)
    return true
  }

  /** A framework that mounts us may have taken what it is mounted at off the address, or have rewritten it. */
  function isOurs(request: IncomingMessage): boolean {
    return isOurPath(request.url ?? '') || isOurPath(targetOf(request))
  }

  function isOurPath(target: string): boolean {
    return target === path || target.startsWith(`${path}?`) || canonicalPath(target) === path
  }

  function publish(topic: string, data: Payload, options: { event?: string } = {}): Promise<string> {
    return attempt(() => keep(checkName('topic', topic), data, options))
  }

  function append(topic: string, data: Payload, options: { event?: string } = {}): Promise<string> {
    return attempt(() => keep(topic, data, options))
  }

  /** A log in memory has it at once, and one promise is less for the collector than three. */
  function attempt<T>(act: () => T | PromiseLike<T>): Promise<T> {
    try {
      const result = act()
      return isLater(result) ? reported(result, events.report) : Promise.resolve(result)
    } catch (error) {
      return reported(Promise.reject(error), events.report)
    }
  }

  function keep(
    topic: string,
    data: Payload,
    { event = 'message' }: { event?: string },
  ): string | PromiseLike<string> {
    checkName('event', event)
    if (typeof data !== 'string' && !isBytes(data))
      throw new TypeError(`data is ${show(data)}; it must be text or bytes`)
    const { data: text, encoding } = pack(data)
    const length = lengthOnWire(text)
    if (length > longest)
      throw new RangeError(
        `a message takes ${length} characters on the wire, of at most ${longest}; split it`,
      )
    messages++
    const kept = log.append(topic, { event: event === 'message' ? undefined : event, data: text, encoding })
    return 'id' in kept ? kept.id : kept.then(({ id }) => id)
  }

  function drop(topic: string): Promise<void> {
    return attempt(() => log.drop(checkName('topic', topic)))
  }

  function on<Name extends keyof HubEvents>(name: Name, listener: Listener<HubEvents[Name]>): () => void {
    if (!Object.hasOwn(told, name))
      throw new TypeError(
        `there is no event ${JSON.stringify(name)}; there are ${Object.keys(told).join(', ')}`,
      )
    if (typeof listener !== 'function')
      throw new TypeError(`the listener for ${name} is ${listener}, no function`)
    return events.on(name, listener)
  }

  function refuse(transports: readonly (TransportName | 'post')[]): void {
    checkTransports(transports)
    refused.clear()
    for (const name of transports) refused.add(name)
    lines.cut(({ channel }) => refused.has(channel.transport))
  }

  async function drain({
    perSecond = admission,
    within = Number.POSITIVE_INFINITY,
  }: {
    perSecond?: number
    within?: number
  } = {}): Promise<void> {
    checkAmount('drain', 'perSecond', perSecond, perSecond > 0, 'a positive number')
    checkAmount('drain', 'within', within, within > 0, 'a positive number of ms')
    leave()
    const enough = (sessions.open / within) * 1000
    return lines.farewell({ perSecond: Math.max(perSecond, enough), within: Math.min(within, patience) })
  }

  async function close({ within = patience }: { within?: number } = {}): Promise<void> {
    checkAmount(
      'close',
      'within',
      within,
      within >= 0 && within < 2 ** 31,
      'a number of ms from 0 to 2147483647',
    )
    leave()
    await lines.farewell({ perSecond: admission, hurry: true, within })
    clearInterval(clock)
    sessions.clear()
    unlisten()
  }

  /** Another node may let newcomers in at once, but not all of them. */
  function leave(): void {
    away ??= Math.max(1, Math.ceil(lines.spread() / 1000))
  }

  function stats(): Stats {
    let unsent = 0
    for (const { channel } of sessions.lines()) unsent += channel.unsent()
    return {
      sessions: sessions.size,
      lines: countByTransport(sessions.lines()),
      messages,
      refused: refusals,
      unsent,
      stuck: lines.stuck,
      unhandled: inflow.held,
      overdue,
      gaps: lines.gaps,
      slowed: inflow.slowed,
    }
  }
}

function isLater<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return typeof (result as PromiseLike<T> | undefined)?.then === 'function'
}

function checkAmount(call: string, name: string, value: unknown, fits: boolean, words: string): void {
  if (typeof value !== 'number' || !fits)
    throw new TypeError(`${call}: ${name} is ${show(value)}; it has to be ${words}`)
}

/** A name stands alone on its line: what would end the line, or means something to the protocol, is no name. */
function checkName(what: 'topic' | 'event', name: string): string {
  if (typeof name !== 'string' || !name || /[\r\n\0]|^rt\./.test(name)) {
    throw new TypeError(
      `${what} is ${JSON.stringify(name)}; it is a text without CR, LF and NUL that does not begin with rt.`,
    )
  }
  return name
}

function countByTransport(lines: Iterable<Connection>): Record<TransportName, number> {
  const counts = {
    websocket: 0,
    eventsource: 0,
    'xhr-streaming': 0,
    'fetch-streaming': 0,
    iframe: 0,
    'long-polling': 0,
    jsonp: 0,
    bare: 0,
  }
  for (const { channel } of lines) counts[channel.transport]++
  return counts
}
