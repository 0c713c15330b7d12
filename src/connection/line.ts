import { ConnectionError } from '../contracts/errors.ts'
import type { Failure, TransportName } from '../contracts/failure.ts'
import type { Gap } from '../contracts/frame.ts'
import { say } from '../contracts/say.ts'
import type { Attempt } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'
import type { AnyEvent, AnyListener, LineMessage, ListenerOptions, TargetClass } from '../here.ts'
import { asPayload, type Codec, show } from '../wire/codec.ts'
import type { Connection, Listener } from './contract.ts'
import {
  type LineCloseEvent,
  type LineErrorEvent,
  type LineEventMap,
  LineMessageEvent,
  lineEvent,
  type OpenEvent,
} from './events.ts'
import { type Finding, findings } from './report.ts'
import { checkSend, isTime, type SendOptions } from './send-options.ts'
import { heeded } from './sending.ts'

export interface LineSetup {
  /** The address, resolved, as `url` shows it. */
  readonly url: string
  readonly origin: string
  readonly withCredentials: boolean
  readonly codec: Codec
  readonly attempts: readonly Attempt[]
  readonly environment: Pick<Environment, 'now' | 'setTimeout' | 'clearTimeout'>
  /** Whether handler attributes hear the server's messages of their name too, as an EventSource's do. */
  readonly literal: boolean | undefined
  /** Whether the server answers a message that asks for it. */
  readonly answers: boolean | undefined
  /** Tells the transports that a name has listeners. */
  listening(name: string): void
  start(listener: Listener): Connection
}

/** What messages without a name of their own hold. */
export type MessageOf<Messages> = 'message' extends keyof Messages
  ? Messages[keyof Messages & 'message']
  : unknown

/** What `onopen` and the like may be. */
export type Handler<E extends AnyEvent> = ((event: E) => void) | null

const answersTimeout = 10_000

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** A place without it may load this module, and hears what is missing when it connects. */
const EventTarget = (globalThis.EventTarget ??
  class {
    constructor() {
      throw new TypeError(
        'connect: there is no EventTarget or no Event here; load a polyfill of both, such as event-target-shim, before throughline',
      )
    }
  }) as TargetClass

/**
 * A live line to a server: an EventSource in all that an EventSource has, and a way to send. `connect()` makes it.
 *
 * @typeParam Messages what `event.data` is, by the name of the message: `{ message: Chat; price: number }`
 */
export class Line<Messages = Record<string, unknown>> extends EventTarget {
  private readonly setup: LineSetup
  private readonly connection: Connection
  private readonly handlers: Record<string, Handler<AnyEvent>> = {}
  private leaving = false
  private last = ''

  /** @internal */
  constructor(setup: LineSetup) {
    super()
    this.setup = setup
    this.connection = setup.start(this.listener())
  }

  /** The `readyState` of a line that is not open: 0. */
  static get CONNECTING(): 0 {
    return 0
  }
  /** The `readyState` of an open line: 1. */
  static get OPEN(): 1 {
    return 1
  }
  /** The `readyState` of a line that is closed for good: 2. */
  static get CLOSED(): 2 {
    return 2
  }
  /** As `Line.CONNECTING`. */
  get CONNECTING(): 0 {
    return 0
  }
  /** As `Line.OPEN`. */
  get OPEN(): 1 {
    return 1
  }
  /** As `Line.CLOSED`. */
  get CLOSED(): 2 {
    return 2
  }

  /**
   * The address that the line was opened with, resolved and whole, as an EventSource has it. It may hold secrets: what messages,
   * `report()` and `diagnose()` say shows it without the user's name and password, the query and the fragment.
   */
  get url(): string {
    return this.setup.url
  }

  /** Whether cookies go along to other origins. */
  get withCredentials(): boolean {
    return this.setup.withCredentials
  }

  /** 0 (CONNECTING) also while it waits to reconnect, 1 (OPEN), or 2 (CLOSED). */
  get readyState(): 0 | 1 | 2 {
    const { name } = this.connection.state
    return name === 'open' ? 1 : name === 'closed' ? 2 : 0
  }

  /** What carries the line now; `null` while nothing does. */
  get transport(): TransportName | null {
    const { state } = this.connection
    return state.name === 'open' ? state.transport.name : null
  }

  /** The position in the stream: give it to `connect` as `lastEventId` to continue from here. */
  get lastEventId(): string {
    return this.connection.lastEventId
  }

  /** UTF-8 bytes of the messages that were given to `send` and that the server has not taken yet. */
  get bufferedAmount(): number {
    return this.connection.bufferedAmount
  }

  /** Sends a message as below, and resolves with the server's answer, where the dialect has answers: Socket.IO does. */
  send(data: unknown, options: SendOptions & { answer: true }): Promise<unknown>
  /**
   * Sends a message. Resolves when the server has taken it; where a dialect has no acknowledgements, when it was handed over; with
   * `answer`, with the server's answer. Messages keep their order, and wait while the line is down.
   *
   * At most 1,000 messages wait, of 1 MiB together, each for 2 minutes; the option `limits` of `connect` says otherwise. `timeout` is a
   * shorter time for this message: with `answer` 10 s unless you say otherwise. So the promise settles in any case.
   *
   * `send()` never throws, it rejects. A rejection that nobody listens to is no unhandled one: it is told once, by an `error` event, in which
   * a TypeError is the `cause` of an error of the kind `unsendable`.
   *
   * | rejects with | when | was it taken? |
   * |---|---|---|
   * | `full` | too many messages wait, or too many bytes | no |
   * | `too-large` | it has more bytes than `limits.bytes`, or than the server takes | no |
   * | `expired` | it was not sent within `timeout`, or within `limits.age` | no |
   * | `IN_DOUBT` | it was sent, and no answer came within that time, or before the session or the line ended | unknown |
   * | `declined` | the application on the server refused it, or failed at it: `status` and the message say why | no |
   * | `forbidden` | the server takes no messages from this line, or refused this one by its status | no |
   * | `closed` | the line was closed before it was sent | no |
   * | a TypeError | the value or an option cannot be sent: JSON cannot hold it, the event's name has a line break or begins with `rt.`, or this dialect has no answers | no |
   * | what the codec threw | `encode` failed at the value; or `decode` failed at the answer | no; or yes |
   *
   * @param data text, bytes, or whatever the codec encodes; without a codec other values are written as JSON. docs/values.md says
   *   what becomes of each kind of value. Bytes are copied at once, so that the buffer can be used again
   * @throws {ConnectionError} as a rejection; its `kind` is one of the table
   * @throws {TypeError} as a rejection that names the value or option; production builds do not look for unknown options, nor for values of another type
   */
  send(data: unknown, options?: SendOptions): Promise<void>
  send(data: unknown, options: SendOptions = {}): Promise<unknown> {
    const { setTimeout } = this.setup.environment
    return heeded(
      this.transmit(data, options),
      error => this.tell(asConnectionError(error)),
      act => setTimeout(act, 0),
    )
  }

  private async transmit(data: unknown, options: SendOptions): Promise<unknown> {
    if (typeof DEV === 'undefined' || DEV) checkSend(options)
    const { event, answer, timeout } = options
    // A line break in it would be further fields on the wire.
    if (event && /[\r\n\0]|^rt\./.test(event)) throw new TypeError('send: event')
    if (this.readyState === 2 || this.leaving)
      throw new ConnectionError('the message was not sent: the line is closed', { kind: 'closed' })
    const { codec, answers } = this.setup
    if (answer && !answers)
      throw new TypeError('send: this dialect has no answers; listen for an event that the server sends back')
    const payload = asPayload(codec.encode(data))
    const message = { event: event || undefined, data: payload, ...(answer && { answer }) }
    const told = await this.connection.send(message, timeout ?? (answer ? answersTimeout : undefined))
    if (answer) return codec.decode(told as string)
  }

  /**
   * Ends the line at once and for good. What its connection can still take is handed over, and the server is told, but nothing is
   * waited for: what no answer has come for rejects, with `IN_DOUBT` what was sent and with `closed` what was not.
   */
  close(): void
  /**
   * The same, after all that waits was taken, or after `flush` ms at the latest. Meanwhile nothing more can be sent. Resolves when the
   * line is closed, whatever became of the messages: that each `send()` says.
   *
   * @throws {TypeError} as a rejection when `flush` is no time in ms, 0 or more; the line goes on then
   */
  close(options: { flush: number }): Promise<void>
  close(options?: { flush: number }): Promise<void> | undefined {
    const closed = 'closed by the page'
    if (typeof options !== 'object' || options === null) return void this.connection.close(closed)
    const { flush } = options
    if (!isTime(flush) && flush !== 0)
      return Promise.reject(
        new TypeError(`close: flush is ${show(flush)}; it has to be a time in ms, 0 or more`),
      )
    this.leaving = true
    const { setTimeout, clearTimeout } = this.setup.environment
    return new Promise(resolve => {
      const close = () => this.connection.close(closed)
      const timer = setTimeout(close, flush)
      // A message of the server's may have that name.
      const look = () => {
        if (this.readyState !== 2) return
        clearTimeout(timer)
        resolve()
      }
      super.addEventListener('close', look)
      this.connection.whenEmpty(() => queueMicrotask(close))
      look()
    })
  }

  /** The latest tries of transports, 50 at most, oldest first: when, how long, and what came through. `explain()` from `throughline/report` says it in words. */
  report(): Finding[] {
    return findings(this.setup.attempts, this.setup.environment.now())
  }

  /**
   * Hears the line's own events (`open`, `error`, `close`, `gap`), or the messages of one name. A server may give a message any name: one
   * that is called `error` or `close` has `data`, which the line's own events have not.
   */
  override addEventListener<Name extends string & keyof LineEventMap<Messages>>(
    type: Name,
    listener: AnyListener<LineEventMap<Messages>[Name]>,
    options?: ListenerOptions,
  ): void
  /** The same for messages of a name that `Messages` does not have. */
  override addEventListener(type: string, listener: AnyListener<AnyEvent>, options?: ListenerOptions): void
  override addEventListener(type: string, listener: AnyListener<never>, options?: ListenerOptions): void {
    super.addEventListener(type, listener as EventListener, options)
    this.setup.listening(type)
  }

  /** Hears `open`: the line is open, or has moved to another transport. `null` for none, as with the other three. */
  get onopen(): Handler<OpenEvent> {
    return this.handler('open')
  }
  set onopen(handler: Handler<OpenEvent>) {
    this.handle('open', handler)
  }
  /** Hears the messages that were published without a name of their own. */
  get onmessage(): Handler<LineMessage<MessageOf<Messages>>> {
    return this.handler('message')
  }
  set onmessage(handler: Handler<LineMessage<MessageOf<Messages>>>) {
    this.handle('message', handler)
  }
  /** Hears `error`. With the plain dialect also messages that the server calls `error`, as an EventSource's handler does. */
  get onerror(): Handler<LineErrorEvent> {
    return this.handler('error')
  }
  set onerror(handler: Handler<LineErrorEvent>) {
    this.handle('error', handler)
  }
  /** Hears `close`: the line is closed for good. */
  get onclose(): Handler<LineCloseEvent> {
    return this.handler('close')
  }
  set onclose(handler: Handler<LineCloseEvent>) {
    this.handle('close', handler)
  }

  private handler<E extends AnyEvent>(type: string): Handler<E> {
    return (this.handlers[type] as Handler<E> | undefined) ?? null
  }

  /** An event handler attribute: it keeps its place among the listeners when it is replaced (WHATWG HTML 8.1.8.1). */
  private handle<E extends AnyEvent>(type: string, handler: Handler<E>): void {
    if (!(type in this.handlers)) {
      this.addEventListener(type, (event: Event) => {
        // A server may name its messages as it likes; one called "error" is for listeners of that name, not for `onerror`.
        // With EventSource it is for both; an `onclose` it has not.
        const literal = type === 'message' || (this.setup.literal && type !== 'close')
        if (literal || !('data' in event)) this.handlers[type]?.call(this, event)
      })
    }
    this.handlers[type] = typeof handler === 'function' ? (handler as Handler<AnyEvent>) : null
  }

  /** Of one message: the line itself goes on. */
  private tell(error: ConnectionError): void {
    this.dispatchEvent(lineEvent('error', { error, retryIn: undefined }))
  }

  /** What the connection says, as events. */
  private listener(): Listener {
    const { codec, origin, attempts } = this.setup
    return {
      opened: (transport, resumed) => this.dispatchEvent(lineEvent('open', { transport, resumed })),
      message: (event, data, lastEventId, from, answer) => {
        let value: unknown
        try {
          value = codec.decode(data)
        } catch (cause) {
          const message = `a "${event}" message could not be decoded: ${cause instanceof Error ? cause.message : typeof cause}`
          this.tell(new ConnectionError(message, { kind: 'unreadable', cause }))
          return this.dispatchEvent(
            lineEvent('gap', { reason: 'unreadable', from: this.last, to: lastEventId }),
          )
        } finally {
          this.last = lastEventId
        }
        const heard = new LineMessageEvent(event, value, lastEventId, from ?? origin)
        if (answer)
          Object.assign(heard, { answer: (given: unknown) => answer(asPayload(codec.encode(given))) })
        this.dispatchEvent(heard)
      },
      gap: ({ reason, from, to }: Gap) => this.dispatchEvent(lineEvent('gap', { reason, from, to })),
      failed: (failure: Failure, retryIn) => {
        const then = retryIn === undefined ? 'giving up' : `trying again in ${Math.round(retryIn)} ms`
        const about = { ...failure, attempts: [...attempts] }
        const error = new ConnectionError(`${say(failure)}; ${then}`, about)
        this.dispatchEvent(lineEvent('error', { error, retryIn }))
      },
      closed: reason => this.dispatchEvent(lineEvent('close', { reason })),
    }
  }
}

function asConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error
  return new ConnectionError((error as Error).message, { kind: 'unsendable', cause: error })
}
