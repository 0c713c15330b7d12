import { encode } from '../../src/wire/encoder.ts'
import type { Context } from '../context.ts'
import type { Connections } from '../delivery/connections.ts'
import type { Granted } from '../http/access.ts'
import { headFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import type { Carrier, Connection, Member } from '../sessions/session.ts'
import { type Batch, type Piece, textOf } from '../wire/batch.ts'
import type { Channel } from '../wire/channel.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendText } from './responses.ts'

/** A piece is a block of the tab that carries, which leaves out those that are larger than its page takes. */
const pieces = /.{1,4096}/gsu

/** Opens a channel that goes down another session's: tabs of one browser share a connection so. */
export function serveCarried(context: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  const { sessions, lines, settings } = context
  const { searchParams } = ask.url
  const sid = searchParams.get('rt.by') ?? ''
  const name = searchParams.get('rt.as') ?? ''
  if (!/^[0-9a-z]{8,32}$/.test(name)) throw refusal(400, 'rt.as is no name of a carried channel')
  const member = sessions.find({ ...ask, sid }, granted)
  // One that hears by itself would be told to say what it says.
  if (!member || member.stage === 'over' || sid === ask.sid)
    throw refusal(404, 'the session of rt.by is not there, or is not yours')
  member.carrier ??= new SessionCarrier(member, lines)
  const carrier = member.carrier as SessionCarrier
  if (carrier.isFull(settings.limits.unsent))
    throw refusal(503, 'the tab that carries reads slowly', 1, 'busy')
  const opening = lines.prepare(ask, granted)
  const channel = new CarriedChannel(carrier, name)
  sendText(response, headFor(ask), 200, 'text/event-stream', '')
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
  private draining: Promise<void> | undefined
  private wake = () => {}
  /** Whether the channel that it had last was a poll, which another one follows. */
  private polls: boolean

  constructor(member: Member, lines: Connections) {
    this.member = member
    this.lines = lines
    this.polls = /poll|jsonp/.test(member.session.transport)
  }

  add(name: string, channel: CarriedChannel): void {
    this.drop(name)
    this.channels.set(name, channel)
  }

  delete(name: string): void {
    this.channels.delete(name)
  }

  drop(name: string): void {
    this.channels.get(name)?.shut()
  }

  left({ transport, once }: Channel): void {
    if (transport !== 'carried') this.polls = once
    if (this.isOver()) {
      for (const channel of [...this.channels.values()]) channel.shut()
      this.waiting = []
      this.size = 0
    } else if (!once && this.newest()) {
      // Whoever missed something sees it now, and not with the next message.
      for (const channel of this.channels.values()) channel.count()
    }
  }

  /** Whether more waits than slow readers may leave, each so much. Every line that opens is told something, however much that is. */
  isFull(each: number): boolean {
    return this.unsent() > each * (1 + this.channels.size)
  }

  say(piece: Piece): void {
    this.waiting.push(piece)
    this.size += piece.text.length
    this.hand()
  }

  flush(): void {
    this.hand()
    if (this.waiting.length === 0) this.wake()
  }

  /** Not before the first block of a channel of its own. */
  private hand(): void {
    for (let at = this.newest(); at && this.waiting.length > 0; at = this.newest()) {
      const [piece] = this.waiting as [Piece]
      this.lines.say(at, piece)
      // It was the answer to a poll, and full without it.
      if (at.isOver) continue
      this.waiting.shift()
      this.size -= piece.text.length
      this.handed++
    }
  }

  unsent(): number {
    return this.size + (this.newest()?.channel.unsent() ?? 0)
  }

  taken(): number {
    return this.handed + (this.newest()?.channel.taken() ?? 0)
  }

  /** One wait for all. */
  drained(): Promise<void> {
    this.draining ??= this.wait().finally(() => {
      this.draining = undefined
    })
    return this.draining
  }

  /** The channel may end before it is drained, and another one go on. */
  private async wait(): Promise<void> {
    const next = new Promise<void>(resolve => {
      this.wake = resolve
    })
    const newest = this.size === 0 ? this.newest() : undefined
    await Promise.race([newest?.channel.drained() ?? next, next])
  }

  /** Its newest channel says what it does: one that is carried itself does not poll any more, whatever it had before. */
  isOver(): boolean {
    const { stage, connections, session } = this.member
    if (stage === 'over') return true
    const hasOwn = connections.some(({ channel }) => channel.transport !== 'carried')
    return !hasOwn && (!this.polls || session.transport === 'carried')
  }

  /** One that is carried itself could come back to this. */
  private newest(): Connection | undefined {
    return this.member.connections.findLast(
      ({ isOver, isWelcomed, channel }) => !isOver && isWelcomed && channel.transport !== 'carried',
    )
  }
}

/** Its pieces are counted, so that its client sees one that was lost with the channel which was to bring it. */
class CarriedChannel implements Channel {
  readonly transport = 'carried'
  readonly once = false
  private readonly carrier: SessionCarrier
  private readonly name: string
  private connection: Connection | undefined
  private said = 0
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
    if (this.isShut) return
    for (const piece of textOf(batch).match(pieces) ?? []) this.say(`${++this.said}\n${piece}`)
  }

  /** A piece of nothing. */
  count(): void {
    this.say(`${++this.said}\n`)
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
    if (!this.isShut) this.say(`${++this.said} end`)
    this.shut()
  }

  /** Its client takes a hole for a cut. */
  cut(): void {
    if (!this.isShut) this.say(`${this.said + 2} end`)
    this.shut()
  }

  /** Nobody is told. */
  shut(): void {
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
