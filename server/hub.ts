import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Contract, MessagesIn, Only, TopicOf, UsualName } from '../src/contracts/messages.ts'
import { show } from '../src/wire/codec.ts'
import { encode } from '../src/wire/encoder.ts'
import { type AnyServer, attachTo, isHandshake } from './attach.ts'
import { checkOptions } from './call-options.ts'
import { type Cluster, createCluster } from './cluster/cluster.ts'
import type { Context } from './context.ts'
import { createSocketHooks, type SocketHooks } from './crossws.ts'
import { createConnections } from './delivery/connections.ts'
import { createDoor } from './door.ts'
import { createEvents, type Listener } from './events.ts'
import { FetchAnswer } from './fetch/answer.ts'
import { createIncoming, type FetchInfo } from './fetch/request.ts'
import { handleRequest, handleUpgrade, knows, parting } from './handler.ts'
import { createClaims } from './http/claims.ts'
import { createConnectionRoom } from './http/connection-room.ts'
import { targetOf } from './http/hub-request.ts'
import { canonicalPath } from './http/target.ts'
import { type Refusal, refusal } from './http-error.ts'
import { isWritable, type Packed, type Whole } from './log/log.ts'
import { createJournal, noLines, sumOf } from './operation/journal.ts'
import { createLoopDelay } from './operation/loop-delay.ts'
import { writeMetrics } from './operation/metrics.ts'
import { createProbes, type Probe } from './operation/probes.ts'
import { checkTransports, type HubOptions, readOptions, type TransportName } from './options.ts'
import { isLater } from './patience.ts'
import type { Person } from './presence/presence.ts'
import { printable } from './printer.ts'
import { type ProduceOptions, readPlan } from './produce/plan.ts'
import type { Production } from './produce/production.ts'
import { createProductions } from './produce/productions.ts'
import type { Source } from './produce/source.ts'
import { reported } from './reported.ts'
import { createExpelled } from './sessions/expelled.ts'
import { type Answering, createInbox, type HubEvents, hubEvents } from './sessions/inbox.ts'
import { createInflow } from './sessions/inflow.ts'
import { createPermission } from './sessions/permission.ts'
import { createRoaming } from './sessions/roaming.ts'
import type { Connection, Member, Payload, Session } from './sessions/session.ts'
import { createSessions } from './sessions/sessions.ts'
import { createTurns } from './sessions/turns.ts'
import { dropSlices } from './transports/jsonp.ts'
import { createSockets, type Sockets } from './transports/websocket-server.ts'
import { createCompression } from './wire/compression.ts'
import { contentOf, noContent } from './wire/content.ts'
import type { Incoming } from './wire/exchange.ts'

/**
 * Every transport at one URL: who may hear what, what is published, what comes back.
 *
 * @typeParam Shared what pages and the server send each other
 */
export interface Hub<Shared = Contract> {
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
  /**
   * Answers a request of the web's kind, for platforms that serve by `fetch`: route handlers of Next.js, Hono, Bun, Deno, Cloudflare's Durable Objects. Every
   * transport but WebSocket works so, for which there is `crossws`. A request to another path is answered 404. docs/platforms.md has each of them.
   *
   * @throws {TypeError} as a rejection, for what is no `Request`
   */
  fetch(request: Request, info?: FetchInfo): Promise<Response>
  /** WebSockets for such platforms: the hooks that the adapters of the package crossws take, `crossws({ hooks: hub.crossws })`. */
  readonly crossws: SocketHooks
  /** The same for the server's `upgrade` event. An upgrade to something other than WebSocket is not the hub's. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /**
   * Keeps a message and sends it to all who hear the topic. Resolves to its id once it is kept. `event` is `message`
   * unless you name another. Text and bytes go as they are; any other value goes as JSON, and arrives as a value. It never throws, it
   * rejects; a failure that nobody awaits is told to `on('error')`.
   *
   * `volatile`: it is for whoever hears the topic at this moment, and for nobody else: not kept, without an id, in no history, and left out where a
   * line is behind or between two polls. For who is typing, and where a pointer is. It resolves to an empty text.
   *
   * @throws {TypeError} as a rejection, for a name that is empty, begins with `rt.`, or has a line break or half of a character (a lone surrogate), for an option that there is not, and for data that JSON cannot hold
   * @throws {RangeError} as a rejection, for a message that takes more than 1 MiB on the wire
   * @throws {Error} as a rejection, whatever the log failed with
   */
  publish<
    Topic extends TopicOf<Shared>,
    Name extends EventIn<Shared, Topic> = UsualName<EventIn<Shared, Topic>>,
  >(
    topic: Topic,
    data: MessagesIn<Shared, Topic, Payload>[Name],
    options?: { event?: Name; volatile?: boolean },
  ): Promise<string>
  /**
   * Reads a source once and publishes its pieces in a topic of their own, as `publish` does, each once the one before it is kept; behind the last one comes an
   * event `end`, whose data is a `ProductionEnd`. It goes on whoever listens or leaves, until the source ends or fails, or it is cancelled. The topic is kept whole,
   * so a page that subscribes to it with `history: Infinity` reads it from its first piece, also after its end, until `expire`. docs/answers.md shows both sides.
   *
   * ```ts
   * const answer = hub.produce('answer:42', signal => modelStream(question, signal))
   * const { pieces } = await answer.done
   * ```
   *
   * A topic is produced once. If there are messages in it already, nothing is published and the source is not read: `done` rejects with a `status` of 409. What else
   * goes wrong is told by `done` too, and by the end.
   *
   * @throws {TypeError} for a topic, a source or an option that cannot be
   */
  produce<
    Topic extends TopicOf<Shared>,
    Name extends EventIn<Shared, Topic> = UsualName<EventIn<Shared, Topic>>,
  >(
    topic: Topic,
    source: Source<MessagesIn<Shared, Topic, Payload>[Name]>,
    options?: ProduceOptions<Name, EventIn<Shared, Topic>>,
  ): Production
  /**
   * Cancels what is produced in a topic, as its own `cancel` does, on whichever node it is produced: logs that have `pass` tell the others. Gives whether
   * it was this one. No page can do so by itself: call it for those that may, from a listener of `message` or a route of yours.
   *
   * @throws {TypeError} for a topic or a reason that is no text
   */
  cancel(topic: TopicOf<Shared>, reason?: string): boolean
  /**
   * Forgets a topic and all that it keeps: one for an order that is done. Who hears it goes on hearing it, should it be
   * published in again; who comes back for what was forgotten is told by a `gap`. It never throws, it rejects as `publish` does. Topics in which
   * nobody publishes are forgotten by the log's `expire`.
   */
  drop(topic: TopicOf<Shared>): Promise<void>
  /**
   * A text that lets its bearer in as `principal`, once, within 30 seconds: `rt.ticket` in the address of a line or a request. For clients
   * that can carry no credential otherwise, such as a page's own EventSource: give it to whoever has shown you who they are. `authorize` is
   * shown the `principal`. Pages with `token` need not ask for it: the SDK fetches a ticket where it needs one.
   *
   * @throws {TypeError} when the principal is no text, or an empty one.
   */
  ticket(principal: string): string
  /**
   * Ends the sessions that are meant, over whatever transport, also those that are between two polls: from this moment on nothing is taken from
   * them and nothing told them, and `close` is told of each. Gives back how many there were.
   *
   * What was taken is acknowledged; then their clients are told the status and the message. With 403 or 204 their line ends; with 401 it asks `token()` for a
   * fresh token, once, and comes again; with any other status it comes again later. Whoever comes again begins a new session, if `authorize` lets it. A client
   * that cannot be told at once is told when it comes next, within `sessionTimeout`. Hubs that share the log and can reach each other do the same with their sessions, a moment later; what this gives back counts
   * those of this one.
   *
   * @throws {TypeError} for a selector, an option, a status, a message or a time that cannot be
   */
  disconnect(whom: Whom, options?: DisconnectOptions): number
  /**
   * Lets `authorize` decide anew on all lines of a principal, after its rights have changed: they are told to come back at once, in the session that
   * they have. No message is lost, and sends go on. Nothing that is published after the call reaches a line that was open before it. Gives back how many lines
   * there were on this node; hubs that share the log and can reach each other do the same a moment later. Polls and POSTs are authorized each for itself anyway.
   *
   * @throws {TypeError} when the principal is no text
   */
  reauthorize(principal: string): number
  /**
   * Hears what happens; `HubEvents` says what each event has. Gives back the undo.
   *
   * @throws {TypeError} for an event that there is not, and for a listener that is no function
   */
  on<Name extends keyof HubEvents>(
    name: Name,
    listener: Listener<HubEvents<Shared>[Name], Name extends 'message' ? Answering<Shared> : unknown>,
  ): () => void
  /**
   * Refuses connections over these transports, and cuts those that are open, until it is called again.
   *
   * @throws {TypeError} for a transport that there is not
   */
  refuse(transports: readonly (TransportName | 'post')[]): void
  /**
   * Who is in a topic, on all nodes, as far as is known here: each principal once, and whoever has none by session. A session counts from its first block on until it ends: by a
   * goodbye half a second later, so that a page which is loaded anew does not seem to go, and one that just vanished at `sessionTimeout`.
   *
   * @throws {TypeError} for a topic in which the option `presence` does not keep it
   */
  presence(topic: string): Person[]
  /**
   * Moves all clients to other nodes: lets nobody in, and tells one after the other to come back at once. Until then its line
   * goes on as ever; then nothing more is taken from it, the message being worked at is finished and acknowledged. Resolves when all are gone.
   * `perSecond`: how many go in a second, by default what `admission` says; `within`: in how many ms all are gone, if that needs more of them.
   *
   * @throws {TypeError} as a rejection, when one of them is no positive number
   */
  drain(options?: { perSecond?: number; within?: number }): Promise<void>
  /**
   * Ends everything. Ends what is produced, and tells its pages so. Takes nothing more, waits `within` ms at most (5,000 by default) for listeners that still work on a message,
   * acknowledges what was taken, and tells all to come back, spread as `admission` says. Resolves when nothing of it is left; the HTTP
   * server is yours to close.
   *
   * @throws {TypeError} as a rejection, when `within` is no number of ms from 0 to 2147483647
   */
  close(options?: { within?: number }): Promise<void>
  /** Figures for monitoring. docs/limits.md says which of them counts what. */
  stats(): Stats
  /**
   * What a Prometheus server reads, as text in version 0.0.4 of its format; answer it with `Content-Type: text/plain; version=0.0.4; charset=utf-8`, at an address that only your
   * monitoring can reach. Counters count from when the hub was made. From the first call on the delay of the event loop is measured, which nobody pays for who never
   * calls it. docs/operations.md lists the figures.
   */
  metrics(): string
  /** That this process answers: always 200. For a liveness probe at an address of your own; see the option `probes` for one that the hub has. */
  health(): Probe
  /**
   * Whether new clients may be brought here: 503 from `drain` or `close` on, and while the log cannot be read, which is tried with each call. For a readiness probe. It never rejects.
   */
  ready(): Promise<Probe>
}

/** The names of what is published in a topic. */
export type EventIn<Shared, Topic> = string & keyof MessagesIn<Shared, Topic, Payload>

/** Which sessions are meant: those for which all that is given here is so. */
export interface Whom {
  /** The session, or its id. */
  session?: string | Pick<Session, 'id'>
  /** Whoever `authorize` said it is. */
  principal?: string
  /**
   * This topic alone: the sessions go on, and their subscriptions to it are told. With a session or a principal, theirs. What `authorize` goes on giving is
   * heard again from the next channel on.
   */
  topic?: string
}

/** What the client of a session that is ended is told. */
export interface DisconnectOptions {
  /**
   * An HTTP status: 204, or one from 400 to 599.
   * @default 403
   */
  status?: number
  /**
   * For people. The page finds it in its `error` event.
   * @default 'disconnected by the server'
   */
  message?: string
  /**
   * Seconds after which the client may come again, with a status that lets it.
   * @default undefined it waits as after any line that was refused
   */
  retryAfter?: number
}

/** Figures of a hub, as they are now. */
export interface Stats {
  /** Those included that are away. */
  sessions: number
  /** Open channels, by transport. */
  lines: Record<TransportName, number>
  /** Published so far, replies and answers included. */
  messages: number
  /** Requests and handshakes refused so far; `hub.on('refused', …)` tells of each. */
  refused: number
  /** New lines that are let in a second, as it is now; see the option `admission`. */
  admission: number
  /** Of those refused: new lines so far that were told to come again later, since too many came at once. */
  deferred: number
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
  /** What `produce` is at work on now, on this node. */
  producing: number
  /** How often a client was held back that sends too much, or more than listeners are done with. */
  slowed: number
  /** How many hubs share the log and can reach each other, this one included. */
  nodes: number
  /** Requests so far that were brought to the hub where their session lives. */
  forwarded: number
}

/** How long what clients sent may be worked at once they have to go, in ms. */
const patience = 5_000

const told: Record<keyof HubEvents, true> = {
  message: true,
  subscribe: true,
  open: true,
  close: true,
  refused: true,
  record: true,
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
 * @typeParam Shared the `Contract` with pages: which topics and events there are, their data and answers. Without one nothing of that is checked. It is
 *   for the compiler alone: what a client really sends is for your listeners to look at. docs/types.md shows it
 * @throws {TypeError} naming the option that is unknown or cannot be
 */
export function createHub<Shared extends Only<Shared> = Contract>(options: HubOptions = {}): Hub<Shared> {
  const settings = readOptions(options)
  const { path, log, heartbeat, limits, admission } = settings
  const events = createEvents<HubEvents>(hubEvents)
  const journal = createJournal(
    () => events.hasListeners('record'),
    record => void events.tell('record', record),
  )
  const { counts } = journal
  const loopDelay = createLoopDelay()
  const roaming = createRoaming(events.report, () => cluster?.isAlone ?? true)
  const inflow = createInflow(limits)
  const sessions = createSessions(settings, {
    name: roaming.name,
    send: append,
    ended(member, bye, vanished) {
      const { session, topic, stage } = member
      dropSlices(inflow, member)
      cluster?.ended(session.id)
      lines.presence.ended(member, vanished)
      // A session outlives a planned restart, be it on another node: what it has not heard is kept for it.
      if (away === undefined) void log.drop(topic)
      if (stage !== 'new') void events.tell('close', { session, code: bye?.code, reason: bye?.reason })
    },
  })
  const productions = createProductions(log, add, events.report)
  const claims = createClaims()
  const expelled = createExpelled(settings.sessionTimeout)
  const lines = createConnections(
    settings,
    sessions,
    roaming,
    expelled,
    {
      began: ({ session }) => void events.tell('open', { session }),
      mayHear: createPermission(events, limits),
      leave,
      failed: events.report,
    },
    journal,
  )
  const unlisten = log.listen({
    heard: settings.presence ? entry => lines.presence.heard(entry) || lines.deliver(entry) : lines.deliver,
    missed: space => {
      lines.presence.missed(undefined, space)
      lines.reread({ space })
    },
    moved: topics => {
      lines.presence.missed(topics)
      lines.reread({ topics })
    },
    passed: (topic, text) => productions.heard(topic, text) || lines.pass(topic, text),
    failed(error) {
      events.report(error)
      journal.logIs(log.ready !== false, error)
    },
  })
  checkTransports(options.refuse ?? [])
  const refused = new Set(options.refuse)
  const compression = settings.compression && createCompression(settings.compression, events.report)
  let sockets: Sockets | undefined
  let away: number | undefined
  let isClosed = false
  const probes = createProbes(
    settings.probes ? path : undefined,
    log,
    () => (isClosed ? 'closed' : away === undefined ? undefined : 'draining'),
    () => cluster?.findable,
  )
  events.on('refused', journal.refused)
  const clock = setInterval(lines.beat, heartbeat / 3).unref()
  const context: Context = {
    settings,
    events,
    sessions,
    lines,
    claims,
    expelled,
    accept: createInbox(events, limits, answer, () => counts.overdue++, lines),
    inflow,
    turns: createTurns(),
    get sockets() {
      sockets ??= createSockets(limits, compression !== undefined)
      return sockets
    },
    compression,
    room: createConnectionRoom(events.report),
    refused,
    roaming,
    get cluster() {
      return cluster
    },
    get away() {
      return away
    },
  }
  const cluster: Cluster | undefined =
    settings.shared && log.registry
      ? createCluster(log.registry, roaming.own, {
          handle: (request, response) => void handleRequest(context, request as IncomingMessage, response),
          upgrade: (request, socket, head) => void handleUpgrade(context, request, socket, head),
          vouch: settings.proxies.vouch,
          obey,
          knows: sid => knows(context, sid),
          sessionTimeout: settings.sessionTimeout,
          queries: limits.queries,
          failed: events.report,
        })
      : undefined
  settings.tickets.share(() => cluster?.common)
  const hub: Hub = {
    attach,
    handle,
    upgrade,
    fetch,
    crossws: createSocketHooks(context, isOurs, notHere),
    publish,
    produce,
    cancel,
    drop,
    ticket,
    disconnect,
    reauthorize,
    on,
    refuse,
    presence,
    drain,
    close,
    stats,
    metrics,
    health: probes.health,
    ready: probes.ready,
  }
  return hub as unknown as Hub<Shared>

  function attach(server: AnyServer): () => void {
    return attachTo(server, {
      owns: request => isOurs(request) || probes.owns(request),
      handle,
      upgrade,
      ...createDoor(context),
    })
  }

  function ticket(principal: string): string {
    if (typeof principal !== 'string' || principal === '')
      throw new TypeError(`ticket: the principal is ${show(principal)}; it has to be a text`)
    return settings.tickets.make({ principal })
  }

  function disconnect(whom: Whom, options: DisconnectOptions = {}): number {
    checkOptions('disconnect', options, ofDisconnect)
    const order = { disconnect: [nameSession(whom), options] as const }
    const ended = expel(...order.disconnect)
    cluster?.tellAll(order)
    return ended
  }

  function expel(whom: Whom, options: DisconnectOptions): number {
    const why = readReason(options)
    if (!Object.hasOwn(Object(whom), 'topic')) return lines.expel(readWhom(whom), why)
    const { topic, ...others } = whom
    if (typeof topic !== 'string')
      throw new TypeError(`disconnect: topic is ${show(topic)}; it has to be a text`)
    const isMeant = readWhom(others)
    return lines.endTopic(topic, why, Object.keys(others).length > 0 ? isMeant : () => true)
  }

  function reauthorize(principal: string): number {
    if (typeof principal !== 'string')
      throw new TypeError(`reauthorize: the principal is ${show(principal)}; it has to be a text`)
    cluster?.tellAll({ reauthorize: principal })
    return renew(principal)
  }

  function renew(principal: string): number {
    claims.withdraw(principal)
    return lines.renew(({ session }) => session.principal === principal)
  }

  /** What another node was asked for concerns the sessions here too. One of another version may say what is not known here. */
  async function obey({ disconnect, reauthorize, release, sendOn }: Order): Promise<void> {
    try {
      if (disconnect) expel(...disconnect)
      if (reauthorize !== undefined) renew(reauthorize)
      if (release) await letGo(release)
      if (sendOn) lines.sendOn(sendOn.by, sendOn.perSecond ?? Number.POSITIVE_INFINITY)
    } catch (error) {
      events.report(error)
    }
  }

  async function letGo({ sid, principal }: { sid: string; principal?: string }): Promise<void> {
    const member = sessions.named(sid)
    if (!member || member.session.principal !== principal) return
    await lines.release(member, parting, () => 0)
  }

  function handle(request: IncomingMessage, response: ServerResponse, next?: () => void): boolean {
    if (!isOurs(request)) {
      if (probes.handle(request, response)) return true
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

  async function fetch(request: Request, info: FetchInfo = {}): Promise<Response> {
    if (typeof request?.headers?.get !== 'function')
      throw new TypeError(
        'fetch: this is no Request of the web’s; those of Node’s servers are for hub.handle, or hub.attach',
      )
    const incoming = createIncoming(request, info)
    const answer = new FetchAnswer(request.signal)
    if (isOurs(incoming)) void handleRequest(context, incoming, answer)
    else if (!probes.handle(incoming, answer)) return notHere(incoming)
    return answer.response
  }

  /** Whoever hands us a request means us: a path that differs is a mistake, and easily found so. */
  function notHere(request: Incoming): Response {
    const [asked] = targetOf(request).split('?', 1)
    const words = `The hub is at ${path}, not at ${printable(`${asked}`)}: createHub({ path }) says where.\n`
    return new Response(words, { status: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
  }

  /** A framework that mounts us may have taken what it is mounted at off the address, or have rewritten it. */
  function isOurs(request: Incoming): boolean {
    return isOurPath(request.url ?? '') || isOurPath(targetOf(request))
  }

  function isOurPath(target: string): boolean {
    return target === path || target.startsWith(`${path}?`) || canonicalPath(target) === path
  }

  function publish(
    topic: string,
    data: Payload,
    options: { event?: string; volatile?: boolean } = {},
  ): Promise<string> {
    return attempt(() => {
      checkName('topic', topic)
      checkOptions('publish', options, ofPublish)
      return options.volatile ? pass(topic, data, options) : keep(topic, data, options)
    })
  }

  function produce(topic: string, source: unknown, options: ProduceOptions = {}): Production {
    const plan = readPlan(checkName('topic', topic), source, options)
    for (const event of [plan.event, plan.end]) checkName('event', event)
    return productions.start(plan)
  }

  function cancel(topic: string, reason?: string): boolean {
    for (const [name, value] of [
      ['topic', topic],
      ['reason', reason ?? ''],
    ])
      if (typeof value !== 'string')
        throw new TypeError(`cancel: ${name} is ${show(value)}; it has to be a text`)
    return productions.cancel(topic, reason)
  }

  function pass(topic: string, data: Payload, { event = 'message' }: { event?: string }): string {
    checkName('event', event)
    const message = contentOf(data, event === 'message' ? undefined : event)
    // A log that is an application's own may tell other nodes of nothing but what it keeps.
    if (log.pass) log.pass(topic, message)
    else lines.pass(topic, encode({ ...message, topic }))
    return ''
  }

  function append(topic: string, data: Payload, options: { event?: string } = {}): Promise<string> {
    return attempt(() => {
      checkOptions('send', options, ofSend)
      return keep(topic, data, options)
    })
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
    return add(topic, contentOf(data, event === 'message' ? undefined : event))
  }

  /** The session that asked hears it as it hears a reply, and knows by the number which of its messages is answered. */
  function answer(member: Member, number: number, value: unknown): string | PromiseLike<string> {
    const content = value === undefined ? noContent : contentOf(value)
    member.addressed = true
    // A client that has another session by now is told what it has missed of this one, where numbers mean other messages.
    return add(member.topic, { ...content, event: 'rt.answer', re: `${number} ${member.session.id}` })
  }

  function add(topic: string, message: Packed, whole?: Whole): string | PromiseLike<string> {
    counts.published++
    const kept = log.append(topic, message, whole)
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

  function presence(topic: string): Person[] {
    return lines.presence.list(topic)
  }

  async function drain({
    perSecond = admission.rate,
    within = Number.POSITIVE_INFINITY,
  }: {
    perSecond?: number
    within?: number
  } = {}): Promise<void> {
    checkAmount('drain', 'perSecond', perSecond, perSecond > 0, 'a positive number')
    checkAmount('drain', 'within', within, within > 0, 'a positive number of ms')
    depart()
    const enough = ((sessions.open + (cluster?.bringing ?? 0)) / within) * 1000
    const pace = { perSecond: Math.max(perSecond, enough), within: Math.min(within, patience) }
    await cluster?.sendOn(pace.perSecond, pace.within)
    return lines.farewell(pace)
  }

  async function close({ within = patience }: { within?: number } = {}): Promise<void> {
    checkAmount(
      'close',
      'within',
      within,
      within >= 0 && within < 2 ** 31,
      'a number of ms from 0 to 2147483647',
    )
    depart()
    isClosed = true
    const began = Date.now()
    await productions.close(within)
    const left = Math.max(0, within - (Date.now() - began))
    await Promise.all([
      cluster?.sendOn(Number.POSITIVE_INFINITY, Math.min(left, parting)),
      lines.farewell({ perSecond: admission.rate, hurry: true, within: left }),
    ])
    clearInterval(clock)
    sessions.clear()
    lines.presence.stop()
    unlisten()
    await cluster?.close()
    loopDelay.stop()
    journal.over()
  }

  /** Its people are there as long as their clients may take to come back. */
  async function leave(member: Member): Promise<boolean> {
    const isLeft = (await cluster?.leave(member.session.id, sessions.restOf(member))) ?? false
    if (!isLeft) return false
    sessions.letGo(member)
    setTimeout(() => lines.presence.ended(member, true), settings.sessionTimeout).unref()
    return true
  }

  /** Another node may let newcomers in at once, but not all of them. */
  function depart(): void {
    if (away !== undefined) return
    away = Math.max(1, Math.ceil(lines.spread() / 1000))
    journal.draining(sessions.size, sessions.open)
  }

  function stats(): Stats {
    let unsent = 0
    for (const { channel } of sessions.lines()) unsent += channel.unsent()
    return {
      sessions: sessions.size,
      lines: countByTransport(sessions.lines()),
      messages: counts.published,
      refused: sumOf(counts.refusals),
      admission: admission.rate,
      deferred: admission.deferred,
      unsent,
      stuck: counts.stuck,
      unhandled: inflow.held,
      overdue: counts.overdue,
      gaps: sumOf(counts.gaps),
      producing: productions.size,
      slowed: inflow.slowed,
      nodes: cluster?.nodes ?? 1,
      forwarded: cluster?.forwarded ?? 0,
    }
  }

  function metrics(): string {
    const now = { ...stats(), isAway: away !== undefined }
    return writeMetrics(counts, now, log, loopDelay.read(), events.report)
  }
}

/** What each selector has to be, in words, and which members it means. */
const selectors: {
  [Name in keyof Required<Omit<Whom, 'topic'>>]: [
    words: string,
    read: (value: unknown) => ((member: Member) => boolean) | undefined,
  ]
} = {
  session: [
    'a session or its id',
    value => {
      const id = typeof value === 'object' ? (value as Session | null)?.id : value
      return typeof id === 'string' ? ({ session }) => session.id === id : undefined
    },
  ],
  principal: [
    'a text',
    value => (typeof value === 'string' ? ({ session }) => session.principal === value : undefined),
  ],
}

/** What all nodes are to do. */
interface Order {
  readonly disconnect?: readonly [Whom, DisconnectOptions]
  readonly reauthorize?: string
  readonly release?: { readonly sid: string; readonly principal?: string }
  /** Whom that node has brought here is to come again, as it goes: all at once, or so many a second. JSON has no infinity. */
  readonly sendOn?: { readonly by: string; readonly perSecond: number | null }
}

/** A session has its id for a name everywhere. */
function nameSession(whom: Whom): Whom {
  const { session } = Object(whom)
  return typeof session === 'object' && session ? { ...whom, session: session.id } : whom
}

/** An absent selector means all: whoever gives none means nobody. */
function readWhom(whom: Omit<Whom, 'topic'>): (member: Member) => boolean {
  const known = [...Object.keys(selectors), 'topic'].join(', ')
  if (typeof whom !== 'object' || whom === null)
    throw new TypeError(
      `disconnect: the sessions are given as ${show(whom)}; it has to be an object with ${known}`,
    )
  const tests = Object.entries(whom).map(([name, value]) => {
    if (!Object.hasOwn(selectors, name))
      throw new TypeError(`disconnect: there is no selector ${JSON.stringify(name)}; there are ${known}`)
    const [words, read] = selectors[name as keyof typeof selectors]
    const test = read(value)
    // A principal that is undefined by mistake must not end the sessions of all others.
    if (!test) throw new TypeError(`disconnect: ${name} is ${show(value)}; it has to be ${words}`)
    return test
  })
  return member => tests.length > 0 && tests.every(test => test(member))
}

function readReason({
  status = 403,
  message = 'disconnected by the server',
  retryAfter,
}: DisconnectOptions): Refusal {
  const isStatus = status === 204 || (Number.isInteger(status) && status >= 400 && status < 600)
  checkAmount('disconnect', 'status', status, isStatus, '204, or a whole number from 400 to 599')
  if (typeof message !== 'string')
    throw new TypeError(`disconnect: message is ${show(message)}; it has to be a text`)
  if (retryAfter !== undefined)
    checkAmount('disconnect', 'retryAfter', retryAfter, retryAfter >= 0, 'a number of seconds, 0 or more')
  return refusal(status, message, retryAfter && Math.ceil(retryAfter), 'disconnected')
}

const ofPublish = ['event', 'volatile']
const ofSend = ['event']
const ofDisconnect = ['status', 'message', 'retryAfter']

function checkAmount(call: string, name: string, value: unknown, fits: boolean, words: string): void {
  if (typeof value !== 'number' || !fits)
    throw new TypeError(`${call}: ${name} is ${show(value)}; it has to be ${words}`)
}

function checkName(what: 'topic' | 'event', name: string): string {
  if (typeof name === 'string' && name && isWritable(name)) return name
  const isTorn = typeof name === 'string' && /[\ud800-\udfff]/u.test(name)
  throw new TypeError(
    isTorn
      ? `${what} is ${JSON.stringify(name)}; half of a character is in it, a lone surrogate: cut texts between characters, or take name.toWellFormed()`
      : `${what} is ${JSON.stringify(name)}; it is a text without CR, LF and NUL that does not begin with rt.`,
  )
}

function countByTransport(lines: Iterable<Connection>): Record<TransportName, number> {
  const counts = noLines()
  for (const { channel } of lines) counts[channel.transport]++
  return counts
}
