import type { Failure, TransportName } from '../transports/failure.ts'

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
  | { readonly name: 'idle'; readonly tries: number }
  | { readonly name: 'connecting'; readonly tries: number; readonly interrupted?: Failure }
  | {
      readonly name: 'open'
      readonly tries: number
      readonly transport: TransportName
      readonly since: number
    }
  /** `grown`: how far the wait has grown. */
  | {
      readonly name: 'waiting'
      readonly tries: number
      readonly grown: number
      readonly failure: Failure
    }
  | { readonly name: 'closed'; readonly reason: string; readonly failure?: Failure }

export type Signal =
  | { type: 'opened'; transport: TransportName; now: number }
  | { type: 'paused'; failure: Failure }
  | { type: 'ended'; failure: Failure; final: boolean; now: number }
  /** The wait is over. */
  | { type: 'due' }
  /** A reason to be connected now: the network is back, the page is seen again. */
  | { type: 'wake' }
  /** The page is put aside and may come back. */
  | { type: 'parked' }
  | { type: 'close'; reason: string }

/** A line that stayed open this long has shown that the trouble is over, in ms. */
export const settled = 30_000

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
        ? { name: 'connecting', tries: state.tries, interrupted: signal.failure }
        : state
    case 'ended':
      return hasPipe(state) ? ended(state, signal) : state
    case 'due':
      return state.name === 'waiting' ? { name: 'connecting', tries: state.tries } : state
    case 'wake':
      return state.name === 'waiting' || state.name === 'idle'
        ? { name: 'connecting', tries: state.tries }
        : state
    case 'parked':
      return { name: 'idle', tries: 0 }
    case 'close':
      return { name: 'closed', reason: signal.reason }
  }
}

/**
 * A line that was well, or that ended in good order, begins to count anew. One that is cut soon after it opened counts as a try that
 * failed, but the wait grows only when that happens again: a cut is no sign yet that the next would be.
 */
function ended(state: State & { tries: number }, { failure, final, now }: Signal & { type: 'ended' }): State {
  if (final) return { name: 'closed', reason: failure.message, failure }
  const well = state.name === 'open' && (failure.kind === 'ended' || now - state.since >= settled)
  const tries = well ? 0 : state.tries + 1
  const first = state.name === 'open' && failure.kind === 'cut' ? 1 : 0
  return { name: 'waiting', tries, grown: Math.max(tries - first, 0), failure }
}

/** Whether a state has a pipe. Leaving for a state that has none closes it. */
export function hasPipe(state: State): state is State & { name: 'connecting' | 'open' } {
  return state.name === 'connecting' || state.name === 'open'
}
