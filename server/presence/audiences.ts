import type { Connection, Member } from '../sessions/session.ts'
import type { Piece } from '../wire/batch.ts'
import { presenceBlock } from '../wire/control-events.ts'
import { createPace, type Pace } from './pace.ts'
import type { People, Present } from './people.ts'

/** Those who have asked who is in a topic: they hear the list, and then what changes. */
export interface Audiences {
  /** `anew`: the connection has heard nothing yet; else it is a poll that goes on after another one, and needs only what changed between. */
  listen(connection: Connection, topic: string, anew: boolean): void
  /** What a session was told by its polls does not count: the next one begins with the list. */
  forget(member: Member, topic: string): void
  /** The connection is over. */
  gone(connection: Connection): void
  /** A session hears the topic no more. */
  leave(member: Member, topic: string): void
  /** Somebody came, went, or has other data. */
  changed(topic: string, id: string): void
  stop(): void
}

interface Audience {
  readonly topic: string
  readonly connections: Set<Connection>
  /** Of these, the ones that need the whole list. */
  readonly newcomers: Set<Connection>
  /** Who polls, and the version that it was told last: between two polls it has no connection. */
  readonly polled: Map<Member, number>
  /** What the audience knows: each person as it was told, by id. */
  readonly told: Map<string, string>
  /** How many there were when that was told. */
  count: number
  /** Changes with each thing that is told. */
  version: number
  /** Who may have changed since. */
  changed: Set<string>
  list: Piece | undefined
  readonly pace: Pace
}

/** Milliseconds between two tellings about one topic: a hundred people that come at once are told of together. */
const pause = 100

/** Characters of one block, and of a whole list. */
const roomInBlock = 2 ** 16
const roomInList = 2 ** 19

/** `most`: how many people of a topic are told of. `say` gives a connection a piece with what else it has to hear. */
export function createAudiences(
  people: People,
  most: number,
  say: (connection: Connection, piece: Piece) => void,
): Audiences {
  const audiences = new Map<string, Audience>()
  const heardBy = new Map<Connection, Set<Audience>>()
  let versions = 0

  return { listen, forget, gone, leave, changed, stop }

  function listen(connection: Connection, topic: string, anew: boolean): void {
    const audience = audiences.get(topic) ?? gather(topic)
    const { member } = connection
    audience.connections.add(connection)
    const own = heardBy.get(connection)
    if (own) own.add(audience)
    else heardBy.set(connection, new Set([audience]))
    // A poll of another node's session has no memory: it hears what changes while it waits.
    const isUpToDate = member.stage === 'guest' || audience.polled.get(member) === audience.version
    if (!anew && isUpToDate) return
    audience.newcomers.add(connection)
    audience.pace.soon()
  }

  function gather(topic: string): Audience {
    const audience: Audience = {
      topic,
      connections: new Set(),
      newcomers: new Set(),
      polled: new Map(),
      told: new Map(),
      count: people.in(topic).size,
      version: ++versions,
      changed: new Set(),
      list: undefined,
      pace: createPace(pause, () => tell(audience)),
    }
    fill(audience)
    audiences.set(topic, audience)
    return audience
  }

  function forget(member: Member, topic: string): void {
    audiences.get(topic)?.polled.delete(member)
  }

  function gone(connection: Connection): void {
    for (const audience of heardBy.get(connection) ?? []) {
      audience.connections.delete(connection)
      audience.newcomers.delete(connection)
      endIfEmpty(audience)
    }
    heardBy.delete(connection)
  }

  function leave(member: Member, topic: string): void {
    const audience = audiences.get(topic)
    if (!audience) return
    audience.polled.delete(member)
    for (const connection of member.connections) {
      audience.connections.delete(connection)
      audience.newcomers.delete(connection)
      heardBy.get(connection)?.delete(audience)
    }
    endIfEmpty(audience)
  }

  function endIfEmpty({ topic, connections, polled, pace }: Audience): void {
    if (connections.size > 0 || polled.size > 0) return
    pace.stop()
    audiences.delete(topic)
  }

  function changed(topic: string, id: string): void {
    const audience = audiences.get(topic)
    if (!audience) return
    audience.changed.add(id)
    audience.pace.soon()
  }

  function tell(audience: Audience): void {
    const news = settle(audience)
    for (const connection of news.length > 0 ? audience.connections : audience.newcomers)
      give(audience, connection, news)
    // A slow reader is given the list once it reads on: what it did not take is not kept for it.
    if (audience.newcomers.size > 0) audience.pace.soon()
  }

  function give(audience: Audience, connection: Connection, news: readonly Piece[]): void {
    const { connections, newcomers, polled, version } = audience
    if (connection.isOver) {
      connections.delete(connection)
      newcomers.delete(connection)
      return
    }
    if (connection.slow) {
      newcomers.add(connection)
      return
    }
    if (newcomers.delete(connection)) {
      audience.list ??= listOf(audience)
      say(connection, audience.list)
    } else for (const piece of news) say(connection, piece)
    if (connection.channel.once && connection.member.stage !== 'guest') polled.set(connection.member, version)
  }

  /** Takes over what has changed. Gives the blocks that say so. */
  function settle(audience: Audience): Piece[] {
    const { topic, told, changed } = audience
    const now = people.in(topic)
    const join: string[] = []
    const leave: string[] = []
    for (const id of changed) {
      const before = told.get(id)
      const person = now.get(id)
      const text = person && textOf(person)
      if (text === before) continue
      if (text === undefined) {
        told.delete(id)
        leave.push(JSON.stringify(id))
      } else if (before !== undefined || told.size < most) {
        told.set(id, text)
        join.push(text)
      }
    }
    changed.clear()
    join.push(...fill(audience))
    if (!join.length && !leave.length && now.size === audience.count) return []
    audience.count = now.size
    audience.version = ++versions
    audience.list = undefined
    return blocksOf(topic, now.size, join, leave)
  }

  /** Where there were too many to be told of, and there is room now, others move up. */
  function fill({ topic, told }: Audience): string[] {
    const more: string[] = []
    const now = people.in(topic)
    if (told.size >= Math.min(most, now.size)) return more
    for (const [id, person] of now) {
      if (told.size >= most) break
      if (told.has(id)) continue
      const text = textOf(person)
      told.set(id, text)
      more.push(text)
    }
    return more
  }

  function listOf({ topic, told, count }: Audience): Piece {
    const texts: string[] = []
    let size = 0
    for (const text of told.values()) {
      size += text.length
      if (size <= roomInList) texts.push(text)
    }
    return presenceBlock(topic, `{"count":${count},"people":[${texts}]}`)
  }

  function stop(): void {
    for (const { pace } of audiences.values()) pace.stop()
  }
}

function textOf({ id, data }: Present): string {
  return `{"id":${JSON.stringify(id)}${data && `,"data":${data}`}}`
}

/** Those who left come first, so that a list that is full has room. */
function blocksOf(topic: string, count: number, join: readonly string[], leave: readonly string[]): Piece[] {
  const blocks: Piece[] = []
  let parts = { join: [] as string[], leave: [] as string[] }
  let size = 0
  for (const id of leave) add('leave', id)
  for (const person of join) add('join', person)
  cut()
  return blocks

  function add(what: 'join' | 'leave', text: string): void {
    if (size + text.length > roomInBlock) cut()
    size += text.length
    parts[what].push(text)
  }

  function cut(): void {
    const told = Object.entries(parts).filter(([, texts]) => texts.length)
    const fields = told.map(([name, texts]) => `,"${name}":[${texts}]`)
    blocks.push(presenceBlock(topic, `{"count":${count}${fields.join('')}}`))
    parts = { join: [], leave: [] }
    size = 0
  }
}
