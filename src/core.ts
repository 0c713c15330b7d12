/**
 * `connect` with only the transports that you import: a page that needs WebSocket alone pays for WebSocket alone.
 *
 * ```ts
 * import { connect, websocket } from 'throughline/core'
 * const line = connect('/live', { transports: [websocket] })
 * ```
 */
import { type Options, open } from './connect.ts'
import type { Line } from './connection/line.ts'
import type { Dialect } from './contracts/dialect.ts'
import type { Transport } from './contracts/transport.ts'
import { native } from './dialects/native.ts'
import type { AnyURL } from './here.ts'

/**
 * Opens a line to a server, over the transports given. See `Options` for the rest.
 *
 * @throws {TypeError} naming the URL or option that can't be used
 */
export function connect<Messages = Record<string, string>>(
  url: string | AnyURL,
  options: Options<Transport, Dialect> & { transports: readonly Transport[] },
): Line<Messages> {
  return open<Messages>({ transports: [], dialects: [native] }, url, options)
}

export type { LineLimits, Options } from './connect.ts'
export { ConnectionError } from './connection/errors.ts'
export type {
  GapEvent,
  LineCloseEvent,
  LineErrorEvent,
  LineEventMap,
  OpenEvent,
} from './connection/events.ts'
export type { Line, SendOptions } from './connection/line.ts'
export type { Finding } from './connection/report.ts'
export type { Dialect } from './contracts/dialect.ts'
export type { Failure, FailureKind, TransportName } from './contracts/failure.ts'
export type { Channel, Sink, Target, Transport } from './contracts/transport.ts'
export { native } from './dialects/native.ts'
export type { AnyURL, LineMessage } from './here.ts'
export { eventsource } from './transports/eventsource.ts'
export { jsonp } from './transports/jsonp.ts'
export { longPolling } from './transports/long-polling.ts'
export { websocket } from './transports/websocket.ts'
export { xhrStreaming } from './transports/xhr-streaming.ts'
export { type Codec, json } from './wire/codec.ts'
