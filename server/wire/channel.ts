import type { Duplex, Writable } from 'node:stream'
import { refusal } from '../http-error.ts'
import type { TransportName } from '../options.ts'
import type { Batch } from './batch.ts'
import type { Outgoing, Progress } from './exchange.ts'

/** The way down to one client, as its line sees it: the same for all transports. */
export interface Channel extends Progress {
  readonly transport: TransportName
  /** Whether it ends with what is written to it, as the answer to a poll does. */
  readonly once: boolean
  /** One frame, one chunk, or one answer. */
  write(batch: Batch): void
  /** Writes a part of an answer, if that may go on: more follows at once. */
  writePart?(batch: Batch): boolean
  /** Whether a part was written of an answer that is not over. */
  readonly isBegun?: boolean
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
export function refuseBehindAnother(response: Outgoing): void {
  if (response.socket === null)
    throw refusal(400, 'a line cannot wait behind another answer on its connection')
}

/** An answer as a channel. Methods and no closures: tens of thousands are open at a time. */
export abstract class AnswerChannel implements Channel {
  readonly transport: TransportName
  protected readonly response: Outgoing

  constructor(response: Outgoing, transport: TransportName) {
    this.response = response
    this.transport = transport
  }

  abstract get once(): boolean
  abstract write(batch: Batch): void
  abstract end(): void

  cut(): void {
    this.response.destroy()
  }

  unsent(): number {
    return this.response.progress?.unsent() ?? this.out.writableLength
  }

  taken(): number {
    const { progress, stream, socket } = this.response
    if (progress) return progress.taken()
    // Streams of HTTP/2 share a socket, and stand still each for itself.
    if (stream) return -stream.writableLength
    return socket ? takenBy(socket) : 0
  }

  isOver(): boolean {
    const { progress, stream, socket } = this.response
    if (progress) return progress.isOver()
    return this.out.destroyed || (!stream && socket?.destroyed === true)
  }

  drained(): Promise<void> {
    return this.response.progress?.drained() ?? drained(this.out)
  }

  /** What HTTP/2 lends a response of HTTP/1 does not tell when it is full; its stream does. */
  private get out(): Outgoing | Writable {
    return this.response.stream ?? this.response
  }
}

/** `Channel.taken` of a socket. How much of a large piece has gone only the system's own queue tells. */
export function takenBy(socket: Duplex): number {
  const { bytesWritten = 0, _handle: handle } = socket as Duplex & { bytesWritten?: number; _handle?: Queue }
  return bytesWritten - socket.writableLength - (handle?.writeQueueSize ?? 0)
}

interface Queue {
  readonly writeQueueSize?: number
}

/** Never settles if the stream ends first. */
export async function drained(stream: Pick<Outgoing, 'writableNeedDrain' | 'once'>): Promise<void> {
  if (stream.writableNeedDrain) await new Promise<void>(resolve => stream.once('drain', resolve))
}
