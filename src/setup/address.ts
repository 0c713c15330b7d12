import type { Dialect } from '../contracts/dialect.ts'
import { withoutQuery } from '../contracts/failure.ts'
import type { AnyURL } from '../here.ts'
import { show } from '../wire/codec.ts'

/**
 * The address as a URL. `ws:` and `wss:` name the same server as `http:` and `https:`; which of them is used is the transport's affair.
 *
 * @throws {TypeError} when it is none that a line can go to; a SyntaxError where the dialect stands in for EventSource, as that throws one
 */
export function resolveAddress(
  url: string | AnyURL,
  base: string | undefined,
  { sendsHello: greets }: Dialect,
): URL {
  // An EventSource takes whatever can be made a text (Web IDL, USVString), and so does a line that stands in for one.
  if (greets && typeof url !== 'string' && typeof (url as Partial<URL> | null)?.href !== 'string')
    throw new TypeError(`connect: the URL is ${show(url)}; it has to be a string or a URL`)
  let address: URL
  try {
    address = new URL(url, base)
  } catch {
    const message = `connect: ${JSON.stringify(withoutQuery(`${url}`))} is not a URL${base ? '' : ', and there is no page to resolve it against'}`
    // "If urlRecord is failure, then throw a "SyntaxError" DOMException" (WHATWG HTML 9.2.2), and so does WebSocket.
    throw greets ? new TypeError(message) : new DOMException(message, 'SyntaxError')
  }
  // An EventSource that cannot fetch its URL says so by an `error` event.
  if (!greets || /^(http|ws)s?:$/.test(address.protocol)) return address
  throw new TypeError(
    `connect: ${JSON.stringify(withoutQuery(`${url}`))} can't be reached: use an http:, https:, ws:, wss: or relative URL`,
  )
}
