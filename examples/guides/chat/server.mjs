// npm install throughline, then: node server.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

const hub = createHub({
  // Whoever says a name has it. In your application it is whoever has logged in.
  authorize({ url }) {
    const name = url.searchParams.get('name')
    return name && { principal: name, subscribe: ['room:*'] }
  },
  // So many messages of each room are kept, for a week after the last one.
  retain: { 'room:*': 500 },
  expire: { 'room:*': 7 * 24 * 3_600_000 },
})

hub.on('message', async ({ event, data, session }) => {
  const { room, text } = data ?? {}
  if (typeof room !== 'string' || !room.startsWith('room:'))
    throw { status: 422, message: 'There is no such room.' }
  const name = session.principal
  if (event === 'typing') return void (await hub.publish(room, { name }, { event, volatile: true }))
  if (typeof text !== 'string' || text.length > 1_000) throw { status: 422, message: 'That is too long.' }
  await hub.publish(room, { name, text })
})

const files = {
  '/': ['text/html', new URL('page.html', import.meta.url)],
  '/throughline.js': ['text/javascript', new URL('throughline.min.js', import.meta.resolve('throughline'))],
}
const server = createServer(async (request, response) => {
  const [type, file] = files[request.url.split('?')[0]] ?? []
  if (!file) return response.writeHead(404).end('There is nothing here.')
  response.writeHead(200, { 'Content-Type': type }).end(await readFile(file))
})
hub.attach(server)
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/?name=Ann`),
)
