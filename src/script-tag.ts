/** What a script tag brings as `Throughline`: where nothing can be imported, all that a page may want of most servers is there. */
import type { Line, LineOf } from './connection/line.ts'
import type { Dialect } from './contracts/dialect.ts'
import type { UsualTransport } from './contracts/failure.ts'
import type { Contract, IfGiven, Only } from './contracts/messages.ts'
import type { Transport } from './contracts/transport.ts'
import { type Diagnosis, diagnoseAmong } from './diagnose.ts'
import { plain } from './dialects/plain.ts'
import type { AnyURL } from './here.ts'
import { open } from './setup/choose.ts'
import type { AnyOptions, Options } from './setup/options.ts'
import { usual } from './usual.ts'

const catalogue = { ...usual, dialects: [...usual.dialects, plain] }

/** As `connect` of `throughline`, and it knows the plain dialect by name. */
export function connect<Shared extends Only<Shared> = Contract>(
  url: string | AnyURL,
  options?: Options<UsualTransport | Transport, 'native' | 'plain' | Dialect>,
  ...none: IfGiven<Shared>
): LineOf<Shared>
/**
 * The same without a contract: `event.data` alone has a type.
 *
 * @typeParam Messages what `event.data` is, by the name of the message: `{ message: Chat; price: number }`; text, if you do not say
 */
export function connect<Messages = Record<string, string>>(
  url: string | AnyURL,
  options?: Options<UsualTransport | Transport, 'native' | 'plain' | Dialect>,
): Line<Messages>
export function connect(
  url: string | AnyURL,
  options?: Options<UsualTransport | Transport, 'native' | 'plain' | Dialect>,
): unknown {
  return open(catalogue, url, options)
}

export { Line } from './connection/line.ts'
/** As `diagnose` of `throughline/diagnose`. */
export function diagnose(url: string | AnyURL, options?: AnyOptions): Promise<Diagnosis> {
  return diagnoseAmong(catalogue, url, options)
}

export { ConnectionError } from './contracts/errors.ts'
export { plain, plainWith } from './dialects/plain.ts'
export { events } from './iterate.ts'
export { asText, explain } from './report.ts'
export { StreamError, stream } from './stream.ts'
export { json } from './wire/codec.ts'
