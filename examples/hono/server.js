// npm install throughline crossws hono @hono/node-server, then: node server.js
import { readFile } from 'node:fs/promises'
import { serve } from '@hono/node-server'
import crossws from 'crossws/adapters/node'
import { Hono } from 'hono'
import { createHub } from 'throughline/server'

const hub = createHub()
hub.on('message', ({ data }) => hub.publish('room', data))

const script = new URL('throughline.min.js', import.meta.resolve('throughline'))
const app = new Hono()
app.get('/', async context => context.html(await readFile(new URL('../page.html', import.meta.url), 'utf8')))
app.get('/throughline.js', async context =>
  context.body(await readFile(script, 'utf8'), 200, { 'Content-Type': 'text/javascript' }),
)
app.all('/live', context =>
  hub.fetch(context.req.raw, { address: context.env.incoming.socket.remoteAddress }),
)

const server = serve(
  { fetch: app.fetch, hostname: 'localhost', port: Number(process.env.PORT ?? 3000) },
  ({ port }) => console.log(`http://localhost:${port}/`),
)
// The hub looks after silent lines itself.
const sockets = crossws({ hooks: hub.crossws, idleTimeout: 0 })
server.on('upgrade', (request, socket, head) => {
  if (request.url?.split('?')[0] === '/live') void sockets.handleUpgrade(request, socket, head)
  else socket.destroy()
})
