import type { Failure } from '../contracts/failure.ts'
import { say } from '../contracts/say.ts'
import type { Transport } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'

/**
 * A line's whole life. What is true only in some states lives only in those states.
 *
 * ```
 *   suspended ──resume──▶ connecting ──opened──▶ open ──interrupted──▶ reconnecting
 *       ▲                   ▲   │                 │  ◀───────opened───────   │
 *       │              resume   ended           ended                      ended
 *    suspend,               │   ▼                 ▼                          ▼
 *  from all but            waiting ◀──────────────┴──────────────────────────┘
 *  failed, closed                                a final end leads to failed, close from everywhere to closed
 * ```
 *
 * `reconnect` leads from everywhere but `closed` to a new `connecting`.
 */
export type State =
  | /** Before it begins, and while the page is put aside. */
  ((
      | { readonly name: 'suspended' }
      /** A channel is being opened, and before it what it needs is asked for. */
      | { readonly name: 'connecting' }
      | { readonly name: 'open'; readonly transport: Transport; readonly since: number }
      /** The channel is down and comes back by itself: the browser reopens an EventSource, or a race turns to its next transport. */
      | { readonly name: 'reconnecting'; readonly failure: Failure }
      | { readonly name: 'waiting'; readonly failure: Failure }
    ) & {
      /** How far the wait has grown: 0 after the first end of a line that was open, and `fresh` before any end. */
      readonly backoffStep: number
    })
  /** By a failure that ends a line. The page may have it live again by `reconnect`. */
  | { readonly name: 'failed'; readonly reason: string; readonly failure: Failure; readonly code?: undefined }
  /** By the page, which may have said why: nothing leads out of it. */
  | { readonly name: 'closed'; readonly code?: number | undefined; readonly reason?: string | undefined }

/**
 * The state of a line, as its page sees it.
 *
 * | state | |
 * |---|---|
 * | `connecting` | a transport is being opened |
 * | `open` | messages come, and are sent |
 * | `waiting` | it is interrupted and comes back by itself, at `line.retryAt` |
 * | `offline` | the same, while the browser says that there is no network: it tries at once when there is one |
 * | `suspended` | the page is put aside, in the back/forward cache for example, and the line comes back with it |
 * | `closed` | it does not come back by itself; docs/ends.md lists why. After a failure `line.reconnect()` brings it back |
 */
export type LineState = 'connecting' | 'open' | 'waiting' | 'suspended' | 'offline' | 'closed'

/** What happens to a line. */
export type Signal =
  /** There is a reason to be connected now: the wait is over, the network is back, the page is seen again. */
  | readonly ['resume']
  | readonly ['opened', transport: Transport]
  /** The channel is down and comes back by itself. */
  | readonly ['interrupted', failure: Failure]
  /** `fruitful`: the line had brought something, or was told when to come again, and then ended in good order. */
  | readonly ['ended', failure: Failure, final: boolean, fruitful: boolean]
  /** The page is put aside and may come back. */
  | readonly ['suspend']
  /** The page wants a new channel, whatever was before. */
  | readonly ['reconnect']
  | readonly ['close', code?: number | undefined, reason?: string | undefined]

/** A line that stayed open this long has shown that the trouble is over, in ms. */
export const stableAfter = 30_000

/** A line that stayed open this long and is then told to come again is moved from one server to the next, as those restart, in ms. */
export const movedAfter = 2_000

/** The backoff step before anything ended. */
export const fresh = -1

/** What follows from a signal that comes now. The same state, when it changes nothing. */
export function next(state: State, signal: Signal, now: number): State {
  if (state.name === 'closed') return state
  if (signal[0] === 'close') return { name: 'closed', code: signal[1], reason: signal[2] }
  if (signal[0] === 'reconnect') return { name: 'connecting', backoffStep: fresh }
  if (state.name === 'failed') return state
  const { name, backoffStep } = state
  switch (signal[0]) {
    case 'resume':
      return name === 'waiting' || name === 'suspended' ? { name: 'connecting', backoffStep } : state
    case 'opened': {
      const [, transport] = signal
      if (name === 'open') return state.transport === transport ? state : { ...state, transport }
      return hasChannel(state) ? { name: 'open', transport, since: now, backoffStep } : state
    }
    case 'interrupted': {
      const [, failure] = signal
      return name === 'open' || name === 'reconnecting'
        ? { name: 'reconnecting', failure, backoffStep }
        : state
    }
    case 'ended':
      return hasChannel(state) ? ended(state, signal, now) : state
    case 'suspend':
      return { name: 'suspended', backoffStep: fresh }
  }
}

/**
 * The wait begins anew after a line that was open for long. Any end sooner than that makes it grow, also one in good order: a server that
 * accepts and hangs up is not asked without a pause. The first end of an open line does not, since one cut is no sign that the next
 * connection would be cut too. After a line that had brought something the wait does not grow beyond the first step. It
 * does not grow at all where servers that restart one after the other hand a line on: each says goodbye, and knows when it should come again.
 */
function ended(
  state: State & { backoffStep: number },
  [, failure, final, fruitful]: Signal & readonly ['ended', ...unknown[]],
  now: number,
): State {
  if (final) return { name: 'failed', reason: say(failure), failure }
  const isOpen = state.name === 'open'
  const isUsual = isOpen && (failure.kind === 'cut' || failure.kind === 'ended')
  const longer = Math.max(state.backoffStep + 1, isUsual ? 0 : 1)
  const enough = failure.code === 'goodbye' ? movedAfter : stableAfter
  const longest = !isOpen ? Infinity : now - state.since >= enough ? 0 : fruitful ? 1 : Infinity
  return { name: 'waiting', backoffStep: Math.min(longer, longest), failure }
}

/** What the page sees of a state. */
export function seen({ name }: State, environment: Pick<Environment, 'online'>): LineState {
  if (name === 'failed') return 'closed'
  if (name !== 'waiting' && name !== 'reconnecting') return name
  return environment.online() ? 'waiting' : 'offline'
}

/** Whether a state has a channel. Leaving for a state that has none closes it. */
export function hasChannel({ name }: State): boolean {
  return name === 'connecting' || name === 'open' || name === 'reconnecting'
}
