import { addQuery } from '../wire/address.ts'
import { show } from '../wire/codec.ts'

/** What one parameter or header may be. `null` and `undefined` count as absent. */
export type Plain = string | number | bigint | boolean | null | undefined

/** Pairs of a name and a value: an object, `URLSearchParams`, `Headers`, a `Map`, or a list of pairs. */
type Pairs<Value> = { readonly [name: string]: Value } | Iterable<readonly [string, Value]>

export type Parameters = Pairs<Plain | readonly Plain[]>
export type HeaderPairs = Pairs<Plain>

/** Each parameter by itself, in order; or a TypeError that names what is none. */
export function readParams(given: Parameters): [name: string, value: string][] {
  return pairsOf('params', given).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap(each => textOf('params', name, each)),
  )
}

/** Headers by name; or a TypeError that names what is none. */
export function readHeaders(given: HeaderPairs): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [spelt, value] of pairsOf('headers', given)) {
    const name = ours.find(known => known.toLowerCase() === spelt.toLowerCase()) ?? spelt
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      throw new TypeError(`connect: the option "headers" has ${show(name)}, which is no name of a header`)
    for (const [, text] of textOf('headers', name, value)) {
      if (/[^\t\x20-\x7e\x80-\xff]/.test(text))
        throw new TypeError(
          `connect: the option "headers" has a character in ${show(name)} that no header can carry (RFC 9110, 5.5); escape it, as encodeURIComponent does`,
        )
      headers[name] = name in headers ? `${headers[name]}, ${text}` : text
    }
  }
  return headers
}

/** As we write them, so that the page's take the place of ours. */
const ours = ['Accept', 'Authorization', 'Cache-Control', 'Content-Type', 'Last-Event-ID']

function pairsOf(option: string, given: unknown): [string, unknown][] {
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given
  const isRecord = show(given) === '[object Object]'
  const pairs = isList
    ? [...(given as Iterable<unknown>)]
    : isRecord
      ? Object.entries(given as object)
      : [given]
  return pairs.map(pair => {
    if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
      return pair as [string, unknown]
    throw new TypeError(
      `connect: the option "${option}" ${isList ? 'has' : 'is'} ${show(pair)}; it has to be an object, or a list of pairs of a name and a value`,
    )
  })
}

/** One pair or none. Names are shown, values are not: they may be secret. */
function textOf(option: string, name: string, value: unknown): [string, string][] {
  if (value === null || value === undefined) return []
  const fits =
    /^(string|bigint|boolean)$/.test(typeof value) || (typeof value === 'number' && Number.isFinite(value))
  if (fits) return [[name, `${value}`]]
  throw new TypeError(
    `connect: the option "${option}" has ${show(value)} for ${show(name)}; it has to be text, a number, true or false`,
  )
}

/** What the page's function gives, asked afresh. If it fails in the life of a line, what it gave last has to do. */
export function lazily<T extends object, R>(source: T | (() => T), read: (given: T) => R): () => R {
  if (typeof source !== 'function') {
    const given = read(source)
    return () => given
  }
  let last: R | undefined
  return () => {
    try {
      last = read(source())
      return last
    } catch (error) {
      if (!last) throw error
      report(error)
      return last
    }
  }
}

/** Tells the page's error handlers, as the browser does what a listener throws; where there are none it is printed, and ends nothing. */
function report(error: unknown): void {
  const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void }
  setTimeout(() => reportError(error))
}

export function withParams(http: URL, params: [name: string, value: string][]): URL {
  const url = new URL(http)
  for (const [name, value] of params) addQuery(url, name, value)
  return url
}
