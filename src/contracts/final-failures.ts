import type { Dialect } from './dialect.ts'
import type { Failure } from './failure.ts'

/**
 * All that ends a line for good, beside `close()` and an aborted signal; docs/ends.md has the same list. Everything else comes back.
 *
 * | end | reason |
 * |---|---|
 * | `no-content` | status 204: the server asks not to be asked again |
 * | `unauthorized` | status 401, and no fresh credential is to be had |
 * | `forbidden` | status 403: not for this page, whatever it tries |
 * | `dialect` | the last word of the server's own protocol, or what the page told the dialect to take for it |
 * | `unsupported` | nothing was asked at all: none of the transports can be used here |
 */
export type End = 'no-content' | 'unauthorized' | 'forbidden' | 'dialect' | 'unsupported'

/** Why this failure ends a line for good; `undefined` if it comes back. `renews`: whether there is a fresh credential to try. */
export function finalReason(failure: Failure, { protocol }: Dialect, renews = false): End | undefined {
  if (failure.kind === 'unsupported') return 'unsupported'
  if (renews && failure.status === 401) return undefined
  return words[failure.status as number] ?? (protocol.isFatal?.(failure) ? 'dialect' : undefined)
}

/** Whether a status is the server's own word, on whatever channel: come no more, or not with these credentials. */
export function isFinalStatus(status: number | undefined): boolean {
  return words[status as number] !== undefined
}

const words: Record<number, End> = { 204: 'no-content', 401: 'unauthorized', 403: 'forbidden' }

/**
 * Whether a channel ended as the server meant it to end, so that its end says nothing against it. Of a WebSocket's codes those that say so
 * (RFC 6455, 7.4.1): it is done, goes away, gave no reason, or restarts. The others name a trouble, or what only the page understands. What
 * a server works for is not asked again as if it had been waited for.
 */
export function inGoodOrder({ kind, closeCode: code, costly }: Failure): boolean {
  return !costly && kind === 'ended' && (code === undefined || [1_000, 1_001, 1_005, 1_012].includes(code))
}
