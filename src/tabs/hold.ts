import type { AnyLocks } from '../here.ts'

/**
 * Asks for a lock that one tab has at a time, and keeps it until it is given up by what this gives back, or its page is gone. `lost`: it was stolen, or there
 * can be none. `steal`: it is taken from whoever has it.
 */
export function hold(
  locks: AnyLocks,
  name: string,
  held: () => void,
  lost: () => void,
  steal = false,
): () => void {
  const given = new AbortController()
  const { signal } = given
  const kept = () =>
    new Promise<void>(resolve => {
      signal.addEventListener('abort', () => resolve())
      if (signal.aborted) resolve()
      else held()
    })
  // A signal cannot go together with stealing (Web Locks API, 3.1).
  locks.request(name, steal ? { steal } : { signal }, kept).catch(() => signal.aborted || lost())
  return () => given.abort()
}
