import { conclude } from '../attempt/conclusion.ts'
import { begin, channelTarget, whyNot } from '../attempt/record.ts'
import { probeStatus } from '../attempt/status-probe.ts'
import type { Dialect, Incoming, Proof } from '../contracts/dialect.ts'
import { type Failure, tryTo, unreadable } from '../contracts/failure.ts'
import { isFinalStatus } from '../contracts/final-failures.ts'
import type { Frame, HelloFrame } from '../contracts/frame.ts'
import { handOver } from '../contracts/send.ts'
import type {
  Attempt,
  Channel,
  Race,
  Receiver,
  Route,
  Sink,
  Target,
  Transport,
} from '../contracts/transport.ts'
import { wait } from '../quiet-timer.ts'
import { digest } from '../wire/address.ts'
import { createFlow, type Flow } from './flow-check.ts'
import { createPreference, type Preference } from './preference.ts'

/** Delay before the first upgrade attempt, in ms. It doubles after each attempt that fails. */
const firstUpgrade = 5_000
const longestUpgradePause = 600_000

/** Delay between upgrade attempts while a transport is active, in ms. */
const upgradeStagger = 1_000

/** A transport that is cut twice within `flappingWithin` after it proved itself is left alone for `coolDown`. Both in ms. */
const flappingWithin = 30_000
const coolDown = 120_000

/** One transport being tried or in use. */
interface Candidate {
  readonly transport: Transport
  readonly proof: Proof
  readonly attempt: Attempt
  /** Begun when the line had no position or session: it would begin anew and not continue. */
  readonly cold: boolean
  /** silent: nothing came, or its proof is overdue. talking: its proof is due. proven: it stays. */
  phase: 'silent' | 'talking' | 'proven'
  /** Stops the wait for what it owes. */
  stop(): void
  /** What it says while a better one is given a moment. */
  held?: (() => void)[] | undefined
  /** When it last brought something, and how often it did. */
  last: number
  times: number
  /** The questions whether it flows by itself. */
  flow?: Flow
  /** The first that its server said, for when it takes over. */
  hello?: HelloFrame
  channel?: Channel
}

/**
 * Makes one transport out of many: the first of them that proves itself carries the line, and better ones are tried again later.
 *
 * ```ts
 * import { connect, longPolling, native, race, websocket } from 'throughline/core'
 * const line = connect('/live', { transport: race(websocket, longPolling), dialect: native })
 * ```
 *
 * @param candidates in order of preference
 */
export function race(...candidates: readonly Transport[]): Race {
  return { candidates, route: () => createRace(candidates) }
}

/**
 * Races transports in order of preference, keeps the first that proves itself, and later
 * tries to upgrade. A candidate that fails hands over at once; one that stays silent is joined by the next, never waited for and
 * not yet given up (RFC 8305, 5, does the same for addresses).
 */
export function createRace(transports: readonly Transport[], known?: Preference): Route {
  let memory = known as Preference
  // Learned during the life of this page: the transport that worked, how often it failed since then, and how often it was cut.
  let preferred: Transport | undefined
  let consecutiveFailures = 0
  let consecutiveCuts = 0
  let flapping: Transport | undefined
  let flappingUntil = 0
  // Where pipes cannot overlap, upgrades are tried at a reconnect, with the same pauses.
  let nextLook = 0
  let lookPause = firstUpgrade

  return { open }

  function open(target: Target, line: Receiver): Channel {
    const { environment, dialect } = target
    memory ??= createPreference(environment, wayTo(target))
    const racing = new Set<Candidate>()
    const failures: Failure[] = []
    let queue = inOrder(environment.now(), dialect)
    // A transport that worked in this page's life is waited for: a server's restart must not push every line down.
    const patient = preferred !== undefined && consecutiveFailures === 0
    let active: Candidate | undefined
    let done = false
    let stopNext = nothing
    let stopUpgrade = nothing
    let pause = firstUpgrade
    let upgradeCandidates: Transport[] = []
    let rested: Transport | undefined
    let mustRest = ({ name }: Transport) => name === 'websocket' && !memory.socketsAllowed(hasProven())
    const inquiry = new AbortController()
    // The network is back, or another one.
    const unlisten = ['online', 'change'].map(type =>
      environment.listen(type, () => {
        pause = firstUpgrade
        nextLook = 0
        if (racing.size === 1) scheduleUpgrade(0)
      }),
    )

    queueMicrotask(() => {
      startNext()
      if (!done && target.eager && queue[0]) start(queue.shift() as Transport)
    })
    return {
      close,
      send: (text, sent) => handOver(active?.channel, text, sent),
    }

    /** Starts the next candidate, unless one is receiving already. */
    function startNext(): void {
      stopNext()
      if (done || [...racing].some(candidate => candidate.phase !== 'silent' || candidate.held)) return
      const next = queue.shift() ?? lastResort()
      if (next) {
        scheduleNext()
        start(next)
      } else if (racing.size === 0) explain()
    }

    /** A WebSocket that has failed often, once somebody answers and nothing else gets through. In an outage it rests. */
    function lastResort(): Transport | undefined {
      const isAnswer = ({ kind }: Failure) =>
        kind === 'status' || kind === 'content' || kind === 'unsupported'
      return racing.size > 0 || !failures.every(isAnswer) ? undefined : wakeUp()
    }

    function wakeUp(): Transport | undefined {
      const socket = rested
      rested = undefined
      mustRest = () => false
      return socket
    }

    function scheduleNext(): void {
      stopNext()
      stopNext = wait(environment, stagger(), startNext)
    }

    function start(transport: Transport): void {
      if (possible(transport) && mustRest(transport)) {
        rested = transport
        return hasProven() ? tryUpgrade() : startNext()
      }
      const code = whyNot(transport, target)
      const proof = dialect.proof(transport.name)
      const cold = !target.positioned()
      const candidate: Candidate = {
        transport,
        proof,
        attempt: begin(target, transport.name),
        cold,
        phase: 'silent',
        stop: nothing,
        last: 0,
        times: 0,
      }
      racing.add(candidate)
      if (code) return fail(candidate, { kind: 'unsupported', code, where: transport.name })
      // An event stream that nobody greets on may be quiet from the start: many a server holds its headers back until then.
      if (dialect.sendsHello || transport.name === 'websocket') limit(candidate)
      tryTo(
        () => {
          candidate.channel = transport.open(channelTarget(target, transport.name), sinkOf(candidate))
        },
        failure => fail(candidate, { ...failure, where: transport.name }),
      )
    }

    function limit(candidate: Candidate): void {
      const { timeout } = target
      candidate.stop = wait(environment, timeout, () =>
        fail(candidate, {
          kind: 'silent',
          code: 'unanswered',
          where: candidate.transport.name,
          after: timeout,
        }),
      )
    }

    function sinkOf(candidate: Candidate): Sink {
      const { attempt, proof } = candidate
      const inTurn = (act: () => void) => (candidate.held ? void candidate.held.push(act) : act())
      return {
        opened(via) {
          attempt.opened = environment.now()
          if (proof.need === 'opened')
            return holdFirst(candidate, () => (candidate === active ? line.opened(via) : promote(candidate)))
          // What was accepted is under way, and the next one waits as if it had only just begun.
          if (!hasProven() && [...racing].at(-1) === candidate) scheduleNext()
        },
        blocks(blocks, origin) {
          const now = environment.now()
          const act = () => hear(candidate, blocks, origin, now)
          if (blocks.length > 0 && attempt.heard === undefined) holdFirst(candidate, act)
          else inTurn(act)
        },
        paused: failure =>
          inTurn(() => (candidate === active ? line.paused(failure) : fail(candidate, failure))),
        ended: failure => inTurn(() => fail(candidate, failure)),
      }
    }

    /** What a candidate brought at `now`. */
    function hear(
      candidate: Candidate,
      blocks: readonly Incoming[],
      origin: string | undefined,
      now: number,
    ): void {
      if (blocks.length === 0) {
        candidate.last = now
        candidate.times++
        return line.alive()
      }
      if (candidate.attempt.heard === undefined) onFirstData(candidate, now)
      const frames = deliver(candidate, blocks, origin)
      // What came in the answer to a POST says nothing about the channel.
      if (frames.length > 0 && frames.every(isReceipt)) return
      candidate.last = now
      candidate.times++
      candidate.flow?.heard(frames)
      if (candidate.phase !== 'proven' && racing.has(candidate) && proves(candidate, frames, now))
        promote(candidate, frames)
    }

    /** Reads the blocks and hands them on, as far as they are the line's: one session's hello, and its receipts. */
    function deliver(candidate: Candidate, blocks: readonly Incoming[], origin: string | undefined): Frame[] {
      const frames: Frame[] = []
      if (!dialect.comparableIds && candidate !== active) return frames
      try {
        for (const block of blocks) {
          // A handler may close the line, and a block may end the channel.
          if (!racing.has(candidate)) break
          const frame = line.read(block)
          frames.push(frame)
          if (frame.type === 'hello') candidate.hello = frame
          if (candidate === active || isForLine(frame, candidate)) line.frame(frame, origin)
        }
      } catch (cause) {
        fail(candidate, unreadable(cause))
      }
      return frames
    }

    /** Whether what a candidate that is not active brought concerns the line. Numbers are a session's own. */
    function isForLine(frame: Frame, { hello }: Candidate): boolean {
      if (frame.type === 'hello') return false
      return !isReceipt(frame) || (hello ?? active?.hello)?.hello.session === active?.hello?.hello.session
    }

    /**
     * The first that a candidate says. While better ones are on their way they are given a moment, as RFC 8305, 3, gives one to the
     * better address: as long as this one took itself, at most the stagger.
     */
    function holdFirst(candidate: Candidate, act: () => void): void {
      if (candidate.held) return void candidate.held.push(act)
      // A WebSocket that rests, for an outage perhaps, is tried now: where pipes cannot overlap, it would be too late afterwards.
      const socket = active || dialect.comparableIds ? undefined : wakeUp()
      const moment = socket ? stagger() : Math.min(environment.now() - candidate.attempt.started, stagger())
      if (active || moment <= 0 || !(socket || hasBetter(candidate))) return act()
      candidate.held = [act]
      candidate.stop()
      candidate.stop = wait(environment, moment, () => release(candidate))
      if (socket) start(socket)
    }

    function release(candidate: Candidate): void {
      const held = candidate.held ?? []
      candidate.held = undefined
      candidate.stop()
      for (const act of held) if (racing.has(candidate)) act()
    }

    function hasBetter(candidate: Candidate): boolean {
      return [...racing].some(other => other.attempt.heard === undefined && isBetter(other, candidate))
    }

    function isBetter(one: Candidate, { transport }: Candidate): boolean {
      return (
        transports.indexOf(one.transport) < transports.indexOf(transport) &&
        one.transport !== coolingDown(environment.now())
      )
    }

    /** The first block came: messages are delivered from here on, and the others hold still while the proof is due. */
    function onFirstData(candidate: Candidate, now: number): void {
      const { proof, attempt } = candidate
      attempt.heard = now
      candidate.phase = 'talking'
      candidate.stop()
      if (active?.phase !== 'proven') {
        stopNext()
        for (const other of [...racing].reverse())
          if (other !== candidate && !mayStayBeside(other)) requeue(other)
      }
      if (proof.need === 'pong') handOver(candidate.channel, proof.ask(0), () => {})
      if ('within' in proof) {
        // What follows may be as late as the first block was: this pipe has shown how far it is.
        const within = proof.within + Math.max(attempt.heard - attempt.started, stagger())
        candidate.stop = wait(environment, within, () => proofTimedOut(candidate, within))
      }
      if (!active) activate(candidate)
    }

    /** It talked and then held back what had to follow: silent again, so the next one joins. */
    function proofTimedOut(candidate: Candidate, within: number): void {
      // On a slow line the proof may have to wait behind what flows: as long as that comes, nothing is held back. Of an answer
      // this says nothing, since the question may have been lost on its way up.
      const left = candidate.last + within - environment.now()
      if (left > 0 && candidate.proof.need !== 'pong') {
        candidate.stop = wait(environment, left, () => proofTimedOut(candidate, within))
        return
      }
      const where = candidate.transport.name
      const failure: Failure = { kind: 'silent', code: 'held-back', where, after: Math.round(within) }
      if (active?.phase === 'proven') return fail(candidate, failure)
      candidate.attempt.failure = failure
      candidate.phase = 'silent'
      startNext()
    }

    /** The proof came: the others are closed, but better ones that were accepted, which may be a moment behind and then take over. */
    function promote(candidate: Candidate, frames: readonly Frame[] = []): void {
      candidate.attempt.heard ??= environment.now()
      candidate.attempt.proven = environment.now()
      delete candidate.attempt.failure
      candidate.phase = 'proven'
      stopNext()
      candidate.stop()
      for (const other of racing)
        if (other !== candidate && !(isBetter(other, candidate) && isComing(other))) drop(other)
      // An outage says nothing against the transport that worked before it: an upgrade to that one is tried at once.
      const strayed = consecutiveFailures > 0 && preferred !== undefined && preferred !== candidate.transport
      preferred = candidate.transport
      consecutiveFailures = 0
      memory.remember(preferred.name)
      if (!dialect.comparableIds) upgradeLooked(candidate)
      if (active !== candidate) activate(candidate)
      if (racing.has(candidate) && !answeredAlone(candidate, frames)) checkFlow(candidate)
      scheduleUpgrade(strayed ? 0 : pause)
    }

    /** What proved this may have been pushed out by the traffic behind it. So it is asked, if there is a poll to leave it for. */
    function checkFlow(candidate: Candidate): void {
      const { proof, attempt, channel } = candidate
      const ask = 'ask' in proof && proof.ask
      if (!ask || !channel?.send || !transports.some(other => possible(other) && isPoll(other))) return
      candidate.flow = createFlow({
        environment,
        ask: (number, done) => handOver(channel, ask(number), done),
        quiet: stagger(),
        grace: Math.max((attempt.heard as number) - attempt.started, stagger(), 300),
        held: () => abandon(candidate),
      })
    }

    /** It goes on until another one has proven itself. If it is a stream, the others are no better. */
    function abandon(candidate: Candidate): void {
      const { transport } = candidate
      memory.leave(
        transports.filter(other => other === transport || (isStream(transport) && isStream(other))),
      )
      const { name } = transport
      candidate.attempt.failure = { kind: 'silent', code: 'holds-newest', where: name, transport: name }
      candidate.phase = 'silent'
      preferred = undefined
      queue = inOrder(environment.now(), dialect)
      startNext()
    }

    function isPoll({ name }: Transport): boolean {
      return dialect.proof(name).need === 'block'
    }

    function isStream({ name }: Transport): boolean {
      return dialect.proof(name).need === 'tick'
    }

    /** The better ones were tried in vain, or this is the best. */
    function upgradeLooked({ transport }: Candidate): void {
      const better = transports.slice(0, transports.indexOf(transport)).filter(possible)
      if (better.length > 0 && environment.now() < nextLook) return
      nextLook = better.length > 0 ? environment.now() + lookPause : 0
      lookPause = better.length > 0 ? Math.min(lookPause * 2, longestUpgradePause) : firstUpgrade
    }

    function activate(candidate: Candidate): void {
      active = candidate
      line.opened(candidate.transport.name, candidate.hello)
    }

    function fail(candidate: Candidate, cause: Failure): void {
      if (!racing.has(candidate)) return
      const failure = { ...cause, transport: candidate.transport.name }
      drop(candidate)
      candidate.attempt.failure = failure
      if (
        candidate.transport.name === 'websocket' &&
        !candidate.attempt.heard &&
        candidate.channel &&
        !failure.scope
      )
        memory.socketFailed()
      const carried = candidate === active
      if (carried) {
        if (candidate.phase === 'proven') {
          penalize(candidate, failure, environment.now())
          failures.push(failure)
          return explain(failure)
        }
        active = undefined
        const talker = [...racing].find(other => other.attempt.heard !== undefined)
        if (talker) activate(talker)
      } else if (active?.phase === 'proven') return tryUpgrade()
      failures.push(failure)
      for (const other of racing) if (other.held && !hasBetter(other)) release(other)
      if (done) return
      if (isForAll(failure)) return finish(failure)
      // One that may not be tried just now is not waited for.
      const waits = patient && candidate.transport === preferred && candidate.channel !== undefined
      if (waits && racing.size === 0) return void classifyOutage(failure)
      // After the last one the end says it.
      if (carried && !active && queue.length + racing.size > 0) line.paused({ ...failure, retryAfter: 0 })
      startNext()
    }

    /** Later, the more preferred transports are tried beside the active one, the best first. The first that proves itself takes over. */
    function scheduleUpgrade(after = pause): void {
      stopUpgrade()
      if (done || active?.phase !== 'proven' || !dialect.comparableIds || active.transport === transports[0])
        return
      upgradeCandidates = transports
        .slice(0, transports.indexOf(active.transport))
        .filter(
          transport =>
            transport !== coolingDown(environment.now()) && !memory.left().includes(transport.name),
        )
      const timer = environment.setTimeout(tryUpgrade, after)
      stopUpgrade = () => environment.clearTimeout(timer)
      pause = Math.min(pause * 2, longestUpgradePause)
    }

    /** As on the way down, one that stays silent is joined by the next: a swallowed handshake must not keep a stream waiting. */
    function tryUpgrade(): void {
      stopUpgrade()
      const challengers = [...racing].filter(candidate => candidate !== active)
      if (challengers.some(candidate => candidate.phase === 'talking')) return
      upgradeCandidates = upgradeCandidates.filter(transport =>
        challengers.every(candidate => candidate.transport !== transport),
      )
      const next = upgradeCandidates.shift()
      if (next) {
        stopUpgrade = wait(environment, upgradeStagger, tryUpgrade)
        start(next)
      } else if (challengers.length === 0) scheduleUpgrade()
    }

    /** May run beside a candidate that receives only if ids are comparable, and if it resumes from the cursor. */
    function mayStayBeside({ cold, attempt }: Candidate): boolean {
      return dialect.comparableIds && (!cold || attempt.heard !== undefined)
    }

    /** Accepted, with something due that is not overdue. */
    function isComing(candidate: Candidate): boolean {
      const { phase, attempt } = candidate
      return (
        mayStayBeside(candidate) && (phase === 'talking' || (!!attempt.opened && attempt.heard === undefined))
      )
    }

    function requeue(candidate: Candidate): void {
      drop(candidate)
      if (candidate === active) active = undefined
      queue.unshift(candidate.transport)
    }

    function drop(candidate: Candidate): void {
      racing.delete(candidate)
      candidate.held = undefined
      candidate.stop()
      candidate.flow?.stop()
      candidate.attempt.ended = environment.now()
      candidate.channel?.close()
    }

    /**
     * The transport that worked does not come back. When plain HTTP does not get through either it is an outage, and nobody is
     * demoted: this is tried again. Otherwise something has come between, and the next one takes over.
     */
    async function classifyOutage(failure: Failure): Promise<void> {
      stopNext()
      const answer = await probeStatus(target, inquiry.signal)
      if (done) return
      // A server that does not know us may answer so to every GET, at the address of its WebSocket.
      const tells = dialect.sendsHello || failure.transport !== 'websocket'
      if (answer && tells && answer.status < 500) startNext()
      else finish(failure)
    }

    /** Nothing got through, or the one in use failed. */
    function explain(most?: Failure): void {
      conclude(failures, target, inquiry.signal, finish, isSocketOpen, most)
    }

    /** Whether no other transport would be told otherwise. One that is let in at the same time has been told so by another server. */
    function isForAll({ status, scope }: Failure): boolean {
      return scope
        ? scope === 'line' && (!active || isFinalStatus(status))
        : isFinalStatus(status) && !isSocketOpen()
    }

    /**
     * Whether WebSocket may get through where other requests are refused: a server that does not know us may give one address to both,
     * and what it answers to a GET says nothing then.
     */
    function isSocketOpen(): boolean {
      const socket = transports.find(({ name }) => name === 'websocket')
      if (dialect.sendsHello || !socket || !possible(socket)) return false
      const worked = preferred === socket || memory.recall() === socket.name
      return worked || !failures.some(({ transport }) => transport === socket.name)
    }

    function finish(failure: Failure): void {
      close()
      if (active?.phase !== 'proven') {
        consecutiveFailures++
        consecutiveCuts = 0
      }
      line.ended(failure)
    }

    function close(): void {
      done = true
      inquiry.abort()
      for (const undo of unlisten) undo()
      stopNext()
      stopUpgrade()
      for (const candidate of racing) drop(candidate)
    }

    function hasProven(): boolean {
      return active?.phase === 'proven'
    }

    function possible(transport: Transport): boolean {
      return whyNot(transport, target) === undefined
    }

    /** Three round trips, within what a person does not notice and what a slow network needs. */
    function stagger(): number {
      const trip = environment.roundTrip(target.origin)
      return trip === undefined ? 300 : Math.min(Math.max(3 * trip, 100), 2_000)
    }
  }

  /** What was learned of one address, dialect and choice of transports says nothing about others. */
  function wayTo({ origin, pathname, dialect }: Target): string {
    return digest([origin, pathname, dialect.name, ...transports.map(({ name }) => name)].join(' '))
  }

  /** What worked before comes first, then those below it, then those above; one that keeps being cut comes last. */
  function inOrder(now: number, { comparableIds: overlaps }: Dialect): Transport[] {
    const first = overlaps || now < nextLook ? (preferred?.name ?? memory.recall()) : undefined
    const left = memory.left()
    const ways = transports.filter(({ name }) => !left.includes(name))
    const from = ways.findIndex(transport => transport.name === first)
    const order = from > 0 ? [...ways.slice(from), ...ways.slice(0, from)] : ways
    if (order[0] === coolingDown(now)) order.push(order.shift() as Transport)
    return order
  }

  /** A transport that proves itself and is soon cut, twice in a row without an outage between, is left alone for a while. */
  function penalize({ transport, attempt }: Candidate, failure: Failure, now: number): void {
    const soon =
      failure.kind === 'cut' && transport === preferred && now - (attempt.proven as number) < flappingWithin
    consecutiveCuts = soon ? consecutiveCuts + 1 : 0
    if (consecutiveCuts < 2) return
    flapping = transport
    flappingUntil = now + coolDown
    preferred = undefined
  }

  function coolingDown(now: number): Transport | undefined {
    return now < flappingUntil ? flapping : undefined
  }
}

/** Whether nothing of other traffic came between this channel's first block and the answer, or with it. */
function answeredAlone({ proof, times }: Candidate, frames: readonly Frame[]): boolean {
  return (
    proof.need === 'pong' && times === 2 && frames.every(({ type }) => type === 'pong' || type === 'beat')
  )
}

/** What became of sends, which comes beside the channel too. */
function isReceipt({ type }: Frame): boolean {
  return type === 'ack' || type === 'nack'
}

function proves({ proof, attempt }: Candidate, frames: readonly Frame[], now: number): boolean {
  const { need } = proof
  if (need === 'opened') return false
  if (need === 'block') return true
  const apart = need === 'tick' ? proof.apart : 0
  return frames.some(({ type }) => type === need) && now - (attempt.heard as number) >= apart
}

function nothing(): void {}
