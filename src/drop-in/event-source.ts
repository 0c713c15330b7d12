import type {
  AnyEvent,
  AnyListener,
  AnyURL,
  Handler,
  ListenerOptions,
  SourceClass,
  TargetClass,
} from '../here.ts'
import { nativeOf, replaced } from '../native.ts'
import { EventSourceError } from './event-source/failure.ts'
import type { Failure, Head, Life } from './event-source/life.ts'
import type { EventSourceOptions } from './event-source/options.ts'
import { type Listener, type Running, run } from './event-source/run.ts'
import { addHandlers } from './handlers.ts'

/** The connection is open. */
export interface EventSourceOpenEvent extends AnyEvent {
  /** The HTTP status; `undefined` where the browser's own EventSource asks. */
  readonly status?: number
  /** The words beside it. */
  readonly statusText?: string
  /** The headers of the answer, as far as the page may read them. */
  readonly headers?: { get(name: string): string | null }
}

/** It is interrupted, and `readyState` is CONNECTING; or it has ended for good, and `readyState` is CLOSED. */
export interface EventSourceErrorEvent extends EventSourceOpenEvent {
  /** Why. */
  readonly error?: EventSourceError
}

/** A message of the server's. */
export interface EventSourceMessageEvent extends AnyEvent {
  /** Its text. */
  // biome-ignore lint/suspicious/noExplicitAny: as lib.dom has it, which lets a page hand it to whatever takes text
  readonly data: any
  /** The last id that the server gave; empty if it gave none. */
  readonly lastEventId: string
  /** The origin that it came from, after redirects. */
  readonly origin: string
}

/** The events of an EventSource that have names of their own. */
export interface EventSourceEvents {
  /** When it is open, at first and each time it has come back. */
  open: EventSourceOpenEvent
  /** The messages without a name of their own. */
  message: EventSourceMessageEvent
  /** When it is interrupted, or has ended for good. */
  error: EventSourceErrorEvent
}

/** What `onopen` and the like give, which fits what lib.dom and event-source-polyfill say. */
// biome-ignore lint/suspicious/noExplicitAny: their events differ
export type EventSourceHandler = ((event: any) => any) | null

/** An event stream that is asked for again whenever it ends, until `close()` or a refusal (WHATWG HTML, 9.2). */
export interface EventSource extends InstanceType<TargetClass> {
  /** Where it is asked, as an absolute URL. */
  readonly url: string
  /** Whether cookies go along to other origins. */
  readonly withCredentials: boolean
  /** `CONNECTING`, `OPEN` or `CLOSED`. */
  readonly readyState: number
  /** 0: it is asked for, or waits to be. */
  readonly CONNECTING: 0
  /** 1: messages come. */
  readonly OPEN: 1
  /** 2: for good. */
  readonly CLOSED: 2
  /** When it is open, at first and each time it has come back. */
  get onopen(): EventSourceHandler
  set onopen(handler: Handler<EventSourceOpenEvent>)
  /** The messages without a name of their own. */
  get onmessage(): EventSourceHandler
  set onmessage(handler: Handler<EventSourceMessageEvent>)
  /** When it is interrupted, or has ended for good. */
  get onerror(): EventSourceHandler
  set onerror(handler: Handler<EventSourceErrorEvent>)
  /** Ends it at once: no event comes any more. */
  close(): void
  /** Besides `open` and `error`: messages, by their names. */
  addEventListener<Type extends keyof EventSourceEvents>(
    type: Type,
    listener: AnyListener<EventSourceEvents[Type]>,
    options?: ListenerOptions,
  ): void
  // biome-ignore lint/suspicious/noExplicitAny: what is heard depends on the name
  addEventListener(type: string, listener: AnyListener<any>, options?: ListenerOptions): void
  /** Takes back what `addEventListener` was given. */
  // biome-ignore lint/suspicious/noExplicitAny: what is heard depends on the name
  removeEventListener(type: string, listener: AnyListener<any>, options?: ListenerOptions): void
}

/** What `EventSource` itself is. */
export interface EventSourceClass {
  /**
   * Asks at once.
   *
   * @param url where, relative to the page
   * @throws {DOMException} a `SyntaxError` for what is no URL
   */
  new (url: string | AnyURL, options?: EventSourceOptions): EventSource
  /** What all of them have. */
  readonly prototype: EventSource
  /** 0 */
  readonly CONNECTING: 0
  /** 1 */
  readonly OPEN: 1
  /** 2 */
  readonly CLOSED: 2
}

/**
 * An EventSource that can stand in for the browser's, and for event-source-polyfill's, in pages, in workers and in Node.
 *
 * ```ts
 * import { EventSource } from 'throughline/drop-in'
 * const source = new EventSource('/updates', { headers: { Authorization: `Bearer ${token()}` } })
 * source.onmessage = ({ data }) => show(data)
 * source.onerror = ({ error }) => console.warn(error?.message)
 * ```
 * It follows WHATWG HTML, 9.2, in the same way in every browser, and its `error` events say why: `error.kind`, `error.status`. Where the page's own origin is not the
 * server's, and no option asks for more, the browser's own EventSource does the asking, since it alone sends `Last-Event-ID` without a preflight.
 */
export const EventSource: EventSourceClass = /* @__PURE__ */ define()

const readyStates = { asking: 0, waiting: 0, returning: 0, away: 0, open: 1, closed: 2 } as const

function define(): EventSourceClass {
  const insides = new WeakMap<object, Running>()
  /** Throws for what is no EventSource, as Web IDL wants it. */
  const of = (source: object) => {
    const running = insides.get(source)
    if (!running) throw new TypeError('no EventSource')
    return running
  }
  /** A place without it may load this module; there is no EventSource in it. */
  const Target = (globalThis.EventTarget ?? Object) as TargetClass
  const native = nativeOf(globalThis.EventSource)

  class Source extends Target {
    constructor(url: string | AnyURL, options: EventSourceOptions | null = {}) {
      super()
      // biome-ignore lint/complexity/noArguments: without a URL is not the same as with `undefined`
      if (arguments.length === 0) throw new TypeError('no URL')
      const address = resolved(url)
      const course = {
        url: address,
        withCredentials: Boolean(options?.withCredentials),
        options: options ?? {},
        native: native as SourceClass | undefined,
      }
      const listener: Listener = {
        entered: life => tell(this, life, address),
        message: (type, init) => void this.dispatchEvent(new MessageEvent(type, init)),
      }
      insides.set(this, run(course, listener))
    }

    get url() {
      return of(this).course.url
    }

    get withCredentials() {
      return of(this).course.withCredentials
    }

    get readyState() {
      return readyStates[of(this).life.name]
    }

    close() {
      of(this).close()
    }

    override addEventListener(...given: [type: string, listener: never, options?: never]): void {
      // As many as are given: it minds too few.
      super.addEventListener(...given)
      of(this).listen(`${given[0]}`)
    }
  }

  // As Web IDL has it.
  const { prototype } = Source
  const enumerable = true
  addHandlers(prototype, ['open', 'message', 'error'], of)
  for (const name of ['url', 'withCredentials', 'readyState', 'close', 'addEventListener'])
    Object.defineProperty(prototype, name, { enumerable })
  const [CONNECTING, OPEN, CLOSED] = [0, 1, 2].map(value => ({ enumerable, value }))
  const constants = { CONNECTING, OPEN, CLOSED } as PropertyDescriptorMap
  const value = 'EventSource'
  Object.defineProperties(Source, { ...constants, name: { value }, [replaced]: { value: native } })
  Object.defineProperties(prototype, { ...constants, [Symbol.toStringTag]: { value, configurable: true } })
  return Source as never
}

function tell(source: EventTarget, life: Life, url: string): void {
  const { failure, head } = life as { failure?: Failure; head?: Head }
  if (failure) {
    const event = Object.assign(new Event('error'), failure.head)
    source.dispatchEvent(Object.assign(event, { error: new EventSourceError(failure, url) }))
  } else if (life.name === 'open') source.dispatchEvent(Object.assign(new Event('open'), head))
}

/** "Let urlRecord be the result of encoding-parsing a URL … If urlRecord is failure, then throw a "SyntaxError" DOMException." */
function resolved(url: unknown): string {
  try {
    return new URL(`${url}`, globalThis.document?.baseURI ?? globalThis.location?.href).href
  } catch {
    throw new DOMException(`${url} is no URL`, 'SyntaxError')
  }
}
