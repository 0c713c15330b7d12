import type { Failure } from '../contracts/failure.ts'
import { finalReason, inGoodOrder } from '../contracts/final-failures.ts'
import type { Transport } from '../contracts/transport.ts'
import { backoff } from './backoff.ts'
import { type ChannelLine, type LineChannel, openChannel } from './channel.ts'
import type { Connection, ConnectionConfig, Listener } from './contract.ts'
import { sendLast } from './goodbye.ts'
import { watchPageLifecycle } from './page-lifecycle.ts'
import { createPosition } from './position.ts'
import { post } from './post.ts'
import { prepare, tooLate } from './prepare.ts'
import { type Session, sessionLost } from './session.ts'
import { fresh, hasChannel, next, type Signal, type State } from './state.ts'

/** How long the end of a line is kept back while a navigation may be taking its page away, in ms. */
const lastMoment = 1_000

/** A server without our wire that asks for a `retry` of at least this has set the pace itself, in ms. */
const pacedRetry = 1_000

/** A response that ends in good order after this time was held as long as its server holds one, in ms. */
const heldResponse = 5_000

/** How long the server's answer to a question about a topic is waited for, in ms. */
const answerWithin = 10_000

/** How long a browser waits that reconnects by itself and was told no time, in ms. */
const browsersRetry = 3_000

/** Keeps a line alive: carries out what the state says. Nothing else writes the state. */
export function createConnection(config: ConnectionConfig, listener: Listener): Connection {
  const { dialect, environment, token, keep, topics } = config
  const stream = createPosition(dialect.protocol, config.lastEventId, environment, topics)
  const { position } = stream
  const outbox = dialect.sending.outbox(dialect.sending, environment, leaveSession, config.waiting)
  const session: Session = { retry: config.retry }
  const target = config.target(position, () => stream.taken)
  const line: ChannelLine = {
    ...config,
    target,
    stream,
    session,
    outbox,
    listener,
    transport,
    signal,
    ended,
    awaitHello,
  }
  topics?.attach({
    tell: (event, data, topic, answer) =>
      outbox.add({ event, data, topic, answer, own: true, timeout: answer ? answerWithin : undefined }),
    read: (block, cursor) => dialect.protocol.parseFrame(block, { cursor, session: undefined }),
  })
  let state: State = { name: 'connecting', backoffStep: fresh }
  let page = watchPage()
  let channel: LineChannel | undefined
  let timer: unknown // the present state's

  enter(state, state)
  // After the channel was begun, at the end of this turn: to listen to a page takes a fresh one a third of a millisecond.
  queueMicrotask(page.listen)
  return {
    get state() {
      return state
    },
    get lastEventId() {
      return stream.cursor
    },
    get bufferedAmount() {
      return outbox.size
    },
    send: outbox.add,
    whenEmpty: outbox.whenEmpty,
    reconnect() {
      if (state.name === 'closed' || config.signal?.aborted) throw new Error('reconnect: closed by the page')
      if (state.name === 'failed') {
        page = watchPage()
        page.listen()
      }
      token?.refused()
      token?.taken()
      closeChannel()
      signal('reconnect')
    },
    close,
  }

  function close(code?: number, reason?: string): void {
    if (state.name !== 'closed' && state.name !== 'failed') sayGoodbye(code, reason)
    signal('close', code, reason)
  }

  function watchPage() {
    return watchPageLifecycle(config, { resume, doubt, suspend, leave, close })
  }

  function signal(...what: Signal): void {
    const before = state
    state = next(before, what, environment.now())
    if (state !== before) enter(state, before)
    listener.changed()
  }

  /** Leaving a state stops its timer and, if the new one has no channel, closes it. */
  function enter(entered: State, before: State): void {
    environment.clearTimeout(timer)
    if (!hasChannel(entered)) closeChannel()
    switch (entered.name) {
      case 'suspended':
        return postLast()
      case 'connecting':
        return prepareChannel(entered)
      case 'open':
        token?.taken()
        outbox.open((channel as LineChannel).send, session.hello?.limits)
        // To send may have ended the line.
        if (state === entered) listener.opened(entered.transport.name, isResumed())
        return
      case 'reconnecting': {
        const { failure } = entered
        return listener.failed(failure, failure.retryAfter ?? session.retry ?? browsersRetry)
      }
      case 'waiting': {
        const delay = backoffOf(entered)
        startTimer(resume, delay)
        return listener.failed(entered.failure, delay)
      }
      case 'failed':
      case 'closed': {
        // Some frameworks connect, close and connect again: a position that was handed over and not used is for the next line.
        if (config.lastEventId && stream.cursor === config.lastEventId) keep?.(config.lastEventId)
        const watched = page
        watched.stop()
        token?.stop()
        giveUpSession(entered.name === 'failed' ? entered.failure : undefined)
        outbox.close()
        topics?.closed(entered.name === 'failed' ? entered.failure : undefined)
        if (entered.name === 'failed') listener.failed(entered.failure, undefined)
        // A failure has been told already; or the page, which heard of it, has had the line reconnect.
        if (before.name !== 'failed' && page === watched) listener.closed(entered.reason, entered.code)
      }
    }
  }

  /**
   * Should the line live again, it is in another session if that is over, by the server's last word (403, 204), or if messages are given up of which nobody
   * knows whether their numbers are used.
   */
  function giveUpSession(failure: Failure | undefined): void {
    let waits = true
    outbox.whenEmpty(() => {
      waits = false
    })
    if (waits || failure?.status === 403 || failure?.status === 204) stream.forget()
  }

  // A channel:

  function prepareChannel(connecting: State): void {
    const ready = prepare(target, token)
    if (!ready) return connect()
    startTimer(() => ended(tooLate(target, token)), target.timeout)
    void ready.then(failure => {
      if (state !== connecting) return
      if (failure) ended(failure)
      else connect()
    })
  }

  function connect(): void {
    environment.clearTimeout(timer)
    keep?.(null)
    channel = openChannel(line)
  }

  /** A server that accepts, answers something and never sends its hello would keep the line connecting for ever. */
  function awaitHello({ name: where }: Transport): void {
    // One transport's proof may be waited for that long, and then another one's.
    const after = 2 * target.timeout
    startTimer(() => ended({ kind: 'silent', code: 'no-hello', where, after }), after)
  }

  function closeChannel(code?: number, reason?: string): void {
    channel?.close(code, reason)
    channel = undefined
    topics?.interrupted()
    outbox.pause()
  }

  function isResumed(): boolean {
    return session.hello?.resumed ?? (!dialect.protocol.sendsHello && position.cursor !== '')
  }

  // The end of a channel:

  /** While a navigation may be taking the page away, the browser ends its channels: the page hears of that only if it stays. */
  function ended(failure: Failure): void {
    stream.flush()
    const fruitful = isFruitful(failure)
    if (!page.leaving()) return conclude(failure, fruitful)
    closeChannel()
    startTimer(() => conclude(failure, fruitful), lastMoment)
  }

  function conclude(failure: Failure, fruitful: boolean): void {
    const renews = failure.status === 401 && token?.refused()
    // Only the browser can tell a server the position of a plain EventSource, and after a suspension or a reload it does not.
    const isAnew = failure.kind === 'unsupported' && !dialect.protocol.sendsHello && position.cursor
    if (isAnew) stream.restart()
    const final = !isAnew && finalReason(failure, dialect, renews) !== undefined
    signal('ended', failure, final, fruitful)
  }

  /** Whether a channel did what it was opened for. A script that answers, says when to come again and ends need not have brought anything. */
  function isFruitful(failure: Failure): boolean {
    const lasted = state.name === 'open' && environment.now() - state.since >= heldResponse
    const isPaced = !dialect.protocol.sendsHello && (session.retry ?? 0) >= pacedRetry
    return (
      inGoodOrder(failure) &&
      (channel?.hasDelivered || lasted || isPaced || dialect.policy?.exactRetry === true)
    )
  }

  /** The server does not take what is sent in this session any more or, with 401, with this token. */
  function leaveSession(status?: number): void {
    if (status === 401) return ended({ kind: 'status', code: 'send-status', status })
    stream.forget()
    ended(sessionLost)
  }

  function backoffOf({ backoffStep, failure }: State & { name: 'waiting' }): number {
    return backoff({
      tries: backoffStep,
      retry: session.retry,
      retryAfter: failure.retryAfter,
      spread: session.hello?.spread,
      foreign: !dialect.protocol.sendsHello,
      exact: dialect.policy?.exactRetry === true,
      random: environment.random,
    })
  }

  function transport(): Transport | undefined {
    return state.name === 'open' ? state.transport : undefined
  }

  // The page's life:

  function resume(): void {
    signal('resume')
    doubt()
  }

  function doubt(): void {
    if (dialect.sending.ping) channel?.heartbeat('doubt')
    // The network may be gone.
    listener.changed()
  }

  function suspend(): void {
    keep?.(stream.cursor)
    signal('suspend')
  }

  /** The page does not come back. What has not been taken is sent once more, since a goodbye alone could overtake it. */
  function leave(): void {
    if (state.name === 'suspended') postLast(dialect.sending.goodbye?.())
  }

  /** What the channel can still take goes out, and a goodbye behind it. */
  function sayGoodbye(code?: number, reason?: string): void {
    const goodbye = dialect.sending.goodbye?.(code, reason)
    if (transport()?.kind === 'socket' || (state.name === 'open' && !dialect.sending.acknowledges)) {
      outbox.flush()
      if (goodbye) channel?.send(goodbye, () => {})
      closeChannel(code, reason)
    } else {
      closeChannel()
      postLast(goodbye)
    }
  }

  /** Only numbered messages may be sent twice, and only in the session that they are numbered in. A server may have begun one that was not heard of yet. */
  function postLast(goodbye?: string): void {
    if (!dialect.sending.acknowledges) return
    if (session.hello && position.session !== undefined)
      sendLast(target, outbox, session.hello.limits, goodbye)
    else if (goodbye && target.attempts.length) post(target, goodbye, { keepalive: true })
  }

  function startTimer(act: () => void, ms: number): void {
    environment.clearTimeout(timer)
    timer = environment.setTimeout(act, ms)
  }
}
