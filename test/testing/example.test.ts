import { connect } from 'throughline'
import { createTestServer } from 'throughline/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'

let server = createTestServer()
beforeEach(() => {
  server = createTestServer()
})
afterEach(() => server.close())

test('a chat shows what others say, and says what I say', async () => {
  const line = connect('http://localhost/live', { environment: server.environment })
  const room = line.subscribe('room')
  await room.opened
  const heard = new Promise(resolve => {
    room.onmessage = event => resolve(event.data)
  })
  await server.hub.publish('room', 'hello')
  expect(await heard).toBe('hello')

  await line.send('hi')
  expect((await server.nextSent()).data).toBe('hi')
})
