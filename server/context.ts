import type { Cluster } from './cluster/cluster.ts'
import type { Connections } from './delivery/connections.ts'
import type { Events } from './events.ts'
import type { Claims } from './http/claims.ts'
import type { Room } from './http/connection-room.ts'
import type { Settings, TransportName } from './options.ts'
import type { Expelled } from './sessions/expelled.ts'
import type { HubEvents, Inbox } from './sessions/inbox.ts'
import type { Inflow } from './sessions/inflow.ts'
import type { Roaming } from './sessions/roaming.ts'
import type { Sessions } from './sessions/sessions.ts'
import type { Turns } from './sessions/turns.ts'
import type { Sockets } from './transports/websocket-server.ts'
import type { Compression } from './wire/compression.ts'

/** What the parts of a hub share. */
export interface Context {
  readonly settings: Settings
  readonly events: Events<HubEvents>
  readonly sessions: Sessions
  readonly lines: Connections
  readonly claims: Claims
  readonly expelled: Expelled
  readonly accept: Inbox
  readonly inflow: Inflow
  readonly turns: Turns
  readonly room: Room
  readonly sockets: Sockets
  /** What compresses, if anything is to be. */
  readonly compression: Compression | undefined
  /** Transports that are refused just now. */
  readonly refused: ReadonlySet<TransportName | 'post'>
  readonly roaming: Roaming
  /** The hubs that share the log, where each can be reached. */
  readonly cluster: Cluster | undefined
  /** Once it is going away it lets nobody in; how long newcomers are told to wait, in seconds. */
  readonly away: number | undefined
}
