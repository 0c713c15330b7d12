import type { TransportName } from '../contracts/failure.ts'
import type { Gap } from '../contracts/frame.ts'
import type { AnyEvent } from '../here.ts'
import type { Finding } from './report.ts'
import type { LineState } from './state.ts'

/**
 * One thing that happened to a line; docs/trace.md has a table of all. Nothing in it quotes what was sent or received: of a message it has
 * the name, the topic, the id and the size.
 */
export type TraceEntry = {
  /** When it happened, in ms on the clock of `performance.now()`. */
  readonly at: number
} & TraceContent

/** The same without its time. */
export type TraceContent = Readonly<
  /** A try of a transport has begun, or has come further. */
  | ({ type: 'attempt' } & Finding)
  /** The line is open by this transport, or has moved to it. */
  | { type: 'open'; transport: TransportName; resumed: boolean }
  /** The line is interrupted, or something happened to one message. `retryIn`: when it tries again, in ms. */
  | { type: 'error'; kind: string; code: string; status: number | undefined; retryIn: number | undefined }
  /** The state has changed; also the first entry of a trace, which says how things stand. */
  | { type: 'statechange'; state: LineState; transport: TransportName | null }
  | { type: 'close'; code: number | undefined }
  /** Messages were lost. */
  | ({ type: 'gap'; topic: string | undefined } & Gap)
  /** A topic is heard from now on, behind `lastEventId`; is not heard any more; or was refused. */
  | { type: 'topic'; topic: string; state: 'heard'; lastEventId: string }
  | { type: 'topic'; topic: string; state: 'left' }
  | { type: 'topic'; topic: string; state: 'refused'; code: string; status: number | undefined }
  /** A message has come. */
  | {
      type: 'message'
      event: string
      topic: string | undefined
      lastEventId: string
      bytes: number | undefined
    }
  /** The page has called `send()`, and the server has taken the message of this number, or it was refused, or is in doubt. */
  | { type: 'send'; number: number; state: 'queued'; event: string; bytes: number | undefined }
  | { type: 'send'; number: number; state: 'taken' }
  | { type: 'send'; number: number; state: 'failed'; code: string }
  /** The server took so many ms to answer a ping, or to acknowledge a message with which nothing else was under way. */
  | { type: 'roundtrip'; took: number }
>

/** What `trace()` from `throughline/trace` makes a line tell. */
export interface TraceEvent extends AnyEvent {
  /** It changes when an entry no longer means what it did. */
  readonly version: 1
  /** What happened. */
  readonly entry: TraceEntry
}
