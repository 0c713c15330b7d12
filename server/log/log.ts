import { show } from '../../src/wire/codec.ts'
import type { Metric } from '../operation/exposition.ts'
import { remembering } from '../remembering.ts'

/** A message as the log keeps it, its payload already in text (see `pack` in src/wire). */
export interface Packed {
  /** Its name; `undefined` for the usual one, `message`. */
  event: string | undefined
  /** Text, or bytes in base64. */
  data: string
  /** How to read `data`; `undefined` for text as it is. */
  encoding: string | undefined
  /** What `data` stands for: `json` for a value, `none` for an answer without one; `undefined` for text or bytes. */
  type?: string | undefined
  /** Of an answer: the number of the message that it answers, and its session. */
  re?: string | undefined
}

/** A message with its place. `text` is the block every line sends, written once and for all. */
export interface Entry {
  /** Epoch, number and tag, as docs/PROTOCOL.md has it. */
  readonly id: string
  /** The number in it, over all topics. */
  readonly seq: number
  /** The topic that it was published in. */
  readonly topic: string
  /** The block as it is written to each connection. */
  readonly text: string
}

/** Why a cursor cannot be continued; PROTOCOL.md, `rt.gap`, says what each means. */
export type GapReason = 'trimmed' | 'epoch' | 'future' | 'rollback' | 'unknown'

/** Why and where a history does not follow what was asked for. */
export interface Gap {
  /** Why. */
  readonly reason: GapReason
  /** The cursor that was asked for. */
  readonly from: string
  /** The newest position up to which messages may be missing. */
  readonly to: string
}

/** How far a topic is read backwards, from its newest message or from before another one. */
export interface Backwards {
  /** The id of the message before which to begin. @default from the newest on */
  readonly before?: string | undefined
  /** How many messages at most. Fewer come where they are large: a page has its limit in characters too. */
  readonly limit: number
  /** No message that was kept before this time, in ms of the epoch. @default as far as the topic goes */
  readonly since?: number | undefined
}

/** What a topic keeps, read backwards. */
export interface Past {
  /** The oldest first. */
  readonly entries: readonly Entry[]
  /** The position before the first of them: they follow it. */
  readonly start: string
  /** Whether the topic keeps older ones that were not asked for, or found no room. */
  readonly more: boolean
  /** Whether the reading ended where the topic begins that had to let older ones go. */
  readonly trimmed: boolean
}

/** What followed a cursor. */
export interface History {
  /** The position before the first of `entries`: what was asked for, unless there is a `gap`. */
  readonly start: string
  /** What is missing before `entries`, if anything is. */
  readonly gap?: Gap
  /** In order; no more than a page, so that reading far back costs a bounded piece of memory at a time. */
  readonly entries: readonly Entry[]
  /** Whether more follow: ask again after the last entry. */
  readonly more: boolean
}

/** That a topic is to be kept whole, from its first message on. */
export interface Whole {
  /**
   * Milliseconds that the topic lasts after this message.
   * @default as long as the log has it for this topic
   */
  readonly expire?: number | undefined
}

/**
 * The spaces of a log that is spread over several: each topic is in one of them, and each of them counts for itself, in an epoch of its own. So a position says nothing of the
 * topics in other spaces. They are numbered from 0.
 */
export interface Spaces {
  /** How many there are. */
  readonly count: number
  /** Where a topic is, on all nodes. Topics whose names have the same text in their first pair of braces are together: `{room:42}chat` and `{room:42}typing`. */
  of(topic: string): number
  /** Where a position is, if it is of a life of the log that is known here. */
  at(id: string): number | undefined
  /** Whether it can be read now. */
  isReady(space: number): boolean
}

/**
 * Where messages live; connections only pass by. One sequence runs over all topics, so that one cursor covers a line
 * that hears several; or over those of each space, where there are `spaces`. Answers may come later, as they do from a database.
 */
export interface Log {
  /**
   * Keeps a message under the next number, and tells listeners. With `whole`, the topic lets none of its messages go from then on, until it is over or
   * dropped: whoever publishes so bounds it. A log that passes over `whole` keeps as much of the topic as of any other.
   */
  append(topic: string, message: Packed, whole?: Whole): Entry | Promise<Entry>
  /**
   * What came after `cursor` in these topics. Without a cursor: nothing yet, `start` being the newest position. Where there are `spaces` the topics are all of one; `space` says of
   * which, for a list that is empty.
   */
  after(cursor: string | undefined, topics: readonly string[], space?: number): History | Promise<History>
  /** What a topic keeps, from the newest backwards. Nothing, if `before` is no position of this log. */
  back(topic: string, how: Backwards): Past | Promise<Past>
  /** Tells listeners, on all nodes, of a message that is not kept. @default only those of the hub that publishes it hear it */
  pass?(topic: string, message: Packed): void
  /** Gives back the undo. */
  listen(listener: LogListener): () => void
  /**
   * Listeners want to hear of this topic, until `unfollow` was called as often.
   * @default they hear of all topics
   */
  follow?(topic: string): void
  /** What is heard of it may go on for a while: whoever leaves may come back. */
  unfollow?(topic: string): void
  /** Settles once all that is appended to these topics from then on is heard; they are followed. `undefined`: it is so already. Rejects where the log is out of reach. */
  followed?(topics: readonly string[]): Promise<void> | undefined
  /**
   * Up to where its listeners have heard all that they should, if something may have gone missing behind it, and is told later.
   * @default they hear each entry before they hear a newer one
   */
  sure?(space?: number): Pick<Entry, 'id' | 'seq'> | undefined
  /**
   * Where positions are not comparable.
   * @default those of all topics are
   */
  readonly spaces?: Spaces
  /**
   * Short texts under keys, which all hubs of the log see.
   * @default a session stays at the node where it began
   */
  readonly registry?: Registry
  /** Forgets a topic and all that it keeps. Who comes back for something in it is told of a gap. */
  drop(topic: string): void | PromiseLike<void>
  /**
   * Whether it can be read now, or any of its `spaces`. While it is not, newcomers are refused with 503, and come again.
   * @default true
   */
  readonly ready?: boolean
  /**
   * What it can tell of itself, for `hub.metrics()`: names without a prefix, `throughline_log_` is put before them. It is asked at each scrape, and must not wait for
   * anything. Names of ours mean the same for each log: `round_trip_seconds`, `reconnects_total`, `lag_seconds`, `lag_messages`.
   * @default nothing
   */
  metrics?(): readonly Metric[]
}

/** Where a topic is. A log that is not spread has one space. */
export function spaceOf({ spaces }: Pick<Log, 'spaces'>, topic: string): number {
  return spaces ? spaces.of(topic) : 0
}

/** Whether the part of the log can be read that has this topic. */
export function isReadyFor(log: Pick<Log, 'spaces' | 'ready'>, topic: string): boolean {
  const { spaces } = log
  return spaces ? spaces.isReady(spaces.of(topic)) : log.ready !== false
}

/** Whether all of it can be read. */
export function isAllReady(log: Pick<Log, 'spaces' | 'ready'>): boolean {
  const { spaces, ready } = log
  if (!spaces) return ready !== false
  return Array.from({ length: spaces.count }, (_, space) => spaces.isReady(space)).every(Boolean)
}

/** What hubs that share a log tell each other by leaving it there: where a session lives. Each key is one line of at most 200 characters. */
export interface Registry {
  /** The text under a key, while it lasts. */
  get(key: string): string | undefined | Promise<string | undefined>
  /**
   * Puts a text under a key for `lasts` ms, if what is there is `expected`: a text, or `undefined` for none. Gives what is there then: `text`, if it was put. All in one step, of
   * which a call that has to be sent again is one.
   */
  compareAndSet(
    key: string,
    expected: string | undefined,
    text: string,
    lasts: number,
  ): string | undefined | Promise<string | undefined>
  /**
   * The address of this machine by which those that share the log can reach it.
   * @default nobody can, and a session is served by the node where it began alone
   */
  address?(): string | undefined | Promise<string | undefined>
}

/** What a hub hears of a log. */
export interface LogListener {
  /** Each entry, in order, once it is kept: also those that were appended elsewhere. */
  heard(entry: Entry): void
  /** A message that is not kept, as the block that lines send. */
  passed?(topic: string, text: string): void
  /** Some may have been missed, or the log began anew, or this space of it: whoever follows it reads on from where he is. */
  missed(space?: number): void
  /** The same, for those alone who hear one of these topics. A listener without this hears `missed`. */
  moved?(topics: readonly string[]): void
  /** The log is out of reach, and goes on trying: told once, until it is back. Or it cannot do all that it should. */
  failed(error: unknown): void
}

/** An id taken apart. */
export interface Place {
  readonly epoch: string
  readonly seq: number
  readonly tag: string
}

/** How many characters an id of ours has at most. */
const longestId = 64

/** Whether it can stand in an id: of what a client asks with, it may be anything. */
export function isId(text: string): boolean {
  return text.length <= longestId && /^[0-9A-Za-z._~-]+$/.test(text)
}

/** What every server and every log can read; a position beyond 2^53 was never given to anybody. Thousands of lines go on from the same. */
export const readPlace: (id: string) => Place | undefined = remembering(id => {
  const parts = !isId(id) ? null : /^([0-9A-Za-z_~-]+)\.(\d+)\.([0-9A-Za-z_~-]+)$/.exec(id)
  const [, epoch, digits, tag] = parts ?? []
  if (epoch === undefined || tag === undefined || !Number.isSafeInteger(Number(digits))) return undefined
  return { epoch, seq: Number(digits), tag }
})

export function writePlace({ epoch, seq, tag }: Place): string {
  return `${epoch}.${seq}.${tag}`
}

/**
 * A number that is given only once while the key is in use has a tag that need not be kept: it is the number, scrambled.
 * `key` is a random number of 32 bits.
 */
export function placeOf(epoch: string, seq: number, key: number): Place {
  const mixed = Math.imul(seq ^ key, 0x9e3779b1)
  const tag = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) >>> 0
  return { epoch, seq, tag: `${pairs[tag & 4095]}${pairs[(tag >>> 12) & 4095]}${pairs[tag >>> 24]}` }
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-'

/** Twelve bits as two characters. To look a number up takes a fraction of what `toString` would, once for each message. */
const pairs = Array.from({ length: 4096 }, (_, bits) => `${digits[bits >> 6]}${digits[bits & 63]}`)

/** Whether it is the topic of a session: these come and go in large numbers. */
export function isPrivate(topic: string): boolean {
  return topic.startsWith('rt.')
}

/** Whether a name can be written: it stands alone on its line, in UTF-8, and what begins with `rt.` means something to the protocol. */
export function isWritable(name: string): boolean {
  // With the flag `u` a surrogate is one that stands alone. In its place U+FFFD would be written, which is another name.
  return !/[\r\n\0\ud800-\udfff]|^rt\./u.test(name)
}

/** A number of messages. */
export function checkCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new TypeError(`${name} is ${show(value)}; it must be 1 or more`)
}

/** A time in ms. */
export function checkTime(name: string, value: number, most = Number.POSITIVE_INFINITY): void {
  if (!(typeof value === 'number' && value > 0 && value <= most)) {
    const upTo = most < Number.POSITIVE_INFINITY ? ` up to ${most}` : ''
    throw new TypeError(`${name} is ${show(value)}; it must be a positive number of ms${upTo}`)
  }
}
