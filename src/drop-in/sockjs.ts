import type { AnyEvent, Handler } from '../here.ts'
import { type SocketEventMap, type SocketStates, type SocketTarget, socketTarget } from './socket-target.ts'
import { bye } from './socket-words.ts'
import { runSession } from './sockjs-session.ts'

/** Options of `SockJS`, by the names that sockjs-client has for them. */
export interface SockJSClientOptions {
  /**
   * What stands before the session in each address, by which a load balancer may choose.
   * @default three digits at random
   */
  server?: string | undefined
  /**
   * What names the session, or how many characters its name has.
   * @default a random name that cannot be guessed
   */
  sessionId?: number | (() => string) | undefined
  /**
   * Which transports to try: `websocket`, `xhr-streaming`, `eventsource`, `xhr-polling`, `jsonp-polling`, in this order, whatever theirs is. Other
   * names of sockjs-client (`xdr-…`, `iframe-…`, `htmlfile`) are passed over: they are for browsers that are gone. `jsonp-polling` goes to another
   * origin only if it is named.
   * @default all five
   */
  transports?: string | string[] | undefined
  /**
   * How long a transport may take to open at least before the next one is tried, in ms.
   * @default so long as the server took to answer several times over, and 2000 at least; the last one has 5000 at least
   */
  timeout?: number | undefined
  /** Is not used; in browsers sockjs-client does not use it either. */
  transportOptions?: object | undefined
  /** The older name of `transports`. */
  protocols_whitelist?: string[] | undefined
}

/** The events of a SockJS, by their names. */
export interface SockJSEventMap extends SocketEventMap {
  /** The server has shown that it is there. */
  heartbeat: AnyEvent
}

/** One session with a SockJS server. */
export interface SockJS extends SocketTarget<SockJSEventMap> {
  /** The prefix of the server, resolved. */
  readonly url: string
  /** 0 (CONNECTING), 1 (OPEN), 2 (CLOSING), or 3 (CLOSED). */
  readonly readyState: 0 | 1 | 2 | 3
  /** What carries the session, by the names of the option `transports`; `null` while nothing does. */
  readonly transport: string | null
  /** How many bytes wait to be taken. */
  readonly bufferedAmount: number
  /** Empty: SockJS has no subprotocols. */
  readonly protocol: string
  /** Empty: SockJS has no extensions. */
  readonly extensions: string
  /** Without effect, since SockJS carries text: as a WebSocket has it. */
  binaryType: 'blob' | 'arraybuffer'
  /** Hears `heartbeat`: the server has shown that it is there. Over WebSocket most servers show it in a way that no page sees. */
  onheartbeat: Handler<AnyEvent>

  /**
   * Sends a text; what is none, as the text that it is as a string. Once the session ends nothing is sent, and nothing is thrown.
   *
   * @throws {DOMException} an InvalidStateError before the session is open
   */
  send(data: unknown): void

  /**
   * Ends the session. A `close` event follows with this code and reason.
   *
   * @param code 1000, or from 3000 to 4999. @default 1000
   * @param reason at most 123 bytes as UTF-8. @default 'Normal closure'
   * @throws {DOMException} an InvalidAccessError for another code, a SyntaxError for a longer reason
   */
  close(code?: number, reason?: string): void
}

/** What `SockJS` itself is. */
export interface SockJSClass extends SocketStates {
  /**
   * Begins the session.
   *
   * @param url the prefix that the server was given, absolute or relative to the page; `http:` or `https:`
   * @param reserved nothing; names that are empty or there twice are refused, as sockjs-client does
   * @throws {SyntaxError} for a URL that cannot be, or a name as above
   * @throws {TypeError} for no URL, or a `sessionId` that is neither a number nor a function
   */
  new (url: string, reserved?: unknown, options?: SockJSClientOptions | null): SockJS
  /** The same: sockjs-client may be called without `new`. */
  (url: string, reserved?: unknown, options?: SockJSClientOptions | null): SockJS
  /** What all of them have. */
  readonly prototype: SockJS
}

const Base = /* @__PURE__ */ socketTarget<SockJSEventMap>(['open', 'message', 'heartbeat', 'close', 'error'])

const letters = 'abcdefghijklmnopqrstuvwxyz012345'

class Session extends Base implements SockJS {
  readonly url: string
  readonly protocol = ''
  readonly extensions = ''
  binaryType: 'blob' | 'arraybuffer' = 'blob'
  declare onheartbeat: Handler<AnyEvent>
  private readonly running: ReturnType<typeof runSession>

  constructor(url: string, reserved?: unknown, options: SockJSClientOptions | null = {}) {
    super()
    if (url === undefined) throw new TypeError('SockJS: a URL is needed')
    const names = reserved ? [reserved].flat() : []
    if (names.includes('') || new Set(names).size < names.length)
      throw new SyntaxError('SockJS: a subprotocol is empty, or there twice')
    const { server, sessionId, transports, timeout = 0, protocols_whitelist: older } = options ?? {}
    if (sessionId && !/number|function/.test(typeof sessionId))
      throw new TypeError('SockJS: the option "sessionId" has to be a number or a function')
    this.url = prefixOf(url)
    const wanted = transports ?? older
    this.running = runSession({
      url: this.url,
      wanted: wanted?.length ? [wanted].flat() : undefined,
      server,
      session: typeof sessionId === 'number' ? () => randomName(sessionId) : sessionId || undefined,
      timeout,
      hear: event => this.dispatchEvent(event as Event),
    })
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return states[this.running.life.name]
  }

  get transport(): string | null {
    return this.running.transport
  }

  get bufferedAmount(): number {
    return this.running.bufferedAmount
  }

  send(data: unknown): void {
    if (this.readyState === 0)
      throw new DOMException('InvalidStateError: the session is not open yet', 'InvalidStateError')
    this.running.send(`${data}`)
  }

  close(code?: number, reason?: string): void {
    this.running.signal({ type: 'close', ...bye(code || undefined, reason || undefined) })
  }
}

const states = { asking: 0, connecting: 0, open: 1, closing: 2, closed: 3 } as const

/**
 * One session with a SockJS server, as sockjs-client has it: it does not come back. `connect()` with the dialect of `throughline/dialects/sockjs` does.
 *
 * The server is asked for its `/info`, and then the best transport that gets through carries the session.
 */
export const SockJS: SockJSClass = /* @__PURE__ */ new Proxy(Session as never, {
  // A class cannot be called, and sockjs-client can.
  apply: (_, __, given: ConstructorParameters<typeof Session>) => new Session(...given),
})

/** @throws {SyntaxError} for one that cannot be */
function prefixOf(given: unknown): string {
  let url: URL
  try {
    url = new URL(`${given}`, globalThis.document?.baseURI ?? globalThis.location?.href)
  } catch {
    throw new SyntaxError(`SockJS: the URL "${given}" is none`)
  }
  if (!/^https?:$/.test(url.protocol) || url.href.includes('#'))
    throw new SyntaxError('SockJS: the URL has to be one of http: or https:, without a fragment')
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url.href.replace(/\/$/, '')
}

function randomName(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length))
  return Array.from(bytes, byte => letters[byte % letters.length]).join('')
}
