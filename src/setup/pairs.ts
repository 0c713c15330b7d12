import { addQuery } from '../wire/address.ts'
import { checkHeaders, checkParams } from './check-pairs.ts'

/** What one parameter or header may be. `null` and `undefined` count as absent. */
export type Plain = string | number | bigint | boolean | null | undefined

/** Pairs of a name and a value: an object, `URLSearchParams`, `Headers`, a `Map`, or a list of pairs. */
export type Pairs<Value> = { readonly [name: string]: Value } | Iterable<readonly [string, Value]>

/** What `params` may be. A list of values is as many parameters of that name. */
export type Parameters = Pairs<Plain | readonly Plain[]>
/** What `headers` may be. */
export type HeaderPairs = Pairs<Plain>

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** Each parameter by itself, in order. @throws {TypeError} in development, naming what is none */
export function readParams(given: Parameters): [name: string, value: string][] {
  if (typeof DEV === 'undefined' || DEV) checkParams(given)
  return pairsOf(given).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap(each => textOf(name, each)),
  )
}

/** Headers by name. @throws {TypeError} for one with a character that no header can carry; in development for any that is none */
export function readHeaders(given: HeaderPairs): Record<string, string> {
  if (typeof DEV === 'undefined' || DEV) checkHeaders(given)
  const headers: Record<string, string> = {}
  for (const [spelt, value] of pairsOf(given)) {
    const name = ours.find(known => known.toLowerCase() === spelt.toLowerCase()) ?? spelt
    for (const [, text] of textOf(name, value)) {
      // What the browser would say of it names the value, which may be secret.
      if (unfit.test(text)) throw new TypeError(`headers: ${name}`)
      headers[name] = name in headers ? `${headers[name]}, ${text}` : text
    }
  }
  return headers
}

/** As we write them, so that the page's take the place of ours. */
const ours = ['Accept', 'Authorization', 'Cache-Control', 'Content-Type', 'Last-Event-ID']

/** RFC 9110, 5.5. */
const unfit = /[^\t\x20-\x7e\x80-\xff]/

function pairsOf(given: Parameters): [string, unknown][] {
  return Symbol.iterator in given ? [...(given as Iterable<[string, unknown]>)] : Object.entries(given)
}

function textOf(name: string, value: unknown): [string, string][] {
  return value == null ? [] : [[name, `${value}`]]
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
