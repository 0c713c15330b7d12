import type { Incoming, Position, Protocol } from '../contracts/dialect.ts'
import { longestAway } from '../contracts/failure.ts'
import type { Frame, Hello } from '../contracts/frame.ts'
import type { TopicBlock, TopicPlace, Topics } from '../contracts/topics.ts'
import type { Environment } from '../environment.ts'

/** Where a line stands in its stream: it reads blocks, drops what came before, and keeps the cursor. */
export interface StreamPosition {
  readonly position: Position
  /** The cursor, and those of topics, as one text. */
  readonly cursor: string
  /** The last id of the stream that a message without one is of. */
  lastOf(message: { topic?: string | undefined }): string
  /**
   * How many things were taken that were new: messages, gaps that led on, answers, and what wants one. A greeting is none, since a server that
   * does not know the session greets each time.
   */
  readonly taken: number
  /**
   * What the block means here. What has been delivered already means nothing, and so does at first what may be a replay: if it turns out to
   * be none, it is told late. `beside`: the hello of a channel beside the one that carries the line.
   */
  take(block: Incoming, beside?: Hello): Frame
  /** The session id to send with later requests. */
  enter(session: string): void
  /** A new channel, or the same one open again: what it repeats of earlier ones is dropped. `tell` gets what is told late. */
  reopened(tell: (late: Told) => void): void
  /** Nothing follows on this channel: what was kept back is no replay, and is told. */
  flush(): void
  /** The channel is closed: nothing more is told late. */
  stop(): void
  /** The server no longer knows the session; the cursor stays. */
  forget(): void
  /** Forgets the cursor, where no request can name it: the next channel begins where the server likes. */
  restart(): void
}

/** A frame that the page is told of. */
export type Told = Frame & { type: 'message' | 'gap' }

/** How many characters of an id fit into a request in any case: servers and proxies take headers of 8 KiB, some of less. */
export const longestId = 4_096

export function createPosition(
  protocol: Protocol,
  lastEventId: string,
  environment: Environment,
  topics?: Topics,
): StreamPosition {
  const position: { -readonly [Key in keyof Position]: Position[Key] } = {
    cursor: topics ? topics.read(lastEventId) : lastEventId,
    session: undefined,
    topics,
  }
  let taken = 0
  let hasTopics = false // whether the server gives each topic a position
  const filter = protocol.replays?.(environment)

  return {
    position,
    get taken() {
      return taken
    },
    take(block, beside) {
      // No request could name it, and the next channel would be refused for ever.
      const nameless = (block.id?.length ?? 0) > longestId
      const oversized = block.oversized || nameless
      const stream = placeOf(block, beside)
      if (!stream) return { type: 'nothing' }
      const read = protocol.parseFrame(oversized ? { ...block, data: '' } : block, stream)
      const cursor = nameless ? undefined : (read as { cursor?: string }).cursor
      const before = stream.cursor
      const frame = oversized && 'data' in read ? passedOver(block, cursor, before) : read
      if (read.type === 'message' && filter) {
        if (!cursor) filter.flush()
        else if (!filter.passes(frame as Told, cursor, read.data)) return { type: 'nothing' }
      }
      if (cursor !== undefined) {
        if (frame.type === 'gap') stream.left = before
        // A hello names where its channel starts, which may be behind what another one has brought since.
        const names = frame.type === 'hello' || frame.type === 'subscribed'
        if (!names || before === '') stream.cursor = cursor
      }
      if (frame.type === 'hello') {
        const hello = believable(frame.hello)
        hasTopics = hello.topics !== undefined
        // What follows may be of them, long before the line is said to be open.
        if (hello.topics) topics?.greeted(hello.topics)
        return { ...frame, hello }
      }
      if (frame.type === 'beat') return { ...frame, spread: bounded(frame.spread) }
      const { type } = frame
      const leads = (type === 'gap' || type === 'subscribed') && stream.cursor !== before
      if (
        type === 'message' ||
        leads ||
        type === 'answer' ||
        type === 'reply' ||
        (/^(unsubscribed|presence)$/.test(type) && stream !== position)
      )
        taken++
      return frame
    },
    get cursor() {
      return topics ? topics.write(position.cursor) : position.cursor
    },
    lastOf: message => placeOf(message)?.cursor ?? '',
    enter(session) {
      position.session = session
    },
    reopened(tell) {
      filter?.reopened(position.cursor, late => {
        position.cursor = late.cursor ?? position.cursor
        taken++
        tell(late)
      })
    },
    flush: () => filter?.flush(),
    stop: () => filter?.stop(),
    forget() {
      position.session = undefined
    },
    restart() {
      position.cursor = ''
    },
  }

  /** Where the line stands in the stream that a block belongs to. */
  function placeOf(block: TopicBlock, beside?: Hello): typeof position | TopicPlace | undefined {
    return topics && block.topic !== undefined && hasTopics ? topics.find(block, beside) : position
  }
}

/** What a server says of itself is taken where it can be true; the rest is as if it had not been said. */
function believable({ session, resumed, heartbeat, spread, limits, acked, topics, set }: Hello): Hello {
  // It goes into each address.
  if (typeof session !== 'string' || session.length > longestId)
    throw new TypeError('the session has no name')
  const known = Object.entries(limits ?? {}).filter(([, limit]) => isAmount(limit) && limit >= 1)
  return {
    session,
    resumed: resumed === true,
    acked,
    topics: topics instanceof Object ? topics : undefined,
    set,
    heartbeat: isAmount(heartbeat) ? heartbeat : usualHeartbeat,
    spread: bounded(spread),
    limits: Object.fromEntries(known),
  }
}

/** A server of ours says something so often, in ms, if it does not say how often. */
const usualHeartbeat = 15_000

/** No word of a server keeps a line away for longer than a `Retry-After` may. */
function bounded(spread: unknown): number | undefined {
  return isAmount(spread) ? Math.min(spread, longestAway) : undefined
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

/** A message that was too large to be kept. */
function passedOver({ topic }: Incoming, cursor: string | undefined, from: string): Frame {
  return { type: 'gap', cursor, topic, gap: { reason: 'too large', from, to: cursor ?? from } }
}
