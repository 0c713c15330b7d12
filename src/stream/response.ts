import { utf8 } from '../transports/http/xhr-request.ts'

/** A name in any spelling, and its value. */
export type Header = readonly [name: string, value: string | undefined]

/** One request, with all that goes along. */
export interface Asked {
  readonly url: string
  readonly method: string
  /** Of those of one name the last counts, unless it is `undefined`. */
  readonly headers: readonly Header[]
  readonly body?: unknown
  readonly credentials: 'omit' | 'same-origin' | 'include'
}

interface Sent extends Omit<Asked, 'headers'> {
  readonly headers: Record<string, string>
}

/** The head of an answer. */
export interface Head {
  readonly status: number
  readonly statusText: string
  /** The address that answered, after redirects. */
  readonly url: string
  /** A header's value, where the page may read it; `null` otherwise. */
  header(name: string): string | null
}

/** What hears an answer. `text` comes as it arrives, in pieces of any size, by fetch with its byte order mark; after `ended`, `lost` or `threw` nothing comes. */
export interface Hearer {
  head(head: Head): void
  text(piece: string): void
  ended(): void
  lost(cause?: unknown): void
  /** It cannot be asked, and was not. */
  threw(cause: unknown): void
}

/** How the answer is read. */
export type Reading = 'fetch' | 'xhr'

/** By fetch where it brings an answer as it comes, otherwise by XMLHttpRequest; `undefined` where there is neither. */
export function bestReading(): Reading | undefined {
  const { fetch, Response, XMLHttpRequest } = globalThis as Partial<typeof globalThis>
  return fetch && 'body' in (Response?.prototype ?? {}) ? 'fetch' : XMLHttpRequest ? 'xhr' : undefined
}

/**
 * Sends the request, and reads the answer. Gives back what ends it.
 *
 * @throws what the browser throws at a request that cannot be; nothing was sent then
 */
export function read(by: Reading, asked: Asked, hearer: Hearer): () => void {
  const headers: Record<string, string> = {}
  // A name in two spellings would go out once, with both values.
  for (const [name, value] of asked.headers)
    if (value !== undefined) headers[name.toLowerCase()] = utf8(value)
  return (by === 'xhr' ? byXhr : byFetch)({ ...asked, headers }, hearer)
}

function byFetch({ url, ...asked }: Sent, hearer: Hearer): () => void {
  const gone = new AbortController()
  const { signal } = gone
  const init = { ...asked, cache: 'no-store', signal } as RequestInit
  const go = async () => {
    const response = await fetch(url, init)
    const { status, statusText, headers, body } = response
    if (signal.aborted) return
    hearer.head({ status, statusText, url: response.url, header: name => headers.get(name) })
    const reader = body?.getReader()
    // WebKit's keeps a byte order mark that comes in pieces: the parser drops it.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    while (reader && !signal.aborted) {
      const { done, value } = await reader.read()
      if (done) break
      if (signal.aborted) return
      hearer.text(decoder.decode(value, { stream: true }))
      // Whoever waits for it goes first: to ask for more takes the browser longer than to hand on what is there.
      await undefined
    }
    if (!signal.aborted) hearer.ended()
  }
  const failed = (cause: unknown) => {
    if (signal.aborted) return
    try {
      // The rejection alone does not tell a request that cannot be sent from one that was.
      new Request(url, init)
    } catch (impossible) {
      return hearer.threw(impossible)
    }
    hearer.lost(cause)
  }
  go().catch(failed)
  return () => gone.abort()
}

function byXhr({ url, method, headers, body, credentials }: Sent, hearer: Hearer): () => void {
  const xhr = new XMLHttpRequest()
  let seen = 0
  let began = false
  const look = () => {
    // Status 0 is a network error that shows its headers state first.
    if (xhr.readyState < 2 || !xhr.status) return
    if (!began) {
      began = true
      const { status, statusText, responseURL } = xhr
      hearer.head({ status, statusText, url: responseURL, header: name => xhr.getResponseHeader(name) })
    }
    if (xhr.readyState < 3) return
    const piece = xhr.responseText.slice(seen)
    seen += piece.length
    if (piece) hearer.text(piece)
  }
  xhr.open(method, url)
  xhr.withCredentials = credentials === 'include'
  // An event stream is always UTF-8 (WHATWG HTML, 9.2.5), whatever its type says.
  xhr.overrideMimeType('text/event-stream; charset=utf-8')
  for (const name in headers) xhr.setRequestHeader(name, headers[name] as string)
  xhr.onreadystatechange = xhr.onprogress = look
  xhr.onload = () => {
    look()
    hearer.ended()
  }
  xhr.onerror = xhr.onabort = () => hearer.lost()
  xhr.send(body as XMLHttpRequestBodyInit)
  return () => {
    xhr.onreadystatechange = xhr.onprogress = xhr.onload = xhr.onerror = xhr.onabort = null
    // After its end there is nothing to abort, and its headers would be gone.
    if (xhr.readyState < 4) xhr.abort()
  }
}
