import { openLine } from '../connect.ts'
import type { Line } from '../connection/line.ts'
import type { Dialect } from '../contracts/dialect.ts'
import type { Transport } from '../contracts/transport.ts'
import type { AnyURL } from '../here.ts'
import { race } from '../race/race.ts'
import { checkOptions } from './check-options.ts'
import type { AnyOptions } from './options.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** What an entry brings along: its transports and dialects by name, and what it uses when the page names none. */
export interface Catalogue {
  readonly transports: readonly Transport[]
  readonly dialects: readonly Dialect[]
}

/** Opens a line over a race of those transports of a catalogue that the page names. */
export function open<Messages>(
  catalogue: Catalogue,
  url: string | AnyURL,
  options: AnyOptions = {},
): Line<Messages> {
  const { transports, dialect } = choose(catalogue, options)
  const transport = race(...transports)
  return openLine<Messages>(url, { ...options, transport, dialect }, transport.route())
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
