/**
 * The types of what a place brings, for declarations that have to stand in every project: of a page, of a worker, of Node, and of places that
 * declare less. Each is the place's own type where it has one, and otherwise what a line uses of it.
 */
type Here<Name extends string, Else> =
  typeof globalThis extends Record<Name, { prototype: infer Own }> ? Own : Else

/** The place's own `URL`, or anything with an `href`. */
export type AnyURL = Here<'URL', { readonly href: string }>

/** The place's own `AbortSignal`, or what a line uses of one. */
export type AnySignal = Here<
  'AbortSignal',
  {
    readonly aborted: boolean
    readonly reason?: unknown
    addEventListener(type: string, listener: () => void, options?: object): void
    removeEventListener(type: string, listener: () => void): void
  }
>

/** The place's own `Event`, or what a line uses of one. */
export type AnyEvent = Here<'Event', { readonly type: string }>

/** The place's own `MessageEvent`, or what a line uses of one. */
export type AnyMessageEvent = Here<
  'MessageEvent',
  AnyEvent & { readonly data: unknown; readonly lastEventId: string; readonly origin: string }
>

/** The place's own `Blob`, or what is used of one. */
export type AnyBlob = Here<'Blob', { readonly size: number; readonly type: string }>

/** A message, as a MessageEvent whose data is known. */
export interface LineMessage<Data> extends Omit<AnyMessageEvent, 'data'> {
  /** What the codec made of it; without a codec what was published: text, an `ArrayBuffer` for bytes, or a value. */
  readonly data: Data
  /** The topic that it was published in, where the server says it: ours does to lines that have subscriptions. */
  readonly topic: string | undefined
}

/** What `onopen` and the like may be. */
export type Handler<E extends AnyEvent> = ((event: E) => void) | null

/** What messages without a name of their own hold. */
export type MessageOf<Messages> = 'message' extends keyof Messages
  ? Messages[keyof Messages & 'message']
  : unknown

/** What `addEventListener` takes as its second argument. */
export type AnyListener<Heard> = ((event: Heard) => void) | { handleEvent(event: Heard): void } | null

/** What `addEventListener` takes as its third argument. */
export type ListenerOptions =
  | boolean
  | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AnySignal }

/** The class that lines extend. */
export type TargetClass = new () => Here<
  'EventTarget',
  {
    addEventListener(type: string, listener: AnyListener<AnyEvent>, options?: ListenerOptions): void
    removeEventListener(type: string, listener: AnyListener<AnyEvent>, options?: ListenerOptions): void
    dispatchEvent(event: AnyEvent): boolean
  }
>

/** What `fetch` takes as its second argument. */
export type FetchInit = typeof globalThis extends { fetch: (input: never, init?: infer Init) => unknown }
  ? NonNullable<Init>
  : { method?: string; body?: unknown }

// What follows says what is used of each, since a package may bring it in place of the browser: `ws`, `eventsource`, `undici` and others fit.

/** A class that is used as `WebSocket` is. */
export type SocketClass = new (
  url: string,
  protocols?: string | string[],
) => {
  readonly readyState: number
  binaryType: string
  onopen: unknown
  onmessage: unknown
  onclose: unknown
  onerror: unknown
  send(data: never): void
  close(code?: number, reason?: string): void
}

/** A class that is used as `EventSource` is. */
export type SourceClass = new (
  url: string,
  options?: { withCredentials?: boolean },
) => {
  readonly readyState: number
  onopen: unknown
  onmessage: unknown
  onerror: unknown
  addEventListener(type: string, listener: never): void
  close(): void
}

/** A class that is used as `XMLHttpRequest` is. */
export type RequestClass = new () => {
  readonly readyState: number
  readonly status: number
  readonly responseText: string
  open(method: string, url: string): void
  setRequestHeader(name: string, value: string): void
  getResponseHeader(name: string): string | null
  send(body?: never): void
  abort(): void
}

/** A function that is used as `fetch` is. */
// Written as a method, so that one that takes particular options fits too.
export type Fetch = {
  fetch(
    url: string,
    init?: object,
  ): Promise<{
    readonly ok: boolean
    readonly type: string
    readonly status: number
    readonly url: string
    readonly headers: { get(name: string): string | null }
    text(): Promise<string>
  }>
}['fetch']

/** A page's `document`. */
export interface AnyDocument {
  /** Where JSONP puts its scripts. */
  readonly head: unknown
  /** Where frames are put as long as there is no `body`. */
  readonly documentElement: unknown
  /** `complete` once the page has loaded. */
  readonly readyState: string
}

/** What is used of `navigator.locks`. */
export interface AnyLocks {
  /** As Web Locks have it: the lock is kept until what `held` gives settles. */
  request(name: string, options: object, held: () => Promise<void>): Promise<unknown>
}

/** A class that is used as `BroadcastChannel` is. */
export type ChannelClass = new (
  name: string,
) => {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  postMessage(data: unknown): void
  close(): void
}

/** The place's own `Response`, or what is used of one. */
export type AnyResponse = Here<
  'Response',
  { readonly status: number; readonly url: string; readonly headers: { get(name: string): string | null } }
>

/** What `fetch` takes as its first argument. */
export type RequestTarget = string | Here<'Request', { readonly url: string; readonly method: string }>

/** The type of the place's own `fetch`. */
export type FetchFunction = typeof globalThis extends { fetch: infer Own } ? Own : Fetch
