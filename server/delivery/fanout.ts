import { type Entry, type Log, spaceOf } from '../log/log.ts'
import type { Counts } from '../operation/journal.ts'
import { type Connection, type Feed, feedsOf, goesOnAt, none, reach } from '../sessions/session.ts'
import { emptyBatch, extend, type Piece } from '../wire/batch.ts'

/** Brings what is published to the feeds that hear it, and what a line has to say into as few frames as may be. */
export interface Fanout {
  join(feed: Feed): void
  leave(feed: Feed): void
  /** The connection hears nothing any more. */
  end(connection: Connection): void
  /** Hands an entry to all who hear its topic. */
  deliver(entry: Entry): void
  /** The same for a message that is not kept: it goes to those alone who can be given it now. */
  pass(topic: string, text: string): void
  /** The feeds that hear a topic. */
  hearers(topic: string): Iterable<Feed>
  /** Hands an entry to one feed, unless it had it. */
  give(feed: Feed, entry: Entry): void
  /**
   * Lets a line say something at the end of this turn of the event loop, together with all else it has to say. Where that is more than an answer to a
   * poll may hold, the answer goes out, and the connection is over: this is not said.
   */
  queue(connection: Connection, piece: Piece): void
  /** Says it now. `more` follows at once, which an answer to a poll goes on with if it can. */
  flush(connection: Connection, more?: boolean): void
  /** Counts time: `Line.wrote` is in these. */
  clock: number
}

/**
 * Characters in one frame, unless a single message is larger: a browser should not have to parse for long in one task.
 * The answer to a poll may be longer, since the next one is a round trip away.
 */
const frame = 2 ** 16
export const answer = 2 ** 19

interface Hooks {
  /** The line leaves more than `unsent` bytes waiting while it is given what is published. */
  slow(connection: Connection): void
  /** A poll was answered. */
  answered(connection: Connection): void
}

export function createFanout(
  unsent: number,
  log: Pick<Log, 'follow' | 'unfollow' | 'spaces' | 'sure'>,
  counts: Counts,
  { slow, answered }: Hooks,
): Fanout {
  // Most topics are a session's own, which one feed hears: it stands there by itself.
  const topics = new Map<string, Feed | Set<Feed>>()
  let waiting: Connection[] = []
  let root = emptyBatch()
  const fanout: Fanout = { join, leave, end, deliver, pass, hearers, give, queue, flush, clock: 0 }
  return fanout

  function join(feed: Feed): void {
    for (const topic of feed.topics) {
      const feeds = topics.get(topic)
      if (!feeds) {
        topics.set(topic, feed)
        log.follow?.(topic)
      } else if (feeds instanceof Set) feeds.add(feed)
      else topics.set(topic, new Set([feeds, feed]))
    }
  }

  function leave(feed: Feed): void {
    feed.from = 'nowhere'
    feed.early = none
    for (const topic of feed.topics) {
      const feeds = topics.get(topic)
      if (feeds instanceof Set) feeds.delete(feed)
      if (feeds !== feed && !(feeds instanceof Set && feeds.size === 0)) continue
      topics.delete(topic)
      log.unfollow?.(topic)
    }
  }

  function end(connection: Connection): void {
    connection.isOver = true
    connection.queue = undefined
    for (const feed of feedsOf(connection)) leave(feed)
  }

  function deliver(entry: Entry): void {
    const feeds = topics.get(entry.topic)
    if (!feeds) return
    const space = spaceOf(log, entry.topic)
    if (feeds instanceof Set) for (const feed of feeds) offer(feed, entry, space)
    else offer(feeds, entry, space)
  }

  function pass(topic: string, text: string): void {
    const piece = { topic, text }
    for (const { connection, from } of hearers(topic)) {
      if (from !== 'live' || connection.slow) continue
      queue(connection, named(connection, piece))
      if (!connection.isOver) counts.delivered++
    }
  }

  function hearers(topic: string): Iterable<Feed> {
    const feeds = topics.get(topic)
    return feeds instanceof Set ? feeds : feeds ? [feeds] : []
  }

  function offer(feed: Feed, entry: Entry, space: number): void {
    const { connection } = feed
    if (feed.from === 'both') feed.early.push(entry)
    else if (feed.from === 'live') {
      if (connection.slow) fallBehind(feed, space)
      else {
        give(feed, entry)
        reach(connection, space, entry)
      }
    }
  }

  /** It is read from the log when the channel takes more. A feed that was live has all up to what its connection was given last. */
  function fallBehind(feed: Feed, space: number): void {
    const { connection } = feed
    feed.at = goesOnAt(feed, log, space)
    feed.from = 'log'
    connection.late = true
  }

  function give(feed: Feed, entry: Entry): void {
    const { connection } = feed
    const isLate = entry.seq <= feed.at.seq
    if (isLate && !isPassedOver(feed, entry)) return
    queue(connection, named(connection, isLate ? withoutId(entry) : entry))
    // An answer that was full went out without it: the next one goes on from before it.
    if (connection.isOver) return
    if (!isLate) feed.at = entry
    counts.delivered++
  }

  function queue(connection: Connection, piece: Piece): void {
    const most = connection.channel.once ? answer : frame
    if (connection.queue && connection.queue.size + piece.text.length > most) flush(connection, true)
    if (connection.isOver) return
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

  function flush(connection: Connection, more = false): void {
    const { channel } = connection
    const queue = connection.queue ?? (channel.isBegun && !more ? root : undefined)
    if (!queue) return
    connection.queue = undefined
    connection.wrote = fanout.clock
    if (more && channel.writePart?.(queue)) return
    channel.write(queue)
    if (channel.once) {
      answered(connection)
      end(connection)
    } else if (!connection.slow && channel.unsent() > unsent) {
      connection.slow = true
      slow(connection)
    }
  }
}

type Named = Pick<Entry, 'topic' | 'text'>

/** Where one position is that of several topics, newer ones of the others may have come before what was missed in one, and is told late. */
function isPassedOver({ connection, readTo }: Feed, { seq }: Entry): boolean {
  return connection.version === 1 && seq > readTo
}

/** The client's position stays where it is. */
function withoutId({ topic, text }: Entry): Named {
  return { topic, text: text.replace(/^id: .*\n/m, '') }
}

function named({ version, reading }: Connection, piece: Named): Piece {
  if (version > 1) return piece
  return reading ? remembered(piece) : withoutTopic(piece)
}

/** Many may read the same at about the same time. */
const read = new WeakMap<Named, Piece>()

function remembered(piece: Named): Piece {
  const known = read.get(piece) ?? withoutTopic(piece)
  read.set(piece, known)
  return known
}

/** What is published goes to one connection after the other. */
let latest: { piece: Named; text: Piece } | undefined

/** As version 1 has it: its clients know one stream. Written once for all of them. */
function withoutTopic(piece: Named): Piece {
  if (latest?.piece === piece) return latest.text
  const { text, topic } = piece
  const line = `topic: ${topic}\n`
  const at = text.startsWith(line) ? 0 : text.indexOf(`\n${line}`) + 1
  const isThere = at > 0 || text.startsWith(line)
  latest = {
    piece,
    text: isThere ? { topic, text: text.slice(0, at) + text.slice(at + line.length) } : piece,
  }
  return latest.text
}
