import { Emitter } from '../connection/emitter.ts'
import { LineMessageEvent, lineEvent } from '../connection/events.ts'
import { ConnectionError } from '../contracts/errors.ts'
import type { Frame } from '../contracts/frame.ts'
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
import { readHistory } from './wish.ts'

/** A topic, as its subscriptions see it. */
export interface Topic {
  readonly topic: string
  readonly cursor: string
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
}

/** How the past of topics is had. */
export interface Past {
  page(topic: string, how: object): Promise<Page>
  isNewer(one: { lastEventId: string }, other: { lastEventId: string }): boolean
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
  /** What came while the messages before it were fetched; then the last of those, until a newer one comes. */
  private held: LineMessageEvent[] | undefined
  private fetched: LineMessageEvent | undefined
  private wish: Wish | undefined
  /** Where this one stands, while it is behind others. */
  private at: string | undefined
  private readonly of: Topic
  private readonly changed: () => void
  private readonly leave: (subscription: TopicSubscription) => void
  private opening: Promise<void> | undefined

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

  get opened(): Promise<void> {
    if (!this.opening) {
      this.opening = new Promise((resolve, reject) => {
        const look = () => {
          if (this.readyState === 1) resolve()
          else if (this.readyState === 2) reject(this.error ?? closed(this))
          else super.addEventListener('statechange', look, { once: true })
        }
        look()
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
    const { messages, more, trimmed } = await this.past.page(this.topic, { before, limit })
    const events = this.eventsOf(messages)
    return {
      messages: events as unknown as LineMessage<unknown>[],
      more,
      begins: trimmed ? events[0]?.lastEventId : undefined,
    }
  }

  close(): void {
    this.end('closed', undefined)
  }

  [Symbol.asyncIterator](): AsyncGenerator<LineMessage<unknown>, void, void> {
    return events(this as never) as never
  }

  // What follows is for its topics:

  /** @internal Asks who is there. An `rt.presence` event brings what the server tells. */
  ask(): void {
    this.asksWho = true
    this.changed()
  }

  /** @internal */
  turn(state: SubscriptionState, type?: string, fields?: object): void {
    if (this.readyState === 2) return
    if (state !== this.state) {
      this.state = state
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
  }

  /** @internal */
  tell(type: string, fields: object = {}): void {
    this.dispatchEvent(lineEvent(type, fields))
  }

  /** @internal */
  message(type: string, value: unknown, lastEventId: string, origin: string): void {
    if (this.readyState === 2) return
    const event = new LineMessageEvent(type, value, lastEventId, origin, this.topic)
    if (this.held) return void this.held.push(event)
    if (this.fetched && !this.past.isNewer(event, this.fetched)) return
    this.fetched = undefined
    this.dispatchEvent(event)
  }

  /** @internal One that has not begun has lost nothing. */
  lost(gap: object): void {
    if (!this.held) this.tell('gap', gap)
  }

  /**
   * The topic is heard already, for others: what this one wants of before is fetched once it is, and what comes meanwhile waits.
   *
   * @internal
   */
  hold(after: string, from: string): void {
    if (!after && !from) return
    this.held = []
    this.wish = { after, from }
  }

  /** @internal Its server has said that the topic is heard, or says it again. */
  confirm(trimmed: boolean): void {
    if (this.state !== 'subscribing') return
    if (!this.held) this.turn('subscribed', 'open', { trimmed })
    else if (this.wish) void this.fetch(this.wish)
  }

  private async fetch(wish: Wish): Promise<void> {
    this.wish = undefined
    const { events: past, start, trimmed } = await this.fetchPast(wish)
    // It goes up to what was newest as the server read it: what is newer comes by itself, or has come already. Of an earlier life of the log, whose
    // ids are beyond all others, is what came before.
    const { held = [], past: ids } = this
    const last = past.at(-1)
    const isEarlier = (event: LineMessageEvent) =>
      last && ids.isNewer(event, last) && ids.isNewer(last, event)
    const later = held.filter(event => !last || (!isEarlier(event) && ids.isNewer(event, last)))
    this.at = start
    this.turn('subscribed', 'open', { trimmed })
    if (later.length === 0) this.fetched = last
    for (const event of [...held.filter(isEarlier), ...past, ...later]) {
      if (this.readyState === 2) return
      this.at = event.lastEventId
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
        const found = events.findIndex(({ lastEventId }) => lastEventId === after)
        if (found >= 0) return { events: events.slice(found + 1), start: after, trimmed: false }
        if (!more || (mark === '-' && events.length >= amount)) return { events, start, trimmed }
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
