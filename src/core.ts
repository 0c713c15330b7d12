/**
 * `connect` over the transport that you import, or over a race of several: a page that needs WebSocket alone pays for WebSocket alone.
 * `ConnectionError`, `json` and the type `Line` are those of `throughline`, and all types of docs/api/types.md are exported too.
 *
 * ```ts
 * import { connect, native, websocket } from 'throughline/core'
 * const line = connect('/live', { transport: websocket, dialect: native })
 * ```
 *
 * @module throughline/core
 */
import { single } from './attempt/single.ts'
import { openLine } from './connect.ts'
import type { Line, LineOf } from './connection/line.ts'
import type { Contract, IfGiven, Only } from './contracts/messages.ts'
import type { AnyURL } from './here.ts'
import { checkCoreOptions } from './setup/check-options.ts'
import type { CoreOptions } from './setup/options.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/**
 * Opens a line to a server, over the transport given.
 *
 * @typeParam Shared the `Contract` with the server: which topics and events there are, their data and answers
 * @param none not to be given: it keeps the compiler from choosing this form where no contract is given
 * @throws {TypeError} naming the URL or option that can't be used. Production builds check the URL, and characters that no header can carry;
 *   development builds check each option
 * @throws {DOMException} a SyntaxError, in place of that TypeError, for what is no URL, with the plain dialect alone: it stands in for
 *   EventSource, whose constructor throws one
 */
export function connect<Shared extends Only<Shared> = Contract>(
  url: string | AnyURL,
  options: CoreOptions,
  ...none: IfGiven<Shared>
): LineOf<Shared>
/**
 * The same without a contract: `event.data` alone has a type.
 *
 * @typeParam Messages what `event.data` is, by the name of the message: `{ message: Chat; price: number }`; text, if you do not say
 */
export function connect<Messages = Record<string, string>>(
  url: string | AnyURL,
  options: CoreOptions,
): Line<Messages>
export function connect(url: string | AnyURL, options: CoreOptions): unknown {
  if (typeof DEV === 'undefined' || DEV) checkCoreOptions(options)
  const { transport } = options
  return openLine(url, options, 'route' in transport ? transport.route() : single(transport))
}

export { Line } from './connection/line.ts'
export { ConnectionError } from './contracts/errors.ts'
export { guardSink } from './contracts/transport.ts'
export { native } from './dialects/native.ts'
export { createHandedOverOutbox } from './outbox/handed-over.ts'
export { createNumberedOutbox } from './outbox/numbered.ts'
export { race } from './race/race.ts'
export { subscriptions } from './subscriptions/topics.ts'
export { eventsource } from './transports/eventsource.ts'
export { jsonp } from './transports/jsonp.ts'
export { longPolling } from './transports/long-polling.ts'
export { websocket } from './transports/websocket.ts'
export { xhrStreaming } from './transports/xhr-streaming.ts'
export type * from './types.ts'
export { json } from './wire/codec.ts'
export { createParser } from './wire/parser.ts'
