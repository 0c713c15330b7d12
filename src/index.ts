/**
 * `connect` over whichever of five transports gets through, and our own wire. All types of docs/api/types.md are exported too.
 *
 * @module throughline
 */
import type { Line, LineOf } from './connection/line.ts'
import type { Dialect } from './contracts/dialect.ts'
import type { UsualTransport } from './contracts/failure.ts'
import type { Contract, IfGiven, Only } from './contracts/messages.ts'
import type { Transport } from './contracts/transport.ts'
import type { AnyURL } from './here.ts'
import { open } from './setup/choose.ts'
import type { Options } from './setup/options.ts'
import { usual } from './usual.ts'

/**
 * Opens a line to a server, over whichever of WebSocket, EventSource, XHR streaming, long polling and JSONP gets through,
 * and keeps it open: it reconnects, continues after the last message heard, and moves to a better transport when it can.
 *
 * ```ts
 * import { connect } from 'throughline'
 * const line = connect('/live', { params: { topic: 'lobby' } })
 * line.onmessage = event => show(event.data)
 * await line.send('hello')
 * ```
 *
 * @typeParam Shared the `Contract` with the server: which topics and events there are, their data and answers
 * @param none not to be given: it keeps the compiler from choosing this form where no contract is given
 * @throws {TypeError} naming the URL or option that can't be used. Production builds check the URL, the names of transports and dialects, and
 *   characters that no header can carry; development builds check each option
 * @throws {DOMException} a SyntaxError, in place of that TypeError, for what is no URL, with the plain dialect alone: it stands in for
 *   EventSource, whose constructor throws one
 */
export function connect<Shared extends Only<Shared> = Contract>(
  url: string | AnyURL,
  options?: Options<UsualTransport | Transport, 'native' | Dialect>,
  ...none: IfGiven<Shared>
): LineOf<Shared>
/**
 * The same without a contract: `event.data` alone has a type.
 *
 * @typeParam Messages what `event.data` is, by the name of the message: `{ message: Chat; price: number }`; text, if you do not say
 */
export function connect<Messages = Record<string, string>>(
  url: string | AnyURL,
  options?: Options<UsualTransport | Transport, 'native' | Dialect>,
): Line<Messages>
export function connect(
  url: string | AnyURL,
  options?: Options<UsualTransport | Transport, 'native' | Dialect>,
): unknown {
  return open(usual, url, options)
}

export { Line } from './connection/line.ts'
export { ConnectionError } from './contracts/errors.ts'
export type * from './types.ts'
export { json } from './wire/codec.ts'
