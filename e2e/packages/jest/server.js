/** A server for all tests. It says in the lobby what it is sent. */
const { once } = require('node:events')
const { createServer } = require('node:http')
const { createHub } = require('throughline/server')

module.exports = async () => {
  // The origin that jsdom's pages have.
  const hub = createHub({ path: '/live', origins: ['http://localhost'] })
  hub.on('message', ({ data }) => hub.publish('lobby', `heard ${data}`))
  const server = createServer()
  hub.attach(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')

  process.env.LIVE_URL = `http://127.0.0.1:${server.address().port}/live`
  globalThis.endServer = async () => {
    await hub.close()
    server.close()
  }
}
