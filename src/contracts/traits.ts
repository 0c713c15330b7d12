/**
 * How a transport brings what the server says.
 *
 * | kind | |
 * |---|---|
 * | `socket` | one connection both ways: its handshake is answered at once, and sends go over it |
 * | `stream` | one response that goes on, as one text |
 * | `parts` | one response that goes on, in parts that are a text each |
 * | `poll` | one request after the other, each answered whole |
 * | `script` | one script of the page after the other, each of them an answer |
 */
export type TransportKind = 'socket' | 'stream' | 'parts' | 'poll' | 'script'

/** What a dialect asks of a transport, or of a POST: how its requests are made, and how answers come. */
export interface Traits {
  /** How what the server says comes; `post` for what only sends. */
  readonly kind: TransportKind | 'post'
  /** Whether its requests can have headers. @default false */
  readonly setsHeaders?: boolean | undefined
}

/** The POST that sends a message, beside a channel or where there is none. */
export const viaPost = { name: 'post', kind: 'post', setsHeaders: true } as const
