import { connect } from 'throughline'
import { afterEach, expect, inject, test } from 'vitest'
import { WebSocket } from 'ws'

let line
afterEach(() => line.close())

test('a line in Node hears what is published', async () => {
  line = connect(inject('url'), { environment: { WebSocket } })
  const lobby = line.subscribe('lobby')
  const heard = new Promise(resolve => {
    lobby.onmessage = resolve
  })
  await lobby.opened
  await line.send('hello')
  expect((await heard).data).toBe('heard hello')
  expect(line.transport).toBe('websocket')
})
