import { utf8Length } from '../wire/payload.ts'

/**
 * The address that a WebSocket goes to: relative ones and those of HTTP too (WHATWG WebSockets, "obtain a WebSocket URL").
 *
 * @throws {DOMException} a SyntaxError for one that cannot be
 */
export function socketURL(given: unknown): string {
  let url: URL
  try {
    url = new URL(`${given}`, globalThis.document?.baseURI ?? globalThis.location?.href)
  } catch {
    throw wrong(`the URL "${given}" is none`)
  }
  url.protocol = url.protocol.replace('http', 'ws')
  if (!/^wss?:$/.test(url.protocol))
    throw wrong(`the URL's scheme has to be ws, wss, http or https, and is ${url.protocol}`)
  if (url.href.includes('#')) throw wrong('the URL has a fragment')
  return url.href
}

/** @throws {DOMException} a SyntaxError for a subprotocol that no header can have (RFC 6455, 4.1), or one that is there twice */
export function subprotocols(given: unknown): string[] {
  if (given === undefined || given === null) return []
  const isList = typeof given === 'object' && Symbol.iterator in given
  const all = Array.from(isList ? (given as Iterable<unknown>) : [given], each => `${each}`)
  for (const [at, each] of all.entries())
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(each) || all.indexOf(each) < at)
      throw wrong(`the subprotocol "${each}" is there twice, or is none`)
  return all
}

/** How the page ends a connection. */
export interface Bye {
  readonly code?: number
  readonly reason?: string
}

/** @throws {DOMException} an InvalidAccessError for a code that no page may give, a SyntaxError for a reason that no close frame can hold */
export function bye(code: unknown, reason: unknown): Bye {
  // The number that Web IDL makes of it, as far as such a code can be one: a half is rounded to the even one.
  const given = +(code as number)
  const number = given % 2 === 0.5 ? given - 0.5 : Math.round(given)
  if (code !== undefined && number !== 1_000 && !(number >= 3_000 && number < 5_000))
    throw new DOMException(`the code ${code} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError')
  const text = reason === undefined ? '' : `${reason}`
  if (utf8Length(text) > 123) throw wrong('the reason has more than 123 bytes')
  return { ...(code !== undefined && { code: number }), ...(reason !== undefined && { reason: text }) }
}

function wrong(why: string): DOMException {
  return new DOMException(why, 'SyntaxError')
}
