import type { Failure, TransportName } from '../contracts/failure.ts'
import type { Gap } from '../contracts/frame.ts'
import type { Payload } from '../wire/codec.ts'

/** Who hears what happens to a connection. Calling back into the connection from any of these is fine. */
export interface Listener {
  opened(transport: TransportName, resumed: boolean): void
  /** `answer` takes the page's answer, where the server asks for one. */
  message(
    event: string,
    data: string | ArrayBuffer,
    lastEventId: string,
    origin: string | undefined,
    answer: ((data: Payload) => void) | undefined,
  ): void
  gap(gap: Gap): void
  /** `retryIn` in ms; `undefined` when it is final. */
  failed(failure: Failure, retryIn: number | undefined): void
  closed(reason: string): void
}
