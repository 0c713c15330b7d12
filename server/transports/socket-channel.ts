import type { Context } from '../context.ts'
import { readText } from '../http/body-reader.ts'
import { answerTo, refusal } from '../http-error.ts'
import { acknowledgement } from '../sessions/acknowledgement.ts'
import type { Accepted } from '../sessions/inbox.ts'
import { type Connection, welcomed } from '../sessions/session.ts'
import { inOneTurn, nextTurn } from '../sessions/turns.ts'
import type { Batch } from '../wire/batch.ts'
import type { Channel } from '../wire/channel.ts'
import { failBlock, pongTo } from '../wire/control-events.ts'

/** A socket, whoever does its frames, as a channel. Methods and no closures: tens of thousands are open at a time. */
export abstract class SocketChannel implements Channel {
  connection: Connection | undefined
  protected readonly context: Context
  private readonly maySend: boolean
  /** Those that have come and wait for their turn; `undefined` is one that is no text. */
  private frames: (Buffer | undefined)[] | undefined
  /** What they take, in bytes. */
  protected waiting = 0
  protected isShut = false
  /** How much was done for it in which turn of the event loop. */
  private done = 0
  private turn = 0

  constructor(context: Context, maySend: boolean) {
    this.connection = undefined
    this.context = context
    this.maySend = maySend
  }

  get transport(): 'websocket' {
    return 'websocket'
  }

  get once(): boolean {
    return false
  }

  abstract write(batch: Batch): void
  abstract unsent(): number
  abstract taken(): number
  abstract isOver(): boolean
  abstract drained(): Promise<void>
  abstract end(): void
  abstract cut(): void
  /** It is read on only after `resume`, where it can be so. */
  protected abstract pause(): void
  protected abstract resume(): void

  closed(): void {
    this.shut()
    if (this.connection) this.context.lines.gone(this.connection)
  }

  /** What was not taken by now goes by the next channel. The answer to a close frame has to be read. */
  protected shut(): void {
    for (const frame of this.frames ?? []) this.letGo(frame)
    this.frames = undefined
    this.waiting = 0
    this.isShut = true
    this.resume()
  }

  heard(frame: Buffer, isBinary: boolean): void {
    if (this.isShut) return
    const told = isBinary ? undefined : frame
    if (!this.hold(told)) return
    this.waiting += sizeOf(told)
    if (this.frames) this.frames.push(told)
    else void this.read([told])
  }

  /** How many bytes of a frame are held while it waits for its turn; most sockets bring no more than a piece at a time of what they are not read for. */
  protected heldOf(_frame: Buffer | undefined): number {
    return 0
  }

  /** Who finds no room may come again. */
  private hold(frame: Buffer | undefined): boolean {
    const bytes = this.heldOf(frame)
    if (!this.connection || bytes === 0) return true
    try {
      this.context.inflow.reserve(this.connection.member, bytes)
      return true
    } catch (thrown) {
      this.fail(this.connection, thrown)
      return false
    }
  }

  private letGo(frame: Buffer | undefined): void {
    const bytes = this.heldOf(frame)
    if (this.connection && bytes > 0) this.context.inflow.release(this.connection.member, bytes)
  }

  /** Takes one frame after the other. While there is a reason to wait, the socket is not read on. */
  private async read(frames: (Buffer | undefined)[]): Promise<void> {
    this.frames = frames
    while (frames.length > 0 && !this.isShut) {
      const wait = this.obstacle(frames[0])
      if (wait) {
        this.pause()
        await wait
      } else {
        const frame = frames.shift()
        this.waiting -= sizeOf(frame)
        this.letGo(frame)
        this.take(frame)
      }
    }
    this.frames = undefined
    this.resume()
  }

  /** What the next frame has to wait for, if anything. */
  private obstacle(frame: Buffer | undefined): Promise<void> | undefined {
    const { connection, context } = this
    if (!connection || !frame) return undefined
    if (this.unsent() > context.settings.limits.unsent) return this.drained()
    const turn = context.turns.now()
    if (turn !== this.turn) this.done = 0
    this.turn = turn
    return this.done >= inOneTurn
      ? nextTurn()
      : context.inflow.obstacle(connection.member, frame.length - this.heldOf(frame))
  }

  private take(frame: Buffer | undefined): void {
    const { connection, context } = this
    // Once it was told how far its messages were taken, none is taken any more.
    if (!connection || connection.member.leaving) return
    const { member } = connection
    try {
      if (!frame) throw refusal(400, 'frames are text')
      const { length } = frame
      const blocks = readText(frame.toString(), length, context.settings.limits)
      context.inflow.count(member, Math.max(1, blocks.length), length)
      // An answer repeats what was refused, so it may be much longer than its question.
      this.done += blocks.length + 1 + (member.refused?.size ?? 0)
      const accepted = context.accept(member, blocks, this.maySend)
      context.inflow.hold(member, length)
      void this.answer(connection, accepted).finally(() => context.inflow.release(member, length))
    } catch (thrown) {
      this.fail(connection, thrown)
    }
  }

  protected fail(connection: Connection, thrown: unknown): void {
    const { events, lines } = this.context
    const { why, withheld } = answerTo(thrown)
    if (withheld) events.report(thrown)
    lines.end(connection, failBlock(why))
  }

  private async answer(connection: Connection, { messages, pings, first, bye }: Accepted): Promise<void> {
    const { lines } = this.context
    const { member } = connection
    await welcomed(connection)
    for (const ping of pings) lines.say(connection, pongTo(ping))
    if (messages || bye) await member.done
    if (messages) lines.say(connection, acknowledgement(member, first))
    if (bye) lines.dismiss(member, bye)
  }
}

/** One that holds nothing takes room too. */
function sizeOf(frame: Buffer | undefined): number {
  return (frame?.length ?? 0) + 256
}
