import { conclude } from '../attempt/conclusion.ts'
import { whyNot } from '../attempt/record.ts'
import { probeStatus } from '../attempt/status-probe.ts'
import type { Proof } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import { handOver } from '../contracts/send.ts'
import type { Channel, Race, Receiver, Route, Target, Transport } from '../contracts/transport.ts'
import { wait } from '../quiet-timer.ts'
import { digest } from '../wire/address.ts'
import { type Candidate, hasHeard, isBusy } from './candidate.ts'
import { createLearned, type Learned } from './learned.ts'
import { firstUpgrade, upgradeStagger } from './moves.ts'
import { next } from './next.ts'
import { createPreference, type Preference } from './preference.ts'
import { type Course, type Running, run } from './running.ts'
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

/**
 * Races transports in order of preference, keeps the first that proves itself, and later tries to upgrade. A candidate that fails hands
 * over at once; one that stays silent is joined by the next, never waited for and not yet given up (RFC 8305, 5, does the same for
 * addresses). What follows from what happens stands in `next.ts`; here it is carried out.
 */
export function createRace(transports: readonly Transport[], known?: Preference): Route {
  let memory = known as Preference
  let learned: Learned
  return { open }

  function open(target: Target, line: Receiver): Channel {
    const { environment, dialect } = target
    memory ??= createPreference(environment, wayTo(target))
    learned ??= createLearned(transports, memory, dialect.protocol.comparableIds)
    const now = () => environment.now()
    const terms: Terms = {
      now,
      transports,
      overlap: dialect.protocol.comparableIds,
      eager: target.eager === true,
      isCold: () => !target.positioned(),
      stagger,
      proof: dialect.protocol.proof,
      isCooling: transport => learned.isCooling(transport, now()),
      isLeft: learned.isLeft,
      isStray: learned.isStray,
      isSocketOpen,
    }
    const course: Course = {
      target,
      line,
      signal,
      stagger,
      active,
      hasPoll: () => transports.some(other => isPossible(other) && needs(other, 'block')),
      verified(transport) {
        const better = transports.slice(0, transports.indexOf(transport))
        learned.verified(transport, better.some(isPossible), now())
      },
      failed(candidate, failure, opened) {
        const { id, transport } = candidate
        if (transport.attemptLimit && !hasHeard(candidate) && opened && !failure.scope) memory.attemptFailed()
        if (candidate.phase === 'verified') learned.cut(transport, failure, candidate.since, now())
        signal({ type: 'failed', id, failure, opened })
      },
      // If it is a stream, the others are no better.
      holdsBack(transport) {
        const isLike = (other: Transport) => needs(transport, 'tick') && needs(other, 'tick')
        learned.leave(transports.filter(other => other === transport || isLike(other)))
        signal({ type: 'held-back', queue: learned.order(now()) })
      },
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

    queueMicrotask(() => signal({ type: 'due' }))
    return {
      close(code, reason) {
        active()?.channel?.close(code, reason)
        signal({ type: 'close' })
      },
      send: (text, sent) => handOver(active()?.channel, text, sent),
    }

    function signal(what: Signal, handOn?: () => void): void {
      const before = state
      state = next(before, what, terms)
      if (state !== before) carryOut(handOn)
      else handOn?.()
    }

    /**
     * Makes true what the state says: closes what is no more in it, opens what is new, and waits for what is due. Each of these may change
     * the state, which is carried out before this goes on. So each asks the state as it is then, and does nothing twice. `handOn` comes before
     * the closing, since to close a WebSocket takes a page a third of a millisecond.
     */
    function carryOut(handOn?: () => void): void {
      const left: (Channel | undefined)[] = []
      for (const [id, running] of live) {
        const candidate = find(id)
        if (!candidate) {
          live.delete(id)
          left.push(running.leave())
        } else if (candidate !== running.candidate) running.enter(candidate)
      }
      tellLine()
      handOn?.()
      for (const channel of left) channel?.close()
      for (const { id } of candidates()) {
        const candidate = find(id)
        if (live.has(id)) live.get(id)?.release()
        else if (candidate) start(candidate)
      }
      const { name } = state
      const latest = name === 'racing' && !state.candidates.some(isBusy) ? state.candidates.at(-1) : undefined
      // The next candidate begins a while after the latest one did, or was accepted.
      nextIsDue(latest, () => wait(environment, stagger(), () => signal({ type: 'due' })))
      upgradeIsDue(name === 'delivering' && state.upgrade, waitToUpgrade)
      if (entered !== state) enterRace()
    }

    /** The one that the line hears. */
    function active(): Running | undefined {
      return told === undefined ? undefined : live.get(told)
    }

    function candidates(): readonly Candidate[] {
      return 'candidates' in state ? state.candidates : []
    }

    function find(id: number): Candidate | undefined {
      return candidates().find(candidate => candidate.id === id)
    }

    /** The line hears of the candidate that is active now, or that there is none until another one is. */
    function tellLine(): void {
      const id = 'active' in state ? state.active : undefined
      if (id === told) return
      told = id
      const running = active()
      if (running) line.opened(running.candidate.transport, running.hello)
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
        conclude(failures, target, inquiry.signal, told, isBySocket, () => isSocketOpen(failures), most)
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
    async function probe(failure: Failure): Promise<void> {
      const answer = await probeStatus(target, inquiry.signal)
      // A server that does not know us may answer so to every GET, at the address of its WebSocket.
      const tells = dialect.protocol.sendsHello || !isBySocket(failure)
      signal({ type: 'probed', answered: tells && answer !== undefined && answer.status < 500 })
    }

    function start(candidate: Candidate): void {
      const { id, transport } = candidate
      if (isPossible(transport) && isSpent(transport)) return signal({ type: 'spent', id })
      const running = run(candidate, course)
      live.set(id, running)
      running.open()
    }

    function isSpent(transport: Transport): boolean {
      const isLast = 'rest' in state && state.rest === 'over'
      return !isLast && !memory.attemptsAllowed(state.name === 'delivering', transport.attemptLimit)
    }

    function needs(transport: Transport, need: Proof['need']): boolean {
      return dialect.protocol.proof(transport).need === need
    }

    /**
     * Whether WebSocket may get through where other requests are refused: a server that does not know us may give one address to both,
     * and what it answers to a GET says nothing then.
     */
    function isSocketOpen(failures: readonly Failure[]): boolean {
      const socket = transports.find(isSocket)
      if (dialect.protocol.sendsHello || !socket || !isPossible(socket)) return false
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

  function isBySocket({ transport }: Failure): boolean {
    return transports.some(other => other.name === transport && isSocket(other))
  }

  /** What was learned of one address, dialect and choice of transports says nothing about others. */
  function wayTo({ origin, pathname, dialect }: Target): string {
    return digest([origin, pathname, dialect.name, ...transports.map(({ name }) => name)].join(' '))
  }
}

function isSocket({ kind }: Transport): boolean {
  return kind === 'socket'
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
