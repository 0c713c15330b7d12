import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { type From, faultOfName, type Wanted } from '../http/wanted.ts'
import { type Refusal, refusal } from '../http-error.ts'
import { type Backwards, isReadyFor, spaceOf } from '../log/log.ts'
import type { Settings } from '../options.ts'
import type { Presence } from '../presence/presence.ts'
import {
  type Connection,
  createFeed,
  type Decision,
  type Feed,
  goesOnAt,
  type Member,
  nowhereYet,
  type Place,
  type Polls,
  placeAt,
  type Start,
  welcomed,
} from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { historyBlock, unsubscribedBlock } from '../wire/control-events.ts'
import type { Fanout } from './fanout.ts'

/** Whether a session may hear a topic: the refusal, or none. `announced`: when the application has heard of the session. */
export type Decide = (
  member: Member,
  topic: string,
  announced: Promise<void> | undefined,
) => Answer | Promise<Answer>

type Answer = Refusal | undefined

/** The topics that come and go on open lines. */
export interface Rooms {
  /** Lets a connection that opens hear what its client names, what its session has, and, if it is greeted, what it is granted besides. */
  enter(connection: Connection, ask: HubRequest, granted: Granted, isGreeted: boolean): void
  /** A session wants these topics too. Those it may hear are heard on all its channels, of the others it is told. */
  subscribe(member: Member, wanted: readonly Wanted[]): void
  unsubscribe(member: Member, topics: readonly string[]): void
  /** A page of what a topic keeps, as blocks behind one of the protocol's own. Throws a refusal if the session does not hear the topic. */
  history(member: Member, topic: string, how: Backwards): Promise<string>
  /** A poll was answered: the next one of its channel goes on from there. */
  left(connection: Connection): void
  /** Tries again to find where topics begin that are in a space which was out of reach. */
  retry(): void
  /** The sessions that are meant do not hear a topic any more, and are told why. Gives how many heard it, or had asked for it. */
  end(topic: string, why: Refusal, whose: (member: Member) => boolean): number
}

/** `kick` lets a connection read for feeds that are late. `failed` hears what is tried again. */
export function createRooms(
  { log, limits }: Settings,
  sessions: Sessions,
  fanout: Fanout,
  presence: Presence,
  decide: Decide,
  kick: (connection: Connection, failed?: unknown) => void,
  failed: (error: unknown) => void,
): Rooms {
  const waiting: (() => void)[] = []

  return { enter, subscribe, unsubscribe, history, left, retry, end }

  function enter(
    connection: Connection,
    { wanted, tellsLater, cursor, version }: HubRequest,
    { topics }: Granted,
    isGreeted: boolean,
  ): void {
    if (version === 1) return
    const { member } = connection
    const named = new Set(wanted.map(({ topic }) => topic))
    const { untold } = member
    const { places } = pollsOf(member, connection.poll) ?? {}
    if (isGreeted && !tellsLater)
      for (const topic of topics) {
        if (named.has(topic)) continue
        const at = cursor === undefined ? beganAt(member, topic) : placeAt(cursor)
        begin(connection, topic, { at, notice: 'listed', number: 0 })
      }
    for (const [topic, start] of places ?? [])
      if (!named.has(topic) && mayStay(member, topic)) {
        begin(connection, topic, start)
        if (start.asksWho) presence.ask(connection, topic, false)
      }
    for (const [topic, why] of untold ?? []) tell(connection, topic, why)
    for (const each of wanted) {
      // Its client names it because it has not been told yet.
      if (untold?.has(each.topic)) continue
      const place = places?.get(each.topic)
      // What was asked for by a message since this address was made has not been answered yet.
      if (place?.notice && place.number >= each.number && mayStay(member, each.topic)) {
        begin(connection, each.topic, { ...place, asksWho: each.asksWho })
        if (each.asksWho) presence.ask(connection, each.topic, isFirst(connection))
      } else ask(member, each, [connection])
    }
  }

  function subscribe(member: Member, wanted: readonly Wanted[]): void {
    for (const each of wanted) ask(member, each, undefined)
  }

  /** For `among`, or for all channels that the session has by the time that it is decided. */
  function ask(
    member: Member,
    { topic, from, granted, asksWho, number }: Wanted,
    among: readonly Connection[] | undefined,
  ): void {
    const isKnown = mayStay(member, topic)
    const open = (trimmed?: boolean, at?: Place) => {
      // Whoever goes on in a session by an address, and does not ask, knows that it is heard.
      const notice = among && from.by === 'id' && isKnown && !number ? undefined : trimmed ? { trimmed } : {}
      const start: Start = { at: at ?? nowhereYet, notice, number, asksWho }
      const connections = among ?? member.connections.filter(({ version, isOver }) => version > 1 && !isOver)
      for (const connection of connections) {
        begin(connection, topic, start)
        if (asksWho) presence.ask(connection, topic, !among || isFirst(connection))
        kick(connection)
      }
      if (connections.length) return
      const { places } = member.polls ?? {}
      const place = places?.get(topic)
      if (!place || !isAnswered(place, start)) places?.set(topic, start)
      else if (asksWho) places?.set(topic, { ...place, asksWho })
      presence.enter(member, topic)
      if (asksWho) presence.askLater(member, topic)
    }
    const isWanted = () => mayStay(member, topic) && !among?.every(({ isOver }) => isOver)
    const again = () => isWanted() && findStart()
    const findStart = (): void => {
      if (from.by !== 'now' && from.by !== 'id' && !isReadyFor(log, topic)) return void waiting.push(again)
      const found =
        from.by === 'now' && among && isKnown ? { at: beganAt(member, topic) } : startOf(topic, from)
      if (!('then' in found)) return open(found.trimmed, found.at)
      found.then(
        ({ trimmed, at }) => mayStay(member, topic) && open(trimmed, at),
        error => {
          // Its topics in other spaces go on.
          if (log.spaces) {
            waiting.push(again)
            return isReadyFor(log, topic) ? failed(error) : undefined
          }
          for (const connection of among ?? member.connections) kick(connection, error)
        },
      )
    }
    if (isKnown) return findStart()
    if (granted) return
    const decided = (refused: Answer) => (refused ? refuse(member, topic, refused) : findStart())
    const known = member.deciding?.get(topic)
    const answer = known ?? answerTo(member, topic, among)
    if (!answer || !('refused' in answer)) return decided(answer)
    void answer.refused.then(refused => answer.cancelled || decided(refused))
  }

  /** Asks once, however many want to know. The application has heard of a session before it is asked about it. */
  function answerTo(
    member: Member,
    topic: string,
    among: readonly Connection[] | undefined,
  ): Answer | Decision {
    const fault = faultOfName(topic)
    if (fault) return refusal(400, fault)
    // What is decided later counts already: whoever names many topics at once must not have them all decided on.
    if (sessions.topicsOf(member) + (member.deciding?.size ?? 0) >= limits.topics)
      return sessions.tooManyTopics
    const said = decide(member, topic, firstWelcome(among))
    if (!(said instanceof Promise)) return said ?? take(member, topic)
    const decision: Decision = {
      cancelled: false,
      refused: said.then(refused => {
        if (decision.cancelled) return undefined
        member.deciding?.delete(topic)
        return refused ?? take(member, topic)
      }),
    }
    member.deciding ??= new Map()
    member.deciding.set(topic, decision)
    return decision
  }

  function take(member: Member, topic: string): Answer {
    try {
      sessions.subscribe(member, topic)
      return undefined
    } catch (thrown) {
      return thrown as Refusal
    }
  }

  function begin(connection: Connection, topic: string, start: Start): void {
    const before = connection.rooms.get(topic)
    if (connection.isOver) return
    if (before && isAnswered(before, start)) {
      if (start.asksWho) before.asksWho = true
      return
    }
    if (before) fanout.leave(before)
    const feed = createFeed(connection, [topic], start)
    // Most connections have no rooms, and share the empty list of them.
    if (connection.rooms.size === 0) connection.rooms = new Map()
    ;(connection.rooms as Map<string, Feed>).set(topic, feed)
    fanout.join(feed)
    presence.enter(connection.member, topic)
  }

  function unsubscribe(member: Member, topics: readonly string[]): void {
    for (const topic of topics) leave(member, topic)
  }

  function leave(member: Member, topic: string): void {
    const decision = member.deciding?.get(topic)
    if (decision) decision.cancelled = true
    member.deciding?.delete(topic)
    sessions.unsubscribe(member, topic)
    presence.leave(member, topic)
    member.polls?.places.delete(topic)
    member.untold?.delete(topic)
    for (const connection of member.connections) {
      const feed = connection.rooms.get(topic)
      if (!feed) continue
      fanout.leave(feed)
      ;(connection.rooms as Map<string, Feed>).delete(topic)
    }
  }

  /** A client that has no channel, be it between two polls, is told by the next one. */
  function refuse(member: Member, topic: string, why: Refusal): void {
    let isTold = false
    for (const connection of member.connections) {
      if (connection.version === 1 || connection.isOver) continue
      isTold = true
      tell(connection, topic, why)
    }
    if (!isTold) member.untold = (member.untold ?? new Map()).set(topic, why)
  }

  function tell(connection: Connection, topic: string, why: Refusal): void {
    void welcomed(connection).then(() => {
      const { member } = connection
      if (!connection.isOver) fanout.queue(connection, unsubscribedBlock(topic, why))
      if (member.untold?.get(topic) === why) member.untold.delete(topic)
      // Its answer went out, be it just now because it was full.
      if (connection.isOver && connection.poll) refuse(member, topic, why)
    })
  }

  async function history(member: Member, topic: string, how: Backwards): Promise<string> {
    // It may have been asked for just before.
    await member.deciding?.get(topic)?.refused
    if (!mayStay(member, topic)) throw refusal(403, 'this line does not hear the topic')
    const { entries, start, more, trimmed } = await log.back(topic, how)
    return historyBlock(start, more, trimmed).text + entries.map(({ text }) => text).join('')
  }

  function left(connection: Connection): void {
    const { member, poll, rooms } = connection
    if (!poll) return
    const places = new Map<string, Start>()
    for (const [topic, feed] of rooms) {
      const { at, notice, number, asksWho, from } = feed
      places.set(topic, {
        at: from === 'live' ? goesOnAt(feed, log, spaceOf(log, topic)) : at,
        notice,
        number,
        asksWho,
      })
    }
    member.polls = { ...poll, places }
  }

  function retry(): void {
    for (const again of waiting.splice(0)) again()
  }

  function end(topic: string, why: Refusal, whose: (member: Member) => boolean): number {
    // Whoever has asked for it, and is not decided on, would hear it in a moment.
    const wants = (member: Member) => mayStay(member, topic) || member.deciding?.has(topic)
    const members = [...sessions.all()].filter(member => wants(member) && whose(member))
    for (const member of members) {
      leave(member, topic)
      refuse(member, topic, why)
    }
    return members.length
  }

  /** Where a channel of a race joins a topic that its session hears already: the client may have heard nothing over the first channel, so it begins where the session did. */
  function beganAt({ since, topic: own }: Member, topic: string): Place {
    return since !== undefined && spaceOf(log, topic) === spaceOf(log, own) ? placeAt(since) : nowhereYet
  }

  function startOf(topic: string, from: From): Found | Promise<Found> {
    if (from.by === 'now') return {}
    if (from.by === 'id') return { at: placeAt(from.id) }
    return startBack(topic, from.by === 'last' ? { limit: from.count } : { limit: most, since: from.since })
  }

  /** Page by page: so many messages may be more than a page holds. */
  async function startBack(topic: string, { limit, since }: Backwards): Promise<Found> {
    let past = await log.back(topic, { limit, since })
    for (let left = limit - past.entries.length; past.more && left > 0; left -= past.entries.length)
      past = await log.back(topic, { limit: left, since, before: past.entries[0]?.id })
    return { at: placeAt(past.start), trimmed: past.trimmed }
  }
}

/** Whether what there is answers the question that something new would: it is as new, or newer. */
function isAnswered(before: Pick<Start, 'number'>, { number }: Start): boolean {
  return before.number >= number
}

/** When the application has heard of the session that opens, if one does. */
function firstWelcome([connection]: readonly Connection[] = []): Promise<void> | undefined {
  return connection && welcomed(connection)
}

/** Whether its client has heard nothing on this channel yet. */
function isFirst({ channel, poll }: Connection): boolean {
  return !channel.once || poll?.turn === 0
}

/** As far back as a topic may go, in messages. */
const most = 1_000_000

interface Found {
  readonly at?: Place
  readonly trimmed?: boolean
}

/** Whether it was decided already that the session may hear it. */
export function mayStay({ session, subscribed }: Member, topic: string): boolean {
  return subscribed.has(topic) || namesIn(session.granted).has(topic)
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

/** Most sessions share the list of what they were granted. */
function namesIn(granted: readonly string[]): ReadonlySet<string> {
  const known = sets.get(granted)
  if (known) return known
  const names = new Set(granted)
  sets.set(granted, names)
  return names
}

/** A late poll of a channel that was left says nothing of what its client has heard. */
function pollsOf({ polls }: Member, poll: Pick<Polls, 'channel' | 'turn'> | undefined): Polls | undefined {
  return poll && polls?.channel === poll.channel && poll.turn > polls.turn ? polls : undefined
}
