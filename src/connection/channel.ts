import type { Incoming } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import type { Frame, Hello, HelloFrame } from '../contracts/frame.ts'
import { type Done, handOver, type Send } from '../contracts/send.ts'
import type { Topics } from '../contracts/topics.ts'
import type { Route, Transport } from '../contracts/transport.ts'
import type { Payload } from '../wire/codec.ts'
import type { Listener } from './contract.ts'
import { createHeartbeat, type Heartbeat, type HeartbeatLine } from './heartbeat.ts'
import type { StreamPosition, Told } from './position.ts'
import { sessionLost } from './session.ts'
import type { Signal } from './state.ts'
import type { Token } from './token.ts'

/** How many sessions may be left on one channel: each transport of a race may have been given one, now and then. */
const mostAbandoned = 100

/** The line that a channel carries. */
export interface ChannelLine extends HeartbeatLine {
  readonly route: Route
  readonly token: Token | undefined
  readonly stream: StreamPosition
  readonly listener: Listener
  readonly topics?: Topics | undefined
  signal(...what: Signal): void
  /** The server has accepted, and its hello is still to come. */
  awaitHello(transport: Transport): void
}

/** The channel that carries a line now. */
export interface LineChannel {
  /** Whether it has brought a message or a gap. */
  hasDelivered: boolean
  readonly heartbeat: Heartbeat
  readonly send: Send
  /** Nothing is heard afterwards. A WebSocket is closed with this code and reason. */
  close(code?: number, reason?: string): void
}

/** Opens a channel, and hands what it brings to the parts of the line that it concerns. */
export function openChannel(line: ChannelLine): LineChannel {
  const { dialect, stream, session, outbox, listener } = line
  let transport: Transport
  let origin: string | undefined
  let isClosed = false
  const heartbeat = createHeartbeat(line)
  const abandonedSessions = new Set<string>()

  // Without acknowledgements a session ends with its channel.
  if (!dialect.sending.acknowledges) stream.forget()
  stream.reopened(deliver)
  const channel = line.route.open(line.target, {
    opened,
    read,
    frame,
    alive,
    paused,
    ended: line.ended,
  })
  const open: LineChannel = {
    heartbeat,
    hasDelivered: false,
    send,
    close(code, reason) {
      isClosed = true
      heartbeat('stopped')
      stream.stop()
      channel.close(code, reason)
    },
  }
  return open

  function opened(by: Transport, hello?: HelloFrame): void {
    transport = by
    if (hello) takeHello(hello.hello)
    // A server that sends a hello has opened the line with it, and not when somebody accepted.
    else if (!dialect.protocol.sendsHello || line.transport()) markOpen()
    else line.awaitHello(by)
  }

  function markOpen(): void {
    if (line.transport() === transport) return
    heartbeat('opened')
    line.signal('opened', transport)
  }

  function paused(failure: Failure): void {
    heartbeat('stopped')
    stream.flush()
    stream.reopened(deliver)
    line.signal('interrupted', failure)
  }

  function alive(): void {
    heartbeat('activity')
  }

  function read(block: Incoming, beside?: Hello): Frame {
    const frame = stream.take(block, beside)
    // The time that a goodbye asks for counts once.
    if (block.retry !== undefined && frame.type !== 'bye') session.retry = block.retry
    return frame
  }

  function frame(frame: Frame, from?: string): void {
    // While this was read, a message was told late, and its handler may have closed the line.
    if (isClosed) return
    origin = from
    handle(frame)
  }

  function handle(frame: Frame): void {
    switch (frame.type) {
      case 'hello':
        return takeHello(frame.hello)
      case 'ack':
        return acknowledge(() => outbox.acknowledged?.(frame.upTo))
      case 'nack':
        return acknowledge(() => outbox.declined?.(frame.number, frame.failure))
      case 'answer':
        return outbox.answered?.(frame.number, frame.data)
      case 'reply':
        if (frame.session !== undefined) stream.enter(frame.session)
        return sendControl(frame.text(line.token?.value))
      case 'pong':
        return heartbeat('pong')
      case 'beat':
        if (session.hello && frame.spread !== undefined)
          session.hello = { ...session.hello, spread: frame.spread }
        return
      case 'refused':
        outbox.refused?.(frame.failure)
        return line.ended({ ...frame.failure, kind: 'cut', status: undefined })
      case 'bye':
        if (frame.acked !== undefined) outbox.returned?.(frame.acked)
        return line.ended(endOf(frame))
      case 'subscribed':
        line.topics?.subscribed(frame.topic, frame.re, frame.ahead, frame.trimmed)
        return markOpen()
      case 'unsubscribed':
        return line.topics?.unsubscribed(frame.topic, frame.failure)
      case 'presence':
        return line.topics?.present(frame.topic, frame.data)
      case 'message':
      case 'gap':
        markOpen()
        open.hasDelivered = true
        return deliver(frame)
      case 'position':
        return markOpen()
      // Others, such as a tick or half a hello, do not show that the line is open.
    }
  }

  function takeHello(told: Hello): void {
    const { hello } = session
    // In a session that was left, messages that are in doubt may have used the next numbers.
    if (abandonedSessions.has(told.session)) {
      stream.forget()
      return line.ended(sessionLost)
    }
    if (hello && hello.session !== told.session) {
      if (abandonedSessions.size === mostAbandoned)
        return line.ended({ kind: 'content', code: 'too-many-sessions' })
      abandonedSessions.add(hello.session)
      outbox.renew()
    }
    stream.enter(told.session)
    acknowledge(() => outbox.acknowledged?.(told.acked))
    session.hello = told
    markOpen()
    if (told.topics && !isClosed) line.topics?.welcomed(told.set, told.limits?.message)
  }

  function deliver(told: Told): void {
    const { topic } = told
    if (told.type === 'gap') {
      // Where the whole log is another one, each topic tells so for itself.
      const isOfAll = topic === undefined && /^(epoch|future|rollback|unknown)$/.test(told.gap.reason)
      return isOfAll && line.topics?.hasAny ? undefined : listener.gap(told.gap, topic)
    }
    const { event, data, answer, cursor } = told
    const reply = answer && ((given: Payload) => sendControl(answer(given)))
    listener.message(event, data, cursor ?? stream.lastOf(told), origin, reply, topic)
  }

  /** Tells the outbox of an acknowledgement, and the heartbeat, if it acknowledged anything. */
  function acknowledge(tell: () => void): void {
    const before = outbox.unanswered
    tell()
    if (outbox.unanswered !== before) heartbeat('acknowledged', outbox.unanswered && outbox.size)
  }

  function send(text: Payload, done: Done): void {
    if (dialect.sending.ping && text !== dialect.sending.ping) heartbeat('sent', (text as string).length)
    handOver(channel, text, done)
  }

  /** Frames of the protocol itself bypass the outbox. A channel that does not take them is of no use. */
  function sendControl(text: Payload): void {
    handOver(channel, text, failure => {
      if (failure && !isClosed) line.ended({ ...failure, kind: 'cut' })
    })
  }
}

function endOf({ failure, status, why: detail, retry: retryAfter, cause }: Frame & { type: 'bye' }): Failure {
  return failure ?? { kind: 'ended', status, code: 'goodbye', detail, retryAfter, cause }
}
