import type { RefusalReason } from '../http-error.ts'
import type { GapReason } from '../log/log.ts'
import type { TransportName } from '../options.ts'

/**
 * Why a line was over. `client`: its page, or the network, ended it. `answered`: a poll had its answer, and the next one comes. `goodbye`: its client ended the
 * session. `expired`: what `authorize` granted. `age`: `maxAge`. `reauthorize`, `disconnect`, `drain`, `refuse`: the calls of the hub. `stuck`: nothing of what waited
 * was taken. `replaced`: its session has more channels than `limits.channels`. `rejected`: its client sent what cannot be taken. `failed`: the log could not be read.
 */
export type CloseReason = (typeof closeReasons)[number]

export const closeReasons = [
  'client',
  'answered',
  'goodbye',
  'expired',
  'age',
  'reauthorize',
  'disconnect',
  'drain',
  'refuse',
  'stuck',
  'replaced',
  'rejected',
  'failed',
] as const

/**
 * Why the outcome of sends may be in doubt, which rejects them with `IN_DOUBT` if they were not acknowledged. `session-unknown`: a client came back for a session that is
 * not here, as after a crash of its node. `drain`, `disconnect`: a listener was not done with a message in time. A server cannot see more of it: how many sends these are only
 * the page knows.
 */
export type DoubtCause = (typeof doubtCauses)[number]

export const doubtCauses = ['session-unknown', 'drain', 'disconnect'] as const

/**
 * What happened, for a structured log: `event` says which it is, and stays the same; new ones may come, and new fields. In none of them is a token, a query or the id of a
 * session: `session` is the beginning of the SHA-256 of its id, so that lines of one session can be found. docs/operations.md has the table.
 */
export type HubRecord =
  | { event: 'open'; session: string; transport: TransportName; address: string; resumed: boolean }
  | { event: 'close'; session: string; transport: TransportName; reason: CloseReason }
  | {
      event: 'refused'
      reason: RefusalReason
      status: number
      message: string
      retryAfter: number | undefined
      via: string | undefined
      method: string
      path: string
      host: string | undefined
      origin: string | undefined
      address: string
    }
  | {
      event: 'gap'
      session: string
      transport: TransportName
      reason: GapReason
      topic: string | undefined
    }
  | { event: 'slow'; session: string; transport: TransportName; unsent: number }
  | { event: 'doubt'; session: string; cause: DoubtCause }
  | { event: 'log-away'; message: string }
  | { event: 'log-back'; afterMs: number }
  | { event: 'drain'; sessions: number; lines: number }
  | { event: 'closed' }
