import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import type { Batch } from '../batch.ts'
import type { TransportName } from '../options.ts'
import { refusal } from '../refusal.ts'

/** The way down to one client, as its line sees it: the same for all transports. */
export interface Pipe {
  readonly transport: TransportName
  /** Whether it ends with the first thing written to it, as the answer to a poll does. */
  readonly once: boolean
  /** One frame, one chunk, or one answer. */
  write(batch: Batch): void
  /** Bytes written that the network has not taken. */
  unsent(): number
  /** Settles when it takes more again. */
  drained(): Promise<void>
  /** Ends it in good order, after what was written. */
  end(): void
  /** Ends it at once; what was written may be lost. */
  cut(): void
}

/** For the errors of a stream: what they mean is said by its `close`, which follows. */
export function ignore(): void {}

/**
 * Throws a refusal for a request that came behind another on its connection whose answer is not over: what is held there may never go out, and
 * Node does not tell when such a connection ends. No browser sends requests so.
 */
export function checkFirst(response: ServerResponse): void {
  if (response.socket === null)
    throw refusal(400, 'a line cannot wait behind another answer on its connection')
}

/** Never settles if the stream ends first. */
export async function drained(stream: Writable): Promise<void> {
  if (stream.writableNeedDrain) await new Promise(resolve => stream.once('drain', resolve))
}
