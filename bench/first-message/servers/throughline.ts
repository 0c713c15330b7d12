import type { Server } from 'node:http'
import { createHub } from '../../../server/index.ts'

export function serveThroughline(server: Server): void {
  const hub = createHub()
  hub.on('open', ({ session }) => void session.send(session.transport))
  hub.attach(server)
}
