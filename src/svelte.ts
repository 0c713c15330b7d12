/**
 * Lines, topics and streams as Svelte stores, for Svelte 4 and 5.
 *
 * ```ts
 * import { line, messages } from 'throughline/svelte'
 * export const live = line('/live')
 * export const room = messages(live, 'room:42', { history: 50 })
 * ```
 *
 * A store begins with its first subscriber, so that `$room` in a component is all there is to do, and ends after its last. On a server, where there is no
 * document, it has its first value, and nothing is opened.
 *
 * @module throughline/svelte
 */
import type { Readable } from 'svelte/store'
import { type AnyLine, type LineSnapshot, lineStore } from './bindings/line.ts'
import {
  type MessagesOf,
  type MessagesOptions,
  type MessagesSnapshot,
  messagesStore,
} from './bindings/messages.ts'
import type { LineOptions } from './bindings/options.ts'
import { type PresenceSnapshot, presenceStore } from './bindings/presence.ts'
import { createStore, type Store } from './bindings/store.ts'
import { isAutomatic, type StreamOptions, type StreamSnapshot, streamStore } from './bindings/stream.ts'
import {
  type HeardIn,
  type Hearing,
  type SubscriptionOptions,
  type SubscriptionSnapshot,
  subscriptionStore,
} from './bindings/topic.ts'
import type { Line, LineOf } from './connection/line.ts'
import type { Contract, IfGiven, Only, TopicOf, UsualName } from './contracts/messages.ts'
import type { SubscriptionTo } from './contracts/subscription.ts'
import type { AnyURL } from './here.ts'
import { connect } from './index.ts'

/** A store of a line, or a line. */
export type LineGiven<Messages, Shared> =
  | Hearing<Messages, Shared>
  | Readable<LineSnapshot<Line<Messages, Shared>>>

/**
 * A line, open as long as the store has subscribers, those of its topics among them.
 *
 * @typeParam Shared the `Contract` with the server
 * @param url `null` for no line
 * @param none not to be given: it keeps the compiler from choosing this form where no contract is given
 * @throws {TypeError} as `connect()` does, when somebody subscribes
 */
export function line<Shared extends Only<Shared> = Contract>(
  url: string | AnyURL | null | undefined,
  options?: LineOptions,
  ...none: IfGiven<Shared>
): Readable<LineSnapshot<LineOf<Shared>>>
/**
 * The same without a contract: `event.data` alone has a type.
 *
 * @typeParam Messages what `event.data` is, by the name of the message; text, if you do not say
 */
export function line<Messages = Record<string, string>>(
  url: string | AnyURL | null | undefined,
  options?: LineOptions,
): Readable<LineSnapshot<Line<Messages>>>
export function line(url: string | AnyURL | null | undefined, options: LineOptions = {}): unknown {
  return readable(lineStore(url == null ? null : () => connect(url, options)))
}

/**
 * The same for a line that you open yourself: with `throughline/core`, for example.
 *
 * @param open opens the line, each time that somebody begins to subscribe
 */
export function openedLine<Given extends AnyLine>(open: () => Given): Readable<LineSnapshot<Given>> {
  return readable(lineStore(open))
}

/**
 * A subscription to a topic. The server leaves the topic once nobody on the page hears it any more.
 *
 * @param line a line, or a store of one
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does, when somebody subscribes
 */
export function subscription<Messages, Shared, const Topic extends TopicOf<Shared>>(
  line: LineGiven<Messages, Shared>,
  topic: Topic | null | undefined,
  options: SubscriptionOptions<HeardIn<Messages, Shared, Topic>> = {},
): Readable<SubscriptionSnapshot<SubscriptionTo<Shared, Topic, Messages>>> {
  const make = (line: Hearing<Messages, Shared>) => subscriptionStore(line, topic, options, () => options.on)
  return readable(isStore(line) ? on(line, make, () => {}) : make(line))
}

/**
 * The newest messages of a topic. It tells its subscribers once of all that come in one task. Asked for again with the same topic and options, while it has
 * subscribers, it is the same store.
 *
 * @param line a line, or a store of one
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does, when somebody subscribes
 */
export function messages<
  Messages,
  Shared,
  const Topic extends TopicOf<Shared>,
  Name extends string & keyof HeardIn<Messages, Shared, Topic> = UsualName<
    keyof HeardIn<Messages, Shared, Topic>
  >,
>(
  line: LineGiven<Messages, Shared>,
  topic: Topic | null | undefined,
  options: MessagesOptions<Name, HeardIn<Messages, Shared, Topic>[Name]> = {},
): Readable<MessagesSnapshot<MessagesOf<HeardIn<Messages, Shared, Topic>, Name>>> {
  const { limit, events, history, since } = options
  return shared(line, ['messages', topic, limit, events, `${history}`, since], line =>
    messagesStore<Messages, Shared, Topic, Name>(line, topic, options),
  ) as never
}

/**
 * Who is in a topic.
 *
 * @param line a line, or a store of one
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does, when somebody subscribes
 */
export function presence<Messages, Shared>(
  line: LineGiven<Messages, Shared>,
  topic: TopicOf<Shared> | null | undefined,
): Readable<PresenceSnapshot> {
  return shared(line, ['presence', topic], line => presenceStore(line, topic))
}

/**
 * An answer that comes in pieces, by `stream()` of `throughline/stream`. A GET is asked with the first subscriber. What is not a GET is asked by
 * `$answer.start()` alone. The request ends with the last subscriber.
 *
 * @param url `null` for none
 */
export function stream(
  url: string | AnyURL | null | undefined,
  options: StreamOptions = {},
): Readable<StreamSnapshot> {
  return readable(streamStore(url, isAutomatic(options), () => options))
}

/** By the contract of stores. */
function readable<Value>({ subscribe, get, initial }: Store<Value>): Readable<Value> {
  return {
    subscribe(run) {
      if (typeof document === 'undefined') {
        run(initial)
        return () => {}
      }
      const leave = subscribe(() => run(get()))
      run(get())
      return leave
    },
  }
}

/** Stores that have subscribers, by the store of their line and by what they were asked for. */
const begun = new WeakMap<object, Map<string, unknown>>()

/** The store that was asked for in the same words before, as long as it has subscribers: what is derived may be derived again without a reason. */
function shared<Messages, Shared, Value>(
  given: LineGiven<Messages, Shared>,
  words: readonly unknown[],
  make: (line: Hearing<Messages, Shared>) => Store<Value>,
): Readable<Value> {
  if (!isStore(given)) return readable(make(given))
  const key = JSON.stringify(words)
  const known = begun.get(given) ?? new Map<string, unknown>()
  begun.set(given, known)
  const store: Readable<Value> = readable(
    on(given, make, isBegun => {
      if (isBegun) known.set(key, store)
      else if (known.get(key) === store) known.delete(key)
    }),
  )
  return (known.get(key) as Readable<Value> | undefined) ?? store
}

/** What is made of the line of a store, and made anew when it has another one. */
function on<Messages, Shared, Value>(
  given: Readable<LineSnapshot<Line<Messages, Shared>>>,
  make: (line: Hearing<Messages, Shared>) => Store<Value>,
  turn: (isBegun: boolean) => void,
): Store<Value> {
  const none = make(null)
  return createStore(none.initial, stir => {
    let now: Hearing<Messages, Shared> = null
    let { get } = none
    let leave = () => {}
    const leaveLine = given.subscribe(({ line }) => {
      if (line === now) return
      now = line
      leave()
      const store = make(line)
      get = store.get
      leave = store.subscribe(stir)
      stir()
    })
    turn(true)
    return {
      read: () => get(),
      end() {
        turn(false)
        leave()
        leaveLine()
      },
    }
  })
}

/** A line has a `subscribe` too. */
function isStore<Messages, Shared>(
  given: LineGiven<Messages, Shared>,
): given is Readable<LineSnapshot<Line<Messages, Shared>>> {
  return !!given && 'subscribe' in given && !('readyState' in given)
}

export type * from './bindings/types.ts'
