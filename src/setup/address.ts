import { withoutQuery } from '../contracts/failure.ts'
import type { AnyURL } from '../here.ts'
import { show } from '../wire/codec.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/**
 * The address as a URL. `ws:` and `wss:` name the same server as `http:` and `https:`; which of them is used is the transport's affair.
 *
 * `asEventSource`: whether the line stands in for EventSource.
 *
 * @throws {TypeError} when it is none that a line can go to
 * @throws {DOMException} a SyntaxError in place of that where the line stands in for EventSource, as that throws one
 */
export function resolveAddress(url: string | AnyURL, base: string | undefined, asEventSource?: boolean): URL {
  const isLong = typeof DEV === 'undefined' || DEV
  const isText = typeof url === 'string' || typeof (url as Partial<URL> | null)?.href === 'string'
  // An EventSource takes whatever can be made a text (Web IDL, USVString), and so does a line that stands in for one.
  if (!asEventSource && !isText)
    throw new TypeError(
      isLong ? `connect: the URL is ${show(url)}; it has to be a string or a URL` : 'connect: the URL',
    )
  // Without the query, and what else may be secret: a browser's own words would show all of it.
  const shown = () => `connect: ${JSON.stringify(withoutQuery(`${url}`))}`
  let address: URL
  try {
    address = new URL(url, base)
  } catch {
    const where = isLong && !base ? ', and there is no page to resolve it against' : ''
    const message = `${shown()} is not a URL${where}`
    // "If urlRecord is failure, then throw a "SyntaxError" DOMException" (WHATWG HTML 9.2.2), and so does WebSocket.
    throw asEventSource ? new DOMException(message, 'SyntaxError') : new TypeError(message)
  }
  // An EventSource that cannot fetch its URL says so by an `error` event.
  if (asEventSource || /^(http|ws)s?:$/.test(address.protocol)) return address
  throw new TypeError(
    isLong ? `${shown()} can't be reached: use an http:, https:, ws:, wss: or relative URL` : shown(),
  )
}
