/**
 * Speaks to a SockJS server. docs/servers/sockjs.md says what it promises.
 *
 * @module throughline/dialects/sockjs
 */
import type { Dialect, Incoming, Reader } from '../contracts/dialect.ts'
import type { Frame } from '../contracts/frame.ts'
import type { Traits } from '../contracts/traits.ts'
import { createHandedOverOutbox } from '../outbox/handed-over.ts'
import { setQuery } from '../wire/address.ts'
import { textCodec } from '../wire/codec.ts'
import { gatherer } from '../wire/gatherer.ts'

/** Options of `sockjs()`. */
export interface SockJSOptions {
  /**
   * How often the server shows that it is there, in ms, on the channels that show it: over WebSocket most servers ping in a way that
   * a page does not see.
   * @default 25000, as with SockJS servers themselves
   */
  heartbeat?: number
  /**
   * Whether the server's closing with this code is its last word.
   * @default it is for 1000, 1008 and all above 3000; after others the line comes back
   */
  ends?: (code: number, reason: string) => boolean
  /** Is called with each heartbeat that the page sees. @default they count, and nobody hears of them */
  heartbeats?: () => void
  /**
   * What stands before the session in each address, by which a load balancer may choose.
   * @default three digits, for each session other ones
   */
  server?: string
  /**
   * The session's name in each address; `channel` is the same for all requests of one session.
   * @default a random name, `channel` itself
   */
  session?: (channel: string) => string
}

/**
 * A SockJS server, over all five transports; the address is its prefix. SockJS has neither ids nor acknowledgements: a new
 * connection is a new session, and what was published in between is lost.
 */
export function sockjs({
  heartbeat = 25_000,
  ends = code => code === 1_000 || code === 1_008 || code > 3_000,
  heartbeats,
  server: given,
  session: nameOf = channel => channel,
}: SockJSOptions = {}): Dialect {
  return {
    name: 'sockjs',
    transports: Object.keys(paths),
    addressing: {
      showsToken: true,
      buildRequest({
        url,
        via,
        by: { kind, setsHeaders },
        headers,
        token,
        nonce,
        channel = nonce,
        beside,
        jsonpCallback: callback,
      }) {
        const there = new URL(url)
        const besideScript = beside === 'script'
        const path = paths[via] ?? (besideScript ? 'jsonp_send' : 'xhr_send')
        const server = given ?? `${1_000 + (Number.parseInt(channel, 36) % 1_000)}`.slice(1)
        there.pathname = `${there.pathname.replace(/\/$/, '')}/${server}/${nameOf(channel)}/${path}`
        if (kind === 'socket') there.protocol = there.protocol.replace('http', 'ws')
        if (callback) setQuery(there, 'c', callback)
        const byXhr = setsHeaders && !besideScript
        if (token && byXhr) headers = { Authorization: `Bearer ${token}`, ...headers }
        else if (token) setQuery(there, 'token', token)
        return { url: there.href, headers, ...(byXhr && { method: 'POST' }) }
      },
    },
    framing: {
      reader: ({ kind, setsHeaders }, _previous, limit) =>
        setsHeaders ? lines(heartbeats, limit) : frames(heartbeats, kind),
    },
    protocol: {
      sendsHello: true,
      comparableIds: false,
      proof: () => ({ need: 'block' }),
      parseFrame({ event, data = '' }, { session }) {
        if (event === 'a') return { type: 'message', event: 'message', data, cursor: undefined }
        if (event === 'c') {
          const [code, reason] = JSON.parse(data)
          return bye(`the server closed this session: ${code} ${reason}`, ends(code, reason))
        }
        if (event !== 'o') throw new SyntaxError(`"${event}" begins no frame of SockJS`)
        // A response ended, by the network as it turns out, and the server began anew where it had to go on.
        if (session !== undefined) return bye('the server has lost this session')
        // Where there are none, as long as a timer can run.
        const every = data ? heartbeat : 2 ** 29
        const welcome = { session: '', resumed: false, heartbeat: every }
        return { type: 'hello', cursor: undefined, hello: welcome }
      },
    },
    sending: {
      outbox: createHandedOverOutbox,
      codec: textCodec('SockJS carries'),
      write: ({ data }) => JSON.stringify([data]),
      isSessionLost: status => status === 404,
    },
    policy: { resumesCleanEnd: true },
  }
}

/** What a SockJS server calls each transport, at the end of the address. Sends have a path of their own. */
const paths: Record<string, string> = {
  websocket: 'websocket',
  eventsource: 'eventsource',
  'xhr-streaming': 'xhr_streaming',
  'long-polling': 'xhr',
  jsonp: 'jsonp',
}

type Beat = SockJSOptions['heartbeats']

/** One frame at a time. In an event stream some characters of it are escaped. */
function frames(heartbeats: Beat, kind: Traits['kind']): Reader {
  return {
    feed: chunk =>
      frame(kind === 'stream' ? unescaped(chunk as string) : chunk, kind !== 'socket', heartbeats),
    end: () => [],
  }
}

/** A frame a line. */
function lines(heartbeats: Beat, limit?: number): Reader {
  const rest = gatherer(limit)
  return {
    head: ({ status, header }, usual) =>
      status === 200 && header('Content-Type')?.includes('javascript') ? undefined : usual(),
    feed(chunk) {
      const ends = (chunk as string).split('\n')
      const last = ends.pop() as string
      const found = ends.flatMap(end => {
        rest.add(end)
        const { data = '', oversized } = rest.taken()
        return oversized ? [{ ...block('a', data), oversized }] : frame(data, true, heartbeats)
      })
      rest.add(last)
      return found
    },
    end: () => [],
  }
}

/** `beats`: whether this channel shows heartbeats. */
function frame(text: string | ArrayBuffer, beats: boolean, heartbeats: Beat): Incoming[] {
  if (typeof text !== 'string' || !text) return []
  if (text[0] === 'h') {
    heartbeats?.()
    return []
  }
  const event = text[0] as string
  if (event === 'o') return [block(event, beats ? 'h' : '')]
  try {
    if (event === 'a') return JSON.parse(text.slice(1)).map((data: string) => block(event, `${data}`))
  } catch {
    return [block(text.slice(0, 40))]
  }
  return [block(event, text.slice(1))]
}

function block(event: string, data?: string): Incoming {
  return { event, data } as Incoming
}

/** Servers escape what an event stream could not hold, as the protocol's first one does. */
function unescaped(data: string): string {
  return data.replace(/%(?:25|0[0AD])/gi, unescape)
}

/** A status is what a response would have that is the server's last word. */
function bye(why: string, last = false): Frame {
  return { type: 'bye', why, ...(last && { status: 204 }) }
}
