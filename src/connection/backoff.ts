/** What decides how long a line waits before it knocks again. All times in ms. */
export interface Circumstances {
  /** How many tries have failed in a row; 0 after a line that was well, or that opened before it was cut for the first time. */
  readonly tries: number
  /** What the server, or the page, asked for. */
  readonly retry: number | undefined
  /** The time over which a server of ours wants its lines to spread themselves. */
  readonly spread: number | undefined
  /** Whether the server's `retry` is to be taken as it is, as EventSource takes it. */
  readonly exact: boolean
  /** From `Retry-After`. */
  readonly retryAfter: number | undefined
  /** A number at least 0 and below 1. */
  random(): number
}

const shortest = 250
const unknown = 2_000
/** With the `retry` that a server of ours sends, half a minute in all. */
const longest = 28_000

/**
 * How long to wait, in ms. The first try after a line that was well comes within the server's spread, so that a small site is back
 * within a round trip and a large one is not overrun. Later ones grow, and are spread as widely from the start: those who knocked
 * during an outage are the crowd at its end. The jitter comes after the cap: jitter that is capped makes all clients wait the same.
 */
export function backoff({ tries, retry, spread, exact, retryAfter, random }: Circumstances): number {
  if (retryAfter !== undefined) return Math.min(retryAfter * (1 + random() / 2), 600_000)
  if (tries === 0 && exact) return retry ?? unknown
  if (tries === 0) return random() * (spread ?? Math.max(unknown, retry ?? 0))
  const jitter = Math.max(spread ?? 0, 1_000 * 2 ** (tries - 1))
  return Math.max(shortest, retry ?? 0) + random() * Math.min(longest, jitter)
}
