import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** How a request arrived, seen through the proxies that are trusted. */
export interface Arrival {
  /** The client's address. */
  readonly address: string
  /** The host the client asked for, with its port if that is not the usual one. */
  readonly host: string
  /** Whether it came over TLS as far as we can know; `false` may also mean that a proxy does not tell. */
  readonly secure: boolean
}

export interface Proxies {
  arrival(request: IncomingMessage): Arrival
}

/** `trust` is `true` for everybody, or a list of addresses and subnets such as `10.0.0.0/8`. */
export function createProxies(trust: boolean | readonly string[]): Proxies {
  const isTrusted = typeof trust === 'boolean' ? () => trust : createMatcher(trust)

  return { arrival }

  function arrival({ headers, socket }: IncomingMessage): Arrival {
    const peer = plain(socket.remoteAddress ?? '')
    const host = headers.host ?? 'localhost'
    const secure = 'encrypted' in socket
    if (!isTrusted(peer)) return { address: peer, host, secure }
    return {
      address: farthest(peer, headers),
      host: first(headers, 'x-forwarded-host') ?? host,
      secure: (first(headers, 'x-forwarded-proto') ?? (secure ? 'https' : 'http')) === 'https',
    }
  }

  /** Each proxy adds whom it heard from at the end: the first from there that is not trusted is the client. */
  function farthest(peer: string, headers: IncomingHttpHeaders): string {
    const hops = String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .map(plain)
      .filter(isIP)
    return hops.findLast(hop => !isTrusted(hop)) ?? hops[0] ?? peer
  }
}

function createMatcher(list: readonly string[]): (address: string) => boolean {
  const known = new BlockList()
  for (const entry of list) {
    const [address = '', bits] = entry.split('/')
    const family = familyOf(address)
    if (!family) throw new TypeError(`trustProxy: '${entry}' is neither an address nor a subnet`)
    if (bits === undefined) known.addAddress(address, family)
    else known.addSubnet(address, Number(bits), family)
  }
  return address => {
    const family = familyOf(address)
    return family !== undefined && known.check(address, family)
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  return ({ 4: 'ipv4', 6: 'ipv6' } as const)[isIP(address)]
}

/** A server that listens on both kinds of addresses sees IPv4 ones as ::ffff:192.0.2.1. */
function plain(address: string): string {
  return address.trim().replace(/^::ffff:(?=\d+\.)/i, '')
}

function first(headers: IncomingHttpHeaders, name: string): string | undefined {
  return (
    String(headers[name] ?? '')
      .split(',')[0]
      ?.trim() || undefined
  )
}
