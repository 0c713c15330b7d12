import { ConnectionError } from '../contracts/errors.ts'
import type { Failure, TransportName } from '../contracts/failure.ts'
import type { Content, Gap, JsonText } from '../contracts/frame.ts'
import type {
  AnswerOf,
  AskName,
  Contract,
  DataOf,
  HeardBy,
  NoAnswer,
  SendName,
  SendsOf,
  TopicOf,
  UsualName,
} from '../contracts/messages.ts'
import { say } from '../contracts/say.ts'
import type { SubscribeOptions, SubscriptionTo } from '../contracts/subscription.ts'
import type { TopicReader, Topics } from '../contracts/topics.ts'
import type { Attempt, Log } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'
import type { AnyEvent, AnyListener, Handler, LineMessage, ListenerOptions, MessageOf } from '../here.ts'
import { asPayload, type Codec, isPayload, rawCodec } from '../wire/codec.ts'
import type { Connection, Listener } from './contract.ts'
import { Emitter } from './emitter.ts'
import { checkEnding, checkFlush } from './ending.ts'
import {
  type LineCloseEvent,
  type LineErrorEvent,
  type LineEventMap,
  LineMessageEvent,
  lineEvent,
  type OpenEvent,
} from './events.ts'
import { type Finding, findings } from './report.ts'
import { checkSend, type SendOptions } from './send-options.ts'
import { heeded } from './sending.ts'
import { type LineState, seen } from './state.ts'

export interface LineSetup {
  /** The address, resolved, as `url` shows it. */
  readonly url: string
  readonly origin: string
  readonly withCredentials: boolean
  readonly codec: Codec
  readonly attempts: readonly Attempt[]
  /** Is told which messages were refused or are in doubt. */
  readonly log: Log
  /** Whom `log` tells what happens to this line, and to those that share its connection. */
  readonly onlookers: Set<Log>
  readonly environment: Pick<Environment, 'now' | 'setTimeout' | 'clearTimeout' | 'online'>
  /** Whether handler attributes hear the server's messages of their name too, as an EventSource's do. */
  readonly literal: boolean | undefined
  /** Whether the server answers a message that asks for it. */
  readonly answers: boolean | undefined
  /** The topics that come and go, where the page has asked for them. */
  readonly topics: Topics | undefined
  /** Tells the transports that a name has listeners. */
  listening(name: string): void
  start(listener: Listener): Connection
}

interface LaterClose {
  flush: number
  code?: number | undefined
  reason?: string | undefined
}

const answersTimeout = 10_000

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/**
 * A live line to a server: an EventSource in all that an EventSource has, and a way to send. `connect()` makes it.
 *
 * @typeParam Messages what `event.data` is, by the name of the message: `{ message: Chat; price: number }`
 * @typeParam Shared the `Contract` with the server, if there is one; `LineOf<Shared>` says both
 */
export class Line<Messages = Record<string, unknown>, Shared = Contract> extends Emitter {
  private readonly setup: LineSetup
  private readonly connection: Connection
  private readonly reader: TopicReader
  private leaving = false
  private last = ''
  private told: LineState = 'connecting'
  private due: number | undefined
  private failure: ConnectionError | undefined
  private opening: Promise<this> | undefined

  /** @internal */
  constructor(setup: LineSetup) {
    super()
    this.setup = setup
    const { codec, origin } = setup
    this.reader = { origin, decode: content => decode(codec, content) }
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
  /** The `readyState` of a line that is closed: 2. */
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

  /** 0 (CONNECTING) also while it waits to reconnect, 1 (OPEN), or 2 (CLOSED). `state` says more. */
  get readyState(): 0 | 1 | 2 {
    const { state } = this
    return state === 'open' ? 1 : state === 'closed' ? 2 : 0
  }

  /**
   * What the line does now; `LineState` says what each word means. A `statechange` event tells each change, after the `open`, `error` or `close`
   * event that tells of the same one.
   */
  get state(): LineState {
    return seen(this.connection.state, this.setup.environment)
  }

  /**
   * When the line tries again, in ms since the epoch, as `Date.now()` counts them; `undefined` unless `state` is `waiting`. An `error` event comes
   * with each new time.
   */
  get retryAt(): number | undefined {
    return this.state === 'waiting' ? this.due : undefined
  }

  /**
   * Resolves with the line the first time that it is open, at once if it is open already. It is the same promise until `reconnect()` is called:
   * after that a new one waits for the new channel. One that nobody listens to is no unhandled rejection.
   *
   * @throws {ConnectionError} as a rejection when the line is closed first: the error of the `error` event, or one of the kind `closed`
   *   where the page has closed it
   */
  get opened(): Promise<this> {
    if (!this.opening) {
      this.opening = new Promise((resolve, reject) =>
        this.watch(state => {
          if (state === 'open') resolve(this)
          else if (state === 'closed') reject(this.failure ?? closedError('the line is closed'))
          else return true
        }),
      )
      this.opening.catch(() => {})
    }
    return this.opening
  }

  /** Calls now, and at each change of the state as long as that is wanted. */
  private watch(look: (state: LineState) => unknown): void {
    // A message of the server's may have that name.
    if (look(this.state)) super.addEventListener('statechange', () => this.watch(look), { once: true })
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

  /** Sends a message as below, and resolves with the server's answer, where the dialect has answers: a hub's has, and Socket.IO. */
  send<Name extends AskName<Shared> = UsualName<AskName<Shared>>>(
    data: DataOf<SendsOf<Shared>[Name]>,
    options: SendOptions & { event?: Name | undefined; answer: true },
  ): Promise<AnswerOf<SendsOf<Shared>[Name]>>
  /**
   * Sends a message. Resolves when the server has taken it; where a dialect has no acknowledgements, when it was handed over; with
   * `answer`, with the server's answer. Messages keep their order, and wait while the line is down.
   *
   * At most 10,000 messages wait, of 1 MiB together, each for 2 minutes; the option `limits` of `connect` says otherwise. `timeout` is a
   * shorter time for this message: with `answer` 10 s unless you say otherwise. So the promise settles in any case.
   *
   * `send()` never throws, it rejects. A rejection that nobody listens to is no unhandled one: it is told once, by an `error` event, in which
   * a TypeError is the `cause` of an error of the kind `unsendable`. Of what was aborted or dropped none tells.
   *
   * | rejects with | when | was it taken? |
   * |---|---|---|
   * | `full` | too many messages wait, or too many bytes | no |
   * | `too-large` | it has more bytes than `limits.bytes`, or than the server takes | no |
   * | `expired` | it was not sent within `timeout`, or within `limits.age` | no |
   * | `dropped` | it was `volatile`, and could not be sent at once | no |
   * | `IN_DOUBT` | it was sent, and no answer came within that time, or before the session or the line ended | unknown |
   * | `declined` | the application on the server refused it, or failed at it: `status` and the message say why | no |
   * | `forbidden` | the server takes no messages from this line, or refused this one by its status | no |
   * | `closed` | the line was closed before it was sent | no |
   * | the reason of `signal` | that was aborted first | not if it was not sent yet; unknown otherwise |
   * | a TypeError | the value or an option cannot be sent: JSON cannot hold it, the event's name has a line break or begins with `rt.`, or this dialect has no answers | no |
   * | what the codec threw | `encode` failed at the value; or `decode` failed at the answer | no; or yes |
   *
   * @param data text, bytes, or whatever the codec encodes; without a codec other values are written as JSON, and a server of ours gets the
   *   value. docs/values.md says what becomes of each kind of value. Bytes are copied at once, so that the buffer can be used again
   * @throws {ConnectionError} as a rejection; its `kind` is one of the table
   * @throws {TypeError} as a rejection that names the value or option; production builds do not look for unknown options, nor for values of another type
   */
  send<Name extends SendName<Shared> = UsualName<SendName<Shared>>>(
    data: DataOf<SendsOf<Shared>[Name]>,
    options?: SendOptions & { event?: Name | undefined; answer?: NoAnswer<Shared> },
  ): Promise<void>
  send(data: unknown, options: SendOptions = {}): Promise<unknown> {
    const { log, environment } = this.setup
    const { setTimeout } = environment
    return heeded(
      () => this.transmit(data, options),
      error => isWanted(error, options) || this.tell(asConnectionError(error)),
      act => setTimeout(act, 0),
      error => log('send', (error as ConnectionError)?.code ?? (error as Error)?.name),
    )
  }

  private transmit(data: unknown, options: SendOptions): Promise<unknown> {
    if (typeof DEV === 'undefined' || DEV) checkSend(options)
    const { event, answer, timeout, signal, volatile } = options
    // A line break in it would be further fields on the wire.
    if (event && /[\r\n\0]|^rt\./.test(event)) throw new TypeError('send: event')
    if (this.readyState === 2 || this.leaving)
      throw closedError('the message was not sent: the line is closed')
    const { codec, answers } = this.setup
    if (answer && !answers)
      throw new TypeError('send: this dialect has no answers; listen for an event that the server sends back')
    if (signal?.aborted) throw signal.reason
    const payload = asPayload(codec.encode(data))
    const told = this.connection.send({
      event: event || undefined,
      data: payload,
      answer,
      signal,
      volatile,
      type: codec === rawCodec && !isPayload(data) ? 'json' : undefined,
      timeout: timeout ?? (answer ? answersTimeout : undefined),
    })
    return answer
      ? told.then(given => (given === undefined ? undefined : decode(codec, given as Content)))
      : told
  }

  /**
   * Hears a topic on this line, beside whatever else it hears: from now on, or with its `history`, or `since` a message or a time. Any number of parts of a page may
   * subscribe to the same topic: they share it, and each has a subscription of its own. A topic that the server refuses is told by that subscription alone.
   *
   * @throws {TypeError} naming a topic that cannot be: empty, of more than 256 bytes, with CR, LF or NUL, or one that begins with `rt.`; an option that
   *   cannot be; or that this line has no subscriptions, since its dialect has none or `throughline/core` was not given `topics`
   */
  subscribe<Own = Shared, Topic extends TopicOf<Shared> = TopicOf<Shared>>(
    topic: Topic,
    options?: SubscribeOptions,
  ): SubscriptionTo<Own, Topic, Messages> {
    const { topics } = this.setup
    if (!topics)
      throw new TypeError(
        typeof DEV === 'undefined' || DEV
          ? 'subscribe: this line has no subscriptions; they are had with the native dialect, in throughline/core by the option "topics"'
          : 'subscribe: no topics',
      )
    return topics.subscribe(this.reader, topic, options) as unknown as SubscriptionTo<Own, Topic, Messages>
  }

  /**
   * Tries now. A line that waits, is offline or suspended tries at once, and its wait begins anew. One that is open or connecting gives its
   * channel up and opens a new one: it is `connecting` meanwhile, goes on at its position, and loses nothing. One that was closed by a failure lives
   * again: after a login, for example. It continues after the last message that it heard, its listeners are still there, and it sends again.
   *
   * `token` is asked anew each time, and `params` and `headers` are, where they are functions. A server that is in trouble is asked again at once:
   * call it when a person or an event says that a try is worth it, and not in an `error` listener.
   *
   * @throws {Error} when the page has closed the line itself, by `close()` or by the `signal`
   */
  reconnect(): void {
    this.opening = this.failure = undefined
    this.connection.reconnect()
  }

  /**
   * Ends the line at once and for good. What its connection can still take is handed over, and the server is told, but nothing is
   * waited for: what no answer has come for rejects, with `IN_DOUBT` what was sent and with `closed` what was not.
   *
   * `code` and `reason` are for the other side, and are in the `close` event too. With the native wire the server hears them whatever the transport
   * is, in `hub.on('close', …)`. A WebSocket, of whatever dialect, is closed with them; without a code it carries no reason.
   *
   * @param code 1000, or from 3000 to 4999, as the WebSocket of a browser takes it
   * @param reason at most 123 bytes as UTF-8
   * @throws {DOMException} an InvalidAccessError for another code, a SyntaxError for a longer reason; the line goes on then
   */
  close(code?: number, reason?: string): void
  /**
   * The same, after all that waits was taken, or after `flush` ms at the latest. Meanwhile nothing more can be sent. Resolves when the
   * line is closed, whatever became of the messages: that each `send()` says.
   *
   * @throws {TypeError} as a rejection when `flush` is no time in ms, 0 or more; the line goes on then
   * @throws {DOMException} as a rejection, for a code or a reason as above
   */
  close(options: { flush: number; code?: number | undefined; reason?: string | undefined }): Promise<void>
  close(given?: number | LaterClose, said?: string): Promise<void> | undefined {
    if (typeof given === 'object' && given) return this.closeLater(given)
    checkEnding(given, said)
    this.leave(given, said)
  }

  /** Others may go on by the same connection. */
  private leave(code: number | undefined, reason: string | undefined): void {
    this.connection.close(code, reason)
    this.setup.topics?.left(this.reader)
  }

  private async closeLater({ flush, code, reason }: LaterClose): Promise<void> {
    checkEnding(code, reason)
    checkFlush(flush)
    this.leaving = true
    const { setTimeout, clearTimeout } = this.setup.environment
    return new Promise(resolve => {
      const close = () => this.leave(code, reason)
      const timer = setTimeout(close, flush)
      this.connection.whenEmpty(() => queueMicrotask(close))
      this.watch(state => {
        if (state !== 'closed') return true
        // A failure may have closed it first, and the page has had enough of it.
        close()
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** The latest tries of transports, 50 at most, oldest first: when, how long, and what came through. `explain()` from `throughline/report` says it in words. */
  report(): Finding[] {
    return findings(this.setup.attempts, this.setup.environment.now())
  }

  /**
   * Hears the line's own events (`open`, `error`, `close`, `gap`, `statechange`), or the messages of one name. A server may give a message any name: one
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
    this.handle('open', handler, this.setup.literal)
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
    this.handle('error', handler, this.setup.literal)
  }
  /** Hears `close`: the line is closed, and does not come back by itself. */
  get onclose(): Handler<LineCloseEvent> {
    return this.handler('close')
  }
  set onclose(handler: Handler<LineCloseEvent>) {
    this.handle('close', handler)
  }

  /** Of one message: the line itself goes on. */
  private tell(error: ConnectionError): void {
    this.dispatch('error', { error, retryIn: undefined }, error.code)
  }

  /** Dispatches an event of the line's own, and logs it. What is logged quotes nothing that was sent or received, as messages of errors may. */
  private dispatch(type: string, fields: object, ...logged: Parameters<Log>): boolean {
    this.setup.log(type, ...logged)
    return this.dispatchEvent(lineEvent(type, fields))
  }

  private gap({ reason, from, to }: Gap, topic: string | undefined): void {
    const gap = { reason, from, to, ...(topic !== undefined && { topic }) }
    if (topic !== undefined) this.setup.topics?.gap(this.reader, topic, gap)
    this.dispatch('gap', gap, reason)
  }

  /** What the connection says, as events. */
  private listener(): Listener {
    const { codec, origin, attempts, topics } = this.setup
    return {
      opened: (transport, resumed) => this.dispatch('open', { transport, resumed }, transport),
      message: (event, data, lastEventId, from, answer, topic) => {
        let value: unknown
        try {
          value = decode(codec, data)
        } catch (cause) {
          const message = `a "${event}" message could not be decoded: ${cause instanceof Error ? cause.message : typeof cause}`
          this.tell(new ConnectionError(message, { kind: 'unreadable', cause }))
          return this.gap({ reason: 'unreadable', from: this.last, to: lastEventId }, topic)
        } finally {
          this.last = lastEventId
        }
        if (topic !== undefined)
          topics?.message(this.reader, topic, event, value, lastEventId, from ?? origin)
        const heard = new LineMessageEvent(event, value, lastEventId, from ?? origin, topic)
        if (answer)
          Object.assign(heard, { answer: (given: unknown) => answer(asPayload(codec.encode(given))) })
        this.dispatchEvent(heard)
      },
      gap: (gap, topic) => this.gap(gap, topic),
      failed: (failure: Failure, retryIn) => {
        const then = retryIn === undefined ? 'giving up' : `trying again in ${Math.round(retryIn)} ms`
        const about = { ...failure, attempts: [...attempts] }
        const error = new ConnectionError(`${say(failure)}; ${then}`, about)
        if (retryIn === undefined) this.failure = error
        this.due = Math.round(Date.now() + (retryIn as number))
        this.dispatch('error', { error, retryIn }, failure.code, failure.status, then)
      },
      closed: (reason, code) =>
        this.dispatch('close', { reason: reason || 'closed by the page', code: code ?? undefined }, code),
      changed: () => {
        const { state } = this
        if (state === this.told) return
        this.told = state
        this.dispatch('statechange', { state }, state)
      },
    }
  }
}

/** The line that `connect` gives by a contract. */
export type LineOf<Shared> = Line<HeardBy<Shared>, Shared>

function closedError(message: string): ConnectionError {
  return new ConnectionError(message, { kind: 'closed' })
}

/** What the page gets of it. A codec of the page's own reads values as it reads texts. */
function decode(codec: Codec, content: Content): unknown {
  const { json } = content as Partial<JsonText>
  if (json === undefined) return codec.decode(content as string)
  return codec === rawCodec ? JSON.parse(json) : codec.decode(json)
}

/** Whether the page has asked for it. */
function isWanted(error: unknown, options: SendOptions | undefined): boolean | undefined {
  return options?.signal?.aborted || (error as ConnectionError | undefined)?.kind === 'dropped'
}

function asConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error
  return new ConnectionError((error as Error).message, { kind: 'unsendable', cause: error })
}
