import type { Serve } from '../peers/peer.ts'
import { serveCentrifuge } from '../peers/servers/centrifuge.ts'
import { serveNative } from '../peers/servers/native.ts'
import { serveSignalR } from '../peers/servers/signalr.ts'
import { serveSocketIo } from '../peers/servers/socket-io.ts'
import { serveSockJs } from '../peers/servers/sockjs.ts'
import { serveThroughline } from '../peers/servers/throughline.ts'
import type { Kind } from '../report/range-chart.ts'

/** The servers, each with the modules in peers/pages/ that speak to it. */
export const servers = {
  native: serveNative,
  throughline: serveThroughline,
  'socket-io': serveSocketIo,
  'socket-io-recovering': (server, door) => serveSocketIo(server, door, true),
  sockjs: serveSockJs,
  signalr: serveSignalR,
  centrifuge: serveCentrifuge,
} satisfies Record<string, Serve>

export type PipeName = 'websocket' | 'eventsource' | 'xhr-streaming' | 'long-polling' | 'jsonp'

/** Somebody over one channel. */
export interface Contestant {
  readonly name: string
  readonly kind: Kind
  readonly channel: PipeName
  readonly server: keyof typeof servers
  readonly page: string
  /** What its library calls the channel. */
  readonly via?: string
}

export const channels: readonly PipeName[] = [
  'websocket',
  'eventsource',
  'xhr-streaming',
  'long-polling',
  'jsonp',
]

/** Without a library: what a page can do by itself over the channel. */
export const natives: Readonly<Partial<Record<PipeName, string>>> = {
  websocket: 'native WebSocket',
  eventsource: 'native EventSource',
  'xhr-streaming': 'plain fetch stream',
  'long-polling': 'plain long poll',
}

/** The same by XMLHttpRequest, of which Chromium tells every 50 ms at most. */
export const plainXhr: Contestant = { ...native('xhr-streaming', 'native-xhr'), name: 'plain XHR stream' }

/** Everybody over every channel they have, those of one channel together. */
export const contestants: readonly Contestant[] = [
  native('websocket', 'native-websocket'),
  ours('websocket'),
  peer('socket.io', 'websocket', 'socket-io', 'websocket'),
  peer('sockjs', 'websocket', 'sockjs', 'websocket'),
  peer('SignalR*', 'websocket', 'signalr', 'websocket'),
  peer('centrifuge*', 'websocket', 'centrifuge', 'websocket'),

  native('eventsource', 'native-eventsource'),
  ours('eventsource'),
  peer('sockjs', 'eventsource', 'sockjs', 'eventsource'),
  peer('SignalR*', 'eventsource', 'signalr', 'eventsource'),
  peer('centrifuge*', 'eventsource', 'centrifuge', 'sse'),

  native('xhr-streaming', 'native-fetch'),
  plainXhr,
  ours('xhr-streaming'),
  peer('sockjs', 'xhr-streaming', 'sockjs', 'xhr-streaming'),
  peer('centrifuge*', 'xhr-streaming', 'centrifuge', 'http_stream'),

  native('long-polling', 'native-poll'),
  ours('long-polling'),
  peer('socket.io', 'long-polling', 'socket-io', 'polling'),
  peer('sockjs', 'long-polling', 'sockjs', 'xhr-polling'),
  peer('SignalR*', 'long-polling', 'signalr', 'long-polling'),

  ours('jsonp'),
]

export function native(channel: PipeName, page: string): Contestant {
  return { name: natives[channel] ?? page, kind: 'native', channel, server: 'native', page }
}

export function ours(channel: PipeName): Contestant {
  return {
    name: `throughline ${channel}`,
    kind: 'ours',
    channel,
    server: 'throughline',
    page: 'throughline',
    via: channel,
  }
}

export function peer(name: string, channel: PipeName, server: keyof typeof servers, via: string): Contestant {
  return { name: `${name} ${via}`, kind: 'peer', channel, server, page: server, via }
}
