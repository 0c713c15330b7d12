/**
 * Who is in a topic.
 *
 * @module throughline/presence
 */
import { Emitter } from './connection/emitter.ts'
import { lineEvent } from './connection/events.ts'
import { ConnectionError } from './contracts/errors.ts'
import type { Subscription } from './contracts/subscription.ts'
import type { AnyEvent, AnyListener, ListenerOptions } from './here.ts'
import type { TopicSubscription } from './subscriptions/subscription.ts'

/** Somebody who hears a topic: one principal of the server's, however many of their pages do. */
export interface Person {
  /** Who it is to the server. Of somebody it does not know a name that tells nothing, which begins with `~`. */
  readonly id: string
  /** What the server's application tells of them. */
  readonly data?: unknown
}

/** Who is in a topic. */
export type People = readonly Person[] & {
  /** How many there are. A server tells of so many alone: 1,000 by default. */
  readonly count: number
}

/** Somebody came, or has left. */
export interface PresenceEvent extends AnyEvent {
  /** Who. */
  readonly person: Person
}

/** It is not told who is there. */
export interface PresenceErrorEvent extends AnyEvent {
  /** Why: the server does not keep presence in this topic. */
  readonly error: ConnectionError
}

/** What a presence tells. */
export interface PresenceEventMap {
  /** Somebody has come since the list was told first. */
  join: PresenceEvent
  /** Somebody has left: half a second after the last of their pages did, or once the server takes for gone who just vanished. */
  leave: PresenceEvent
  /** The list is there, or has changed in whatever way. It comes after each `join` and `leave` of the same change. */
  change: AnyEvent
  /** It is not told who is there. */
  error: PresenceErrorEvent
}

/** Who is in the topic of a subscription. `presence()` makes it. */
export interface Presence extends Pick<Subscription, 'removeEventListener' | 'dispatchEvent'> {
  /** Those that the server told last, this page among them; nothing before it has. While the line is down it stays as it was. */
  readonly people: People | undefined
  /**
   * The same, once the server has told it.
   *
   * @throws {ConnectionError} as a rejection, when the topic is refused or left, and when the server does not keep presence in it
   */
  list(): Promise<People>
  /** Hears who comes and who leaves. */
  addEventListener<Name extends keyof PresenceEventMap>(
    type: Name,
    listener: AnyListener<PresenceEventMap[Name]>,
    options?: ListenerOptions,
  ): void
}

/**
 * Asks who hears the topic of a subscription, and goes on to tell who comes and who leaves as long as that is open. Each person counts once. The server
 * says in its option `presence` in which topics it is known.
 *
 * ```ts
 * import { presence } from 'throughline/presence'
 * const here = presence(line.subscribe('room:42'))
 * for (const { id, data } of await here.list()) show(id, data)
 * here.addEventListener('join', ({ person }) => show(person.id, person.data))
 * here.addEventListener('leave', ({ person }) => hide(person.id))
 * ```
 *
 * @throws {TypeError} for what is no subscription of a line
 */
export function presence(room: Pick<Subscription, 'topic' | 'state'>): Presence {
  return new TopicPresence(room as TopicSubscription)
}

class TopicPresence extends Emitter {
  people: People | undefined
  private error: ConnectionError | undefined
  private readonly room: TopicSubscription

  constructor(room: TopicSubscription) {
    super()
    this.room = room
    room.addEventListener('rt.presence', event => this.read((event as unknown as { data: string }).data))
    room.ask()
  }

  async list(): Promise<People> {
    const { room } = this
    if (room.readyState === 2)
      throw room.error ?? new ConnectionError('the subscription is closed', { kind: 'closed' })
    if (this.error) throw this.error
    if (this.people) return this.people
    await new Promise(resolve => {
      for (const type of ['change', 'error']) this.addEventListener(type, resolve, { once: true })
      room.addEventListener('close', resolve, { once: true })
    })
    return this.list()
  }

  private read(data: string): void {
    const { count, people, join, leave, status, message } = fieldsOf(data)
    if (count === undefined) {
      const text = `${this.room.topic}: ${message}`
      this.error = new ConnectionError(text, { kind: 'declined', code: 'topic-refused', status } as never)
      this.tell('error', { error: this.error })
      return
    }
    const before = this.people
    const now = new Map((people ? [] : (before ?? [])).map(person => [person.id, person]))
    for (const person of listOf(people ?? join)) if (person?.id) now.set(person.id, person)
    for (const id of listOf(leave)) now.delete(id as never)
    const after = Object.assign([...now.values()], { count })
    this.people = after
    this.error = undefined
    if (before) {
      for (const person of without(before, after)) this.tell('leave', { person })
      for (const person of without(after, before)) this.tell('join', { person })
    }
    this.tell('change', {})
  }

  private tell(type: string, fields: object): void {
    if (this.room.readyState < 2) this.dispatchEvent(lineEvent(type, fields))
  }
}

function without(people: People, others: People): readonly Person[] {
  const ids = new Set(others.map(({ id }) => id))
  return people.filter(({ id }) => !ids.has(id))
}

interface Told {
  count?: number
  people?: unknown
  join?: unknown
  leave?: unknown
  status?: number
  message?: string
}

/** What cannot be read says nothing of who is there. */
function fieldsOf(data: string): Told {
  try {
    return Object(JSON.parse(data))
  } catch {
    return { message: 'unreadable' }
  }
}

function listOf(value: unknown): readonly Person[] {
  return Array.isArray(value) ? value : []
}
