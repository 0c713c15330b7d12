const { connect } = require('throughline')
const { WebSocket } = require('ws')

let line
afterEach(() => line.close())

test('a line in Node hears what is published', async () => {
  line = connect(process.env.LIVE_URL, { environment: { WebSocket } })
  const lobby = line.subscribe('lobby')
  const heard = new Promise(resolve => {
    lobby.onmessage = resolve
  })
  await lobby.opened
  await line.send('hello')
  expect((await heard).data).toBe('heard hello')
  expect(line.transport).toBe('websocket')
})
