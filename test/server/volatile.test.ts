/** What a page sends that is of use only now, by the SDK in Node against our server. */
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { stand } from './harness.ts'

it.each(Object.entries({ websocket, fetchStreaming, longPolling }))(
  'over %s is sent at once behind a message that was just acknowledged',
  async (_, transport) => {
    const at = await stand()
    const heard: unknown[] = []
    at.hub.on('message', ({ data }) => void heard.push(data))
    const environment = { WebSocket }
    const line = connect(`http://${at.host}/live`, {
      transport,
      dialect: native,
      topics: subscriptions,
      environment,
    })
    onTestFinished(() => line.close())
    await line.opened
    const expected: string[] = []
    for (let n = 0; n < 20; n++) {
      await line.send(`text ${n}`)
      await line.send(`typing ${n}`, { volatile: true })
      expected.push(`text ${n}`, `typing ${n}`)
    }
    expect(heard).toEqual(expected)
  },
)
