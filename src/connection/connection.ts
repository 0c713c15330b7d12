import type { Dialect, Incoming, Position } from '../contracts/dialect.ts'
import { asCause, type Failure, type TransportName, tryTo, withoutQueries } from '../contracts/failure.ts'
import { finalReason, inGoodOrder } from '../contracts/final-failures.ts'
import type { Frame, Gap, Hello, HelloFrame } from '../contracts/frame.ts'
import type { Outgoing } from '../contracts/outbox.ts'
import { handOver } from '../contracts/send.ts'
import { viaPost } from '../contracts/traits.ts'
import type { Channel, Route, Target, Transport } from '../contracts/transport.ts'
import type { Waiting } from '../contracts/waiting.ts'
import type { Environment } from '../environment.ts'
import type { Payload } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'
import { createPatience } from './answer-time.ts'
import { backoff } from './backoff.ts'
import { watchPageLifecycle } from './page-lifecycle.ts'
import { createPosition, type Heard } from './position.ts'
import { fresh, hasPipe, next, type Signal, type State } from './state.ts'
import type { Token } from './token.ts'

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

export interface Connection {
  readonly state: State
  readonly lastEventId: string
  readonly bufferedAmount: number
  send(message: Outgoing, timeout?: number): Promise<unknown>
  /** Calls once nothing waits to be taken. */
  whenEmpty(handleFrame: () => void): void
  close(reason: string): void
}

export interface ConnectionConfig {
  readonly dialect: Dialect
  readonly environment: Environment
  /** Opens channels. */
  readonly route: Route
  readonly lastEventId: string
  /** What the page asks to wait before reconnecting, in ms, until the server says otherwise. */
  readonly retry: number | undefined
  readonly token: Token | undefined
  /** What may wait to go up. */
  readonly waiting?: Waiting
  /** Keeps the cursor for the page that follows this one, or, with `null`, no more. */
  readonly keep: ((cursor: string | null) => void) | undefined
  target(at: Position, taken: () => number): Target
}

/** How long a message may wait for its acknowledgement before the line is asked, in ms; and one more for each byte of it. */
const acknowledgeTime = 5_000

/** How long a message is kept back that may be the first of a replay, in ms. */
const unclear = 1_000

/** How long the end of a line is kept back while a navigation may be taking its page away, in ms. */
const lastMoment = 1_000

/** A request that outlives its page may carry 64 KiB (Fetch, "http-network-or-cache fetch"); this leaves room for others. */
const lastBytes = 60_000

/** So many sessions may be left on one connection: each of its transports may have been given one, now and then. */
const mostAbandoned = 100

/** A server without our wire that asks for at least this `retry` has set the pace itself, in ms. */
const unhurried = 1_000

/** A response that lasted this long and ended in good order was held as long as its server holds one, in ms. */
const held = 5_000

/** What a browser that reconnects by itself waits when nobody told it, in ms. */
const browsersRetry = 3_000

/** Keeps a line alive: carries out what the state says. Nothing else writes the state. */
export function createConnection(plan: ConnectionConfig, hear: Listener): Connection {
  const { dialect, environment, token } = plan
  const session = createPosition(dialect.protocol, plan.lastEventId)
  const outbox = dialect.sending.outbox(dialect.sending, environment, sessionLost, plan.waiting)
  const target = plan.target(session.position, () => session.taken)
  const page = watchPageLifecycle(environment, { wake, doubt, park, leave })
  const patience = createPatience()
  let state: State = { name: 'idle', grown: fresh }
  let channel: Channel | undefined
  let timer: unknown
  let hold: unknown
  let carrier: Transport
  let lastActivity = 0
  let brought = false
  let departed = 0
  /** A sign of life was asked for. */
  let question: { asked: number; stop?: (() => void) | undefined } | undefined
  /** What the pipe was given and has not acknowledged: since when, and how many characters. `alone`: nothing was under way before it. */
  let waiting: { since: number; size: number; alone: boolean } | undefined
  let { retry } = plan
  let hello: Hello | undefined
  const abandonedSessions = new Set<string>()

  signal({ type: 'wake' })
  return {
    get state() {
      return state
    },
    get lastEventId() {
      return session.position.cursor
    },
    get bufferedAmount() {
      return outbox.size
    },
    send: outbox.add,
    whenEmpty: outbox.whenEmpty,
    close(reason) {
      if (state.name !== 'closed') farewell()
      signal({ type: 'close', reason })
    },
  }

  function signal(what: Signal): void {
    const before = state
    state = next(before, what)
    if (state !== before) enter()
  }

  /** Leaving a state stops its timer and, if the new one has no pipe, closes it; entering one arms its own. */
  function enter(): void {
    stopAsking()
    if (!hasPipe(state)) closeChannel()
    switch (state.name) {
      case 'idle':
        return sendLast()
      case 'connecting':
        session.reopened()
        if (state.interrupted)
          return hear.failed(state.interrupted, state.interrupted.retryAfter ?? retry ?? browsersRetry)
        return prepare(state)
      case 'open':
        token?.taken()
        lastActivity = environment.now()
        waiting = undefined
        outbox.open(sendUp, hello?.limits)
        watch()
        return hear.opened(
          state.transport,
          hello?.resumed ?? (!dialect.protocol.sendsHello && session.position.cursor !== ''),
        )
      case 'waiting': {
        const delay = pause(state)
        timer = environment.setTimeout(() => signal({ type: 'due' }), delay)
        return hear.failed(state.failure, delay)
      }
      case 'closed':
        // Some frameworks connect, close and connect again: a position that was handed over and not used is for the next line.
        if (session.position.cursor === plan.lastEventId && plan.lastEventId) plan.keep?.(plan.lastEventId)
        page.stop()
        outbox.close()
        if (state.failure) hear.failed(state.failure, undefined)
        return hear.closed(state.reason)
    }
  }

  function openChannel(): void {
    plan.keep?.(null)
    outbox.pause()
    brought = false
    // Without numbers a session is one pipe's.
    if (!dialect.sending.acknowledges) session.forget()
    abandonedSessions.clear()
    departed = environment.now()
    channel = plan.route.open(target, { opened, read, frame, alive, paused, ended })
  }

  /** A connection needs the page's token, and a name for a query that is too long for an address. Most need neither. */
  function prepare(asking: State): void {
    const ready = token ? tokenOf(token).then(trouble => trouble ?? target.ready?.()) : target.ready?.()
    if (!ready) return openChannel()
    timer = environment.setTimeout(() => {
      const code = token && token.value === undefined ? 'token-late' : 'query-late'
      ended({ kind: 'silent', code, after: target.timeout })
    }, target.timeout)
    void ready.then(trouble => {
      if (state !== asking) return
      environment.clearTimeout(timer)
      if (trouble) ended(trouble)
      else openChannel()
    })
  }

  async function tokenOf(from: Token): Promise<Failure | undefined> {
    try {
      await from.ready()
      return undefined
    } catch (cause) {
      const detail = withoutQueries(wordsOf(cause))
      return { kind: 'refused', code: 'token-failed', detail, cause: asCause(cause) }
    }
  }

  function closeChannel(): void {
    environment.clearTimeout(hold)
    channel?.close()
    channel = undefined
    outbox.pause()
  }

  function pause({ grown, failure }: State & { name: 'waiting' }): number {
    const { retryAfter } = failure
    const { random } = environment
    return backoff({
      tries: grown,
      retry,
      retryAfter,
      spread: hello?.spread,
      foreign: !dialect.protocol.sendsHello,
      exact: dialect.policy?.exactRetry === true,
      random,
    })
  }

  // What the pipe says:

  function opened(transport: Transport, first?: HelloFrame): void {
    carrier = transport
    if (first) adoptSession(first.hello)
    // Where the server greets, the line is open when its greeting came, not when somebody accepted.
    if (!dialect.protocol.sendsHello || state.name === 'open') markOpen()
    else if (state.name === 'connecting') awaitGreeting()
  }

  /** A server that accepts, answers something and never says that the line is open would keep it connecting for ever. */
  function awaitGreeting(): void {
    // One transport's proof may be waited for that long, and then another one's.
    const time = 2 * target.timeout
    environment.clearTimeout(timer)
    timer = environment.setTimeout(
      () => ended({ kind: 'silent', code: 'no-hello', where: carrier.name, after: time }),
      time,
    )
  }

  function markOpen(): void {
    if (state.name === 'connecting') patience.opened(environment.now() - departed)
    signal({ type: 'opened', transport: carrier.name, now: environment.now() })
  }

  function alive(): void {
    lastActivity = environment.now()
  }

  function read(block: Incoming): Frame {
    const frame = session.take(block, environment.now())
    // A goodbye's time is for this one return.
    if (block.retry !== undefined && frame.type !== 'bye') retry = block.retry
    return frame
  }

  function frame(frame: Frame, origin?: string): void {
    if (frame.type !== 'ack' && frame.type !== 'nack') alive()
    tellLate(origin)
    act(frame, origin)
    if (!session.holds) return
    environment.clearTimeout(hold)
    hold = environment.setTimeout(() => tellLate(origin, true), unclear)
  }

  /** What was kept back while it might have been a replay; with `now` it was none, as nothing followed it. */
  function tellLate(origin?: string, now?: boolean): void {
    const late = session.late(now)
    if (late) deliver(late, origin)
  }

  function deliver(meaning: Heard, origin: string | undefined): void {
    if (meaning.type === 'gap') return hear.gap(meaning.gap)
    const { event, data, answer, cursor } = meaning
    const back = answer && ((given: Payload) => say(answer(given)))
    hear.message(event, data, cursor ?? session.position.cursor, origin, back)
  }

  function act(frame: Frame, origin: string | undefined): void {
    if (frame.type === 'hello') {
      adoptSession(frame.hello)
      if (state.name === 'connecting') markOpen()
      return
    }
    if (frame.type === 'ack') return progress(() => outbox.acknowledged?.(frame.upTo))
    if (frame.type === 'nack') return progress(() => outbox.declined?.(frame.number, frame.failure))
    if (frame.type === 'answer') return outbox.answered?.(frame.number, frame.data)
    if (frame.type === 'reply') {
      if (frame.session !== undefined) session.enter(frame.session)
      return say(frame.text(token?.value))
    }
    if (frame.type === 'pong' && question) {
      patience.answered(environment.now() - question.asked)
      lives()
    }
    if (frame.type === 'beat' && hello && frame.spread !== undefined)
      hello = { ...hello, spread: frame.spread }
    if (frame.type === 'pong' || frame.type === 'beat') return
    if (frame.type === 'refused') {
      outbox.refused?.(frame.failure)
      return ended({ ...frame.failure, kind: 'cut', status: undefined })
    }
    // The half of a greeting that was cut off, say: nothing has arrived.
    if (frame.type === 'nothing' || frame.type === 'tick') return
    if (state.name === 'connecting' && frame.type !== 'bye') markOpen()
    brought ||= frame.type === 'message' || frame.type === 'gap'
    if (frame.type === 'message' || frame.type === 'gap') deliver(frame, origin)
    else if (frame.type === 'bye') {
      if (frame.acked !== undefined) outbox.returned?.(frame.acked)
      ended({
        kind: 'ended',
        status: frame.status,
        code: 'goodbye',
        detail: frame.why,
        retryAfter: frame.retry,
        cause: frame.cause,
      })
    }
  }

  /** What the protocol itself has to say goes beside the messages. A pipe that does not take it is of no use. */
  function say(text: Payload): void {
    const from = channel
    handOver(from, text, failure => {
      if (failure && channel === from) ended({ ...failure, kind: 'cut' })
    })
  }

  /** A session that was left is not entered again: what was in doubt there may have its numbers. */
  function adoptSession(told: Hello): void {
    if (abandonedSessions.has(told.session)) return sessionLost()
    if (hello && hello.session !== told.session) {
      if (abandonedSessions.size === mostAbandoned)
        return ended({ kind: 'content', code: 'too-many-sessions' })
      abandonedSessions.add(hello.session)
      outbox.renew()
    }
    session.enter(told.session)
    progress(() => outbox.acknowledged?.(told.acked))
    hello = told
  }

  function paused(failure: Failure): void {
    tellLate(undefined, true)
    signal({ type: 'paused', failure })
  }

  /** While a navigation may be taking the page away, its browser ends its lines: the page hears of it only if it stays. */
  function ended(failure: Failure): void {
    tellLate(undefined, true)
    if (!page.leaving()) return conclude(failure)
    closeChannel()
    stopAsking()
    timer = environment.setTimeout(() => conclude(failure), lastMoment)
  }

  function conclude(failure: Failure): void {
    const renews = failure.status === 401 && token?.refused()
    // Of a plain EventSource only the browser can tell the position, and it does not for a page that was put aside or loaded anew.
    const anew = failure.kind === 'unsupported' && !dialect.protocol.sendsHello && session.position.cursor
    if (anew) session.restart()
    const final = !anew && finalReason(failure, dialect, renews) !== undefined
    signal({ type: 'ended', failure, final, fruitful: isFruitful(failure), now: environment.now() })
  }

  /** A server without our wire that says when to come again need not have brought anything: scripts answer and end. */
  function isFruitful(failure: Failure): boolean {
    const lasted = state.name === 'open' && environment.now() - state.since >= held
    const isPaced = !dialect.protocol.sendsHello && (retry ?? 0) >= unhurried
    return inGoodOrder(failure) && (brought || lasted || isPaced || dialect.policy?.exactRetry === true)
  }

  /** The server does not know the session any more: the next pipe asks for a new one, at the same position. */
  function sessionLost(status?: number): void {
    if (status === 401) return ended({ kind: 'status', code: 'send-status', status })
    session.forget()
    ended({ kind: 'cut', code: 'session-lost' })
  }

  // Liveness:

  /** A line is asked that has been quiet for longer than it promised, or that does not acknowledge what it was given. */
  function watch(): void {
    stopAsking()
    if (outbox.unanswered === 0) waiting = undefined
    const silence = hello ? 2 * hello.heartbeat + 5_000 : dialect.protocol.idleTimeout
    const quiet = silence === undefined ? Infinity : lastActivity + silence
    const slow = waiting ? waiting.since + Math.max(acknowledgeTime, patience.time) + waiting.size : Infinity
    const left = Math.min(quiet, slow) - environment.now()
    if (left === Infinity) return
    timer = environment.setTimeout(left > 0 ? watch : check, Math.max(left, 0))
  }

  /**
   * Asks for a sign of life. A timer that fires late, in a hidden tab or after sleep, proves nothing about the line, since
   * what came meanwhile may still be waiting behind it: then it asks once more.
   */
  function check(again = false): void {
    stopAsking()
    const asked = environment.now()
    const asking: typeof question = { asked }
    question = asking
    const stop = ask()
    asking.stop = stop
    if (question !== asking) return
    // What cannot be asked now has to show by itself that it lives.
    const time = stop || again ? patience.time : target.timeout
    timer = environment.setTimeout(() => {
      const late = environment.now() - asked > time + 1_000
      if (lastActivity >= asked) lives()
      else if (!again && (late || !stop)) check(true)
      else ended({ kind: 'silent', code: 'silent', where: carrier.name, after: Math.round(time) })
    }, time)
  }

  /** It lives: if it has not acknowledged, its server is slow, and is asked again after as long. */
  function lives(): void {
    if (waiting) waiting.since = environment.now()
    watch()
  }

  /** Sends the question, beside a POST that is under way; gives back what stops that, or nothing if it cannot be asked. */
  function ask(): (() => void) | undefined {
    if (outbox.ping()) return () => {}
    if (!dialect.sending.ping || !channel || !environment.fetch || carrier.kind === 'script') return undefined
    const stop = new AbortController()
    post(dialect.sending.ping, { signal: stop.signal })
    return () => stop.abort()
  }

  function stopAsking(): void {
    environment.clearTimeout(timer)
    question?.stop?.()
    question = undefined
  }

  function sendUp(text: Payload, done: (failure?: Failure) => void): void {
    if (dialect.sending.ping && text !== dialect.sending.ping) {
      const size = (text as string).length
      if (waiting) {
        waiting.size += size
        waiting.alone = false
      } else {
        waiting = { since: environment.now(), size, alone: true }
        if (!question) watch()
      }
    }
    handOver(channel, text, done)
  }

  function progress(tell: () => void): void {
    const before = outbox.unanswered
    tell()
    if (!waiting || outbox.unanswered === before) return
    const now = environment.now()
    if (waiting.alone) patience.answered(now - waiting.since)
    waiting = outbox.unanswered ? { since: now, size: outbox.size, alone: false } : undefined
  }

  function park(): void {
    plan.keep?.(session.position.cursor)
    signal({ type: 'parked' })
  }

  /** The page does not come back. What has not been taken goes once more, so that the goodbye behind it cannot overtake it. */
  function leave(): void {
    if (state.name === 'idle') sendLast(dialect.sending.goodbye)
  }

  /** The line is about to be closed: what the pipe can still take goes up, and a goodbye after it. */
  function farewell(): void {
    const { goodbye: bye } = dialect.sending
    const byPipe = state.name === 'open' && (carrier.kind === 'socket' || !dialect.sending.acknowledges)
    if (byPipe) {
      outbox.flush()
      if (bye) handOver(channel, bye, () => {})
    } else {
      closeChannel()
      sendLast(bye)
    }
  }

  /**
   * What has not been taken goes up by one request that outlives the page, with the numbers it has, and the goodbye behind it. There is no
   * time to wait for an answer. What the page sends after that, in its own listeners for `pagehide` say, goes by requests of its own.
   */
  function sendLast(bye = ''): void {
    if (!hello || !dialect.sending.acknowledges || session.position.session === undefined) return
    let waits = ''
    let go: (() => void) | undefined
    const way = (text: Payload, done: () => void) => {
      if (go) {
        postLast(text as string)
        done()
      } else {
        waits += text
        go = done
      }
    }
    outbox.open(way, { ...hello.limits, batch: lastBytes })
    postLast(waits + bye)
    go ??= () => {}
    go()
  }

  function postLast(text: string): void {
    if (text) post(text, { keepalive: utf8Length(text) <= lastBytes + 100 })
  }

  function post(body: Payload, how: RequestInit): void {
    const send = () => {
      const { url, headers } = target.buildRequest(viaPost)
      const credentials = target.withCredentials ? 'include' : 'same-origin'
      const request = { ...how, method: 'POST', headers, body: body as BodyInit, credentials } as const
      environment.fetch?.(url, request).catch(() => {})
    }
    tryTo(send, () => {})
  }

  function wake(): void {
    if (state.name === 'open') doubt()
    else signal({ type: 'wake' })
  }

  function doubt(): void {
    if (state.name === 'open' && channel && dialect.sending.ping) check()
  }
}

/** What a function of the page threw, in words: it may be anything. */
function wordsOf(cause: unknown): string {
  return cause instanceof Error
    ? cause.message
    : `it threw ${typeof cause === 'string' ? cause : typeof cause}`
}
