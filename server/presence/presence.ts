import { type Refusal, refusal } from '../http-error.ts'
import { type Entry, spaceOf } from '../log/log.ts'
import type { Settings } from '../options.ts'
import { printable } from '../printer.ts'
import { randomName } from '../random.ts'
import { type Connection, type Member, welcomed } from '../sessions/session.ts'
import type { Piece } from '../wire/batch.ts'
import { noPresenceBlock } from '../wire/control-events.ts'
import { createAudiences } from './audiences.ts'
import { createNodes, nodesTopic } from './nodes.ts'
import { createPeople } from './people.ts'

/** Who is in a topic. */
export interface Person {
  /** The principal; of somebody who has none a name that tells nothing, which begins with `~`. */
  readonly id: string
  /** What `authorize` gave as `presence`. */
  readonly data?: unknown
}

/** Who is in the topics that an application wants to know it of, and who has asked for it. */
export interface Presence {
  /** A session hears a topic from now on. It counts once it has begun. */
  enter(member: Member, topic: string): void
  /** It does not hear it any more. */
  leave(member: Member, topic: string): void
  /** It has begun. */
  began(member: Member): void
  /** Its session is over. `vanished`: it had its time to come back. */
  ended(member: Member, vanished: boolean): void
  /** Its rights were asked for anew: `data` is what it is known by, and `hears` says which topics it hears still. */
  renewed(member: Member, data: string, hears: (topic: string) => boolean): void
  /** A connection asks who is in a topic. `anew`: it has heard nothing of it yet, which of polls the first one has not. */
  ask(connection: Connection, topic: string, anew: boolean): void
  /** A client asks, be it once more, that has no connection between two polls: the next one tells it. */
  askLater(member: Member, topic: string): void
  /** A connection is over. */
  gone(connection: Connection): void
  /** Everybody in a topic, on all nodes. Throws a TypeError where presence is not kept. */
  list(topic: string): Person[]
  /** An entry of the log that may be from another node. Whether it was. */
  heard(entry: Entry): boolean
  /** Entries of the log may have been missed: all, or of these topics, or of those in this space. */
  missed(topics?: readonly string[], space?: number): void
  stop(): void
}

/** What a session is known by, and where. */
interface Known {
  readonly id: string
  data: string
  /** Whether it is counted: its client has begun to hear. */
  counts: boolean
  readonly topics: Set<string>
}

/** `say` gives a connection a piece to write. */
export function createPresence(
  { presence: isChosen, shared, log, limits, sessionTimeout }: Settings,
  say: (connection: Connection, piece: Piece) => void,
  failed: (error: unknown) => void,
): Presence {
  const members = new Map<Member, Known>()
  const denied = new WeakMap<Member, Set<string>>()
  const people = createPeople({
    changed: (topic, id) => audiences.changed(topic, id),
    changedHere: (topic, id, person) => nodes?.changed(topic, id, person),
  })
  const audiences = createAudiences(people, limits.presence, say)
  const nodes = isChosen && shared ? createNodes(log, people, sessionTimeout) : undefined

  return {
    enter,
    leave,
    began,
    ended,
    renewed,
    ask,
    askLater,
    gone: audiences.gone,
    list,
    heard,
    missed,
    stop,
  }

  function isKept(topic: string): boolean {
    try {
      return isChosen?.(topic) === true
    } catch (error) {
      failed(error)
      return false
    }
  }

  function enter(member: Member, topic: string): void {
    // The node of a guest's session counts it.
    if (!isChosen || member.stage === 'guest' || member.stage === 'over') return
    const known = members.get(member)
    if (known?.topics.has(topic) || !isKept(topic)) return
    const { id, data, counts, topics } = known ?? introduce(member)
    topics.add(topic)
    if (counts) people.come(topic, id, data)
  }

  function introduce(member: Member): Known {
    const id = member.session.principal ?? `~${randomName(9)}`
    const known = { id, data: member.presence, counts: member.stage !== 'new', topics: new Set<string>() }
    members.set(member, known)
    return known
  }

  function leave(member: Member, topic: string, vanished = false): void {
    if (!isChosen) return
    audiences.leave(member, topic)
    denied.get(member)?.delete(topic)
    const known = members.get(member)
    if (known?.topics.delete(topic) && known.counts) people.go(topic, known.id, vanished)
  }

  function began(member: Member): void {
    const known = members.get(member)
    if (!known || known.counts) return
    known.counts = true
    for (const topic of known.topics) people.come(topic, known.id, known.data)
  }

  function ended(member: Member, vanished: boolean): void {
    const known = members.get(member)
    if (!known) return
    for (const topic of known.topics) leave(member, topic, vanished)
    members.delete(member)
  }

  function renewed(member: Member, data: string, hears: (topic: string) => boolean): void {
    const known = members.get(member)
    if (!known) return
    for (const topic of known.topics) if (!hears(topic)) leave(member, topic)
    if (known.data === data) return
    known.data = data
    if (known.counts) for (const topic of known.topics) people.rename(topic, known.id, data)
  }

  function ask(connection: Connection, topic: string, anew: boolean): void {
    void welcomed(connection).then(() => {
      if (connection.isOver || !connection.rooms.has(topic)) return
      const { member } = connection
      const isThere = member.stage === 'guest' ? isKept(topic) : members.get(member)?.topics.has(topic)
      if (isThere) audiences.listen(connection, topic, anew)
      else deny(connection, topic, anew)
    })
  }

  function askLater(member: Member, topic: string): void {
    audiences.forget(member, topic)
    denied.get(member)?.delete(topic)
  }

  /** Polls are told once: each names its topics again. */
  function deny(connection: Connection, topic: string, anew: boolean): void {
    const { member } = connection
    const told = denied.get(member) ?? new Set()
    if (!anew && (told.has(topic) || member.stage === 'guest')) return
    denied.set(member, told.add(topic))
    say(connection, noPresenceBlock(topic, notKept(topic)))
  }

  function list(topic: string): Person[] {
    if (!isKept(topic)) throw new TypeError(notKept(topic).message)
    return Array.from(people.in(topic).values(), ({ id, data }) =>
      data ? { id, data: JSON.parse(data) } : { id },
    )
  }

  function heard(entry: Entry): boolean {
    if (entry.topic !== nodesTopic) return false
    try {
      nodes?.heard(entry)
    } catch (error) {
      // A node of another version may say it otherwise.
      failed(error)
    }
    return true
  }

  function missed(topics?: readonly string[], space = spaceOf(log, nodesTopic)): void {
    if (topics ? topics.includes(nodesTopic) : space === spaceOf(log, nodesTopic)) nodes?.missed()
  }

  function stop(): void {
    nodes?.stop()
    audiences.stop()
    people.stop()
  }
}

function notKept(topic: string): Refusal {
  return refusal(
    404,
    `presence is not kept in ${JSON.stringify(printable(topic))}: the option "presence" of createHub says where it is`,
  )
}
