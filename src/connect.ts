import { advise, adviseOnForbidden, adviseOnHeaders } from './advice.ts'
import { createConnection } from './connection/connection.ts'
import { Line } from './connection/line.ts'
import { usualWaiting } from './connection/outbox.ts'
import { longestId } from './connection/position.ts'
import { createToken } from './connection/token.ts'
import type { Dialect, Position, RequestDetails, Via } from './contracts/dialect.ts'
import { type TransportName, withoutQuery } from './contracts/failure.ts'
import type { Attempt, Target, Transport } from './contracts/transport.ts'
import { browser, type Environment } from './environment.ts'
import { type HeaderPairs, type Parameters, readHeaders, readParams } from './given.ts'
import type { AnySignal, AnyURL } from './here.ts'
import { createLongQuery, type LongQuery } from './long-query.ts'
import { createPreference } from './race/preference.ts'
import { createRace } from './race/race.ts'
import { addQuery, digest } from './wire/address.ts'
import { type Codec, largest, rawCodec, show } from './wire/codec.ts'

/** What a line keeps at most. A `send()` beyond it rejects, and says so; a message that is received beyond it is told by a `gap` event. */
export interface LineLimits {
  /**
   * How many messages may wait to be taken by the server. More: `send()` rejects.
   * @default 1000
   */
  messages?: number
  /**
   * How many bytes of them, as UTF-8; no single message may be larger. What the server says it takes counts besides. More: `send()` rejects.
   * @default 1048576
   */
  bytes?: number
  /**
   * How long a message may wait, in ms. More: it is given up, and its `send()` rejects.
   * @default 120000
   */
  age?: number
  /**
   * How many characters a message may have that is received, as it comes: bytes as base64 have a third more. More: it is passed
   * over and told by a `gap` event whose reason is `too large`. What a WebSocket brings as one message of a foreign server, and what
   * the browser's own EventSource reads, is the browser's to limit.
   * @default 8388608
   */
  received?: number
}

export interface Options<T = TransportName | Transport, D = Dialect> {
  /**
   * Which transports to try, in order of preference. JSONP goes to another origin only if the option `jsonp` says so.
   * @default all five, for the `throughline` entry; `throughline/core` has none of its own
   */
  transports?: readonly T[]
  /**
   * What the server speaks.
   * @default the native wire
   */
  dialect?: D
  /**
   * Added to the address's query, which itself stays as it is, byte for byte: an object, `URLSearchParams`, or pairs. A list of values
   * is as many parameters of that name. A function is asked afresh for each request. Names that begin with `rt.` are reserved.
   */
  params?: Parameters | (() => Parameters)
  /**
   * Request headers, for the transports that can set them: XHR streaming, long polling and POST. An object, `Headers`, or pairs. A
   * function is asked afresh.
   */
  headers?: HeaderPairs | (() => HeaderPairs)
  /**
   * Whether cookies go along to other origins.
   * @default false
   */
  withCredentials?: boolean
  /**
   * JSONP runs what the server answers as a script of the page, so it goes to the page's own origin only. `'cross-origin'` lets it go to any that the
   * line goes to: to a server that you trust as you trust your own scripts. Otherwise `report()` says that it was not tried, and why.
   */
  jsonp?: 'cross-origin'
  /** Continue after this id: the `lastEventId` of an earlier line, 4,096 characters at most. */
  lastEventId?: string
  /**
   * The page's credential, asked for before the first request and once more when the server answers 401. It goes as
   * `Authorization: Bearer` where a transport can set headers, and as a subprotocol on WebSocket. EventSource, JSONP and frames can have
   * neither: a ticket stands for it there, which is fetched by a POST and good once. It is never in an address, which ends up in logs, unless `tokenIn`
   * says so; see there for other servers. With the plain dialect it goes as that header only: WebSocket and EventSource ask without it. A function that throws, gives anything but a string, or takes longer than `timeout` is told by an `error`
   * event and asked again.
   */
  token?: () => string | Promise<string>
  /**
   * `'address'`: the token may stand in the address of requests that can have no header, as logs, proxies and the browser's history keep
   * them. Give out one that is short-lived. For servers without tickets: Mercure over EventSource, Nchan over EventSource and WebSocket, SockJS over
   * WebSocket, EventSource and JSONP. Without it these transports are left out where there is a `token`, and `report()` says why.
   */
  tokenIn?: 'address'
  /**
   * `session`: after a reload of the page, continue after the last message that it heard. Of several lines of one page to the same
   * address, `params` included, only the first continues.
   * @default false
   */
  resume?: 'session' | false
  /** How values become payloads and back.
   * @default the dialect's own; with the native wire messages are strings and bytes, as they were published */
  codec?: Codec
  /** How long to wait before reconnecting, in ms, until the server says otherwise. */
  retry?: number
  /**
   * How long a transport may bring nothing at all before it is given up, in ms. The next one joins long before. With the
   * plain dialect only WebSocket is: an event stream may be quiet for ever, and many a server is until its first event.
   * `token` has as long.
   * @default 10000
   */
  timeout?: number
  /** How much may wait to be sent, and how long, and how much one received message may have. */
  limits?: LineLimits
  /**
   * Starts the second transport together with the first, for pages that would rather pay for a request than wait.
   * @default false
   */
  eager?: boolean
  /** Closes the line when it aborts. */
  signal?: AnySignal
  /** Replaces what the SDK takes from its surroundings: clock, timers, randomness, sockets. For tests and unusual places. */
  environment?: Partial<Environment>
}

/** What an entry brings along: its transports and dialects by name, and what it uses when the page names none. */
export interface Defaults {
  readonly transports: readonly Transport[]
  readonly dialects: readonly Dialect[]
}

/** What any entry takes: the narrower types of each are for the page's editor. */
export type AnyOptions = Options<TransportName | Transport, string | Dialect>

/** What each option has to be, as a test and in words. */
const rules: Record<keyof Options, [fits: (value: unknown) => boolean, words: string]> = {
  transports: [Array.isArray, 'an array of transports'],
  dialect: [value => typeof value === 'string' || isObject(value), 'a dialect or the name of one'],
  params: [
    value => isObject(value) || isFunction(value),
    'an object, a list of pairs, or a function that returns one',
  ],
  headers: [
    value => isObject(value) || isFunction(value),
    'an object, a list of pairs, or a function that returns one',
  ],
  withCredentials: [isBoolean, 'true or false'],
  jsonp: [value => value === 'cross-origin', '"cross-origin", or absent'],
  lastEventId: [
    value => typeof value === 'string' && value.length <= longestId && !/[\r\n\0]/.test(value),
    `a string without CR, LF and NUL, of ${longestId} characters at most`,
  ],
  token: [isFunction, 'a function that returns one'],
  tokenIn: [value => value === 'address', '"address", or absent'],
  resume: [value => value === 'session' || value === false, '"session" or false'],
  codec: [
    value => isObject(value) && isFunction(value.encode) && isFunction(value.decode),
    'an object with encode and decode',
  ],
  retry: [isTime, 'a time in ms, 0 or more'],
  timeout: [value => isTime(value) && value !== 0, 'a time in ms, more than 0'],
  limits: [isObject, 'an object such as { bytes: 4_000_000 }'],
  eager: [isBoolean, 'true or false'],
  signal: [value => isObject(value) && isFunction(value.addEventListener), 'an AbortSignal'],
  environment: [isObject, 'an object'],
}

/** Given by the build: whether it is one that warns. */
declare const DEV: boolean | undefined
export const usualLimits: Required<LineLimits> = { ...usualWaiting, received: largest }

/** Opens a line with what an entry brings along. */
export function open<Messages>(
  catalogue: Defaults,
  url: string | AnyURL,
  options: AnyOptions = {},
): Line<Messages> {
  const prepared = prepare(catalogue, url, options)
  const {
    address,
    origin,
    way: preferenceKey,
    transports,
    dialect,
    environment,
    names,
    token,
    target,
  } = prepared
  const { codec = dialect.codec ?? rawCodec, withCredentials = false, eager = false, retry, signal } = options
  const keeper = options.resume === 'session' ? reloadCursor(environment, address, options) : undefined
  const lastEventId = options.lastEventId ?? keeper?.kept ?? ''
  const attempts: Attempt[] = []
  const route = createRace(transports, {
    memory: createPreference(environment, preferenceKey),
    eager,
    origin,
    attempts,
  })
  const line = new Line<Messages>({
    url: address.href,
    origin,
    withCredentials,
    codec,
    attempts,
    environment,
    literal: !dialect.sendsHello,
    answers: dialect.replies === true,
    listening: names.add,
    start: listener => {
      const waiting = { ...usualWaiting, ...options.limits }
      const keep = keeper?.keep
      const plan = { dialect, environment, route, lastEventId, retry, token, target, waiting, keep }
      const closed = (reason: string) => {
        signal?.removeEventListener('abort', stop)
        listener.closed(reason)
      }
      return createConnection(plan, { ...listener, closed })
    },
  })
  const stop = () => line.close()
  if (signal?.aborted) line.close()
  else signal?.addEventListener('abort', stop, { once: true })
  if (typeof DEV !== 'undefined' && DEV) {
    advise(line, environment, namesTopic(dialect, target))
    if (dialect.tokenByHeaderOnly) adviseOnHeaders(line.url, options, transports)
    const { headers } = options
    if (typeof document === 'object' && isObject(headers))
      adviseOnForbidden(line.url, Object.keys(readHeaders(headers as HeaderPairs)))
  }
  return line
}

/** Only our own wire has topics in the address. */
function namesTopic({ name }: Dialect, target: (position: Position) => Target): boolean | undefined {
  if (name !== 'native') return undefined
  return new URL(target({ cursor: '', session: undefined }).buildRequest('post').url).searchParams.has(
    'topic',
  )
}

/** Reads where the page wants to go and by what, once and completely. */
export function prepare(catalogue: Defaults, url: string | AnyURL, options: AnyOptions) {
  check(options)
  const environment = browser(options.environment)
  const received = options.limits?.received
  const dialect = sized(
    find(options.dialect ?? (catalogue.dialects[0] as Dialect), catalogue.dialects, 'dialect'),
    received,
  )
  const address = resolve(url, environment.base, dialect)
  const http = new URL(address)
  http.protocol = http.protocol.replace('ws', 'http')
  http.hash = ''

  const transports = /^http/.test(http.protocol) ? choose(options.transports, catalogue.transports) : []
  const { params = {}, headers = {}, withCredentials = false, timeout = 10_000 } = options
  const asked = { params: resolveLazily(params, readParams), headers: resolveLazily(headers, readHeaders) }
  const names = listenedEvents()
  const token = options.token && createToken(options.token)
  const hidden = token !== undefined && options.tokenIn !== 'address'
  const whole = () => withParams(http, asked.params())
  const nowhere: Position = { cursor: '', session: undefined }
  const long: LongQuery | undefined =
    dialect.namesQueries && environment.fetch
      ? createLongQuery(
          whole,
          environment.fetch,
          bare => buildRequest('query', { position: nowhere }, bare),
          withCredentials,
        )
      : undefined
  const target = (position: Position, taken = () => 0): Target => ({
    taken,
    dialect,
    environment,
    withCredentials,
    jsonp: options.jsonp,
    ticketed: hidden && dialect.tickets,
    hides: name => hidden && dialect.showsToken?.includes(name),
    timeout,
    largest: received,
    positioned: () => position.cursor !== '' && (!dialect.sendsHello || position.session !== undefined),
    names: names.follow,
    ready: () => long?.named(),
    buildRequest: (via, details) => buildRequest(via, { ...details, position }),
  })
  function buildRequest(
    via: Via,
    details: RequestDetails & { position: Position },
    url = long?.address() ?? whole(),
  ) {
    const nonce = Math.floor(environment.random() * 2 ** 32).toString(36)
    return dialect.buildRequest({
      ...details,
      via,
      url,
      headers: asked.headers(),
      token: token?.value,
      hidden,
      nonce,
    })
  }
  // What is learned of one address, dialect and choice of transports says nothing about others.
  const { origin, pathname } = http
  const way = digest([origin, pathname, dialect.name, ...transports.map(({ name }) => name)].join(' '))
  return { address, origin, way, transports, dialect, environment, names, token, target }
}

/** The dialect, whose readers keep no more of a message than the page takes. */
function sized(dialect: Dialect, received: number | undefined): Dialect {
  if (received === undefined) return dialect
  const reader: Dialect['reader'] = (via, before) => dialect.reader(via, before, received)
  return Object.assign(Object.create(dialect), { reader })
}

/**
 * Hands the cursor over to the same page after a reload. It is there only between two pages: a tab that is duplicated while
 * this page lives copies nothing.
 */
function reloadCursor(environment: Environment, address: URL, { params = {} }: AnyOptions) {
  const given = isFunction(params) ? address : withParams(address, readParams(params as Parameters))
  const key = `throughline:${digest(given.href)}`
  const recall = () => environment.getItem(key, 'sessionStorage')
  return {
    kept: recall(),
    keep(cursor: string | null) {
      // Of two lines to the same address the first will recall what is kept, so its own it has to be.
      if (cursor === null || recall() === null) environment.setItem(key, cursor, 'sessionStorage')
    },
  }
}

/** Text that was meant for one of these may be a secret, which no message shows. */
const secret = new Set(['params', 'headers', 'token'])

function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'a string' : show(value)
}

function check(options: AnyOptions): void {
  if (!isObject(options))
    throw new TypeError(`connect: the options are ${show(options)}; they have to be an object`)
  for (const name in options) {
    const rule = Object.hasOwn(rules, name) && rules[name as keyof Options]
    if (!rule)
      throw new TypeError(
        `connect: unknown option "${name}"; the options are ${Object.keys(rules).join(', ')}`,
      )
    const value = options[name as keyof Options]
    const [fits, words] = rule
    if (value !== undefined && !fits(value))
      throw new TypeError(
        `connect: the option "${name}" is ${secret.has(name) ? kindOf(value) : show(value)}; it has to be ${words}`,
      )
  }
  const limits: Record<string, unknown> = { ...(options.limits as object | undefined) }
  for (const name in limits) {
    if (!Object.hasOwn(usualLimits, name))
      throw new TypeError(
        `connect: the option "limits" has no "${name}"; it has ${Object.keys(usualLimits).join(', ')}`,
      )
    if (!(typeof limits[name] === 'number' && limits[name] > 0))
      throw new TypeError(
        `connect: the option limits.${name} is ${show(limits[name])}; it has to be a number above 0`,
      )
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

/** What the page's function gives, asked afresh. If it fails in the life of a line, what it gave last has to do. */
function resolveLazily<T extends object, R>(source: T | (() => T), read: (given: T) => R): () => R {
  if (typeof source !== 'function') {
    const given = read(source)
    return () => given
  }
  let last: R | undefined
  return () => {
    try {
      last = read(source())
      return last
    } catch (error) {
      if (!last) throw error
      report(error)
      return last
    }
  }
}

/** Tells the page's error handlers, as the browser does what a listener throws; where there are none it is printed, and ends nothing. */
function report(error: unknown): void {
  const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void }
  setTimeout(() => reportError(error))
}

/** `ws:` and `wss:` name the same server as `http:` and `https:`; which of them is used is the transport's affair. */
function resolve(url: string | AnyURL, base: string | undefined, { sendsHello: greets }: Dialect): URL {
  // An EventSource takes whatever can be made a text (Web IDL, USVString), and so does a line that stands in for one.
  if (greets && typeof url !== 'string' && typeof (url as Partial<URL> | null)?.href !== 'string')
    throw new TypeError(`connect: the URL is ${show(url)}; it has to be a string or a URL`)
  let address: URL
  try {
    address = new URL(url, base)
  } catch {
    const message = `connect: ${JSON.stringify(withoutQuery(`${url}`))} is not a URL${base ? '' : ', and there is no page to resolve it against'}`
    // "If urlRecord is failure, then throw a "SyntaxError" DOMException" (WHATWG HTML 9.2.2), and so does WebSocket.
    throw greets ? new TypeError(message) : new DOMException(message, 'SyntaxError')
  }
  // An EventSource that cannot fetch its URL says so by an `error` event.
  if (!greets || /^(http|ws)s?:$/.test(address.protocol)) return address
  throw new TypeError(
    `connect: ${JSON.stringify(withoutQuery(`${url}`))} can't be reached: use an http:, https:, ws:, wss: or relative URL`,
  )
}

function choose(asked: Options['transports'], catalogue: readonly Transport[]): Transport[] {
  const chosen = (asked ?? catalogue).map(each => find(each, catalogue, 'transport'))
  if (chosen.length > 0) return chosen
  throw new TypeError(
    'connect: the option "transports" names none; throughline/core needs the transports that you import from it',
  )
}

function find<T extends { readonly name: string }>(
  asked: string | T,
  catalogue: readonly T[],
  kind: string,
): T {
  const found = typeof asked === 'string' ? catalogue.find(each => each.name === asked) : asked
  if (typeof found?.name === 'string') return found
  const names = catalogue.map(each => `"${each.name}"`).join(', ')
  throw new TypeError(
    `connect: there is no ${kind} ${JSON.stringify(asked)}; ${names ? `there are ${names}` : 'import one and pass it'}`,
  )
}

function withParams(http: URL, params: [name: string, value: string][]): URL {
  const url = new URL(http)
  for (const [name, value] of params) addQuery(url, name, value)
  return url
}

/** Which event names have listeners, for transports that have to ask the browser for each. */
function listenedEvents() {
  const names = new Set(['message'])
  const followers = new Set<(name: string) => void>()
  return {
    add(name: string): void {
      if (names.has(name)) return
      names.add(name)
      for (const follower of followers) follower(name)
    },
    follow(added: (name: string) => void): () => void {
      for (const name of names) added(name)
      followers.add(added)
      return () => followers.delete(added)
    },
  }
}
