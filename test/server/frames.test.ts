/** A WebSocket message that comes in pieces, as proxies and libraries may cut it. */
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { address, message, parse, stand } from './harness.ts'

it('a message in fragments, torn inside a character, is taken as one', async () => {
  const at = await stand()
  const taken: unknown[] = []
  at.hub.on('message', ({ data }) => void taken.push(data))
  const ws = await open(address(at, { 'rt.via': 'websocket' }))
  const bytes = new TextEncoder().encode(message(1, '안녕하세요'))
  for (let index = 0; index < bytes.length; index++)
    ws.send(bytes.subarray(index, index + 1), { binary: false, fin: index === bytes.length - 1 })
  const [acknowledged] = await once(ws, 'message')
  expect(parse(String(acknowledged))).toMatchObject([{ event: 'rt.ack', data: '1' }])
  expect(taken).toEqual(['안녕하세요'])
  ws.terminate()
})

it('fragments that never end are cut off when they are more than any message may be', async () => {
  const at = await stand({ limits: { message: 1_000, batch: 2_000 } })
  const ws = await open(address(at, { 'rt.via': 'websocket' }))
  const closed = once(ws, 'close')
  for (let count = 0; count < 30; count++) ws.send('x'.repeat(100), { fin: false })
  expect((await closed)[0]).toBe(1009)
})

/** Resolves when the greeting came. */
async function open(url: string): Promise<WebSocket> {
  const ws = new WebSocket(url.replace('http', 'ws')).on('error', () => {})
  await once(ws, 'message')
  return ws
}
