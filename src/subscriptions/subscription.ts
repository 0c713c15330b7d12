import { Emitter } from '../connection/emitter.ts'
import { LineMessageEvent, lineEvent } from '../connection/events.ts'
import { heeded } from '../connection/sending.ts'
import { ConnectionError } from '../contracts/errors.ts'
import type { Frame, Gap } from '../contracts/frame.ts'
import type { People } from '../contracts/presence.ts'
import type {
  HistoryOptions,
  HistoryPage,
  SubscribedEvent,
  Subscription,
  SubscriptionErrorEvent,
  SubscriptionState,
} from '../contracts/subscription.ts'
import type { TopicReader } from '../contracts/topics.ts'
import type { AnyEvent, Handler, LineMessage } from '../here.ts'
import { events } from '../iterate.ts'
import type { Crowd } from './crowd.ts'
import { readHistory } from './wish.ts'

/** A topic, as its subscriptions see it. */
export interface Topic {
  readonly topic: string
  readonly cursor: string
  /** Who is in it, as far as somebody has asked. */
  readonly people: People | undefined
}

/** What the server gives of a topic's past. */
export interface Page {
  readonly messages: readonly Frame[]
  readonly more: boolean
  readonly trimmed: boolean
  /** The position before the first of them. */
  readonly start: string | undefined
}

/** Where a subscription wants to begin: after an id, or as the wire writes it. */
interface Wish {
  readonly after: string
  readonly from: string
  /** Where its topic stood as the past was asked for. */
  readonly stood: string
}

/** What waits for the past to be told, and where the subscription stands behind it. */
interface Held {
  readonly event: Event
  readonly lastEventId: string
  readonly gap?: Gap
}

/** How the past of topics is had. */
export interface Past {
  page(topic: string, how: object): Promise<Page>
  isNewer(one: { lastEventId: string }, other: { lastEventId: string }): boolean
}

/** A promise that was given out. */
interface Promised<Value> {
  resolve(value: Value): void
  reject(error: unknown): void
}

/** How many messages a page has at most. */
const mostInPage = 1_000

/** One of the subscriptions to a topic. */
export class TopicSubscription extends Emitter implements Subscription {
  state: SubscriptionState = 'subscribing'
  error: ConnectionError | undefined
  /** @internal */
  asksWho = false
  /** The line that made it. @internal */
  readonly owner: TopicReader
  private readonly past: Past
  /** What came while the messages before it were fetched, and was lost; then the last of those, until a newer one comes. */
  private held: Held[] | undefined
  private fetched: LineMessageEvent | undefined
  private wish: Wish | undefined
  /** Where this one stands, while it is behind others. */
  private at: string | undefined
  private readonly of: Topic
  private readonly changed: () => void
  private readonly leave: (subscription: TopicSubscription) => void
  private opening: Promise<void> | undefined
  /** What `opened` has promised, until the topic is heard. */
  private readonly openers: Promised<void>[] = []
  /** What `presence()` has promised, until the server tells who is there. */
  private readonly asked: Promised<People>[] = []

  constructor(
    owner: TopicReader,
    of: Topic,
    past: Past,
    changed: () => void,
    leave: (subscription: TopicSubscription) => void,
  ) {
    super()
    this.owner = owner
    this.past = past
    this.of = of
    this.changed = changed
    this.leave = leave
  }

  get topic(): string {
    return this.of.topic
  }

  get lastEventId(): string {
    return this.at ?? (this.held ? '' : this.of.cursor)
  }

  get readyState(): 0 | 1 | 2 {
    const { state } = this
    return state === 'subscribing' ? 0 : state === 'subscribed' ? 1 : 2
  }

  get people(): People | undefined {
    return this.asksWho ? this.of.people : undefined
  }

  get opened(): Promise<void> {
    if (!this.opening) {
      this.opening = new Promise((resolve, reject) => {
        if (this.readyState === 1) resolve()
        else if (this.readyState === 2) reject(this.error ?? closed(this))
        else this.openers.push({ resolve, reject })
      })
      this.opening.catch(() => {})
    }
    return this.opening
  }

  get onopen(): Handler<SubscribedEvent> {
    return this.handler('open')
  }
  set onopen(handler: Handler<SubscribedEvent>) {
    this.handle('open', handler)
  }
  get onmessage(): Handler<LineMessage<unknown>> {
    return this.handler('message')
  }
  set onmessage(handler: Handler<LineMessage<unknown>>) {
    this.handle('message', handler)
  }
  get onerror(): Handler<SubscriptionErrorEvent> {
    return this.handler('error')
  }
  set onerror(handler: Handler<SubscriptionErrorEvent>) {
    this.handle('error', handler)
  }
  get onclose(): Handler<AnyEvent> {
    return this.handler('close')
  }
  set onclose(handler: Handler<AnyEvent>) {
    this.handle('close', handler)
  }

  async history(options: HistoryOptions = {}): Promise<HistoryPage<LineMessage<unknown>>> {
    const { before, limit } = readHistory(options)
    if (this.readyState === 2) throw this.error ?? closed(this)
    await this.opened
    const { messages, more, trimmed } = await this.past.page(this.topic, { before, limit })
    const events = this.eventsOf(messages)
    return {
      messages: events as unknown as LineMessage<unknown>[],
      more,
      begins: trimmed ? (events[0]?.lastEventId ?? before) : undefined,
    }
  }

  presence(): Promise<People> {
    const unheard = (error: unknown) => this.readyState < 2 && this.tell('error', { error })
    return heeded(() => this.who(), unheard, queueMicrotask)
  }

  close(): void {
    this.end('closed', undefined)
  }

  [Symbol.asyncIterator](): AsyncGenerator<LineMessage<unknown>, void, void> {
    return events(this as never) as never
  }

  // What follows is for its topics:

  /** @internal */
  turn(state: SubscriptionState, type?: string, fields?: object): void {
    if (this.readyState === 2) return
    if (state !== this.state) {
      this.state = state
      if (state === 'subscribed') for (const { resolve } of this.openers.splice(0)) resolve()
      this.dispatchEvent(new Event('statechange'))
    }
    if (type) this.tell(type, fields)
  }

  /** @internal */
  end(state: 'refused' | 'closed', error: ConnectionError | undefined): void {
    if (this.readyState === 2) return
    this.error = error
    this.leave(this)
    this.turn(state)
    if (error) this.tell('error', { error })
    this.tell('close')
    this.giveUp(error ?? closed(this))
  }

  /** @internal Its line has failed, and may live again. */
  fail(error: ConnectionError): void {
    this.opening = undefined
    this.giveUp(error)
    this.turn('subscribing', 'error', { error })
  }

  /** @internal The server has told who is in the topic, or why it does not. */
  crowd({ people, came = [], left = [] }: Crowd, error?: ConnectionError): void {
    if (!this.asksWho || this.readyState === 2) return
    const isAwaited = this.asked.length > 0
    for (const { resolve, reject } of this.asked.splice(0))
      if (people) resolve(people)
      else reject(error)
    // It is asked again when the page does, and not with each channel.
    if (error) this.asksWho = false
    if (error && !isAwaited) this.tell('error', { error })
    for (const person of left) this.tell('leave', { person })
    for (const person of came) this.tell('join', { person })
    if (people) this.tell('presence')
  }

  /** @internal */
  tell(type: string, fields: object = {}): void {
    this.dispatchEvent(lineEvent(type, fields))
  }

  /** @internal */
  message(type: string, value: unknown, lastEventId: string, origin: string): void {
    if (this.readyState === 2) return
    const event = new LineMessageEvent(type, value, lastEventId, origin, this.topic)
    if (this.held) return void this.held.push({ event, lastEventId })
    if (this.fetched && !this.past.isNewer(event, this.fetched)) return
    this.fetched = undefined
    this.dispatchEvent(event)
  }

  /** @internal */
  lost(gap: Gap): void {
    const event = lineEvent('gap', gap)
    if (this.held) this.held.push({ event, lastEventId: gap.to, gap })
    else this.dispatchEvent(event)
  }

  /**
   * The topic is heard already, for others: what this one wants of before is fetched once it is, and what comes meanwhile waits.
   *
   * @internal
   */
  hold(after: string, from: string): void {
    if (!after && !from) return
    this.held = []
    this.wish = { after, from, stood: '' }
  }

  /** @internal Its server has said that the topic is heard, or says it again. */
  confirm(trimmed: boolean): void {
    if (this.state !== 'subscribing') return
    if (!this.held) this.turn('subscribed', 'open', { trimmed })
    else if (this.wish) void this.fetch({ ...this.wish, stood: this.of.cursor })
  }

  private async who(): Promise<People> {
    if (this.readyState === 2) throw this.error ?? closed(this)
    const isNew = !this.asksWho
    this.asksWho = true
    const { people } = this.of
    if (people) {
      // Another subscription has asked.
      if (isNew) queueMicrotask(() => this.crowd({ people }))
      return people
    }
    if (isNew) this.changed()
    return new Promise((resolve, reject) => this.asked.push({ resolve, reject }))
  }

  private giveUp(error: ConnectionError): void {
    for (const { reject } of [...this.openers.splice(0), ...this.asked.splice(0)]) reject(error)
  }

  private async fetch(wish: Wish): Promise<void> {
    this.wish = undefined
    const { events: past, start, trimmed } = await this.fetchPast(wish)
    // It goes up to what was newest as the server read it: what is newer comes by itself, or has come already. What is of an earlier life of the log,
    // whose ids are beyond all others, came before, as did the word that the life is over.
    const { held = [], past: ids } = this
    const last = past.at(-1) ?? { lastEventId: start ?? '' }
    const isEarlier = (one: { lastEventId: string }) =>
      last.lastEventId !== '' && ids.isNewer(one, last) && ids.isNewer(last, one)
    const over =
      held.map(one => isEarlier({ lastEventId: one.gap?.from ?? one.lastEventId })).lastIndexOf(true) + 1
    const earlier = held[0]?.gap ? [] : held.slice(0, over)
    const later = held.slice(over).filter(one => !last.lastEventId || ids.isNewer(one, last))
    this.at = earlier.length ? wish.stood : start
    this.turn('subscribed', 'open', { trimmed })
    if (later.length === 0) this.fetched = past.at(-1)
    const all = [...earlier, ...past.map(event => ({ event, lastEventId: event.lastEventId })), ...later]
    for (const { event, lastEventId } of all) {
      if (this.readyState === 2) return
      this.at = lastEventId
      this.dispatchEvent(event)
    }
    this.held = this.at = undefined
  }

  /** Asks until it is answered, as the line comes and goes. */
  private async fetchPast({
    after,
    from,
  }: Wish): Promise<{ events: LineMessageEvent[] } & Pick<Page, 'start' | 'trimmed'>> {
    const [mark, amount] = [from[0], Number(from.slice(1))]
    const since = mark === '@' ? amount : undefined
    let events: LineMessageEvent[] = []
    for (;;) {
      const left = mark === '-' ? amount - events.length : mostInPage
      const how = { before: events[0]?.lastEventId, limit: Math.min(left, mostInPage), since }
      try {
        const { messages, more, trimmed, start } = await this.past.page(this.topic, how)
        events = [...this.eventsOf(messages), ...events]
        const place = { lastEventId: after }
        if (after && start !== undefined && !this.past.isNewer({ lastEventId: start }, place))
          return {
            events: events.filter(event => this.past.isNewer(event, place)),
            start: after,
            trimmed: false,
          }
        // A position of which the log knows nothing is one before all that it keeps.
        const isWhole = !more || (mark === '-' && events.length >= amount)
        if (isWhole) return { events, start, trimmed: trimmed || after !== '' }
      } catch (error) {
        if (this.readyState < 2 && /^(IN_DOUBT|expired)$/.test((error as ConnectionError).kind)) continue
        if (this.readyState < 2) this.tell('error', { error })
        return { events, start: undefined, trimmed: true }
      }
    }
  }

  private eventsOf(frames: readonly Frame[]): LineMessageEvent[] {
    const { owner, topic } = this
    return frames.flatMap(frame =>
      frame.type === 'message'
        ? [
            new LineMessageEvent(
              frame.event,
              owner.decode(frame.data),
              frame.cursor ?? '',
              owner.origin,
              topic,
            ),
          ]
        : [],
    )
  }
}

function closed({ topic }: TopicSubscription): ConnectionError {
  return new ConnectionError(`the subscription to "${topic}" was closed`, { kind: 'closed' })
}
