import type { Environment } from './environment.ts'

/** A timer that fires so late had to wait for the page, in ms: the W3C's Long Tasks API calls such work a long task. */
const longTask = 50

/** How often a time is given again to a page that is busy. */
const most = 3

/**
 * Calls `act` once the page could have heard for so many ms what it waits for; gives back the undo. A timer says how long the
 * network was silent only if the page was listening meanwhile. So the time is watched in pieces, and when one of them ends late it
 * begins anew; and at its end everything that waits behind the timer comes first.
 */
export function wait(environment: Environment, ms: number, act: () => void): () => void {
  const piece = Math.max(ms / 8, 100)
  let timer: unknown
  let left = ms
  let again = most
  next()
  return () => environment.clearTimeout(timer)

  function next(): void {
    const asked = Math.min(left, piece)
    const began = environment.now()
    const over = () => {
      const took = environment.now() - began
      left = took > asked + longTask && again-- > 0 ? ms : left - took
      if (left > 0) next()
      else timer = environment.setTimeout(act, 0)
    }
    timer = environment.setTimeout(over, asked)
  }
}
