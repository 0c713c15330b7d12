// deno add npm:throughline npm:crossws, then: deno run --allow-net --allow-read --allow-env server.js
import crossws from 'crossws/adapters/deno'
import { createHub } from 'throughline/server'

const hub = createHub()
hub.on('message', ({ data }) => hub.publish('room', data))
// The hub looks after silent lines itself.
const sockets = crossws({ hooks: hub.crossws, idleTimeout: 0 })
const files = {
  '/': new URL('../page.html', import.meta.url),
  '/throughline.js': new URL('throughline.min.js', import.meta.resolve('throughline')),
}

Deno.serve({ hostname: 'localhost', port: Number(Deno.env.get('PORT') ?? 3000) }, async (request, info) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/live') {
    if (request.headers.get('upgrade') === 'websocket') return sockets.handleUpgrade(request, info)
    return hub.fetch(request, { address: info.remoteAddr.hostname })
  }
  const file = files[pathname]
  if (!file) return new Response('There is nothing here.', { status: 404 })
  const type = pathname === '/' ? 'text/html' : 'text/javascript'
  return new Response(await Deno.readTextFile(file), { headers: { 'Content-Type': type } })
})
