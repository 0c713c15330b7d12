/**
 * Speaks to a Mercure hub. docs/servers/mercure.md has the server's configuration, and what it promises.
 *
 * @module throughline/dialects/mercure
 */
import type { Dialect, Incoming, Reader } from '../contracts/dialect.ts'
import { createHandedOverOutbox } from '../outbox/handed-over.ts'
import { setQuery } from '../wire/address.ts'
import { largest, textCodec } from '../wire/codec.ts'
import { createParser } from '../wire/parser.ts'
import { relayEvents } from './relay-events.ts'
import { createReplayFilter } from './replay-filter.ts'

/** Options of `mercure()`. */
export interface MercureOptions {
  /**
   * The form fields that a message is published with beside its `data`: its `topic`, and `private` or what else the hub takes.
   * @default none, so that this line listens only
   */
  publish?: Record<string, string>
  /** The query parameter that says what was heard last; hubs of 2020 and before call it `Last-Event-ID`. @default 'lastEventID' */
  lastEventId?: string
  /** The query parameter that holds the token; newer hubs call it `access_token`. @default 'authorization' */
  token?: string
}

/**
 * A Mercure hub. The topics are the line's own parameters: `params: { topic: ['a', 'b'] }`, or `match` with newer hubs. What
 * may be lost is told by a `gap` event, but not over the browser's own EventSource, which shows no response headers.
 */
export function mercure({
  publish,
  lastEventId = 'lastEventID',
  token: tokenName = 'authorization',
}: MercureOptions = {}): Dialect {
  return {
    name: 'mercure',
    transports: ['eventsource', 'xhr-streaming', 'fetch-streaming'],
    addressing: {
      cursorInUrl: true,
      showsToken: true,
      buildRequest({ url, by, headers, token, position }) {
        const there = new URL(url)
        if (token && !by.setsHeaders) setQuery(there, tokenName, token)
        else if (token) headers = { Authorization: `Bearer ${token}`, ...headers }
        if (by.kind === 'post') {
          there.search = ''
          return {
            url: there.href,
            headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
          }
        }
        if (position.cursor) setQuery(there, lastEventId, position.cursor)
        return { url: there.href, headers: { Accept: 'text/event-stream', ...headers } }
      },
    },
    framing: { relay: relayEvents, reader: (_transport, _previous, limit) => stream(limit) },
    protocol: {
      sendsHello: false,
      comparableIds: false,
      replays: createReplayFilter,
      proof: () => ({ need: 'opened' }),
      parseFrame(block: Incoming | Start, { cursor }) {
        const { id, event = 'message', data } = block
        if ('after' in block)
          return cursor && cursor !== block.after
            ? { type: 'gap', cursor: block.after, gap: { reason: 'unknown', from: cursor, to: block.after } }
            : { type: 'nothing' }
        if (data === undefined)
          return id === undefined ? { type: 'nothing' } : { type: 'position', cursor: id }
        return { type: 'message', event, data, cursor: id }
      },
    },
    sending: {
      outbox: createHandedOverOutbox,
      codec: textCodec('a Mercure hub takes'),
      write: ({ event, data }) =>
        `${new URLSearchParams({ ...publish, ...(event && { type: event }), data: data as string })}`,
    },
  }
}

/** Where a response begins: right after this id. */
interface Start extends Incoming {
  after: string
}

function stream(limit = largest): Reader {
  const parser = createParser({ bom: false, limit })
  let after: string | null = null
  return {
    head({ header }, usual) {
      after = header('Last-Event-ID')
      return usual()
    },
    feed(chunk) {
      const blocks: Incoming[] = parser.feed(chunk as string)
      if (after !== null) blocks.unshift(startAt(after))
      after = null
      return blocks
    },
    end: parser.end,
  }
}

function startAt(after: string): Start {
  return { id: undefined, event: undefined, data: undefined, after }
}
