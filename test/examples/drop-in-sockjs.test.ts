import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { openChat } from '../../docs/examples/drop-in-sockjs.ts'

test('a chat says hello, shows what comes, and hears why it was closed', async () => {
  vi.stubGlobal('WebSocket', WebSocket)
  onTestFinished(() => void vi.unstubAllGlobals())
  const sockjs = createRequire(import.meta.url)('sockjs') as typeof import('sockjs')
  const service = sockjs.createServer({ prefix: '/chat', log() {} })
  service.on('connection', connection => {
    connection.on('data', text => {
      connection.write(`${text}, you too`)
      connection.close(4_000, 'enough')
    })
  })
  const server = createServer()
  service.installHandlers(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const shown: string[] = []
  openChat(`http://127.0.0.1:${(server.address() as AddressInfo).port}/chat`, text => shown.push(text))
  await expect.poll(() => shown).toEqual(['hello, you too', 'closed: 4000 enough'])
  server.closeAllConnections()
  server.close()
})
