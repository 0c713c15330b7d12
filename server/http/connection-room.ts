import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Incoming } from '../wire/exchange.ts'

/** How many sockets this process can still open, as far as the system tells. */
export interface Room {
  /** Whether so few file descriptors are left that whoever came by this request has to go again. */
  isFull(request: Incoming): boolean
  /** Whether a connection has to go before its request is read: it has one of the last, which all that wait for theirs would use up. */
  isLast(socket: Socket): boolean
}

/** For how long nobody may have been sent away until it is told once more that there is no room, in ms. */
const quiet = 60_000

/** `full` is called when it has become full, once for as long as it goes on. */
export function createConnectionRoom(full: (error: Error) => void, limit = mayOpen(), now = Date.now): Room {
  // Some are left, to tell those that come then, and for whatever else the process opens.
  const spare = Math.min(64, Math.max(8, Math.floor(limit / 10)))
  let last = Number.NEGATIVE_INFINITY
  return {
    isFull: ({ socket }) => isAbove(limit - spare, descriptorOf(socket)),
    isLast: socket => isAbove(limit - Math.ceil(spare / 2), descriptorOf(socket)),
  }

  // "The file descriptor returned by a successful call will be the lowest-numbered file descriptor not currently open" (open(2)).
  function isAbove(most: number, descriptor = 0): boolean {
    if (descriptor < most) return false
    if (now() - last > quiet)
      full(
        new Error(
          `nearly all of the ${limit} file descriptors of this process are in use; newcomers get 503 until some are free (ulimit -n, LimitNOFILE)`,
        ),
      )
    last = now()
    return true
  }
}

/** The number by which the system knows a socket, where it has one. */
export function descriptorOf(socket: unknown): number | undefined {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd
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
