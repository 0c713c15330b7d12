import type { Send } from '../contracts/send.ts'

/**
 * How messages can be sent at this moment. What is true only in some states lives only in those states. One request at a time is under
 * way, and the table does not look into its batch, which is what it carries. A state that ends by itself holds the one that follows.
 *
 * ```
 *                         sent            closed and awaited
 *   closed ──opened──▶ ready ──▶ sending ──────────────────▶ sending, then closed
 *                       │  ▲  over ──┘ ▲                        │
 *                backOff│  │over       │            opened ─────┘
 *                       ▼  │           │
 *                    backing-off ──────┘ sent: a ping, after which it goes on backing off
 *
 *   Otherwise closed leads from every state to closed.
 * ```
 */
export type State = (
  | { readonly name: 'closed' }
  | { readonly name: 'ready'; readonly send: Send }
  | { readonly name: 'sending'; readonly batch: object; readonly after: State }
  | { readonly name: 'backing-off'; readonly send: Send; readonly until: number; readonly after: State }
) & { readonly send?: Send; readonly batch?: object; readonly until?: number; readonly after?: State }

export type Signal =
  | { type: 'opened'; send: Send }
  /** The channel is gone. `awaited`: the outcome of its request may still come, and nothing is sent before. */
  | { type: 'closed'; awaited?: boolean }
  | { type: 'sent'; batch: object }
  /** Nothing but a ping is sent until then. */
  | { type: 'backOff'; until: number }
  /** The outcome of this batch is there, or, without one, the time to back off is over. */
  | { type: 'over'; batch?: object | undefined }

export const closed: State = { name: 'closed' }

/** What follows from a signal. The same state, when it changes nothing. */
export function next(state: State, signal: Signal): State {
  const { batch, after } = state
  const send = uplink(state)
  switch (signal.type) {
    case 'opened': {
      // A channel that has reopened by itself is the one that there is.
      if (send) return state
      const open: State = { name: 'ready', send: signal.send }
      return batch ? { name: 'sending', batch, after: open } : open
    }
    case 'closed':
      return batch && signal.awaited ? { name: 'sending', batch, after: closed } : closed
    case 'sent':
      return send && !batch ? { name: 'sending', batch: signal.batch, after: state } : state
    case 'backOff': {
      const { until } = signal
      return send ? { name: 'backing-off', send, until, after: { name: 'ready', send } } : closed
    }
    case 'over':
      return (batch === signal.batch && after) || state
  }
}

/** How the present channel sends, if there is a channel. */
export function uplink(state: State): Send | undefined {
  return (state.after ?? state).send
}
