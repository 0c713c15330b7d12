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

/** What came: text or bytes, for the codec to decode; or the text of a value, where the wire says that it is one. */
export type Content = string | ArrayBuffer | JsonText

/** A value, as it was written. */
export interface JsonText {
  /** What `JSON.parse` makes the value of. */
  readonly json: string
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
      data: Content
      /** The id after which the line continues from here; `undefined` if it has none, so that the position stays. */
      cursor: string | undefined
      /** The topic that it was published in, where topics have a position each. */
      topic?: string | undefined
      /** Writes the page's answer, where the server asks for one. */
      answer?: ((data: Payload) => Payload) | undefined
    }
  | HelloFrame
  | { type: 'gap'; cursor: string | undefined; gap: Gap; topic?: string | undefined }
  /** A topic is heard after `cursor`, as the question number `re` asked. `ahead`: the line has not come so far in it; `trimmed`: not all that was asked for is kept. */
  | {
      type: 'subscribed'
      topic: string
      re: number | undefined
      cursor: string | undefined
      ahead: boolean
      trimmed: boolean
    }
  /** A topic is not heard, or not any more. */
  | { type: 'unsubscribed'; topic: string; failure: Failure }
  /** Who is in a topic, in the server's words. */
  | { type: 'presence'; topic: string; data: string }
  | { type: 'ack'; upTo: number }
  /** The server did not take the message of this number, and all before it are answered. */
  | { type: 'nack'; number: number; failure: Failure }
  /** The server's answer to the message of this number; `data` is `undefined` where it gave none. */
  | { type: 'answer'; number: number; data: Content | undefined; cursor?: string | undefined }
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
   * taken, nor will be. With a `failure` the channel ends by that, and not in good order.
   */
  | {
      type: 'bye'
      retry?: number | undefined
      why?: string
      cause?: unknown
      status?: number
      acked?: number | undefined
      failure?: Failure
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
  /** The topics that the server gives unasked, and where each begins, where topics have a position each. */
  topics?: Readonly<Record<string, string>> | undefined
  /** Which of the sets of topics that the line has told its server has taken. */
  set?: number | undefined
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
