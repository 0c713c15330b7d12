// npm install throughline, then: node server.js
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { createHub } from 'throughline/server'

const hub = createHub()

/** In the place of a language model: anything that gives an async iterable of texts will do. */
async function* answer(question, signal) {
  const words =
    `You have asked “${question}”. I answer word by word, and you may reload the page meanwhile.`.split(
      /(?<= )/,
    )
  for (const word of words) {
    await wait(150, undefined, { signal })
    yield word
  }
}

const files = {
  '/': ['text/html', new URL('page.html', import.meta.url)],
  '/throughline.js': ['text/javascript', new URL('throughline.min.js', import.meta.resolve('throughline'))],
}

const server = createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/ask') {
    let question = ''
    for await (const piece of request.setEncoding('utf8')) question += piece
    const { topic } = hub.produce(`answer:${randomUUID()}`, signal => answer(question, signal), {
      expire: 600_000,
    })
    return response.end(topic)
  }
  const [type, file] = files[request.url] ?? []
  if (!file) return response.writeHead(404).end('There is nothing here.')
  response.writeHead(200, { 'Content-Type': type }).end(await readFile(file))
})
hub.attach(server)
server.listen(Number(process.env.PORT ?? 3000), 'localhost', () =>
  console.log(`http://localhost:${server.address().port}/`),
)
