/**
 * Lines, topics and streams as Vue composables, for Vue 3.3 and later.
 *
 * ```ts
 * import { useLine, useMessages } from 'throughline/vue'
 * const { line, state } = useLine('/live')
 * const { messages } = useMessages(line, 'room:42', { history: 50 })
 * ```
 *
 * @module throughline/vue
 */
import {
  computed,
  getCurrentInstance,
  type MaybeRefOrGetter,
  markRaw,
  onMounted,
  onScopeDispose,
  type Ref,
  shallowRef,
  toValue,
  watch,
} from 'vue'
import { type AnyLine, type LineSnapshot, lineStore } from './bindings/line.ts'
import {
  type MessagesOf,
  type MessagesOptions,
  type MessagesSnapshot,
  messagesStore,
} from './bindings/messages.ts'
import { type LineOptions, lineKey } from './bindings/options.ts'
import { type PresenceSnapshot, presenceStore } from './bindings/presence.ts'
import type { Store } from './bindings/store.ts'
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

/** Each part of a snapshot as a ref; functions as they are. */
export type Refs<Snapshot> = {
  readonly [Name in keyof Snapshot]: Snapshot[Name] extends (...given: never[]) => unknown
    ? Snapshot[Name]
    : Readonly<Ref<Snapshot[Name]>>
}

/** A value, a ref or a getter: another value begins anew. */
type Given<Value> = MaybeRefOrGetter<Value>

/**
 * One line for the life of the component, or of the effect scope: opened once the component is mounted, closed after it is unmounted. On a server nothing is
 * opened, and `line` is `null`. Another URL, other `params` or `headers`, and another value of any other option open another line.
 *
 * @typeParam Shared the `Contract` with the server
 * @param url `null` for no line
 * @param none not to be given: it keeps the compiler from choosing this form where no contract is given
 * @throws {TypeError} as `connect()` does
 */
export function useLine<Shared extends Only<Shared> = Contract>(
  url: MaybeRefOrGetter<string | AnyURL | null | undefined>,
  options?: MaybeRefOrGetter<LineOptions>,
  ...none: IfGiven<Shared>
): Refs<LineSnapshot<LineOf<Shared>>>
/**
 * The same without a contract: `event.data` alone has a type.
 *
 * @typeParam Messages what `event.data` is, by the name of the message; text, if you do not say
 */
export function useLine<Messages = Record<string, string>>(
  url: MaybeRefOrGetter<string | AnyURL | null | undefined>,
  options?: MaybeRefOrGetter<LineOptions>,
): Refs<LineSnapshot<Line<Messages>>>
export function useLine(
  url: Given<string | AnyURL | null | undefined>,
  options: Given<LineOptions> = {},
): unknown {
  const key = () => {
    const address = toValue(url)
    return address == null ? null : lineKey(address, toValue(options))
  }
  return useOpenedLine(key, () => connect(toValue(url) as string | AnyURL, toValue(options)))
}

/**
 * The same for a line that you open yourself: with `throughline/core`, or with options that are known to you alone.
 *
 * @param key another one closes the line and opens another; `null` for no line
 * @param open opens the line
 */
export function useOpenedLine<Given extends AnyLine>(
  key: MaybeRefOrGetter<string | null | undefined>,
  open: () => Given,
): Refs<LineSnapshot<Given>> {
  // Within something reactive it would be a proxy, which is no EventTarget.
  const openRaw = () => markRaw(open())
  return useStore(
    () => [toValue(key)],
    () => lineStore<Given>(toValue(key) == null ? null : openRaw),
  )
}

/**
 * A subscription to a topic for the life of the component or effect scope. The server leaves the topic once nobody on the page hears it any more.
 *
 * ```ts
 * import { useSubscription } from 'throughline/vue'
 * useSubscription(line, 'room:42', { on: { typing: event => show(event.data) } })
 * ```
 *
 * @param line `null` as long as there is none
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does
 */
export function useSubscription<Messages, Shared, const Topic extends TopicOf<Shared>>(
  line: MaybeRefOrGetter<Hearing<Messages, Shared>>,
  topic: MaybeRefOrGetter<Topic | null | undefined>,
  options: MaybeRefOrGetter<SubscriptionOptions<HeardIn<Messages, Shared, Topic>>> = {},
): Refs<SubscriptionSnapshot<SubscriptionTo<Shared, Topic, Messages>>> {
  return useStore(
    () => {
      const { history, since } = toValue(options)
      return [toValue(line), toValue(topic), history, Number(since) || since]
    },
    () => subscriptionStore(toValue(line), toValue(topic), toValue(options), () => toValue(options).on),
  )
}

/**
 * The newest messages of a topic. They change once for all that come in one task.
 *
 * @param line `null` as long as there is none
 * @param topic `null` for none
 * @param options another `limit`, `history`, `since` or other names in `events` begin a new list
 * @throws {TypeError} as `line.subscribe()` does
 */
export function useMessages<
  Messages,
  Shared,
  const Topic extends TopicOf<Shared>,
  Name extends string & keyof HeardIn<Messages, Shared, Topic> = UsualName<
    keyof HeardIn<Messages, Shared, Topic>
  >,
>(
  line: MaybeRefOrGetter<Hearing<Messages, Shared>>,
  topic: MaybeRefOrGetter<Topic | null | undefined>,
  options: MaybeRefOrGetter<MessagesOptions<Name, HeardIn<Messages, Shared, Topic>[Name]>> = {},
): Refs<MessagesSnapshot<MessagesOf<HeardIn<Messages, Shared, Topic>, Name>>> {
  return useStore(
    () => {
      const { history, since, limit, events } = toValue(options)
      return [toValue(line), toValue(topic), history, Number(since) || since, limit, events?.join('\n')]
    },
    () => messagesStore<Messages, Shared, Topic, Name>(toValue(line), toValue(topic), toValue(options)),
  ) as never
}

/**
 * Who is in a topic.
 *
 * @param line `null` as long as there is none
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does
 */
export function usePresence<Messages, Shared>(
  line: MaybeRefOrGetter<Hearing<Messages, Shared>>,
  topic: MaybeRefOrGetter<TopicOf<Shared> | null | undefined>,
): Refs<PresenceSnapshot> {
  return useStore(
    () => [toValue(line), toValue(topic)],
    () => presenceStore(toValue(line), toValue(topic)),
  )
}

/**
 * An answer that comes in pieces, by `stream()` of `throughline/stream`. A GET is asked once the component is mounted, and anew for another URL. What is not a
 * GET is asked by `start()` alone. The request ends when the component is unmounted.
 *
 * @param url `null` for none
 * @param options those that hold when it is asked
 */
export function useStream(
  url: MaybeRefOrGetter<string | AnyURL | null | undefined>,
  options: MaybeRefOrGetter<StreamOptions> = {},
): Refs<StreamSnapshot> {
  const automatic = () => isAutomatic(toValue(options))
  return useStore(
    () => {
      const address = toValue(url)
      return [typeof address === 'object' ? address?.href : address, automatic()]
    },
    () => streamStore(toValue(url), automatic(), () => toValue(options)),
  )
}

/** @param by what makes another store, of the values that it is made of */
function useStore<Value extends object>(by: () => readonly unknown[], make: () => Store<Value>): Refs<Value> {
  const value = shallowRef(make().initial)
  let made: readonly unknown[] = []
  let leave = () => {}
  const enter = () => {
    made = by()
    const store = make()
    const look = () => {
      value.value = store.get()
    }
    leave()
    leave = store.subscribe(look)
    look()
  }
  const begin = () => {
    enter()
    watch(by, now => {
      if (now.some((each, index) => !Object.is(each, made[index]))) enter()
    })
  }
  // What a server has rendered is taken over before anything is changed.
  if (getCurrentInstance()) onMounted(begin)
  else if (typeof document !== 'undefined') begin()
  onScopeDispose(() => leave(), true)

  const refs = Object.entries(value.value).map(([name, part]) => {
    const get = () => value.value[name as keyof Value]
    const call = (...given: never[]) => (get() as (...given: never[]) => unknown)(...given)
    return [name, typeof part === 'function' ? call : computed(get)]
  })
  return Object.fromEntries(refs)
}

export type * from './bindings/types.ts'
