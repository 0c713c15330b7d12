import type { IncomingHttpHeaders } from 'node:http'
import { quarterOfHeap } from './heap-size.ts'
import { type Admission, createAdmission, usual as usualAdmission } from './http/admission.ts'
import { type IsKnownHost, readHosts } from './http/hosts.ts'
import { createLongQueries, type LongQueries } from './http/long-queries.ts'
import { type IsListed, readOrigins } from './http/origins.ts'
import { createProxies, type Proxies } from './http/proxies.ts'
import { canonicalPath } from './http/target.ts'
import { createTickets, type Tickets } from './http/tickets.ts'
import type { Log } from './log/log.ts'
import { type MemoryLogOptions, memoryLog } from './log/memory-log.ts'
import type { Mixing } from './wire/compression.ts'

/** How a client comes. `carried`: another tab's connection brings it. `bare`: an event stream without `rt.via`, as `curl` and a page's own EventSource ask for it. */
export type TransportName =
  | 'websocket'
  | 'eventsource'
  | 'xhr-streaming'
  | 'fetch-streaming'
  | 'iframe'
  | 'long-polling'
  | 'jsonp'
  | 'carried'
  | 'bare'

const refusable: Record<TransportName | 'post', true> = {
  websocket: true,
  eventsource: true,
  'xhr-streaming': true,
  'fetch-streaming': true,
  iframe: true,
  'long-polling': true,
  jsonp: true,
  carried: true,
  bare: true,
  post: true,
}

/** All that may be refused. */
export const transports = Object.keys(refusable) as readonly (TransportName | 'post')[]

/** What `authorize` is shown of a request. */
export interface AuthorizeRequest {
  /** As the client sees it, its query included. */
  readonly url: URL
  /** As Node has read them. */
  readonly headers: IncomingHttpHeaders
  /**
   * What the page's `token()` gave: an `Authorization: Bearer` header, on a WebSocket a subprotocol, and what a ticket was given for over
   * EventSource, JSONP and frames, which can have neither. `rt.token` in the address is taken too: pages that ask for it send it.
   */
  readonly token: string | undefined
  /** Whom the ticket was made for that is used, see `hub.ticket`; it is the session's `principal` unless `authorize` names one. */
  readonly principal: string | undefined
  /** The client's address; proxies are believed if `trustProxy` says so. */
  readonly address: string
  /** The origin of the page that asks, if the request tells it. */
  readonly origin: string | undefined
  /** GET, or POST for what a client sends. */
  readonly method: string
  /** The transport; `post` for what a client sends beside one. */
  readonly transport: TransportName | 'post'
}

/** What a client may do. */
export interface Rights {
  /** What the client hears without asking for it. @default nothing */
  topics?: readonly string[] | undefined
  /**
   * What it may subscribe to besides: names, those that end in `*` for all that begin so; or a function that is asked for each topic, as a
   * client comes with it. To refuse in words of your own throw them, as `authorize` does. Listeners for `subscribe` are asked after it.
   * @default what listeners for `subscribe` allow; nothing, if there are none; with the `authorize` that there is by default, everything
   */
  subscribe?: readonly string[] | ((topic: string) => MaySubscribe | Promise<MaySubscribe>) | undefined
  /**
   * Who the client is: a session is found again only by the same one. Without it, whoever knows the id of a session that lives can go on
   * in it, and ids stand in addresses, and so in the logs of whatever is between.
   */
  principal?: string | undefined
  /**
   * What is told of the client to those who ask who is in a topic: a name or a picture, any value that JSON has, of at most 1,024 characters as JSON. Everybody in
   * the topic can read it, and its `principal` too. See `presence` of `createHub`.
   * @default undefined they are told its `principal` alone, and of somebody without one nothing
   */
  presence?: unknown
  /**
   * Whether it may send.
   * @default true
   */
  send?: boolean | undefined
  /**
   * When these rights end, as a `Date` or in ms since the epoch: a JWT's `exp` times 1000. At that time the line is told to come back at once, and
   * `authorize` decides anew with the token that the page has by then. Nothing is lost by it. A time that is over already: 401.
   * @default undefined they last as long as the line
   */
  expires?: number | Date | undefined
}

/** Whether a client may hear a topic. */
export type MaySubscribe = boolean | undefined | null

/** Nothing, in whatever form, stands for a refusal. */
export type Maybe<T> = T | null | undefined | false

/**
 * Decides what a client may hear, on each request anew: what it said holds for a line until that ends, `expires` is over, or
 * `hub.reauthorize` is called. Nothing: 403. To refuse with another status, throw an object that is no error
 * with a numeric `status`, and if you like a `message` and `retryAfter` in seconds: the client is told them.
 *
 * An `Error` is taken for a fault whatever its `status`, which may be that of another server: the client is told 500, and
 * `hub.on('error')` hears of it. It is meant for the client if `expose` is `true` (http-errors, Koa), if it is Fastify's own with a status
 * below 500, or Boom's, of which the `payload` is told. With `expose: false` the client is told the status alone.
 *
 * Whoever has no answer after `limits.authorize` is answered 503.
 */
export type Authorize = (
  request: AuthorizeRequest,
) => Maybe<readonly string[] | Rights> | Promise<Maybe<readonly string[] | Rights>>

/** What a hub takes and holds at most. docs/limits.md has them in a table. */
export interface Limits {
  /**
   * Milliseconds that `authorize` may take for an answer. More: 503, and an `error` event.
   * @default 10000
   */
  authorize: number
  /**
   * Bytes of one message as it is written. More: 413. Listeners are told of longer ones if you allow them, but `publish` takes no more than 1 MiB.
   * @default 1048576
   */
  message: number
  /**
   * Bytes of one POST or frame that carries several messages. More: 413.
   * @default 262144
   */
  batch: number
  /**
   * Messages of one POST or frame; more: 413. Also those of one session that may wait for slow listeners; more: a POST is answered 503 with
   * `Retry-After`, and a WebSocket is read on when there are fewer.
   * @default 4000
   */
  messages: number
  /**
   * Bytes that may wait for a slow reader. More: what follows is read from the log as it goes, and its WebSocket is not read on. One that
   * takes nothing of what waits for four heartbeats is cut, whatever it sends meanwhile, and resumes.
   * @default 1048576
   */
  unsent: number
  /**
   * Bytes that one session may have on their way to listeners: in requests and frames that are still arriving, and in messages that listeners are not
   * done with. More: as with `messages`, and a WebSocket of which half a message has come and the rest finds no room is ended, to come again.
   * @default four times the larger of `message` and `batch`, 4194304
   */
  unhandled: number
  /**
   * The same of all sessions. Those of one address, or of one principal, may have half of it. More: as with `unhandled`.
   * @default 32 times `unhandled`, 134217728
   */
  unhandledInAll: number
  /**
   * Milliseconds that listeners may work on one message. More: its sender is told that it failed, with status 504, `hub.on('error')` hears it, and
   * the next message of the session is begun.
   * @default 120000
   */
  handling: number
  /**
   * Messages that one session may send a second, in the long run; each request, frame and `rt.ping` counts as one at least. More than that and
   * `burst` allow: a POST is answered 429 with `Retry-After`, and a WebSocket is read on when its time has come. Nothing is lost by either.
   * @default 1000
   */
  sendsPerSecond: number
  /**
   * Bytes that one session may send a second, in the long run. More: as with `sendsPerSecond`.
   * @default 1048576
   */
  bytesPerSecond: number
  /**
   * Milliseconds of `sendsPerSecond` and `bytesPerSecond` that a client may use at once: with the defaults 30,000 messages, or 30 MiB. More: as
   * with `sendsPerSecond`.
   * @default 30000
   */
  burst: number
  /**
   * Topics that one line may hear. More: 400, whether the client asked for them or `authorize` said so.
   * @default 10000
   */
  topics: number
  /**
   * Characters in the name of a topic that a line hears. More: 400.
   * @default 1024
   */
  topicName: number
  /**
   * Bytes that the names of all sessions' topics take, each 16 more than it has characters. Those of one address, or of one principal, may have half of
   * it. More: as with `sessions` and `sessionsPerAddress`.
   * @default a quarter of the memory that Node gives to its heap
   */
  topicsInAll: number
  /**
   * Channels that one session may have open at once. More: the oldest is cut.
   * @default 8
   */
  channels: number
  /**
   * Sessions in all, those included that are away. More: those that are away and never came back make room, the oldest first; without
   * such the newcomer is answered 503.
   * @default 100000
   */
  sessions: number
  /**
   * Sessions that begin from one address, of IPv6 from one network of 64 bits, so that no single client can take all. More: as with `sessions`, with 429. Behind a proxy all clients
   * have its address unless it is named in `trustProxy`.
   * @default half of `sessions`, 50000
   */
  sessionsPerAddress: number
  /**
   * Sessions of one `principal`. More: as with `sessions`, with 429.
   * @default half of `sessions`, 50000
   */
  sessionsPerPrincipal: number
  /**
   * Open channels of the sessions of one address, held polls among them. A session has one, and a second one for the moment in which it changes over.
   * More: 429, to come again after ten seconds.
   * @default `sessions`, 100000
   */
  linesPerAddress: number
  /**
   * Open channels of the sessions of one `principal`. More: as with `linesPerAddress`.
   * @default `sessions`, 100000
   */
  linesPerPrincipal: number
  /**
   * Characters of all queries together that clients have told by a POST since an address cannot hold them. More: those go that were not asked
   * for the longest; their clients tell them again.
   * @default 16777216
   */
  queries: number
  /**
   * Tickets that were used within the last 30 seconds, which is how long each has to be remembered. More: 503, to come again after a second.
   * @default 100000
   */
  tickets: number
  /**
   * People of one topic that a client is told of who asks who is there; their list has 524,288 characters at most. More: it is told how many there are, and when one of
   * those goes that it knows of, another takes the place.
   * @default 1000
   */
  presence: number
}

/** Those of `memoryLog` are for the log that a hub makes for itself: where `log` is given they are an error. */
export interface HubOptions extends MemoryLogOptions {
  /**
   * The pathname that is the hub's, exactly, in any form of it: `/my live` is `/my%20live`. No pattern: what varies belongs in the query.
   * Below a framework's `app.use('/api', …)` it is the whole path, `/api/live`, for upgrades come with that.
   * @default '/live'
   */
  path?: string
  /**
   * What a client may hear.
   * @default the `topic` parameters of its URL
   */
  authorize?: Authorize
  /**
   * Other origins whose pages may connect, as browsers write them: `https://www.example.com`, or `https://*.example.com` for all
   * subdomains of a name, but not the name itself. Or a function that is asked with an origin and says at once whether it may.
   * Pages of the hub's own origin always may: those that the browser calls `same-origin`, or whose origin has the host that was asked for.
   * @default [] only pages of the same origin
   */
  origins?: readonly string[] | ((origin: string) => boolean)
  /**
   * The names this server has, without scheme and port: `www.example.com`, `*.example.com` for all subdomains of a name, `192.0.2.1`; `localhost`
   * stands for all of loopback. A request for another host is refused with 403. A name of somebody else can be made to lead to your
   * server (DNS rebinding), and for the browser their page is then of the same origin: list the names wherever the server trusts whoever reaches
   * it, as on a developer's machine and in a company's network. Behind a proxy that is trusted, what it tells of the host counts:
   * so do not trust loopback on a machine where somebody browses, for a page's script can tell it too.
   * @default undefined every host is answered; `npm run serve` and the demo answer loopback and the host they listen on
   */
  hosts?: readonly string[]
  /**
   * A secret text of 32 characters or more, the same on all nodes, so that each of them takes the tickets that another one made. Nodes that share a log and
   * can reach each other need none: the log keeps a key for them. That a ticket is used once is seen to over all nodes where the log answers, and otherwise by each for
   * itself.
   * @default undefined tickets are good on the node that made them, as long as it runs, and on those that share its log
   */
  ticketKey?: string
  /**
   * Whose word is taken for the client's address, host and scheme: that of so many proxies one behind the other (a number), or of a list
   * of addresses, subnets such as `10.0.0.0/8`, and `'unix'` for whoever comes over a unix socket. `true` is one proxy. Of what
   * headers list, only that counts which one of these has added: what was there before, anybody may have written.
   *
   * Read are `X-Forwarded-For`, `-Host`, `-Port` and `-Proto`, and, where none of these is there, `Forwarded`. The address is `unknown` where the
   * nearest proxy that is trusted tells none.
   * @default false
   */
  trustProxy?: boolean | number | readonly string[]
  /**
   * Whether JSONP is answered. Any page can read such an answer, so it is given only where the request tells an allowed origin, by
   * `Origin`, `Referer` or `Sec-Fetch-Site`.
   * @default true
   */
  jsonp?: boolean
  /**
   * Milliseconds within which a line hears a sign of life. Without one for more than twice that: our client takes the line
   * for dead, and comes again.
   * @default 15000
   */
  heartbeat?: number
  /**
   * Milliseconds a client waits before it reconnects. Sooner: nobody of ours comes but within the spread that `admission` gives; others are
   * bounded by the limits on sessions.
   * @default 1000
   */
  retry?: number
  /**
   * New lines per second that this server lets in. More: 503 with a `Retry-After` that spreads them, before anything is done for them. Clients are told to
   * reconnect at that rate. A number is kept to within a tenth, in each second. Without one it begins with the default, and goes by how late the
   * event loop is: from 100 to 10,000. Later polls of a line and what clients send are not counted.
   * @default 1000
   */
  admission?: number
  /**
   * Milliseconds that a session outlives its last channel. More: it ends, and a client that comes back begins another one, after its last message.
   * @default 120000
   */
  sessionTimeout?: number
  /**
   * Milliseconds that a stream or a WebSocket lasts. More: it is ended with the word to come back at once, which costs a client that is there a
   * round trip and loses nothing. A proxy may hold a connection whose browser is long gone: nothing else tells. Lines end spread over the last tenth
   * of it. `Infinity`: never.
   * @default 7200000
   */
  maxAge?: number
  /**
   * The topics in which it is known who is there: names, those that end in `*` for all that begin so, or a function. A client asks by
   * `await room.presence()`, and you by `hub.presence(topic)`. Each principal counts once, however many sessions hear the topic; who has none
   * counts by session. With a `log` of your own, hubs that share it know of each other's people.
   * @default undefined it is not kept, and costs nothing
   */
  presence?: readonly string[] | ((topic: string) => boolean)
  /**
   * The topics whose messages are compressed where it pays: `true` for all, names, those that end in `*` for all that begin so, or a function, which is asked often and
   * says the same each time. Compressed are bursts and histories from 1,024 characters on, once for all who hear them: over WebSocket
   * (`permessage-deflate`), and in streams and the answers to polls and JSONP (`gzip`), for clients that can read it.
   *
   * Whoever can write in a topic and count the bytes that another one gets can find out what else is compressed with it. So name no topic where secrets stand beside what
   * strangers write. Each topic is compressed by itself; where a function gives a text in place of `true`, together with those
   * topics for which it gives the same. What one session alone is told is never compressed.
   * @default undefined nothing is compressed
   */
  compression?: true | readonly string[] | ((topic: string) => boolean | string)
  /**
   * Whether the hub answers two addresses below its path, to whoever asks: `/live/health`, that the process answers, and `/live/ready`, whether new clients may be brought here.
   * They tell 200 or 503 and a reason in JSON, the same as `hub.health()` and `hub.ready()`.
   * @default false
   */
  probes?: boolean
  /**
   * What it takes and holds at most; what you leave out has its default.
   * @default those of `Limits`
   */
  limits?: Partial<Limits>
  /**
   * Where messages live.
   * @default memoryLog() with the options for it
   */
  log?: Log
  /**
   * Transports that are refused from the start; see `hub.refuse`.
   * @default []
   */
  refuse?: readonly (TransportName | 'post')[]
}

/** The options, complete. */
export interface Settings
  extends Required<
    Omit<
      HubOptions,
      | 'origins'
      | 'hosts'
      | 'trustProxy'
      | 'ticketKey'
      | keyof MemoryLogOptions
      | 'limits'
      | 'refuse'
      | 'presence'
      | 'compression'
      | 'admission'
    >
  > {
  limits: Limits
  /** In which topics it is known who is there, if in any. */
  presence: ((topic: string) => boolean) | undefined
  /** With what messages may be compressed, if they may. */
  compression: Mixing | undefined
  admission: Admission
  /** Whether other hubs may have the same log. */
  shared: boolean
  isListed: IsListed
  isKnownHost: IsKnownHost
  proxies: Proxies
  longQueries: LongQueries
  tickets: Tickets
}

/** What `hub.stats()` shows of a limit, its default and its unit. The words are in the docstrings; `npm run limits` makes docs/limits.md of both. */
export interface Bound {
  usual: number | (() => number)
  unit: string
  counters: string
}

export const limitTable: Record<keyof Limits, Bound> = {
  authorize: { usual: 10_000, unit: 'ms', counters: 'refused' },
  message: { usual: 2 ** 20, unit: 'bytes', counters: 'refused' },
  batch: { usual: 2 ** 18, unit: 'bytes', counters: 'refused' },
  messages: { usual: 4_000, unit: 'messages', counters: 'slowed' },
  unsent: { usual: 2 ** 20, unit: 'bytes', counters: 'unsent, stuck' },
  unhandled: { usual: 2 ** 22, unit: 'bytes', counters: 'unhandled, slowed' },
  unhandledInAll: { usual: 2 ** 27, unit: 'bytes', counters: 'unhandled, slowed' },
  handling: { usual: 120_000, unit: 'ms', counters: 'overdue' },
  sendsPerSecond: { usual: 1_000, unit: 'messages a second', counters: 'slowed' },
  bytesPerSecond: { usual: 2 ** 20, unit: 'bytes a second', counters: 'slowed' },
  burst: { usual: 30_000, unit: 'ms', counters: 'slowed' },
  topics: { usual: 10_000, unit: 'topics', counters: 'refused' },
  topicName: { usual: 1_024, unit: 'characters', counters: 'refused' },
  topicsInAll: { usual: quarterOfHeap, unit: 'bytes', counters: 'refused' },
  channels: { usual: 8, unit: 'channels', counters: 'lines' },
  sessions: { usual: 100_000, unit: 'sessions', counters: 'sessions, refused' },
  sessionsPerAddress: { usual: 50_000, unit: 'sessions', counters: 'refused' },
  sessionsPerPrincipal: { usual: 50_000, unit: 'sessions', counters: 'refused' },
  linesPerAddress: { usual: 100_000, unit: 'channels', counters: 'lines, refused' },
  linesPerPrincipal: { usual: 100_000, unit: 'channels', counters: 'lines, refused' },
  queries: { usual: 2 ** 24, unit: 'characters', counters: '' },
  tickets: { usual: 100_000, unit: 'tickets', counters: 'refused' },
  presence: { usual: 1_000, unit: 'people', counters: '' },
}

/** The options that are numbers. */
export const optionTable = {
  heartbeat: { usual: 15_000, unit: 'ms', counters: '' },
  retry: { usual: 1_000, unit: 'ms', counters: '' },
  admission: { usual: usualAdmission, unit: 'lines a second', counters: 'admission, deferred' },
  sessionTimeout: { usual: 120_000, unit: 'ms', counters: 'sessions' },
  maxAge: { usual: 7_200_000, unit: 'ms', counters: 'lines' },
} satisfies Partial<Record<keyof HubOptions, Bound>>

const usualLimits = Object.fromEntries(
  Object.entries(limitTable).map(([name, { usual }]) => [name, typeof usual === 'number' ? usual : usual()]),
) as unknown as Limits

const timerWords = 'a positive number of milliseconds, 2147483647 at most, which is what a timer can hold'

/** What each option has to be, as a test and in words; those without words say it themselves. */
const rules: Record<keyof HubOptions, [fits: (value: unknown) => boolean, words: string]> = {
  path: [value => typeof value === 'string', 'a text'],
  authorize: [value => typeof value === 'function', 'a function'],
  retain: [() => true, ''],
  expire: [() => true, ''],
  retainBytes: [isPositiveOrInfinite, 'a positive number'],
  retainBytesPerSession: [isPositiveOrInfinite, 'a positive number'],
  retainBytesInAll: [isPositiveOrInfinite, 'a positive number'],
  origins: [() => true, ''],
  hosts: [() => true, ''],
  ticketKey: [value => typeof value === 'string' && value.length >= 32, 'a text of 32 characters or more'],
  trustProxy: [() => true, ''],
  jsonp: [value => typeof value === 'boolean', 'true or false'],
  heartbeat: [isTimer, timerWords],
  retry: [isTimer, timerWords],
  admission: [isPositive, 'a positive number'],
  sessionTimeout: [isTimer, timerWords],
  maxAge: [isPositiveOrInfinite, 'a positive number'],
  presence: [
    value => typeof value === 'function' || (Array.isArray(value) && value.every(isText)),
    'an array of names of topics, or a function',
  ],
  compression: [
    value => value === true || typeof value === 'function' || (Array.isArray(value) && value.every(isText)),
    'true, an array of names of topics, or a function',
  ],
  probes: [value => typeof value === 'boolean', 'true or false'],
  limits: [isObject, 'an object'],
  log: [isObject, 'a log, such as memoryLog() or redisLog()'],
  refuse: [Array.isArray, 'an array of transports'],
}

const logOptions = ['retain', 'expire', 'retainBytes', 'retainBytesPerSession', 'retainBytesInAll'] as const

export function readOptions(options: HubOptions): Settings {
  check('', options, rules)
  const { path, authorize, jsonp, heartbeat, retry, admission, sessionTimeout, maxAge, log, presence } =
    options
  for (const name of logOptions) {
    const value = options[name]
    if (log && value !== undefined)
      throw new TypeError(
        `createHub: ${name} is the log's own affair; give it to the log: memoryLog({ ${name}: ${typeof value === 'object' ? '…' : value} })`,
      )
  }
  const limits = readLimits(options.limits ?? {})
  return {
    path: readPath(path ?? '/live'),
    authorize: authorize ?? grantAll,
    isListed: readOrigins(options.origins === undefined ? [] : options.origins),
    isKnownHost: readHosts(options.hosts),
    jsonp: jsonp ?? true,
    heartbeat: heartbeat ?? optionTable.heartbeat.usual,
    retry: retry ?? optionTable.retry.usual,
    admission: createAdmission(admission),
    sessionTimeout: sessionTimeout ?? optionTable.sessionTimeout.usual,
    maxAge: maxAge ?? optionTable.maxAge.usual,
    presence: Array.isArray(presence)
      ? topic => isListed(presence, topic)
      : (presence as Settings['presence']),
    compression: mixingOf(options.compression),
    probes: options.probes ?? false,
    shared: log !== undefined,
    log: log ?? memoryLog(Object.fromEntries(logOptions.map(name => [name, options[name]]))),
    proxies: createProxies(options.trustProxy === undefined ? false : options.trustProxy),
    limits,
    longQueries: createLongQueries(limits.queries),
    tickets: createTickets(options.ticketKey, limits.tickets),
  }
}

function mixingOf(compression: HubOptions['compression']): Mixing | undefined {
  if (compression === true) return () => true
  return Array.isArray(compression)
    ? topic => isListed(compression, topic)
    : (compression as Mixing | undefined)
}

/** Without a word on rights everybody hears what they ask for. */
export function grantAll({ url }: AuthorizeRequest): Rights {
  return { topics: url.searchParams.getAll('topic').filter(Boolean), subscribe: all }
}

const all = ['*']

/** Whether it is one of the names, or begins as one that ends in `*`. */
export function isListed(names: readonly string[], topic: string): boolean {
  return names.some(name => (name.endsWith('*') ? topic.startsWith(name.slice(0, -1)) : topic === name))
}

/** Throws a TypeError for what is no transport. */
export function checkTransports(names: readonly string[]): void {
  const stranger = names.find(name => !transports.some(known => known === name))
  if (stranger !== undefined)
    throw new TypeError(
      `there is no transport ${JSON.stringify(stranger)}; there are ${transports.join(', ')}`,
    )
}

type Rule = [fits: (value: unknown) => boolean, words: string]

/** The limits that end in a timer. */
const times = ['authorize', 'handling', 'burst']

function readLimits(given: Partial<Limits>): Limits {
  const names = Object.keys(usualLimits)
  const rule = (name: string): Rule =>
    times.includes(name) ? [isTimer, timerWords] : [isPositive, 'a positive number']
  check('limits.', given, Object.fromEntries(names.map(name => [name, rule(name)])))
  const all = given.sessions ?? usualLimits.sessions
  const half = Math.ceil(all / 2)
  const told = Object.entries(given).filter(([, value]) => value !== undefined)
  const { message, batch } = { ...usualLimits, ...Object.fromEntries(told) }
  const unhandled = given.unhandled ?? 4 * Math.max(message, batch)
  const limits: Limits = {
    ...usualLimits,
    unhandled,
    unhandledInAll: 32 * unhandled,
    sessionsPerAddress: half,
    sessionsPerPrincipal: half,
    linesPerAddress: all,
    linesPerPrincipal: all,
    ...Object.fromEntries(told),
  }
  // What there is never room for would be sent again and again.
  checkOrder(limits, 'unhandled', 'message')
  checkOrder(limits, 'unhandled', 'batch')
  checkOrder(limits, 'unhandledInAll', 'unhandled')
  return limits
}

function checkOrder(limits: Limits, larger: keyof Limits, smaller: keyof Limits): void {
  if (limits[larger] < limits[smaller])
    throw new TypeError(
      `createHub: limits.${larger} is ${limits[larger]}; it has to be ${limits[smaller]} at least, as limits.${smaller} is`,
    )
}

function readPath(path: string): string {
  if (!/^\/[^?#]*$/.test(path))
    throw new TypeError(`path is '${path}'; it begins with / and has neither a query nor a fragment`)
  if (/\*|\/:\w/.test(path))
    throw new TypeError(`path is '${path}'; it is one path, no pattern: what varies belongs in the query`)
  return canonicalPath(path) as string
}

function check(
  before: '' | 'limits.',
  given: object,
  rules: Record<string, [fits: (value: unknown) => boolean, words: string]>,
): void {
  if (!isObject(given))
    throw new TypeError(`createHub: the options are ${show(given)}; they have to be an object`)
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) && rules[name]
    const known = Object.keys(rules).join(', ')
    if (!rule) throw new TypeError(`createHub: unknown option '${before}${name}'; the options are ${known}`)
    const [fits, words] = rule
    if (value !== undefined && !fits(value))
      throw new TypeError(
        `createHub: ${before}${name} is ${name === 'ticketKey' ? 'too short, or no text' : show(value)}; it has to be ${words}`,
      )
  }
}

/** A timer of Node's that is longer is over at once. */
function isTimer(value: unknown): boolean {
  return isPositive(value) && (value as number) < 2 ** 31
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

function isPositiveOrInfinite(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || isPositive(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
