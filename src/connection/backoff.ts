/** Inputs of the reconnect delay. All times in ms. */
export interface Circumstances {
  /** How far the wait has grown; 0 after the first end of a line that was open. */
  readonly tries: number
  /** What the server, or the page, asked for. */
  readonly retry: number | undefined
  /** The time over which a server of ours wants its lines to spread themselves. */
  readonly spread: number | undefined
  /** Whether the server knows nothing of us, so that nobody says how its lines are to spread themselves. */
  readonly foreign: boolean
  /** Whether `retry` is to be taken to the millisecond, as EventSource takes it. */
  readonly exact: boolean
  /** From `Retry-After`, or a goodbye. */
  readonly retryAfter: number | undefined
  /** A number at least 0 and below 1. */
  random(): number
}

export const shortest = 250
/** What EventSource waits that nobody told a time, in ms. */
const unknown = 2_000
/** What a line to a server without our wire waits at least, and spreads itself over at least, if nobody told a time, in ms. */
const unhurried = 1_000
/** With the `retry` that a server of ours sends, half a minute in all. */
export const longest = 28_000

/**
 * How long to wait, in ms. The first try after a line that was well comes within the server's spread, so that a small site is back
 * within a round trip and a large one is not overrun. Later ones grow, and are spread as widely from the start: those who knocked
 * during an outage are the crowd at its end. The jitter comes after the cap: jitter that is capped makes all clients wait the same.
 */
export function backoff(about: Circumstances): number {
  const { tries, retryAfter, random } = about
  // What a goodbye asks for is heeded at once for once: a server that says it again and again would be asked without a pause.
  if (retryAfter === undefined || (tries > 0 && retryAfter < unhurried)) return own(about)
  return Math.min(retryAfter * (1 + random() / 2), 600_000)
}

function own({ tries, retry, spread, foreign, exact, random }: Circumstances): number {
  if (exact && tries <= 1) return Math.max(retry ?? unknown, tries * shortest)
  const least = retry ?? (foreign ? unhurried : 0)
  // All lines of a server that restarts are cut at once: `retry` alone would bring them back at once too.
  if (tries === 0 && foreign) return least + random() * Math.max(unhurried, least / 2)
  if (tries === 0) return random() * (spread ?? Math.max(unknown, least))
  const jitter = Math.max(spread ?? 0, 1_000 * 2 ** (tries - 1))
  return Math.max(shortest, least) + random() * Math.min(longest, jitter)
}
