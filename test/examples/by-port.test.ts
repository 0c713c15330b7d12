import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { byPort, relay } from '../../docs/examples/by-port.ts'
import { connect, native } from '../../src/core.ts'
import { transportContract } from '../contracts/transport.ts'
import { stand } from '../server/harness.ts'

const transport = byPort(() => portTo('127.0.0.1'))

transportContract({
  transport,
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: false,
})

test('a line by a port hears what is published, and sends', async () => {
  const { hub, host } = await stand()
  hub.on('message', ({ data, reply }) => reply(`heard ${data}`))
  const line = connect(`http://${host}/live?topic=x`, { transport, dialect: native })
  onTestFinished(() => line.close())
  const heard = new Promise(resolve => {
    line.onmessage = ({ data }) => resolve(data)
  })
  await line.send('hello')
  expect(await heard).toBe('heard hello')
  expect(line.transport).toBe('port')
})

test('a relay opens nothing that it may not open', async () => {
  const { host } = await stand()
  const strange = byPort(() => portTo('host.test'))
  const line = connect(`http://${host}/live?topic=x`, { transport: strange, dialect: native })
  onTestFinished(() => line.close())
  const error = await new Promise<Error>(resolve => {
    line.onerror = ({ error }) => resolve(error)
  })
  expect(error.message).toContain('1008 not allowed')
})

/** A port whose other end relays to this host. */
function portTo(hostname: string): MessagePort {
  const { port1, port2 } = new MessageChannel()
  relay(port2 as never, url => url.hostname === hostname, WebSocket as never)
  return port1 as never
}
