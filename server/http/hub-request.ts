import type { IncomingHttpHeaders } from 'node:http'
import { refusal } from '../http-error.ts'
import { type Settings, type TransportName, transports } from '../options.ts'
import { printable } from '../printer.ts'
import { remembering } from '../remembering.ts'
import type { Incoming } from '../wire/exchange.ts'
import type { IsListed } from './origins.ts'
import type { Arrival } from './proxies.ts'
import { readTarget } from './target.ts'
import { readWanted, type Wanted } from './wanted.ts'

/** A request to the hub's URL, read. */
export interface HubRequest {
  readonly url: URL
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly address: string
  /** Whether a proxy that is trusted told of it. */
  readonly proxied: boolean
  readonly arrival: Arrival
  readonly via: TransportName | 'post'
  /** What a POST is for that comes before a line: to tell a query which is too long for an address, or to fetch a ticket. */
  readonly before: 'query' | 'ticket' | undefined
  /** The origin of the page that asks, if the request tells it. */
  readonly origin: string | undefined
  /** What that origin is to us; `unknown` when the request does not tell it. */
  readonly standing: 'own' | 'listed' | 'foreign' | 'unknown'
  readonly sid: string | undefined
  /** What its client calls itself, until it has been told a session: all transports of a race say the same. */
  readonly line: string | undefined
  readonly cursor: string | undefined
  /** The version of the wire that the client speaks. */
  readonly version: 1 | 2
  /** The topics that it names, each with where to begin. */
  readonly wanted: readonly Wanted[]
  /** Whether it tells upward which topics it wants: there are too many for an address. */
  readonly tellsLater: boolean
  /** Which of the client's sets of topics it names; `rt.open` repeats it. */
  readonly set: number | undefined
  /** Which channel of the client it is for. */
  readonly channel: string | undefined
  /** Which poll of its channel it is. */
  readonly turn: number
  /** The function a JSONP answer calls; `undefined` if its name is not allowed. */
  readonly callback: string | undefined
}

/** How whoever asks can be spoken to, be it malformed what they ask for. */
export interface Recipient extends Pick<HubRequest, 'callback' | 'standing' | 'origin'> {
  readonly via: string | null
}

export function readRecipient(request: Incoming): Recipient {
  const query = new URLSearchParams(targetOf(request).split('?')[1])
  return { via: query.get('rt.via'), callback: readCallback(query), standing: 'unknown', origin: undefined }
}

/** Throws a refusal for what no server could serve. `upgrade`: the request is a WebSocket handshake. */
export function readHubRequest(request: Incoming, settings: Settings, upgrade = false): HubRequest {
  const { headers, method = 'GET' } = request
  // Node's own: a framework that mounts us below a path takes that off `url`.
  const target = readTarget(targetOf(request))
  const arrival = settings.proxies.arrival(request, target?.host)
  const url = readUrl(target?.path, arrival)
  const long = url.searchParams.get('rt.q')
  if (long !== null) url.search = `${known(long, settings)}&${url.search.slice(1)}`
  const query = url.searchParams
  const before = method === 'POST' ? befores.find(name => name === query.get('rt.via')) : undefined
  const version = query.get('rt.v') ?? '1'
  if (version !== '1' && version !== '2')
    throw refusal(400, `rt.v is ${printable(version)}; this server speaks versions 1 and 2`)
  return {
    url,
    method,
    headers,
    address: arrival.address,
    proxied: arrival.proxied,
    arrival,
    via: before ? 'post' : readVia(query.get('rt.via'), method, upgrade),
    before,
    ...readOrigin(headers, arrival, settings.isListed),
    sid: query.get('rt.sid') || undefined,
    line: query.get('rt.line')?.slice(0, 64) || undefined,
    // "A Last-Event-ID header wins, because a browser that reconnects by itself repeats an old URL."
    cursor: single(headers['last-event-id']) || query.get('rt.id') || undefined,
    version: version === '1' ? 1 : 2,
    wanted: version === '1' ? [] : query.getAll('rt.t').filter(Boolean).map(readWanted),
    tellsLater: query.getAll('rt.t').includes(''),
    set: readCount(query, 'rt.s'),
    channel: query.get('rt.c') || undefined,
    turn: readCount(query, 'rt.n') ?? 0,
    callback: readCallback(query),
  }
}

const befores = ['query', 'ticket'] as const

function known(name: string, { longQueries }: Settings): string {
  const query = longQueries.find(name)
  if (query === undefined) throw refusal(410, 'the query that rt.q names is not known here; tell it again')
  return query
}

function readCallback(query: URLSearchParams): string | undefined {
  return /^_rt[0-9a-z]{1,32}$/.exec(query.get('rt.cb') ?? '')?.[0]
}

/** A parameter that counts something: digits only. */
export function readCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^\d{1,15}$/.test(text)) throw refusal(400, `${name} is no number`)
  return Number(text)
}

/** The address a request came to, also where a framework that mounts us below a path has taken that off. */
export function targetOf(request: Incoming): string {
  const { originalUrl } = request as { originalUrl?: unknown }
  return typeof originalUrl === 'string' ? originalUrl : (request.url ?? '')
}

function readUrl(path: string | undefined, { host, secure }: Arrival): URL {
  const origin = originAt(`${secure ? 'https' : 'http'}://${host}`)
  if (path === undefined || origin === undefined) throw refusal(400, 'malformed URL or Host')
  return new URL(origin + path)
}

/** The origin that a scheme and a host make, and nothing else with them. */
const originAt = remembering(text => {
  if (!URL.canParse(text)) return undefined
  const { origin, pathname, search, username, hash } = new URL(text)
  return pathname !== '/' || search || username || hash ? undefined : origin
})

function readVia(name: string | null, method: string, upgrade: boolean): HubRequest['via'] {
  if (upgrade) {
    if (name !== null && name !== 'websocket')
      throw refusal(400, `rt.via is ${printable(name)} on a WebSocket handshake`)
    return 'websocket'
  }
  if (name === null) return method === 'POST' ? 'post' : 'bare'
  const via = transports.find(known => known === name && known !== 'bare')
  if (via === undefined) throw refusal(400, 'rt.via names no transport')
  return via
}

function readOrigin(
  headers: IncomingHttpHeaders,
  arrival: Arrival,
  isListed: IsListed,
): Pick<HubRequest, 'origin' | 'standing'> {
  const { referer } = headers
  const told = single(headers.origin) ?? (referer === undefined ? undefined : originOf(referer))
  // No page can forge it, and it is right behind every proxy: names that begin with `Sec-` are the browser's.
  const site = headers['sec-fetch-site']
  if (site === 'same-origin') return { origin: told === 'null' ? undefined : told, standing: 'own' }
  // `none`: a person asks, by the address bar. Whatever else a browser says, another origin asks, be it that it hides which.
  const isOther = site !== undefined && site !== 'none'
  if (told === undefined) return { origin: told, standing: isOther ? 'foreign' : 'unknown' }
  if (!isOther && isOwn(told, arrival)) return { origin: told, standing: 'own' }
  return { origin: told, standing: isListed(told) ? 'listed' : 'foreign' }
}

/** Without `secure` a proxy may have ended TLS, so the scheme is compared only when it is known. */
function isOwn(origin: string, { host, port, secure }: Arrival): boolean {
  if (!URL.canParse(origin)) return false
  const page = new URL(origin)
  if (page.protocol !== 'https:' && (secure || page.protocol !== 'http:')) return false
  // A proxy may tell the port apart from the host; that of another one behind it says nothing.
  const withPort = port === undefined || /:\d+$/.test(host) ? [] : [`${host}:${port}`]
  return [host, ...withPort].some(each => hostOf(each, page.protocol) === page.host)
}

function hostOf(host: string, protocol: string): string | undefined {
  const url = `${protocol}//${host}`
  return URL.canParse(url) ? new URL(url).host : undefined
}

const originOf = remembering(referer => (URL.canParse(referer) ? new URL(referer).origin : undefined))

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
