import { createServer } from 'node:http'
import { createHub } from 'throughline/server'

// Vite's proxy stands before it, and says to which host the page came.
const hub = createHub({ trustProxy: true })
hub.on('message', ({ data }) => hub.publish('room', data))
const server = createServer()
hub.attach(server)
server.listen(Number(process.env.HUB_PORT ?? 8081), 'localhost')
