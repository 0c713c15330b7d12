// npm install throughline, then: node server.js
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

let visitors = 0
const hub = createHub({
  presence: ['board'],
  // Who is who: here everybody gets a number and a colour, in your application it is whoever logged in.
  authorize: ({ url }) => {
    const name = url.searchParams.get('name') ?? `visitor ${++visitors}`
    return { principal: name, presence: { name }, subscribe: ['board'] }
  },
})
// Where a pointer is matters now or never: volatile messages are kept nowhere.
hub.on('message', ({ event, data, session }) => {
  if (event === 'move')
    void hub.publish('board', { ...data, name: session.principal }, { event: 'move', volatile: true })
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
server.listen(Number(process.env.PORT ?? 3000), 'localhost', () =>
  console.log(`http://localhost:${server.address().port}/`),
)
