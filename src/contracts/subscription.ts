import type {
  AnyEvent,
  AnyListener,
  Handler,
  LineMessage,
  ListenerOptions,
  MessageOf,
  TargetClass,
} from '../here.ts'
import type { ConnectionError } from './errors.ts'
import type { Gap } from './frame.ts'
import type { Contract, MessagesIn } from './messages.ts'

/** Where a subscription begins. */
export interface SubscribeOptions {
  /** With so many of the last messages, which come first. @default 0 */
  history?: number | undefined
  /**
   * After the message of this id, an `event.lastEventId` of the topic; or with what was published since a time.
   * @default what is published from now on
   */
  since?: string | Date | undefined
}

/**
 * The life of a subscription.
 *
 * | | |
 * |---|---|
 * | `subscribing` | the server has not said yet that the topic is heard; or the line has failed, and may live again by `line.reconnect()` |
 * | `subscribed` | it is heard; also while the line is down for a while |
 * | `refused` | the server refused it: `error` says why |
 * | `closed` | the page has closed it, or the line |
 */
export type SubscriptionState = 'subscribing' | 'subscribed' | 'refused' | 'closed'

/** The topic is heard. */
export interface SubscribedEvent extends AnyEvent {
  /** Not all that was asked for is kept: what is heard begins with the oldest message that is. */
  readonly trimmed: boolean
}

/** The topic was refused, or its line has failed. */
export interface SubscriptionErrorEvent extends AnyEvent {
  /** Why, with the `status` that the server has given. */
  readonly error: ConnectionError
}

/** Messages of the topic were lost that the server does not keep any more. */
export interface TopicGapEvent extends AnyEvent, Readonly<Gap> {}

/** What listeners of a subscription hear: its own events, and messages by name. */
export type SubscriptionEventMap<Messages> = {
  /** It is heard. */
  open: SubscribedEvent
  /** It was refused, or its line has failed. */
  error: SubscriptionErrorEvent
  /** It is over, for whatever reason. */
  close: AnyEvent
  /** `state` has changed. */
  statechange: AnyEvent
  /** Messages of this topic were lost. */
  gap: TopicGapEvent
} & { [Name in keyof Messages]: LineMessage<Messages[Name]> }

/** Which messages `history()` gives. */
export interface HistoryOptions {
  /** Those before the message of this id. @default the newest */
  before?: string | undefined
  /** How many at most; fewer where they are large. A page has 1,000 at most. @default 50 */
  limit?: number | undefined
}

/** A page of what a topic keeps. */
export interface HistoryPage<Message> {
  /** The oldest first. `before: messages[0].lastEventId` gives the page before this one. */
  readonly messages: readonly Message[]
  /** Whether older ones are kept. */
  readonly more: boolean
  /** The id of the oldest that is kept, where there have been older ones and this page goes back to it; otherwise `undefined`. */
  readonly begins: string | undefined
}

/**
 * One topic on a line. `line.subscribe()` makes it: an EventTarget, and what a `for await` loop takes.
 *
 * @typeParam Messages what `event.data` is, by the name of the message
 * @typeParam Kept what `history()` gives: with a `Contract` the topic's messages, told apart by their `type`
 */
export interface Subscription<Messages = Record<string, unknown>, Kept = LineMessage<unknown>>
  extends Omit<InstanceType<TargetClass>, 'addEventListener'> {
  /** The name of the topic. */
  readonly topic: string
  /** The id of the last message heard in it, or the position that it began after; empty before it is heard. */
  readonly lastEventId: string
  /** What it does now. A `statechange` event tells each change, before the `open`, `error` or `close` event of the same one. */
  readonly state: SubscriptionState
  /** The same as an EventSource has it: 0 (subscribing), 1 (subscribed), or 2 at the end. */
  readonly readyState: 0 | 1 | 2
  /** Why it was refused. */
  readonly error: ConnectionError | undefined
  /**
   * Resolves when the topic is heard. One that nobody listens to is no unhandled rejection.
   *
   * @throws {ConnectionError} as a rejection, when it is refused, or closed before it was heard
   */
  readonly opened: Promise<void>
  /** Hears `open`: the topic is heard. */
  onopen: Handler<SubscribedEvent>
  /** Hears the messages that were published without a name of their own. */
  onmessage: Handler<LineMessage<MessageOf<Messages>>>
  /** Hears `error`: it was refused, or its line has failed. */
  onerror: Handler<SubscriptionErrorEvent>
  /** Hears `close`: it is over. */
  onclose: Handler<AnyEvent>
  /** Hears its own events, or the messages of one name. */
  addEventListener<Name extends string & keyof SubscriptionEventMap<Messages>>(
    type: Name,
    listener: AnyListener<SubscriptionEventMap<Messages>[Name]>,
    options?: ListenerOptions,
  ): void
  /** The same for messages of a name that `Messages` does not have. */
  addEventListener(type: string, listener: AnyListener<AnyEvent>, options?: ListenerOptions): void
  /**
   * Reads back what the topic keeps, a page at a time.
   *
   * @throws {TypeError} as a rejection, naming an option that cannot be
   * @throws {ConnectionError} as a rejection: `declined` when the topic is not heard, `closed` when the line is closed, `IN_DOUBT` when no answer comes
   *   within 10 s
   */
  history(options?: HistoryOptions): Promise<HistoryPage<Kept>>
  /** Ends it. The topic is left once nobody else on the page has a subscription to it. */
  close(): void
  /** The messages without a name of their own, one after the other, until it is over. Throws its `error`, if it has one. */
  [Symbol.asyncIterator](): AsyncGenerator<LineMessage<MessageOf<Messages>>, void, void>
}

/** Messages of a topic, told apart by their `type`. */
export type MessageIn<Messages> = {
  [Name in keyof Messages]: LineMessage<Messages[Name]> & { readonly type: Name }
}[keyof Messages]

/** What `line.subscribe()` gives: by a contract what the topic has, and otherwise what the call or the line says. */
export type SubscriptionTo<Own, Topic, Messages> = [keyof Own] extends [keyof Contract]
  ? Own extends { topics: object }
    ? Subscription<MessagesIn<Own, Topic>, MessageIn<MessagesIn<Own, Topic>>>
    : Subscription<Messages>
  : Subscription<Own>
