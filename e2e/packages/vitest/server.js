/** A server for all tests. It says in the lobby what it is sent. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

export async function setup({ provide }) {
  // The origin that jsdom's pages have.
  const hub = createHub({ path: '/live', origins: ['http://localhost:3000'] })
  hub.on('message', ({ data }) => hub.publish('lobby', `heard ${data}`))
  const server = createServer()
  hub.attach(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')

  provide('url', `http://127.0.0.1:${server.address().port}/live`)
  return async () => {
    await hub.close()
    server.close()
  }
}
