// npm install throughline, then: node server.js
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

const hub = createHub()
let count = 0
await hub.publish('count', count)
hub.on('message', () => hub.publish('count', ++count))

const files = {
  '/': ['text/html', new URL('index.html', import.meta.url)],
  '/throughline.js': ['text/javascript', new URL('throughline.min.js', import.meta.resolve('throughline'))],
}
const server = createServer(async (request, response) => {
  const [type, file] = files[request.url] ?? []
  if (!file) return response.writeHead(404).end('There is nothing here.')
  response.writeHead(200, { 'Content-Type': type }).end(await readFile(file))
})
hub.attach(server)
server.listen(Number(process.env.PORT ?? 3000), 'localhost', () =>
  console.log(`http://localhost:${server.address().port}/`),
)
