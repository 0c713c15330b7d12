import type { Refusal } from '../http-error.ts'
import type { Entry } from '../log/log.ts'
import type { TransportName } from '../options.ts'
import type { Batch } from '../wire/batch.ts'
import type { Channel } from '../wire/channel.ts'

/** What can be published: text, or bytes. */
export type Payload = string | ArrayBuffer | ArrayBufferView

/** Gives back the id of the message, or `undefined` if the session is over and nobody can hear it. */
export type Send = (data: Payload, options?: { event?: string }) => Promise<string | undefined>

/** One client, over all its reconnects. */
export interface Session {
  /** What the client names in its requests. Whoever knows it can go on in a session that has no `principal`. */
  readonly id: string
  /** The client's address, of its newest connection. */
  readonly address: string
  /** The transport of its newest connection. */
  readonly transport: TransportName
  /** What it hears, as `authorize` said for its newest connection. */
  readonly topics: readonly string[]
  /** Who it is, as `authorize` said. */
  readonly principal: string | undefined
  /** Yours: whatever the application wants to remember of this client. */
  readonly data: Record<string, unknown>
  /** Reaches this session alone, also while it is between two polls or reconnecting. */
  readonly send: Send
}

/** A session, and what only the hub knows of it. */
export interface Member {
  readonly session: Writable<Session>
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
  /** The data of the `rt.ping` that came while there was no channel to answer on. */
  pinged: string | undefined
  /** When its last channel closed, in ms of the epoch. */
  left: number
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
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** One channel of one session, and how far it has come. */
export interface Connection {
  readonly channel: Channel
  readonly member: Member
  /** Those it was granted. */
  readonly topics: readonly string[]
  feed: Feed
  /** Settles when its first block was said. */
  welcomed: Promise<void>
  /** The newest entry it was given, or the position it began after. */
  at: Pick<Entry, 'id' | 'seq'>
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

/** Where a line's messages come from. */
export type Feed =
  | { from: 'log' } // it takes what it is given; then it reads what it missed and what is published meanwhile
  | { from: 'both'; early: Entry[] } // the last page is on its way; what is published meanwhile waits
  | { from: 'live' }
  | { from: 'nowhere' } // it is over

/** What nobody waits for any more, shared by all who do not. */
export const settled = Promise.resolve()

// Thousands of lines are in the same state.
export const fromLog: Feed = { from: 'log' }
export const fromLive: Feed = { from: 'live' }
export const nowhere: Feed = { from: 'nowhere' }

/** The topics it was granted, and its session's own. */
export function topicsOf({ topics, member }: Connection): readonly string[] {
  return [...topics, member.topic]
}

export function isOver(connection: Connection): boolean {
  return connection.feed.from === 'nowhere'
}
