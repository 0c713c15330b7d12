// npm install throughline, then: node server.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

const hub = createHub({
  authorize: () => ({ subscribe: ['price:*'], send: false }),
  // Of a price the newest is kept, and nothing before it.
  retain: { 'price:*': 1 },
})

// A market of our own. Yours calls `hub.publish` for each price that it hears of.
const prices = new Map(Array.from({ length: 100 }, (_, number) => [`S${number}`, 100]))
let tick = 0
setInterval(() => {
  tick++
  for (const [share, price] of prices) {
    if (Math.random() < 0.5) continue
    const next = Math.max(1, price + Math.random() - 0.5)
    prices.set(share, next)
    void hub.publish(`price:${share}`, { price: next, tick })
  }
}, 100)

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
  console.log(`http://127.0.0.1:${server.address().port}/`),
)
