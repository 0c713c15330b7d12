import type {
  AnyDocument,
  AnyEvent,
  AnyLocks,
  ChannelClass,
  Fetch,
  RequestClass,
  SocketClass,
  SourceClass,
} from './here.ts'
import { nativeOf } from './native.ts'

/**
 * What the SDK takes from the place it runs in. Everything from outside comes in here, so that a test can hand in
 * its own clock and sockets, and a worker or a server without `document` simply lacks that entry.
 */
export interface Environment {
  /** Milliseconds on a clock that never runs backwards. */
  now(): number
  /** Calls once after so many ms. Gives back what `clearTimeout` takes. */
  setTimeout(act: () => void, ms: number): unknown
  /** Stops a timer; what is no timer, or is over, is ignored. */
  clearTimeout(timer: unknown): void
  /** At least 0 and below 1, from a cryptographic source. */
  random(): number
  /** Without it there is no transport `websocket`. The package `ws` has one for Node. */
  readonly WebSocket: SocketClass | undefined
  /** Without it there is no transport `eventsource`. */
  readonly EventSource: SourceClass | undefined
  /** Without it there is no XHR streaming; polls and POSTs go by `fetch` then. */
  readonly XMLHttpRequest: RequestClass | undefined
  /** Sends beside a WebSocket and JSONP, tickets and status probes need it. */
  readonly fetch: Fetch | undefined
  /** Without it there are neither JSONP nor frames. */
  readonly document: AnyDocument | undefined
  /** Chooses the tab that holds a shared connection. @default `navigator.locks`, which pages have that came by https or from the same machine */
  readonly locks?: AnyLocks | undefined
  /** Carries what a shared connection brings from tab to tab. @default that of the browser */
  readonly BroadcastChannel?: ChannelClass | undefined
  /** Keeps a text over pages, or, in `sessionStorage`, over reloads; `null` deletes it. Storage that is off, full or corrupt is no error: it knows nothing. */
  setItem(key: string, value: string | null, where?: StorageArea): void
  /** What `setItem` kept; `null` if there is nothing. */
  getItem(key: string, where?: StorageArea): string | null
  /** Hears `online`, `pagehide` and the like on whatever this place has, and `change` of the network; gives back the undo. */
  listen(type: string, heard: (event: AnyEvent) => void): () => void
  /** Whether the page can be seen; a place without pages is always visible. */
  visible(): boolean
  /** Whether the browser says that there is a network; a place that says nothing of it always has one. */
  online(): boolean
  /** The base that relative URLs resolve against. */
  readonly base: string | undefined
  /** A round trip to this origin in ms as the page has already measured it, if it has. */
  roundTrip(origin: string): number | undefined
}

/** `localStorage` lasts over pages, `sessionStorage` over reloads of one. @default 'localStorage' */
export type StorageArea = 'localStorage' | 'sessionStorage'

/** The browser, a worker, or Node as far as it has the parts. Reads nothing before it is called, and each part when it is used. */
export function browser(replaced: Partial<Environment> = {}): Environment {
  const here = globalThis
  const environment: Environment = {
    now: () => performance.now(),
    // A longer time than a timer can hold would be over at once.
    setTimeout: (act, ms) => here.setTimeout(act, Math.min(ms, 2 ** 31 - 1)),
    clearTimeout: timer => here.clearTimeout(timer as number),
    random: () => (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32,
    WebSocket: nativeOf(here.WebSocket),
    EventSource: nativeOf(here.EventSource),
    XMLHttpRequest: here.XMLHttpRequest,
    fetch: here.fetch?.bind(here),
    document: here.document,
    setItem: (key, value, where = 'localStorage') => {
      try {
        if (value === null) areaOf(where)?.removeItem(key)
        else areaOf(where)?.setItem(key, value)
      } catch {
        // Off or full: what worked is then only remembered for this page.
      }
    },
    getItem: (key, where = 'localStorage') => {
      try {
        return areaOf(where)?.getItem(key) ?? null
      } catch {
        return null
      }
    },
    listen: (type, heard) => {
      // Fields of a form say `change` to the document.
      const { connection } = (here.navigator ?? {}) as { connection?: EventTarget }
      const places = type === 'change' ? [connection] : [here, here.document]
      for (const place of places) place?.addEventListener?.(type, heard)
      return () => {
        for (const place of places) place?.removeEventListener?.(type, heard)
      }
    },
    visible: () => here.document?.visibilityState !== 'hidden',
    online: () => here.navigator?.onLine !== false,
    base: here.document?.baseURI ?? here.location?.href,
    roundTrip: measuredRoundTrip,
  }
  return Object.assign(environment, replaced)
}

/** Storage is a page's. Elsewhere nothing is asked for: a Node that could have it warns whoever does. */
function areaOf(where: StorageArea): Storage | undefined {
  return globalThis.document && globalThis[where]
}

/** How long after a navigation began the page looks whether it has stayed, in ms. */
const staying = 2_000

/**
 * Calls `look` some time after a navigation began that the page survived: a download, or an answer with status 204. Firefox ends the
 * requests of a page as soon as a navigation begins, XMLHttpRequest and EventSource without any event. Gives back the undo.
 */
export function onStay(environment: Environment, look: () => void): () => void {
  let timer: unknown
  const unlisten = environment.listen('beforeunload', () => {
    environment.clearTimeout(timer)
    timer = environment.setTimeout(look, staying)
  })
  return () => {
    environment.clearTimeout(timer)
    unlisten()
  }
}

/**
 * The time between sending a request and the first byte of its answer, the shortest the page has seen from this origin.
 * It holds the server's own time too, which errs on the patient side.
 */
function measuredRoundTrip(origin: string): number | undefined {
  if (typeof performance.getEntriesByType !== 'function') return undefined
  let shortest: number | undefined
  for (const type of ['navigation', 'resource']) {
    for (const entry of performance.getEntriesByType(type) as PerformanceResourceTiming[]) {
      const took = entry.responseStart - entry.requestStart
      if (
        entry.name.startsWith(`${origin}/`) &&
        entry.requestStart > 0 &&
        took > 0 &&
        took < (shortest ?? Infinity)
      ) {
        shortest = took
      }
    }
  }
  return shortest
}
