// npm install throughline fastify, then: node server.js
import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import { createHub } from 'throughline/server'

const hub = createHub()
hub.on('message', ({ data }) => hub.publish('room', data))

const app = Fastify()
app.get('/', async (_, reply) => {
  reply.type('text/html')
  return readFile(new URL('../page.html', import.meta.url), 'utf8')
})
app.get('/throughline.js', async (_, reply) => {
  reply.type('text/javascript')
  return readFile(new URL('throughline.min.js', import.meta.resolve('throughline')), 'utf8')
})

// The hub takes what goes to /live before the application sees it, WebSockets included.
hub.attach(app.server)
// Where localhost has two addresses, Fastify has a second server, which is not `app.server`: its requests come this way.
app.addHook('onRequest', (request, reply, done) => {
  hub.handle(request.raw, reply.raw, done)
})
console.log(await app.listen({ host: 'localhost', port: Number(process.env.PORT ?? 3000) }))
