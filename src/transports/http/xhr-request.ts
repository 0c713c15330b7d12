import type { Head, Reader, Request } from '../../contracts/dialect.ts'
import {
  type Failure,
  hasWords,
  inWords,
  readRetryAfter,
  tryTo,
  withoutQuery,
  wordsWithin,
} from '../../contracts/failure.ts'
import type { Target } from '../../contracts/transport.ts'
import { type Environment, onStay } from '../../environment.ts'
import type { Payload } from '../../wire/codec.ts'
import { mediaType } from './whole-body-reader.ts'

/** What one HTTP request brings. `text` comes as it arrives, in pieces of any size. */
export interface Answer {
  /** Judges the answer by its head; without it, it has to be an event stream. */
  head?: Reader['head'] | undefined
  /** Whether a content type counts as an event stream. Without it, the function that makes the request decides. */
  takes?(type: string | null): boolean
  /** `url` is the one that answered, after redirects. */
  opened?(url: string): void
  text(chunk: string, received: number): void
  /** No failure: the response ended in good order. */
  done(failure?: Failure): void
}

/** Reads one event stream by XMLHttpRequest, with a body it is a POST. Gives back what aborts it. */
export function request(target: Target, asked: Request, answer: Answer, body?: Payload): () => void {
  const { environment, dialect } = target
  const Xhr = environment.XMLHttpRequest as typeof XMLHttpRequest
  const where = withoutQuery(asked.url)
  const gone = new AbortController()
  const { 'Cache-Control': cached, ...uncached } = asked.headers
  const { 'Last-Event-ID': _, ...simple } = uncached
  // An EventSource asks another origin without a preflight, which this header would force; the position is worth one.
  const away = !dialect.protocol.sendsHello && originOf(asked.url) !== originOf(environment.base)
  // What a server that does not know us says to a POST is not for reading.
  const foreign = body !== undefined && !dialect.sending.acknowledges
  let headers = away ? uncached : asked.headers
  let again = false
  let xhr: XMLHttpRequest
  let seen = 0
  let accepted = false
  let refused: Failure | undefined
  let timer: unknown

  const advance = () => {
    if (!accepted) return
    const all = xhr.responseText
    if (all.length === seen) return
    const chunk = seen ? all.slice(seen) : all
    seen = all.length
    answer.text(chunk, seen)
  }

  const look = () => {
    // Status 0 is a network error that shows its headers state first; onerror tells.
    if (xhr.readyState === 2 && xhr.status !== 0) {
      const head: Head = { status: xhr.status, header: name => xhr.getResponseHeader(name) }
      const usual = () => refusal(head, where, foreign)
      const failure = answer.head ? answer.head(head, usual) : usual()
      if (failure && dialect.sending.acknowledges && hasWords(head.header('Content-Type'))) {
        refused = failure
        timer = environment.setTimeout(() => finish(failure), wordsWithin)
        return
      }
      if (failure) return finish(failure)
      if (foreign) return
      accepted = true
      answer.opened?.(xhr.responseURL)
    } else if (xhr.readyState === 3) advance()
  }

  const forget = onStay(environment, () => {
    if (xhr.readyState === 0) finish({ kind: 'cut', code: 'navigation', where })
  })

  const finish = (failure?: Failure) => {
    environment.clearTimeout(timer)
    forget()
    drop(xhr)
    answer.done(failure)
  }

  const begin = () => {
    xhr = new Xhr()
    xhr.open(asked.method ?? (body === undefined ? 'GET' : 'POST'), asked.url)
    xhr.withCredentials = target.withCredentials
    // Without it a charset in the response's own type would decide; an event stream is always UTF-8 (WHATWG HTML, 9.2.5).
    xhr.overrideMimeType('text/event-stream; charset=utf-8')
    for (const name in headers) xhr.setRequestHeader(name, utf8(headers[name] as string))
    xhr.onreadystatechange = look
    xhr.onprogress = advance
    xhr.onload = () => {
      advance()
      finish(refused && inWords(refused, xhr.responseText))
    }
    xhr.onabort = () => finish({ kind: 'stopped', code: 'stopped', where })
    xhr.onerror = () => void fail()
    xhr.send(body as XMLHttpRequestBodyInit)
  }

  /** A network error does not say what it was: a redirect to another origin may have died on its preflight. */
  const fail = async () => {
    if (refused) return finish(refused)
    if (accepted) return finish({ kind: 'cut', code: 'broke-off', where })
    const worthwhile =
      body === undefined && !again && (away ? await isThere(environment, asked.url, gone.signal) : cached)
    if (gone.signal.aborted) return
    if (worthwhile) {
      again = true
      headers = away ? simple : uncached
      tryTo(begin, finish)
    } else if (away && again)
      // Twice an error, and in between it was there: CORS, which no other try will change.
      finish({ kind: 'status', code: 'cors', where })
    else finish({ kind: 'refused', code: 'unreachable', where })
  }

  begin()
  return () => {
    gone.abort()
    environment.clearTimeout(timer)
    forget()
    drop(xhr)
  }
}

export function originOf(url: string | undefined): string | undefined {
  return url ? new URL(url).origin : undefined
}

/** Whether anybody answers, be it something that this page may not read. */
export async function isThere(
  { fetch }: Partial<Pick<Environment, 'fetch'>>,
  url: string,
  signal: AbortSignal | null = null,
): Promise<boolean> {
  try {
    await (fetch as typeof globalThis.fetch)(url, { method: 'HEAD', mode: 'no-cors', signal })
    return true
  } catch {
    return false
  }
}

/** An answer that is not what was asked for: the wrong status or the wrong type. Any success will do for a foreign POST. */
export function refusal(
  { status, header }: Head,
  where: string,
  foreign: boolean,
  isTaken = isEventStream,
): Failure | undefined {
  if (foreign && status < 300) return undefined
  if (status !== 200) {
    const retryAfter = readRetryAfter(header('Retry-After'))
    return { kind: 'status', code: 'status', where, status, retryAfter }
  }
  const type = header('Content-Type')
  if (isTaken(type)) return undefined
  return {
    kind: 'content',
    status,
    code: 'no-stream',
    where,
    detail: type ?? undefined,
  }
}

/** WHATWG HTML, 9.2.3: "if res's Content-Type is not text/event-stream, then fail the connection". */
export function isEventStream(type: string | null): boolean {
  return mediaType(type) === 'text/event-stream'
}

/** Header values go out as bytes: the text's UTF-8, one character a byte. */
export function utf8(text: string): string {
  return unescape(encodeURIComponent(text))
}

function drop(xhr: XMLHttpRequest): void {
  xhr.onreadystatechange = xhr.onprogress = xhr.onload = xhr.onerror = xhr.onabort = null
  xhr.abort()
}
