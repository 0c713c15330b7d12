import type { Failure } from '../contracts/failure.ts'
import type { Hello } from '../contracts/frame.ts'

/** What is known of the server, and of the session that it keeps for this line. It outlives a channel. */
export interface Session {
  /** The latest hello. */
  hello?: Hello | undefined
  /** How long the server wants its lines to wait before they reconnect, in ms; at first what the page asks for. */
  retry: number | undefined
  /** How long an answer takes, in ms, once one was measured. */
  roundTrip?: number
}

/** The server does not know the session any more: the next channel asks for a new one, at the same position. */
export const sessionLost: Failure = { kind: 'cut', code: 'session-lost' }
