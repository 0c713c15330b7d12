import type { FailureKind, TransportName } from './failure.ts'
import type { Attempt } from './transport.ts'

/**
 * What a send can meet, besides what a channel can:
 *
 * | kind | when | was it taken? |
 * |---|---|---|
 * | `IN_DOUBT` | it was sent, and the session ended, or its `timeout` was over, before the answer came | unknown |
 * | `full` | more is waiting than the outbox holds | no |
 * | `expired` | it waited longer than the outbox keeps it | no |
 * | `dropped` | it was `volatile`, and could not be sent at once | no |
 * | `too-large` | it is larger than the server takes, or than `limits.bytes` | no |
 * | `forbidden` | the server lets this line listen only | no |
 * | `declined` | the application on the server refused this message, or failed at it: `status` and the message say why | no |
 * | `closed` | the line was closed first | no |
 * | `unsendable` | `send()` rejected with a TypeError that nobody listened to; it is the `cause` | no |
 */
export type SendKind =
  | 'IN_DOUBT'
  | 'full'
  | 'expired'
  | 'dropped'
  | 'too-large'
  | 'forbidden'
  | 'declined'
  | 'closed'
  | 'unsendable'

/**
 * Why a line failed, a message was not sent, or one that came is `unreadable`, since the codec could not decode it: what, where, and what
 * happens next.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  /** What sort of failure it is: of the line (`FailureKind`), of a message that was sent (`SendKind`), or `unreadable`. */
  readonly kind: FailureKind | SendKind | 'unreadable'
  /** What happened, in a word that stays the same: docs/errors.md says what each means and what can be done. Of a send it is the kind. */
  readonly code: string
  /** The transport in use, if there was one. */
  readonly transport: TransportName | null
  /** The HTTP status, where the browser shows it. */
  readonly status: number | undefined
  /** What the server, the browser or a function of the page's said of it, in its own words. */
  readonly detail: string | undefined
  /** The latest tries of all transports, oldest first. */
  readonly attempts: readonly Attempt[]

  constructor(
    message: string,
    about: {
      kind: FailureKind | SendKind | 'unreadable'
      code?: string
      transport?: TransportName | null | undefined
      status?: number | undefined
      detail?: string | undefined
      cause?: unknown
      attempts?: readonly Attempt[]
    },
  ) {
    super(message, { cause: about.cause })
    this.kind = about.kind
    this.code = about.code ?? about.kind
    this.transport = about.transport ?? null
    this.status = about.status
    this.detail = about.detail
    this.attempts = about.attempts ?? []
  }
}
