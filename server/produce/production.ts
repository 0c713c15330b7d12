import { answerTo } from '../http-error.ts'
import type { Packed, Whole } from '../log/log.ts'
import { reported } from '../reported.ts'
import { inOneTurn, nextTurn } from '../sessions/turns.ts'
import { contentOf } from '../wire/content.ts'
import type { Plan } from './plan.ts'
import { openSource } from './source.ts'

/** How a production ended: the data of its last event, and what `done` resolves to. */
export interface ProductionEnd {
  /** How many pieces were published. One that has heard fewer, from the beginning on, has not heard all. */
  readonly pieces: number
  /** Why it was cancelled, if it was: what `cancel()` was given, or else `cancelled`. */
  readonly cancelled?: string
  /** Why it failed, if it did, in words that are for the page. */
  readonly error?: ProductionError
}

/**
 * What a page is told of a failure. A plain object `{ status, message }` that the source has thrown is told as it is, and so is an `Error` with a status and
 * `expose: true`; anything else is status 500 and says nothing. 503: the hub was closed meanwhile. 507: it was longer than `retainBytes`.
 */
export interface ProductionError {
  /** An HTTP status. */
  readonly status: number
  /** For people. */
  readonly message: string
}

/** What `hub.produce()` gives: a source that is read once, and published piece by piece. */
export interface Production {
  /** Where it is published. The name is all that a page needs to read it. */
  readonly topic: string
  /** Aborted when it ends before its source does, and when the source fails. A source that is a function is given the same one. */
  readonly signal: AbortSignal
  /**
   * Resolves when the end is published, be it that of one that was cancelled. If nobody awaits it, a failure of which the page is told less than was thrown goes to
   * `hub.on('error')`, and none is an unhandled rejection.
   *
   * @throws {unknown} as a rejection, what the source has thrown
   * @throws {TypeError} as a rejection, for a piece that cannot be published, and for a source that gives no pieces
   * @throws {RangeError} as a rejection, for a piece that is too large, and when there is more than `retainBytes`
   * @throws {Error} as a rejection, with `status` 409 when the topic has messages already, with 503 when the hub was closed, and whatever the log failed with
   */
  readonly done: Promise<ProductionEnd>
  /** Ends it: the source is closed, and the page is told `cancelled` with the reason. Nothing happens if it is over. */
  cancel(reason?: string): void
}

/** A production as its hub has it. */
export interface Running extends Production {
  /** Ends it for that, without trying again what fails. */
  close(why: Error): void
  /** Resolves when it is over, however it ended. */
  readonly over: Promise<void>
}

/** What a production does to its topic. */
export interface Means {
  /** Why the topic cannot be produced in, if so. Rejects if the log cannot say. */
  refusal(): Promise<Error | undefined>
  append(message: Packed, whole: Whole): unknown
  report(error: unknown): void
}

/** What has ended a production. */
type Outcome =
  | { readonly by: 'source' }
  | { readonly by: 'cancel'; readonly reason: string }
  | { readonly by: 'failure'; readonly thrown: unknown }

/** What a piece takes beside its data, in bytes. */
const overhead = 200

/** How long a topic is kept at least while its source is silent, in ms. */
const silence = 3_600_000

/** When the end is tried again that the log has not taken, in ms after the last try. */
const pauses = [1_000, 2_000, 4_000, 8_000, 15_000]

/** Reads the source to its end, and publishes each piece before it asks for the next one. */
export function startProduction(
  { topic, source, event, end, expire, retainBytes }: Plan,
  { refusal, append, report }: Means,
): Running {
  const aborting = new AbortController()
  const { signal } = aborting
  let outcome: Outcome | undefined
  let wake = () => {} // whoever waits for the source, or to try again
  let isHurried = false
  let isWithheld = true // whether the page is told less than what is thrown
  let pieces = 0
  let bytes = 0
  const work = run()

  return {
    topic,
    signal,
    done: reported(work, error => isWithheld && report(error)),
    cancel: reason => halt({ by: 'cancel', reason: reason || 'cancelled' }),
    close,
    over: work.then(ignore, ignore),
  }

  async function run(): Promise<ProductionEnd> {
    const refused = await refusal().catch(fail)
    if (refused) {
      fail(refused)
      discard()
      // What stands in the topic is another answer, of which this is not the end.
      throw refused
    }
    await publishAll().catch(fail)
    outcome ??= { by: 'source' }
    const said = endOf(outcome)
    const lost = await publishEnd(said)
    if (outcome.by !== 'failure') {
      if (lost) throw lost.error
      return said
    }
    if (lost && lost.error !== outcome.thrown) report(lost.error)
    throw outcome.thrown
  }

  async function publishAll(): Promise<void> {
    if (outcome) return discard()
    const opening = openSource(source, signal)
    const reader = await unlessHalted(opening)
    if (!reader) return void opening.then(({ close }) => close(), ignore)
    try {
      while (!outcome) {
        const step = await unlessHalted(reader.next())
        if (step?.done) return
        if (step) await publish(step.value)
        // A source that is never waited for must not keep the server from everything else.
        if (pieces % inOneTurn === 0) await nextTurn()
      }
    } catch (thrown) {
      fail(thrown)
    }
    reader.close()
  }

  async function publish(piece: unknown): Promise<void> {
    const packed = contentOf(piece, nameOf(event))
    bytes += Buffer.byteLength(packed.data) + overhead
    if (bytes > retainBytes) throw tooLong(topic, retainBytes)
    await append(packed, { expire: Math.max(silence, expire ?? 0) })
    pieces++
  }

  /** Gives the error of the log, if it does not take the end. A page that goes on waiting is worse than one that is told twice. */
  async function publishEnd(said: ProductionEnd): Promise<{ error: unknown } | undefined> {
    const packed = contentOf(said, nameOf(end))
    for (let tries = 0; ; tries++)
      try {
        await append(packed, { expire })
        return undefined
      } catch (error) {
        const pause = pauses[tries]
        if (pause === undefined || isHurried) return { error }
        await sleep(pause)
      }
  }

  function endOf(outcome: Outcome): ProductionEnd {
    if (outcome.by === 'source') return { pieces }
    if (outcome.by === 'cancel') return { pieces, cancelled: outcome.reason }
    // The library of a model throws errors with the status of its own server, and words that are not for a page.
    const { why, withheld } = answerTo(outcome.thrown)
    isWithheld = withheld
    return { pieces, error: { status: why.status, message: why.message || 'the server failed' } }
  }

  function halt(by: Outcome): void {
    if (outcome) return
    outcome = by
    wake()
    aborting.abort(new Error(`what was produced in "${topic}" is not wanted any more`))
  }

  function fail(thrown: unknown): undefined {
    halt({ by: 'failure', thrown })
  }

  function close(why: Error): void {
    isHurried = true
    fail(why)
    wake()
  }

  /** What has not been read is closed all the same. A function has not been called. */
  function discard(): void {
    if (typeof source !== 'function') openSource(source, signal).then(({ close }) => close(), ignore)
  }

  function unlessHalted<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      wake = () => resolve(undefined)
      work.then(resolve, reject)
    })
  }

  function sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function nameOf(event: string): string | undefined {
  return event === 'message' ? undefined : event
}

function tooLong(topic: string, retainBytes: number): RangeError {
  const words = `"${topic}" has more than the ${retainBytes} bytes that are kept of it (retainBytes)`
  return Object.assign(new RangeError(words), { status: 507, expose: true })
}

function ignore(): void {}
