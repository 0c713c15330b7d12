import type { Block } from '../wire/block.ts'
import type { Failure } from './failure.ts'
import type { Content, Frame, Gap, Hello } from './frame.ts'
import type { SubscribeOptions, Subscription } from './subscription.ts'

/** Where a line stands in the stream of a topic. The dialect reads it, and the connection moves it. */
export interface TopicPlace {
  /** The last id delivered; empty before there is one. */
  cursor: string
  /** The position that the latest gap led away from. */
  left?: string | undefined
  /** No topic has a session. */
  readonly session: undefined
}

/** What a block says of the topic that it is of. */
export interface TopicBlock {
  /** Its name. */
  readonly topic?: string | undefined
  /** The name of the event. */
  readonly event?: string | undefined
  /** The number of the question that it answers. */
  readonly re?: string | undefined
}

/**
 * The topics of a line that have a position each, as its connection and its page use them. The line's own stream, of what is sent to it alone, is none of
 * them. A line without topics has one position for all that it hears.
 */
export interface Topics {
  /**
   * Where the line stands in the topic that a block is of. Nothing, where it is to be passed over: nobody wants the topic, and its server is told
   * so; or what comes is of an earlier question, or of a channel that was opened with another set, and comes once more. `beside`: the hello of a
   * channel that brought it beside the one that carries the line.
   */
  find(block: TopicBlock, beside?: Hello): TopicPlace | undefined
  /** Whether the line hears any, or wants to. */
  readonly hasAny: boolean
  /** What the address of a request tells of them, as parameters. */
  query(): readonly (readonly [name: string, value: string])[]
  /** The whole position of a line whose own stream is at `cursor`, as one text. */
  write(cursor: string): string
  /** Takes such a text; gives back the cursor of the line's own stream. */
  read(position: string): string
  /** There is a way up, and down. */
  attach(server: TopicServer): void
  /** A channel begins, be it one that may not carry the line: `granted` are the topics that its server gives unasked, and where they begin. */
  greeted(granted: Readonly<Record<string, string>>): void
  /** The line is open. `set`: which of the sets that `query` told its server has taken; `most`: how many bytes it takes as one message. */
  welcomed(set: number | undefined, most?: number): void
  /** The channel is gone: what has to be told is told by the next one's address. */
  interrupted(): void
  /** A topic is heard now, as the question of this number asked. `ahead`: its server begins beyond where the line stands. `trimmed`: not all that was asked for is kept. */
  subscribed(topic: string, re: number | undefined, ahead: boolean, trimmed: boolean): void
  /** A topic is not heard, or not any more. */
  unsubscribed(topic: string, failure: Failure): void
  /** The server tells who is in a topic. */
  present(topic: string, data: string): void
  /** The line is closed; with a failure it may live again. */
  closed(failure: Failure | undefined): void

  // For the page:

  /** Several lines may go by one connection: `owner` is the one that subscribes, or that tells what it heard to the subscriptions it made. */
  subscribe(owner: TopicReader, topic: string, options?: SubscribeOptions): Subscription
  /** A message of a topic has come. */
  message(
    owner: object,
    topic: string,
    type: string,
    value: unknown,
    lastEventId: string,
    origin: string,
  ): void
  /** Messages of a topic are lost. */
  gap(owner: object, topic: string, gap: Gap): void
  /** Its line is closed. */
  left(owner: object): void
}

/** The server, as topics speak with it. */
export interface TopicServer {
  /** Sends a message of the protocol's own. Resolves when it was taken; with `answer`, with the answer. */
  tell(event: string, data: string, topic?: string, answer?: boolean): Promise<unknown>
  /** What a block is to a line that stands at this cursor: nothing, if it is not beyond. */
  read(block: Block, cursor: string): Frame
}

/** A line, as its subscriptions see it. */
export interface TopicReader {
  /** Where its messages come from. */
  readonly origin: string
  /** What the page gets of a message. It may throw. */
  decode(content: Content): unknown
}

/** Makes the topics of one line. */
export type CreateTopics = () => Topics
