import { isPrivate } from './log.ts'
import { createRing, type Ring } from './ring.ts'
import { createTombs, type Tombs } from './tombs.ts'

/** A message that the stream holds, without its text. */
export interface Item {
  readonly seq: number
  readonly time: number
  /** Bytes of its block. */
  readonly size: number
}

/** What a message says beside its block. */
export interface Said {
  /** Of the first of a topic: up to where others of its name were lost. */
  readonly lost?: number | undefined
  /** Of one that asks for its topic to be kept whole: how long that lasts, in ms. */
  readonly whole?: number | undefined
}

/** How much of a topic is kept. */
export interface Bounds {
  retain(topic: string): number
  lasts(topic: string): number
}

/** A topic that is over, and its newest number. */
export interface Over {
  readonly topic: string
  readonly newest: number
}

/** See `Topic` in memory-log.ts. `extra`: how many that were let go the stream still holds. */
interface Topic {
  readonly name: string
  retain: number
  lasts: number
  kept: Ring<Item>
  readonly before: number
  trimmed: number
  newest: number
  time: number
  extra: number
}

/**
 * What the stream holds, topic by topic: each node makes it for itself from the same messages in the same order, so that all know the same. The stream keeps
 * one more of a topic than the index does, the newest that was let go: so a node that begins later knows where the edge is.
 */
export interface Index {
  keep(topic: string, item: Item, said: Said): void
  /** A topic is over, with all up to `newest`; if that is `due`, only as long as nobody published in it since. */
  end(over: Over, due: boolean): void
  /** Those that nobody published in for too long, each once. */
  sweep(now: number): Over[]
  /** It is not in the stream any more, though nobody let it go: somebody took it out by hand. */
  lose(topic: string, seq: number): void
  /** Up to which number the stream holds more of a topic than it has to, if it is worth the work. */
  surplus(topic: string): number | undefined
  /** Its newest number; nothing if there is none. */
  newestOf(topic: string): number | undefined
  /** Up to where something of a topic that is not there may have been lost. */
  lostOf(topic: string): number
  trimmedOf(topics: readonly string[]): number
  keptOf(topic: string): Ring<Item>
  /** Whether the topic lets others go, or let them, that it should have. */
  hasLost(topic: string): boolean
  readonly topics: IterableIterator<string>
}

/** How many dropped topics are remembered by name, of each kind. */
const remembered = 10_000

/** How many messages more than it has to the stream may hold of a topic. */
const slack = 64

const none = createRing<Item>()

export function createIndex(bounds: Bounds): Index {
  const topics = new Map<string, Topic>()
  const byAge = new Map<number, Set<Topic>>() // those that last so long, the longest silent first
  const tombs = { public: createTombs(remembered), private: createTombs(remembered) }

  return {
    keep,
    end,
    sweep,
    lose,
    surplus,
    newestOf: topic => topics.get(topic)?.newest,
    lostOf: topic => tombsOf(topic).newestOf(topic),
    trimmedOf,
    keptOf: topic => topics.get(topic)?.kept ?? none,
    hasLost,
    get topics() {
      return topics.keys()
    },
  }

  function keep(name: string, item: Item, said: Said): void {
    const topic = topics.get(name) ?? begin(name, item, said)
    topic.trimmed = Math.max(topic.trimmed, said.lost ?? 0)
    topic.newest = item.seq
    topic.time = item.time
    leaveRow(topic)
    if (said.whole !== undefined) {
      topic.retain = Number.POSITIVE_INFINITY
      topic.lasts = said.whole
    }
    enterRow(topic)
    topic.kept.push(item)
    while (topic.kept.length > topic.retain) {
      topic.trimmed = topic.kept.shift()?.seq ?? 0
      topic.extra++
    }
  }

  /** One that does not say that it is the first had others before it, which are gone. */
  function begin(name: string, { seq, time }: Item, { lost, whole }: Said): Topic {
    const tomb = tombsOf(name).remove(name) ?? 0
    const trimmed = Math.max(tomb, lost ?? (tomb || seq - 1))
    const topic = {
      name,
      retain: bounds.retain(name),
      lasts: bounds.lasts(name),
      kept: createRing<Item>(),
      before: whole === undefined ? 0 : trimmed,
      trimmed,
      newest: seq,
      time,
      extra: 0,
    }
    topics.set(name, topic)
    return topic
  }

  function enterRow(topic: Topic): void {
    const row = byAge.get(topic.lasts) ?? new Set()
    byAge.set(topic.lasts, row.add(topic))
  }

  function leaveRow(topic: Topic): void {
    const row = byAge.get(topic.lasts)
    row?.delete(topic)
    if (row?.size === 0) byAge.delete(topic.lasts)
  }

  function end({ topic: name, newest }: Over, due: boolean): void {
    const topic = topics.get(name)
    if (!topic) tombsOf(name).add(name, Math.max(newest, tombsOf(name).remove(name) ?? 0))
    else if (!due || topic.newest <= newest) forget(topic, newest)
  }

  function forget(topic: Topic, newest: number): void {
    topics.delete(topic.name)
    leaveRow(topic)
    tombsOf(topic.name).add(topic.name, Math.max(topic.newest, newest))
  }

  function sweep(now: number): Over[] {
    const over: Over[] = []
    for (const [ms, row] of byAge)
      for (const topic of row) {
        if (now - topic.time <= ms) break
        over.push({ topic: topic.name, newest: topic.newest })
        forget(topic, topic.newest)
      }
    return over
  }

  function lose(name: string, seq: number): void {
    const topic = topics.get(name)
    if (!topic) return
    const left = createRing<Item>()
    for (let at = 0; at < topic.kept.length; at++) {
      const item = topic.kept.at(at) as Item
      if (item.seq !== seq) left.push(item)
    }
    topic.kept = left
    topic.trimmed = Math.max(topic.trimmed, seq)
  }

  function surplus(name: string): number | undefined {
    const topic = topics.get(name)
    if (!topic || topic.extra <= slack) return undefined
    topic.extra = 1
    return topic.trimmed - 1
  }

  function trimmedOf(names: readonly string[]): number {
    return names.reduce(
      (most, name) => Math.max(most, topics.get(name)?.trimmed ?? tombsOf(name).newestOf(name)),
      0,
    )
  }

  function hasLost(name: string): boolean {
    const topic = topics.get(name)
    return topic ? topic.trimmed > topic.before : tombsOf(name).newestOf(name) > 0
  }

  function tombsOf(name: string): Tombs {
    return isPrivate(name) ? tombs.private : tombs.public
  }
}
