import type { Line } from '../connection/line.ts'
import type { ConnectionError } from '../contracts/errors.ts'
import type { Contract, MessagesIn } from '../contracts/messages.ts'
import type {
  SubscribeOptions,
  Subscription,
  SubscriptionEventMap,
  SubscriptionState,
  SubscriptionTo,
} from '../contracts/subscription.ts'
import { createStore, isOwn, listen, type Store, same } from './store.ts'

/** The data of a topic's messages, by event: what the contract says of that topic, or what the line's type says. */
export type HeardIn<Messages, Shared, Topic> = [keyof Shared] extends [keyof Contract]
  ? Shared extends { topics: object }
    ? MessagesIn<Shared, Topic>
    : Messages
  : Shared

/** A line that topics are heard on; `null` for none yet. */
export type Hearing<Messages, Shared> = Line<Messages, Shared> | null | undefined

/** What is done with each event of a subscription: its own, such as `gap`, and messages by name. */
export type Listeners<Messages> = {
  [Name in keyof SubscriptionEventMap<Messages>]?: (event: SubscriptionEventMap<Messages>[Name]) => void
}

/** Options of a subscription in a component. */
export interface SubscriptionOptions<Messages = Record<string, unknown>> extends SubscribeOptions {
  /** Functions that hear its events, by name: `{ message: event => …, gap: event => … }`. The newest ones are called. @default none */
  on?: Listeners<Messages> | undefined
}

/** What is known of a topic, whatever one wants of it. */
export interface TopicSnapshot {
  /** What its subscription does. `idle` where there is no line or no topic. */
  readonly state: SubscriptionState | 'idle'
  /** Why it was refused, or why its line has failed. */
  readonly error: ConnectionError | undefined
}

/** A subscription as it is now. */
export interface SubscriptionSnapshot<Given = Subscription> extends TopicSnapshot {
  /** The subscription; `null` where there is no line or no topic. */
  readonly subscription: Given | null
}

/** A subscription's store. */
export interface SubscriptionStore<Given> extends Store<SubscriptionSnapshot<Given>> {
  /** Hears names that `on` did not have before. */
  hearNew(): void
}

/** A subscription that lasts as long as somebody wants it. `listeners` gives the newest functions each time one is called. */
export function subscriptionStore<Messages, Shared, Topic extends string>(
  line: Hearing<Messages, Shared>,
  topic: Topic | null | undefined,
  options: SubscribeOptions,
  listeners: () => Listeners<HeardIn<Messages, Shared, Topic>> | undefined,
): SubscriptionStore<SubscriptionTo<Shared, Topic, Messages>> {
  type Given = SubscriptionTo<Shared, Topic, Messages>
  type Heard = Record<string, ((event: object) => void) | undefined>
  const on = () => (listeners() ?? {}) as Heard
  const { history, since } = options
  const initial: SubscriptionSnapshot<Given> = { subscription: null, state: 'idle', error: undefined }
  let hearNew = () => {}
  const store = topicStore(line, topic, initial, (open, stir) => {
    const subscription = open({ history, since })
    const heard = new Set<string>()
    hearNew = () => {
      for (const name of Object.keys(on()).filter(name => !heard.has(name))) {
        heard.add(name)
        listen(subscription, { [name]: (event: object) => on()[name]?.(event) })
      }
    }
    hearNew()
    const watching = watchTopic(subscription, stir)
    return {
      read: last => same(last, { subscription: subscription as Given, ...watching.now() }),
      end() {
        hearNew = () => {}
        watching.end()
        subscription.close()
      },
    }
  })
  return { ...store, hearNew: () => hearNew() }
}

/** A store about a topic: it has nothing where there is no line or no topic. */
export function topicStore<Value>(
  line: object | null | undefined,
  topic: string | null | undefined,
  initial: Value,
  begin: (
    open: (options?: SubscribeOptions) => Subscription,
    stir: () => void,
  ) => { read(last: Value): Value; end(): void },
): Store<Value> {
  return createStore(initial, stir => {
    if (!line || topic == null) return { read: last => last, end() {} }
    return begin(options => (line as Line).subscribe(topic, options) as Subscription, stir)
  })
}

/** Tells what a subscription does, and why it does not. */
export function watchTopic(
  subscription: Subscription,
  stir: () => void,
): { now(): TopicSnapshot; end(): void } {
  let error: ConnectionError | undefined
  const end = listen(subscription, {
    statechange: stir,
    open(event: object) {
      if (isOwn(event)) error = undefined
      stir()
    },
    error(event: { error?: ConnectionError }) {
      if (!isOwn(event)) return
      error = event.error
      stir()
    },
  })
  return { now: () => ({ state: subscription.state, error: subscription.error ?? error }), end }
}
