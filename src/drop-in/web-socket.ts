import type { AnyEvent, AnyURL, SocketClass } from '../here.ts'
import { nativeOf, replaced } from '../native.ts'
import { runSocket, type SocketData } from './socket-run.ts'
import {
  furnish,
  type SocketCloseEvent,
  type SocketStates,
  type SocketTarget,
  targetClass,
} from './socket-target.ts'
import { bye } from './socket-words.ts'

/** Options of `WebSocket`. */
export interface WebSocketOptions {
  /**
   * The least time to wait before a try, in ms.
   * @default at random from 1000 to 5000, for each socket anew
   */
  minReconnectionDelay?: number
  /**
   * The longest time to wait before a try, in ms.
   * @default 10000
   */
  maxReconnectionDelay?: number
  /**
   * By how much the longest wait grows with each try that fails: the first is at most `minReconnectionDelay` times this. Each wait is at random between
   * `minReconnectionDelay` and that.
   * @default 1.3
   */
  reconnectionDelayGrowFactor?: number
  /**
   * How long a connection has to last, in ms, before the waits begin anew and `retryCount` is 0 again.
   * @default 5000
   */
  minUptime?: number
  /**
   * How long a connection may take to open, in ms, before it is given up: an `error` event whose `message` is `TIMEOUT`, and a `close` event.
   * @default 4000
   */
  connectionTimeout?: number
  /**
   * How often it tries again before it gives up. `reconnect()` begins anew.
   * @default Infinity
   */
  maxRetries?: number
  /**
   * How many messages may wait to be sent. Those beyond it are dropped.
   * @default Infinity
   */
  maxEnqueuedMessages?: number
  /**
   * Does not connect before `reconnect()` is called.
   * @default false
   */
  startClosed?: boolean
  /**
   * Whether a try follows the end of a connection that the page did not close.
   * @default it does, whatever the code
   */
  shouldReconnectOnClose?: (event: SocketCloseEvent) => boolean
  /**
   * Tells by `debugLogger` when it connects, opens, waits and closes. No message is in it.
   * @default false
   */
  debug?: boolean
  /**
   * What `debug` goes to.
   * @default console.log
   */
  debugLogger?: (...words: unknown[]) => void
  /**
   * The class that connects: `ws` for Node, where it has none.
   * @default the place's own, also where this class is installed as the global
   */
  WebSocket?: SocketClass
}

/**
 * A WebSocket that comes back: what `new WebSocket()` gives.
 *
 * Each connection tells `open` and `close`, as often as there are some. What is sent while there is none waits, and is sent in order by the
 * next, before its `open` event. A message that was handed to a connection that then dies may be lost, and is not sent again.
 */
export interface WebSocket extends SocketTarget {
  /** The address, resolved. Empty where a function gives it that has not been asked yet; then what it gave last. */
  readonly url: string
  /** 0 (CONNECTING), 1 (OPEN), 2 (CLOSING), or 3 (CLOSED): also while it waits for the next try. `shouldReconnect` tells whether one follows. */
  readonly readyState: 0 | 1 | 2 | 3
  /** The subprotocol that the server took for the latest connection; empty if none. */
  readonly protocol: string
  /** What the server took as extensions for the latest connection; empty if none. */
  readonly extensions: string
  /** The bytes that wait here for a connection, and those that wait in the latest one. */
  readonly bufferedAmount: number
  /** What binary messages come as. It stays the same over connections; a value that its class does not know is ignored. @default 'blob' */
  binaryType: 'blob' | 'arraybuffer'
  /** How many tries have followed the first, or the last connection that lasted for `minUptime`; with the one to come, while it waits. */
  readonly retryCount: number
  /** Whether it comes back by itself: neither closed by the page nor given up. */
  readonly shouldReconnect: boolean
  /**
   * Sends a message, or lets it wait for the next connection. After `close()` it waits for `reconnect()`.
   *
   * @param data text, a buffer or a view of one, which is copied, or a Blob. Anything else is sent as the text that it is as a string
   */
  send(data: SocketData): void
  /** Takes back all messages that wait, in order: for another socket. */
  drainQueuedMessages(): SocketData[]
  /**
   * Ends it for good: what is connected, or the wait for the next try. A `close` event tells when a connection has ended.
   *
   * @param code 1000, or from 3000 to 4999. Without it the close frame has none, and the event's code is 1005
   * @param reason at most 123 bytes as UTF-8
   * @throws {DOMException} an InvalidAccessError for another code, a SyntaxError for a longer reason
   */
  close(code?: number, reason?: string): void
  /**
   * Connects anew, and at once: what is connected is closed, which a `close` event tells with this code and reason, and not waited for. Also
   * after `close()`, and when it has given up. `retryCount` is 0 then.
   *
   * @param code as with `close()`; 1000 without it
   * @param reason as with `close()`
   * @throws {DOMException} as `close()` does
   * @throws {TypeError} where the place has no WebSocket and the options bring none
   */
  reconnect(code?: number, reason?: string): void
}

/** What `WebSocket` itself is. */
export interface WebSocketClass extends SocketStates {
  /**
   * Connects, unless `startClosed` says otherwise.
   *
   * @param url absolute, or relative to the page; `ws:`, `wss:`, `http:` or `https:`. A function is asked before each try, and may give a promise
   * @param protocols subprotocols, of which the server takes one. A function is asked before each try. `null`, as `undefined`, is none
   * @throws {DOMException} a SyntaxError for a URL that cannot be, or a subprotocol that cannot be or is there twice. Where a function
   *   gives it, or throws, that try fails by an `error` event
   * @throws {TypeError} where the place has no WebSocket and the options bring none
   */
  new (
    url: string | AnyURL | (() => string | Promise<string>),
    protocols?:
      | string
      | string[]
      | null
      | (() => string | string[] | null | Promise<string | string[] | null>),
    options?: WebSocketOptions,
  ): WebSocket
  /** What all of them have. */
  readonly prototype: WebSocket
}

/**
 * A WebSocket that comes back. It does what the WHATWG WebSockets standard says, and stands in for `globalThis.WebSocket`, for `partysocket` and for
 * `reconnecting-websocket`; docs/drop-in.md has a table of all that differs.
 */
export const WebSocket: WebSocketClass = /* @__PURE__ */ define()

/** The class is a value, and not declared, so that a bundler may leave it out: what Web IDL wants of it has to be added to it. */
function define(): WebSocketClass {
  const insides = new WeakMap<object, ReturnType<typeof runSocket>>()
  /** Throws for what is no WebSocket, as Web IDL wants it. */
  const of = (socket: object) => {
    const running = insides.get(socket)
    if (!running) throw new TypeError('no WebSocket')
    return running
  }

  // With one parameter, as the browser's has: those that follow have defaults, and so have those of `close`.
  class Socket extends targetClass() {
    constructor(url: unknown, protocols: unknown = undefined, options: WebSocketOptions | null = {}) {
      super()
      // biome-ignore lint/complexity/noArguments: without a URL is not the same as with `undefined`
      if (arguments.length === 0) throw new TypeError('WebSocket: a URL is needed')
      const {
        minReconnectionDelay = 1_000 + Math.random() * 4_000,
        maxReconnectionDelay = 10_000,
        reconnectionDelayGrowFactor = 1.3,
        minUptime = 5_000,
        connectionTimeout = 4_000,
        maxRetries = Infinity,
        maxEnqueuedMessages = Infinity,
        startClosed,
        shouldReconnectOnClose = () => true,
        debug,
        debugLogger = console.log,
      } = options ?? {}
      const native = () => nativeClass(options?.WebSocket)
      if (!startClosed) native()
      const course = {
        url: typeof url === 'function' ? url : `${url}`,
        protocols,
        minReconnectionDelay,
        maxReconnectionDelay,
        reconnectionDelayGrowFactor,
        minUptime,
        connectionTimeout,
        maxRetries,
        maxEnqueuedMessages,
        native,
        comesBack: shouldReconnectOnClose,
        log: (...words: unknown[]) => debug && debugLogger('RWS>', ...words),
        hear: (event: AnyEvent) => this.dispatchEvent(event as Event),
      }
      insides.set(this, runSocket(course, !startClosed))
    }

    get url() {
      return of(this).url
    }

    get readyState() {
      return of(this).readyState
    }

    get protocol() {
      return of(this).socket?.protocol ?? ''
    }

    get extensions() {
      return of(this).socket?.extensions ?? ''
    }

    get bufferedAmount() {
      const { waiting, socket } = of(this)
      return waiting + (socket?.bufferedAmount ?? 0)
    }

    get binaryType() {
      return of(this).binaryType
    }

    set binaryType(type) {
      of(this).binaryType = `${type}`
    }

    get retryCount() {
      return of(this).life.retries
    }

    get shouldReconnect() {
      return !/closing|over/.test(of(this).life.name)
    }

    send(data: SocketData) {
      const running = of(this)
      // biome-ignore lint/complexity/noArguments: without a message is not the same as with `undefined`
      if (arguments.length === 0) throw new TypeError('send: a message is needed')
      running.send(isBinary(data) ? data : `${data as string}`)
    }

    drainQueuedMessages() {
      return of(this).drain()
    }

    close(...how: [code?: number, reason?: string]) {
      of(this).signal({ type: 'close', bye: bye(...how) })
    }

    reconnect(...how: [code?: number, reason?: string]) {
      const running = of(this)
      const last = bye(...how)
      running.native()
      running.signal({ type: 'reconnect', bye: last })
    }
  }

  furnish(Socket, ['open', 'message', 'close', 'error'], of)
  const { prototype } = Socket
  // What the standard does not know is seen by those who look for it.
  for (const name of [
    'url',
    'readyState',
    'bufferedAmount',
    'extensions',
    'protocol',
    'binaryType',
    'close',
    'send',
  ])
    Object.defineProperty(prototype, name, { enumerable: true })
  const value = 'WebSocket'
  Object.defineProperty(prototype, Symbol.toStringTag, { value, configurable: true })
  Object.defineProperties(Socket, {
    name: { value, configurable: true },
    [replaced]: { value: nativeOf(globalThis.WebSocket) },
  })
  return Socket as never
}

/** @throws {TypeError} where there is none */
function nativeClass(given: SocketClass | undefined): typeof globalThis.WebSocket {
  const found = nativeOf(given ?? globalThis.WebSocket)
  if (typeof found !== 'function')
    throw new TypeError(
      'WebSocket: there is no WebSocket class here; give one by the option "WebSocket", such as that of the package ws',
    )
  return found as typeof globalThis.WebSocket
}

function isBinary(data: unknown): boolean {
  return (
    data instanceof ArrayBuffer ||
    ArrayBuffer.isView(data) ||
    (typeof Blob === 'function' && data instanceof Blob)
  )
}
