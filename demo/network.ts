import type { TransportName } from '../server/index.ts'
import type { Json } from './json.ts'
import { transports } from './servers/transports.ts'

/** What befalls a transport: it is refused at once, its requests are never answered, or nothing of an answer is passed on before its end. */
export type Obstacle = 'refused' | 'swallowed' | 'held'

/** The network between one page and the server. */
export interface Network {
  /** Nothing comes through, whatever it is. */
  readonly gone: boolean
  /** Those that are not named come through. */
  readonly ways: { readonly [way in TransportName]?: Obstacle }
}

export const clear: Network = { gone: false, ways: {} }

/** What a page asked for. What cannot be read of it is no obstacle. */
export function readNetwork({ gone, ways }: Json): Network {
  const asked = Object(ways) as Record<string, unknown>
  const found = transports.filter(way => isObstacle(asked[way])).map(way => [way, asked[way]])
  return { gone: gone === true, ways: Object.fromEntries(found) }
}

/** By which transport a request or a handshake comes; `undefined` for those that are beside one. */
export function wayOf(url: string): TransportName | undefined {
  const via = new URL(url, 'http://here').searchParams.get('rt.via')
  return transports.find(way => way === via)
}

/** The ways that these two do not let through alike. */
export function changed(before: Network, after: Network): (way: TransportName | undefined) => boolean {
  return way => before.gone !== after.gone || (way !== undefined && before.ways[way] !== after.ways[way])
}

function isObstacle(value: unknown): value is Obstacle {
  return value === 'refused' || value === 'swallowed' || value === 'held'
}
