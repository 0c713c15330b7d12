import { type AnyOptions, type Options, open } from './connect.ts'
import type { Line } from './connection/line.ts'
import type { Dialect } from './contracts/dialect.ts'
import type { TransportName } from './contracts/failure.ts'
import type { Transport } from './contracts/transport.ts'
import { type Diagnosis, diagnose as diagnoseAll } from './diagnose.ts'
import { native } from './dialects/native.ts'
import { plain } from './dialects/plain.ts'
import type { AnyURL } from './here.ts'
import { eventsource } from './transports/eventsource.ts'
import { jsonp } from './transports/jsonp.ts'
import { longPolling } from './transports/long-polling.ts'
import { websocket } from './transports/websocket.ts'
import { xhrStreaming } from './transports/xhr-streaming.ts'

const catalogue = {
  transports: [websocket, eventsource, xhrStreaming, longPolling, jsonp],
  dialects: [native, plain],
}

/**
 * Opens a line to a server, over whichever of WebSocket, EventSource, XHR streaming, long polling and JSONP gets through,
 * and keeps it open: it reconnects, continues after the last message heard, and moves to a better transport when it can.
 *
 * ```ts
 * const line = connect('/live', { params: { topic: 'lobby' } })
 * line.onmessage = event => show(event.data)
 * await line.send('hello')
 * ```
 *
 * @throws {TypeError} naming the URL or option that can't be used
 */
export function connect<Messages = Record<string, string>>(
  url: string | AnyURL,
  options?: Options<TransportName | Transport, 'native' | 'plain' | Dialect>,
): Line<Messages> {
  return open<Messages>(catalogue, url, options)
}

/**
 * Tries every transport by itself and tells what each does on this network, for a page that a support desk could send.
 *
 * @throws {TypeError} naming the URL or option that can't be used
 */
export function diagnose(url: string | AnyURL, options?: AnyOptions): Promise<Diagnosis> {
  return diagnoseAll(catalogue, url, options)
}

export type { AnyOptions, LineLimits, Options } from './connect.ts'
export { ConnectionError } from './connection/errors.ts'
export type {
  GapEvent,
  LineCloseEvent,
  LineErrorEvent,
  LineEventMap,
  OpenEvent,
  StreamOptions,
} from './connection/events.ts'
export { Line, type SendOptions } from './connection/line.ts'
export type { Finding } from './connection/report.ts'
export type { Dialect } from './contracts/dialect.ts'
export type { Failure, FailureKind, TransportName } from './contracts/failure.ts'
export type { Transport } from './contracts/transport.ts'
export type { Diagnosis } from './diagnose.ts'
export { type PlainOptions, plain, plainWith } from './dialects/plain.ts'
export type { AnyURL, LineMessage } from './here.ts'
export { type Codec, json } from './wire/codec.ts'
