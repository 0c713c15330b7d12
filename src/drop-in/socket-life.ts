import type { Bye } from './socket-words.ts'

/**
 * The life of a WebSocket that comes back, as a pure table.
 *
 * ```
 *   connecting ──opened──▶ open ──close──▶ closing ──lost──▶ over
 *    ▲      │               │ └─reconnect─▶ renewing
 *   due     │ lost          │ lost            │ lost
 *    │      ▼               ▼                 │
 *   waiting ◀── if a try follows, else over   │
 *    ▲                                        │
 *    └────────────────────────────────────────┘
 * ```
 */
export type Life =
  /** `retries`: how many tries came to nothing before this one; a connection that has lasted begins again at 0. */
  | { readonly name: 'connecting' | 'open' | 'over'; readonly retries: number }
  /** Nothing is connected, until the next try. */
  | { readonly name: 'waiting'; readonly retries: number }
  /** The page has closed it: for good, or for a new connection. */
  | { readonly name: 'closing' | 'renewing'; readonly retries: number; readonly bye: Bye }

export type Signal =
  /** The connection is there. */
  | { readonly type: 'opened' }
  /** It has been there for as long as a good one has to be. */
  | { readonly type: 'lasted' }
  /** It has ended, or came to nothing. `again`: whether the page lets it come back. */
  | { readonly type: 'lost'; readonly again: boolean }
  /** The time of the next try has come, or the network is back. */
  | { readonly type: 'due' }
  | { readonly type: 'close' | 'reconnect'; readonly bye: Bye }

/** What follows from a signal. The same life, when it changes nothing. */
export function next(life: Life, signal: Signal, maxRetries: number): Life {
  const { name, retries } = life
  const isTrying = name === 'connecting' || name === 'open'
  switch (signal.type) {
    case 'opened':
      return name === 'connecting' ? { name: 'open', retries } : life
    case 'lasted':
      return name === 'open' ? { name, retries: 0 } : life
    case 'due':
      return name === 'waiting' ? { name: 'connecting', retries } : life
    case 'lost':
      if (name === 'renewing') return { name: 'waiting', retries: 0 }
      return isTrying && signal.again && retries < maxRetries
        ? { name: 'waiting', retries: retries + 1 }
        : { name: 'over', retries }
    case 'close':
      if (isTrying || name === 'renewing') return { name: 'closing', retries, bye: signal.bye }
      return name === 'waiting' ? { name: 'over', retries } : life
    case 'reconnect':
      if (name === 'renewing') return life
      return isTrying || name === 'closing'
        ? { name: 'renewing', retries: 0, bye: signal.bye }
        : { name: 'connecting', retries: 0 }
  }
}

/** The options of the pause between two tries, in ms. */
export interface Pace {
  readonly minReconnectionDelay: number
  readonly maxReconnectionDelay: number
  readonly reconnectionDelayGrowFactor: number
}

/**
 * How long to wait before a try, in ms: at random between the least and as much as it has grown to, so that the clients of a server that
 * restarts do not all come back at once. `random` is at least 0 and below 1.
 */
export function pause(retries: number, pace: Pace, random: number): number {
  if (retries === 0) return 0
  const { minReconnectionDelay, maxReconnectionDelay, reconnectionDelayGrowFactor } = pace
  const least = Math.min(minReconnectionDelay, maxReconnectionDelay)
  const most = Math.min(minReconnectionDelay * reconnectionDelayGrowFactor ** retries, maxReconnectionDelay)
  return least + random * Math.max(0, most - least)
}
