import type { Server } from 'node:http'
import { serveCentrifuge } from './servers/centrifuge.ts'
import { serveNative } from './servers/native.ts'
import { serveSignalR } from './servers/signalr.ts'
import { serveSocketIo } from './servers/socket-io.ts'
import { serveSockJs } from './servers/sockjs.ts'
import { serveThroughline } from './servers/throughline.ts'

export interface Contestant {
  readonly name: string
  /** The module in pages/ that opens it. */
  readonly page: string
  /** Sends each client a message as soon as it is there; the message says what carries it. */
  serve(server: Server): void
  /** What stands in the chart apart from the others. */
  readonly kind: 'native' | 'ours' | 'peer'
  /** The page was there before, and what it learned is kept. */
  readonly returns?: true
  /** Takes part only in this network. */
  readonly only?: string
}

export const contestants: readonly Contestant[] = [
  { name: 'native WebSocket', page: 'native-websocket', serve: serveNative, kind: 'native' },
  { name: 'native EventSource', page: 'native-eventsource', serve: serveNative, kind: 'native' },
  { name: 'one poll', page: 'native-poll', serve: serveNative, kind: 'native' },
  {
    name: 'one refused handshake',
    page: 'native-refused',
    serve: serveNative,
    kind: 'native',
    only: 'refused',
  },
  { name: 'throughline', page: 'throughline', serve: serveThroughline, kind: 'ours' },
  { name: 'throughline, eager', page: 'throughline-eager', serve: serveThroughline, kind: 'ours' },
  {
    name: 'throughline, returning',
    page: 'throughline',
    serve: serveThroughline,
    kind: 'ours',
    returns: true,
  },
  { name: 'socket.io', page: 'socket-io', serve: serveSocketIo, kind: 'peer' },
  { name: 'sockjs', page: 'sockjs', serve: serveSockJs, kind: 'peer' },
  { name: 'SignalR*', page: 'signalr', serve: serveSignalR, kind: 'peer' },
  { name: 'centrifuge*', page: 'centrifuge', serve: serveCentrifuge, kind: 'peer' },
]
