import { type Environment, onStay } from '../environment.ts'
import type { AnySignal } from '../here.ts'

/** What happens to the page that concerns its lines. */
export interface PageLife {
  /** A reason to be connected now. */
  resume(): void
  /** A reason to ask whether an open line still works, and none to connect. */
  doubt(): void
  /** The page is put aside and may come back. */
  suspend(): void
  /** The page that was put aside goes for good. */
  leave(): void
  /** The page has aborted the signal. */
  close(): void
}

/** How long a navigation may take before its page counts as one that stays, in ms. */
const longestNavigation = 30_000

/**
 * Listens to the page's life. There is no `unload` among the events: a page that listens for it is kept out of the back/forward
 * cache. `listen` begins it, but for the signal; `leaving` says whether a navigation has begun that may take the page away; `stop` is the undo.
 */
export function watchPageLifecycle(
  { environment, signal }: { environment: Environment; signal?: AnySignal | undefined },
  { resume, doubt, suspend, leave, close }: PageLife,
) {
  let left = -Infinity
  let goes = false
  const leaveNow = () => {
    goes = false
    leave()
  }
  const abort = () => close()
  signal?.addEventListener('abort', abort)
  const undo = [() => signal?.removeEventListener('abort', abort)]
  let stopped = false
  const listen = () => {
    if (stopped) return
    undo.push(
      environment.listen('online', resume),
      environment.listen('pageshow', resume),
      environment.listen('resume', resume),
      environment.listen('visibilitychange', () => {
        if (environment.visible()) resume()
        else if (goes) leaveNow()
      }),
      environment.listen('offline', doubt),
      onStay(environment, doubt),
      environment.listen('beforeunload', () => {
        left = environment.now()
      }),
      environment.listen('pagehide', event => {
        left = -Infinity
        goes = (event as Partial<PageTransitionEvent>).persisted === false
        suspend()
        // A page that is seen becomes hidden after this, when all listeners have been called (WHATWG HTML, "unload a document").
        if (goes && !environment.visible()) leaveNow()
      }),
    )
  }
  return {
    listen,
    leaving: () => environment.now() - left < longestNavigation,
    stop() {
      stopped = true
      for (const each of undo) each()
    },
  }
}
