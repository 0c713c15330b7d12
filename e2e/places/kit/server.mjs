/** An application like any other: a page that shows by what its line goes, and what it hears. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

const hub = createHub({ retry: 50 })
hub.on('message', ({ data }) => hub.publish('room', data))
const script = new URL('throughline.min.js', import.meta.resolve('throughline'))
const page = `<!doctype html>
<title>An application</title>
<button>Say hello</button>
<p id="by"></p>
<p id="why"></p>
<ul></ul>
<script src="/throughline.js"></script>
<script>
  const line = Throughline.connect('/live')
  const [by, why, list] = ['#by', '#why', 'ul'].map(name => document.querySelector(name))
  line.addEventListener('statechange', () => {
    by.textContent = line.state + ' ' + line.transport
  })
  line.onopen = ({ transport }) => {
    by.textContent = 'open ' + transport
  }
  line.onerror = ({ error }) => {
    why.textContent = error.message
  }
  line.subscribe('room').onmessage = ({ data }) => {
    list.append(Object.assign(document.createElement('li'), { textContent: data }))
  }
  document.querySelector('button').onclick = () => line.send('hello')
</script>`
const server = createServer(async (request, response) => {
  if (request.url === '/throughline.js') response.setHeader('Content-Type', 'text/javascript')
  else response.setHeader('Content-Type', 'text/html')
  response.end(request.url === '/throughline.js' ? await readFile(script) : page)
})
hub.attach(server)
server.listen(Number(process.env.PORT), '127.0.0.1')
