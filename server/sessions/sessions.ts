import { createHash } from 'node:crypto'
import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { networkOf } from '../http/proxies.ts'
import { type Refusal, refusal } from '../http-error.ts'
import type { Settings, TransportName } from '../options.ts'
import {
  type Connection,
  type Farewell,
  type Group,
  type Member,
  noTopics,
  type Send,
  type Session,
  type Stage,
  settled,
} from './session.ts'

export interface Sessions {
  /** The session that was asked for, if it still lives and belongs to who asks. */
  find(ask: HubRequest, granted: Granted): Member | undefined
  /**
   * The session that another channel of the same line has begun a moment ago: in a race none of them has been told it yet. Throws a refusal
   * when that line has said goodbye since: what comes then was on its way.
   */
  join(ask: HubRequest, granted: Granted): Member | undefined
  /** Throws a refusal when there are too many for a new one. */
  check(ask: HubRequest, granted: Granted): void
  /** Throws a refusal when its client has too many lines for one more, or too many topics for what this one hears. */
  checkMore(member: Member, granted: Granted): void
  /** A line says goodbye of which nothing has come yet: what comes was on its way. */
  part(ask: HubRequest): void
  /** Whichever of these two is due for a channel that may begin: its session lives, or is a new one. */
  checkNext(ask: HubRequest, granted: Granted): void
  /** It hears this topic from now on, whatever it is granted. Throws a refusal when it hears too many. */
  subscribe(member: Member, topic: string): void
  /** How many topics it hears. */
  topicsOf(member: Member): number
  /** The refusal of one more. */
  readonly tooManyTopics: Refusal
  unsubscribe(member: Member, topic: string): void
  /** A new one, whose own topic is in this space of the log, if one is named. Throws a refusal when there are too many. */
  begin(ask: HubRequest, granted: Granted, space?: number): Member
  /** Stands for a session of another node, as long as it has a channel here. Throws a refusal when there are too many. */
  invite(ask: HubRequest, granted: Granted): Member
  knows(sid: string): boolean
  /** The one with this id, whoever asks. */
  named(sid: string): Member | undefined
  /** Whether the session that is asked for is known to live on a page of the origin that asks. */
  vouches(ask: HubRequest): boolean
  enter(connection: Connection): void
  /** Whether it was there. */
  leave(connection: Connection): boolean
  /** What another node takes it up by. */
  restOf(member: Member): Rest
  /** Lets go of one that another node may have taken up by now: nobody is told that it is over. */
  letGo(member: Member): void
  /** Takes up one that another node has let go. Throws a refusal when there are too many. */
  takeUp(ask: HubRequest, granted: Granted, rest: Rest): void
  /** Ends one that has no channel any more. `bye`: what its client said, if it said goodbye. */
  end(member: Member, bye?: Farewell): void
  clear(): void
  /** Guests are none. */
  readonly size: number
  /** All, and the guests. */
  all(): Iterable<Member>
  /** The lines of all. */
  lines(): Iterable<Connection>
  readonly open: number
}

/** What belongs to a session while it is with no node. */
export interface Rest {
  readonly principal: string | undefined
  readonly taken: number
  readonly acked: number
  readonly refused: readonly (readonly [number, Refusal])[]
  readonly subscribed: readonly string[]
  /** What JSON can hold of `session.data`. */
  readonly data: Record<string, unknown>
}

interface Hooks {
  /** A new id. */
  name(): string
  send(topic: string, ...message: Parameters<Send>): Promise<string>
  /** `vanished`: its client said nothing, and had its time to come back. */
  ended(member: Member, bye: Farewell | undefined, vanished: boolean): void
}

/** Not every request tells its origin; one that tells another is somebody else's. */
function isSamePage(member: Member, standing: HubRequest['standing'], origin: string | undefined): boolean {
  if (member.own === undefined || standing === 'unknown') return true
  return standing === 'own' ? member.own : origin === member.origin
}

/**
 * The private topic of a session. Its name cannot be published to, nor granted, from outside. The principal is in it, so
 * that a node which does not know the session need not be told whose it is.
 */
export function privateTopic(sid: string, principal: string | undefined): string {
  const whose = JSON.stringify([sid, principal])
  const hash = createHash('sha256').update(whose).digest().toString('base64url', 0, 18)
  // Those of one hub's sessions have a beginning of their own, by which a log that nodes share can tell whom it concerns.
  const hub = /^[\w-]{32}$/.test(sid) ? `${sid.slice(0, 8)}.` : ''
  // One text, where `+` would keep two and how they go together.
  return ['rt.to.', hub, hash].join('')
}

/** How long the transports of a race may begin after one another, in ms. */
const racing = 30_000

/** How many lines are remembered for that: whoever says goodbye for lines that never were must not fill the memory. */
const mostLines = 50_000

/** How many beats of the hub's clock a channel lasts at least whose client was no passer-by. */
const stay = 3

/** How many ids are tried until one is where it should be. */
const tries = 10_000

export function createSessions(
  { limits, sessionTimeout, log }: Settings,
  { name, send, ended }: Hooks,
): Sessions {
  const members = new Map<string, Member>()
  const tooManyTopics = refusal(
    400,
    `a line hears at most ${limits.topics} topics (limits.topics)`,
    undefined,
    'topics',
  )
  const guests = new Set<Member>()
  const everybody = createGroup(undefined)
  const groups = new Map<string, Group>()
  let open = 0
  const lately = new Map<string, { member: Member | undefined; since: number }>() // by line, those that have just begun, or ended before that
  const parted = new WeakSet<Member>() // those that have said goodbye
  const away = new Set<Member>() // those without a channel, the longest away first
  let timer: NodeJS.Timeout | undefined // runs while somebody is away

  /** What few applications ask of a session is made when it is asked for: tens of thousands live at a time. */
  class HubSession implements Session {
    readonly id: string
    address: string
    transport: TransportName
    granted: readonly string[]
    subscribed: ReadonlySet<string> = noTopics
    readonly principal: string | undefined
    #data: Record<string, unknown> | undefined

    constructor(
      id: string,
      address: string,
      transport: TransportName,
      granted: readonly string[],
      principal: string | undefined,
    ) {
      this.id = id
      this.address = address
      this.transport = transport
      this.granted = granted
      this.principal = principal
    }

    get topics(): readonly string[] {
      return this.subscribed.size ? [...new Set([...this.granted, ...this.subscribed])] : this.granted
    }

    get data(): Record<string, unknown> {
      this.#data ??= {}
      return this.#data
    }

    get send(): Send {
      const { id } = this
      return (...message) => {
        const member = members.get(id)
        if (!member) return Promise.resolve(undefined)
        member.addressed = true
        return send(member.topic, ...message)
      }
    }
  }

  return {
    find,
    join,
    part,
    check,
    checkMore,
    checkNext,
    subscribe,
    topicsOf,
    tooManyTopics,
    unsubscribe,
    begin,
    invite,
    restOf,
    letGo,
    takeUp,
    knows: sid => members.has(sid),
    named: sid => members.get(sid),
    vouches: ({ sid = '', origin }) => origin !== undefined && members.get(sid)?.origin === origin,
    enter,
    leave,
    end,
    clear,
    get size() {
      return members.size
    },
    all,
    lines,
    get open() {
      return open
    },
  }

  function find(ask: HubRequest, granted: Granted): Member | undefined {
    const member = ofWhoAsks(members.get(ask.sid ?? ''), ask, granted)
    if (!member) return undefined
    if (member.stage === 'begun') member.stage = 'proven'
    member.since = undefined
    for (const { passing } of member.groups) passing.delete(member)
    return member
  }

  function join(ask: HubRequest, granted: Granted): Member | undefined {
    const known = lately.get(ask.line ?? '')
    if (!known) return undefined
    const { member } = known
    if (!member || (parted.has(member) && member.session.principal === granted.principal)) throw hasParted
    return ofWhoAsks(member, ask, granted)
  }

  function part({ line }: HubRequest): void {
    if (line) remember(line, undefined)
  }

  function ofWhoAsks(
    member: Member | undefined,
    { origin, standing }: HubRequest,
    { principal }: Granted,
  ): Member | undefined {
    if (!member || member.stage === 'over' || member.session.principal !== principal) return undefined
    if (!isSamePage(member, standing, origin)) return undefined
    // A page of our own is known by the name it has told of late: proxies may have others.
    if (origin !== undefined && standing !== 'foreign')
      Object.assign(member, { origin, own: standing === 'own' })
    return member
  }

  function check(ask: HubRequest, granted: Granted): void {
    const own = groupsOf(ask, granted)
    for (const group of own) {
      if (isFull(group) && !group.passing.size) throw tooMany('sessions', group)
      if (hasNoRoom(group, namesOf(granted.topics))) throw tooMany('topics', group)
    }
    checkLines(own)
  }

  /** One more of a session that has all it may have takes the place of its oldest. */
  function checkMore({ connections, groups, names, subscribedNames }: Member, { topics }: Granted): void {
    if (connections.length < limits.channels) checkLines(groups)
    const more = namesOf(topics) + subscribedNames - names
    for (const group of groups)
      if (more > 0 && group.names + more > roomFor(group)) throw tooMany('topics', group)
  }

  function checkNext(ask: HubRequest, granted: Granted): void {
    const known = find(ask, granted) ?? join(ask, granted)
    if (known) checkMore(known, granted)
    else check(ask, granted)
  }

  function topicsOf({ session, subscribed }: Member): number {
    return session.granted.length + subscribed.size
  }

  function subscribe(member: Member, topic: string): void {
    if (member.subscribed.has(topic)) return
    const { session, groups, subscribed } = member
    if (topicsOf(member) >= limits.topics) throw tooManyTopics
    const names = namesOf([topic])
    for (const group of groups) if (group.names + names > roomFor(group)) throw tooMany('topics', group)
    const own = subscribed === noTopics ? new Set<string>() : (subscribed as Set<string>)
    member.subscribed = (session as HubSession).subscribed = own.add(topic)
    count(member, names)
  }

  function unsubscribe(member: Member, topic: string): void {
    if (member.subscribed !== noTopics && (member.subscribed as Set<string>).delete(topic))
      count(member, -namesOf([topic]))
  }

  function count(member: Member, names: number): void {
    member.names += names
    member.subscribedNames += names
    for (const group of member.groups) group.names += names
  }

  /** Whether the names find no room, even if every session whose client never came back is ended. */
  function hasNoRoom(group: Group, more: number): boolean {
    let left = group.names + more
    if (left <= roomFor(group)) return false
    for (const { names } of group.passing) left -= names
    return left > roomFor(group)
  }

  /** A single address, or a single principal, may take half. */
  function roomFor({ key }: Group): number {
    return key === undefined ? limits.topicsInAll : limits.topicsInAll / 2
  }

  function checkLines(own: readonly Group[]): void {
    for (const group of own) {
      const { key, lines } = group
      if (key !== undefined && lines >= limitOf(key, 'lines')) throw tooMany('lines', group)
    }
  }

  function begin(ask: HubRequest, granted: Granted, space?: number): Member {
    const member = make(nameIn(space, granted), 'new', ask, granted)
    members.set(member.session.id, member)
    wait(member)
    if (ask.line) remember(ask.line, member)
    return member
  }

  /** Its own topic is where its id leads. Without a word on where, it is some space that can be read. */
  function nameIn(space: number | undefined, { principal }: Granted): string {
    const { spaces } = log
    for (let n = 0; ; n++) {
      const id = name()
      if (!spaces || n === tries) return id
      const found = spaces.of(privateTopic(id, principal))
      if (found === space || (space === undefined && spaces.isReady(found))) return id
    }
  }

  function remember(line: string, member: Member | undefined): void {
    const now = Date.now()
    for (const [name, { since }] of lately) {
      if (now - since < racing && lately.size < mostLines) break
      lately.delete(name)
    }
    lately.delete(line)
    lately.set(line, { member, since: now })
  }

  function invite(ask: HubRequest, granted: Granted): Member {
    const member = make(ask.sid ?? '', 'guest', ask, granted)
    guests.add(member)
    return member
  }

  function restOf({ session, taken, acked, refused, subscribed }: Member): Rest {
    return {
      principal: session.principal,
      taken,
      acked,
      refused: [...(refused ?? [])],
      subscribed: [...subscribed],
      data: dataOf(session),
    }
  }

  function letGo(member: Member): void {
    away.delete(member)
    leaveGroups(member)
    members.delete(member.session.id)
    member.stage = 'over'
  }

  function takeUp(ask: HubRequest, granted: Granted, rest: Rest): void {
    const member = make(ask.sid ?? '', 'proven', ask, granted)
    const { taken, acked, refused, subscribed, data } = rest
    Object.assign(member, {
      taken,
      acked,
      refused: refused.length ? new Map(refused) : undefined,
      addressed: true,
    })
    Object.assign(member.session.data, data)
    members.set(member.session.id, member)
    wait(member)
    for (const topic of subscribed) subscribe(member, topic)
  }

  /** Takes it into its groups. Where one is full, sessions whose client never came back are ended. */
  function make(id: string, stage: Stage, ask: HubRequest, granted: Granted): Member {
    check(ask, granted)
    for (const group of groupsOf(ask, granted)) {
      const [oldest] = isFull(group) ? group.passing : []
      if (oldest) end(oldest)
      for (const next of group.passing) {
        if (group.names + namesOf(granted.topics) <= roomFor(group)) break
        end(next)
      }
    }
    const { address, origin, standing, via, turn } = ask
    const { topics, principal } = granted
    const names = namesOf(topics)
    const own = groupsOf(ask, granted)
    for (const group of own) {
      group.size++
      group.names += names
      if (group.key !== undefined) groups.set(group.key, group)
    }
    return {
      session: new HubSession(id, address, via === 'post' ? 'bare' : via, topics, principal),
      topic: privateTopic(id, principal),
      origin,
      own: standing === 'unknown' ? undefined : standing === 'own',
      connections: [],
      names,
      groups: own,
      stage,
      mayHear: granted.subscribe,
      presence: granted.presence,
      subscribed: noTopics,
      subscribedNames: 0,
      deciding: undefined,
      polls: undefined,
      since: undefined,
      addressed: stage === 'guest', // by its own node
      turn,
      skipped: 0,
      leaving: false,
      taken: 0,
      acked: 0,
      refused: undefined,
      untold: undefined,
      done: settled,
      slices: '',
      held: 0,
      paidUntil: 0,
      carrier: undefined,
      pinged: undefined,
      left: Date.now(),
    }
  }

  /** The sessions of one address share the list, where they have no principal. */
  function groupsOf({ address }: HubRequest, { principal }: Granted): readonly Group[] {
    const common = address ? groupOf(`address ${networkOf(address)}`).common : everybody.common
    return principal === undefined ? common : common.concat(groupOf(`principal ${principal}`))
  }

  function groupOf(key: string): Group {
    return groups.get(key) ?? createGroup(key, everybody)
  }

  function isFull({ key, size }: Group): boolean {
    if (key === undefined) return size >= limits.sessions
    return size >= limitOf(key, 'sessions')
  }

  function limitOf(key: string, what: 'sessions' | 'lines'): number {
    return limits[`${what}Per${key.startsWith('a') ? 'Address' : 'Principal'}`]
  }

  function enter(connection: Connection): void {
    const { member } = connection
    // An array that is spread has room for more, and there will hardly be more.
    member.connections = member.connections.concat(connection)
    open++
    const names = namesOf(connection.topics) + member.subscribedNames
    for (const group of member.groups) {
      group.lines++
      group.names += names - member.names
    }
    member.names = names
    away.delete(member)
    for (const { passing } of member.groups) passing.delete(member)
  }

  function leave(connection: Connection): boolean {
    const { member } = connection
    if (!member.connections.includes(connection)) return false
    member.connections = member.connections.filter(other => other !== connection)
    open--
    for (const group of member.groups) group.lines--
    if (member.connections.length > 0) return true
    // A bare stream has no way to name its session again, and a client that was gone before the first answer has never heard its name.
    if (connection.channel.transport === 'bare' || member.stage === 'new' || member.stage === 'guest')
      end(member)
    else if (member.stage !== 'over') {
      wait(member)
      if (isPassing(connection)) for (const { passing } of member.groups) passing.add(member)
    }
    return true
  }

  function* lines(): Iterable<Connection> {
    for (const member of all()) yield* member.connections
  }

  function* all(): Iterable<Member> {
    yield* members.values()
    yield* guests
  }

  function wait(member: Member): void {
    member.left = Date.now()
    away.add(member)
    if (timer === undefined) watch()
  }

  /** One timer for all: everybody may be away for equally long, so the first is the next whose time is over. */
  function watch(): void {
    const [first] = away
    const left = first && Math.max(0, first.left + sessionTimeout - Date.now())
    timer = left === undefined ? undefined : setTimeout(expire, Math.min(left, sessionTimeout)).unref()
  }

  function expire(): void {
    const due = Date.now() - sessionTimeout
    for (const member of away) {
      if (member.left > due) break
      end(member, undefined, true)
    }
    watch()
  }

  function clear(): void {
    clearTimeout(timer)
    for (const member of members.values()) end(member)
  }

  function end(member: Member, bye?: Farewell, vanished = false): void {
    away.delete(member)
    if (bye) parted.add(member)
    const isOurs = members.get(member.session.id) === member
    if (!isOurs && !guests.delete(member)) return
    leaveGroups(member)
    if (!isOurs) return
    members.delete(member.session.id)
    ended(member, bye, vanished)
    member.stage = 'over'
  }

  function leaveGroups(member: Member): void {
    // What is decided later finds nobody, and counts nothing.
    for (const decision of member.deciding?.values() ?? []) decision.cancelled = true
    for (const group of member.groups) {
      group.passing.delete(member)
      group.names -= member.names
      if (--group.size === 0 && group.key !== undefined) groups.delete(group.key)
    }
  }
}

function createGroup(key: string | undefined, within?: Group): Group {
  const common: Group[] = within ? [within] : []
  const group = { key, size: 0, lines: 0, names: 0, held: 0, passing: new Set<Member>(), common }
  common.push(group)
  return group
}

/** What can be written down of it. */
function dataOf({ data }: Session): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(data))
  } catch {
    return {}
  }
}

/** Whether its client may have been one that asks once and is gone. */
function isPassing({ member, began, wrote }: Connection): boolean {
  return member.stage === 'begun' && wrote - began < stay
}

/** How many bytes the names of topics take: each has its text and an entry in a list. */
function namesOf(topics: readonly string[]): number {
  return topics.reduce((sum, { length }) => sum + length + 16, 0)
}

const hasParted = refusal(410, 'this line has said goodbye')

function tooMany(what: 'sessions' | 'lines' | 'topics', { key }: Group): Refusal {
  if (key === undefined) return refusal(503, `too many ${what}`, 10, what)
  const [common] = key.split(' ', 1)
  return refusal(429, `too many ${what} of one ${common}`, 10, what)
}
