import { randomBytes } from 'node:crypto'
import { encode } from '../src/wire/encoder.ts'
import {
  type Entry,
  type GapReason,
  type History,
  type Log,
  type LogListener,
  placeOf,
  readPlace,
  writePlace,
} from './log.ts'
import { emptyPage, firstPage, type Page, page } from './page.ts'
import { randomName } from './random.ts'
import { createRing, type Ring } from './ring.ts'

export interface MemoryLogOptions {
  /**
   * How many messages each topic keeps. A client that was away for longer gets a `gap`.
   * @default 1000
   */
  retain?: number
}

/** How many dropped topics are remembered, so that whoever comes back for one is told of what was lost. */
const tombs = 10_000

/** A topic: what it keeps, and the number of the newest message it had to let go. */
interface Topic {
  kept: Ring<Entry>
  trimmed: number
  newest: number
}

/** A log in this process's memory. It begins a new epoch, and so forgets everything, each time it is made. */
export function memoryLog({ retain = 1_000 }: MemoryLogOptions = {}): Log {
  if (!Number.isSafeInteger(retain) || retain < 1)
    throw new TypeError(`retain is ${retain}; it must be 1 or more`)
  const epoch = randomName(6)
  const topics = new Map<string, Topic>()
  const dropped = new Map<string, number>()
  const listeners = new Set<LogListener>()
  const key = randomBytes(4).readUInt32LE()
  let top = 0
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
    let topic = topics.get(entry.topic)
    if (!topic) {
      topic = { kept: createRing(retain), trimmed: dropped.get(entry.topic) ?? 0, newest: 0 }
      topics.set(entry.topic, topic)
    }
    topic.newest = entry.seq
    const gone = topic.kept.push(entry)
    if (gone) topic.trimmed = gone.seq
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
    return Math.max(0, ...names.map(name => topics.get(name)?.trimmed ?? dropped.get(name) ?? 0))
  }

  function read(seq: number, names: readonly string[]): Page {
    const found = names.flatMap(name => topics.get(name)?.kept.after(seq, page.entries + 1) ?? [])
    if (names.length > 1) found.sort((a, b) => a.seq - b.seq)
    return firstPage(found)
  }

  function listen(listener: LogListener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  function drop(name: string): void {
    const topic = topics.get(name)
    if (!topic) return
    topics.delete(name)
    dropped.set(name, topic.newest)
    const [oldest] = dropped.keys()
    if (dropped.size > tombs && oldest !== undefined) dropped.delete(oldest)
  }
}
