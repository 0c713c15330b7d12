import type { Gap } from '../contracts/frame.ts'
import type { SubscribeOptions } from '../contracts/subscription.ts'
import { isOwn, listen, type Store, same } from './store.ts'
import { type HeardIn, type Hearing, type TopicSnapshot, topicStore, watchTopic } from './topic.ts'

/** A message in a list. */
export interface Message<Data = unknown, Name = string> {
  /** A number that no other message of the list has, for the `key` of what is rendered. */
  readonly key: number
  /** The event's name; `message` if it was published without one. */
  readonly type: Name
  /** What was published. */
  readonly data: Data
  /** Its id. One that is volatile has that of the message before it. */
  readonly lastEventId: string
  /** Set on the first message after a gap: what was lost before it. */
  readonly gap?: Gap
}

/** Messages of these names, told apart by their `type`. */
export type MessagesOf<Heard, Name extends keyof Heard> = {
  [Each in Name]: Message<Heard[Each], Each>
}[Name]

/** A message that the page has already, as from a server that rendered it. */
export interface InitialMessage<Data = unknown> {
  /** @default 'message' */
  readonly type?: string | undefined
  /** What was published. */
  readonly data: Data
  /** Its id: the list goes on after that of the last one. */
  readonly lastEventId?: string | undefined
}

/** Which messages are in a list. */
export interface MessagesOptions<Name extends string = string, Data = unknown> extends SubscribeOptions {
  /** How many at most, the newest. `loadOlder()` makes room for what it brings. @default 100 */
  limit?: number | undefined
  /** The names of the events that are in it. @default ['message'] */
  events?: readonly Name[] | undefined
  /**
   * What is in it from the beginning, the oldest first. If the last one has an id, the list goes on after it, and `history` and `since` count for nothing.
   * @default nothing
   */
  initial?: readonly InitialMessage<Data>[] | undefined
}

/** A list of messages as it is now. */
export interface MessagesSnapshot<Given = Message> extends TopicSnapshot {
  /** The newest, the oldest of them first. The same array until there is another message. */
  readonly messages: readonly Given[]
  /** The last gap there was: messages that were lost, and that nobody keeps any more. */
  readonly gap: Gap | undefined
  /** Not all of the history that was asked for is kept. */
  readonly trimmed: boolean
  /**
   * Puts older messages before the first, 50 unless you say otherwise, 1,000 at most. Resolves with whether still older ones are kept.
   *
   * @throws {ConnectionError} as a rejection, with what `subscription.history()` rejects with
   */
  readonly loadOlder: (limit?: number) => Promise<boolean>
}

/** The list of a topic's newest messages, as long as somebody wants it. */
export function messagesStore<Messages, Shared, Topic extends string, Name extends string>(
  line: Hearing<Messages, Shared>,
  topic: Topic | null | undefined,
  options: MessagesOptions<Name>,
): Store<
  MessagesSnapshot<
    MessagesOf<HeardIn<Messages, Shared, Topic>, Name & keyof HeardIn<Messages, Shared, Topic>>
  >
> {
  const { limit = 100, events = ['message'], initial = [] } = options
  const given = initial.map(({ type = 'message', data, lastEventId = '' }, key) => ({
    key,
    type,
    data,
    lastEventId,
  }))
  const first: MessagesSnapshot = {
    messages: newest(given, limit),
    gap: undefined,
    trimmed: false,
    state: 'idle',
    error: undefined,
    loadOlder: async () => false,
  }
  return topicStore(line, topic, first, (open, stir) => {
    const subscription = open(beginning(options))
    const list = listOf(given, limit)
    let trimmed = false
    const hear = (event: MessageEvent) => {
      if (isOwn(event)) return
      const { type, data, lastEventId } = event
      list.add({ type, data, lastEventId })
      stir()
    }
    const watching = watchTopic(subscription, stir)
    const leave = listen(subscription, Object.fromEntries(events.map(name => [name, hear])))
    const leaveOwn = listen(subscription, {
      open(event: { trimmed?: boolean }) {
        if (isOwn(event)) trimmed ||= event.trimmed === true
      },
      gap(event: Gap) {
        if (!isOwn(event)) return
        list.lose({ reason: event.reason, from: event.from, to: event.to })
        stir()
      },
    })
    const firstId = () => list.now().find(({ lastEventId }) => lastEventId)?.lastEventId
    /** How far it went back, with the list that begins with `first`: what is before that may be of other names. */
    let back: { first: string | undefined; to: string } | undefined
    const loadOlder = async (limit = 50) => {
      const first = firstId()
      const before = back && back.first === first ? back.to : first
      const { messages, more } = await subscription.history({ before, limit })
      list.addOlder(messages.filter(({ type }) => (events as readonly string[]).includes(type)))
      const [oldest] = messages
      if (oldest) back = { first: firstId(), to: oldest.lastEventId }
      stir()
      return more
    }
    return {
      read: last =>
        same(last, { messages: list.now(), gap: list.gap(), trimmed, loadOlder, ...watching.now() }),
      end() {
        leave()
        leaveOwn()
        watching.end()
        subscription.close()
      },
    }
  }) as never
}

function beginning({ history, since, initial = [] }: MessagesOptions): SubscribeOptions {
  const id = initial.at(-1)?.lastEventId
  return id ? { since: id } : { history, since }
}

type Bare = Omit<Message, 'key'>

/** Messages that come one by one and are asked for now and then: the array is made when it is. */
function listOf(initial: readonly Message[], limit: number) {
  let room = limit
  let list = newest(initial, limit)
  let arrived: Message[] = []
  let gap: Gap | undefined
  /** Of which the next message tells. */
  let untold: Gap | undefined
  let next = initial.length
  let lowest = 0
  return {
    add(message: Bare) {
      arrived.push({ key: next++, ...message, ...(untold && { gap: untold }) })
      untold = undefined
      // What would be thrown away at once is not kept until then.
      if (arrived.length >= 2 * room + 100) arrived = newest(arrived, room)
    },
    addOlder(page: readonly Bare[]) {
      const known = new Set(now().map(({ lastEventId }) => lastEventId))
      const older = page.filter(({ lastEventId }) => !known.has(lastEventId))
      lowest -= older.length
      room += older.length
      const made = older.map(({ type, data, lastEventId }, index) => ({
        key: lowest + index,
        type,
        data,
        lastEventId,
      }))
      if (made.length > 0) list = [...made, ...list]
    },
    lose(lost: Gap) {
      gap = untold = lost
    },
    gap: () => gap,
    now,
  }

  function now(): readonly Message[] {
    if (arrived.length > 0) list = newest([...list, ...arrived], room)
    arrived = []
    return list
  }
}

function newest<Item>(items: Item[], limit: number): Item[]
function newest<Item>(items: readonly Item[], limit: number): readonly Item[]
function newest<Item>(items: readonly Item[], limit: number): readonly Item[] {
  return items.length > limit ? items.slice(items.length - limit) : items
}
