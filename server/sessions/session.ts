import type { Contract, RepliesOf, UsualName } from '../../src/contracts/messages.ts'
import type { Refusal } from '../http-error.ts'
import { type Entry, type Log, readPlace } from '../log/log.ts'
import type { Rights, TransportName } from '../options.ts'
import { remembering } from '../remembering.ts'
import type { Batch } from '../wire/batch.ts'
import type { Channel } from '../wire/channel.ts'

/**
 * What can be published, and what clients send: text, bytes, or another value that JSON can hold. Of an object the type does not say whether
 * JSON can; what it cannot hold is a TypeError.
 */
export type Payload = string | number | boolean | null | object

/**
 * Gives back the id of the message, or `undefined` if the session is over and nobody can hear it.
 *
 * @typeParam Shared says by its `replies` what may be sent
 */
export type Send<Shared = Contract> = <Name extends ReplyName<Shared> = UsualName<ReplyName<Shared>>>(
  data: RepliesOf<Shared, Payload>[Name],
  options?: { event?: Name },
) => Promise<string | undefined>

/** The names of what is sent to one client. */
export type ReplyName<Shared> = string & keyof RepliesOf<Shared, Payload>

/**
 * One client, over all its reconnects.
 *
 * @typeParam Shared what pages and the server send each other
 */
export interface Session<Shared = Contract> {
  /** What the client names in its requests. Whoever knows it can go on in a session that has no `principal`. */
  readonly id: string
  /** The client's address, of its newest connection. */
  readonly address: string
  /** The transport of its newest connection. */
  readonly transport: TransportName
  /** What it hears: what `authorize` said for its newest connection, and what it has subscribed to. */
  readonly topics: readonly string[]
  /** Who it is, as `authorize` said. */
  readonly principal: string | undefined
  /** Yours: whatever the application wants to remember of this client. */
  readonly data: Record<string, unknown>
  /** Reaches this session alone, also while it is between two polls or reconnecting. */
  readonly send: Send<Shared>
}

/** A session, and what only the hub knows of it. */
export interface Member {
  readonly session: Writable<Session> & { granted: readonly string[] }
  /** The topic that it alone hears. */
  readonly topic: string
  /** The origin of its page, as far as requests have told it. */
  readonly origin: string | undefined
  /** Whether that is our own, if anything is known of it. */
  readonly own: boolean | undefined
  /** Its channels, the oldest first: nearly always one. */
  connections: readonly Connection[]
  /** What the names of its topics take, in bytes. */
  names: number
  /** The groups that it counts in: everybody, those of its address, those of its principal. */
  readonly groups: readonly Group[]
  stage: Stage
  /** What it may subscribe to, as `authorize` said last. */
  mayHear: Rights['subscribe']
  /** What those are told of it who ask who is in a topic, as `authorize` said last: JSON, or empty. */
  presence: string
  /** The topics that it has subscribed to, and what their names take, in bytes. */
  subscribed: ReadonlySet<string>
  subscribedNames: number
  /** The topics that it has asked for, and nobody has decided on yet. */
  deciding: Map<string, Decision> | undefined
  /** The topics that it does not hear any more, of which no channel has told its client yet. */
  untold: Map<string, Refusal> | undefined
  /** Where its polls have come. */
  polls: Polls | undefined
  /** The newest id as it began, until its client is known to have heard of it: a second channel of a race begins there. */
  since: string | undefined
  /** Something was sent to it alone: its own topic may be there. */
  addressed: boolean
  /** The latest turn of its polls. */
  turn: number
  /** How many of its polls in a row came after one that another node answered. */
  skipped: number
  /** It is let go: nothing is taken from it any more. */
  leaving: boolean
  /** The highest number that was accepted from it, and the highest that the application is done with. */
  taken: number
  acked: number
  /** Why numbers were not taken, the lowest first, for a client that asks again. */
  refused: Map<number, Refusal> | undefined
  /** Settles when the application is done with all that was accepted. */
  done: Promise<void>
  /** A body that comes in slices. */
  slices: string
  /** Bytes of it that are on their way to the application. */
  held: number
  /** When all that it sent would have come at the rate that it may go on at, on the clock of `performance.now()`. */
  paidUntil: number
  /** What goes down its channels for others. */
  carrier: Carrier | undefined
  /** The data of the `rt.ping` that came while there was no channel to answer on. */
  pinged: string | undefined
  /** When its last channel closed, in ms of the epoch. */
  left: number
}

/** What a session carries for others. */
export interface Carrier {
  /** Says what waits, now that there is a channel. */
  flush(): void
  /** That channel of its own is over, and what was written to it last may be lost. */
  left(channel: Channel): void
  /** Nobody hears the channel of this name any more. */
  drop(name: string): void
}

/**
 * | | |
 * |---|---|
 * | `new` | nobody has been told of it |
 * | `begun` | it was announced |
 * | `proven` | its client has named it, so somebody is there |
 * | `guest` | it is another node's: we only answer a poll that was brought here |
 * | `over` | it has ended: nothing is taken from it, and what waits is not begun |
 */
export type Stage = 'new' | 'begun' | 'proven' | 'guest' | 'over'

/** What a client says as it ends its session. */
export interface Farewell {
  code: number | undefined
  reason: string | undefined
}

/** Sessions that have something in common, of which there may only be so many. */
export interface Group {
  /** What they have in common; `undefined` for all sessions. */
  readonly key: string | undefined
  size: number
  /** Their open channels. */
  lines: number
  /** What their topics' names take, in bytes. */
  names: number
  /** Bytes of all of them that are on their way to the application. */
  held: number
  /** Those that have no channel and never came back, the longest away first: they make room for others. */
  readonly passing: Set<Member>
  /** All groups of those who are in this one and in none beside it but that of everybody. */
  readonly common: readonly Group[]
}

/** Whether a session may hear a topic: there is a refusal, or none. It counts for nothing once nobody wants to know any more. */
export interface Decision {
  readonly refused: Promise<Refusal | undefined>
  cancelled: boolean
}

/** Where the topics of a client are that asks again and again: the next poll of its channel goes on from there. */
export interface Polls {
  readonly channel: string
  readonly turn: number
  readonly places: Map<string, Start>
}

/** Where a feed begins. */
export interface Start {
  readonly at: Place
  /** What the client has to be told of it: that it is subscribed, and from where on. */
  readonly notice: Notice | undefined
  /** Its client wants to know who is there. */
  readonly asksWho?: boolean
  /** The number of the question that it answers; 0 without one. */
  readonly number: number
}

/** `listed`: `rt.open` says it. Else a block of its own does; `trimmed`: what was asked for is not kept any more, up to where it begins. */
export type Notice = 'listed' | { readonly trimmed?: boolean }

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** One channel of one session, and how far it has come. */
export interface Connection {
  readonly channel: Channel
  readonly member: Member
  /** The version of the wire that its client speaks. */
  readonly version: 1 | 2
  /** The topics it was granted as it opened. */
  readonly topics: readonly string[]
  /** The node that has brought it here, if one has. */
  readonly by: string | undefined
  /** Which poll of which channel of its client it is. */
  readonly poll: Pick<Polls, 'channel' | 'turn'> | undefined
  /** What is sent to its session alone; from a client of version 1, which has one position for all, what it was granted besides. */
  readonly own: Feed
  /** Those of its topics that have a position each, by name. */
  rooms: ReadonlyMap<string, Feed>
  /** Whether one of its feeds has to read from the log. */
  late: boolean
  /** Whether somebody is reading for them. */
  reading: boolean
  /** Whether it has to take what it was given before it is given more. */
  slow: boolean
  isOver: boolean
  /** Whether its first block was said, if it has one, and who waits for that: see `welcomed`. */
  isWelcomed: boolean
  welcoming: (() => void)[] | undefined
  /** The newest entry that it was given as it was published: see `reachedIn`. */
  at: Place
  /** The same of the spaces after the first. */
  beside: Map<number, Place> | undefined
  /** Whether feeds wait for a space that is out of reach. */
  stalled: boolean
  /** What waits for the next frame. */
  queue: Batch | undefined
  /** The beat of the hub's clock at which it began, and the one at which it has become too old. */
  readonly began: number
  readonly due: number
  /** The last beat of the hub's clock at which something was written. */
  wrote: number
  /** What `Channel.taken` told while something waited, and the beat since which it tells that. */
  taken: number | undefined
  tookAt: number
}

export type Place = Pick<Entry, 'id' | 'seq'>

/** Topics that a connection hears with one position. */
export interface Feed {
  readonly connection: Connection
  readonly topics: readonly string[]
  from: Source
  /** What its client has to be told before its first message. */
  notice: Notice | undefined
  /** Whether its client wants to know who is there. */
  asksWho: boolean
  /** The number of the question that it answers; 0 without one. */
  readonly number: number
  /** What was published while a page was on its way. */
  early: Entry[]
  /** The newest entry it was given, or the position it began after. */
  at: Place
  /** The number up to which it has read: what is newer it is given as it is published. */
  readTo: number
}

/**
 * Where a feed's messages come from.
 *
 * | | |
 * |---|---|
 * | `log` | what it missed is read, and what is published meanwhile too |
 * | `both` | the last page may be on its way; what is published meanwhile waits |
 * | `live` | as they are published |
 * | `nowhere` | it is over |
 */
export type Source = 'log' | 'both' | 'live' | 'nowhere'

/** What nobody waits for any more, shared by all who do not. */
export const settled = Promise.resolve()

/** Where a feed is before it has read. */
export const nowhereYet: Place = { id: '', seq: 0 }

/** Most lines begin, and most polls go on, at one of the newest messages, which is the same for many. */
export const placeAt = remembering((id: string): Place => ({ id, seq: readPlace(id)?.seq ?? 0 }))

/** A feed that has to read. */
export function createFeed(
  connection: Connection,
  topics: readonly string[],
  { at, notice, number, asksWho = false }: Start = { at: nowhereYet, notice: undefined, number: 0 },
): Feed {
  connection.late = true
  return { connection, topics, from: 'log', notice, number, asksWho, early: none, at, readTo: 0 }
}

/** Most connections have none, and share this. */
export const noRooms: ReadonlyMap<string, Feed> = new Map()
export const noTopics: ReadonlySet<string> = new Set()

/** Nothing waits. Shared: a feed that keeps what is early has a list of its own. */
export const none: Entry[] = []

/** The newest entry of a space that a connection was given as it was published. */
function reachedIn({ at, beside }: Connection, space: number): Place {
  return space === 0 ? at : (beside?.get(space) ?? nowhereYet)
}

/**
 * Where a feed goes on that was live: its connection was given all up to what it was given last. Where the log may have missed something on the way, it is
 * read once more from where it had not.
 */
export function goesOnAt({ connection, at }: Feed, log: Pick<Log, 'sure'>, space: number): Place {
  const reached = reachedIn(connection, space)
  const sure = log.sure?.(space)
  if (sure && sure.seq < reached.seq) return sure.seq > at.seq && isOneLife(sure, reached) ? sure : at
  return reached.seq > at.seq ? reached : at
}

function isOneLife(one: Place, other: Place): boolean {
  return readPlace(one.id)?.epoch === readPlace(other.id)?.epoch
}

/** Most logs have one space, and most connections no list. */
export function reach(connection: Connection, space: number, place: Place): void {
  if (space === 0) connection.at = place
  else if (connection.beside) connection.beside.set(space, place)
  else connection.beside = new Map([[space, place]])
}

/** Settles when the first block of a connection was said, if it has one. Few have to wait for it. */
export function welcomed(connection: Connection): Promise<void> {
  if (connection.isWelcomed) return settled
  const { welcoming = [] } = connection
  connection.welcoming = welcoming
  return new Promise(resolve => welcoming.push(resolve))
}

export function welcome(connection: Connection): void {
  const { welcoming = [] } = connection
  connection.isWelcomed = true
  connection.welcoming = undefined
  for (const go of welcoming) go()
}

/** The feed of a connection that hears a topic. */
export function feedOf({ rooms, own }: Connection, topic: string): Feed {
  return rooms.get(topic) ?? own
}

export function feedsOf({ own, rooms }: Connection): readonly Feed[] {
  const feeds = [own]
  for (const feed of rooms.values()) feeds.push(feed)
  return feeds
}
