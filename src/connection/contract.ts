import type { Dialect, Position } from '../contracts/dialect.ts'
import type { Failure, TransportName } from '../contracts/failure.ts'
import type { Content, Gap } from '../contracts/frame.ts'
import type { Outgoing } from '../contracts/outbox.ts'
import type { Topics } from '../contracts/topics.ts'
import type { Route, Target } from '../contracts/transport.ts'
import type { Waiting } from '../contracts/waiting.ts'
import type { Environment } from '../environment.ts'
import type { AnySignal } from '../here.ts'
import type { Payload } from '../wire/codec.ts'
import type { State } from './state.ts'
import type { Token } from './token.ts'

/** What keeps a line alive, as the line sees it. */
export interface Connection {
  readonly state: State
  readonly lastEventId: string
  readonly bufferedAmount: number
  send(message: Outgoing): Promise<unknown>
  /** Calls once no message waits to be taken. */
  whenEmpty(act: () => void): void
  /** Gives up the channel there is, if there is one, and opens a new one. @throws {Error} when the page has closed the line */
  reconnect(): void
  /** `code` and `reason` are told to the other side. */
  close(code?: number, reason?: string): void
}

/** What one connection is made of. */
export interface ConnectionConfig {
  readonly dialect: Dialect
  readonly environment: Environment
  /** Opens channels. */
  readonly route: Route
  readonly lastEventId: string
  /** What the page asks to wait before reconnecting, in ms, until the server says otherwise. */
  readonly retry: number | undefined
  readonly token: Token | undefined
  /** Closes the connection when it aborts. */
  readonly signal?: AnySignal | undefined
  /** What may wait to go up. */
  readonly waiting?: Waiting
  /** The topics that have a position each. */
  readonly topics?: Topics | undefined
  /** Stores the cursor for the next page load; `null` deletes it. */
  readonly keep: ((cursor: string | null) => void) | undefined
  target(at: Position, taken: () => number): Target
}

/** Who hears what happens to a connection. Calling back into the connection from any of these is fine. */
export interface Listener {
  opened(transport: TransportName, resumed: boolean): void
  /** `answer` takes the page's answer, where the server asks for one. */
  message(
    event: string,
    data: Content,
    lastEventId: string,
    origin: string | undefined,
    answer: ((data: Payload) => void) | undefined,
    topic: string | undefined,
  ): void
  gap(gap: Gap, topic: string | undefined): void
  /** `retryIn` in ms; `undefined` when it is final. */
  failed(failure: Failure, retryIn: number | undefined): void
  /** `reason` is missing when the page gave none. */
  closed(reason: string | undefined, code?: number): void
  /** What the page sees of the state may have changed. It is called after what else there is to hear of it. */
  changed(): void
}
