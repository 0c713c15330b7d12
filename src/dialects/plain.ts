/**
 * Speaks to any WebSocket or event-stream endpoint. docs/servers/plain.md says what such a server promises.
 *
 * @module throughline/dialects/plain
 */
import type { Dialect, Incoming, Reader } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import { createHandedOverOutbox } from '../outbox/handed-over.ts'
import { largest } from '../wire/codec.ts'
import { createParser } from '../wire/parser.ts'
import { relayEvents } from './relay-events.ts'
import { createReplayFilter } from './replay-filter.ts'

/** Options of `plainWith()`. */
export interface PlainOptions {
  /**
   * Whether the line ends where the standard lets an EventSource end: after any answer but an event stream, such as 404, 502 or a login
   * page (WHATWG HTML 9.2.3), but not after 429 and 503 with `Retry-After`. It also waits for `retry` to the millisecond. A line that
   * may use WebSocket ends only if all that it tried was refused so.
   * @default false: what ends a line is what ends every line, see docs/ends.md; it comes back after everything else
   */
  letter?: boolean
  /**
   * Whether the server's closing a WebSocket with this code is its last word: of the codes above 4000 only the page knows what they mean.
   * @default none is: the line comes back, and waits longer each time
   */
  ends?: (code: number) => boolean
  /**
   * The subprotocols that a WebSocket offers, as the second argument of `new WebSocket` has them; a server that wants one refuses those that
   * offer none.
   * @default none
   */
  protocols?: string | readonly string[]
}

/**
 * Any WebSocket or event-stream endpoint that knows nothing of us: `data` as it came, `retry` and Last-Event-ID as
 * EventSource has them. Where messages have no ids a reconnect may lose some, since nothing tells the server what we
 * have heard. Sends go over WebSocket, or by POST as they are.
 */
export const plain: Dialect = {
  name: 'plain',
  transports: ['socket', 'stream', 'parts', 'poll'],
  addressing: {
    tokenByHeaderOnly: true,
    buildRequest({ url, by, headers: own, token, position }) {
      const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}`, ...own } : own
      const there = new URL(url)
      if (by.kind === 'socket') there.protocol = there.protocol.replace('http', 'ws')
      if (by.kind === 'post') return { url: there.href, headers }
      const resume = position.cursor ? { 'Last-Event-ID': position.cursor } : {}
      return {
        url: there.href,
        headers: { Accept: 'text/event-stream', 'Cache-Control': 'no-cache', ...resume, ...headers },
      }
    },
  },
  framing: {
    relay: relayEvents,
    reader: ({ kind }, _previous, limit = largest) =>
      kind === 'socket' ? frames : createParser({ bom: false, limit }),
  },
  protocol: {
    sendsHello: false,
    comparableIds: false,
    replays: createReplayFilter,
    proof: () => ({ need: 'opened' }),
    parseFrame({ id, event = 'message', data, bytes }: Incoming) {
      const payload = bytes ?? data
      // WHATWG HTML 9.2.6: "If the data buffer is an empty string, set the data buffer and the event type buffer to the
      // empty string and return." The position counts all the same.
      if (payload === undefined)
        return id === undefined ? { type: 'nothing' } : { type: 'position', cursor: id }
      return { type: 'message', event, data: payload, cursor: id }
    },
  },
  sending: { outbox: createHandedOverOutbox, write: ({ data }) => data },
  policy: { asEventSource: true },
}

/**
 * The same, told when to end.
 *
 * ```ts
 * import { connect } from 'throughline'
 * import { plainWith } from 'throughline/dialects/plain'
 * connect('/events', { dialect: plainWith({ letter: true }) })
 * connect('/socket', { dialect: plainWith({ ends: code => code === 4401 }) })
 * ```
 */
export function plainWith({ letter = false, ends = () => false, protocols }: PlainOptions): Dialect {
  return {
    ...plain,
    addressing: {
      ...plain.addressing,
      buildRequest(context) {
        const request = plain.addressing.buildRequest(context)
        return context.by.kind === 'socket' && protocols
          ? { ...request, protocols: typeof protocols === 'string' ? [protocols] : [...protocols] }
          : request
      },
    },
    protocol: {
      ...plain.protocol,
      isFatal: failure =>
        (letter && endsEventSource(failure)) || (failure.closeCode !== undefined && ends(failure.closeCode)),
    },
    policy: { ...plain.policy, exactRetry: letter },
  }
}

/** "Fail the connection" in the standard's words: any other answer than an event stream, or a request that was stopped. */
function endsEventSource({ kind, status, retryAfter }: Failure): boolean {
  const wanted = (status === 429 || status === 503) && retryAfter !== undefined
  return kind === 'content' || kind === 'stopped' || (kind === 'status' && !wanted)
}

/** Each WebSocket frame is a message. */
const frames: Reader = {
  feed(chunk) {
    const bytes = typeof chunk === 'string' ? undefined : chunk
    const data = typeof chunk === 'string' ? chunk : undefined
    const block: Incoming = { id: undefined, event: undefined, data }
    return [bytes ? { ...block, bytes } : block]
  },
  end: () => [],
}
