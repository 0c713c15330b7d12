import { backoff } from '../../src/connection/backoff.ts'

/** How long a client waits before it knocks, in ms; undefined: it gives up. */
export type Strategy = (tries: number, told: Told, random: () => number) => number | undefined

/** What a client can know when it decides. All times in ms. */
export interface Told {
  /** The time over which the server wants its lines to spread themselves, as it said while all was well. */
  readonly spread: number
  /** What the server's farewell or its refusal asked for. An attempt that nobody answered says nothing. */
  readonly retryAfter: number | undefined
  /** A number at least 0 and below 1 that the client drew once and keeps. */
  readonly own: number
}

/**
 * Our rule, as src/ has it. `tries` counts as src/connection/state.ts does: 0 after a line that was well, and one more
 * with each failure. 2,000 is the `retry:` that our server sends unless it is set otherwise.
 */
export const ours: Strategy = (tries, { spread, retryAfter }, random) =>
  backoff({ tries, retry: 2_000, spread, foreign: false, exact: false, retryAfter, random })

/** An EventSource whose server sent a `retry:` of its own to each: it is taken to the letter, ever after. */
export const toldEventSource: Strategy = (_, { retryAfter = 3_000 }) => retryAfter

/**
 * The peers' default delays, as their documentation has them. All are taken to notice the cut as soon as we do, and none
 * reads Retry-After (behind `new WebSocket()` and `new EventSource()` no script can).
 */
export const peers = {
  /** What Chromium waits; Firefox waits 5 s. Here a refusal is a closed connection: at an HTTP error both would stop for good. */
  'EventSource, 3 s': () => 3_000,

  Phoenix: tries => [10, 50, 100, 150, 200, 250, 500, 1_000, 2_000][tries] ?? 5_000,

  /** A jitter of a half to either side, and only then the cap: from the fifth try on it is five seconds for everybody. */
  'Socket.IO': (tries, _, random) => Math.min(5_000, 1_000 * 2 ** tries * (0.5 + random())),

  'AWS full jitter': (tries, _, random) => random() * Math.min(30_000, 1_000 * 2 ** tries),

  /** The shortest delay is drawn once for the life of the page. */
  PartySocket: (tries, { own }) => Math.min(10_000, (1_000 + own * 4_000) * 1.3 ** tries),

  /** With `withAutomaticReconnect()`: four tries. Without, none. */
  SignalR: tries => [0, 2_000, 10_000, 30_000][tries],

  /** Leaves it to the application to make a new one. */
  SockJS: () => undefined,
} satisfies Record<string, Strategy>
