import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { Refusal } from '../http-error.ts'
import { type Entry, isAllReady, spaceOf } from '../log/log.ts'
import type { Journal } from '../operation/journal.ts'
import type { CloseReason } from '../operation/record.ts'
import type { Settings } from '../options.ts'
import { atMost } from '../patience.ts'
import { createPresence, type Presence } from '../presence/presence.ts'
import { acknowledgement } from '../sessions/acknowledgement.ts'
import { type Expelled, isLastWord } from '../sessions/expelled.ts'
import type { Roaming } from '../sessions/roaming.ts'
import {
  type Connection,
  createFeed,
  type Farewell,
  type Feed,
  feedsOf,
  type Member,
  noRooms,
  nowhereYet,
  welcome,
} from '../sessions/session.ts'
import { privateTopic, type Sessions } from '../sessions/sessions.ts'
import { emptyBatch, extend, type Piece } from '../wire/batch.ts'
import type { Channel } from '../wire/channel.ts'
import { beatBlock, byeBlock, failBlock, pongTo } from '../wire/control-events.ts'
import { createCatchUp, type Start } from './catch-up.ts'
import { createExpiry } from './expiry.ts'
import { createFanout } from './fanout.ts'
import { createRooms, type Decide, mayStay, type Rooms } from './rooms.ts'

/** What is known of a line before it opens. */
export interface Opening extends Start {
  member: Member
  address: string
  topics: readonly string[]
  ask: HubRequest
  granted: Granted
  /** When that ends, in ms since the epoch. */
  expires: number | undefined
}

/** All lines of a hub. */
export interface Connections extends Pick<Rooms, 'subscribe' | 'unsubscribe' | 'history'> {
  /** Nobody who is meant hears a topic any more, and is told why. Gives how many that were. */
  endTopic: Rooms['end']
  /** Finds the session or begins one. Throws a refusal when there are too many. */
  prepare(ask: HubRequest, granted: Granted): Opening
  /** Brings the line up to date and keeps it so, until its channel is over. */
  open(channel: Channel, opening: Opening): Connection
  /** The channel is over, whoever ended it. */
  gone(connection: Connection): void
  /** Hands what was published to all who hear it. */
  deliver(entry: Entry): void
  /** Hands on what is not kept. */
  pass(topic: string, text: string): void
  /** Lets all read anew that are in this space, or those who hear one of the topics: something was published that was not handed over. */
  reread(which: { topics?: readonly string[]; space?: number | undefined }): void
  /** Says something of the protocol's own. */
  say(connection: Connection, piece: Piece): void
  /** Says the last thing, and ends the channel in good order. */
  end(connection: Connection, piece: Piece): void
  /** Answers an `rt.ping` that did not come over a channel of its own. */
  pong(member: Member, ping: string): void
  /** Milliseconds over which all should spread if they had to come back now. */
  spread(): number
  /** Ends a session whose client has said goodbye, and its channels. */
  dismiss(member: Member, bye: Farewell): void
  /**
   * Ends the sessions that are meant: nothing is taken from them and nothing told them any more, but why. Whoever has no channel is told when it
   * comes next. Gives back how many there were.
   */
  expel(which: (member: Member) => boolean, why: Refusal): number
  /** Lets the lines of these sessions come back at once, so that they are authorized anew. Gives back how many there were. */
  renew(which: (member: Member) => boolean): number
  /** Cuts the lines that are meant. */
  cut(which: (connection: Connection) => boolean): void
  /** Counts time, and gives a sign of life to those who have heard nothing. Called thrice in a `heartbeat`. */
  beat(): void
  /** Lets all go, so many in a second. Resolves when the last channel is over. */
  farewell(pace: Pace): Promise<void>
  /** Has those come again whom another node has brought here, so many a second. Their sessions stay. */
  sendOn(by: string, perSecond: number): void
  /** Takes nothing more from a session, waits up to `within` ms for what is being worked at, says how far that went, and leaves it to another node if that is possible. Its channels end after `retry()` ms. */
  release(member: Member, within: number, retry: () => number): Promise<void>
  /** Who is in which topic. */
  readonly presence: Presence
}

export interface Pace {
  perSecond: number
  /** All at once: the others come back later in place of staying longer. Also hurries a farewell that is on its way. */
  hurry?: boolean
  /** How long a session waits for what the application works on, in ms. */
  within: number
}

interface Hooks {
  /** Whether a session may subscribe to a topic. */
  mayHear: Decide
  /** A session hears for the first time. */
  began(member: Member): void
  /** Leaves a session to whichever node is asked for it next. Whether that is possible. */
  leave(member: Member): Promise<boolean>
  failed(error: unknown): void
}

/** How long a session that is ended waits for the message that is being worked at, in ms. */
const finishing = 5_000

/** How long channels may take to end in good order, in ms. */
const grace = 1_000

/** For how long nothing of what waits may be taken, in thirds of a heartbeat. What came through by then counts. */
const patience = 12

export function createConnections(
  settings: Settings,
  sessions: Sessions,
  roaming: Roaming,
  expelled: Expelled,
  hooks: Hooks,
  journal: Journal,
): Connections {
  const { limits, admission, heartbeat, maxAge, log } = settings
  const ending = new Set<Connection>() // whose channels are not over
  const waiting: (() => void)[] = [] // for the last of them
  let toldSpread = 0
  let hurried = false
  let hurry = () => {}
  const fanout = createFanout(limits.unsent, log, journal.counts, {
    slow: fallBehind,
    answered: connection => rooms.left(connection),
  })
  const catchUp = createCatchUp(settings, fanout, spread, journal, hooks.failed)
  const presence = createPresence(settings, fanout.queue, hooks.failed)
  const rooms = createRooms(settings, sessions, fanout, presence, hooks.mayHear, kick, hooks.failed)
  const releases = new WeakMap<Member, Promise<void>>()
  const expiry = createExpiry(connection => end(connection, byeBlock(0), 'expired'))

  return {
    prepare,
    open,
    gone,
    deliver: fanout.deliver,
    pass: fanout.pass,
    reread,
    say: fanout.queue,
    end: (connection, piece) => end(connection, piece, 'rejected'),
    pong,
    spread,
    dismiss,
    expel,
    renew,
    cut,
    beat,
    farewell,
    sendOn,
    release,
    subscribe: rooms.subscribe,
    unsubscribe: rooms.unsubscribe,
    history: rooms.history,
    endTopic,
    presence,
  }

  function prepare(ask: HubRequest, granted: Granted): Opening {
    const { sid, address, cursor, turn } = ask
    const space = spaceOfLine(ask, granted)
    const isNear = (topic: string) => space === undefined || spaceOf(log, topic) === space
    const known = nearOnly(sessions.find(ask, granted), isNear)
    const joined = known ?? nearOnly(sessions.join(ask, granted), isNear)
    const elsewhere = sid && !sessions.knows(sid)
    const before = elsewhere ? privateTopic(sid, granted.principal) : undefined
    const lost = before !== undefined && isNear(before) ? before : undefined
    const { topics, expires } = granted
    const { set, tellsLater } = ask
    const opening = (member: Member, welcome: boolean): Opening => {
      const isGuest = member.stage === 'guest'
      return {
        ask,
        granted,
        address,
        topics,
        expires,
        cursor,
        lost: isGuest ? undefined : lost,
        set,
        tellsLater,
        member,
        welcome,
      }
    }
    if (known) roaming.polled(known, turn)
    if (joined) {
      sessions.checkMore(joined, granted)
      return opening(joined, turn === 0)
    }
    if (elsewhere && roaming.isGuest(ask)) return opening(sessions.invite(ask, granted), false)
    const member = sessions.begin(ask, granted, space ?? goingOn(lost, cursor))
    if (elsewhere) journal.doubt(sid, 'session-unknown')
    return opening(member, true)
  }

  /** Where all topics of a line are that has one position for all; `undefined` if it has one for each. */
  function spaceOfLine({ version }: HubRequest, { topics }: Granted): number | undefined {
    const [topic] = topics
    return log.spaces && version === 1 && topic !== undefined ? log.spaces.of(topic) : undefined
  }

  /** A client with one position has nothing in a session elsewhere that it could go on with. */
  function nearOnly(member: Member | undefined, isNear: (topic: string) => boolean): Member | undefined {
    return member && isNear(member.topic) ? member : undefined
  }

  /** A line's position is in the stream of what is sent to its session: a new session has its own where that goes on. */
  function goingOn(lost: string | undefined, cursor: string | undefined): number | undefined {
    if (lost !== undefined) return spaceOf(log, lost)
    return cursor === undefined ? undefined : log.spaces?.at(cursor)
  }

  function open(channel: Channel, opening: Opening): Connection {
    const connection = enter(channel, opening)
    if (opening.member.leaving) {
      welcome(connection)
      end(connection, farewellBlock(connection, 0), 'drain')
      return connection
    }
    if (opening.expires !== undefined) expiry.add(connection, opening.expires)
    void start(connection, opening)
    return connection
  }

  /** Says the first block, and brings the line up to date. */
  async function start(connection: Connection, opening: Opening): Promise<void> {
    try {
      const groups = await catchUp.begin(connection, opening)
      announce(connection, groups[0]?.history.start)
      welcome(connection)
      connection.member.carrier?.flush()
      await catchUp.goOn(connection, groups)
      greet(connection)
    } catch (error) {
      welcome(connection)
      fail(connection, error)
    }
  }

  function enter(
    channel: Channel,
    { member, address, topics, ask, granted, welcome: isGreeted, cursor }: Opening,
  ): Connection {
    const { version, turn } = ask
    const connection: Connection = {
      channel,
      member,
      version,
      topics,
      by: ask.arrival.by,
      poll: channel.once && ask.channel !== undefined ? { channel: ask.channel, turn } : undefined,
      own: undefined as unknown as Feed,
      rooms: noRooms,
      late: true,
      reading: true,
      slow: false,
      isOver: false,
      isWelcomed: false,
      welcoming: undefined,
      at: nowhereYet,
      beside: undefined,
      stalled: false,
      queue: undefined,
      began: fanout.clock,
      // Lines that began together need not end together.
      due: fanout.clock + (3 * maxAge * (1 - Math.random() / 10)) / heartbeat,
      wrote: fanout.clock,
      taken: undefined,
      tookAt: fanout.clock,
    }
    const own = createFeed(connection, version === 1 ? topics.concat(member.topic) : [member.topic])
    ;(connection as { own: Feed }).own = own
    const isRenewed = member.session.granted !== topics || member.presence !== granted.presence
    const [oldest] = member.connections
    if (oldest && member.connections.length >= limits.channels) drop(oldest, 'replaced')
    const { session } = member
    session.address = address
    session.granted = topics
    session.transport = channel.transport
    member.mayHear = granted.subscribe
    member.presence = granted.presence
    if (isRenewed) presence.renewed(member, granted.presence, topic => mayStay(member, topic))
    sessions.enter(connection)
    journal.opened(connection, { isFirst: turn === 0, resumed: cursor !== undefined })
    fanout.join(connection.own)
    if (version === 1) for (const topic of topics) presence.enter(member, topic)
    rooms.enter(connection, ask, granted, isGreeted)
    return connection
  }

  function announce(connection: Connection, since: string | undefined): void {
    const { member } = connection
    if (connection.isOver || member.stage !== 'new') return
    Object.assign(member, { stage: 'begun', since })
    presence.began(member)
    hooks.began(member)
  }

  /** Lets it read for feeds that have come, or it has failed. */
  function kick(connection: Connection, failed?: unknown): void {
    if (failed !== undefined) fail(connection, failed)
    else catchUp.goOn(connection).catch(error => fail(connection, error))
  }

  function greet(connection: Connection): void {
    const { member } = connection
    if (connection.isOver) return
    if (member.pinged !== undefined) pong(member, member.pinged)
    fanout.flush(connection)
  }

  /** What a slow reader cannot take is not kept for it: it is read from the log when it can. */
  function fallBehind(connection: Connection): void {
    journal.slow(connection)
    catchUp
      .goOn(connection)
      .then(() => greet(connection))
      .catch(error => fail(connection, error))
  }

  function reread({ topics, space }: { topics?: readonly string[]; space?: number | undefined }): void {
    const feeds = topics ? topics.flatMap(topic => [...fanout.hearers(topic)]) : allFeeds(space)
    for (const feed of new Set(feeds)) catchUp.again(feed).catch(error => fail(feed.connection, error))
  }

  function* allFeeds(space: number | undefined): Iterable<Feed> {
    for (const connection of sessions.lines())
      for (const feed of feedsOf(connection))
        if (space === undefined || spaceOf(log, feed.topics[0] as string) === space) yield feed
  }

  /** That the log is out of reach it tells itself, once and not for each line. */
  function fail(connection: Connection, error: unknown): void {
    drop(connection, 'failed')
    if (isAllReady(log)) hooks.failed(error)
  }

  /** Where it cannot be said now it is said later, and only the newest: whoever reads nothing may ask all the same. */
  function pong(member: Member, ping: string): void {
    const newest = member.connections.findLast(connection => !connection.isOver)
    const now = newest && newest.channel.unsent() + (newest.queue?.size ?? 0) <= limits.unsent
    member.pinged = now ? undefined : ping
    if (now) fanout.queue(newest, pongTo(ping))
  }

  function spread(): number {
    return Math.round((sessions.open / admission.rate) * 1000)
  }

  function beat(): void {
    fanout.clock++
    journal.logIs(log.ready !== false)
    const now = spread()
    // Lines that are never quiet would go on with the spread of the day they opened.
    const news = Math.abs(now - toldSpread) > toldSpread / 4 + 100
    if (news) toldSpread = now
    const sign = beatBlock(now)
    rooms.retry()
    for (const connection of sessions.lines()) {
      if (connection.stalled) catchUp.retry(connection).catch(error => fail(connection, error))
      const quiet = fanout.clock - connection.wrote
      // Between two and three thirds of a heartbeat have passed.
      if (connection.own.from === 'live' && !connection.channel.once && (news || quiet > 2))
        fanout.queue(connection, sign)
      if (connection.channel.isOver()) gone(connection)
      else if (isStuck(connection)) giveUp(connection)
      else if (fanout.clock >= connection.due && !connection.channel.once) end(connection, byeBlock(0), 'age')
    }
    for (const connection of ending) {
      if (connection.channel.isOver()) gone(connection)
      else if (isStuck(connection)) giveUp(connection)
    }
  }

  /** Whether the network has taken nothing of what waits for so long that nobody can be there. */
  function isStuck(connection: Connection): boolean {
    const { channel } = connection
    const taken = channel.unsent() > 0 ? channel.taken() : undefined
    if (taken === undefined || taken !== connection.taken) {
      connection.taken = taken
      connection.tookAt = fanout.clock
    }
    return fanout.clock - connection.tookAt > patience
  }

  function giveUp(connection: Connection): void {
    journal.counts.stuck++
    drop(connection, 'stuck')
  }

  function dismiss(member: Member, bye: Farewell): void {
    for (const connection of member.connections) end(connection, byeBlock(settings.retry), 'goodbye')
    sessions.end(member, bye)
  }

  function expel(which: (member: Member) => boolean, why: Refusal): number {
    let ended = 0
    for (const member of [...sessions.all()].filter(which)) {
      // Who hears of one that it is over may have ended others.
      if (member.stage === 'over') continue
      if (member.stage !== 'guest') ended++
      void expelOne(member, why)
    }
    return ended
  }

  /** What is being worked at is finished and acknowledged before its client is told. */
  async function expelOne(member: Member, why: Refusal): Promise<void> {
    const { connections, stage } = member
    const told = { ...why, ended: true, acked: undefined as number | undefined }
    member.leaving = true
    for (const connection of connections) fanout.flush(connection)
    // The answer to a poll may have gone out by that.
    const open = connections.filter(connection => !connection.isOver)
    for (const connection of connections) leave(connection, 'disconnect')
    sessions.end(member)
    expelled.remember(member, told)
    const isDone = member.acked === member.taken || (await atMost(finishing, member.done))
    if (!isDone) journal.doubt(member.session.id, 'disconnect')
    if (isDone && stage !== 'guest') told.acked = member.taken = member.acked
    const hearing = open.filter(({ channel }) => !channel.isOver())
    const before = stage === 'guest' ? '' : acknowledgement(member, 0).text
    for (const { channel } of hearing) {
      channel.write(extend(emptyBatch(), { text: before + failBlock(told).text }))
      channel.end()
    }
    // Others are told once more in any case: that it was sent is not that it was heard.
    if (hearing.length > 0 && !isLastWord(told)) expelled.forget(member)
  }

  function renew(which: (member: Member) => boolean): number {
    let ended = 0
    for (const member of sessions.all())
      if (which(member))
        for (const topic of member.subscribed) {
          sessions.unsubscribe(member, topic)
          if (!mayStay(member, topic)) presence.leave(member, topic)
        }
    for (const connection of sessions.lines()) {
      if (connection.isOver || !which(connection.member)) continue
      ended++
      end(connection, byeBlock(0), 'reauthorize')
    }
    return ended
  }

  function endTopic(topic: string, why: Refusal, whose: (member: Member) => boolean): number {
    // To a client of version 1 no single topic can be refused: it is authorized anew.
    for (const connection of sessions.lines())
      if (connection.version === 1 && connection.topics.includes(topic) && whose(connection.member))
        end(connection, byeBlock(0), 'reauthorize')
    return rooms.end(topic, why, whose)
  }

  function cut(which: (connection: Connection) => boolean): void {
    for (const connection of sessions.lines()) if (which(connection)) drop(connection, 'refuse')
  }

  function sendOn(by: string, perSecond: number): void {
    for (const [nth, connection] of [...sessions.lines()].filter(each => each.by === by).entries())
      setTimeout(
        () => connection.isOver || end(connection, byeBlock(0), 'drain'),
        (nth * 1000) / perSecond,
      ).unref()
  }

  async function farewell({ perSecond, hurry: atOnce = false, within }: Pace): Promise<void> {
    if (atOnce) {
      hurried = true
      hurry()
    }
    const leaving: Promise<void>[] = []
    let due = Date.now()
    // What is carried ends before what carries it.
    const isCarried = ({ connections }: Member) => connections.some(isOfAnother)
    const all = [...sessions.all()]
    for (const member of [...all.filter(isCarried), ...all.filter(each => !isCarried(each))]) {
      if (member.leaving) continue
      const wait = due - Date.now()
      if (wait > 0 && !hurried) await pause(wait)
      // Whoever is away takes nobody's time.
      if (member.connections.length > 0) due += 1000 / perSecond
      leaving.push(release(member, within, () => (hurried ? Math.max(wait, 0) : 0)))
    }
    await Promise.all(leaving)
    const timer = setTimeout(() => {
      for (const { channel } of ending) channel.cut()
    }, grace)
    if (ending.size) await new Promise<void>(resolve => waiting.push(resolve))
    clearTimeout(timer)
  }

  /** Ends before its time when there is no time any more. */
  function pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  function release(member: Member, within: number, retry: () => number): Promise<void> {
    const known = releases.get(member) ?? letGo(member, within, retry)
    releases.set(member, known)
    return known
  }

  async function letGo(member: Member, within: number, retry: () => number): Promise<void> {
    member.leaving = true
    const isOver = member.acked === member.taken || (await atMost(within, member.done))
    if (isOver) member.taken = member.acked
    else journal.doubt(member.session.id, 'drain')
    const goesOn = isOver && isKnown(member) && (await hooks.leave(member))
    for (const connection of member.connections)
      end(connection, goesOn ? byeBlock(retry()) : farewellBlock(connection, retry()), 'drain')
  }

  function gone(connection: Connection): void {
    leave(connection, connection.channel.once && connection.isOver ? 'answered' : 'client')
    ending.delete(connection)
    if (!ending.size) for (const resolve of waiting.splice(0)) resolve()
  }

  function end(connection: Connection, piece: Piece, why: CloseReason): void {
    fanout.queue(connection, piece)
    fanout.flush(connection)
    connection.channel.end()
    leave(connection, why)
  }

  function drop(connection: Connection, why: CloseReason): void {
    connection.channel.cut()
    leave(connection, why)
  }

  /** Behind it nothing is taken from the session any more: what it does not acknowledge was not taken, unless work is going on still. */
  function farewellBlock({ member }: Connection, retry: number): Piece {
    const isKnown = member.stage !== 'guest' && member.acked === member.taken
    if (!isKnown) return byeBlock(retry)
    return { text: acknowledgement(member, 0).text + byeBlock(retry, member.acked).text }
  }

  function leave(connection: Connection, why: CloseReason): void {
    if (!sessions.leave(connection)) return
    journal.closed(connection, why)
    connection.member.carrier?.left(connection.channel)
    expiry.delete(connection)
    presence.gone(connection)
    ending.add(connection)
    fanout.end(connection)
  }
}

function isOfAnother({ channel }: Connection): boolean {
  return channel.transport === 'carried'
}

/** Whether its client has heard of it. */
function isKnown({ stage }: Member): boolean {
  return stage === 'begun' || stage === 'proven'
}
