import type { Request } from '../contracts/dialect.ts'
import { asCause, type Failure, readRetryAfter, withoutQuery } from '../contracts/failure.ts'
import type { Fetch } from '../here.ts'
import { encode } from '../wire/encoder.ts'

/** Sends one block by POST, before a connection. Gives the data of the block that answers it, or the failure. */
export async function exchange(
  fetch: Fetch,
  { url, headers }: Request,
  withCredentials: boolean,
  event: string,
  data: string,
  what: string,
): Promise<string | Failure> {
  const credentials = withCredentials ? 'include' : 'same-origin'
  const body = encode({ event, data })
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, credentials, cache: 'no-store' })
    const { status } = answer
    const [, told] = /^data: (\S+)$/m.exec(status === 200 ? await answer.text() : '') ?? []
    if (told) return told
    const retryAfter = readRetryAfter(answer.headers.get('Retry-After'))
    return { kind: 'status', code: 'post-status', where: withoutQuery(url), detail: what, status, retryAfter }
  } catch (cause) {
    const where = withoutQuery(url)
    return { kind: 'refused', code: 'post-unreachable', where, detail: what, cause: asCause(cause) }
  }
}
