import { randomBytes } from 'node:crypto'
import { encode } from '../../src/wire/encoder.ts'
import { quarterOfHeap } from '../heap-size.ts'
import { randomName } from '../random.ts'
import { type Numbered, removeFirst, settle } from './heap.ts'
import {
  type Backwards,
  checkCount,
  checkTime,
  type Entry,
  type GapReason,
  type History,
  isPrivate,
  type Log,
  type LogListener,
  type Packed,
  type Past,
  placeOf,
  readPlace,
  type Whole,
  writePlace,
} from './log.ts'
import { createRegistry } from './memory-registry.ts'
import { emptyPage, firstPage, type Page, page } from './page.ts'
import { type PerTopic, perTopic } from './per-topic.ts'
import { createRing, type Ring } from './ring.ts'
import { createTombs, type Tombs } from './tombs.ts'

/** Options of `memoryLog()`, and of a hub that is given no log. */
export interface MemoryLogOptions {
  /**
   * How many messages each topic keeps: one number for all, or one for each pattern, `{ 'ticker:*': 1, 'room:*': 500 }`. More: the oldest go first, and a client
   * that was away for longer gets a `gap`.
   * @default 1000
   */
  retain?: PerTopic | undefined
  /**
   * Milliseconds that a topic lasts after its last message, for all or for each pattern. More: it is forgotten, however many names there were (before that `retainBytesInAll` bounds them), and who comes back for something in it gets a `gap`. With
   * `Infinity` topics stay until they are dropped.
   * @default 86400000
   */
  expire?: PerTopic | undefined
  /**
   * Bytes of messages that each topic keeps, but its newest message in any case. More: the oldest go first, and a client that was away
   * for longer gets a `gap`. A message counts as much as it has bytes in UTF-8, and 200 for what it takes to keep it.
   * @default 16777216
   */
  retainBytes?: number | undefined
  /**
   * The same for what is sent to one session alone (`reply` and `session.send`), so that nobody who asks for much without reading holds much. More: as
   * with `retainBytes`.
   * @default 4194304
   */
  retainBytesPerSession?: number | undefined
  /**
   * The same for all topics together, each of which counts as much as its name and 1,000. More: the oldest messages go first, whatever topic they
   * are in, and a topic of which nothing is left is forgotten.
   * @default a quarter of the memory that Node gives to its heap
   */
  retainBytesInAll?: number | undefined
}

/** What bounds the log; see `limitTable`. */
export const retainTable = {
  retain: { usual: 1_000, unit: 'messages', counters: 'gaps' },
  expire: { usual: 86_400_000, unit: 'ms', counters: 'gaps' },
  retainBytes: { usual: 2 ** 24, unit: 'bytes', counters: 'gaps' },
  retainBytesPerSession: { usual: 2 ** 22, unit: 'bytes', counters: 'gaps' },
  retainBytesInAll: {
    usual: quarterOfHeap,
    unit: 'bytes',
    counters: 'gaps',
  },
}

/** What an entry takes beside its text, and a topic beside its entries, in bytes. */
const overhead = 200
const topicOverhead = 1_000

/** How many dropped topics are remembered by name; those of sessions come and go, and are counted for themselves. */
const remembered = 10_000

/** An entry, and when it was kept. */
interface Kept extends Entry {
  readonly time: number
}

/**
 * A topic: how many messages and bytes it may keep, and for how long; what it keeps and how many bytes that is, the number of the newest message it had to
 * let go, that of its newest, and when that was. `before`: messages up to this number are not missing in one that is kept whole, since it began after them.
 */
interface Topic {
  readonly name: string
  retain: number
  room: number
  lasts: number
  kept: Ring<Kept>
  bytes: number
  before: number
  trimmed: number
  newest: number
  time: number
}

/** A topic among all, by the oldest that it keeps or kept when that was last looked at. */
interface Place extends Numbered {
  topic: Topic
}

/**
 * A log in this process's memory. It begins a new epoch, and so forgets everything, each time it is made.
 *
 * @throws {TypeError} naming the option, and the pattern if it is about one: `retain` has to be a whole number, 1 or more, `expire` a positive number of ms or
 *   `Infinity`, and the others a number of bytes, 1 or more, or `Infinity`
 */
export function memoryLog({
  retain = retainTable.retain.usual,
  expire = retainTable.expire.usual,
  retainBytes = retainTable.retainBytes.usual,
  retainBytesPerSession = retainTable.retainBytesPerSession.usual,
  retainBytesInAll = retainTable.retainBytesInAll.usual(),
}: MemoryLogOptions = {}): Log {
  const most = perTopic('retain', retain, retainTable.retain.usual, checkCount)
  const lasting = perTopic('expire', expire, retainTable.expire.usual, checkTime)
  checkBytes({ retainBytes, retainBytesPerSession, retainBytesInAll })
  const epoch = randomName(6)
  const topics = new Map<string, Topic>()
  const byAge = new Map<number, Set<Topic>>() // those that last so long, the longest silent first
  const tombs = { public: createTombs(remembered), private: createTombs(remembered) }
  const listeners = new Set<LogListener>()
  const key = randomBytes(4).readUInt32LE()
  let places: Place[] = [] // a heap; those of dropped topics stay for a while
  let bytes = 0
  let top = 0
  const began = Date.now() // entries count from here: so small a number is kept in place
  let swept = 0
  let newest = idOf(top) // thousands of lines begin here, and share this text

  return { append, after, back, pass, listen, drop, registry: createRegistry() }

  function append(topic: string, { event, data, encoding, type, re }: Packed, whole?: Whole): Entry {
    const seq = top + 1
    const id = idOf(seq)
    const name = isPrivate(topic) ? undefined : topic
    const entry = {
      id,
      seq,
      topic,
      text: encode({ id, event, topic: name, data, encoding, type, re }),
      time: Date.now() - began,
    }
    top = seq
    newest = id
    keep(entry, whole)
    for (const listener of listeners) listener.heard(entry)
    return entry
  }

  function keep(entry: Kept, whole: Whole | undefined): void {
    sweep(entry.time)
    const topic = topics.get(entry.topic) ?? begin(entry.topic, entry, whole)
    topic.newest = entry.seq
    if (topic.time !== entry.time) touch(topic, entry.time)
    if (whole) keepWhole(topic, whole)
    topic.kept.push(entry)
    count(topic, sizeOf(entry))
    while (topic.kept.length > topic.retain || (topic.bytes > topic.room && topic.kept.length > 1))
      trim(topic)
    while (bytes > retainBytesInAll && top > oldestOf(places)) trim((places[0] as Place).topic)
  }

  function count(topic: Topic, change: number): void {
    topic.bytes += change
    bytes += change
  }

  function trim(topic: Topic): void {
    const gone = topic.kept.shift() as Entry
    count(topic, -sizeOf(gone))
    topic.trimmed = gone.seq
    if (topic.kept.length === 0) drop(gone.topic)
  }

  /** The number of the oldest that is kept, whose topic is the first then. */
  function oldestOf(places: Place[]): number {
    for (let first = places[0]; first; first = places[0]) {
      const next = first.topic.kept.at(0)
      if (next === first.next) return next.seq
      if (next) first.next = next
      else removeFirst(places)
      settle(places)
    }
    return top
  }

  /** The topic of a session has a new name: one whose tomb is not there was never dropped. */
  function begin(name: string, next: Kept, whole: Whole | undefined): Topic {
    const lost = tombsOf(name).remove(name) ?? (isPrivate(name) ? 0 : tombs.public.newestOf(name))
    const topic = {
      name,
      retain: most.of(name),
      room: isPrivate(name) ? retainBytesPerSession : retainBytes,
      lasts: lasting.of(name),
      kept: createRing<Kept>(),
      bytes: 0,
      before: whole ? lost : 0,
      trimmed: lost,
      newest: 0,
      time: next.time,
    }
    topics.set(name, topic)
    enterRow(topic)
    if (places.length > 2 * topics.size)
      places = places.filter(place => place.topic.kept.length > 0).sort(byNext)
    count(topic, name.length + topicOverhead)
    places.push({ topic, next }) // the last, for its number is the highest
    return topic
  }

  function keepWhole(topic: Topic, { expire = lasting.of(topic.name) }: Whole): void {
    topic.retain = topic.room = Number.POSITIVE_INFINITY
    if (topic.lasts === expire) return
    leaveRow(topic)
    topic.lasts = expire
    enterRow(topic)
  }

  /** Many messages in one millisecond are one time. */
  function touch(topic: Topic, time: number): void {
    topic.time = time
    const row = byAge.get(topic.lasts) as Set<Topic>
    row.delete(topic)
    row.add(topic)
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

  /** Whoever publishes or reads makes room: a timer would keep a log that nobody has any more. It looks at what is over, and at nothing else. */
  function sweep(now = Date.now() - began): void {
    if (now === swept) return
    swept = now
    for (const [ms, topics] of byAge)
      for (const topic of topics) {
        if (now - topic.time <= ms) break
        drop(topic.name)
      }
  }

  function after(cursor: string | undefined, names: readonly string[]): History {
    if (cursor === undefined) return { start: newest, entries: [], more: false }
    sweep()
    // Nothing can be after it, nor lost.
    if (cursor === newest) return { start: newest, entries: [], more: false }
    const from = readPlace(cursor)
    if (!from) return gap('unknown', cursor)
    if (from.epoch !== epoch) return gap('epoch', cursor, read(0, names), trimmedOf(names))
    if (from.seq > top) return gap('future', cursor)
    if (idOf(from.seq) !== cursor) return gap('rollback', cursor)
    const found = read(from.seq, names)
    const trimmed = trimmedOf(names)
    return trimmed > from.seq ? gap('trimmed', cursor, found, trimmed) : { start: cursor, ...found }
  }

  /**
   * Delivery goes on just before what was found. Of several topics one may have kept messages from before those that
   * another had to trim: they are delivered too, so `to` can lie beyond the start.
   */
  function gap(reason: GapReason, from: string, found: Page = emptyPage, trimmed = 0): History {
    const start = found.entries[0] ? found.entries[0].seq - 1 : top
    return { start: idOf(start), gap: { reason, from, to: idOf(Math.max(trimmed, start)) }, ...found }
  }

  function idOf(seq: number): string {
    return writePlace(placeOf(epoch, seq, key))
  }

  function trimmedOf(names: readonly string[]): number {
    return names.reduce(
      (most, name) => Math.max(most, topics.get(name)?.trimmed ?? tombsOf(name).newestOf(name)),
      0,
    )
  }

  function tombsOf(name: string): Tombs {
    return isPrivate(name) ? tombs.private : tombs.public
  }

  function back(name: string, { before, limit, since = 0 }: Backwards): Past {
    const from = before === undefined ? undefined : readPlace(before)
    if (before !== undefined && (from?.epoch !== epoch || idOf(from.seq) !== before))
      return { entries: [], start: newest, more: false, trimmed: true }
    sweep()
    const {
      kept = createRing<Kept>(),
      before: lostBefore = 0,
      trimmed = tombsOf(name).newestOf(name),
    } = topics.get(name) ?? {}
    const end = kept.search(from ? from.seq - 1 : top)
    const { first, isFull } = pageBefore(kept, end, limit, since - began)
    const entries: Entry[] = []
    for (let at = first; at < end; at++) entries.push(kept.at(at) as Kept)
    const start = idOf(entries[0] ? entries[0].seq - 1 : from ? Math.max(from.seq - 1, 0) : top)
    return { entries, start, more: isFull && first > 0, trimmed: first === 0 && trimmed > lostBefore }
  }

  function read(seq: number, names: readonly string[]): Page {
    return firstPage(
      names.flatMap(name => topics.get(name)?.kept ?? []),
      seq,
    )
  }

  function pass(topic: string, { event, data, encoding, type }: Packed): void {
    const text = encode({ event, topic, data, encoding, type })
    for (const listener of listeners) listener.passed?.(topic, text)
  }

  function listen(listener: LogListener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  function drop(name: string): void {
    const topic = topics.get(name)
    if (!topic) return
    topics.delete(name)
    leaveRow(topic)
    count(topic, -topic.bytes)
    topic.kept = createRing()
    tombsOf(name).add(name, topic.newest)
  }
}

function sizeOf({ text }: Entry): number {
  return Buffer.byteLength(text) + overhead
}

/** Where a page begins that ends before `end`, and whether it ends there because it has no more room. */
function pageBefore(
  kept: Ring<Kept>,
  end: number,
  limit: number,
  since: number,
): { first: number; isFull: boolean } {
  let first = end
  for (let characters = 0; first > 0; first--) {
    const { text, time } = kept.at(first - 1) as Kept
    if (time < since) return { first, isFull: false }
    characters += text.length
    if (end - first === limit || (first < end && characters > page.characters)) return { first, isFull: true }
  }
  return { first, isFull: false }
}

function byNext(one: Place, other: Place): number {
  return one.next.seq - other.next.seq
}

function checkBytes(options: Record<string, number>): void {
  for (const [name, value] of Object.entries(options))
    if (!(typeof value === 'number' && value >= 1))
      throw new TypeError(`${name} is ${value}; it must be a number of bytes, 1 or more`)
}
