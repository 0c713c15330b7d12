import { randomBytes } from 'node:crypto'
import { encode } from '../src/wire/encoder.ts'
import {
  checkRetain,
  checkTime,
  type Entry,
  type GapReason,
  type History,
  isPrivate,
  type Log,
  type LogListener,
  placeOf,
  readPlace,
  writePlace,
} from './log.ts'
import { emptyPage, firstPage, type Page } from './page.ts'
import { randomName } from './random.ts'
import { createRing, type Ring } from './ring.ts'
import { createTombs, type Tombs } from './tombs.ts'

export interface MemoryLogOptions {
  /**
   * How many messages each topic keeps. A client that was away for longer gets a `gap`.
   * @default 1000
   */
  retain?: number | undefined
  /**
   * Milliseconds after its last message until a topic is forgotten. Who comes back for something in it gets a `gap`. With
   * `Infinity` topics stay until they are dropped.
   * @default 86400000
   */
  expire?: number | undefined
}

/** How many dropped topics are remembered by name; those of sessions come and go, and are counted for themselves. */
const remembered = 10_000

/** A topic: what it keeps, the number of the newest message it had to let go, that of its newest, and when that was. */
interface Topic {
  kept: Ring<Entry>
  trimmed: number
  newest: number
  time: number
}

/** A log in this process's memory. It begins a new epoch, and so forgets everything, each time it is made. */
export function memoryLog({ retain = 1_000, expire = 86_400_000 }: MemoryLogOptions = {}): Log {
  checkRetain(retain)
  checkTime('expire', expire)
  const epoch = randomName(6)
  const topics = new Map<string, Topic>()
  const tombs = { public: createTombs(remembered), private: createTombs(remembered) }
  const listeners = new Set<LogListener>()
  const key = randomBytes(4).readUInt32LE()
  let top = 0
  let swept = Date.now()
  let newest = idOf(top) // thousands of lines begin here, and share this text

  return { append, after, listen, drop }

  function append(topic: string, { event, data, encoding }: Parameters<Log['append']>[1]): Entry {
    const seq = top + 1
    const id = idOf(seq)
    const entry = { id, seq, topic, text: encode({ id, event, data, encoding }) }
    top = seq
    newest = id
    keep(entry)
    for (const listener of listeners) listener.heard(entry)
    return entry
  }

  function keep(entry: Entry): void {
    const topic = topics.get(entry.topic) ?? begin(entry.topic)
    topic.newest = entry.seq
    topic.time = Date.now()
    if (topic.time - swept > expire / 60) sweep(topic.time)
    const gone = topic.kept.push(entry)
    if (gone) topic.trimmed = gone.seq
  }

  /** The topic of a session has a new name: one whose tomb is not there was never dropped. */
  function begin(name: string): Topic {
    const lost = tombsOf(name).remove(name) ?? (isPrivate(name) ? 0 : tombs.public.newestOf(name))
    const topic = { kept: createRing<Entry>(retain), trimmed: lost, newest: 0, time: 0 }
    topics.set(name, topic)
    return topic
  }

  /** What is published goes on making room: a timer would keep a log that nobody has any more. */
  function sweep(now: number): void {
    swept = now
    for (const [name, { time }] of topics) if (now - time > expire) drop(name)
  }

  function after(cursor: string | undefined, names: readonly string[]): History {
    if (cursor === undefined) return { start: newest, entries: [], more: false }
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

  function read(seq: number, names: readonly string[]): Page {
    return firstPage(
      names.flatMap(name => topics.get(name)?.kept ?? []),
      seq,
    )
  }

  function listen(listener: LogListener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  function drop(name: string): void {
    const topic = topics.get(name)
    if (!topic) return
    topics.delete(name)
    tombsOf(name).add(name, topic.newest)
  }
}
