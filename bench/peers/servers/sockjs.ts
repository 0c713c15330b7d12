import type { Server } from 'node:http'
import { type Connection, createServer } from 'sockjs'
import type { Door } from '../peer.ts'

export function serveSockJs(server: Server, { joined, heard }: Door): (text: string) => void {
  const connections = new Set<Connection>()
  const service = createServer({ prefix: '/sockjs', log() {} })
  service.on('connection', connection => {
    connections.add(connection)
    connection.on('data', text => heard?.(text))
    connection.on('close', () => connections.delete(connection))
    joined({ carrier: connection.protocol, send: text => connection.write(text) })
  })
  service.installHandlers(server)
  return text => {
    for (const connection of connections) connection.write(text)
  }
}
