/**
 * The type of what passes between pages and their server, in one place for both: give it to `connect` and to `createHub`, and the names of
 * topics and events, data and answers are checked on both sides. It is for the compiler alone: nothing of it is there at run time, so
 * neither side checks what the other one really sends.
 *
 * ```ts
 * import { connect } from 'throughline'
 * import { createHub } from 'throughline/server'
 * interface Live {
 *   topics: {
 *     [room: `room:${string}`]: { message: Chat; typing: { who: string } }
 *     prices: { price: number }
 *   }
 *   sends: {
 *     message: { data: Chat; answer: { id: string } }
 *     typing: { data: { who: string } }
 *   }
 *   replies: { receipt: { id: string } }
 * }
 * const line = connect<Live>('/live')
 * const hub = createHub<Live>()
 * ```
 *
 * A part that is left out is not checked. One that is empty, `{}`, has nothing in it. docs/types.md shows what follows from each part.
 *
 * `connect` also takes a plain map of events to their data, such as `{ message: Chat; price: number }`. A type that has members called `topics`,
 * `sends` and `replies`, each an object, and no others, is a contract. So a plain map may have an event of such a name beside one of another;
 * where it has none of another name, add one that does not come: `{ topics: string[]; message: never }`.
 */
export interface Contract {
  /** What is published, by topic and then by event. A name may be a template, such as `room:${string}`, which stands for all that fit. */
  topics?: object | undefined
  /** What pages send, by event: its `data`, and its `answer` if it has one. */
  sends?: object | undefined
  /** What the server sends to one client alone, by `reply` and `session.send`: data by event. */
  replies?: object | undefined
}

/** What a type has to be to be a contract: it has no other members. */
export type Only<Shared> = Contract & Record<Exclude<keyof Shared, keyof Contract>, never>

/** No further arguments. Where no contract is given, one that cannot be: so the compiler passes over a signature that is for contracts alone. */
export type IfGiven<Shared> = Contract extends Shared ? [never] : []

/** A part of a contract, or what stands for it where the contract leaves it out. `any` leaves out all. */
type Part<Shared, Name extends keyof Contract, Else> = [keyof Shared] extends [keyof Contract]
  ? Shared extends { [Own in Name]: infer Said extends object }
    ? Said
    : Else
  : Else

/** Events of a union of maps, as one map. */
type ByEvent<Maps> = {
  [Name in Maps extends unknown ? keyof Maps : never]: Maps extends unknown
    ? Name extends keyof Maps
      ? Maps[Name]
      : never
    : never
}

type ValueOf<Map> = Map[keyof Map]

/** `message`, if that is one of the names: what an event is called that is given no name. */
export type UsualName<Names> = 'message' & Names

/** The names of the topics of a contract; any name, if it says none. */
export type TopicOf<Shared> = string & keyof TopicsOf<Shared>

type TopicsOf<Shared, Data = unknown> = Part<Shared, 'topics', Record<string, Record<string, Data>>>

/** What is published in a topic of a contract: data by event. `Data`: what it is where the contract says none. */
export type MessagesIn<Shared, Topic, Data = unknown> = Topic extends keyof TopicsOf<Shared, Data>
  ? TopicsOf<Shared, Data>[Topic]
  : never

/** What pages send by a contract: data and answer by event. `Data`: what it is where the contract says none. */
export type SendsOf<Shared, Data = unknown> = Part<
  Shared,
  'sends',
  Record<string, { data: Data; answer: unknown }>
>

/** The names of the events that pages send by a contract; any name, if it says none. */
export type SendName<Shared> = string & keyof SendsOf<Shared>

/** Those of them that have an answer. */
export type AskName<Shared> = {
  [Name in SendName<Shared>]: SendsOf<Shared>[Name] extends { answer: unknown } ? Name : never
}[SendName<Shared>]

/** What `answer` may be where none is asked for. */
export type NoAnswer<Shared> = string extends SendName<Shared> ? boolean | undefined : false | undefined

/** The data of one of these events. */
export type DataOf<Sent> = Sent extends { data: infer Data } ? Data : never

/** The answer to it; `never`, if it has none. */
export type AnswerOf<Sent> = Sent extends { answer: infer Answer } ? Answer : never

/** What a server sends to one client by a contract: data by event. `Data`: what it is where the contract says none. */
export type RepliesOf<Shared, Data = unknown> = Part<Shared, 'replies', Record<string, Data>>

/**
 * What a line hears by a contract, data by event: all that topics and replies have, and a union where several have an event of that name. Text, if the contract
 * has neither.
 */
export type HeardBy<Shared> = [keyof Shared] extends [keyof Contract]
  ? HeardOf<Part<Shared, 'topics', never>, Part<Shared, 'replies', never>>
  : Shared

type HeardOf<Topics, Replies> = [Topics | Replies] extends [never]
  ? Record<string, string>
  : ByEvent<ValueOf<Topics> | Replies>
