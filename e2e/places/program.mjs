/**
 * A program beyond the page: it hears all that is published, sends, streams an answer, and ends by itself. It is copied into a project that has the
 * package, and told by its arguments where to go, by which transport, and which packages bring what the place lacks.
 */
import { connect } from 'throughline'
import { stream } from 'throughline/stream'
import { fetchStreaming } from 'throughline/transports/fetch-streaming'

const [url, transport, ...brought] = globalThis.process.argv.slice(2)
const environment = {}
for (const name of brought) {
  const packages = { WebSocket: 'ws', EventSource: 'eventsource' }
  environment[name] = (await import(packages[name]))[name]
}
const transports =
  transport === 'usual' ? undefined : [transport === 'fetch-streaming' ? fetchStreaming : transport]
const tell = (type, told) => console.log(JSON.stringify({ type, ...told }))

const line = connect(`${url}/live?topic=lobby`, { environment, ...(transports && { transports }) })
line.onopen = ({ transport, resumed }) => tell('open', { transport, resumed })
line.onerror = ({ error, retryIn }) => {
  tell('error', { code: error.code, message: error.message })
  // Where nothing of the transport is there, coming back changes nothing.
  if (error.code === 'unavailable' || retryIn === null) line.close()
}
line.onmessage = async ({ data }) => {
  tell('message', { data: data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data })
  if (data !== 'end') return
  await Promise.all(['one', 'two', 'three 안녕 👋'].map(text => line.send(text)))
  tell('answer', { text: await stream(`${url}/ask`, { body: { question: 'why' } }).text() })
  line.close()
}
line.onclose = () => tell('close')
