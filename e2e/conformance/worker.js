importScripts('/dist/throughline.js', '/conformance/drop-in.js', '/conformance/recorder.js')

const answer = async (event, port) => port.postMessage(await recordAll(event.data))

// A dedicated worker is its own port; a shared one is handed one by each page.
addEventListener('message', event => answer(event, globalThis))
addEventListener('connect', ({ ports: [port] }) => {
  port.onmessage = event => answer(event, port)
})
