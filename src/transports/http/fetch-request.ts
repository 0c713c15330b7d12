import type { Request } from '../../contracts/dialect.ts'
import {
  asCause,
  type Failure,
  hasWords,
  inWords,
  withoutQuery,
  wordsWithin,
} from '../../contracts/failure.ts'
import type { Target } from '../../contracts/transport.ts'
import type { FetchInit } from '../../here.ts'
import type { Payload } from '../../wire/codec.ts'
import { isAnyEventStream } from './whole-body-reader.ts'
import { type Answer, isThere, originOf, refusal, request, utf8 } from './xhr-request.ts'

/** What a page may say of a request: all that `fetch` takes, but for what is the line's to say. */
export type FetchOptions = Omit<FetchInit, 'signal' | 'headers' | 'credentials' | 'cache'> & {
  /**
   * Whether a response that ends in good order is all there is, so that the line ends with it.
   * @default false: the line comes back
   */
  once?: boolean
}

/** An answer that is read as bytes. */
export interface BytesAnswer extends Omit<Answer, 'text'> {
  bytes(chunk: Uint8Array): void
}

/** How requests are made here: by fetch where there is no XMLHttpRequest, as in a service worker. */
export function requester({ environment }: Target): typeof request {
  return environment.XMLHttpRequest ? request : fetched
}

/** Whether there is any way to make one. */
export function canRequest({ environment }: Target): boolean {
  return (environment.XMLHttpRequest ?? environment.fetch) !== undefined
}

/** Whether `fetch` hands out an answer as it comes. React Native's does not, even where a package has added `ReadableStream`. */
export function canStream({ environment }: Target): boolean {
  return environment.fetch !== undefined && typeof Response === 'function' && 'body' in Response.prototype
}

/** Reads one event stream as `request` does, by fetch: where there is no XMLHttpRequest, or where it cannot do what is asked. */
export function fetched(
  target: Target,
  asked: Request,
  answer: Answer,
  body?: Payload,
  options?: FetchOptions,
): () => void {
  const decoder = new TextDecoder()
  let received = 0
  const bytes = (chunk: Uint8Array) => {
    const text = decoder.decode(chunk, { stream: true })
    received += text.length
    answer.text(text, received)
  }
  return download(target, asked, { ...answer, bytes }, body, options)
}

/** Reads one answer, of whatever type its head is found good for. Gives back what aborts it. */
export function download(
  { environment, dialect, withCredentials }: Target,
  asked: Request,
  answer: BytesAnswer,
  body?: Payload,
  options?: FetchOptions,
): () => void {
  const where = withoutQuery(asked.url)
  const gone = new AbortController()
  const { signal } = gone
  // What a server that does not know us says to a POST is not for reading.
  const foreign = body !== undefined && !dialect.sending.acknowledges
  let headers = headersOf(asked)
  let accepted = false
  let again = false
  let timer: unknown

  const finish = (failure?: Failure) => {
    if (signal.aborted) return
    environment.clearTimeout(timer)
    gone.abort()
    answer.done(failure)
  }
  const broke = (thrown: unknown): Failure =>
    accepted
      ? { kind: 'cut', code: 'broke-off', where, cause: asCause(thrown) }
      : { kind: 'refused', code: 'unreachable', where, cause: asCause(thrown) }

  const read = async () => {
    const response = await (environment.fetch as typeof fetch)(asked.url, {
      method: asked.method ?? (body === undefined ? 'GET' : 'POST'),
      body: body as BodyInit,
      ...options,
      headers,
      credentials: withCredentials ? 'include' : 'same-origin',
      cache: 'no-store',
      signal,
    })
    if (signal.aborted) return
    const head = { status: response.status, header: (name: string) => response.headers.get(name) }
    const usual = () => refusal(head, where, foreign, answer.takes ?? isAnyEventStream)
    const failure = answer.head ? answer.head(head, usual) : usual()
    if (failure && dialect.sending.acknowledges && hasWords(head.header('Content-Type'))) {
      timer = environment.setTimeout(() => finish(failure), wordsWithin)
      const words = await response.text().catch(() => '')
      return finish(inWords(failure, words))
    }
    if (failure || foreign) return finish(failure)
    accepted = true
    answer.opened?.(response.url)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (signal.aborted) return
      if (done) return finish()
      answer.bytes(value)
    }
  }
  /** Another origin may refuse the preflight that the position needs. It is worth a try without it, and no more: EventSource asks without one. */
  const fail = async (cause: unknown): Promise<void> => {
    const { 'Last-Event-ID': last, ...simple } = headers
    const away = !dialect.protocol.sendsHello && originOf(asked.url) !== originOf(environment.base)
    const repeats = last !== undefined || (body === undefined && (options?.method ?? 'GET') === 'GET')
    if (accepted || !away || !repeats) return finish(broke(cause))
    // Twice an error, and in between it was there: CORS, which no other try will change.
    if (again) return finish({ kind: 'status', code: 'cors', where })
    if (!(await isThere(environment, asked.url, signal))) return finish(broke(cause))
    if (signal.aborted) return
    again = true
    headers = simple
    return read().catch(fail)
  }

  read().catch(fail)
  return () => {
    environment.clearTimeout(timer)
    gone.abort()
  }
}

/** `no-store` says to caches what this header would, which other origins have to be asked about first. */
function headersOf({ headers }: Request): Record<string, string> {
  const { 'Cache-Control': _, ...others } = headers
  return Object.fromEntries(Object.entries(others).map(([name, value]) => [name, utf8(value)]))
}
