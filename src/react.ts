/**
 * Lines, topics and streams as React hooks, for React 18 and later.
 *
 * ```tsx
 * import { useLine, useMessages } from 'throughline/react'
 * function Room({ id }: { id: string }) {
 *   const { line, state } = useLine('/live')
 *   const { messages } = useMessages(line, `room:${id}`, { history: 50 })
 *   return <ol title={state}>{messages.map(({ key, data }) => <li key={key}>{data}</li>)}</ol>
 * }
 * ```
 *
 * @module throughline/react
 */
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react'
import { type AnyLine, givenLineStore, type LineSnapshot, lineStore } from './bindings/line.ts'
import {
  type MessagesOf,
  type MessagesOptions,
  type MessagesSnapshot,
  messagesStore,
} from './bindings/messages.ts'
import { following, type LineOptions, lineKey } from './bindings/options.ts'
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

/**
 * One line for the life of the component: opened once it is mounted, closed after it is unmounted. On a server nothing is opened, and `line` is `null`.
 *
 * Another URL, other `params` or `headers`, and another value of any other option open another line. Functions and objects may be others with each rendering:
 * of `token`, `params`, `headers` and `debug` the newest function is called, other objects are those of the moment at which the line was opened.
 *
 * @typeParam Shared the `Contract` with the server
 * @param url `null` for no line
 * @param none not to be given: it keeps the compiler from choosing this form where no contract is given
 * @throws {TypeError} as `connect()` does
 */
export function useLine<Shared extends Only<Shared> = Contract>(
  url: string | AnyURL | null | undefined,
  options?: LineOptions,
  ...none: IfGiven<Shared>
): LineSnapshot<LineOf<Shared>>
/**
 * The same without a contract: `event.data` alone has a type.
 *
 * @typeParam Messages what `event.data` is, by the name of the message; text, if you do not say
 */
export function useLine<Messages = Record<string, string>>(
  url: string | AnyURL | null | undefined,
  options?: LineOptions,
): LineSnapshot<Line<Messages>>
export function useLine(url: string | AnyURL | null | undefined, options: LineOptions = {}): unknown {
  const key = url == null ? null : lineKey(url, options)
  const { store, follow } = useMade([key], () => {
    const { options: own, follow } = following(options)
    return { store: lineStore(url == null ? null : () => connect(url, own)), follow }
  })
  useEffect(() => follow(options))
  return useStore(store)
}

/**
 * The same for a line that you open yourself: with `throughline/core`, or with options that are known to you alone.
 *
 * ```tsx
 * import { connect, native, subscriptions, websocket } from 'throughline/core'
 * import { useOpenedLine } from 'throughline/react'
 * const { line } = useOpenedLine('/live', () =>
 *   connect('/live', { transport: websocket, dialect: native, topics: subscriptions }),
 * )
 * ```
 *
 * @param key another one closes the line and opens another; `null` for no line
 * @param open opens the line
 */
export function useOpenedLine<Given extends AnyLine>(
  key: string | null | undefined,
  open: () => Given,
): LineSnapshot<Given> {
  return useStore(useMade([key], () => lineStore(key == null ? null : open)))
}

const LineContext = createContext<LineSnapshot<AnyLine> | undefined>(undefined)

/** Props of `LineProvider`: a line that it opens as `useLine` does, or one that you have opened, which stays yours to close. */
export type LineProviderProps =
  | { url: string | AnyURL | null; options?: LineOptions; line?: undefined; children?: ReactNode }
  | { line: AnyLine; url?: undefined; options?: undefined; children?: ReactNode }

/** Gives all components in it one line, by `useLineContext()`. */
export function LineProvider({ url, options, line, children }: LineProviderProps): ReactElement {
  const ofOthers = useStore(useMade([line], () => (line ? givenLineStore(line) : lineStore<AnyLine>(null))))
  const own = useLine(url, options)
  return createElement(LineContext.Provider, { value: line ? ofOthers : own }, children)
}

/**
 * The line of the `LineProvider` around.
 *
 * @typeParam Shared the `Contract` with the server
 * @param none not to be given: it keeps the compiler from choosing this form where no contract is given
 * @throws {Error} where there is none
 */
export function useLineContext<Shared extends Only<Shared> = Contract>(
  ...none: IfGiven<Shared>
): LineSnapshot<LineOf<Shared>>
/**
 * The same without a contract.
 *
 * @typeParam Messages what `event.data` is, by the name of the message; text, if you do not say
 */
export function useLineContext<Messages = Record<string, string>>(): LineSnapshot<Line<Messages>>
export function useLineContext(): unknown {
  const given = useContext(LineContext)
  if (!given) throw new Error('useLineContext: there is no LineProvider around this component')
  return given
}

/**
 * A subscription to a topic for the life of the component. It is made anew for another line, topic, `history` or `since`; the server leaves the topic once no
 * component hears it any more.
 *
 * ```tsx
 * import { useSubscription } from 'throughline/react'
 * useSubscription(line, 'room:42', { on: { typing: event => show(event.data) } })
 * ```
 *
 * @param line `null` as long as there is none
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does
 */
export function useSubscription<Messages, Shared, const Topic extends TopicOf<Shared>>(
  line: Hearing<Messages, Shared>,
  topic: Topic | null | undefined,
  options: SubscriptionOptions<HeardIn<Messages, Shared, Topic>> = {},
): SubscriptionSnapshot<SubscriptionTo<Shared, Topic, Messages>> {
  const newest = useNewest(options)
  const store = useMade([line, topic, options.history, plain(options.since)], () =>
    subscriptionStore(line, topic, options, () => newest.current.on),
  )
  useEffect(store.hearNew)
  return useStore(store)
}

/**
 * The newest messages of a topic. The component renders once for all that come in one task, and not at all without news.
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
  line: Hearing<Messages, Shared>,
  topic: Topic | null | undefined,
  options: MessagesOptions<Name, HeardIn<Messages, Shared, Topic>[Name]> = {},
): MessagesSnapshot<MessagesOf<HeardIn<Messages, Shared, Topic>, Name>> {
  const { history, since, limit, events } = options
  const store = useMade([line, topic, history, plain(since), limit, events?.join('\n')], () =>
    messagesStore<Messages, Shared, Topic, Name>(line, topic, options),
  )
  return useStore(store) as never
}

/**
 * Who is in a topic.
 *
 * @param line `null` as long as there is none
 * @param topic `null` for none
 * @throws {TypeError} as `line.subscribe()` does
 */
export function usePresence<Messages, Shared>(
  line: Hearing<Messages, Shared>,
  topic: TopicOf<Shared> | null | undefined,
): PresenceSnapshot {
  return useStore(useMade([line, topic], () => presenceStore(line, topic)))
}

/**
 * An answer that comes in pieces, by `stream()` of `throughline/stream`. A GET is asked once the component is mounted, and anew for another URL. What is not a
 * GET is asked by `start()` alone, so that no POST is sent twice. The request ends when the component is unmounted.
 *
 * ```tsx
 * import { useStream } from 'throughline/react'
 * const { text, status, start, stop } = useStream('/ask', { method: 'POST', until: '[DONE]' })
 * const button = <button onClick={() => start({ body: { question } })}>{status}</button>
 * ```
 *
 * @param url `null` for none
 * @param options those of the last rendering count when it is asked
 */
export function useStream(
  url: string | AnyURL | null | undefined,
  options: StreamOptions = {},
): StreamSnapshot {
  const newest = useNewest(options)
  const automatic = isAutomatic(options)
  const address = typeof url === 'object' ? url?.href : url
  return useStore(useMade([address, automatic], () => streamStore(url, automatic, () => newest.current)))
}

function useStore<Value>({ subscribe, get, initial }: Store<Value>): Value {
  return useSyncExternalStore(subscribe, get, () => initial)
}

/** Made once for each of the values that it depends on. */
function useMade<Made>(by: readonly unknown[], make: () => Made): Made {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each hook says what makes another one
  return useMemo(make, by)
}

/** What the last rendering that was shown was given. */
function useNewest<Value>(value: Value): { current: Value } {
  const newest = useRef(value)
  useEffect(() => {
    newest.current = value
  })
  return newest
}

/** By its value. */
function plain(since: string | Date | undefined): string | number | undefined {
  return since instanceof Date ? since.getTime() : since
}

export type * from './bindings/types.ts'
