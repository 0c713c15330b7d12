import { createHub, type Hub, type Log } from '../server/index.ts'

/** The server behind the first page: a hub that counts. */
export interface Count extends Position {
  readonly hub: Hub
  stop(): void
}

/** When the first number was due, in ms of the epoch, and the last one that was published. */
export interface Position {
  readonly began: number
  readonly last: number
}

/** How often a number is published, in ms. */
const beat = 250

/** How many numbers may be due at a time. A machine that has slept for longer has not counted meanwhile. */
const most = 400

/**
 * Counts in the topic `count`, whether anybody hears it or not.
 *
 * @param log where the numbers are kept. @default in memory, as long as this hub lives
 * @param position where a count stood that goes on here: what has come due since then is published at once
 */
export function startCount(log?: Log, position: Position = { began: Date.now(), last: 0 }): Count {
  const hub = createHub({ path: '/line', authorize: () => ['count'], retry: 500, ...(log && { log }) })
  let { began, last } = position
  const timer = setInterval(count, beat).unref()
  count()
  return {
    hub,
    get began() {
      return began
    },
    get last() {
      return last
    },
    stop: () => clearInterval(timer),
  }

  /** By the clock: a timer that comes late makes nothing late. */
  function count(): void {
    const due = (Date.now() - began) / beat
    began += Math.max(0, due - last - most) * beat
    while (last < (Date.now() - began) / beat) void hub.publish('count', { n: ++last })
  }
}
