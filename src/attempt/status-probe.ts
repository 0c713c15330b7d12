import { hasWords, readRetryAfter } from '../contracts/failure.ts'
import type { Requester, Target } from '../contracts/transport.ts'
import { wait } from '../quiet-timer.ts'

/** What plain HTTP says where WebSocket and EventSource say nothing. */
export interface ProbeResult {
  readonly status: number
  /** In ms. */
  readonly retryAfter: number | undefined
  /** What it says about it. */
  readonly words: string | undefined
}

/** How long the answer may take, in ms. */
const limit = 3_000

/** Asks the server once, by the plainest request there is. Nothing, if it does not answer. */
export async function probeStatus(target: Target, stop: AbortSignal): Promise<ProbeResult | undefined> {
  const { environment, withCredentials, dialect } = target
  const enough = new AbortController()
  const end = () => enough.abort()
  const undo = wait(environment, limit, end)
  stop.addEventListener('abort', end)
  try {
    // A server that does not know us may hold a poll, while a stream begins at once. The page's functions for it may throw.
    const by: Requester = dialect.protocol.sendsHello
      ? { name: 'long-polling', kind: 'poll', setsHeaders: true }
      : { name: 'xhr-streaming', kind: 'stream', setsHeaders: true }
    const { url, headers } = target.buildRequest(by, { pollIndex: 0 })
    const credentials = withCredentials ? 'include' : 'same-origin'
    const { signal } = enough
    const answer = await environment.fetch?.(url, { headers, credentials, cache: 'no-store', signal })
    if (!answer) return undefined
    const { status, ok } = answer
    const retryAfter = readRetryAfter(answer.headers.get('Retry-After'))
    const isTold = !ok && dialect.sending.acknowledges && hasWords(answer.headers.get('Content-Type'))
    const words = isTold ? (await answer.text().catch(() => '')).trim().slice(0, 500) : undefined
    return { status, retryAfter, words }
  } catch {
    return undefined
  } finally {
    undo()
    stop.removeEventListener('abort', end)
    end()
  }
}
