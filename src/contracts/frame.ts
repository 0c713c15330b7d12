import type { Payload } from '../wire/codec.ts'
import type { Failure } from './failure.ts'
import type { Limits } from './outbox.ts'

/** The server says that the line is open. */
export interface HelloFrame {
  type: 'hello'
  /** The position at which the line continues, if the server says it. */
  cursor: string | undefined
  /** What the server says of itself and of the session. */
  hello: Hello
}

/**
 * What a block means, told apart by `type`. A `cursor` is the position after it, where it changes that; `number` is that of a message in
 * its session.
 */
export type Frame =
  | {
      type: 'message'
      /** The name that listeners hear it by. */
      event: string
      /** What the codec decodes. */
      data: string | ArrayBuffer
      /** The id after which the line continues from here; `undefined` if it has none, so that the position stays. */
      cursor: string | undefined
      /** Writes the page's answer, where the server asks for one. */
      answer?: ((data: Payload) => Payload) | undefined
    }
  | HelloFrame
  | { type: 'gap'; cursor: string | undefined; gap: Gap }
  | { type: 'ack'; upTo: number }
  /** The server did not take the message of this number, and all before it are answered. */
  | { type: 'nack'; number: number; failure: Failure }
  /** The server's answer to the message of this number. */
  | { type: 'answer'; number: number; data: string | ArrayBuffer }
  /** The protocol wants something said; `session` is what later requests of this channel have to name. */
  | { type: 'reply'; text: (token: string | undefined) => Payload; session?: string }
  | { type: 'refused'; failure: Failure }
  /** A sign of life that comes by itself. */
  | { type: 'beat'; spread?: number | undefined }
  /** The sign that a stream which has begun goes on. */
  | { type: 'tick' }
  /** The answer to a question; without a number where the server repeats none. */
  | { type: 'pong'; number: number | undefined }
  /**
   * The server ends this channel in good order; `status` is what a response would have had that says why. No number above `acked` was
   * taken, nor will be.
   */
  | {
      type: 'bye'
      retry?: number | undefined
      why?: string
      cause?: unknown
      status?: number
      acked?: number | undefined
    }
  | { type: 'position'; cursor: string }
  | { type: 'nothing' }

/** Whether it says what became of a send. The answer to a POST says that too, so it does not show that a channel works. */
export function isReceipt({ type }: Frame): boolean {
  return type === 'ack' || type === 'nack'
}

/** What a server says about itself and the session when a channel opens. */
export interface Hello {
  /** The id of the session, which later requests name. */
  session: string
  /** Whether everything after the cursor that was asked for follows. */
  resumed: boolean
  /** The highest number taken from this session, where the server acknowledges. */
  acked?: number | undefined
  /** Milliseconds between signs of life. */
  heartbeat: number
  /** Milliseconds over which a reconnecting line should spread itself, if the server knows. */
  spread?: number | undefined
  /** @default 1 MiB a message; 64 KiB and 1000 messages a POST */
  limits?: Partial<Limits>
}

/** Messages that are lost, and why. */
export interface Gap {
  /**
   * In the server's words; or `unreadable`: the message at `to` came, and could not be unpacked or decoded; `too large`: it was larger
   * than `limits.received`, or had an id of more than 4,096 characters.
   */
  reason: string
  /** The id of the last message before those that are lost; empty if there was none. */
  from: string
  /** The newest id up to which messages may be missing. */
  to: string
}
