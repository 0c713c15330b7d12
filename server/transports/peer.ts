import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import { type Batch, textOf } from '../wire/batch.ts'
import { SocketChannel } from './socket-channel.ts'

/** A WebSocket of a platform, as crossws has it. */
export interface SocketPeer {
  /** The handshake. */
  readonly request?: Request | undefined
  /** What `upgrade` gave it. */
  readonly context?: object
  /** The client's address, where the platform tells. */
  readonly remoteAddress?: string | undefined
  /** Bytes that wait to be sent, where the platform tells. */
  readonly bufferedAmount?: number
  /** Sends a frame of text. */
  send(text: string): unknown
  /** Closes it in good order. */
  close(code?: number, reason?: string): unknown
  /** Breaks it. */
  terminate(): unknown
}

/** A socket that was let in has opened. */
export function openPeer(context: Context, ask: HubRequest, granted: Granted, peer: SocketPeer): PeerChannel {
  const channel = new PeerChannel(context, peer, granted.send)
  channel.connection = context.lines.open(channel, context.lines.prepare(ask, granted))
  return channel
}

/** How many of the largest frames may wait. */
const most = 4

/** How often it is looked whether a socket takes more that does not tell so, in ms. */
const pause = 50

/** A socket that cannot be kept from being read: what waits for its turn counts, and is bounded. */
export class PeerChannel extends SocketChannel {
  private readonly peer: SocketPeer
  /** How often it was seen to have sent something of what waited, and what waited when that was looked for. */
  private steps = 0
  private waited = 0
  private isClosed = false
  private wake: (() => void) | undefined

  constructor(context: Context, peer: SocketPeer, maySend: boolean) {
    super(context, maySend)
    this.peer = peer
  }

  write(batch: Batch): void {
    this.look()
    this.peer.send(textOf(batch))
    this.waited = this.unsent()
  }

  unsent(): number {
    return this.peer.bufferedAmount ?? 0
  }

  taken(): number {
    this.look()
    return this.steps
  }

  private look(): void {
    const unsent = this.unsent()
    if (unsent < this.waited) this.steps++
    this.waited = unsent
  }

  isOver(): boolean {
    return this.isClosed
  }

  async drained(): Promise<void> {
    const { unsent } = this.context.settings.limits
    while (!this.isClosed && this.unsent() > unsent)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, pause)
        this.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
  }

  /** The platform says that it takes more, or that it is over. */
  drain(): void {
    this.wake?.()
  }

  end(): void {
    this.shut()
    this.peer.close(1001)
  }

  cut(): void {
    this.shut()
    this.isClosed = true
    this.peer.terminate()
  }

  override closed(): void {
    this.isClosed = true
    super.closed()
    this.drain()
  }

  override heard(frame: Buffer, isBinary: boolean): void {
    const { message, batch } = this.context.settings.limits
    if (this.connection && !this.isShut && this.waiting > most * Math.max(message, batch))
      this.fail(this.connection, refusal(503, 'more is sent than the application is done with', 1))
    else super.heard(frame, isBinary)
  }

  protected pause(): void {}
  protected resume(): void {}
}
