/** How long a line's answers may take, in ms: learned from its own round trips. */
export interface Patience {
  /** How long to wait for an answer. */
  readonly time: number
  /** How long the line took to open: an answer takes less, and this counts only until one came. */
  opened(took: number): void
  /** How long an answer took. */
  answered(took: number): void
}

const shortest = 2_000
const longest = 10_000

/** A longer round trip is believed at once, a shorter one by and by: a healthy line that is dropped costs more than a late word. */
export function createPatience(): Patience {
  let trip = 0
  let known = false
  return {
    get time() {
      return Math.min(Math.max(3 * trip, shortest), longest)
    },
    opened(took) {
      if (!known) trip = took
    },
    answered(took) {
      // What is longer was spent asleep.
      const bounded = Math.min(took, longest)
      trip = known && bounded < trip ? trip + (bounded - trip) / 8 : bounded
      known = true
    },
  }
}
