import type { Failure } from '../contracts/failure.ts'
import { handOver } from '../contracts/send.ts'
import type { Environment } from '../environment.ts'
import type { Payload } from '../wire/codec.ts'
import { closed, next, type Signal, type State } from './state.ts'

/** What one request carries. */
export interface Batch {
  readonly text: Payload
}

export interface Sender<B extends Batch> {
  readonly state: State
  signal(signal: Signal): void
  /** Sends what waits, batch after batch, until one is under way. */
  flush(): void
  /** Sends a batch at once, and says whether it could. */
  send(batch: B): boolean
  /** Calls once the present batch is over, whatever became of it, and what waits was sent if it could be. */
  whenOver(act: () => void): void
}

/**
 * Carries out what the state says. Nothing else writes the state. `fill` gives the next batch, or none if nothing waits; `conclude`
 * decides what follows from the outcome of a batch.
 */
export function createSender<B extends Batch>(
  environment: Environment,
  fill: () => B | undefined,
  conclude: (batch: B, failure: Failure | undefined, answered: boolean | undefined) => void,
): Sender<B> {
  let state = closed
  let timer: unknown
  let flushing = false
  const whenOver: (() => void)[] = []

  return {
    get state() {
      return state
    },
    signal,
    flush,
    send,
    whenOver: act => void whenOver.push(act),
  }

  /** Leaving a back-off stops its timer; entering one arms its own. */
  function signal(what: Signal): void {
    const before = state
    state = next(before, what)
    if (state === before) return
    if (before.until) environment.clearTimeout(timer)
    if (state.until)
      timer = environment.setTimeout(() => signal({ type: 'over' }), state.until - environment.now())
    flush()
    if (before.batch && before.batch !== state.batch) for (const act of whenOver.splice(0)) act()
  }

  /** A channel may take a batch at once. Then this loop sends the next one: if `send` did, the stack would grow with each. */
  function flush(): void {
    if (flushing) return
    flushing = true
    while (state.name === 'ready') {
      const batch = fill()
      if (!batch) break
      send(batch)
    }
    flushing = false
  }

  function send(batch: B): boolean {
    const before = state
    signal({ type: 'sent', batch })
    if (state.batch !== batch) return false
    handOver(before, batch.text, (failure, answered) => {
      // Nobody waits for this outcome any more.
      if (state.batch !== batch) return
      conclude(batch, failure, answered)
      signal({ type: 'over', batch })
    })
    return true
  }
}

/** How long to back off after so many failures in a row, in ms. */
export function growing(times: number): number {
  return Math.min(250 * 2 ** times, 30_000)
}
