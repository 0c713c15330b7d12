/**
 * Messages in a `for await` loop.
 *
 * @module throughline/iterate
 */
import type { LineEventMap } from './connection/events.ts'
import type { Line } from './connection/line.ts'
import type { Contract } from './contracts/messages.ts'
import type { AnyEvent, LineMessage, MessageOf } from './here.ts'

/** What to do when a reader is slower than the messages. */
export interface StreamOptions {
  /**
   * `error` ends the iteration with an error; `oldest` drops the oldest and `latest` keeps only the newest one that waits.
   * @default 'error'
   */
  overflow?: 'error' | 'oldest' | 'latest'
  /**
   * How many events may wait.
   * @default 1000
   */
  limit?: number
}

/**
 * The events of one name, one after the other, until the line closes. Leaving the loop stops listening.
 *
 * ```ts
 * import { events } from 'throughline/iterate'
 * for await (const event of events(line)) show(event.data)
 * for await (const event of events(line, 'price', { overflow: 'latest' })) draw(event.data)
 * ```
 *
 * @param name of the messages, or of the line's own events
 * @throws {Error} out of the loop, when more events wait than `limit`, unless `overflow` says otherwise
 */
export function events<Messages, Name extends string & keyof LineEventMap<Messages>, Shared = Contract>(
  line: Line<Messages, Shared>,
  name: Name,
  options?: StreamOptions,
): AsyncGenerator<LineEventMap<Messages>[Name] & AnyEvent, void, void>
/** The messages without a name of their own, one after the other, until the line closes. Leaving the loop stops listening. */
export function events<Messages, Shared = Contract>(
  line: Line<Messages, Shared>,
): AsyncGenerator<LineMessage<MessageOf<Messages>>, void, void>
export function events(
  line: Pick<Line, 'readyState'>,
  name = 'message',
  { overflow = 'error', limit = 1_000 }: StreamOptions = {},
): AsyncGenerator<Event, void, void> {
  const target = line as unknown as EventTarget
  const most = overflow === 'latest' ? 1 : limit
  let waiting: Event[] = []
  let wake: () => void = () => {}
  let failure: Error | undefined
  let left = false
  const hear = (event: Event) => {
    if (waiting.length >= most) {
      if (overflow === 'error') {
        failure ??= new Error(
          `more than ${limit} "${name}" events wait: read faster, or choose an overflow other than "error"`,
        )
        return wake()
      }
      waiting.shift()
    }
    waiting.push(event)
    wake()
  }
  const closed = (event: Event) => {
    if (!('data' in event)) wake()
  }
  target.addEventListener(name, hear)
  target.addEventListener('close', closed)
  const events = read()
  const { return: leave } = events
  // A loop that is left before its first step has never run its `finally`.
  events.return = value => {
    stop()
    return leave.call(events, value)
  }
  return events

  async function* read(): AsyncGenerator<Event, void, void> {
    try {
      while (true) {
        const ready = waiting
        waiting = []
        for (const event of ready) yield event
        if (failure) throw failure
        if (waiting.length > 0) continue
        if (left || line.readyState === 2) {
          const { error } = line as { error?: Error }
          if (error && !left) throw error
          return
        }
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    } finally {
      stop()
    }
  }

  function stop(): void {
    left = true
    target.removeEventListener(name, hear)
    target.removeEventListener('close', closed)
    wake()
  }
}
