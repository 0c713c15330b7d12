import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { Entry } from '../log/log.ts'
import type { Settings } from '../options.ts'
import { atMost } from '../patience.ts'
import { acknowledgement } from '../sessions/acknowledgement.ts'
import type { Roaming } from '../sessions/roaming.ts'
import { type Connection, fromLog, isOver, type Member, settled } from '../sessions/session.ts'
import { privateTopic, type Sessions } from '../sessions/sessions.ts'
import type { Piece } from '../wire/batch.ts'
import { type Channel, ignore } from '../wire/channel.ts'
import { beatBlock, byeBlock, pongTo } from '../wire/control-events.ts'
import { createCatchUp, type Start } from './catch-up.ts'
import { createFanout } from './fanout.ts'

/** What is known of a line before it opens. */
export interface Opening extends Start {
  member: Member
  address: string
  topics: readonly string[]
}

/** All lines of a hub. */
export interface Connections {
  /** Finds the session or begins one. Throws a refusal when there are too many. */
  prepare(ask: HubRequest, granted: Granted): Opening
  /** Brings the line up to date and keeps it so, until its channel is over. */
  open(channel: Channel, opening: Opening): Connection
  /** The channel is over, whoever ended it. */
  gone(connection: Connection): void
  /** Hands what was published to all who hear it. */
  deliver(entry: Entry): void
  /** Lets all read anew, or those who hear one of the topics: something was published that was not handed over. */
  reread(topics?: readonly string[]): void
  /** Says something of the protocol's own. */
  say(connection: Connection, piece: Piece): void
  /** Says the last thing, and ends the channel in good order. */
  end(connection: Connection, piece: Piece): void
  /** Answers an `rt.ping` that did not come over a channel of its own. */
  pong(member: Member, ping: string): void
  /** Milliseconds over which all should spread if they had to come back now. */
  spread(): number
  /** Ends a session whose client has said goodbye, and its channels. */
  dismiss(member: Member): void
  /** Cuts the lines that are meant. */
  cut(which: (connection: Connection) => boolean): void
  /** Counts time, and gives a sign of life to those who have heard nothing. Called thrice in a `heartbeat`. */
  beat(): void
  /** Lets all go, so many in a second. Resolves when the last channel is over. */
  farewell(pace: Pace): Promise<void>
  /** How many were cut because nothing was taken of what waited. */
  readonly stuck: number
  /** How many losses lines were told of so far. */
  readonly gaps: number
}

export interface Pace {
  perSecond: number
  /** All at once: the others come back later in place of staying longer. Also hurries a farewell that is on its way. */
  hurry?: boolean
  /** How long a session waits for what the application works on, in ms. */
  within: number
}

interface Hooks {
  /** A session hears for the first time. */
  began(member: Member): void
  failed(error: unknown): void
}

/** Where a line is before it has read. */
const nowhereYet = { id: '', seq: 0 }

/** How long channels may take to end in good order, in ms. */
const grace = 1_000

/** For how long nothing of what waits may be taken, in thirds of a heartbeat. What came through by then counts. */
const patience = 12

export function createConnections(
  settings: Settings,
  sessions: Sessions,
  roaming: Roaming,
  hooks: Hooks,
): Connections {
  const { limits, admission, heartbeat, maxAge, log } = settings
  const ending = new Set<Connection>() // whose channels are not over
  const waiting: (() => void)[] = [] // for the last of them
  let stuck = 0
  let toldSpread = 0
  let hurried = false
  let hurry = () => {}
  const fanout = createFanout(limits.unsent, fallBehind)
  const catchUp = createCatchUp(settings, fanout, spread)

  return {
    prepare,
    open,
    gone,
    deliver: fanout.deliver,
    reread,
    say: fanout.queue,
    end,
    pong,
    spread,
    dismiss,
    cut,
    beat,
    farewell,
    get stuck() {
      return stuck
    },
    get gaps() {
      return catchUp.gaps
    },
  }

  function prepare(ask: HubRequest, granted: Granted): Opening {
    const { sid, address, cursor, turn } = ask
    const known = sessions.find(ask, granted)
    const elsewhere = sid && !sessions.knows(sid)
    const start = { address, topics: granted.topics, cursor, lost: undefined }
    if (known) {
      sessions.checkMore(known, granted)
      roaming.polled(known, turn)
      return { ...start, member: known, welcome: turn === 0 }
    }
    if (elsewhere && roaming.isGuest(ask))
      return { ...start, member: sessions.invite(ask, granted), welcome: false }
    const lost = elsewhere ? privateTopic(sid, granted.principal) : undefined
    return { ...start, member: sessions.begin(ask, granted), lost, welcome: true }
  }

  function open(channel: Channel, opening: Opening): Connection {
    const connection = enter(channel, opening)
    if (opening.member.leaving) {
      end(connection, farewellBlock(connection, 0))
      return connection
    }
    const first = catchUp.begin(connection, opening)
    connection.welcomed = first
      .then(() => announce(connection), ignore)
      .then(() => {
        connection.welcomed = settled
      })
    first
      .then(history => catchUp.goOn(connection, history, opening.lost))
      .then(() => greet(connection))
      .catch(error => fail(connection, error))
    return connection
  }

  function enter(channel: Channel, { member, address, topics }: Opening): Connection {
    const connection: Connection = {
      channel: channel,
      member,
      topics,
      feed: fromLog,
      welcomed: settled,
      at: nowhereYet,
      queue: undefined,
      began: fanout.clock,
      // Lines that began together need not end together.
      due: fanout.clock + (3 * maxAge * (1 - Math.random() / 10)) / heartbeat,
      wrote: fanout.clock,
      taken: undefined,
      tookAt: fanout.clock,
    }
    const [oldest] = member.connections
    if (oldest && member.connections.length >= limits.channels) drop(oldest)
    Object.assign(member.session, { address, topics, transport: channel.transport })
    sessions.enter(connection)
    fanout.join(connection)
    return connection
  }

  function announce(connection: Connection): void {
    const { member } = connection
    if (isOver(connection) || member.stage !== 'new') return
    member.stage = 'begun'
    hooks.began(member)
  }

  function greet(connection: Connection): void {
    const { member } = connection
    if (isOver(connection)) return
    if (member.pinged !== undefined) pong(member, member.pinged)
    fanout.flush(connection)
  }

  /** What a slow reader cannot take is not kept for it: it is read from the log when it can. */
  function fallBehind(connection: Connection): void {
    catchUp
      .goOn(connection)
      .then(() => greet(connection))
      .catch(error => fail(connection, error))
  }

  function reread(topics?: readonly string[]): void {
    const lines = topics ? new Set(topics.flatMap(topic => [...fanout.hearers(topic)])) : sessions.lines()
    for (const connection of lines) catchUp.again(connection).catch(error => fail(connection, error))
  }

  /** That the log is out of reach it tells itself, once and not for each line. */
  function fail(connection: Connection, error: unknown): void {
    drop(connection)
    if (log.ready !== false) hooks.failed(error)
  }

  /** Where it cannot be said now it is said later, and only the newest: whoever reads nothing may ask all the same. */
  function pong(member: Member, ping: string): void {
    const newest = member.connections.findLast(connection => !isOver(connection))
    const now = newest && newest.channel.unsent() + (newest.queue?.size ?? 0) <= limits.unsent
    member.pinged = now ? undefined : ping
    if (now) fanout.queue(newest, pongTo(ping))
  }

  function spread(): number {
    return Math.round((sessions.open / admission) * 1000)
  }

  function beat(): void {
    fanout.clock++
    const now = spread()
    // Lines that are never quiet would go on with the spread of the day they opened.
    const news = Math.abs(now - toldSpread) > toldSpread / 4 + 100
    if (news) toldSpread = now
    const sign = beatBlock(now)
    for (const connection of sessions.lines()) {
      const quiet = fanout.clock - connection.wrote
      // Between two and three thirds of a heartbeat have passed.
      if (connection.feed.from === 'live' && !connection.channel.once && (news || quiet > 2))
        fanout.queue(connection, sign)
      if (connection.channel.isOver()) gone(connection)
      else if (isStuck(connection)) giveUp(connection)
      else if (fanout.clock >= connection.due && !connection.channel.once) end(connection, byeBlock(0))
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
    stuck++
    drop(connection)
  }

  function dismiss(member: Member): void {
    for (const connection of member.connections) end(connection, byeBlock(settings.retry))
    sessions.end(member)
  }

  function cut(which: (connection: Connection) => boolean): void {
    for (const connection of sessions.lines()) if (which(connection)) drop(connection)
  }

  async function farewell({ perSecond, hurry: all = false, within }: Pace): Promise<void> {
    if (all) {
      hurried = true
      hurry()
    }
    const leaving: Promise<void>[] = []
    let due = Date.now()
    for (const member of sessions.all()) {
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

  /** Takes nothing more from a session, waits for what is being worked at, says how far that went, and ends its channels. */
  async function release(member: Member, within: number, retry: () => number): Promise<void> {
    member.leaving = true
    const isOver = member.acked === member.taken || (await atMost(within, member.done))
    if (isOver) member.taken = member.acked
    for (const connection of member.connections) end(connection, farewellBlock(connection, retry()))
  }

  function gone(connection: Connection): void {
    leave(connection)
    ending.delete(connection)
    if (!ending.size) for (const resolve of waiting.splice(0)) resolve()
  }

  function end(connection: Connection, piece: Piece): void {
    fanout.queue(connection, piece)
    fanout.flush(connection)
    connection.channel.end()
    leave(connection)
  }

  function drop(connection: Connection): void {
    connection.channel.cut()
    leave(connection)
  }

  /** Behind it nothing is taken from the session any more: what it does not acknowledge was not taken, unless work is going on still. */
  function farewellBlock({ member }: Connection, retry: number): Piece {
    const isKnown = member.stage !== 'guest' && member.acked === member.taken
    if (!isKnown) return byeBlock(retry)
    return { text: acknowledgement(member, 0).text + byeBlock(retry, member.acked).text }
  }

  function leave(connection: Connection): void {
    if (!sessions.leave(connection)) return
    ending.add(connection)
    fanout.leave(connection)
  }
}
