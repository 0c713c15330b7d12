import type { Dialect } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import type { Outbox } from '../contracts/outbox.ts'
import type { Target, Transport } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'
import { type Liveness, next, type Ping, pingDue, type Signal } from './liveness.ts'
import { post } from './post.ts'
import type { Session } from './session.ts'

/** What a heartbeat needs of its line. */
export interface HeartbeatLine {
  readonly dialect: Dialect
  readonly environment: Environment
  readonly target: Target
  readonly session: Session
  readonly outbox: Outbox
  /** The transport while the line is open. */
  transport(): Transport | undefined
  ended(failure: Failure): void
}

/** Is told what happens on a channel, as in `heartbeat('sent', 20)`. */
export type Heartbeat = (...what: Signal) => void

/** A pong is waited for as long as three round trips of the line take, within these bounds, in ms. */
const shortestAnswer = 2_000
const longestAnswer = 10_000

/**
 * Watches one channel from its opening on: pings it when its silence says that it may be dead, and ends it when it is. It carries out
 * what src/connection/liveness.ts says, and nothing else writes the state.
 */
export function createHeartbeat(line: HeartbeatLine): Heartbeat {
  const { dialect, environment, target, session, outbox } = line
  const began = environment.now()
  let state: Liveness | undefined
  let timer: unknown
  let cancelPing: (() => void) | undefined
  let opening = 0 // how long it took to open, which counts until a round trip was measured

  return signal

  function signal(...what: Signal): void {
    const before = state
    const now = environment.now()
    state = next(before, what, now)
    // What arrives only makes the next ping due later.
    if (what[0] === 'activity') return
    measure(before, what[0], now)
    // A ping that is under way stays.
    if (!state?.ping || state.ping !== before?.ping) enter()
  }

  function measure(before: Liveness | undefined, type: Signal[0], now: number): void {
    if (!before && type === 'opened') opening = now - began
    if (before?.ping && type === 'pong') learn(now - before.ping.since)
    if (before?.unacknowledged?.alone && type === 'acknowledged') learn(now - before.unacknowledged.since)
  }

  /** Leaving a state stops its timer and its ping. */
  function enter(): void {
    environment.clearTimeout(timer)
    cancelPing?.()
    cancelPing = undefined
    if (state?.ping) ping(state.ping)
    else if (state) listen()
  }

  /** Waits until a ping is due. If something arrived meanwhile, it is due later. */
  function listen(): void {
    // A message that nobody waits for any more, since it was too old for example, is not acknowledged.
    if (!outbox.unanswered) state = next(state, ['acknowledged', 0], 0)
    const { hello } = session
    const idleTimeout = hello ? 2 * hello.heartbeat + 5_000 : (dialect.protocol.idleTimeout ?? Infinity)
    const left = pingDue(state as Liveness, idleTimeout, answerTime()) - environment.now()
    if (left < Infinity)
      timer = environment.setTimeout(left > 0 ? listen : () => signal('doubt'), Math.max(left, 0))
  }

  function ping({ again }: Ping): void {
    const cancel = sendPing()
    // To send may have ended the line.
    if (!state) return
    cancelPing = cancel
    const within = cancel || again ? answerTime() : target.timeout
    timer = environment.setTimeout(() => {
      signal('timeout', cancel && within)
      if (!state)
        line.ended({
          kind: 'silent',
          code: 'silent',
          where: line.transport()?.name,
          after: Math.round(within),
        })
    }, within)
  }

  /** A ping goes beside a POST that is under way. Gives back what cancels it; `undefined` where none can be sent now. */
  function sendPing(): (() => void) | undefined {
    if (outbox.ping()) return () => {}
    if (!dialect.sending.ping || !environment.fetch || line.transport()?.kind === 'script') return undefined
    const abort = new AbortController()
    post(target, dialect.sending.ping, { signal: abort.signal })
    return () => abort.abort()
  }

  function answerTime(): number {
    return Math.min(Math.max(3 * (session.roundTrip ?? opening), shortestAnswer), longestAnswer)
  }

  /** A longer round trip counts at once, a shorter one by and by: to drop a healthy line costs more than to notice a dead one late. */
  function learn(took: number): void {
    target.log?.('roundtrip', took)
    // A longer time was spent asleep.
    const bounded = Math.min(took, longestAnswer)
    const known = session.roundTrip ?? bounded
    session.roundTrip = Math.max(bounded, known + (bounded - known) / 8)
  }
}
