import { type History, isId, isReadyFor, spaceOf } from '../log/log.ts'
import type { Journal } from '../operation/journal.ts'
import type { Settings } from '../options.ts'
import { isLater } from '../patience.ts'
import { ackedForSure } from '../sessions/acknowledgement.ts'
import {
  type Connection,
  type Feed,
  feedOf,
  feedsOf,
  none,
  nowhereYet,
  placeAt,
  reach,
} from '../sessions/session.ts'
import type { Piece } from '../wire/batch.ts'
import { gapBlock, openBlock, subscribedBlock } from '../wire/control-events.ts'
import { answer, type Fanout } from './fanout.ts'

/** Where a line begins. */
export interface Start {
  /** The id after which its own feed goes on. */
  cursor: string | undefined
  /**
   * The private topic of a session that was asked for and is not known here. What was sent there after the cursor is
   * delivered if the log has it, as one has that several nodes share; else it is lost.
   */
  lost: string | undefined
  /** Whether the channel begins with `rt.open`. */
  welcome: boolean
  /** Which of the client's sets of topics it named. */
  set: number | undefined
  /** Whether it names them when it is open. */
  tellsLater: boolean
}

/** Feeds that are at one place of one space, and what followed it. */
interface Group {
  readonly feeds: readonly Feed[]
  /** A topic that is read besides. */
  readonly lost: string | undefined
  history: History
  /** Up to where losses were told: one that spans several pages is told once. */
  told: number
}

/** Brings lines from where they begin to the present. */
export interface CatchUp {
  /** Says the first block. Gives what has been read for it. */
  begin(connection: Connection, start: Start): Soon<readonly Group[]>
  /**
   * Reads for the feeds that are late, page by page as the channel takes them, until none is; from then on all are live, or the line is
   * over. What was read already is told first. Those wait whose space is out of reach, while others go on.
   */
  goOn(connection: Connection, first?: readonly Group[]): Promise<void>
  /** Lets a feed read anew, wherever it is: something was missed. */
  again(feed: Feed): Promise<void>
  /** Lets those read that wait for a space. */
  retry(connection: Connection): Promise<void>
}

/** At once where the log is in this process: with tens of thousands of lines, promises that are settled already are what costs. */
type Soon<T> = T | Promise<T>
type Maybe<T> = T | undefined

function allOf<T>(values: Soon<T>[]): T[] | Promise<T[]> {
  return values.some(isLater) ? Promise.all(values) : (values as T[])
}

/** How many reads a first block waits for. */
const readAhead = 8

/** `spread` tells the current one, in ms. `failed` hears what is tried again. */
export function createCatchUp(
  settings: Settings,
  fanout: Fanout,
  spread: () => number,
  journal: Journal,
  failed: (error: unknown) => void,
): CatchUp {
  const { log, limits, heartbeat } = settings

  return { begin, goOn, again, retry }

  function begin(connection: Connection, start: Start): Soon<readonly Group[]> {
    const { cursor, welcome } = start
    connection.reading = true
    const own = readOwn(connection, start)
    const others = groupsOf(connection)
    // What the first block has to tell is read in any case.
    const ahead =
      others.length > readAhead ? others.filter((feeds, n) => n < readAhead || feeds.some(isListed)) : others
    connection.late = ahead.length < others.length
    const finding = start.tellsLater && log.spaces ? newestIn(connection.topics, cursor) : undefined
    const reading = allOf<Maybe<Group>>([own, ...ahead.map(readAheadOf)])
    const say = (found: Maybe<Group>[], begins?: Record<string, string>) => {
      const groups = found.filter(group => group !== undefined)
      if (welcome) fanout.queue(connection, open(connection, groups, start, begins))
      return groups
    }
    if (finding) return Promise.all([reading, finding]).then(([found, begins]) => say(found, begins))
    return isLater(reading) ? reading.then(found => say(found)) : say(reading)
  }

  /**
   * What is sent to the session alone waits where that is out of reach, if its client has a position in it. In a race another channel may have
   * begun the session, and have been greeted by the application: what a box has swallowed there is told here.
   */
  function readOwn({ own, member }: Connection, { cursor = member.since, lost }: Start): Soon<Group> {
    const act = () => read([own], cursor, lost)
    if (lost !== undefined || cursor === undefined || !isId(cursor)) return act()
    const known = (group: Maybe<Group>): Group => {
      if (group) return group
      own.at = placeAt(cursor)
      return { feeds: [own], lost, history: { start: cursor, entries: [], more: false }, told: -1 }
    }
    const group = ifThere([own], act)
    return isLater(group) ? group.then(known) : known(group)
  }

  /** A position that the client is told has to be known; the others can wait. */
  function readAheadOf(feeds: readonly Feed[]): Soon<Maybe<Group>> {
    return feeds.some(feed => isListed(feed) && !feed.at.id) ? read(feeds) : ifThere(feeds, () => read(feeds))
  }

  /** Where topics begin that the client is to ask for itself. */
  async function newestIn(
    topics: readonly string[],
    cursor: string | undefined,
  ): Promise<Record<string, string>> {
    const newest = new Map<number, string>()
    for (const topic of topics) {
      const space = spaceOf(log, topic)
      newest.set(space, newest.get(space) ?? cursor ?? (await log.after(undefined, [], space)).start)
    }
    return Object.fromEntries(topics.map(topic => [topic, newest.get(spaceOf(log, topic)) as string]))
  }

  /** Of a log that is spread the part may be out of reach where these are: they wait, so that others go on. */
  function ifThere<T>(feeds: readonly Feed[], act: () => Soon<T>): Soon<Maybe<T>> {
    const [{ connection, topics }] = feeds as readonly [Feed]
    const isNeeded = !log.spaces || (connection.version === 1 && topics === connection.own.topics)
    return isNeeded ? act() : ifReady(feeds, act)
  }

  async function ifReady<T>(feeds: readonly Feed[], act: () => Soon<T>): Promise<Maybe<T>> {
    const [{ connection, topics }] = feeds as readonly [Feed]
    const topic = topics[0] as string
    try {
      if (isReadyFor(log, topic)) return await act()
    } catch (error) {
      if (isReadyFor(log, topic)) failed(error)
    }
    for (const feed of feeds) if (isLeft(feed)) Object.assign(feed, { from: 'log', early: none })
    connection.stalled = true
    return undefined
  }

  async function retry(connection: Connection): Promise<void> {
    connection.stalled = false
    connection.late = true
    await goOn(connection)
  }

  async function goOn(connection: Connection, first: readonly Group[] = []): Promise<void> {
    if (connection.reading && !first.length) return
    connection.reading = true
    for (const group of first) {
      const bringing = ifThere(group.feeds, () => bring(group))
      if (isLater(bringing)) await bringing
    }
    while ((connection.late || connection.slow) && !connection.isOver) {
      await takeBreath(connection)
      connection.slow = connection.late = false
      for (const feeds of groupsOf(connection)) {
        await takeBreath(connection)
        if (connection.isOver) return
        await ifThere(feeds, async () => bring(await read(feeds)))
      }
    }
    connection.reading = false
    // Nobody is told that an answer has a part that is the last but whoever has its end.
    if (connection.channel.isBegun && !connection.isOver) fanout.flush(connection)
  }

  async function again(feed: Feed): Promise<void> {
    // What is on its way may be of before.
    if (feed.from === 'nowhere') return
    feed.from = 'log'
    feed.early = none
    feed.connection.late = true
    await goOn(feed.connection)
  }

  /** A poll is answered by all there is, and not by a part of it, as long as that is no more than a page. */
  async function takeBreath(connection: Connection): Promise<void> {
    const { channel, queue } = connection
    if (!channel.once || (queue && queue.size >= answer)) fanout.flush(connection, true)
    if (!connection.isOver) await channel.drained()
  }

  /** Those that are late, by where they are. */
  function groupsOf(connection: Connection): Feed[][] {
    const late = feedsOf(connection).filter(({ from }) => from === 'log')
    if (late.length < 2) return late.map(feed => [feed])
    const groups = new Map<string, Feed[]>()
    for (const feed of late) {
      const place = log.spaces ? `${spaceIn(feed)} ${feed.at.id}` : feed.at.id
      const same = groups.get(place)
      if (same) same.push(feed)
      else groups.set(place, [feed])
    }
    return [...groups.values()]
  }

  /** All topics of a feed are in one. */
  function spaceIn({ topics }: Feed): number {
    return spaceOf(log, topics[0] as string)
  }

  /** Listens first, then reads: what is published between falls into neither hole, and what comes twice has a number. */
  function read(
    feeds: readonly Feed[],
    cursor: string | undefined = feeds[0]?.at.id || undefined,
    lost?: string,
  ): Soon<Group> {
    for (const feed of feeds) {
      feed.from = 'both'
      feed.early = []
    }
    if (cursor !== undefined) journal.counts.pages++
    const hearing = log.followed?.(feeds.flatMap(({ topics }) => topics))
    return hearing ? hearing.then(() => readHeard(feeds, cursor, lost)) : readHeard(feeds, cursor, lost)
  }

  function readHeard(
    feeds: readonly Feed[],
    cursor: string | undefined,
    lost: string | undefined,
  ): Soon<Group> {
    const topics = feeds.flatMap(topicsToRead)
    const found = log.after(
      cursor,
      lost === undefined ? topics : [...topics, lost],
      spaceIn(feeds[0] as Feed),
    )
    const groupOf = (history: History): Group => ({ feeds, lost, history, told: -1 })
    return isLater(found) ? found.then(groupOf) : groupOf(found)
  }

  /** Gives a group what was read for it, and reads on until there is no more. */
  function bring(group: Group): Soon<void> {
    const { feeds, history } = group
    const [{ connection }] = feeds as readonly [Feed]
    // Whose loss it is has to be found out for each.
    if (history.gap && feeds.length > 1) return bringEach(feeds, history.gap.from)
    if (connection.isOver) return
    tell(group)
    if (history.more) return bringRest(group)
    for (const feed of feeds) goLive(feed)
  }

  async function bringEach(feeds: readonly Feed[], from: string): Promise<void> {
    for (const feed of feeds) if (feed.from !== 'nowhere') await bring(await read([feed], from))
  }

  async function bringRest(group: Group): Promise<void> {
    const { feeds, lost } = group
    const [{ connection }] = feeds as readonly [Feed]
    while (group.history.more) {
      const { entries, start } = group.history
      fanout.flush(connection, true)
      if (connection.isOver) return
      await connection.channel.drained()
      if (connection.isOver) return
      const { history } = await read(feeds.filter(isLeft), entries.at(-1)?.id ?? start, lost)
      if (connection.isOver) return
      group.history = history
      tell(group)
    }
    for (const feed of feeds) goLive(feed)
  }

  function open(
    { member, version, topics: granted }: Connection,
    groups: readonly Group[],
    { cursor, set, tellsLater }: Start,
    begins: Record<string, string> | undefined,
  ): Piece {
    const [{ history, feeds }] = groups as readonly [Group]
    const id = whence(history)
    const { message, batch, messages } = limits
    return openBlock(id, settings.retry, {
      session: member.session.id,
      ...(version > 1 && {
        topics: tellsLater
          ? (begins ?? Object.fromEntries(granted.map(topic => [topic, id])))
          : listed(groups, feeds[0] as Feed),
        set,
      }),
      resumed: cursor !== undefined && groups.every(({ history }) => !history.gap),
      acked: ackedForSure(member),
      heartbeat,
      spread: spread(),
      limits: { message, batch, messages },
    })
  }

  /** The topics that the client did not name, and where they begin. */
  function listed(groups: readonly Group[], { connection }: Feed): Record<string, string> {
    const topics: [string, string][] = []
    if (connection.stalled)
      for (const feed of connection.rooms.values())
        if (isListed(feed) && feed.from === 'log') {
          topics.push([feed.topics[0] as string, feed.at.id])
          feed.notice = undefined
        }
    for (const { feeds, history } of groups)
      for (const feed of feeds) {
        if (feed.notice !== 'listed') continue
        topics.push([feed.topics[0] as string, feed.at.id || history.start])
        feed.notice = undefined
      }
    return Object.fromEntries(topics)
  }

  function tell(group: Group): void {
    const { feeds, history } = group
    const { start, gap, entries } = history
    const [first] = feeds as readonly [Feed]
    const { connection } = first
    const place = placeAt(start)
    const wanted = feeds.filter(isLeft)
    // An answer that is full goes out, and the next one goes on from what it has said.
    for (const feed of wanted) {
      const { notice, topics, number } = feed
      if (notice && notice !== 'listed')
        fanout.queue(
          connection,
          subscribedBlock(topics[0] as string, whence(history), number, notice.trimmed),
        )
      if (connection.isOver) return
      feed.notice = undefined
      if (!gap) feed.at = place
    }
    // Another life of the log counts anew.
    if (gap && gap.reason !== 'trimmed') reach(connection, spaceIn(first), nowhereYet)
    const lost = gap ? placeAt(gap.to).seq : -1
    if (gap && (gap.reason !== 'trimmed' || lost > group.told)) {
      group.told = lost
      const [topic] = first === connection.own ? [] : first.topics
      journal.gap(connection, gap.reason, topic)
      fanout.queue(connection, gapBlock(start, gap, topic))
      if (connection.isOver) return
    }
    for (const feed of wanted) feed.at = place
    const readers = new Set(entries.length ? feeds : undefined)
    for (const entry of entries) {
      const feed = feedOf(connection, entry.topic)
      // A topic may have been left while it was read, and be heard anew from elsewhere.
      if (readers.has(feed) && (isIn(feed, entry.topic) || entry.topic === group.lost))
        fanout.give(feed, entry)
      if (connection.isOver) return
    }
  }

  function goLive(feed: Feed): void {
    if (feed.from !== 'both') return
    const { early } = feed
    feed.from = 'live'
    feed.readTo = feed.at.seq
    feed.early = none
    for (const entry of early) fanout.give(feed, entry)
  }
}

/** The place that was asked for. Whoever is cut off between this and a gap comes back with it, and is told again. */
function whence({ start, gap }: History): string {
  return gap && isId(gap.from) ? gap.from : start
}

/** The feed of a line's own stream is the one for what no other feed hears. */
function isIn({ connection, topics }: Feed, topic: string): boolean {
  return connection.own.topics !== topics || connection.version === 1 || topic === connection.member.topic
}

function isLeft({ from }: Feed): boolean {
  return from !== 'nowhere'
}

/** Whether its client hears of it in the first block, since it has not asked for it. */
function isListed({ notice }: Feed): boolean {
  return notice === 'listed'
}

/** Most sessions were never addressed: those who hear the same topics ask the same. */
function topicsToRead({ connection, topics }: Feed): readonly string[] {
  const { member, own } = connection
  const isUnused = topics === own.topics && !member.addressed
  return isUnused ? topics.slice(0, -1) : topics
}
