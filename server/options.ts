import type { IncomingHttpHeaders } from 'node:http'
import type { Log } from './log.ts'
import { memoryLog } from './memory-log.ts'
import { createProxies, type Proxies } from './proxies.ts'

/** How a client comes. `bare`: an event stream without `rt.via`, as `curl` and a page's own EventSource ask for it. */
export type TransportName =
  | 'websocket'
  | 'eventsource'
  | 'xhr-streaming'
  | 'fetch-streaming'
  | 'iframe'
  | 'long-polling'
  | 'jsonp'
  | 'bare'

/** What `authorize` is shown of a request. */
export interface AuthorizeRequest {
  /** As the client sees it, its query included. */
  readonly url: URL
  /** Over JSONP without `cookie` and `authorization`, unless the request is known to come from a page of an allowed origin. */
  readonly headers: IncomingHttpHeaders
  /** What the page's `token()` gave: an `Authorization: Bearer` header, or `rt.token` where none can be set. */
  readonly token: string | undefined
  /** The client's address; proxies are believed if `trustProxy` says so. */
  readonly address: string
  /** The origin of the page that asks, if the request tells it. */
  readonly origin: string | undefined
  readonly method: string
  readonly transport: TransportName | 'post'
}

export interface Rights {
  /** What the client hears. */
  topics: readonly string[]
  /** Who the client is: a session is found again only by the same one. */
  principal?: string | undefined
  /**
   * Whether it may send.
   * @default true
   */
  send?: boolean | undefined
}

type Maybe<T> = T | null | undefined | false

/**
 * Decides what a client may hear, on each request anew. Nothing: 403. To refuse with another status, throw an object
 * with a numeric `status`, and if you like a `message` and `retryAfter` in seconds.
 */
export type Authorize = (
  request: AuthorizeRequest,
) => Maybe<readonly string[] | Rights> | Promise<Maybe<readonly string[] | Rights>>

export interface Limits {
  /**
   * Bytes of one message as it is written. More: 413.
   * @default 1048576
   */
  message: number
  /**
   * Bytes of one POST that carries several messages. More: 413.
   * @default 65536
   */
  batch: number
  /**
   * Messages of one POST, and messages of one WebSocket that may wait for slow listeners before it is read on.
   * @default 1000
   */
  messages: number
  /**
   * Bytes that may wait for a slow reader. More: what follows is read from the log as it goes. One that takes nothing for
   * four heartbeats is cut, and resumes.
   * @default 1048576
   */
  unsent: number
  /**
   * Pipes that one session may have open at once. More: the oldest is cut.
   * @default 8
   */
  pipes: number
  /**
   * Sessions in all, those included that are away. More: 503.
   * @default 100000
   */
  sessions: number
}

export interface HubOptions {
  /**
   * The pathname that is the hub's, exactly.
   * @default '/live'
   */
  path?: string
  /**
   * What a client may hear.
   * @default the `topic` parameters of its URL
   */
  authorize?: Authorize
  /**
   * How many messages each topic keeps for those who were away.
   * @default 1000
   */
  retain?: number
  /**
   * Other origins whose pages may connect, exactly as browsers write them: `https://www.example.com`.
   * @default [] only pages of the same origin
   */
  origins?: readonly string[]
  /**
   * Whose `X-Forwarded-For`, `-Host` and `-Proto` are believed: everybody's (`true`), or a list of addresses and subnets.
   * @default false
   */
  trustProxy?: boolean | readonly string[]
  /**
   * Whether JSONP is answered. `authorize` sees its cookies only if the page is known to be of an allowed origin.
   * @default true
   */
  jsonp?: boolean
  /**
   * Milliseconds within which a line hears a sign of life.
   * @default 15000
   */
  heartbeat?: number
  /**
   * Milliseconds a client waits before it reconnects.
   * @default 1000
   */
  retry?: number
  /**
   * Lines per second that this server can admit: reconnecting clients are told to spread themselves so.
   * @default 2000
   */
  admission?: number
  /**
   * Milliseconds that a session outlives its last pipe.
   * @default 120000
   */
  sessionTimeout?: number
  limits?: Partial<Limits>
  /**
   * Where messages live.
   * @default memoryLog({ retain })
   */
  log?: Log
  /**
   * Transports that are refused from the start; see `hub.refuse`.
   * @default []
   */
  refuse?: readonly (TransportName | 'post')[]
}

/** The options, complete. */
export interface Settings extends Required<Omit<HubOptions, 'trustProxy' | 'retain' | 'limits' | 'refuse'>> {
  limits: Limits
  proxies: Proxies
}

export function readOptions(options: HubOptions): Settings {
  const settings: Settings = {
    path: options.path ?? '/live',
    authorize: options.authorize ?? (({ url }) => url.searchParams.getAll('topic').filter(Boolean)),
    origins: (options.origins ?? []).map(checkOrigin),
    jsonp: options.jsonp ?? true,
    heartbeat: positive('heartbeat', options.heartbeat ?? 15_000),
    retry: positive('retry', options.retry ?? 1_000),
    admission: positive('admission', options.admission ?? 2_000),
    sessionTimeout: positive('sessionTimeout', options.sessionTimeout ?? 120_000),
    log: options.log ?? memoryLog(options.retain === undefined ? {} : { retain: options.retain }),
    proxies: createProxies(options.trustProxy ?? false),
    limits: {
      message: 2 ** 20,
      batch: 2 ** 16,
      messages: 1_000,
      unsent: 2 ** 20,
      pipes: 8,
      sessions: 100_000,
      ...options.limits,
    },
  }
  for (const [name, value] of Object.entries(settings.limits)) positive(`limits.${name}`, value)
  if (!/^\/[^?#]*$/.test(settings.path))
    throw new TypeError(`path is '${settings.path}'; it begins with / and has no query`)
  return settings
}

function checkOrigin(origin: string): string {
  if (origin === '*') {
    throw new TypeError(
      "origins: '*' would let every site act with your users' cookies; list the origins that may, such as https://www.example.com",
    )
  }
  const canonical = URL.canParse(origin) ? new URL(origin).origin : 'https://host[:port]'
  // A scheme that is not the web's has no canonical form.
  if (canonical !== 'null' && canonical !== origin) {
    throw new TypeError(`origins: '${origin}' is not as browsers write it: ${canonical}`)
  }
  return origin
}

function positive(name: string, value: number): number {
  if (!Number.isFinite(value) || value <= 0)
    throw new TypeError(`${name} is ${value}; it must be a positive number`)
  return value
}
