/**
 * Speaks to a Socket.IO 4 server. docs/servers/socketio.md says what it promises.
 *
 * @module throughline/dialects/socketio
 */
import type { Dialect, Incoming, Reader } from '../contracts/dialect.ts'
import { createHandedOverOutbox } from '../outbox/handed-over.ts'
import { json, type Payload } from '../wire/codec.ts'
import { gatherer } from '../wire/gatherer.ts'
import { pack, unpack } from '../wire/payload.ts'
import { createReplayFilter } from './replay-filter.ts'

/** Options of `socketio()`. */
export interface SocketIOOptions {
  /**
   * What the server finds in `socket.handshake.auth` beside `token`, which is the line's own.
   * @default nothing
   */
  auth?: Record<string, unknown>
}

/**
 * A Socket.IO server of version 3 or 4, by WebSocket or long polling; the address is its path, `/socket.io/` if it was not changed.
 * Where the server has connection state recovery, what was missed is heard after a reconnect, or a `gap` tells of it.
 */
export function socketio({ auth }: SocketIOOptions = {}): Dialect {
  return {
    name: 'socketio',
    transports: ['websocket', 'long-polling'],
    addressing: {
      buildRequest({ url, by, headers, position: { session }, nonce, pollIndex: turn }) {
        const there = new URL(url)
        const socket = by.kind === 'socket'
        if (!there.pathname.endsWith('/')) there.pathname += '/'
        if (socket) there.protocol = there.protocol.replace('http', 'ws')
        const sid = !socket && session && turn !== 0 ? `&sid=${JSON.parse(session).sid}` : ''
        there.search += `${there.search && '&'}EIO=4&transport=${socket ? 'websocket' : 'polling'}&t=${nonce}${sid}`
        return { url: there.href, headers }
      },
    },
    framing: { reader: ({ kind }, previous, limit) => previous ?? packets(kind === 'socket', limit) },
    protocol: {
      sendsHello: true,
      comparableIds: false,
      replays: createReplayFilter,
      // The one comes of itself, the other after a word of ours: both ways work.
      proof: () => ({ need: 'hello', within: 10_000 }),
      parseFrame({ event, id, data, attached }: Packet, { cursor, session = '{}' }) {
        const [pid, offset] = cursor.split(' ')
        const told = data && JSON.parse(data)
        const to = told?.pid == null ? undefined : `${told.pid}`
        switch (event) {
          case '0': {
            const text = (token?: string) =>
              `40${JSON.stringify({ ...(cursor && { pid, offset }), ...auth, token })}`
            // The handshake as it came: its times and limits count once the line is open.
            return { type: 'reply', text, session: data as string }
          }
          case '2':
            return { type: 'reply', text: () => '3' }
          case '40': {
            const { pingInterval: heartbeat, maxPayload: message } = JSON.parse(session)
            // A server of version 2 says it without being asked, and without an id.
            if (!told) return { type: 'bye', why: old }
            const welcome = { session, resumed: to === pid, heartbeat, limits: message ? { message } : {} }
            return { type: 'hello', cursor: to, hello: welcome }
          }
          case 'old':
            return { type: 'bye', why: old }
          case 'gap':
            if (!pid || pid === to) break
            return { type: 'gap', cursor: to ?? '', gap: { reason: 'unknown', from: cursor, to: to ?? '' } }
          case '42':
          case '45': {
            const [name, ...args] = told
            if (Object(name) === name || name == null) throw new SyntaxError('an event without a name')
            const last = args[args.length - 1]
            // Where there is recovery, what would be sent again ends in its offset; what is volatile does not.
            const ends = pid && !id && typeof last === 'string' && offsets.test(last)
            const at = ends ? `${pid} ${args.pop()}` : undefined
            const answer = id ? (given: Payload) => packet(3, id, '', given) : undefined
            return { type: 'message', event: `${name}`, data: contentOf(args, attached), cursor: at, answer }
          }
          case '43':
          case '46':
            return { type: 'answer', number: +(id as string), data: contentOf(told, attached) }
          case '41':
          case '44': {
            const why = `the server said ${told ? told.message : 'goodbye'}`
            // What a response would have that says so.
            return { type: 'bye', status: told ? 401 : 204, why, cause: told || undefined }
          }
        }
        return { type: 'nothing' }
      },
    },
    sending: {
      outbox: createHandedOverOutbox,
      replies: true,
      codec: json,
      // The namespace is left, and the connection is closed: over long polling the server would wait for it otherwise.
      goodbye: () => `41${separator}1`,
      write({ event = 'message', data, answer }, number) {
        if (reserved.has(event))
          throw new TypeError(
            `send: event is ${JSON.stringify(event)}, which Socket.IO reserves; choose another name`,
          )
        return packet(2, answer ? `${number}` : '', `${JSON.stringify(event)},`, data)
      },
      frames: payload => (payload as string).split(separator),
      isSessionLost: status => status === 400,
    },
  }
}

const separator = '\x1e'

/** A server hangs up on a client that sends one of these, or its own library refuses them. */
const reserved = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
])

const old = 'the server speaks as Socket.IO of version 2 and before; this dialect needs version 3 or 4'

/**
 * What the adapters give that recover: seven letters that are a time (the one in memory, of the years 2017 to 2040), the id of an entry of a
 * Redis stream, or an id of MongoDB. Any other text at the end of an event is what was sent.
 */
const offsets = /^(?:[M-W][\w-]{6}(?:\.[\w-]+)?|\d{13}-\d+|[0-9a-f]{24})$/

/** A packet: its type is the event, the rest its data. */
interface Packet extends Incoming {
  /** Bytes as a WebSocket brings them, or `b` and base64. */
  attached?: string | ArrayBuffer
}

/** `whole`: a text is one packet, and not a piece of several. */
function packets(whole: boolean, limit?: number): Reader {
  const rest = gatherer(limit)
  let packet: Packet
  // How many attachments it waits for: they follow it, over long polling perhaps in the next answer.
  let missing = 0
  // What a recovered session missed comes before the word that it is recovered.
  let early: Packet[] | undefined = []

  const feed = (chunk: string | ArrayBuffer): Packet[] => {
    if (typeof chunk !== 'string') return take(chunk)
    const ends = chunk.split(separator)
    const last = whole ? '' : (ends.pop() as string)
    const found = ends.flatMap(end => {
      rest.add(end)
      const { data = '', oversized } = rest.taken()
      return take(data, oversized)
    })
    rest.add(last)
    return found
  }
  return {
    head: ({ status, header }, usual) =>
      status === 200 && header('Content-Type')?.startsWith('text/plain') ? undefined : usual(),
    feed,
    end: () => feed(separator),
  }

  function take(text: string | ArrayBuffer, oversized?: true): Packet[] {
    if (typeof text !== 'string' || text[0] === 'b' || (oversized && missing)) {
      if (!missing) return []
      packet.attached ??= text
      if (oversized) packet.oversized = oversized
      missing--
    } else if (early && /^\d+:0\{/.test(text)) {
      // A payload of version 2 says how long each packet is.
      return [{ event: 'old' } as Packet]
    } else if (oversized) packet = { event: '42', data: '[""]', oversized } as Packet
    else {
      const [, event, count, id, data] = /^(4?.?)(?:(\d+)-)?(\d*)(.*)/s.exec(text) as unknown as string[]
      packet = { event, id, data } as Packet
      missing = +(count ?? 0)
    }
    const { event } = packet
    if (missing || !event) return []
    if (event === '40') {
      const missed = early ?? []
      early = undefined
      return [packet, { ...packet, event: 'gap' }, ...missed]
    }
    if (!early || !/^4[25]/.test(event)) return [packet]
    early.push(packet)
    return []
  }
}

/** One argument as it is, several as an array. Of bytes only those that are all there is. */
function contentOf(args: unknown[], attached: Packet['attached']): string | ArrayBuffer {
  const [only = null] = args as ({ _placeholder?: true } | undefined)[]
  // A text may say the same, where nothing is attached.
  if (args.length === 1 && only?._placeholder && attached !== undefined)
    return typeof attached === 'string' ? unpack(attached.slice(1), 'base64') : (attached as ArrayBuffer)
  return JSON.stringify(args.length > 1 ? args : only)
}

function packet(type: number, id: string, name: string, data: Payload): string {
  return typeof data === 'string'
    ? `4${type}${id}[${name}${data}]`
    : `4${type + 3}1-${id}[${name}{"_placeholder":true,"num":0}]${separator}b${pack(data).data}`
}
