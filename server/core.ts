import type { Events } from './events.ts'
import type { Inflow } from './inflow.ts'
import type { HubEvents, Intake } from './intake.ts'
import type { Lines } from './lines.ts'
import type { Settings, TransportName } from './options.ts'
import type { Roaming } from './roaming.ts'
import type { Room } from './room.ts'
import type { Sessions } from './sessions.ts'
import type { createSockets } from './sockets.ts'
import type { Turns } from './turns.ts'

/** What the parts of a hub share. */
export interface Core {
  readonly settings: Settings
  readonly events: Events<HubEvents>
  readonly sessions: Sessions
  readonly lines: Lines
  readonly accept: Intake
  readonly inflow: Inflow
  readonly turns: Turns
  readonly room: Room
  readonly sockets: ReturnType<typeof createSockets>
  /** Transports that are refused just now. */
  readonly refused: ReadonlySet<TransportName | 'post'>
  readonly roaming: Roaming
  /** Once it is going away it lets nobody in; how long newcomers are told to wait, in seconds. */
  readonly away: number | undefined
}
