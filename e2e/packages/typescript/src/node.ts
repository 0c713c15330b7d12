/** What Node has, and what its packages bring in place of a browser's classes, fits. */
import { connect } from 'throughline'
import { createHub } from 'throughline/server'
import { fetch } from 'undici'
import { WebSocket } from 'ws'
import type { Live } from './use.js'

const hub = createHub<Live>()
hub.publish('room:1', { text: 'x' })
hub.on('message', ({ data }) => data.text.length)
// @ts-expect-error: a message in a room has a text
hub.publish('room:1', { txt: 'x' })
// @ts-expect-error: the answer is a number
hub.on('message', ({ data }) => data.text)

connect('/live', { environment: { WebSocket, fetch } })
connect(new URL('https://host.test/live'), { signal: AbortSignal.timeout(1_000) })
connect('/live', { environment: { WebSocket: globalThis.WebSocket } })
class Unending {
  send() {}
}
// @ts-expect-error: a socket that cannot be closed is none
connect('/live', { environment: { WebSocket: Unending } })
