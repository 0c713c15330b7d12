/**
 * Whether an open line still works, as far as that is known; `undefined` while it is not open. Times are in ms, on one clock.
 *
 * ```
 *   undefined ──opened──▶ listening ──doubt──▶ pinged ──timeout──▶ pinged again ──timeout──▶ undefined: it is dead
 *                             ▲                  │                      │
 *                             └──── pong, or activity by the timeout ───┘     stopped leads to undefined
 * ```
 *
 * The first timeout ends a line too, unless the timer fired late or no ping could be sent.
 */
export interface Liveness {
  readonly lastActivity: number
  /** What the channel was given that the server has not acknowledged. */
  readonly unacknowledged?: Unacknowledged | undefined
  /** The ping whose answer is waited for. */
  readonly ping?: Ping | undefined
}

interface Unacknowledged {
  readonly since: number
  /** In characters. */
  readonly size: number
  /** Whether nothing else was under way, so that its acknowledgement measures a round trip. */
  readonly alone: boolean
}

export interface Ping {
  readonly since: number
  /** Whether it is the second one, after which nothing is waited for. */
  readonly again: boolean
}

/** What happens on a channel. */
export type Signal =
  /** The line is open; again, when another transport carries it. */
  | readonly ['opened']
  /** Something arrived. */
  | readonly ['activity']
  /** The channel was given so many characters that the server acknowledges. */
  | readonly ['sent', size: number]
  /** The server has acknowledged something; so many characters wait still. */
  | readonly ['acknowledged', left: number]
  /** There is a reason to send a ping: it is due, the page is back from sleep, or the network has changed. */
  | readonly ['doubt']
  | readonly ['pong']
  /** No pong came within so many ms; `undefined`: no ping could be sent, and the line had time to show by itself that it works. */
  | readonly ['timeout', within: number | undefined]
  | readonly ['stopped']

/** How long a message may wait for its acknowledgement before the line is pinged, in ms; one more for each character, as at 1 KB/s. */
const acknowledgeTimeout = 5_000

/** A timer that fires so much late, in ms, was held up by a hidden tab or by sleep. */
const lateness = 1_000

/** What follows from a signal that comes now. */
export function next(state: Liveness | undefined, signal: Signal, now: number): Liveness | undefined {
  if (signal[0] === 'opened') return { lastActivity: now }
  if (signal[0] === 'stopped' || !state) return undefined
  const { lastActivity, unacknowledged, ping } = state
  switch (signal[0]) {
    case 'activity':
      // Written out, which costs less than a spread: this happens with each frame.
      return { lastActivity: now, unacknowledged, ping }
    case 'sent': {
      const { since, size } = unacknowledged ?? { since: now, size: 0 }
      return { ...state, unacknowledged: { since, size: size + signal[1], alone: !unacknowledged } }
    }
    case 'acknowledged': {
      const [, size] = signal
      return { ...state, unacknowledged: size ? { since: now, size, alone: false } : undefined }
    }
    case 'doubt':
      return { ...state, ping: { since: now, again: false } }
    case 'pong':
      return ping ? alive(state, now) : state
    case 'timeout': {
      if (!ping) return state
      if (lastActivity >= ping.since) return alive(state, now)
      const [, within] = signal
      // A late timer proves nothing: what came meanwhile may still be waiting behind it.
      const isLate = within === undefined || now - ping.since > within + lateness
      return isLate && !ping.again ? { ...state, ping: { since: now, again: true } } : undefined
    }
  }
}

/** A server that answers and does not acknowledge is slow: it is pinged again after as long. */
function alive({ lastActivity, unacknowledged }: Liveness, now: number): Liveness {
  return { lastActivity, unacknowledged: unacknowledged && { ...unacknowledged, since: now } }
}

/** When the next ping is due if nothing happens until then; `Infinity`: never. */
export function pingDue(
  { lastActivity, unacknowledged }: Liveness,
  idleTimeout: number,
  answerTime: number,
): number {
  const due = lastActivity + idleTimeout
  if (!unacknowledged) return due
  return Math.min(due, unacknowledged.since + Math.max(acknowledgeTimeout, answerTime) + unacknowledged.size)
}
