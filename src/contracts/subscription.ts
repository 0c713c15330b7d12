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
import type { People, PresenceEvent } from './presence.ts'

/** Where a subscription begins. */
export interface SubscribeOptions {
  /** With so many of the last messages, which come first; with `Infinity` all that the topic keeps. @default 0 */
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

/** The topic was refused, its line has failed, or what the page asked of it and did not wait for has. */
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
  /** It was refused, its line has failed, or `presence()` has and nobody waits for it. */
  error: SubscriptionErrorEvent
  /** It is over, for whatever reason. */
  close: AnyEvent
  /** `state` has changed. */
  statechange: AnyEvent
  /** Messages of this topic were lost. */
  gap: TopicGapEvent
  /** Somebody has come since `presence()` was called. */
  join: PresenceEvent
  /** Somebody has left: half a second after the last of their pages did, or once the server takes for gone who just vanished. */
  leave: PresenceEvent
  /** `people` is there, or has changed in whatever way. It comes after each `join` and `leave` of the same change. */
  presence: AnyEvent
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
  /**
   * The id of the oldest that is kept, where there have been older ones and this page goes back to it; the `before` that was asked for, where nothing before it
   * is kept any more; otherwise `undefined`.
   */
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
  /** Those in the topic that the server told last, this page among them; nothing before `presence()` is answered. While the line is down it stays as it was. */
  readonly people: People | undefined
  /**
   * Resolves when the topic is heard. One that nobody listens to is no unhandled rejection.
   *
   * @throws {ConnectionError} as a rejection, when it is refused, or closed before it was heard, or when its line fails
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
   * Reads back what the topic keeps, a page at a time. It waits until the topic is heard.
   *
   * @throws {TypeError} as a rejection, naming an option that cannot be
   * @throws {ConnectionError} as a rejection: what `opened` rejects with, `closed` when the subscription or its line is, `IN_DOUBT` when no answer comes
   *   within 10 s
   */
  history(options?: HistoryOptions): Promise<HistoryPage<Kept>>
  /**
   * Who hears the topic. Each person counts once. From the first call on, `join`, `leave` and `presence` events tell what changes. The server says in its
   * option `presence` in which topics it is known.
   *
   * ```ts
   * const room = line.subscribe('room:42')
   * for (const { id, data } of await room.presence()) show(id, data)
   * room.addEventListener('join', ({ person }) => show(person.id, person.data))
   * room.addEventListener('leave', ({ person }) => hide(person.id))
   * ```
   *
   * @throws {ConnectionError} as a rejection: `declined` when the topic is refused, or the server does not keep presence in it (code `no-presence`), and
   *   `closed` when the subscription is. Where nobody listens to the promise, it is an `error` event
   */
  presence(): Promise<People>
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
