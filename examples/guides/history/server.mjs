// npm install throughline, then: node server.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { createHub } from 'throughline/server'

const hub = createHub({
  authorize: () => ({ subscribe: ['news'], send: false }),
  // Few, so that you see what happens beyond them.
  retain: { news: 5 },
})

// Your database. It has all of the news; the hub keeps the last of them, for whoever was away for a while.
const all = []

const files = {
  '/': ['text/html', new URL('page.html', import.meta.url)],
  '/throughline.js': ['text/javascript', new URL('throughline.min.js', import.meta.resolve('throughline'))],
}
const server = createServer(async (request, response) => {
  if (request.url === '/news' && request.method === 'POST') {
    const item = { number: all.length + 1, text: await text(request) }
    // First it is kept, then it is told.
    all.push(item)
    await hub.publish('news', item)
    return response.writeHead(204).end()
  }
  if (request.url === '/news') return response.end(JSON.stringify(all))
  const [type, file] = files[request.url] ?? []
  if (!file) return response.writeHead(404).end('There is nothing here.')
  response.writeHead(200, { 'Content-Type': type }).end(await readFile(file))
})
hub.attach(server)
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/`),
)
