import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Settings, TransportName } from './options.ts'
import type { Arrival } from './proxies.ts'
import { refusal } from './refusal.ts'

/** A request to the hub's URL, read. */
export interface Ask {
  readonly url: URL
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly address: string
  readonly via: TransportName | 'post'
  /** The origin of the page that asks, if the request tells it. */
  readonly origin: string | undefined
  /** What that origin is to us; `unknown` when the request does not tell it. */
  readonly standing: 'own' | 'listed' | 'foreign' | 'unknown'
  readonly sid: string | undefined
  readonly cursor: string | undefined
  /** Which poll of its pipe it is. */
  readonly turn: number
  /** The function a JSONP answer calls; `undefined` if its name is not allowed. */
  readonly callback: string | undefined
}

const transports = [
  'websocket',
  'eventsource',
  'xhr-streaming',
  'fetch-streaming',
  'iframe',
  'long-polling',
  'jsonp',
  'post',
] as const

/** Throws a refusal for what no server could serve. `upgrade`: the request is a WebSocket handshake. */
export function readAsk(request: IncomingMessage, settings: Settings, upgrade = false): Ask {
  const { headers, method = 'GET' } = request
  const arrival = settings.proxies.arrival(request)
  const url = readUrl(request.url ?? '', arrival)
  const query = url.searchParams
  const version = query.get('rt.v') ?? '1'
  if (version !== '1') throw refusal(400, `rt.v is ${version}; this server speaks version 1`)
  return {
    url,
    method,
    headers,
    address: arrival.address,
    via: readVia(query.get('rt.via'), method, upgrade),
    ...readOrigin(headers, arrival, settings.origins),
    sid: query.get('rt.sid') || undefined,
    // "A Last-Event-ID header wins, because a browser that reconnects by itself repeats an old URL."
    cursor: single(headers['last-event-id']) || query.get('rt.id') || undefined,
    turn: readCount(query, 'rt.n') ?? 0,
    callback: /^_rt[0-9a-z]{1,32}$/.exec(query.get('rt.cb') ?? '')?.[0],
  }
}

/** A parameter that counts something: digits only. */
export function readCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^\d{1,15}$/.test(text)) throw refusal(400, `${name} is no number`)
  return Number(text)
}

function readUrl(target: string, { host, secure }: Arrival): URL {
  try {
    return new URL(target, `${secure ? 'https' : 'http'}://${host}`)
  } catch {
    throw refusal(400, 'malformed URL or Host')
  }
}

function readVia(name: string | null, method: string, upgrade: boolean): Ask['via'] {
  if (upgrade) {
    if (name !== null && name !== 'websocket')
      throw refusal(400, `rt.via is ${name} on a WebSocket handshake`)
    return 'websocket'
  }
  if (name === null) return method === 'POST' ? 'post' : 'bare'
  const via = transports.find(known => known === name)
  if (via === undefined) throw refusal(400, 'rt.via names no transport')
  return via
}

function readOrigin(
  headers: IncomingHttpHeaders,
  arrival: Arrival,
  listed: readonly string[],
): Pick<Ask, 'origin' | 'standing'> {
  const own = `${arrival.secure ? 'https' : 'http'}://${arrival.host}`
  const origin = single(headers.origin) ?? (isFromOwnPage(headers) ? own : originOf(headers.referer))
  if (origin === undefined) return { origin, standing: 'unknown' }
  if (origin === own || isOwn(origin, arrival)) return { origin, standing: 'own' }
  return { origin, standing: listed.includes(origin) ? 'listed' : 'foreign' }
}

/** No page can forge it: names that begin with `Sec-` are the browser's. */
function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-site'] === 'same-origin'
}

/** Without `secure` a proxy may have ended TLS, so the scheme is compared only when it is known. */
function isOwn(origin: string, { host, secure }: Arrival): boolean {
  if (!URL.canParse(origin)) return false
  const page = new URL(origin)
  const asked = `${page.protocol}//${host}`
  return URL.canParse(asked) && new URL(asked).host === page.host && (page.protocol === 'https:' || !secure)
}

function originOf(referer: string | undefined): string | undefined {
  return referer !== undefined && URL.canParse(referer) ? new URL(referer).origin : undefined
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
