import { withoutQuery } from '../contracts/failure.ts'
import type { AnyResponse, AnySignal, RequestTarget } from '../here.ts'
import { StreamError } from '../stream/error.ts'
import { mediaType } from '../transports/http/whole-body-reader.ts'
import type { FetchEventSourceInit } from './fetch-event-source/options.ts'
import { planOf } from './fetch-event-source/request.ts'
import { run } from './fetch-event-source/run.ts'

/** The type of an answer that can be read. */
export const EventStreamContentType = 'text/event-stream'

/**
 * Sends a request, and hands on the messages of its answer, with the signature of @microsoft/fetch-event-source.
 *
 * ```ts
 * import { fetchEventSource } from 'throughline/drop-in'
 * await fetchEventSource('/ask', { method: 'POST', body: question, onmessage: ({ data }) => show(data) })
 * ```
 * **What is not a GET is sent once**, unless `onerror` returns a number. A tab that is hidden changes nothing.
 *
 * @returns a promise that resolves when the answer has come to its end, or `signal` is aborted
 * @throws {StreamError} as a rejection: of the kind `IN_DOUBT`, when no answer came to what is not a GET; `cut`, when its answer broke off; `content`, when it is no event stream
 * @throws {TypeError} as a rejection, when it cannot be sent
 * @throws what `onopen`, `onmessage` and `onclose` throw, if it is not a GET, and what `onerror` and `resume` throw, as a rejection
 */
export async function fetchEventSource(input: RequestTarget, options: FetchEventSourceInit): Promise<void> {
  const {
    signal,
    fetch: own,
    headers,
    resume,
    ...others
  } = options as FetchEventSourceInit & {
    signal?: AnySignal | null
  }
  const { onopen = expectStream, onmessage, onclose, onerror, openWhenHidden: _, ...init } = others
  if (signal?.aborted) return
  const plan = planOf(input as RequestInfo, { init: init as RequestInit, headers, resume })
  return new Promise((resolve, reject) => {
    const stop = run({ plan, own, onopen, onmessage, onclose, onerror }, failure => {
      signal?.removeEventListener('abort', stop)
      if (failure) reject(failure.error)
      else resolve()
    })
    signal?.addEventListener('abort', stop)
  })
}

/** Throws at what is no event stream. */
async function expectStream(response: AnyResponse): Promise<void> {
  const { status, url, headers } = response
  const type = headers.get('content-type')
  if (mediaType(type) === EventStreamContentType) return
  const where = withoutQuery(url) || 'the server'
  const message = `${where} answered with status ${status} and ${type} in place of ${EventStreamContentType}`
  throw new StreamError(message, { kind: 'content', status }, { received: [], lastEventId: '' })
}
