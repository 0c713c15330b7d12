import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createForwarder, type Forwarded } from '../../server/cluster/forward.ts'
import { FetchAnswer } from '../../server/fetch/answer.ts'

const what: Forwarded = { method: 'POST', url: '/', headers: {}, body: Buffer.from('1') }

it('what a hub may have taken that is not there any more is not said to be taken by nobody', async () => {
  const heard: string[] = []
  const server = createServer((request, response) => {
    heard.push(`${request.method}`)
    if (heard.length === 1) return void response.end('taken')
    server.close()
    request.socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const forwarder = createForwarder()
  onTestFinished(() => forwarder.close())
  const ask = () => forwarder.request(address, what, new FetchAnswer(new AbortController().signal))
  expect(await ask()).toBe('answered')
  // Its connection is used again.
  await new Promise(resolve => setTimeout(resolve, 50))
  expect(await ask()).toBe('broken')
  expect(heard).toHaveLength(2)
  expect(await ask()).toBe('absent')
  expect(await forwarder.tell(address, {})).toBe('absent')
})
