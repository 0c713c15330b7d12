import type { Environment } from '../environment.ts'
import type { AnySignal } from '../here.ts'
import type { Payload } from '../wire/codec.ts'
import type { Failure } from './failure.ts'
import type { Send } from './send.ts'
import type { Waiting } from './waiting.ts'

/** A message on its way up. */
export interface Outgoing {
  /** Its name; `undefined` for the usual one, `message`. */
  event: string | undefined
  /** The topic that it is about, where it is a message of the protocol's own. */
  topic?: string | undefined
  /** What the codec made of the value, copied. */
  data: Payload
  /** `json` where that is the JSON text of a value, and not a text that the page gave. */
  type?: 'json' | undefined
  /** Whether the server is asked for an answer to it. */
  answer?: boolean | undefined
  /** After how many ms nobody waits for it any more. @default never, but for the limits of what may wait */
  timeout?: number | undefined
  /** Whether it is dropped where it cannot be sent at once. */
  volatile?: boolean | undefined
  /** Once it is aborted, nobody waits for it any more. */
  signal?: AnySignal | undefined
  /** Whether it is the protocol's own: it finds room, however much of the page's waits. */
  own?: boolean
}

/** What a server takes. */
export interface Limits {
  /** Bytes of one message. */
  message: number
  /** Bytes of one POST that carries several. */
  batch: number
  /** Messages of one POST. */
  messages: number
}

/** What an outbox needs of a dialect: what it sends, and whether it was in vain. */
export interface OutboxWire {
  /** A message as it goes up; `number` is its place in the session where the dialect numbers, or what its answer will name. */
  write(message: Outgoing, number: number): Payload
  /** A text that makes the server answer: it tells a quiet line from a dead one. @default none: a quiet line is trusted */
  readonly ping?: string | undefined
  /** Whether a POST that is answered with this status was not taken, since its session is no more. @default never, where nothing is acknowledged */
  isSessionLost?(status: number): boolean
}

/** Keeps messages in order, each until the server has taken it, as far as that can be known. */
export interface Outbox {
  /** UTF-8 bytes of the messages that have not been taken yet. */
  readonly size: number
  /** How many messages in flight have not been taken yet: those that the present channel was given. */
  readonly unanswered: number
  /**
   * Resolves when the server has taken it, or with its answer where one was asked for; rejects with a ConnectionError, or with the reason of
   * its `signal`. A message for which nobody waits any more is not sent, if it was not sent yet.
   */
  add(message: Outgoing): Promise<unknown>
  /** There is a channel to send by: all that has not been taken goes out. */
  open(send: Send, limits: Partial<Limits> | undefined): void
  /** That channel is gone. */
  pause(): void
  /** The server has taken everything up to this number. */
  acknowledged?(upTo: number | undefined): void
  /** The server did not take the message of this number; it has taken those before it. */
  declined?(number: number, failure: Failure): void
  /** The server has taken everything up to this number, and takes nothing more: the rest may go in another session. */
  returned?(after: number): void
  /** The server's answer to the message of this number. */
  answered?(number: number, answer: unknown): void
  /** The server says on the way down that it does not take what it was sent. */
  refused?(failure: Failure): void
  /** A new session knows nothing of the old one: what was sent there and not acknowledged may or may not have been taken. */
  renew(): void
  /** Hands over all that waits and that the channel can take, before it is closed. */
  flush(): void
  /** Calls once nothing waits any more, not even for an answer. */
  whenEmpty(act: () => void): void
  /** Asks the server for a sign of life, and says whether it could: it cannot while a request is under way. */
  ping(): boolean
  /** The line is closed: everything that waits is rejected. */
  close(): void
}

/** `lost` is called when the session can't be used any more and a new one has to be asked for, or, with 401, a new token. */
export type CreateOutbox = (
  wire: OutboxWire,
  environment: Environment,
  lost: (status?: number) => void,
  waiting?: Waiting,
) => Outbox
