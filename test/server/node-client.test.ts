/** The SDK in Node, over the package ws, against our server. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect, websocket } from '../../src/core.ts'
import { uncaught } from '../support/uncaught.ts'
import { stand } from './harness.ts'

const environment = { WebSocket }

function open(url: string) {
  const line = connect(url, { transports: [websocket], environment })
  onTestFinished(() => line.close())
  return line
}

it('a line over ws hears what is published, and sends', async () => {
  const { hub, host } = await stand()
  hub.on('message', ({ data, reply }) => reply(`heard ${data}`))
  const line = open(`ws://${host}/live?topic=x`)
  const heard = new Promise(resolve => {
    line.onmessage = ({ data }) => resolve(data)
  })
  await line.send('hello')
  expect(await heard).toBe('heard hello')
})

it('a handshake over ws that is refused is an error event, and ends no process', async () => {
  const server = createServer()
  server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const thrown = await uncaught(async () => {
    const line = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/live?topic=x`)
    const kind = await new Promise(resolve => {
      line.onerror = ({ error }) => resolve(error.kind)
    })
    expect(kind).toBe('refused')
    line.close()
  })
  expect(thrown).toEqual([])
})

it('without any WebSocket a line says what can be done', async () => {
  const line = connect('http://127.0.0.1:9/live?topic=x', {
    transports: [websocket],
    environment: { WebSocket: undefined },
  })
  const message = await new Promise<string>(resolve => {
    line.onerror = ({ error }) => resolve(error.message)
  })
  expect(message).toMatch(/^websocket cannot be used here: .*environment/)
})
