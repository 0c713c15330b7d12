/**
 * Speaks to Nchan on nginx. docs/servers/nchan.md has the server's configuration, and what it promises.
 *
 * @module throughline/dialects/nchan
 */
import type { Dialect, Incoming, Reader } from '../contracts/dialect.ts'
import type { Traits } from '../contracts/traits.ts'
import { createHandedOverOutbox } from '../outbox/handed-over.ts'
import { setQuery } from '../wire/address.ts'
import { largest } from '../wire/codec.ts'
import { gatherer } from '../wire/gatherer.ts'
import { createParser } from '../wire/parser.ts'
import { relayEvents } from './relay-events.ts'
import { createReplayFilter } from './replay-filter.ts'

/** Options of `nchan()`. */
export interface NchanOptions {
  /**
   * Where messages are published, relative to the line's own address.
   * @default the line's own address, as of an `nchan_pubsub` location
   */
  publish?: string
  /**
   * Whether the location joins several channels (`nchan_channel_id "a" "b"`). Their ids cannot be compared, so that no two channels
   * are open at once: a line that began on a less preferred transport stays there until it breaks.
   * @default false
   */
  multiplexed?: boolean
  /** How long to wait after an answer that brought nothing at once, as interval polling has it, in ms. @default 1000 */
  interval?: number
  /**
   * Whether `410 Gone` ends the line for good. Nchan says it where a channel is deleted, and just so to everybody when nginx is
   * stopped or reloaded: the two cannot be told apart, so that a restart would end every line.
   * @default false
   */
  endsWhenGone?: boolean
}

/** Nchan on nginx. All its ways have the same ids, so that a line continues over any of them. Sends go by POST. */
export function nchan({
  publish,
  multiplexed = false,
  interval = 1_000,
  endsWhenGone = false,
}: NchanOptions = {}): Dialect {
  return {
    name: 'nchan',
    transports: [
      'websocket',
      'eventsource',
      'xhr-streaming',
      'fetch-streaming',
      'multipart',
      'long-polling',
      'polling',
    ],
    addressing: {
      cursorInUrl: true,
      showsToken: true,
      buildRequest({ url, by: { kind, setsHeaders }, headers, token, position, nonce, body }) {
        const post = kind === 'post'
        const there = new URL((post && publish) || url, url)
        const set = (name: string, value: string) => value && setQuery(there, name, value)
        if (token && !setsHeaders) set('token', token)
        else if (token) headers = { Authorization: `Bearer ${token}`, ...headers }
        // Without a type, bytes would go to every WebSocket as text, and those that are no UTF-8 end it.
        const type = { 'Content-Type': typeof body === 'string' ? 'text/plain' : 'application/octet-stream' }
        if (post) return { url: there.href, headers: { ...type, ...headers } }
        set('last_event_id', position.cursor)
        // Nchan says nothing to caches.
        set('_', nonce)
        if (kind === 'socket') there.protocol = there.protocol.replace('http', 'ws')
        const Accept = accepted[kind] ?? 'text/event-stream'
        return { url: there.href, headers: { Accept, ...headers }, protocols: ['ws+meta.nchan'] }
      },
    },
    framing: {
      relay: relayEvents,
      reader: ({ kind }, _previous, limit) =>
        kind === 'socket' ? frames : kind === 'stream' ? stream(limit) : whole(limit),
    },
    protocol: {
      sendsHello: false,
      comparableIds: !multiplexed,
      ...(multiplexed && { replays: createReplayFilter }),
      proof: () => ({ need: 'opened' }),
      parseFrame(block: Incoming, { cursor }) {
        if (block === gone) return { type: 'bye', status: 410, why: 'Nchan said 410 Gone' }
        const { id, event = 'message', data, bytes } = block
        const payload = bytes ?? data
        if (payload === undefined || (id && !isNew(id, cursor))) return { type: 'nothing' }
        return { type: 'message', event, data: payload, cursor: id }
      },
      isFatal: ({ status, closeCode: code, cause }) =>
        endsWhenGone &&
        (status === 410 || (code === 1001 && (cause as { reason: string }).reason.startsWith('410'))),
    },
    sending: { outbox: createHandedOverOutbox, byPost: true, write: ({ data }) => data },
    policy: { pollInterval: interval, resumesCleanEnd: true },
  }
}

/** What Nchan is asked to answer with, where that is no event stream. */
const accepted: { [kind in Traits['kind']]?: string } = { parts: 'multipart/mixed', poll: '*/*' }

const empty: Incoming = { id: undefined, event: undefined, data: undefined }

/** The channel was deleted, or nginx stops. */
const gone: Incoming = { ...empty }

/** `id: …`, perhaps a content type, a blank line, and what was published. */
const frames: Reader = {
  feed(frame) {
    const isText = typeof frame === 'string'
    const text = isText ? frame : new TextDecoder('latin1').decode(frame)
    const [head = '', id] = /^id: (.*)\n(?:.+\n)*\n/.exec(text) ?? []
    const rest = frame.slice(head.length)
    return [isText ? { ...empty, id, data: rest as string } : { ...empty, id, bytes: rest as ArrayBuffer }]
  },
  end: () => [],
}

/** An event stream whose last comment says why it ends: `:408:`, to be continued, or `:410:`. */
function stream(limit = largest): Reader {
  const parser = createParser({ bom: false, limit })
  let tail = ''
  return {
    feed(chunk) {
      tail = (tail + chunk).slice(-40)
      return parser.feed(chunk as string)
    },
    end: () => (/^:410:/m.test(tail) ? [gone] : parser.end()),
  }
}

/** An answer, or a part of one, holds one message and has its id in two headers; or it says that there is none. */
function whole(limit?: number): Reader {
  const text = gatherer(limit)
  let id: string | undefined
  return {
    head({ status, header }, usual) {
      if (status === 304 || status === 408) return undefined
      const time = Date.parse(header('Last-Modified') ?? '') / 1_000
      if (status !== 200 || !time) return usual()
      id = `${time}:${header('Etag')}`
      return undefined
    },
    feed(chunk) {
      text.add(chunk as string)
      return []
    },
    end: () => (id ? [{ ...empty, id, ...text.taken() }] : []),
  }
}

/** `<unix time>:<number>`, or, of several channels, `<unix time>:<number>,[<number>],-`, which only Nchan can compare. */
function isNew(id: string, cursor: string): boolean {
  const [time, count] = id.split(':')
  const [lastTime, lastCount] = cursor.split(':')
  if (/,/.test(id)) return id !== cursor
  return time === lastTime ? Number(count) > Number(lastCount) : !(Number(time) < Number(lastTime))
}
