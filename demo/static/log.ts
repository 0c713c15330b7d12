import type { Log } from '../../server/index.ts'
import { type Entry, isPrivate, type LogListener, readPlace, writePlace } from '../../server/log/log.ts'
import { randomName } from '../../server/random.ts'
import { encode } from '../../src/wire/encoder.ts'

/** A log that outlives its page, as a server's outlives the server in a database. */
export interface PageLog extends Log {
  /** As JSON can hold it. */
  keep(): Kept
}

export interface Kept {
  epoch: string
  top: number
  entries: Entry[]
}

/** How many messages are kept, over all topics. */
const most = 1_000

export function pageLog({ epoch, top, entries }: Kept = newLog()): PageLog {
  const listeners = new Set<LogListener>()
  return {
    keep: () => ({ epoch, top, entries }),

    append(topic, { event, data, encoding, type, re }) {
      const seq = ++top
      const id = idOf(seq)
      const name = isPrivate(topic) ? undefined : topic
      const entry = { id, seq, topic, text: encode({ id, event, topic: name, data, encoding, type, re }) }
      entries.push(entry)
      if (entries.length > most) entries.shift()
      for (const listener of listeners) listener.heard(entry)
      return entry
    },

    after(cursor, topics) {
      if (cursor === undefined) return { start: idOf(top), entries: [], more: false }
      const from = readPlace(cursor)
      const first = entries[0]?.seq ?? top + 1
      const found = entries.filter(({ topic, seq }) => topics.includes(topic) && seq > (from?.seq ?? 0))
      if (from?.epoch !== epoch || from.seq < first - 1) {
        const start = idOf(first - 1)
        const reason = from?.epoch === epoch ? 'trimmed' : 'epoch'
        return { start, gap: { reason, from: cursor, to: start }, entries: found, more: false }
      }
      return { start: cursor, entries: found, more: false }
    },

    back: () => ({ entries: [], start: idOf(top), more: false, trimmed: true }),

    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    drop(name) {
      entries = entries.filter(({ topic }) => topic !== name)
    },
  }

  function idOf(seq: number): string {
    return writePlace({ epoch, seq, tag: '0' })
  }
}

function newLog(): Kept {
  return { epoch: randomName(6), top: 0, entries: [] }
}
