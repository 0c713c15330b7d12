/** A real server of WebSockets, which ends with its test. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'

/** A server of WebSockets that notes what it hears. `greet` is told which connection it is, from 1 on. */
export async function serve(greet: (peer: WebSocket, count: number) => unknown = () => {}) {
  let server: WebSocketServer
  let port = 0
  const place = {
    count: 0,
    heard: [] as string[],
    closes: [] as string[],
    paths: [] as string[],
    get url() {
      return `ws://127.0.0.1:${port}/`
    },
    async start() {
      server = new WebSocketServer({ port, host: '127.0.0.1' })
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
      server.on('connection', (peer, { url = '' }) => {
        place.paths.push(url)
        peer.on('message', data => place.heard.push(`${data}`))
        peer.on('close', (code, reason) => place.closes.push(`${code} ${reason}`))
        greet(peer, ++place.count)
      })
    },
    /** Cuts all connections. */
    cut() {
      for (const peer of server.clients) peer.terminate()
    },
    async stop() {
      place.cut()
      await new Promise(resolve => server.close(resolve))
    },
  }
  await place.start()
  onTestFinished(() => place.stop())
  return place
}
