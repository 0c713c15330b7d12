import type { AnyEvent } from '../here.ts'

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
