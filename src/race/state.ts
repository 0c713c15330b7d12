import type { Proof } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import type { Transport } from '../contracts/transport.ts'
import type { Candidate } from './candidate.ts'

/**
 * A race's whole life, as a pure table.
 *
 * ```
 *   racing ──verified──▶ delivering ──failed──▶ concluding ──concluded──▶ ended
 *    │  ▲ ◀──held-back──                            ▲
 *    │  probed                                      │
 *    ▼  │                                           │
 *  doubting      racing, with nobody left ──────────┘       close leads from every state to ended
 * ```
 */
export type Race = Racing | Delivering | Doubting | Concluding | Ended

interface Shared {
  /** In the order in which they began. */
  readonly candidates: readonly Candidate[]
  readonly failures: readonly Failure[]
  /** How many candidates have begun; also the id of the next. */
  readonly begun: number
  /** A transport whose attempts are used up: its rest is `due`, or it rests, or its rest is `over`. */
  readonly rest: 'due' | Transport | 'over'
  /** How long until the next upgrade attempt, in ms. */
  readonly pause: number
}

export interface Racing extends Shared {
  readonly name: 'racing'
  /** Those that have not begun. */
  readonly queue: readonly Transport[]
  /** The candidate that messages are taken from: the first that received. */
  readonly active?: number | undefined
  /** Worked in this page's life: when it does not come back, it is asked first whether that is an outage. */
  readonly awaited?: Transport | undefined
}

/** A verified candidate carries the line. The others, if any, are better ones that may take over. */
export interface Delivering extends Shared {
  readonly name: 'delivering'
  readonly active: number
  readonly upgrade?: Upgrade | undefined
}

/** What is tried next, and in how many ms; without a time, once those under way have ended. */
export interface Upgrade {
  readonly queue: readonly Transport[]
  readonly after?: number
}

/** A race that goes on. */
export type Contest = Racing | Delivering

/** Whether it is an outage is asked by plain HTTP. */
export interface Doubting extends Omit<Racing, 'name'> {
  readonly name: 'doubting'
  readonly failure: Failure
}

/** Nothing got through, or `most`, the end of the one that carried the line, is what is told; but first why is asked. */
interface Concluding {
  readonly name: 'concluding'
  readonly failures: readonly Failure[]
  readonly most?: Failure
}

/** `vain`: it has failed without having carried the line. */
interface Ended {
  readonly name: 'ended'
  readonly failure?: Failure
  readonly vain?: boolean
}

/** What happened to one candidate. */
export type CandidateSignal = { readonly id: number } & (
  | { type: 'accepted' }
  /** Its first data came, or what stands for it. */
  | { type: 'arrived' }
  /** It has held its first data for long enough. */
  | { type: 'released' }
  | { type: 'verified' }
  /** Its proof did not come in time. */
  | { type: 'overdue' }
  /** `opened`: it had a channel. */
  | { type: 'failed'; failure: Failure; opened: boolean }
  /** It has no attempt left: its transport is kept for when nothing else gets through. */
  | { type: 'spent' }
)

export type Signal =
  | CandidateSignal
  /** The next candidate may begin. */
  | { type: 'due' }
  /** The active candidate holds back what is newest. `queue` is what is tried in its place. */
  | { type: 'held-back'; queue: readonly Transport[] }
  /** The next upgrade may be tried. */
  | { type: 'upgrade' }
  /** The network is back, or is another one. */
  | { type: 'online' }
  /** Whether plain HTTP gets through. */
  | { type: 'probed'; answered: boolean }
  /** What all failures come to. */
  | { type: 'concluded'; failure: Failure }
  | { type: 'close' }

/** What a race goes by: it asks and changes nothing. */
export interface Terms {
  now(): number
  /** In order of preference. */
  readonly transports: readonly Transport[]
  /** Whether candidates may deliver at the same time. */
  readonly overlap: boolean
  /** Whether the page would rather pay for requests than wait. */
  readonly eager: boolean
  /** Whether a candidate that begins now begins anew, and does not continue. */
  isCold(): boolean
  /** How long a candidate is alone, in ms. */
  stagger(): number
  proof(transport: Transport): Proof
  /** Whether a transport was cut too often to be tried just now. */
  isCooling(transport: Transport): boolean
  /** Whether a transport seemed to work and did not. */
  isLeft(transport: Transport): boolean
  /** Whether it is not the one that worked before an outage. */
  isStray(transport: Transport): boolean
  /** Whether WebSocket may get through where other requests are refused. */
  isSocketOpen(failures: readonly Failure[]): boolean
}
