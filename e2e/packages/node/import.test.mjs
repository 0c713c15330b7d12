/** A server and a client of it, as ES modules. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { connect } from 'throughline'
import { plain } from 'throughline/dialects/plain'
import { events } from 'throughline/iterate'
import { asText, explain } from 'throughline/report'
import { createHub } from 'throughline/server'
import { fetchStreaming } from 'throughline/transports/fetch-streaming'
import { WebSocket } from 'ws'

test('a line hears what is published, and is answered', async t => {
  const { hub, url } = await serve(t)
  hub.on('message', ({ data }) => `heard ${data}`)
  const line = connect(url, { environment: { WebSocket } })
  t.after(() => line.close())

  const lobby = line.subscribe('lobby')
  const heard = new Promise(resolve => {
    lobby.onmessage = resolve
  })
  await lobby.opened
  await hub.publish('lobby', 'hello')
  assert.equal((await heard).data, 'hello')
  assert.equal(await line.send('and you', { answer: true }), 'heard and you')
  assert.equal(line.transport, 'websocket')
})

test('entries of the package know each other', async t => {
  const { hub, url } = await serve(t)
  const line = connect(`${url}?topic=lobby`, { environment: { WebSocket } })
  t.after(() => line.close())
  await line.opened
  await hub.publish('lobby', 'one')
  for await (const { data } of events(line)) {
    assert.equal(data, 'one')
    break
  }
  assert.match(asText(line.url, explain(line.report())), /websocket/)
})

test('a line speaks to a server of another kind', async t => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('id: 7\ndata: plainly\n\n')
  })
  const url = await listen(t, server)
  const line = connect(url, { dialect: plain, transports: [fetchStreaming] })
  t.after(() => line.close())
  const { data, lastEventId } = await new Promise(resolve => {
    line.onmessage = resolve
  })
  assert.deepEqual({ data, lastEventId }, { data: 'plainly', lastEventId: '7' })
})

async function serve(t) {
  const hub = createHub({ path: '/live' })
  const server = createServer()
  hub.attach(server)
  t.after(() => hub.close())
  return { hub, url: `${await listen(t, server)}/live` }
}

async function listen(t, server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${server.address().port}`
}
