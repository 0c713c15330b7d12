import type { Entry } from '../log/log.ts'
import { type Connection, fromLive, isOver, nowhere, topicsOf } from '../sessions/session.ts'
import { emptyBatch, extend, type Piece } from '../wire/batch.ts'

/** Brings what is published to the lines that hear it, and what a line has to say into as few frames as may be. */
export interface Fanout {
  join(connection: Connection): void
  leave(connection: Connection): void
  /** Hands an entry to all who hear its topic. */
  deliver(entry: Entry): void
  /** The lines that hear a topic. */
  hearers(topic: string): Iterable<Connection>
  /** Hands an entry to one line, unless it had it. */
  give(connection: Connection, entry: Entry): void
  /** Lets a line say something at the end of this turn of the event loop, together with all else it has to say. */
  queue(connection: Connection, piece: Piece): void
  /** Says it now. */
  flush(connection: Connection): void
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
export function createFanout(unsent: number, slow: (connection: Connection) => void): Fanout {
  // Most topics are a session's own, which one line hears: it stands there by itself.
  const topics = new Map<string, Connection | Set<Connection>>()
  let waiting: Connection[] = []
  let root = emptyBatch()
  const fanout: Fanout = { join, leave, deliver, hearers, give, queue, flush, clock: 0 }
  return fanout

  function join(connection: Connection): void {
    for (const topic of topicsOf(connection)) {
      const lines = topics.get(topic)
      if (!lines) topics.set(topic, connection)
      else if (lines instanceof Set) lines.add(connection)
      else topics.set(topic, new Set([lines, connection]))
    }
  }

  function leave(connection: Connection): void {
    connection.feed = nowhere
    connection.queue = undefined
    for (const topic of topicsOf(connection)) {
      const lines = topics.get(topic)
      if (lines instanceof Set) lines.delete(connection)
      if (lines === connection || (lines instanceof Set && lines.size === 0)) topics.delete(topic)
    }
  }

  function deliver(entry: Entry): void {
    const lines = topics.get(entry.topic)
    if (lines instanceof Set) for (const connection of lines) offer(connection, entry)
    else if (lines) offer(lines, entry)
  }

  function hearers(topic: string): Iterable<Connection> {
    const lines = topics.get(topic)
    return lines instanceof Set ? lines : lines ? [lines] : []
  }

  function offer(connection: Connection, entry: Entry): void {
    if (connection.feed.from === 'live') give(connection, entry)
    else if (connection.feed.from === 'both') connection.feed.early.push(entry)
  }

  function give(connection: Connection, entry: Entry): void {
    if (entry.seq <= connection.at.seq) return
    connection.at = entry
    queue(connection, entry)
  }

  function queue(connection: Connection, piece: Piece): void {
    const most = connection.channel.once ? answer : frame
    if (connection.queue && connection.queue.size + piece.text.length > most) flush(connection)
    if (isOver(connection)) return
    if (!connection.queue) {
      if (!waiting.length) setImmediate(flushAll)
      waiting.push(connection)
    }
    connection.queue = extend(connection.queue ?? root, piece)
  }

  function flushAll(): void {
    const connections = waiting
    waiting = []
    root = emptyBatch()
    for (const connection of connections) flush(connection)
  }

  function flush(connection: Connection): void {
    const { queue, channel } = connection
    if (!queue) return
    connection.queue = undefined
    connection.wrote = fanout.clock
    channel.write(queue)
    if (channel.once) leave(connection)
    else if (connection.feed === fromLive && channel.unsent() > unsent) slow(connection)
  }
}
