import type { Dialect } from '../contracts/dialect.ts'
import type { UsualTransport } from '../contracts/failure.ts'
import type { Transport } from '../contracts/transport.ts'
import type { AnyURL } from '../here.ts'
import type { Options } from '../setup/options.ts'
import { readHeaders, readParams } from '../setup/pairs.ts'

/** What `connect()` takes as its options. */
export type LineOptions = Options<UsualTransport | Transport, 'native' | Dialect>

type Any = (...given: never[]) => unknown

/** Those that may be functions: what they say is asked again and again. */
const asked = ['token', 'params', 'headers', 'debug'] as const

/**
 * The options, and a way to say which functions are called from now on: a component makes them anew each time it renders, and its newest ones know
 * its newest values.
 */
export function following<Given extends object>(
  options: Given,
): { options: Given; follow(newer: object): void } {
  const own = { ...options } as Record<string, unknown>
  const newest: Record<string, Any> = {}
  for (const name of asked) {
    const given = own[name]
    if (typeof given !== 'function') continue
    newest[name] = given as Any
    own[name] = (...all: never[]) => newest[name]?.(...all)
  }
  return {
    options: own as Given,
    follow(newer) {
      for (const name in newest) {
        const given = (newer as Record<string, unknown>)[name]
        if (typeof given === 'function') newest[name] = given as Any
      }
    },
  }
}

/**
 * What another line is opened for: another address, other parameters, headers or other values. Not for another function or object, which a component may make anew each
 * time it renders; but for a function where there was none, as a `token` after a login.
 */
export function lineKey(url: string | AnyURL, options: LineOptions = {}): string {
  const { params = {}, headers = {}, limits, transports, dialect, ...others } = options
  const values = Object.entries(others).filter(([, value]) => Object(value) !== value)
  return JSON.stringify([
    addressOf(url),
    typeof params === 'function' ? null : readParams(params),
    typeof headers === 'function' ? null : readHeaders(headers),
    limits,
    transports?.map(nameOf),
    nameOf(dialect),
    values.sort(),
    asked.filter(name => typeof options[name] === 'function'),
  ])
}

function addressOf(url: string | AnyURL): string {
  return typeof url === 'string' ? url : url.href
}

function nameOf(part: string | { readonly name: string } | undefined): string | undefined {
  return typeof part === 'object' ? part.name : part
}
