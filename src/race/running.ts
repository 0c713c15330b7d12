import { handOn } from '../attempt/hand-on.ts'
import { begin, channelTarget, finish, whyNot } from '../attempt/record.ts'
import type { Incoming } from '../contracts/dialect.ts'
import { type Failure, tryTo, unreadable } from '../contracts/failure.ts'
import { type Frame, type HelloFrame, isReceipt } from '../contracts/frame.ts'
import { handOver } from '../contracts/send.ts'
import type { Channel, Receiver, Sink, Target, Transport } from '../contracts/transport.ts'
import { wait } from '../quiet-timer.ts'
import { type Candidate, hasHeard } from './candidate.ts'
import { createFlow, type Flow } from './flow-check.ts'
import type { Signal } from './state.ts'

/** A candidate under way: it holds the channel, and tells the race what happens. */
export interface Running {
  /** As the race has it. */
  readonly candidate: Candidate
  readonly channel: Channel | undefined
  /** The first hello that its server said, for when it takes over. */
  readonly hello: HelloFrame | undefined
  open(): void
  /** The race has it in another phase. */
  enter(candidate: Candidate): void
  /** Hands on what came while it was holding, unless it still is. */
  release(): void
  /** Nothing comes from it any more. Gives back its channel, which is left to be closed. */
  leave(): Channel | undefined
}

/** What a candidate needs of its race. */
export interface Course {
  readonly target: Target
  readonly line: Receiver
  /** @param handOn is called before those that leave the race are closed */
  signal(what: Signal, handOn?: () => void): void
  /** How long a candidate is alone, in ms. */
  stagger(): number
  /** The one that the line hears. */
  active(): Running | undefined
  /** Whether there is a poll, which a transport that holds back what is newest can be left for. */
  hasPoll(): boolean
  verified(transport: Transport): void
  failed(candidate: Candidate, failure: Failure, opened: boolean): void
  holdsBack(transport: Transport): void
}

/** Carries out one candidate. */
export function run(first: Candidate, course: Course): Running {
  const { target, line, signal, stagger } = course
  const { environment, dialect } = target
  const { id, transport, proof } = first
  const { name } = transport
  const attempt = begin(target, name)
  let candidate = first
  let channel: Channel | undefined
  let hello: HelloFrame | undefined
  let over = false
  /** Stops the wait for what it owes. */
  let stop = () => {}
  let held: (() => void)[] = []
  /** When it last brought something, and how often it did. */
  let last = 0
  let times = 0
  /** Whether the tick came, and too early to prove anything: then an answer is asked for. The server sends one tick. */
  let missed = false
  /** The questions whether it flows by itself. */
  let flow: Flow | undefined

  const running: Running = {
    get candidate() {
      return candidate
    },
    get channel() {
      return channel
    },
    get hello() {
      return hello
    },
    open,
    enter,
    release() {
      if (candidate.phase !== 'holding') for (const act of held.splice(0)) act()
    },
    leave() {
      over = true
      held = []
      stop()
      flow?.stop()
      finish(attempt, target)
      return channel
    },
  }
  return running

  function open(): void {
    const code = whyNot(transport, target)
    if (code) return fail({ kind: 'unsupported', code, where: name })
    const { timeout } = target
    // An event stream that nobody greets on may be quiet from the start: many a server holds its headers back until then.
    if (dialect.protocol.sendsHello || transport.kind === 'socket')
      stop = wait(environment, timeout, () =>
        fail({ kind: 'silent', code: 'unanswered', where: name, after: timeout }),
      )
    tryTo(
      () => {
        channel = transport.open(channelTarget(target, transport), sink())
      },
      failure => fail({ ...failure, where: name }),
    )
  }

  function enter(changed: Candidate): void {
    candidate = changed
    // What is waited for goes on.
    if (changed.phase === 'accepted') return
    stop()
    if (changed.phase === 'holding')
      stop = wait(environment, changed.moment, () => signal({ type: 'released', id }))
    else if (changed.phase === 'receiving') {
      attempt.heard = changed.heard
      awaitProof(changed.heard)
    } else if (changed.phase === 'verified') {
      attempt.heard ??= changed.heard
      attempt.proven = changed.since
      delete attempt.failure
      target.log?.(name, 'proven')
      course.verified(transport)
    }
  }

  function sink(): Sink {
    const inTurn = (act: () => void) => (candidate.phase === 'holding' ? void held.push(act) : act())
    return {
      opened() {
        attempt.opened = environment.now()
        target.log?.(name, 'accepted')
        if (proof.need !== 'opened') signal({ type: 'accepted', id })
        else if (isActive()) line.opened(transport)
        else signal({ type: 'arrived', id })
      },
      blocks(blocks, origin) {
        // Nothing is left to be learned of it.
        if (candidate.phase === 'verified' && !flow) return void deliver(blocks, origin)
        const now = environment.now()
        const handOn = () => inTurn(() => hear(blocks, origin, now))
        if (blocks.length > 0 && !hasHeard(candidate)) signal({ type: 'arrived', id }, handOn)
        else handOn()
      },
      paused: failure => inTurn(() => (isActive() ? line.paused(failure) : fail(failure))),
      ended: failure => inTurn(() => fail(failure)),
      heard: inTurn,
    }
  }

  function isActive(): boolean {
    return course.active() === running
  }

  /** What it brought at `now`. */
  function hear(blocks: readonly Incoming[], origin: string | undefined, now: number): void {
    if (over) return
    const frames = deliver(blocks, origin)
    // What came in the answer to a POST says nothing about the channel.
    if (frames.length > 0 && frames.every(isReceipt)) return
    last = now
    times++
    if (blocks.length === 0) return
    if (flow && !flow.heard(frames)) flow = undefined
    if (over) return
    const asked = missed
    missed ||= frames.some(({ type }) => type === 'tick')
    if (!proves(candidate, frames, now, asked)) {
      // A page that was busy reads at once what came apart. An answer tells it from a box that held both back.
      if (missed && !asked && 'ask' in proof && proof.ask) handOver(channel, proof.ask(0), () => {})
      return
    }
    signal({ type: 'verified', id })
    // Whether nothing of other traffic came between the first block and the answer, or with it.
    const alone = proof.need === 'pong' && times === 2 && frames.every(isLife)
    if (!over && !alone) checkFlow()
  }

  /** Reads the blocks and hands them on, as far as they are the line's: one session's hello, and its receipts. */
  function deliver(blocks: readonly Incoming[], origin: string | undefined): Frame[] {
    const frames: Frame[] = []
    const hand = handOn(line, origin)
    if (blocks.length === 0) line.alive()
    if (!dialect.protocol.comparableIds && !isActive()) return frames
    try {
      for (const block of blocks) {
        // A handler may close the line, and a block may end the channel.
        if (over) break
        const isMine = isActive()
        const frame = line.read(block, isMine ? undefined : hello?.hello)
        frames.push(frame)
        if (frame.type === 'hello') hello = frame
        if (isMine || isForLine(frame)) hand(frame)
      }
    } catch (cause) {
      fail(unreadable(cause))
    }
    return frames
  }

  /** Whether what it brought concerns the line while another candidate is active. Numbers are a session's own. */
  function isForLine(frame: Frame): boolean {
    const active = course.active()?.hello
    if (frame.type === 'hello') return false
    return !isReceipt(frame) || (hello ?? active)?.hello.session === active?.hello.session
  }

  function awaitProof(heard: number): void {
    if (proof.need === 'pong') handOver(channel, proof.ask(0), () => {})
    if (!('within' in proof)) return
    // What follows may be as late as the first block was: this channel has shown how far it is.
    const within = proof.within + Math.max(heard - first.started, stagger())
    stop = wait(environment, within, () => proofTimedOut(within))
  }

  /** It has held back what had to follow. */
  function proofTimedOut(within: number): void {
    // On a slow line the proof may have to wait behind what flows: as long as that comes, nothing is held back. Of an answer
    // this says nothing, since the question may have been lost on its way up; nor is a second tick to be awaited.
    const left = last + within - environment.now()
    if (left > 0 && proof.need !== 'pong' && !missed) {
      stop = wait(environment, left, () => proofTimedOut(within))
      return
    }
    attempt.failure = { kind: 'silent', code: 'held-back', where: name, after: Math.round(within) }
    signal({ type: 'overdue', id })
  }

  /** What proved it may have been pushed out by the traffic behind it. So it is asked. */
  function checkFlow(): void {
    const send = channel?.send
    const ask = 'ask' in proof && proof.ask
    if (!ask || !send || !course.hasPoll()) return
    const took = hasHeard(candidate) ? candidate.heard - first.started : 0
    flow = createFlow({
      environment,
      ask: (number, done) => handOver(channel, ask(number), done),
      quiet: stagger(),
      grace: Math.max(took, stagger(), 300),
      held() {
        attempt.failure = { kind: 'silent', code: 'holds-newest', where: name, transport: name }
        course.holdsBack(transport)
      },
    })
  }

  function fail(cause: Failure): void {
    if (over) return
    const failure = { ...cause, transport: name }
    attempt.failure = failure
    course.failed(candidate, failure, channel !== undefined)
  }
}

function isLife({ type }: Frame): boolean {
  return type === 'pong' || type === 'beat'
}

/** Whether these frames are what a candidate has to bring that is not verified yet: where it was asked, the answer alone will do. */
function proves(candidate: Candidate, frames: readonly Frame[], now: number, asked: boolean): boolean {
  const { proof, phase } = candidate
  const { need } = proof
  if (phase === 'verified' || !hasHeard(candidate) || need === 'opened') return false
  if (need === 'block') return true
  if (asked && frames.every(isLife) && frames.some(({ type }) => type === 'pong')) return true
  const apart = need === 'tick' ? proof.apart : 0
  return frames.some(({ type }) => type === need) && now - candidate.heard >= apart
}
