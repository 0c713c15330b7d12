/**
 * What happens to a line, entry by entry.
 *
 * @module throughline/trace
 */
import { lineEvent } from './connection/events.ts'
import type { Line, LineSetup } from './connection/line.ts'
import { findings } from './connection/report.ts'
import type { TraceContent, TraceEntry } from './connection/trace.ts'
import type { ConnectionError } from './contracts/errors.ts'
import type { Subscription } from './contracts/subscription.ts'
import type { Attempt, Log } from './contracts/transport.ts'
import { utf8Length } from './wire/payload.ts'

export type { TraceContent, TraceEntry, TraceEvent } from './connection/trace.ts'

/** How often a line that brings messages is asked for its topics, in ms: with each of them would cost too much. */
const topicsEvery = 250

/** The traces there are, and how many parts of the page each is for. */
const traces = new WeakMap<object, { users: number; readonly stop: () => void }>()

/**
 * Makes a line tell all that happens to it by `trace` events: tries of transports, states, messages, sends, topics, gaps and round trips.
 * At first it tells how things stand. Each event comes a moment after what it tells of; `entry.at` is when that was.
 *
 * ```ts
 * import { trace } from 'throughline/trace'
 * const stop = trace(line)
 * line.addEventListener('trace', ({ entry }) => console.log(entry.type, entry))
 * ```
 *
 * @returns what ends it; a line that several parts of a page trace goes on until the last of them has ended it
 */
export function trace<Messages, Shared>(line: Line<Messages, Shared>): () => void {
  const known = traces.get(line) ?? { users: 0, stop: begin(line as unknown as Line) }
  traces.set(line, known)
  known.users++
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    if (--known.users > 0) return
    traces.delete(line)
    known.stop()
  }
}

/** Events of a line's own, and messages, as far as they are told. */
type Told = Event & {
  readonly data?: unknown
  readonly error: ConnectionError
  readonly retryIn: number | undefined
} & Record<'lastEventId' | 'transport' | 'reason' | 'from' | 'to', string> &
  Record<'topic', string | undefined> &
  Record<'resumed', boolean> &
  Record<'code', number | undefined>

function begin(line: Line): () => void {
  // What a line is made of is in no type of its own, so that no page builds on it.
  const { attempts, onlookers, environment, topics } = (line as unknown as { setup: LineSetup }).setup
  const { dispatchEvent, send, subscribe } = line
  const over = new AbortController()
  const known = new WeakMap<Attempt, string>()
  let heard = new Map<string, string>()
  let looked = Number.NEGATIVE_INFINITY
  let sends = 0
  let entries: TraceEntry[] = []

  // Whatever it dispatches goes this way, whatever a server calls its messages.
  const instead = {
    dispatchEvent(event: Event) {
      if (!over.signal.aborted) read(event as Told)
      return dispatchEvent.call(line, event)
    },
    send(data: unknown, options?: { event?: string }) {
      const outcome = send.call(line, data as never, options as never)
      if (!over.signal.aborted) follow(outcome, data, options?.event)
      return outcome
    },
    subscribe(...what: unknown[]) {
      const subscription = (subscribe as (...what: unknown[]) => Subscription).apply(line, what)
      if (!over.signal.aborted) watch(subscription)
      return subscription
    },
  }
  Object.assign(line, instead)
  onlookers.add(look)
  lookAtAttempts()
  tellState()
  lookAtTopics()
  return () => {
    over.abort()
    onlookers.delete(look)
    // What somebody else has put in front of it since goes on, and finds nothing here that listens.
    for (const name of Object.keys(instead) as (keyof typeof instead)[])
      if (line[name] === instead[name]) delete line[name as never]
  }

  function tell(what: TraceContent): void {
    entries.push({ at: environment.now(), ...what })
    if (entries.length === 1) queueMicrotask(deliver)
  }

  function deliver(): void {
    const told = entries
    entries = []
    for (const entry of told)
      if (!over.signal.aborted) dispatchEvent.call(line, lineEvent('trace', { version: 1, entry }))
  }

  function look(...[what, took]: Parameters<Log>): void {
    if (what === 'roundtrip') tell({ type: 'roundtrip', took: took as number })
    else lookAtAttempts()
  }

  function lookAtAttempts(): void {
    for (const attempt of attempts) {
      const { opened, heard, proven, ended, failure } = attempt
      const progress = [opened, heard, proven, ended, failure?.code].join()
      if (known.get(attempt) === progress) continue
      known.set(attempt, progress)
      const [finding] = findings([attempt], environment.now())
      // What was said of a failure may quote what was received.
      if (finding) tell({ type: 'attempt', ...finding, failure: failure && inFigures(failure) })
    }
  }

  function tellState(): void {
    tell({ type: 'statechange', state: line.state, transport: line.transport })
  }

  /** The position of a line with topics names each of them that it hears, and where it stands in it. */
  function lookAtTopics(): void {
    if (!topics) return
    looked = environment.now()
    const places = line.lastEventId.split(',').slice(1)
    const now = new Map(places.map(place => place.split(':', 2) as [string, string]).map(readPlace))
    for (const topic of heard.keys()) if (!now.has(topic)) tell({ type: 'topic', topic, state: 'left' })
    for (const [topic, lastEventId] of now)
      if (!heard.has(topic)) tell({ type: 'topic', topic, state: 'heard', lastEventId })
    heard = now
  }

  function read(event: Told): void {
    const { type } = event
    if ('data' in event) readMessage(event)
    else if (type === 'open') tell({ type, transport: event.transport, resumed: event.resumed })
    else if (type === 'statechange') tellState()
    else if (type === 'close') tell({ type, code: event.code })
    else if (type === 'gap') {
      const { topic, reason, from, to } = event
      tell({ type, topic, reason, from, to })
    } else if (type === 'error') {
      const { error, retryIn } = event
      const { kind, code, status } = error
      tell({ type, kind, code, status, retryIn })
    } else return
    if (environment.now() - looked >= topicsEvery) lookAtTopics()
  }

  function readMessage({ type: event, data, lastEventId, topic }: Told): void {
    // Before the message itself it is told that its topic is heard.
    if (topic !== undefined && !heard.has(topic)) lookAtTopics()
    tell({ type: 'message', event, topic, lastEventId, bytes: sizeOf(data) })
  }

  function follow(outcome: Promise<unknown>, data: unknown, event = 'message'): void {
    const number = ++sends
    tell({ type: 'send', number, state: 'queued', event, bytes: sizeOf(data) })
    // That somebody looks on is not to count as somebody who listens to what becomes of it.
    Promise.prototype.then.call(
      outcome,
      () => tell({ type: 'send', number, state: 'taken' }),
      (error?: { code?: unknown; name?: string }) => {
        const code = typeof error?.code === 'string' ? error.code : `${error?.name ?? typeof error}`
        tell({ type: 'send', number, state: 'failed', code })
      },
    )
  }

  function watch(subscription: Subscription): void {
    const { signal } = over
    for (const type of ['open', 'close']) subscription.addEventListener(type, lookAtTopics, { signal })
    subscription.addEventListener(
      'error',
      event => {
        // A message of the server's may have that name.
        if ('data' in event) return
        const { topic } = subscription
        const { code, status } = event.error
        heard.delete(topic)
        tell({ type: 'topic', topic, state: 'refused', code, status })
      },
      { signal },
    )
  }
}

function readPlace([id, topic]: [string, string]): [string, string] {
  return [decodeURIComponent(topic), id]
}

function inFigures({ cause: _, detail: __, besides: ___, ...figures }: NonNullable<Attempt['failure']>) {
  return figures
}

/** In bytes: of text as UTF-8, of other values as JSON. Nothing for what has none, and what only a codec can write. */
function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return utf8Length(value)
  const { byteLength, size } = (value ?? {}) as { byteLength?: number; size?: number }
  if (typeof byteLength === 'number') return byteLength
  if (typeof Blob !== 'undefined' && value instanceof Blob) return size
  try {
    return utf8Length(JSON.stringify(value))
  } catch {
    return undefined
  }
}
