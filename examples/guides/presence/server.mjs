// npm install throughline, then: node server.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

const hub = createHub({
  presence: ['room:*'],
  authorize({ url }) {
    const name = url.searchParams.get('name')
    // Everybody in the room is told the principal, and what stands in `presence`.
    return (
      name && { principal: name, presence: { mood: url.searchParams.get('mood') }, subscribe: ['room:*'] }
    )
  },
})

const files = {
  '/': ['text/html', new URL('page.html', import.meta.url)],
  '/throughline.js': ['text/javascript', new URL('throughline.min.js', import.meta.resolve('throughline'))],
}
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://127.0.0.1')
  // The server knows too.
  if (pathname === '/people') return response.end(JSON.stringify(hub.presence('room:kitchen')))
  const [type, file] = files[pathname] ?? []
  if (!file) return response.writeHead(404).end('There is nothing here.')
  response.writeHead(200, { 'Content-Type': type }).end(await readFile(file))
})
hub.attach(server)
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/?name=Ann&mood=hungry`),
)
