import { asCause, type Failure, withoutQueries } from '../contracts/failure.ts'
import type { Target } from '../contracts/transport.ts'
import type { Token } from './token.ts'

/**
 * Gets what a connection needs before it is opened: the page's token, and a name for a query that is too long for an address. Most need
 * neither, and nothing is waited for. Gives the failure that ends the try.
 */
export function prepare(target: Target, token: Token | undefined): Promise<Failure | undefined> | undefined {
  return token ? token.ready().then(() => target.ready?.(), tokenFailed) : target.ready?.()
}

/** That it took longer than `target.timeout`. */
export function tooLate({ timeout: after }: Target, token: Token | undefined): Failure {
  const code = token && token.value === undefined ? 'token-late' : 'query-late'
  return { kind: 'silent', code, after }
}

function tokenFailed(cause: unknown): Failure {
  const detail = withoutQueries(wordsOf(cause))
  return { kind: 'refused', code: 'token-failed', detail, cause: asCause(cause) }
}

/** What a function of the page threw, in words: it may be anything. */
function wordsOf(cause: unknown): string {
  return cause instanceof Error
    ? cause.message
    : `it threw ${typeof cause === 'string' ? cause : typeof cause}`
}
