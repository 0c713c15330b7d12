import type { Frame } from '../contracts/frame.ts'
import type { Done } from '../contracts/send.ts'
import type { Environment } from '../environment.ts'
import { wait } from '../quiet-timer.ts'

export interface FlowOptions {
  readonly environment: Environment
  /** Sends the question of this number. */
  ask(number: number, done: Done): void
  /** How long the channel has to have been quiet before it is asked, in ms. */
  readonly quiet: number
  /** How long an answer may take after the server has written it, in ms; longer, where a question was on its way for longer. */
  readonly grace: number
  /** The channel holds back what is newest. */
  held(): void
}

/** The questions to one channel: whether it flows by itself. */
export interface Flow {
  /** What the channel has brought. Gives whether there is more to ask. */
  heard(frames: readonly Frame[]): boolean
  stop(): void
}

/** So many answers have to stay away, since one may be late for other reasons. */
const most = 3

/** How long until the channel is asked again, in ms. The pause doubles as long as traffic keeps the answers from telling anything. */
const shortest = 1_000
const longest = 10_000

/**
 * Asks a channel whether it holds back what is newest until more comes. Times cannot tell, since traffic pushes out what is held. The
 * order can: where something is always held, the answer pushes that out before anything pushes out the answer. So a channel flows if
 * the answer is the first that it brings after the question, and comes alone. Else it is asked again at another quiet moment.
 */
export function createFlow({ environment, ask, quiet, grace, held }: FlowOptions): Flow {
  let stop = wait(environment, quiet, whenQuiet)
  let number = 0
  /** Of the latest question: nothing came since; something else did; its answer came first; or nothing is to be learned from it. */
  let state: 'open' | 'spoilt' | 'first' | 'over' = 'over'
  let last = environment.now()
  let trip = grace
  let misses = 0
  let pause = shortest

  return {
    heard(frames) {
      last = environment.now()
      if (state !== 'over') judge(frames)
      return !Number.isNaN(number)
    },
    stop: over,
  }

  function judge(frames: readonly Frame[]): void {
    const answer = frames.find(isMine)
    if (state === 'first') unclear()
    else if (!answer) state = 'spoilt'
    else if (state === 'open' && frames.length === 1) {
      // What comes with it is heard in this turn.
      state = 'first'
      next(0, over)
    } else if (answer.type === 'pong' && answer.number === undefined) over()
    else unclear()
  }

  /** A server that does not repeat the question's number can be asked once only. */
  function isMine(frame: Frame): boolean {
    return frame.type === 'pong' && (frame.number ?? number) === number
  }

  function next(ms: number, act: () => void): void {
    stop()
    stop = wait(environment, ms, act)
  }

  function over(): void {
    stop()
    state = 'over'
    number = Number.NaN
  }

  function whenQuiet(): void {
    const left = last + quiet - environment.now()
    if (left > 0) next(left, whenQuiet)
    else put()
  }

  function put(): void {
    const asked = ++number
    const began = environment.now()
    state = 'open'
    ask(asked, failure => {
      if (asked !== number || state === 'over' || state === 'first') return
      trip = Math.max(trip, environment.now() - began)
      if (failure) unclear()
      else next(trip, missed)
    })
  }

  /** The server has written the answer. It still counts if it comes late and first. */
  function missed(): void {
    const left = last + trip - environment.now()
    if (left > 0) next(left, missed)
    else if (++misses < most) next(shortest, whenQuiet)
    else {
      over()
      held()
    }
  }

  function unclear(): void {
    state = 'over'
    next(pause, whenQuiet)
    pause = Math.min(pause * 2, longest)
  }
}
