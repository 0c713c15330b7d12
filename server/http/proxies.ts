import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { Incoming } from '../wire/exchange.ts'

/** How a request arrived, seen through the proxies that are trusted. */
export interface Arrival {
  /** The client's address; `unknown` where the nearest proxy that is trusted does not tell it in a form that can be read. */
  readonly address: string
  /** The host the client asked for, with its port if that is told. */
  readonly host: string
  /** Another port that the proxy says the client came to. */
  readonly port: string | undefined
  /** Whether it came over TLS as far as we can know; `false` may also mean that a proxy does not tell. */
  readonly secure: boolean
  /** Whether a proxy that is trusted told any of this. */
  readonly proxied: boolean
  /** The node of ours that has brought it here, if one has. */
  readonly by?: string
}

export interface Proxies {
  /** `named` is the host of an absolute target, which counts instead of `Host` (RFC 9112, 3.2.2). */
  arrival(request: Incoming, named?: string): Arrival
  /** A node of ours says how a request arrived there, which it has brought here. */
  vouch(request: Incoming, arrival: Arrival): void
}

/** Whether the machine at this address is one of our proxies; `hop` is 0 for the one that is connected, 1 for the one before it. */
type IsTrusted = (address: string, hop: number) => boolean

/** What the proxies say of a request. */
interface Told {
  /** Who was heard from, hop by hop; the nearest is last. */
  hops: readonly string[]
  hosts: readonly string[]
  ports: readonly string[]
  protos: readonly string[]
}

/** The name of whoever comes over a unix socket, which has no address. */
const unixSocket = 'unix'

const unknown = 'unknown'

export function createProxies(trust: boolean | number | readonly string[]): Proxies {
  const isTrusted = readTrust(trust)
  const vouched = new WeakMap<Incoming, Arrival>()
  return { arrival, vouch: (request, arrival) => void vouched.set(request, arrival) }

  function arrival(request: Incoming, named?: string): Arrival {
    return vouched.get(request) ?? arrivalOf(request, named)
  }

  function arrivalOf({ headers, socket }: Incoming, named?: string): Arrival {
    const peer = peerOf(socket)
    const host = named ?? authority(headers) ?? 'localhost'
    const secure = 'encrypted' in socket
    if (!isTrusted(peer, 0)) return { address: peer, host, port: undefined, secure, proxied: false }
    const { hops, hosts, ports, protos } = readTold(headers)
    const passed = countTrusted(hops)
    const proto = nth(protos, passed)
    return {
      address: nth(hops, passed) ?? peer,
      host: nth(hosts, passed) ?? host,
      port: nth(ports, passed),
      secure: proto === undefined ? secure : /^(https|wss)$/i.test(proto),
      proxied: true,
    }
  }

  /** Each proxy adds whom it heard from at the end: whoever was heard from by the last that is trusted is the client. */
  function countTrusted(hops: readonly string[]): number {
    let hop = 1
    while (hop < hops.length && isTrusted(hops.at(-hop) as string, hop)) hop++
    return hop
  }
}

/** What the proxy that is so many hops away has added to a list; not each of them adds something. What was there before it, anybody may have written. */
function nth(list: readonly string[], hop: number): string | undefined {
  return list.at(-Math.min(hop, list.length))
}

function readTrust(trust: unknown): IsTrusted {
  // Behind the one that is connected, anybody may have written anything.
  if (typeof trust === 'boolean') return (_, hop) => trust && hop < 1
  if (typeof trust === 'number' && Number.isInteger(trust) && trust >= 0) return (_, hop) => hop < trust
  if (Array.isArray(trust)) return readList(trust)
  throw new TypeError(
    `trustProxy is ${JSON.stringify(trust)}; it is true, false, the number of proxies, or an array such as ['10.0.0.0/8', 'unix']`,
  )
}

function readList(list: readonly unknown[]): IsTrusted {
  const known = new BlockList()
  const unix = list.includes(unixSocket)
  for (const entry of list) if (entry !== unixSocket) add(known, entry)
  return address => {
    const family = familyOf(address)
    return family === undefined ? unix && address === unixSocket : known.check(address, family)
  }
}

function add(known: BlockList, entry: unknown): void {
  const [, written = '', digits] = /^([^/\s]+)(?:\/(\d{1,3}))?$/.exec(String(entry)) ?? []
  const address = plain(written)
  const family = familyOf(address)
  // An IPv4 subnet may be written as one of IPv6: ::ffff:10.0.0.0/104.
  const longer = family === 'ipv4' && isIP(written) === 6 ? 96 : 0
  const bits = digits === undefined ? undefined : Number(digits) - longer
  if (!family || (bits !== undefined && (bits < 0 || bits > (family === 'ipv4' ? 32 : 128))))
    throw new TypeError(
      `trustProxy: ${JSON.stringify(entry)} is none of an address such as '10.1.2.3', a subnet such as '10.0.0.0/8' or 'fd00::/8', and 'unix'`,
    )
  if (bits === undefined) known.addAddress(address, family)
  else known.addSubnet(address, bits, family)
}

/**
 * What the usual headers tell, or, if a proxy sets none of those, `Forwarded` (RFC 7239). Never some of each: a proxy sets the ones it
 * knows and passes on what a client wrote into the others.
 */
function readTold(headers: IncomingHttpHeaders): Told {
  const [hosts = [], ports = [], protos = [], from = []] = ['host', 'port', 'proto', 'for'].map(name =>
    split(headers[`x-forwarded-${name}`], ','),
  )
  if ([hosts, ports, protos, from].some(list => list.length > 0))
    return { hops: from.map(readHop), hosts, ports, protos }
  const elements = split(headers.forwarded, ',').map(readElement)
  return {
    hops: elements.map(element => readHop(element.for ?? '')),
    hosts: elements.flatMap(({ host = [] }) => host),
    ports: [],
    protos: elements.flatMap(({ proto = [] }) => proto),
  }
}

/** `for=192.0.2.43;proto=https`, in which values may be quoted. */
function readElement(text: string): Record<string, string | undefined> {
  const pairs = split(text, ';').map(pair => {
    const at = pair.indexOf('=')
    return [pair.slice(0, at).trim().toLowerCase(), unquote(pair.slice(at + 1).trim())]
  })
  return Object.assign(Object.create(null), Object.fromEntries(pairs))
}

/** An address as proxies write it: alone, with a port, or, if it is of IPv6, in brackets. */
function readHop(text: string): string {
  const [, inBrackets, alone] = /^(?:\[(.*)\]|([^:]*\.[^:]*))(?::[\w.-]*)?$/.exec(unquote(text)) ?? []
  const address = plain(inBrackets ?? alone ?? unquote(text))
  return isIP(address) ? address : unknown
}

/** A list in a header; what is empty in it does not count (RFC 9110, 5.6.1). No comma of these stands in quotes. */
function split(value: string | string[] | undefined, by: string): string[] {
  return String(value ?? '')
    .split(by)
    .map(part => part.trim())
    .filter(Boolean)
}

function first(value: string | string[] | undefined): string | undefined {
  return split(value, ',')[0]
}

function unquote(text: string): string {
  return /^"(.*)"$/s.exec(text)?.[1]?.replace(/\\(.)/gs, '$1') ?? text
}

/** HTTP/2 has `:authority` in the place of `Host`. */
function authority(headers: IncomingHttpHeaders): string | undefined {
  return first(headers[':authority']) ?? headers.host
}

/**
 * A socket of TCP keeps its own address when the other side is gone; only one that never had any is a unix socket. A platform may tell nothing. What a
 * socket is asked for it keeps, so it is asked for no more than is needed.
 */
function peerOf(socket: Incoming['socket']): string {
  const { remoteAddress } = socket
  if (remoteAddress !== undefined) return plain(remoteAddress)
  return socket.localAddress || socket.destroyed ? unknown : unixSocket
}

/** What one client can have addresses of: of IPv6 that is a network of 64 bits at least (RFC 6177). */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::') as [string, string?]
  const groups = head.split(':')
  if (tail !== undefined) {
    const rest = tail.split(':')
    groups.push(...Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0'), ...rest)
  }
  return groups
    .slice(0, 4)
    .map(group => (Number.parseInt(group, 16) || 0).toString(16))
    .join(':')
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  return ({ 4: 'ipv4', 6: 'ipv6' } as const)[isIP(address)]
}

/** One form for each address: without a zone, and those of IPv4 as such, which a server that listens on both sees as ::ffff:192.0.2.1. */
function plain(address: string): string {
  const alone = address.trim().replace(/%.*$/, '')
  if (isIP(alone) !== 6) return alone
  const { hostname } = new URL(`http://[${alone}]`)
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return hostname.slice(1, -1)
  const bytes = [high, low].flatMap(part => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255])
  return bytes.join('.')
}
