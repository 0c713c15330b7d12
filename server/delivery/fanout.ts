import type { Entry } from '../log/log.ts'
import { type Connection, fromLive, isOver, nowhere, topicsOf } from '../sessions/session.ts'
import { emptyBatch, extend, type Piece } from '../wire/batch.ts'

/** Brings what is published to the lines that hear it, and what a line has to say into as few frames as may be. */
export interface Fanout {
  join(line: Connection): void
  leave(line: Connection): void
  /** Hands an entry to all who hear its topic. */
  deliver(entry: Entry): void
  /** The lines that hear a topic. */
  hearers(topic: string): Iterable<Connection>
  /** Hands an entry to one line, unless it had it. */
  give(line: Connection, entry: Entry): void
  /** Lets a line say something at the end of this turn of the event loop, together with all else it has to say. */
  queue(line: Connection, piece: Piece): void
  /** Says it now. */
  flush(line: Connection): void
  /** Counts time: `Line.wrote` is in these. */
  clock: number
}

/**
 * Characters in one frame, unless a single message is larger: a browser should not have to parse for long in one task.
 * The answer to a poll may be longer, since the next one is a round trip away.
 */
const frame = 2 ** 16
const answer = 2 ** 19

/** `slow` is told of each live line that leaves more than `unsent` bytes waiting. */
export function createFanout(unsent: number, slow: (line: Connection) => void): Fanout {
  // Most topics are a session's own, which one line hears: it stands there by itself.
  const topics = new Map<string, Connection | Set<Connection>>()
  let waiting: Connection[] = []
  let root = emptyBatch()
  const fanout: Fanout = { join, leave, deliver, hearers, give, queue, flush, clock: 0 }
  return fanout

  function join(line: Connection): void {
    for (const topic of topicsOf(line)) {
      const lines = topics.get(topic)
      if (!lines) topics.set(topic, line)
      else if (lines instanceof Set) lines.add(line)
      else topics.set(topic, new Set([lines, line]))
    }
  }

  function leave(line: Connection): void {
    line.feed = nowhere
    line.queue = undefined
    for (const topic of topicsOf(line)) {
      const lines = topics.get(topic)
      if (lines instanceof Set) lines.delete(line)
      if (lines === line || (lines instanceof Set && lines.size === 0)) topics.delete(topic)
    }
  }

  function deliver(entry: Entry): void {
    const lines = topics.get(entry.topic)
    if (lines instanceof Set) for (const line of lines) offer(line, entry)
    else if (lines) offer(lines, entry)
  }

  function hearers(topic: string): Iterable<Connection> {
    const lines = topics.get(topic)
    return lines instanceof Set ? lines : lines ? [lines] : []
  }

  function offer(line: Connection, entry: Entry): void {
    if (line.feed.from === 'live') give(line, entry)
    else if (line.feed.from === 'both') line.feed.early.push(entry)
  }

  function give(line: Connection, entry: Entry): void {
    if (entry.seq <= line.at.seq) return
    line.at = entry
    queue(line, entry)
  }

  function queue(line: Connection, piece: Piece): void {
    const most = line.channel.once ? answer : frame
    if (line.queue && line.queue.size + piece.text.length > most) flush(line)
    if (isOver(line)) return
    if (!line.queue) {
      if (!waiting.length) setImmediate(flushAll)
      waiting.push(line)
    }
    line.queue = extend(line.queue ?? root, piece)
  }

  function flushAll(): void {
    const lines = waiting
    waiting = []
    root = emptyBatch()
    for (const line of lines) flush(line)
  }

  function flush(line: Connection): void {
    const { queue, channel: pipe } = line
    if (!queue) return
    line.queue = undefined
    line.wrote = fanout.clock
    pipe.write(queue)
    if (pipe.once) leave(line)
    else if (line.feed === fromLive && pipe.unsent() > unsent) slow(line)
  }
}
