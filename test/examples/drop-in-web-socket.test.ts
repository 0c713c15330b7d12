import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { openChat } from '../../docs/examples/drop-in-web-socket.ts'

test('a chat says hello, shows what comes, and is told of an interruption', async () => {
  vi.stubGlobal('WebSocket', WebSocket)
  onTestFinished(() => void vi.unstubAllGlobals())
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', peer => {
    peer.on('message', data => {
      peer.send(`${data}, you too`)
      peer.close(4_000)
    })
  })
  const shown: string[] = []
  const { port } = server.address() as AddressInfo
  const socket = openChat(`ws://127.0.0.1:${port}/`, text => shown.push(text))
  await expect.poll(() => shown).toEqual(['hello, you too', 'interrupted: 4000'])
  expect(socket.shouldReconnect).toBe(true)
  socket.close()
  server.close()
})
