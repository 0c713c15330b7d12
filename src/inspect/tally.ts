import type { Finding } from '../connection/report.ts'
import type { LineState } from '../connection/state.ts'
import type { TraceEntry } from '../connection/trace.ts'
import type { TransportName } from '../contracts/failure.ts'

/** How many seconds the messages of each are known for. */
export const seconds = 60

/** How many tries, topics and entries are kept: a page may be looked into for days. */
const mostAttempts = 50
const mostTopics = 200
const mostEntries = 200

/** What is known of one topic. */
export interface TopicCount {
  /** `undefined`: messages of which no topic is told. */
  readonly topic: string | undefined
  /** How many have come since it was looked at. */
  readonly messages: number
  /** The id of the last message, or the position that the topic was begun at. */
  readonly lastEventId: string
}

/** What entries come to. */
export interface View {
  /** `undefined` before the trace has told it. */
  readonly state: LineState | undefined
  /** What carries the line; `null` while nothing does. */
  readonly transport: TransportName | null
  /** The oldest first. */
  readonly attempts: readonly Finding[]
  /** Those with the most messages first. */
  readonly topics: readonly TopicCount[]
  /** How many have come. */
  readonly messages: number
  /** How large they were, those whose size is known. */
  readonly bytes: number
  /** Messages of each of the last whole seconds, the oldest first. */
  readonly perSecond: readonly number[]
  /** The last round trip, in ms. */
  readonly roundTrip: number | undefined
  /** Sends whose outcome is not known. */
  readonly waiting: number
  /** Sends that the server has taken. */
  readonly taken: number
  /** Sends that were refused, are in doubt, or were given up. */
  readonly failed: number
  /** How often messages were lost. */
  readonly gaps: number
  /** The last error of the line or of a message. */
  readonly lastError: (TraceEntry & { readonly type: 'error' }) | undefined
  /** All but messages, round trips and sends that went well, the oldest first. */
  readonly entries: readonly TraceEntry[]
}

/** Adds up what a trace tells. It keeps as much for a million messages as for one. */
export interface Tally {
  take(entry: TraceEntry): void
  /** What all of it comes to at this time, in ms on the clock of the entries. */
  view(now: number): View
}

export function createTally(): Tally {
  const attempts = new Map<string, Finding>()
  const topics = new Map<string | undefined, TopicCount>()
  const waiting = new Set<number>()
  const counts = new Map<number, number>() // messages by second
  const entries: TraceEntry[] = []
  let state: LineState | undefined
  let transport: TransportName | null = null
  let lastError: View['lastError']
  let roundTrip: number | undefined
  let messages = 0
  let bytes = 0
  let taken = 0
  let failed = 0
  let gaps = 0

  return { take, view }

  function take(entry: TraceEntry): void {
    if (isRare(entry)) put(entries, entry)
    switch (entry.type) {
      case 'attempt':
        return tried(entry)
      case 'open':
        transport = entry.transport
        return
      case 'statechange':
        state = entry.state
        transport = entry.transport
        return
      case 'error':
        lastError = entry
        return
      case 'gap':
        gaps++
        return
      case 'topic':
        if (entry.state === 'heard') count(entry.topic, entry.lastEventId, 0)
        else topics.delete(entry.topic)
        return
      case 'message':
        return heard(entry)
      case 'send':
        if (entry.state === 'queued') waiting.add(entry.number)
        else if (waiting.delete(entry.number)) entry.state === 'taken' ? taken++ : failed++
        return
      case 'roundtrip':
        roundTrip = entry.took
        return
    }
  }

  function tried({ type: _, at: __, ...finding }: TraceEntry & { type: 'attempt' }): void {
    attempts.set(`${finding.transport} ${finding.started}`, finding)
    dropOldest(attempts, mostAttempts)
  }

  function heard({ at, topic, lastEventId, bytes: size = 0 }: TraceEntry & { type: 'message' }): void {
    messages++
    bytes += size
    const second = Math.floor(at / 1000)
    counts.set(second, (counts.get(second) ?? 0) + 1)
    dropOldest(counts, seconds + 1)
    count(topic, lastEventId, 1)
  }

  function count(topic: string | undefined, lastEventId: string, more: number): void {
    const before = topics.get(topic)?.messages ?? 0
    // The one of which nothing was heard for the longest time is the first to go.
    topics.delete(topic)
    topics.set(topic, { topic, messages: before + more, lastEventId })
    dropOldest(topics, mostTopics)
  }

  function view(now: number): View {
    const second = Math.floor(now / 1000)
    return {
      state,
      transport,
      attempts: [...attempts.values()].map(finding => ({ ...finding, lasted: lastedBy(finding, now) })),
      topics: [...topics.values()].sort((one, other) => other.messages - one.messages),
      messages,
      bytes,
      perSecond: Array.from({ length: seconds }, (_, index) => counts.get(second - seconds + index) ?? 0),
      roundTrip,
      waiting: waiting.size,
      taken,
      failed,
      gaps,
      lastError,
      entries: [...entries],
    }
  }
}

function isRare(entry: TraceEntry): boolean {
  return !/^(message|roundtrip)$/.test(entry.type) && (entry.type !== 'send' || entry.state === 'failed')
}

function put(entries: TraceEntry[], entry: TraceEntry): void {
  entries.push(entry)
  if (entries.length > mostEntries) entries.shift()
}

function dropOldest(map: Map<unknown, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value)
}

/** What is under way lasts longer than when it was told. */
function lastedBy({ state, started, lasted }: Finding, now: number): number {
  return state === 'trying' || state === 'in use' ? now - started : lasted
}
