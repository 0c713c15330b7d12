import type { StreamEvent } from './event.ts'
import type { Ending } from './life.ts'
import type { Plan } from './request.ts'

/** What came of an answer. */
type Came = Pick<StreamError, 'received' | 'lastEventId'>

/** Why an answer is not whole, and what came of it. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  /** What sort of failure it is; `unreadable`, if the data of an event is no JSON and `json()` was asked for. */
  readonly kind: Ending['kind'] | 'unreadable'
  /** The HTTP status, where there is one. */
  readonly status: number | undefined
  /** What the server said in place of a stream, at most 64 KiB of it. */
  readonly body: string | undefined
  /** The events that came. */
  readonly received: readonly StreamEvent[]
  /** The last id that the server gave; empty if it gave none. */
  readonly lastEventId: string
  /** What the server asked for in `Retry-After`, in ms; ten minutes at most. */
  readonly retryAfter: number | undefined

  /** @internal */
  constructor(
    message: string,
    ending: Omit<Ending, 'kind'> & Pick<StreamError, 'kind'>,
    { received, lastEventId }: Came,
  ) {
    super(message, { cause: ending.cause })
    this.kind = ending.kind
    this.status = ending.status
    this.body = ending.body
    this.retryAfter = ending.retryAfter
    this.received = received
    this.lastEventId = lastEventId
  }

  /** The data of the events that came, in one. */
  get text(): string {
    return this.received.map(({ data }) => data).join('')
  }
}

/** What happened, in a sentence. */
export function streamError(
  ending: Ending,
  { where, method }: Pick<Plan, 'where' | 'method'>,
  came: Came,
): StreamError {
  const { kind, status, body } = ending
  const { received } = came
  const after = `after ${received.length} event${received.length === 1 ? '' : 's'}`
  const sentences: Record<Ending['kind'], string> = {
    IN_DOUBT: `IN_DOUBT: ${where} did not answer the ${method}; what was asked may or may not be done`,
    refused: `${where} did not answer`,
    status: `${where} answered with status ${status}`,
    content: `${where} answered with ${body ? JSON.stringify(body.slice(0, 100)) : 'nothing'} in place of an event stream`,
    cut: `${where} broke off ${after}`,
    silent: `${where} fell silent ${after}`,
    'too-large': `${where} sent an event of more than 8388608 characters`,
  }
  return new StreamError(sentences[kind], ending, came)
}
