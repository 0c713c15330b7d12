import { encode } from '../../src/wire/encoder.ts'
import type { Context } from '../context.ts'
import type { Connections } from '../delivery/connections.ts'
import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import type { Carrier, Connection, Member } from '../sessions/session.ts'
import { type Batch, type Piece, textOf } from '../wire/batch.ts'
import type { Channel } from '../wire/channel.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendText } from './responses.ts'

/** Opens a channel that goes down another session's: tabs of one browser share a connection so. */
export function serveCarried(context: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  const { sessions, lines } = context
  const { searchParams } = ask.url
  const sid = searchParams.get('rt.by') ?? ''
  const name = searchParams.get('rt.as') ?? ''
  if (!/^[0-9a-z]{8,32}$/.test(name)) throw refusal(400, 'rt.as is no name of a carried channel')
  const member = sessions.find({ ...ask, sid }, granted)
  // One that hears by itself would be told to say what it says.
  if (!member || member.stage === 'over' || sid === ask.sid)
    throw refusal(404, 'the session of rt.by is not there, or is not yours')
  const opening = lines.prepare(ask, granted)
  member.carrier ??= new SessionCarrier(member, lines)
  const channel = new CarriedChannel(member.carrier as SessionCarrier, name)
  sendText(response, 200, 'text/event-stream', '')
  channel.open(lines.open(channel, opening))
}

/** What a session carries for others. Between two polls it waits. */
class SessionCarrier implements Carrier {
  private readonly member: Member
  readonly lines: Connections
  private readonly channels = new Map<string, CarriedChannel>()
  private waiting: Piece[] = []
  private size = 0
  private handed = 0
  private awake: (() => void)[] = []
  /** Whether the channel that it had last was a poll, which another one follows. */
  private polls = false

  constructor(member: Member, lines: Connections) {
    this.member = member
    this.lines = lines
  }

  add(name: string, channel: CarriedChannel): void {
    this.drop(name)
    this.channels.set(name, channel)
  }

  delete(name: string): void {
    this.channels.delete(name)
  }

  drop(name: string): void {
    this.channels.get(name)?.cut()
  }

  say(piece: Piece): void {
    this.waiting.push(piece)
    this.size += piece.text.length
    this.flush()
  }

  /** Not before the first block of a channel of its own. */
  flush(): void {
    for (let at = this.newest(); at && this.waiting.length > 0; at = this.newest()) {
      const [piece] = this.waiting as [Piece]
      this.lines.say(at, piece)
      // It was the answer to a poll, and full without it.
      if (at.isOver) continue
      this.waiting.shift()
      this.size -= piece.text.length
      this.handed++
    }
    if (this.waiting.length === 0) for (const wake of this.awake.splice(0)) wake()
  }

  /** Whoever missed something sees it now, and not with the next message. */
  moved(): void {
    if (this.newest()) for (const channel of this.channels.values()) channel.count()
  }

  unsent(): number {
    return this.size + (this.newest()?.channel.unsent() ?? 0)
  }

  taken(): number {
    return this.handed + (this.newest()?.channel.taken() ?? 0)
  }

  async drained(): Promise<void> {
    const newest = this.newest()
    if (this.size === 0 && newest) return newest.channel.drained()
    await new Promise<void>(resolve => this.awake.push(resolve))
  }

  isOver(): boolean {
    const { stage, connections } = this.member
    return stage === 'over' || (connections.length === 0 && !this.polls)
  }

  /** One that is carried itself could come back to this. */
  private newest(): Connection | undefined {
    const newest = this.member.connections.findLast(
      ({ isOver, isWelcomed, channel }) => !isOver && isWelcomed && channel.transport !== 'carried',
    )
    if (newest) this.polls = newest.channel.once
    return newest
  }
}

/** Its pieces are counted, so that its client sees one that was lost with the channel which was to bring it. */
class CarriedChannel implements Channel {
  readonly transport = 'carried'
  readonly once = false
  private readonly carrier: SessionCarrier
  private readonly name: string
  private connection: Connection | undefined
  private pieces = 0
  private isShut = false

  constructor(carrier: SessionCarrier, name: string) {
    this.carrier = carrier
    this.name = name
    carrier.add(name, this)
  }

  open(connection: Connection): void {
    this.connection = connection
    if (this.isShut) this.carrier.lines.gone(connection)
  }

  write(batch: Batch): void {
    if (!this.isShut) this.say(`${++this.pieces}\n${textOf(batch)}`)
  }

  /** A piece of nothing. */
  count(): void {
    this.say(`${++this.pieces}\n`)
  }

  unsent(): number {
    return this.carrier.unsent()
  }

  taken(): number {
    return this.carrier.taken()
  }

  isOver(): boolean {
    return this.isShut || this.carrier.isOver()
  }

  drained(): Promise<void> {
    return this.carrier.drained()
  }

  /** Behind what was written. */
  end(): void {
    if (!this.isShut) this.say(`${++this.pieces} end`)
    this.cut()
  }

  cut(): void {
    if (this.isShut) return
    this.isShut = true
    this.carrier.delete(this.name)
    const { connection } = this
    // Whoever ends it is not done with it yet.
    if (connection) queueMicrotask(() => this.carrier.lines.gone(connection))
  }

  private say(data: string): void {
    this.carrier.say({ text: encode({ event: 'rt.carried', re: this.name, data }) })
  }
}
