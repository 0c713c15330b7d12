import { readFileSync } from 'node:fs'
import type { Incoming } from '../wire/exchange.ts'

/** How many sockets this process can still open, as far as the system tells. */
export interface Room {
  /** Whether so few file descriptors are left that whoever came by this request has to go again. */
  isFull(request: Incoming): boolean
}

/** `full` is called when it has become full, once until there is room again. */
export function createConnectionRoom(full: (error: Error) => void, limit = mayOpen()): Room {
  // Some are left, to tell those that come then, and for whatever else the process opens.
  const spare = Math.min(64, Math.max(8, Math.floor(limit / 10)))
  let told = false
  return {
    isFull({ socket }) {
      // "The file descriptor returned by a successful call will be the lowest-numbered file descriptor not currently open" (open(2)).
      const descriptor = (socket as { _handle?: { fd?: number } })._handle?.fd ?? 0
      if (descriptor < limit - 2 * spare) told = false
      if (descriptor < limit - spare) return false
      if (!told)
        full(
          new Error(
            `nearly all of the ${limit} file descriptors of this process are in use; newcomers get 503 until some are free (ulimit -n, LimitNOFILE)`,
          ),
        )
      told = true
      return true
    },
  }
}

let known: number | undefined

/** What `ulimit -n` says, where there is a /proc. */
function mayOpen(): number {
  known ??= Number(/^Max open files\s+(\d+)/m.exec(readLimits())?.[1] ?? Number.POSITIVE_INFINITY)
  return known
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
