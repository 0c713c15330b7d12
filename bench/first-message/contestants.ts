import type { Serve } from '../peers/peer.ts'
import { serveCentrifuge } from '../peers/servers/centrifuge.ts'
import { serveNative } from '../peers/servers/native.ts'
import { serveSignalR } from '../peers/servers/signalr.ts'
import { serveSocketIo } from '../peers/servers/socket-io.ts'
import { serveSockJs } from '../peers/servers/sockjs.ts'
import { serveThroughline } from '../peers/servers/throughline.ts'

export interface Contestant {
  readonly name: string
  /** The module that opens it, by its path from bench/. */
  readonly page: string
  readonly serve: Serve
  /** What stands in the chart apart from the others. */
  readonly kind: 'native' | 'ours' | 'peer'
  /** The page was there before, and what it learned is kept. */
  readonly returns?: true
  /** Takes part only in this network. */
  readonly only?: string
}

export const contestants: readonly Contestant[] = [
  { name: 'native WebSocket', page: 'peers/pages/native-websocket.ts', serve: serveNative, kind: 'native' },
  {
    name: 'native EventSource',
    page: 'peers/pages/native-eventsource.ts',
    serve: serveNative,
    kind: 'native',
  },
  { name: 'one poll', page: 'peers/pages/native-poll.ts', serve: serveNative, kind: 'native' },
  {
    name: 'one refused handshake',
    page: 'first-message/pages/native-refused.ts',
    serve: serveNative,
    kind: 'native',
    only: 'refused',
  },
  { name: 'throughline', page: 'peers/pages/throughline.ts', serve: serveThroughline, kind: 'ours' },
  {
    name: 'throughline, eager',
    page: 'first-message/pages/throughline-eager.ts',
    serve: serveThroughline,
    kind: 'ours',
  },
  {
    name: 'throughline, returning',
    page: 'peers/pages/throughline.ts',
    serve: serveThroughline,
    kind: 'ours',
    returns: true,
  },
  { name: 'socket.io', page: 'peers/pages/socket-io.ts', serve: serveSocketIo, kind: 'peer' },
  { name: 'sockjs', page: 'peers/pages/sockjs.ts', serve: serveSockJs, kind: 'peer' },
  { name: 'SignalR*', page: 'peers/pages/signalr.ts', serve: serveSignalR, kind: 'peer' },
  { name: 'centrifuge*', page: 'peers/pages/centrifuge.ts', serve: serveCentrifuge, kind: 'peer' },
]
