import type { Server } from 'node:http'
import { createServer } from 'sockjs'

export function serveSockJs(server: Server): void {
  const service = createServer({ prefix: '/sockjs', log() {} })
  service.on('connection', connection => connection.write(connection.protocol))
  service.installHandlers(server)
}
