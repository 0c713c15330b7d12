import type {
  AnyEvent,
  AnyListener,
  AnyMessageEvent,
  Handler,
  ListenerOptions,
  TargetClass,
} from '../here.ts'
import { addHandlers } from './handlers.ts'

/** A connection has ended. */
export interface SocketCloseEvent extends AnyEvent {
  /** 1000 to 4999, as RFC 6455, 7.4 lists them; 1006 where nobody said goodbye, 1005 where somebody did without a code. */
  readonly code: number
  /** What the other side, or the page, said; empty if nothing. */
  readonly reason: string
  /** Whether both sides said goodbye. */
  readonly wasClean: boolean
}

/** A connection has failed; a `close` event follows. */
export interface SocketErrorEvent extends AnyEvent {
  /** `TIMEOUT`, or what was thrown, where this page knows more than that it failed. */
  readonly message?: string
  /** The error of that message. */
  readonly error?: unknown
}

/** The events of a socket, by their names. */
export interface SocketEventMap {
  /** It is connected. */
  open: AnyEvent
  /** The server has sent something. */
  message: AnyMessageEvent
  /** The connection has ended. */
  close: SocketCloseEvent
  /** It has failed. */
  error: SocketErrorEvent
}

const states = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const

/** The values of `readyState`. */
export interface SocketStates {
  /** 0 */
  readonly CONNECTING: 0
  /** 1 */
  readonly OPEN: 1
  /** 2 */
  readonly CLOSING: 2
  /** 3 */
  readonly CLOSED: 3
}

/** What sockets have in common: their constants, their handlers, and their events. */
export interface SocketTarget<Events extends SocketEventMap = SocketEventMap>
  extends SocketStates,
    Pick<InstanceType<TargetClass>, 'dispatchEvent'> {
  /** Hears `open`. */
  onopen: Handler<AnyEvent>
  /** Hears `message`. */
  onmessage: Handler<AnyMessageEvent>
  /** Hears `close`. */
  onclose: Handler<SocketCloseEvent>
  /** Hears `error`. */
  onerror: Handler<SocketErrorEvent>
  /** Hears events of this name. */
  addEventListener<Name extends string & keyof Events>(
    type: Name,
    listener: AnyListener<Events[Name]>,
    options?: ListenerOptions,
  ): void
  /** The same for any other name. */
  addEventListener(type: string, listener: AnyListener<AnyEvent>, options?: ListenerOptions): void
  /** Hears them no longer. */
  removeEventListener<Name extends string & keyof Events>(
    type: Name,
    listener: AnyListener<Events[Name]>,
    options?: ListenerOptions,
  ): void
  /** The same for any other name. */
  removeEventListener(type: string, listener: AnyListener<AnyEvent>, options?: ListenerOptions): void
}

/** A class that a socket extends, with constants and handlers. */
export function socketTarget<Events extends SocketEventMap = SocketEventMap>(
  handlers: readonly string[],
): SocketStates & (new () => SocketTarget<Events>) {
  const Target = class extends targetClass() {}
  furnish(Target, handlers, () => {})
  return Target as never
}

/** The browser's EventTarget, or what says that there is none. */
export function targetClass(): typeof EventTarget {
  return globalThis.EventTarget ?? Missing
}

/** Adds constants and handlers to a class, as Web IDL has them. `check` throws at what is no object of the class. */
export function furnish(
  Class: { readonly prototype: EventTarget },
  handlers: readonly string[],
  check: (socket: object) => unknown,
): void {
  const { prototype } = Class
  // Constants can be neither changed nor deleted (Web IDL, 3.7.5).
  for (const place of [Class, prototype])
    for (const [value, state] of states.entries())
      Object.defineProperty(place, state, { value, enumerable: true })
  addHandlers(prototype, handlers, check)
}

/** A place without EventTarget may load this module, and hears what is missing when it makes a socket. */
class Missing {
  constructor() {
    throw new TypeError(
      'there is no EventTarget or no Event here; load a polyfill of both, such as event-target-shim, before throughline',
    )
  }
}

/** Node before its version 23 has no CloseEvent. */
export function closeEvent(given: { code: number; reason: string; wasClean: boolean }): SocketCloseEvent {
  const Own = globalThis.CloseEvent
  return Own ? new Own('close', given) : Object.assign(new Event('close'), given)
}

export function messageEvent(data: unknown, url: string): AnyMessageEvent {
  return new MessageEvent('message', { data, origin: new URL(url).origin })
}
