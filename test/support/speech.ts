import type { Dialect } from '../../src/contracts/dialect.ts'
import type { Transport } from '../../src/contracts/transport.ts'
import { durableStreams } from '../../src/dialects/durable-streams.ts'
import { mercure } from '../../src/dialects/mercure.ts'
import { native } from '../../src/dialects/native.ts'
import { nchan } from '../../src/dialects/nchan.ts'
import { plain, plainWith } from '../../src/dialects/plain.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { sockjs } from '../../src/dialects/sockjs.ts'
import { eventsource } from '../../src/transports/eventsource.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { jsonp } from '../../src/transports/jsonp.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { multipart } from '../../src/transports/multipart.ts'
import { polling } from '../../src/transports/polling.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { xhrStreaming } from '../../src/transports/xhr-streaming.ts'
import { encode } from '../../src/wire/encoder.ts'
import type { Answer, Asked } from './answering.ts'
import { welcome } from './blocks.ts'

/** The words of one kind of server: how it greets, and how it says a message. */
export interface Speech {
  readonly dialect: Dialect
  hello(asked: Asked): Answer
  /** With the greeting, where each answer begins with one. */
  message(asked: Asked, number: number): Answer
}

const all = { websocket, eventsource, xhrStreaming, longPolling, jsonp, fetchStreaming, multipart }
export const transports: readonly Transport[] = [...Object.values(all), polling()]

const spoken = (event: ReturnType<typeof welcome>) => encode(event as Parameters<typeof encode>[0])

/** An event stream, a frame of a WebSocket, or parts. */
function foreign(dialect: Dialect): Speech {
  const say = (asked: Asked, text: string, frame: string[]): Answer => {
    if (asked.via === 'websocket') return { body: frame }
    if (!asked.headers.Accept?.includes('multipart')) return { body: text }
    const body = `--b\r\nContent-Type: text/event-stream\r\n\r\n${text}\r\n--b--`
    return { headers: { 'Content-Type': 'multipart/mixed; boundary=b' }, body }
  }
  return {
    dialect,
    hello: asked => say(asked, ': hello\n\n', []),
    message: (asked, number) => say(asked, `id: 1700000000:${number}\ndata: x\n\n`, [`x ${number}`]),
  }
}

const handshake = '0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'

/** Frames of SockJS, as each transport has them. */
function sockjsFrames({ via }: Asked, frames: string[]): Answer {
  if (via === 'websocket') return { body: frames }
  if (via === 'eventsource') return { body: frames.map(frame => `data: ${frame}\n\n`).join('') }
  if (via === 'script') return { body: frames[0] ?? '' }
  return {
    headers: { 'Content-Type': 'application/javascript' },
    body: frames.map(frame => `${frame}\n`).join(''),
  }
}

function socketioPackets({ via }: Asked, packets: string[]): Answer {
  if (via === 'websocket') return { body: packets }
  return { headers: { 'Content-Type': 'text/plain' }, body: packets.join('\x1e') }
}

/** An event stream, or the answer to a poll. */
function durable({ url }: Asked, values: string, offset: number): Answer {
  if (url.searchParams.get('live') !== 'sse')
    return {
      headers: { 'Content-Type': 'application/json', 'Stream-Next-Offset': `${offset}` },
      body: values,
    }
  return {
    body: `event: data\ndata: ${values}\n\nevent: control\ndata: {"streamNextOffset":"${offset}"}\n\n`,
  }
}

export const speeches: Record<string, Speech> = {
  native: {
    dialect: native,
    hello: ({ turn }) => ({ body: spoken(welcome({ session: `s${turn}` })) }),
    message: ({ turn }, number) => ({
      body: spoken(welcome({ session: `s${turn}` })) + encode({ id: `e.${number}.t`, data: 'x' }),
    }),
  },
  plain: foreign(plain),
  'plain to the letter': foreign(plainWith({ letter: true })),
  nchan: foreign(nchan()),
  mercure: foreign(mercure()),
  'durable streams': {
    dialect: durableStreams(),
    hello: asked => durable(asked, '[]', 1),
    message: (asked, number) => durable(asked, `[${number}]`, number),
  },
  sockjs: {
    dialect: sockjs(),
    hello: asked => sockjsFrames(asked, ['o']),
    message: (asked, number) => sockjsFrames(asked, ['o', `a["${number}"]`]),
  },
  socketio: {
    dialect: socketio(),
    hello: asked => socketioPackets(asked, [handshake, '40{"sid":"x"}']),
    message: (asked, number) => socketioPackets(asked, [handshake, '40{"sid":"x"}', `42["e","${number}"]`]),
  },
}
