import type { SendKind } from '../contracts/errors.ts'
import type { Failure } from '../contracts/failure.ts'
import type { OutboxWire } from '../contracts/outbox.ts'

/**
 * What becomes of the messages of a request that failed.
 *
 * | outcome | |
 * |---|---|
 * | `retry` | they go again after a while |
 * | `split` | they go again in smaller batches |
 * | `renew` | they go again once there is a new session, or, after a 401, a new token |
 * | a `SendKind` | their `send()` rejects with this kind of error |
 */
export type Outcome = 'retry' | 'split' | 'renew' | Extract<SendKind, 'IN_DOUBT' | 'too-large' | 'forbidden'>

const outcomes: { readonly [status: number]: Outcome } = {
  401: 'renew',
  403: 'forbidden',
  404: 'renew',
  409: 'renew',
  410: 'renew',
  413: 'too-large',
}

/**
 * For a server that acknowledges by number, so that messages may go a second time. `count`: how many messages the request carried.
 * `failures`: how many requests in a row had failed before it.
 */
export function outcomeOfNumbered(status: number | undefined, count: number, failures: number): Outcome {
  if (status === 413 && count > 1) return 'split'
  // The first number is the one after the last acknowledged, so a server that misses one before it has lost what it acknowledged. Or a
  // proxy brought two requests in the wrong order, which a second try shows.
  if (status === 409 && failures === 0) return 'retry'
  return outcomes[status as number] ?? 'retry'
}

/** For a server that acknowledges nothing: a message goes again only if it is certain that it was not taken. */
export function outcomeOfHandedOver(
  { kind, status, retryAfter }: Failure,
  wire: Pick<OutboxWire, 'isSessionLost'>,
): Exclude<Outcome, 'split'> {
  if (status !== undefined && wire.isSessionLost?.(status)) return 'renew'
  if (kind === 'ended' || (retryAfter && (status === 429 || status === 503))) return 'retry'
  if (status === undefined || status >= 500) return 'IN_DOUBT'
  return status === 413 ? 'too-large' : 'forbidden'
}

/** Whether an answer says that nothing was taken, however it goes on. Of a request that timed out (408) the server may have had the whole. */
export function isRefusal({ status = 0 }: Failure): boolean {
  return status >= 400 && status < 500 && status !== 408
}
