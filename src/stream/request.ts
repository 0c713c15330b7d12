import { withoutQuery } from '../contracts/failure.ts'
import type { AnySignal, AnyURL } from '../here.ts'
import type { StreamEvent } from './event.ts'
import type { Asked } from './response.ts'

/** What goes along with a request: names and values, as an object, as pairs, or as `Headers`. */
export type StreamHeaders = Record<string, string> | Iterable<readonly [string, string]>

/** Where an answer goes on: an address, or a request, such as a `Request`, that is a GET. */
export type Resumption = string | AnyURL | { readonly url: string; readonly headers?: StreamHeaders }

/** Options of `stream()`. */
export interface AnswerOptions {
  /** @default 'POST' with a `body`, 'GET' without */
  method?: string
  /**
   * Text, bytes, a `Blob`, `FormData` or `URLSearchParams` go as they are. Other values go as JSON, with that `Content-Type`.
   */
  body?: unknown
  /** They go along with each request; a function is asked afresh each time. */
  headers?: StreamHeaders | (() => StreamHeaders)
  /** Goes along as `Authorization: Bearer …`; a function is asked afresh for each request. */
  token?: string | (() => string | Promise<string>)
  /** Ends it: the loop, and what waits, reject with its reason. */
  signal?: AnySignal
  /**
   * Whether cookies go along, as with `fetch`.
   * @default 'same-origin'
   */
  credentials?: 'omit' | 'same-origin' | 'include'
  /**
   * What says that the answer is complete: the data of its last event, which is not handed on, or a function that is true for the last event. An
   * answer that ends without it counts as cut.
   * @default the end of the response
   */
  until?: string | ((event: StreamEvent) => unknown)
  /**
   * Where an answer that broke off goes on, if its server gives ids: a GET with `Last-Event-ID` (WHATWG HTML, 9.2.4). A function is given the id.
   * @default a GET goes on where it began; anything else does not
   */
  resume?: string | AnyURL | ((id: string) => Resumption | Promise<Resumption>)
  /**
   * What goes along as `Idempotency-Key` with a request that is no GET, so that the server can tell one that came twice: browsers themselves send a POST again when a
   * connection that was used before breaks before an answer.
   * @default a random one to the page's own origin, none to others, since they would have to allow the header
   */
  idempotencyKey?: string
  /**
   * How often a 429 or 503 that names a time in `Retry-After` is asked again. Such a server has not begun.
   * @default 0
   */
  retries?: number
  /**
   * How long nothing may come, in ms; comments that a server sends to show that it is there are something. `Infinity` waits for ever.
   * @default 300000
   */
  timeout?: number
}

/** What is asked, at first and when it goes on. */
export interface Plan {
  /** The address without what may be secret in it. */
  readonly where: string
  readonly method: string
  readonly safe: boolean
  readonly resumes: boolean
  /** The request; with an id the one that goes on behind it. */
  ask(id?: string): Promise<Asked>
}

/**
 * Reads what the page asks for.
 *
 * @throws {TypeError} naming what cannot be asked
 */
export function planOf(
  url: string | AnyURL,
  { method, body, headers, token, credentials = 'same-origin', resume, idempotencyKey }: AnswerOptions,
): Plan {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href
  const address = resolved(url, base)
  const payload = payloadOf(body)
  const verb = (method ?? (payload ? 'POST' : 'GET')).toUpperCase()
  const safe = verb === 'GET' || verb === 'HEAD'
  const isOwn = new URL(address).origin === globalThis.location?.origin
  const random = () => crypto.getRandomValues(new Uint32Array(4)).join('-')
  const key = idempotencyKey ?? (safe || !isOwn ? undefined : random())
  return { where: withoutQuery(address), method: verb, safe, resumes: safe || resume !== undefined, ask }

  async function ask(id?: string): Promise<Asked> {
    const given = typeof headers === 'function' ? headers() : headers
    const secret = typeof token === 'function' ? await token() : token
    const common = {
      Accept: 'text/event-stream',
      ...(secret !== undefined && { Authorization: `Bearer ${secret}` }),
      ...entriesOf(given),
    }
    if (id === undefined)
      return {
        url: address,
        method: verb,
        credentials,
        // A string of RFC 8941, 3.3.3, as the draft of the HTTPAPI group wants it.
        headers: { ...payload?.headers, ...(key && { 'Idempotency-Key': JSON.stringify(key) }), ...common },
        ...(payload && { body: payload.body }),
      }
    const there = (typeof resume === 'function' ? await resume(id) : resume) ?? address
    const { url = there as string | AnyURL, headers: own } = there as Partial<
      Resumption & { url: string; headers: StreamHeaders }
    >
    const left = Object.entries(common).filter(([name]) => !/^content-/i.test(name))
    return {
      url: resolved(url, base),
      method: 'GET',
      credentials,
      headers: { ...Object.fromEntries(left), 'Last-Event-ID': id, ...entriesOf(own) },
    }
  }
}

function resolved(url: string | AnyURL, base: string | undefined): string {
  const text = typeof url === 'string' ? url : url.href
  try {
    return new URL(text, base).href
  } catch {
    throw new TypeError(
      `stream: ${JSON.stringify(text)} is no URL${base ? '' : ', and there is no page for it to be relative to'}`,
    )
  }
}

function entriesOf(headers: StreamHeaders = {}): Record<string, string> {
  return Symbol.iterator in headers ? Object.fromEntries(headers) : headers
}

/** What goes up, and the type that it has unless the page says another. */
function payloadOf(body: unknown): { body: unknown; headers?: Record<string, string> } | undefined {
  if (body === undefined || body === null) return undefined
  const tag = Object.prototype.toString.call(body)
  if (/String|Blob|File|FormData|URLSearch|ArrayBuffer|View|Array\w*\]$/.test(tag) && !Array.isArray(body))
    return { body }
  const json = JSON.stringify(body)
  if (json === undefined || /Stream/.test(tag))
    throw new TypeError(
      `stream: body is a ${tag.slice(8, -1)}; give text, bytes, a Blob, FormData, URLSearchParams, or what JSON can hold`,
    )
  return { body: json, headers: { 'Content-Type': 'application/json' } }
}
