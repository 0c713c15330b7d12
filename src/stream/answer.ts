import type { AnyEvent, AnyListener, AnySignal, Handler, ListenerOptions, TargetClass } from '../here.ts'
import { StreamError, streamError } from './error.ts'
import type { StreamEvent } from './event.ts'
import type { Ending } from './life.ts'
import type { Head } from './response.ts'
import { type Course, type Listener, type Running, run } from './run.ts'

/** The answer has begun, or goes on. */
export interface StreamOpenEvent extends AnyEvent {
  /** The HTTP status. */
  readonly status: number
  /** Whether it goes on after it broke off. */
  readonly resumed: boolean
}

/** It broke off and is asked again; or it has failed. */
export interface StreamErrorEvent extends AnyEvent {
  /** What happened. */
  readonly error: unknown
  /** In how many ms it is asked again; `null` if it is not. */
  readonly retryIn: number | null
}

/** An event of the server's, as an EventSource tells it. */
export interface StreamMessageEvent extends AnyEvent {
  /** Its text. */
  readonly data: string
  /** The last id that the server gave; empty if it gave none. */
  readonly lastEventId: string
}

/** How long what took, in ms since `stream()` was called. */
export interface StreamTiming {
  /** Until the head of the answer came. */
  readonly head?: number
  /** Until the first byte behind it came. */
  readonly firstByte?: number
  /** Until it was over. */
  readonly end?: number
}

/** All of an answer in pieces: `for await` gives each as it comes, `await` gives the whole of it once it is there. */
export interface Pieces<Piece, Whole>
  extends AsyncIterable<Piece>,
    Pick<Promise<Whole>, 'then' | 'catch' | 'finally'> {}

/** A place without it may load this module; there is no answer in it. */
const EventTarget = (globalThis.EventTarget ?? Object) as TargetClass

/**
 * An answer that comes in pieces. What came is kept: each loop, `text()` and `json()` begin with the first event, however often and whenever they are asked for.
 * For a stream without an end take `connect()`, which keeps nothing.
 */
export class Answer extends EventTarget implements AsyncIterable<StreamEvent> {
  /** The events that have come so far. */
  readonly received: readonly StreamEvent[] = []
  /** How long what took, as far as it has come. */
  readonly timing: StreamTiming = {}
  /**
   * Resolves when all of it has come, or the page has ended it. One that nobody listens to is no unhandled rejection.
   *
   * @throws {StreamError} as a rejection, when it is not whole
   * @throws the reason of `signal`, as a rejection
   */
  readonly done: Promise<void>
  /** When the answer has begun, or goes on. */
  onopen: Handler<StreamOpenEvent> = null
  /** The events without a name of their own. */
  onmessage: Handler<StreamMessageEvent> = null
  /** When it broke off, whether it is asked again or not. */
  onerror: Handler<StreamErrorEvent> = null
  /** When it is over, by whatever. */
  onclose: Handler<AnyEvent> = null
  private now: 0 | 1 | 2 = 0
  private answered: Head | undefined
  private failure: { error: unknown } | undefined
  private readonly heard = new Set<string>()
  private readonly running: Running
  private readonly leave: (failure?: { error: unknown }) => void
  private wake: (() => void)[] = []

  /** @internal */
  constructor(course: Course, signal: AnySignal | undefined) {
    super()
    const started = performance.now()
    const timing = this.timing as { -readonly [Key in keyof StreamTiming]: number }
    const took = () => performance.now() - started
    let settle = (_failure?: { error: unknown }) => {}
    this.done = new Promise((resolve, reject) => {
      settle = failure => (failure ? reject(failure.error) : resolve())
    })
    this.done.catch(() => {})

    const over = (failure?: { error: unknown }) => {
      if (this.now === 2) return
      this.now = 2
      this.failure = failure
      timing.end = took()
      signal?.removeEventListener('abort', abort)
      settle(failure)
      this.stir()
      if (failure) this.tell('error', { ...failure, retryIn: null })
      this.tell('close', failure ?? {})
    }
    const errorOf = (ending: Ending) => streamError(ending, course.plan, this)
    const listener: Listener = {
      headed: head => {
        timing.head ??= took()
        this.answered = head
      },
      opened: resumed => {
        this.now = 1
        this.tell('open', { status: this.status, resumed })
      },
      alive: () => {
        timing.firstByte ??= took()
      },
      heard: event => {
        ;(this.received as StreamEvent[]).push(event)
        this.stir()
        const { event: type, data, id: lastEventId } = event
        const handler = type === 'message' ? this.onmessage : null
        if (handler || this.heard.has(type))
          this.dispatch(new MessageEvent(type, { data, lastEventId }), handler)
      },
      paused: (ending, retryIn) => {
        this.now = 0
        this.tell('error', { error: errorOf(ending), retryIn })
      },
      over: ending => over(ending && { error: errorOf(ending) }),
      threw: error => over({ error }),
    }
    this.running = run(course, listener)
    this.leave = failure => {
      over(failure)
      this.running.stop()
    }
    // What has failed by its signal is told by that alone.
    const abort = () => this.leave({ error: signal?.reason })
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
  }

  /** 0 until the answer has begun, and while it is asked again; 1 while it comes; 2 once it is over. */
  get readyState(): 0 | 1 | 2 {
    return this.now
  }

  /** The HTTP status of the answer, or of what came in its place; `undefined` until its head came. */
  get status(): number | undefined {
    return this.answered?.status
  }

  /** A header of the answer, or of what came in its place; `null` until its head came, and where the page may not read it. */
  header(name: string): string | null {
    return this.answered?.header(name) ?? null
  }

  /** The last id that the server gave; empty if it gave none. */
  get lastEventId(): string {
    return this.running.lastEventId
  }

  /** Each event, from the first. Leaving the loop ends the answer, as `close()` does. */
  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, void, void> & AsyncIterable<StreamEvent> {
    return this.each(event => event)
  }

  /** Each event, read. One that cannot be is the end of the answer. */
  private each<Piece>(
    read: (event: StreamEvent) => Piece,
  ): AsyncIterator<Piece, void, void> & AsyncIterable<Piece> {
    // By hand: a generator would hand on an event some turns later, behind the browser's work for the next piece, and could not be left while it waits for one.
    let index = 0
    let left = false
    const over = { value: undefined, done: true } as const
    const nextAt =
      (at: number) =>
      (resolve: (result: IteratorResult<Piece, void>) => void, reject: (error: unknown) => void) => {
        const look = () => {
          if (left) resolve(over)
          else if (at < this.received.length)
            try {
              resolve({ value: read(this.received[at] as StreamEvent), done: false })
            } catch (error) {
              left = true
              reject(error)
              this.leave({ error })
            }
          else if (this.failure) {
            left = true
            reject(this.failure.error)
          } else if (this.now === 2) resolve(over)
          else this.wake.push(look)
        }
        look()
      }
    return {
      next: () => new Promise(nextAt(index++)),
      return: async () => {
        left = true
        this.close()
        return over
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** The data of its events: `await` gives one text, `for await` each piece of it as it comes. */
  text(): Pieces<string, string> {
    return this.pieces(
      ({ data }) => data,
      all => all.join(''),
    )
  }

  /**
   * The data of its events, read as JSON: `await` gives all values, `for await` each one as it comes.
   *
   * @throws {StreamError} of the kind `unreadable`, when the data of an event is no JSON
   */
  json<Value = unknown>(): Pieces<Value, Value[]> {
    return this.pieces(
      ({ data }) => {
        try {
          return JSON.parse(data) as Value
        } catch (cause) {
          const said = `${JSON.stringify(data.slice(0, 100))} is no JSON`
          throw new StreamError(said, { kind: 'unreadable', cause }, this)
        }
      },
      all => all,
    )
  }

  /** Wants no more of it: the request is ended, loops end with what came, and `done` resolves. */
  close(): void {
    this.leave()
  }

  /** Besides the server's events, by their names: `open`, `error` and `close`. */
  override addEventListener(
    type: string,
    // biome-ignore lint/suspicious/noExplicitAny: what is heard depends on the name
    listener: AnyListener<any>,
    options?: ListenerOptions,
  ): void {
    this.heard.add(type)
    super.addEventListener(type, listener as never, options as never)
  }

  private pieces<Piece, Whole>(
    read: (event: StreamEvent) => Piece,
    join: (all: Piece[]) => Whole,
  ): Pieces<Piece, Whole> {
    const whole = () => this.done.then(() => join(this.received.map(read)))
    return {
      [Symbol.asyncIterator]: () => this.each(read),
      // biome-ignore lint/suspicious/noThenProperty: it can be awaited, and iterated
      then: (kept, failed) => whole().then(kept, failed),
      catch: failed => whole().catch(failed),
      finally: act => whole().finally(act),
    }
  }

  private stir(): void {
    for (const wake of this.wake.splice(0)) wake()
  }

  private tell(type: 'open' | 'error' | 'close', details: object): void {
    const handler = this[`on${type}`] as Handler<AnyEvent>
    if (handler || this.heard.has(type)) this.dispatch(Object.assign(new Event(type), details), handler)
  }

  private dispatch<E extends AnyEvent>(event: E, handler: Handler<E>): void {
    this.dispatchEvent(event as never)
    call(this, handler, event)
  }
}

/** What a handler throws is told as what a listener throws, and stops nothing here. */
function call<E extends AnyEvent>(answer: Answer, handler: Handler<E>, event: E): void {
  try {
    handler?.call(answer, event)
  } catch (error) {
    setTimeout(() => {
      throw error
    })
  }
}
