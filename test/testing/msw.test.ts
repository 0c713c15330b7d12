// @vitest-environment jsdom
import { http, ws } from 'msw'
import { setupServer } from 'msw/node'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/index.ts'
import { createTestServer } from '../../testing/index.ts'
import { until } from '../server/harness.ts'

test.each(['websocket', 'long-polling'] as const)(
  'a page that knows nothing of a test goes over %s through msw to the hub',
  async transport => {
    const hubServer = createTestServer()
    const server = setupServer(...hubServer.handlers({ http, ws }, 'http://localhost:3000/live'))
    server.listen({ onUnhandledRequest: 'error' })
    onTestFinished(async () => {
      server.close()
      await hubServer.close()
    })
    const line = connect('http://localhost:3000/live?topic=room', { transports: [transport], retry: 10 })
    onTestFinished(() => line.close())
    const heard: unknown[] = []
    line.onmessage = ({ data }) => heard.push(data)
    await line.opened
    await hubServer.hub.publish('room', 'hello')
    await until(() => heard.length === 1)
    await line.send('up')
    expect(hubServer.sent.map(({ data }) => data)).toEqual(['up'])
    await until(() => hubServer.hub.stats().lines[transport] === 1)
    hubServer.cut()
    await hubServer.hub.publish('room', 'again')
    await until(() => heard.length === 2)
    expect(heard).toEqual(['hello', 'again'])
    hubServer.refuse({ status: 403 })
    hubServer.cut()
    await until(() => line.readyState === 2)
  },
)
