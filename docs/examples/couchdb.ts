/**
 * CouchDB's changes feed: a database says which documents have changed, one JSON text a line, for as long as somebody listens.
 * https://docs.couchdb.org/en/stable/api/database/changes.html
 */
import { createHandedOverOutbox, type Dialect, type Incoming, json, type Reader } from 'throughline/core'

/** How often the server shows that it is there, in ms, by an empty line. */
const heartbeat = 15_000

/** The line's address is that of a database; `event.data` is a change: `{ seq, id, changes, deleted }`. `send()` makes a new document. */
export const couchdb: Dialect = {
  name: 'couchdb',
  transports: ['xhr-streaming', 'fetch-streaming'],

  addressing: {
    buildRequest({ url, via, headers, token, position }) {
      const there = new URL(url.href)
      if (token) headers = { Authorization: `Bearer ${token}`, ...headers }
      if (via === 'post')
        return { url: there.href, headers: { 'Content-Type': 'application/json', ...headers } }
      there.pathname = there.pathname.replace(/\/?$/, '/_changes')
      there.searchParams.set('feed', 'continuous')
      there.searchParams.set('heartbeat', `${heartbeat}`)
      there.searchParams.set('since', position.cursor || 'now')
      return { url: there.href, headers }
    },
  },

  framing: { reader: (_transport, _previous, largest) => lines(largest) },

  protocol: {
    sendsHello: false,
    comparableIds: false,
    proof: () => ({ need: 'opened' }),
    idleTimeout: 2 * heartbeat,
    parseFrame({ id, data }) {
      if (id === undefined) throw new SyntaxError('this is no change of a database')
      // The last line of a response that the server ends has no change, only where to go on.
      return data === undefined
        ? { type: 'position', cursor: id }
        : { type: 'message', event: 'message', data, cursor: id }
    },
  },

  sending: { outbox: createHandedOverOutbox, write: ({ data }) => data, codec: json },
}

/** A block for each line. Of one that is larger than allowed, no more than its beginning is held. */
function lines(largest = 2 ** 23): Reader {
  let rest = ''
  return {
    // It comes as JSON, which no event stream would.
    head: ({ status }, usual) => (status === 200 ? undefined : usual()),
    feed(chunk) {
      const found = `${rest}${chunk}`.split('\n')
      rest = found.pop()?.slice(0, largest + 1) ?? ''
      return found.filter(line => line !== '').map(line => block(line, largest))
    },
    end: () => [],
  }
}

function block(line: string, largest: number): Incoming {
  const [, last, , seq] = /^\{"(last_)?seq":("?)([^",}]+)\2/.exec(line) ?? []
  if (line.length > largest) return { id: seq, event: undefined, data: '', oversized: true }
  return { id: seq, event: undefined, data: last ? undefined : line }
}
