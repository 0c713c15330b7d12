import { polls, streams, type Via, vias } from './channel.ts'
import type { Trial, Way } from './trial.ts'

/** One rule of the wire that can be seen from outside. */
export interface Case {
  /** What `--case` takes, and the JSON report has. */
  readonly name: string
  /** The heading of PROTOCOL.md that has the rule. */
  readonly clause: string
  /** A `SHOULD` that is not kept is told, and fails the check only with `--strict`. */
  readonly level?: 'SHOULD'
  /** The rule as one sentence. */
  readonly rule: string
  /** Each transport, or each way up, that it is tried over if the server offers it. Without one it is tried once. */
  readonly over?: readonly Via[]
  readonly by?: readonly Way[]
  /** Throws a `Breach` where the rule is not kept, and `NotTried` where that cannot be seen. */
  run(trial: Trial): Promise<void>
}

export const every = vias
export const everyStream = streams
export const everyPoll = polls
/** Whatever a request without a handshake opens. */
export const byRequest: readonly Via[] = [...streams, ...polls]
export const everyWay: readonly Way[] = ['post', 'websocket', 'jsonp']
