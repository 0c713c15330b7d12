// bun add throughline crossws, then: bun server.js
import crossws from 'crossws/adapters/bun'
import { createHub } from 'throughline/server'

const hub = createHub()
hub.on('message', ({ data }) => hub.publish('room', data))
// The hub looks after silent lines itself.
const sockets = crossws({ hooks: hub.crossws, idleTimeout: 0 })

const server = Bun.serve({
  hostname: 'localhost',
  port: process.env.PORT ?? 3000,
  // Bun would end a poll or a stream that says nothing for ten seconds.
  idleTimeout: 0,
  websocket: sockets.websocket,
  routes: {
    '/': new Response(Bun.file(new URL('../page.html', import.meta.url))),
    '/throughline.js': new Response(
      Bun.file(new URL('throughline.min.js', import.meta.resolve('throughline'))),
    ),
  },
  fetch(request, server) {
    if (new URL(request.url).pathname !== '/live')
      return new Response('There is nothing here.', { status: 404 })
    if (request.headers.get('upgrade') === 'websocket') return sockets.handleUpgrade(request, server)
    return hub.fetch(request, { address: server.requestIP(request)?.address })
  },
})
console.log(`http://localhost:${server.port}/`)
