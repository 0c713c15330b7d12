import { withoutQuery } from '../contracts/failure.ts'
import type { AnySignal, AnyURL } from '../here.ts'
import type { StreamEvent } from './event.ts'
import type { Asked, Header } from './response.ts'
import type { Resumption, StreamHeaders } from './resumption.ts'

/** Options of `stream()`. */
export interface AnswerOptions {
  /** @default 'POST' with a `body`, 'GET' without */
  method?: string
  /**
   * Text, bytes, a `Blob`, `FormData` or `URLSearchParams` go as they are. Other values go as JSON, with that `Content-Type`.
   */
  body?: unknown
  /**
   * They go along with each request, in place of those of the same names that are set here; a function is asked afresh each time. To another origin, where `resume`
   * names one, neither they nor `token` go.
   */
  headers?: StreamHeaders | (() => StreamHeaders | Promise<StreamHeaders>)
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
   * What says that the answer is complete: the data of its last event, which is not handed on, or a function that is true for the last event (one
   * that is async would be for the first: a promise is true). An answer that ends without it counts as cut.
   * @default the end of the response
   */
  until?: string | ((event: StreamEvent) => boolean)
  /**
   * Where an answer that broke off goes on, if its server gives ids: a GET with `Last-Event-ID` (WHATWG HTML, 9.2.4), relative to the address that was asked. A
   * function is given the id.
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

const accept: Header = ['accept', 'text/event-stream']

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
  const there = resolved(url, base)
  const payload = payloadOf(body)
  const verb = (method ?? (payload ? 'POST' : 'GET')).toUpperCase()
  const safe = verb === 'GET' || verb === 'HEAD'
  const isOwn = there.origin === globalThis.location?.origin
  const random = () => crypto.getRandomValues(new Uint32Array(4)).join('-')
  const key = idempotencyKey ?? (safe || !isOwn ? undefined : random())
  const address = there.href
  return { where: withoutQuery(address), method: verb, safe, resumes: safe || resume !== undefined, ask }

  async function ask(id?: string): Promise<Asked> {
    const given = typeof headers === 'function' ? await headers() : headers
    const secret = typeof token === 'function' ? await token() : token
    const common: Header[] = [
      accept,
      ['authorization', secret ? `Bearer ${secret}` : undefined],
      ...pairsOf(given),
    ]
    if (id === undefined)
      return {
        url: address,
        method: verb,
        credentials,
        // A string of RFC 8941, 3.3.3, as the draft of the HTTPAPI group wants it.
        headers: [
          ['content-type', payload?.type],
          ['idempotency-key', key ? JSON.stringify(key) : undefined],
          ...common,
        ],
        ...(payload && { body: payload.body }),
      }
    const next = (typeof resume === 'function' ? await resume(id) : resume) ?? address
    const { url = next as string | AnyURL, headers: own } = next as Partial<
      Resumption & { url: string; headers: StreamHeaders }
    >
    const to = resolved(url, address)
    const left = to.origin === there.origin ? common.filter(([name]) => !/^content-/i.test(name)) : [accept]
    return {
      url: to.href,
      method: 'GET',
      credentials,
      headers: [...left, ['last-event-id', id], ...pairsOf(own)],
    }
  }
}

function resolved(url: string | AnyURL, base: string | undefined): URL {
  const text = typeof url === 'string' ? url : url.href
  try {
    // Trimmed as any URL is; an object without `href` has nothing to trim, where `undefined` would be an address relative to the page.
    return new URL(text.trim(), base)
  } catch {
    throw new TypeError(
      `stream: ${JSON.stringify(text)} is no URL${base ? '' : ', and there is no page for it to be relative to'}`,
    )
  }
}

function pairsOf(headers: StreamHeaders = {}): Iterable<Header> {
  return Symbol.iterator in headers ? headers : Object.entries(headers)
}

/** What goes up, and the type that it has unless the page says another. */
function payloadOf(body: unknown): { body: unknown; type?: string } | undefined {
  if (body === undefined || body === null) return undefined
  const tag = Object.prototype.toString.call(body)
  if (/String|Blob|File|FormData|URLSearch|ArrayBuffer|View|Array\w*\]$/.test(tag) && !Array.isArray(body))
    return { body }
  const json = JSON.stringify(body)
  if (json === undefined || /Stream/.test(tag))
    throw new TypeError(
      `stream: body is a ${tag.slice(8, -1)}; give text, bytes, a Blob, FormData, URLSearchParams, or what JSON can hold`,
    )
  return { body: json, type: 'application/json' }
}
