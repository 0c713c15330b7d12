import { isIPv4, isIPv6 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { Incoming } from '../wire/exchange.ts'

/** Whether this server answers to a name. */
export type IsKnownHost = (hostname: string) => boolean

/** Reads the option `hosts`. Without it every name is known. */
export function readHosts(listed: unknown): IsKnownHost {
  if (listed === undefined) return () => true
  if (!Array.isArray(listed) || listed.length === 0)
    throw new TypeError(
      `hosts is ${JSON.stringify(listed)}; it is an array of names such as ['www.example.com', 'localhost']`,
    )
  const names = listed.map(readName)
  return hostname => {
    const name = hostname.toLowerCase().replace(/\.$/, '')
    return names.some(known => {
      if (known === 'localhost') return isLoopback(name)
      return known.startsWith('*.') ? name.endsWith(known.slice(1)) : name === known
    })
  }
}

function readName(entry: unknown): string {
  const name = canonical(entry)
  if (name !== undefined) return name
  throw new TypeError(
    `hosts: ${JSON.stringify(entry)} is no name of a host; it is one without scheme and port, such as 'www.example.com', '*.example.com' or '192.0.2.1'`,
  )
}

/** As a URL has it. */
function canonical(entry: unknown): string | undefined {
  const [, any = '', name = ''] = /^(\*\.)?([^*]+)$/.exec(typeof entry === 'string' ? entry : '') ?? []
  const url = `http://${isIPv6(name) ? `[${name}]` : name}`
  if (!URL.canParse(url) || /:\d*$/.test(url)) return undefined
  const { href, hostname } = new URL(url)
  return href === `http://${hostname}/` ? any + hostname.replace(/\.$/, '') : undefined
}

/** No other site's name can lead a browser here under one of these (RFC 6761, 6.3). */
function isLoopback(name: string): boolean {
  return /^(.*\.)?localhost$/.test(name) || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
}

/** The names of a server that listens on an address: itself, or, where that stands for all, each of this machine. */
export function ownHosts(address: string): string[] {
  if (address !== '' && address !== '0.0.0.0' && address !== '::') return [address]
  const all = Object.values(networkInterfaces()).flatMap(found => found ?? [])
  return [hostname(), ...all.map(({ address }) => address.replace(/%.*$/, ''))].filter(name =>
    canonical(name),
  )
}

/** What a request asks for, as a URL has it; nothing where it is no host. */
export function hostnameOf({ headers }: Incoming): string {
  const url = `http://${headers.host ?? 'localhost'}`
  return URL.canParse(url) ? new URL(url).hostname : ''
}
