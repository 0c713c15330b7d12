/** A page's own types fit, and a worker's. */
import { connect } from 'throughline'
import { EventSource as OursInPlace } from 'throughline/drop-in'
import { stream } from 'throughline/stream'
import './use.js'

const line = connect<{ message: { text: string } }>(new URL('https://host.test/live'), {
  signal: AbortSignal.timeout(1_000),
})
const hear = (event: MessageEvent<{ text: string }>) => event.data.text
line.onmessage = hear
line.addEventListener('message', hear)
export const target: EventTarget = line

connect('/live', { environment: { WebSocket, EventSource, XMLHttpRequest, fetch } })
const source = new OursInPlace('/events')
source.onmessage = event => event.data.trim()
stream('/ask', { body: { question: 'why' }, signal: new AbortController().signal }).text()
