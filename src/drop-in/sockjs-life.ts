/**
 * The life of a SockJS session, as a pure table. There is one, and it does not come back.
 *
 * ```
 *                         ┌─lost, the next transport
 *                         ▼ │
 *   asking ──answered──▶ connecting ──opened──▶ open
 *     └──────────────────────┴──────ended─────────┴──▶ closing ──told──▶ closed
 * ```
 */
export type Life =
  /** The server is asked what it can do; and then there is the session. */
  | { readonly name: 'asking' | 'open' }
  /** One transport after the other is tried; `left` are so many, with this one. */
  | { readonly name: 'connecting'; readonly left: number }
  /** The page hears of the end a moment later. */
  | { readonly name: 'closing'; readonly end: End }
  | { readonly name: 'closed' }

/** How it ended. */
export interface End {
  readonly code: number
  readonly reason: string
  /** Whether the server or the page has said so. */
  readonly wasClean: boolean
  /** Whether an `error` event comes before: the page did not wait for the server's answer. */
  readonly failed?: boolean
}

export type Signal =
  | { readonly type: 'opened' | 'told' }
  /** The server may be tried by so many transports. */
  | { readonly type: 'answered'; readonly count: number }
  /** The server has closed it by this. */
  | { readonly type: 'dismissed'; readonly code: number; readonly reason: string }
  /** The page has. */
  | { readonly type: 'close'; readonly code?: number; readonly reason?: string }
  /** The server did not answer, no transport works, or the connection is gone. */
  | { readonly type: 'lost' }

/** What follows from a signal. The same life, when it changes nothing. */
export function next(life: Life, signal: Signal): Life {
  const { name } = life
  if (name === 'closing') return signal.type === 'told' ? { name: 'closed' } : life
  if (name === 'closed') return life
  switch (signal.type) {
    case 'answered':
      if (name !== 'asking') return life
      return signal.count > 0 ? { name: 'connecting', left: signal.count } : lost('connecting')
    case 'opened':
      return name === 'connecting' ? { name: 'open' } : life
    case 'dismissed': {
      const { code, reason } = signal
      return { name: 'closing', end: { code, reason, wasClean: true } }
    }
    case 'close': {
      const { code = 1_000, reason = 'Normal closure' } = signal
      return { name: 'closing', end: { code, reason, wasClean: true, failed: name === 'asking' } }
    }
    case 'lost':
      return name === 'connecting' && life.left > 1 ? { name, left: life.left - 1 } : lost(name)
    case 'told':
      return life
  }
}

/** As sockjs-client says it. */
const losses = {
  asking: { code: 1_002, reason: 'Cannot connect to server' },
  connecting: { code: 2_000, reason: 'All transports failed' },
  open: { code: 1_006, reason: '' },
} as const

function lost(name: keyof typeof losses): Life {
  return { name: 'closing', end: { ...losses[name], wasClean: false } }
}

/**
 * How long a transport may take to open, in ms, where the server took `rtt` to answer and the page allows `least`. The last one is waited for
 * longest, since nothing comes after it.
 */
export function patience(rtt: number, least: number, left: number): number {
  const expected = 2 * (rtt > 100 ? 4 * rtt : 300 + rtt)
  return Math.max(least, expected, left > 1 ? 2_000 : 5_000)
}
