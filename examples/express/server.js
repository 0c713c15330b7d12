// npm install throughline express, then: node server.js
import { fileURLToPath } from 'node:url'
import express from 'express'
import { createHub } from 'throughline/server'

const hub = createHub()
hub.on('message', ({ data }) => hub.publish('room', data))

const fileAt = (path, from) => fileURLToPath(new URL(path, from))
const app = express()
app.get('/', (_, response) => response.sendFile(fileAt('../page.html', import.meta.url)))
app.get('/throughline.js', (_, response) =>
  response.sendFile(fileAt('throughline.min.js', import.meta.resolve('throughline'))),
)

const server = app.listen(Number(process.env.PORT ?? 3000), 'localhost', () =>
  console.log(`http://localhost:${server.address().port}/`),
)
// The hub takes what goes to /live before the application sees it, WebSockets included.
hub.attach(server)
