import { conclude } from '../attempt/conclusion.ts'
import { begin, channelTarget, whyNot } from '../attempt/record.ts'
import { probeStatus } from '../attempt/status-probe.ts'
import type { Incoming, Proof } from '../contracts/dialect.ts'
import { type Failure, tryTo, unreadable } from '../contracts/failure.ts'
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
import { type Candidate, hasHeard, isBusy } from './candidate.ts'
import { createFlow, type Flow } from './flow-check.ts'
import { createLearned, type Learned } from './learned.ts'
import { firstUpgrade, upgradeStagger } from './moves.ts'
import { next } from './next.ts'
import { createPreference, type Preference } from './preference.ts'
import type { Signal, Race as State, Terms, Upgrade } from './state.ts'

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

/** What an attempt holds and has done. `candidate` is as the race's state has it. */
interface Running {
  candidate: Candidate
  readonly attempt: Attempt
  channel?: Channel
  /** Stops the wait for what it owes. */
  stop(): void
  /** What it brings while it is holding. */
  held: (() => void)[]
  /** When it last brought something, and how often it did. */
  last: number
  times: number
  /** The questions whether it flows by itself. */
  flow?: Flow
  /** The first that its server said, for when it takes over. */
  hello?: HelloFrame
}

/**
 * Races transports in order of preference, keeps the first that proves itself, and later tries to upgrade. A candidate that fails hands
 * over at once; one that stays silent is joined by the next, never waited for and not yet given up (RFC 8305, 5, does the same for
 * addresses). What follows from what is decided in `state.ts`; here it is carried out.
 */
export function createRace(transports: readonly Transport[], known?: Preference): Route {
  let memory = known as Preference
  let learned: Learned
  return { open }

  function open(target: Target, line: Receiver): Channel {
    const { environment, dialect } = target
    memory ??= createPreference(environment, wayTo(target))
    learned ??= createLearned(transports, memory, dialect.comparableIds)
    const now = () => environment.now()
    const terms: Terms = {
      now,
      transports,
      overlap: dialect.comparableIds,
      isCold: () => !target.positioned(),
      stagger,
      proof: ({ name }) => dialect.proof(name),
      isCooling: transport => learned.isCooling(transport, now()),
      isLeft: learned.isLeft,
      isStray: learned.isStray,
      isSocketOpen,
    }
    const live = new Map<number, Running>()
    const inquiry = new AbortController()
    let state: State = {
      name: 'racing',
      queue: learned.order(environment.now()),
      awaited: learned.awaited(),
      candidates: [],
      failures: [],
      begun: 0,
      rest: 'due',
      pause: firstUpgrade,
    }
    // What was carried out of the state: whom the line hears, what is waited for, which state was entered.
    let told: number | undefined
    const nextIsDue = waitWhile<Candidate>()
    const upgradeIsDue = waitWhile<Upgrade>()
    let entered: State | undefined
    const unlisten = ['online', 'change'].map(type =>
      environment.listen(type, () => {
        learned.online()
        signal({ type: 'online' })
      }),
    )

    queueMicrotask(() => {
      signal({ type: 'due' })
      if (target.eager) signal({ type: 'due' })
    })
    return {
      close: () => signal({ type: 'close' }),
      send: (text, sent) => handOver(live.get(told as number)?.channel, text, sent),
    }

    function signal(what: Signal): void {
      const before = state
      state = next(before, what, terms)
      if (state !== before) carryOut()
    }

    /**
     * Makes true what the state says: closes what is no more in it, opens what is new, and waits for what is due. Each of these may change
     * the state, which is carried out before this goes on. So each asks the state as it is then, and does nothing twice.
     */
    function carryOut(): void {
      for (const running of live.values()) {
        const candidate = find(running.candidate.id)
        if (!candidate) close(running)
        else if (candidate !== running.candidate) enter(running, candidate)
      }
      tellLine()
      for (const candidate of candidates()) {
        const running = live.get(candidate.id)
        if (running && running.candidate.phase !== 'holding') for (const act of running.held.splice(0)) act()
        else if (!running && find(candidate.id)) start(candidate)
      }
      const { name } = state
      const latest = name === 'racing' && !state.candidates.some(isBusy) ? state.candidates.at(-1) : undefined
      // The next candidate begins a while after the latest one did, or was accepted.
      nextIsDue(latest, () => wait(environment, stagger(), () => signal({ type: 'due' })))
      upgradeIsDue(name === 'delivering' && state.upgrade, waitToUpgrade)
      if (entered !== state) enterRace()
    }

    function candidates(): readonly Candidate[] {
      return 'candidates' in state ? state.candidates : []
    }

    function find(id: number): Candidate | undefined {
      return candidates().find(candidate => candidate.id === id)
    }

    function close(running: Running): void {
      live.delete(running.candidate.id)
      running.held = []
      running.stop()
      running.flow?.stop()
      running.attempt.ended = environment.now()
      running.channel?.close()
    }

    /** A candidate has another phase. */
    function enter(running: Running, candidate: Candidate): void {
      const { attempt } = running
      const { id, transport } = candidate
      running.candidate = candidate
      // What is waited for goes on.
      if (candidate.phase === 'accepted') return
      running.stop()
      if (candidate.phase === 'holding')
        running.stop = wait(environment, candidate.moment, () => signal({ type: 'released', id }))
      else if (candidate.phase === 'receiving') {
        attempt.heard = candidate.heard
        awaitProof(running, candidate)
      } else if (candidate.phase === 'verified') {
        attempt.heard ??= candidate.heard
        attempt.proven = candidate.since
        delete attempt.failure
        const better = transports.slice(0, transports.indexOf(transport))
        learned.verified(transport, better.some(isPossible), environment.now())
      }
    }

    /** The line hears of the candidate that is active now, or that there is none until another one is. */
    function tellLine(): void {
      const active = 'active' in state ? state.active : undefined
      if (active === told) return
      told = active
      const running = active === undefined ? undefined : live.get(active)
      if (running) line.opened(running.candidate.transport.name, running.hello)
      else if (state.name === 'racing') line.paused({ ...(state.failures.at(-1) as Failure), retryAfter: 0 })
    }

    function waitToUpgrade({ after }: Upgrade): () => void {
      const act = () => signal({ type: 'upgrade' })
      // Beside a candidate that may be about to be heard.
      if (after === upgradeStagger) return wait(environment, after, act)
      const timer = after === undefined ? undefined : environment.setTimeout(act, after)
      return () => environment.clearTimeout(timer)
    }

    function enterRace(): void {
      entered = state
      if (state.name === 'doubting') void probe(state.failure)
      else if (state.name === 'concluding') {
        const { failures, most } = state
        const told = (failure: Failure) => signal({ type: 'concluded', failure })
        conclude(failures, target, inquiry.signal, told, () => isSocketOpen(failures), most)
      } else if (state.name === 'ended') {
        inquiry.abort()
        for (const undo of unlisten) undo()
        if (state.vain) learned.failed()
        if (state.failure) line.ended(state.failure)
      }
    }

    /**
     * The transport that worked does not come back. When plain HTTP does not get through either it is an outage, and nobody is
     * demoted: this is tried again. Otherwise something has come between, and the next one takes over.
     */
    async function probe({ transport }: Failure): Promise<void> {
      const answer = await probeStatus(target, inquiry.signal)
      // A server that does not know us may answer so to every GET, at the address of its WebSocket.
      const tells = dialect.sendsHello || transport !== 'websocket'
      signal({ type: 'probed', answered: tells && answer !== undefined && answer.status < 500 })
    }

    // What one candidate does:

    function start(candidate: Candidate): void {
      const { id, transport } = candidate
      const { name } = transport
      const code = whyNot(transport, target)
      if (!code && isSpent(transport)) return signal({ type: 'spent', id })
      const running: Running = {
        candidate,
        attempt: begin(target, name),
        stop: nothing,
        held: [],
        last: 0,
        times: 0,
      }
      live.set(id, running)
      if (code) return fail(running, { kind: 'unsupported', code, where: name })
      // An event stream that nobody greets on may be quiet from the start: many a server holds its headers back until then.
      if (dialect.sendsHello || isSocket(transport)) limit(running)
      tryTo(
        () => {
          running.channel = transport.open(channelTarget(target, name), sinkOf(running))
        },
        failure => fail(running, { ...failure, where: name }),
      )
    }

    function isSpent(transport: Transport): boolean {
      const isLast = 'rest' in state && state.rest === 'over'
      return isSocket(transport) && !isLast && !memory.socketsAllowed(state.name === 'delivering')
    }

    function limit(running: Running): void {
      const { timeout } = target
      const where = running.candidate.transport.name
      running.stop = wait(environment, timeout, () =>
        fail(running, { kind: 'silent', code: 'unanswered', where, after: timeout }),
      )
    }

    function sinkOf(running: Running): Sink {
      const { attempt } = running
      const { id, proof } = running.candidate
      const inTurn = (act: () => void) =>
        running.candidate.phase === 'holding' ? void running.held.push(act) : act()
      return {
        opened(via) {
          attempt.opened = environment.now()
          if (proof.need !== 'opened') signal({ type: 'accepted', id })
          else if (told === id) line.opened(via)
          else signal({ type: 'arrived', id })
        },
        blocks(blocks, origin) {
          const now = environment.now()
          if (blocks.length > 0 && !hasHeard(running.candidate)) signal({ type: 'arrived', id })
          inTurn(() => hear(running, blocks, origin, now))
        },
        paused: failure => inTurn(() => (told === id ? line.paused(failure) : fail(running, failure))),
        ended: failure => inTurn(() => fail(running, failure)),
      }
    }

    /** What a candidate brought at `now`. */
    function hear(
      running: Running,
      blocks: readonly Incoming[],
      origin: string | undefined,
      now: number,
    ): void {
      const { id } = running.candidate
      if (!live.has(id)) return
      const frames = blocks.length > 0 ? deliver(running, blocks, origin) : []
      // What came in the answer to a POST says nothing about the channel.
      if (frames.length > 0 && frames.every(isReceipt)) return
      running.last = now
      running.times++
      if (blocks.length === 0) return line.alive()
      running.flow?.heard(frames)
      if (!live.has(id) || !proves(running.candidate, frames, now)) return
      signal({ type: 'verified', id })
      if (live.has(id) && !answeredAlone(running, frames)) checkFlow(running)
    }

    /** Reads the blocks and hands them on, as far as they are the line's: one session's hello, and its receipts. */
    function deliver(running: Running, blocks: readonly Incoming[], origin: string | undefined): Frame[] {
      const frames: Frame[] = []
      const { id } = running.candidate
      if (!dialect.comparableIds && told !== id) return frames
      try {
        for (const block of blocks) {
          // A handler may close the line, and a block may end the channel.
          if (!live.has(id)) break
          const frame = line.read(block)
          frames.push(frame)
          if (frame.type === 'hello') running.hello = frame
          if (told === id || isForLine(frame, running)) line.frame(frame, origin)
        }
      } catch (cause) {
        fail(running, unreadable(cause))
      }
      return frames
    }

    /** Whether what a candidate that is not active brought concerns the line. Numbers are a session's own. */
    function isForLine(frame: Frame, { hello }: Running): boolean {
      if (frame.type === 'hello') return false
      const active = live.get(told as number)
      return !isReceipt(frame) || (hello ?? active?.hello)?.hello.session === active?.hello?.hello.session
    }

    function awaitProof(running: Running, { proof, heard, started }: Candidate & { heard: number }): void {
      if (proof.need === 'pong') handOver(running.channel, proof.ask(0), nothing)
      if (!('within' in proof)) return
      // What follows may be as late as the first block was: this pipe has shown how far it is.
      const within = proof.within + Math.max(heard - started, stagger())
      running.stop = wait(environment, within, () => proofTimedOut(running, within))
    }

    /** It talked and then held back what had to follow. */
    function proofTimedOut(running: Running, within: number): void {
      const { id, proof, transport } = running.candidate
      // On a slow line the proof may have to wait behind what flows: as long as that comes, nothing is held back. Of an answer
      // this says nothing, since the question may have been lost on its way up.
      const left = running.last + within - environment.now()
      if (left > 0 && proof.need !== 'pong') {
        running.stop = wait(environment, left, () => proofTimedOut(running, within))
        return
      }
      const where = transport.name
      running.attempt.failure = { kind: 'silent', code: 'held-back', where, after: Math.round(within) }
      signal({ type: 'overdue', id })
    }

    function fail(running: Running, cause: Failure): void {
      const { candidate, attempt, channel } = running
      const { id, transport } = candidate
      if (!live.has(id)) return
      const failure = { ...cause, transport: transport.name }
      attempt.failure = failure
      if (isSocket(transport) && !hasHeard(candidate) && channel && !failure.scope) memory.socketFailed()
      if (candidate.phase === 'verified') learned.cut(transport, failure, candidate.since, environment.now())
      signal({ type: 'failed', id, failure, opened: channel !== undefined })
    }

    /** What proved this may have been pushed out by the traffic behind it. So it is asked, if there is a poll to leave it for. */
    function checkFlow(running: Running): void {
      const { channel, candidate } = running
      const { proof, started } = candidate
      const ask = 'ask' in proof && proof.ask
      if (!ask || !channel?.send || !transports.some(other => isPossible(other) && needs(other, 'block')))
        return
      const heard = hasHeard(candidate) ? candidate.heard : started
      running.flow = createFlow({
        environment,
        ask: (number, done) => handOver(channel, ask(number), done),
        quiet: stagger(),
        grace: Math.max(heard - started, stagger(), 300),
        held: () => leave(running),
      })
    }

    /** It holds back what is newest, and goes on until another one has proven itself. If it is a stream, the others are no better. */
    function leave({ attempt, candidate }: Running): void {
      const { transport } = candidate
      const { name } = transport
      learned.leave(
        transports.filter(other => other === transport || (needs(transport, 'tick') && needs(other, 'tick'))),
      )
      attempt.failure = { kind: 'silent', code: 'holds-newest', where: name, transport: name }
      signal({ type: 'held-back', queue: learned.order(environment.now()) })
    }

    function needs({ name }: Transport, need: Proof['need']): boolean {
      return dialect.proof(name).need === need
    }

    /**
     * Whether WebSocket may get through where other requests are refused: a server that does not know us may give one address to both,
     * and what it answers to a GET says nothing then.
     */
    function isSocketOpen(failures: readonly Failure[]): boolean {
      const socket = transports.find(isSocket)
      if (dialect.sendsHello || !socket || !isPossible(socket)) return false
      return learned.hasWorked(socket) || !failures.some(({ transport }) => transport === socket.name)
    }

    function isPossible(transport: Transport): boolean {
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
}

function isSocket({ name }: Transport): boolean {
  return name === 'websocket'
}

/** Whether nothing of other traffic came between this channel's first block and the answer, or with it. */
function answeredAlone({ candidate, times }: Running, frames: readonly Frame[]): boolean {
  return (
    candidate.proof.need === 'pong' &&
    times === 2 &&
    frames.every(({ type }) => type === 'pong' || type === 'beat')
  )
}

/** What became of sends, which comes beside the channel too. */
function isReceipt({ type }: Frame): boolean {
  return type === 'ack' || type === 'nack'
}

/** Whether these frames are what a candidate that is not verified yet has to bring. */
function proves(candidate: Candidate, frames: readonly Frame[], now: number): boolean {
  const { proof, phase } = candidate
  const { need } = proof
  if (phase === 'verified' || !hasHeard(candidate) || need === 'opened') return false
  if (need === 'block') return true
  const apart = need === 'tick' ? proof.apart : 0
  return frames.some(({ type }) => type === need) && now - candidate.heard >= apart
}

/** Waits for something as long as there is the same reason to: gives the function that is told the reason there is now. */
function waitWhile<Reason>(): (
  reason: Reason | false | undefined,
  begin: (reason: Reason) => () => void,
) => void {
  let known: Reason | false | undefined
  let stop = nothing
  return (reason, begin) => {
    if (reason === known) return
    known = reason
    stop()
    stop = reason ? begin(reason) : nothing
  }
}

function nothing(): void {}
