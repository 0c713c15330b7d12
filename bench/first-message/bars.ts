import { cap } from './visit.ts'

/** What all loads of one contestant took. `null`: nothing came. */
export interface Row {
  readonly who: string
  readonly times: readonly (number | null)[]
  readonly carriers: readonly string[]
}

/** What Throughline asks of itself, and what it did; in ms. */
export interface Bar {
  readonly words: string
  readonly limit: number
  readonly took: number | null
  readonly met: boolean
}

interface Demand {
  readonly who: 'throughline' | 'throughline, eager' | 'throughline, returning'
  readonly words: string
  limit(of: (who: string) => number, stagger: number, carrier: string): number
}

/** What a browser has of its own for what carried a message. */
const natives: Record<string, string> = {
  websocket: 'native WebSocket',
  eventsource: 'native EventSource',
  'long-polling': 'one poll',
}

const within = (factor: number, reference: string): Omit<Demand, 'who'> => ({
  words: `${factor} × ${reference}`,
  limit: of => factor * of(reference),
})
const ours = (rest: Omit<Demand, 'who'>): Demand => ({ who: 'throughline', ...rest })
const eager = (rest: Omit<Demand, 'who'>): Demand => ({ who: 'throughline, eager', ...rest })
const returns = (factor: number): Demand => ({
  who: 'throughline, returning',
  words: `${factor} × that rung natively`,
  limit: (of, _, carrier) => factor * of(natives[carrier] ?? ''),
})
const returning = returns(1.2)
const second = ours({ words: '1 s', limit: () => 1_000 })

const demands: Record<string, readonly Demand[]> = {
  clean: [ours(within(1.25, 'native WebSocket')), returns(1.15)],
  refused: [
    ours({
      words: 'native EventSource + one refused handshake',
      limit: of => of('native EventSource') + of('one refused handshake'),
    }),
    returning,
  ],
  swallowed: [
    ours({
      words: 'native EventSource + 1.2 staggers',
      limit: (of, stagger) => of('native EventSource') + 1.2 * stagger,
    }),
    eager(within(1.3, 'native EventSource')),
    returning,
  ],
  'swallowed-buffered': [
    ours({
      words: '3.5 staggers + one poll',
      limit: (of, stagger) => 3.5 * stagger + of('one poll'),
    }),
    returning,
  ],
  silent: [second, returning],
  cut: [second, returning],
  far: [returning],
}

/** A bar whose reference never came is not there. Carriers are sorted, the most frequent first. */
export function barsOf(network: string, rows: readonly Row[], stagger: number): Bar[] {
  const of = (who: string) => median(rows.find(row => row.who === who)?.times ?? [])
  return (demands[network] ?? []).flatMap(({ who, words, limit }) => {
    const carrier = rows.find(row => row.who === who)?.carriers[0] ?? ''
    const bar = limit(of, stagger, carrier)
    if (!Number.isFinite(bar)) return []
    const took = of(who)
    const met = took <= bar
    return { words: `${who} ≤ ${words}`, limit: bar, took: Number.isFinite(took) ? took : null, met }
  })
}

/** Infinity if most brought nothing. */
export function median(times: readonly (number | null)[]): number {
  const sorted = times.map(time => time ?? Infinity).sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = Infinity, high = Infinity] = sorted.slice(sorted.length % 2 ? middle : middle - 1)
  return sorted.length % 2 ? low : (low + high) / 2
}

export function inWords(time: number | null): string {
  if (time === null || !Number.isFinite(time)) return `> ${cap / 1_000} s`
  return time < 100 ? time.toFixed(1) : Math.round(time).toLocaleString('en')
}
