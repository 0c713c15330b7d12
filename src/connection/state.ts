import type { Failure, TransportName } from '../contracts/failure.ts'
import { say } from '../contracts/say.ts'

/**
 * A line's whole life. What is true only in some states lives only in those states.
 *
 * ```
 *   idle ──wake──▶ connecting ──opened──▶ open
 *    ▲                 ▲  │  ◀──paused──   │
 *    │               due  ended         ended
 *    └──parked──       │  ▼                ▼        close, or a final end, leads
 *                    waiting ◀─────────────┘        from every state to closed
 * ```
 */
export type State =
  | ((
      | { readonly name: 'idle' }
      | { readonly name: 'connecting'; readonly interrupted?: Failure }
      | { readonly name: 'open'; readonly transport: TransportName; readonly since: number }
      | { readonly name: 'waiting'; readonly failure: Failure }
    ) & {
      /** How far the wait has grown: 0 after the first end of a line that was open, and `fresh` before any end. */
      readonly grown: number
    })
  | Closed

type Closed =
  | { readonly name: 'closed'; readonly reason: string; readonly failure?: Failure }
  | { readonly name: 'closed'; readonly reason: string; readonly failure?: Failure }

export type Signal =
  | { type: 'opened'; transport: TransportName; now: number }
  | { type: 'paused'; failure: Failure }
  /** `fruitful`: the line had brought something, or was told when to come again, and then ended in good order. */
  | { type: 'ended'; failure: Failure; final: boolean; fruitful: boolean; now: number }
  /** The wait is over. */
  | { type: 'due' }
  /** A reason to be connected now: the network is back, the page is seen again. */
  | { type: 'wake' }
  /** The page is put aside and may come back. */
  | { type: 'parked' }
  | { type: 'close'; reason: string }

/** A line that stayed open this long has shown that the trouble is over, in ms. */
export const settled = 30_000

/** How far the wait has grown before anything ended. */
export const fresh = -1

/** What follows from a signal. The same state, when it changes nothing. */
export function next(state: State, signal: Signal): State {
  if (state.name === 'closed') return state
  switch (signal.type) {
    case 'opened': {
      if (state.name === 'connecting')
        return { ...state, name: 'open', transport: signal.transport, since: signal.now }
      return state.name === 'open' && state.transport !== signal.transport
        ? { ...state, transport: signal.transport }
        : state
    }
    case 'paused':
      return state.name === 'open' || (state.name === 'connecting' && state.interrupted)
        ? { name: 'connecting', grown: state.grown, interrupted: signal.failure }
        : state
    case 'ended':
      return hasPipe(state) ? ended(state, signal) : state
    case 'due':
      return state.name === 'waiting' ? { name: 'connecting', grown: state.grown } : state
    case 'wake':
      return state.name === 'waiting' || state.name === 'idle'
        ? { name: 'connecting', grown: state.grown }
        : state
    case 'parked':
      return { name: 'idle', grown: fresh }
    case 'close':
      return { name: 'closed', reason: signal.reason }
  }
}

/**
 * The wait begins anew after a line that was open for long. Any end sooner than that makes it grow, also one in good order: who accepts and
 * hangs up is not asked without a pause. The first time it only waits for its turn, since a cut is no sign yet that the next would be cut
 * too. A line that had brought something waits no longer each time.
 */
function ended(state: State & { grown: number }, signal: Signal & { type: 'ended' }): State {
  const { failure, final, fruitful, now } = signal
  if (final) return { name: 'closed', reason: say(failure), failure }
  const isUsual = state.name === 'open' && (failure.kind === 'cut' || failure.kind === 'ended')
  const longer = Math.max(state.grown + 1, isUsual ? 0 : 1)
  if (state.name !== 'open') return { name: 'waiting', grown: longer, failure }
  if (now - state.since >= settled) return { name: 'waiting', grown: 0, failure }
  return { name: 'waiting', grown: fruitful ? Math.min(longer, 1) : longer, failure }
}

/** Whether a state has a pipe. Leaving for a state that has none closes it. */
export function hasPipe(state: State): state is State & { name: 'connecting' | 'open' } {
  return state.name === 'connecting' || state.name === 'open'
}
