import type { ConnectionError } from '../contracts/errors.ts'
import type { TransportName } from '../contracts/failure.ts'
import type { Gap } from '../contracts/frame.ts'
import type { AnyEvent, LineMessage } from '../here.ts'
import type { LineState } from './state.ts'
import type { TraceEvent } from './trace.ts'

/** The line is open, by this transport; also when it has moved to another one. */
export interface OpenEvent extends AnyEvent {
  /** The transport that the line has now. */
  readonly transport: TransportName
  /** Everything after the last message heard follows: nothing was missed. */
  readonly resumed: boolean
}

/**
 * The line is interrupted, or has failed for good; or one message: it could not be decoded, or its `send()` was rejected and nobody
 * listens to that. `line.readyState` tells which.
 */
export interface LineErrorEvent extends AnyEvent {
  /** What happened; its `code` stays the same from release to release. */
  readonly error: ConnectionError
  /** When it tries again, in ms; `undefined` when it does not, and when it is about one message. */
  readonly retryIn: number | undefined
}

/** The line is closed and does not come back by itself. */
export interface LineCloseEvent extends AnyEvent {
  /** What the page gave to `close()`; `closed by the page` if it gave none; or what the `error` event before it says. docs/ends.md lists all that closes a line. */
  readonly reason: string
  /** What the page gave to `close()`; `undefined` if it gave none, and after a failure. */
  readonly code: number | undefined
}

/**
 * `line.state` has changed. It comes after the `open`, `error` or `close` event that tells of the same change; in their listeners
 * `line.state` has changed already.
 */
export interface StateChangeEvent extends AnyEvent {
  /** The state now. */
  readonly state: LineState
}

/** Messages were lost that the server does not keep any more. */
export interface GapEvent extends AnyEvent, Readonly<Gap> {
  /** The topic that they were in; `undefined` where the line has one position for all. */
  readonly topic?: string
}

/** What a message that came by no port has of them. */
const ports: readonly MessagePort[] = Object.freeze([])

/** A place without it may load this module. */
const here = globalThis.Event ?? (class {} as unknown as typeof Event)

/**
 * A message with fields of its own: that the browser takes over the strings of each, and makes a MessageEvent and not an Event, would
 * cost more than all that a line does with it besides.
 */
export class LineMessageEvent extends here {
  private readonly value: unknown
  private readonly id: string
  private readonly from: string
  private readonly of: string | undefined

  constructor(type: string, value: unknown, id: string, from: string, of?: string) {
    super(type)
    this.value = value
    this.id = id
    this.from = from
    this.of = of
  }

  get data(): unknown {
    return this.value
  }

  get lastEventId(): string {
    return this.id
  }

  get origin(): string {
    return this.from
  }

  get topic(): string | undefined {
    return this.of
  }

  get ports(): readonly MessagePort[] {
    return ports
  }

  get source(): null {
    return null
  }
}

// Whoever asks what kind of event it is gets the browser's answer.
if (globalThis.MessageEvent) {
  Object.setPrototypeOf(LineMessageEvent.prototype, MessageEvent.prototype)
  // Where a compiler has made it a function, its constructor is what it is made by.
  if (/^c/.test(LineMessageEvent as never))
    Object.defineProperty(LineMessageEvent.prototype, 'constructor', { value: MessageEvent })
}

/** What listeners of a line hear: its own events, and messages by name. */
export type LineEventMap<Messages> = {
  /** The line is open, or has moved to another transport. */
  open: OpenEvent
  /** The line is interrupted, or something happened to one message. */
  error: LineErrorEvent
  /** The line is closed, and does not come back by itself. */
  close: LineCloseEvent
  /** `line.state` has changed. */
  statechange: StateChangeEvent
  /** Messages were lost. */
  gap: GapEvent
  /** Something happened, for whoever looks into the line; only with `trace()` from `throughline/trace`. */
  trace: TraceEvent
} & { [Name in keyof Messages]: LineMessage<Messages[Name]> }

/** An event of the line's own, with its fields. */
export function lineEvent<Fields extends object>(type: string, fields: Fields): Event & Fields {
  return Object.assign(new Event(type), fields)
}
