import { openLine } from '../connect.ts'
import type { Line } from '../connection/line.ts'
import { share } from '../connection/sharing.ts'
import type { Dialect } from '../contracts/dialect.ts'
import type { CreateTopics } from '../contracts/topics.ts'
import type { Route, Transport } from '../contracts/transport.ts'
import { browser } from '../environment.ts'
import type { AnyURL } from '../here.ts'
import { race } from '../race/race.ts'
import { resolveAddress } from './address.ts'
import { adviseOnShared } from './advice.ts'
import { checkOptions } from './check-options.ts'
import type { AnyOptions } from './options.ts'
import { readHeaders, readParams } from './pairs.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** What an entry brings along: its transports and dialects by name, and what it uses when the page names none. */
export interface Catalogue {
  readonly transports: readonly Transport[]
  readonly dialects: readonly Dialect[]
  /** Lets topics come and go. */
  readonly topics?: CreateTopics
  /** Lets the tabs of a browser share a channel. */
  readonly tabs?: (own: Route) => Route
}

/** Opens a line over a race of those transports of a catalogue that the page names. */
export function open<Messages>(
  catalogue: Catalogue,
  url: string | AnyURL,
  options: AnyOptions = {},
): Line<Messages> {
  const { transports, dialect } = choose(catalogue, options)
  const transport = race(...transports)
  const key = options.separate || !dialect.protocol.topics ? undefined : keyOf(url, options, transports)
  const own = { ...catalogue, ...options, transport, dialect }
  const alone = transport.route()
  if (typeof DEV !== 'undefined' && DEV && options.shared)
    adviseOnShared(`${url}`, dialect.protocol.topics === true, 'locks' in (globalThis.navigator ?? {}))
  // Other servers do not know of it.
  const route = (options.shared && dialect.protocol.topics && catalogue.tabs?.(alone)) || alone
  return openLine<Messages>(url, own, route, key && (make => share(key, make)))
}

/** What lines have in common that may go by one connection. Nothing for one that has something of its own: where to begin, or when to end. */
function keyOf(
  url: string | AnyURL,
  options: AnyOptions,
  transports: readonly Transport[],
): readonly unknown[] | undefined {
  const { lastEventId, signal, params = {}, headers = {}, limits, dialect, ...others } = options
  if (lastEventId || signal) return undefined
  const { href } = resolveAddress(url, browser(options.environment).base)
  const words = [
    typeof params === 'function' ? params : `${readParams(params)}`,
    typeof headers === 'function' ? headers : JSON.stringify(readHeaders(headers)),
    JSON.stringify(limits),
  ]
  const { transports: _, ...rest } = others
  const names = Object.keys(rest).sort()
  return [href, ...words, ...transports, ...names.flatMap(name => [name, rest[name as keyof typeof rest]])]
}

/** @throws {TypeError} naming the transport or dialect that there is not */
export function choose(
  { transports, dialects }: Catalogue,
  options: AnyOptions,
): { transports: Transport[]; dialect: Dialect } {
  if (typeof DEV === 'undefined' || DEV) checkOptions(options)
  const chosen = (options.transports ?? transports).map(each =>
    find<Transport>(each, transports, 'transport'),
  )
  if (chosen.length === 0)
    throw new TypeError('connect: the option "transports" names none; leave it out to try all')
  const [usual] = dialects as readonly [Dialect]
  return { transports: chosen, dialect: find<Dialect>(options.dialect ?? usual, dialects, 'dialect') }
}

function find<T extends Transport | Dialect>(asked: string | T, catalogue: readonly T[], kind: string): T {
  const found = typeof asked === 'string' ? catalogue.find(each => each.name === asked) : asked
  if (typeof found?.name === 'string') return found
  const names = catalogue.map(each => `"${each.name}"`).join(', ')
  throw new TypeError(
    `connect: there is no ${kind} ${JSON.stringify(asked)}; there are ${names}, and those to import from "throughline/${kind}s/…"`,
  )
}
