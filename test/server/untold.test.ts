/** A topic that is ended for a client while no channel can tell it, and what is asked of one before it is heard. */
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect, native, subscriptions, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { type Stand, stand, until, wait } from './harness.ts'

const transports = { websocket, fetchStreaming, longPolling }
const names = Object.keys(transports) as (keyof typeof transports)[]

function open(at: Stand, name: keyof typeof transports) {
  const line = connect(`http://${at.host}/live?user=ada`, {
    transport: transports[name],
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
  })
  onTestFinished(() => line.close())
  return line
}

const rights = () => ({ principal: 'ada', subscribe: ['*'] })

it.each(names)(
  'over %s a topic is ended in the very moment in which a message of it was heard',
  async name => {
    const at = await stand({ authorize: rights })
    const line = open(at, name)
    const [room, other] = [line.subscribe('room'), line.subscribe('other')]
    const heard: unknown[] = []
    room.onmessage = ({ data }) => {
      heard.push(data)
      at.hub.disconnect({ topic: 'room' }, { message: 'the room is closed' })
    }
    other.onmessage = ({ data }) => heard.push(data)
    await Promise.all([room.opened, other.opened])
    await at.hub.publish('room', 'last')
    await until(() => room.state === 'refused')
    expect(room.error?.detail).toBe('the room is closed')
    await at.hub.publish('room', 'not for ada')
    await at.hub.publish('other', 'end')
    await until(() => heard.includes('end'))
    expect(heard).toEqual(['last', 'end'])
  },
)

it.each(names)(
  'over %s a client that was away is told, and hears nothing that came meanwhile',
  async name => {
    const at = await stand({ authorize: rights, retry: 50 })
    const line = open(at, name)
    const [room, other] = [line.subscribe('room'), line.subscribe('other')]
    const heard: unknown[] = []
    for (const each of [room, other]) each.onmessage = ({ data }) => heard.push(data)
    await Promise.all([room.opened, other.opened])
    at.hub.refuse(['websocket', 'fetch-streaming', 'long-polling'])
    const lines = () => Object.values(at.hub.stats().lines).reduce((sum, count) => sum + count, 0)
    await until(() => lines() === 0)
    expect(at.hub.disconnect({ topic: 'room' }, { message: 'the room is closed' })).toBe(1)
    await at.hub.publish('room', 'not for ada')
    await at.hub.publish('other', 'end')
    at.hub.refuse([])
    await until(() => room.state === 'refused' && heard.includes('end'))
    expect(room.error?.detail).toBe('the room is closed')
    expect(heard).toEqual(['end'])
    // Whoever may hear it still, and asks for it, hears it again.
    await line.subscribe('room').opened
  },
)

it.each(names)('over %s the history of a topic is asked for before that is heard', async name => {
  const at = await stand({ authorize: rights })
  at.hub.on('subscribe', async ({ topic }) => {
    await wait(20)
    if (topic === 'secret') throw { status: 403, message: 'members only' }
  })
  await at.hub.publish('room', 'old')
  const line = open(at, name)
  const room = line.subscribe('room')
  expect((await room.history()).messages.map(({ data }) => data)).toEqual(['old'])
  await expect(line.subscribe('secret').history()).rejects.toMatchObject({ detail: 'members only' })
  room.close()
  await expect(room.history()).rejects.toMatchObject({ kind: 'closed' })
  line.close()
  await expect(line.subscribe('room').history()).rejects.toMatchObject({ kind: 'closed' })
})

it('a topic is ended while it is decided whether a client may hear it', async () => {
  const at = await stand({ authorize: rights })
  let decide: (() => void) | undefined
  at.hub.on(
    'subscribe',
    () =>
      new Promise<void>(resolve => {
        decide = resolve
      }),
  )
  const room = open(at, 'websocket').subscribe('room')
  await until(() => decide !== undefined)
  expect(at.hub.disconnect({ topic: 'room' }, { message: 'the room is closed' })).toBe(1)
  decide?.()
  await expect(room.opened).rejects.toMatchObject({ detail: 'the room is closed' })
})

it('what a subscription has promised is rejected when its line fails', async () => {
  const at = await stand({ authorize: () => undefined })
  const line = open(at, 'websocket')
  const room = line.subscribe('room')
  const promised = await Promise.allSettled([room.opened, room.presence(), room.history()])
  for (const each of promised) expect(each).toMatchObject({ status: 'rejected', reason: { status: 403 } })
  expect(room.state).toBe('subscribing')
})

it('one who asks who is there after another has stopped asking hears the list, and not what came since', async () => {
  const at = await stand({
    authorize: ({ url }) => ({ ...rights(), principal: url.searchParams.get('user') ?? '' }),
    presence: ['room'],
  })
  const line = open(at, 'websocket')
  const [first, second] = [line.subscribe('room'), line.subscribe('room')]
  await first.presence()
  first.close()
  const bob = connect(`http://${at.host}/live?user=bob`, {
    transport: websocket,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
  })
  onTestFinished(() => bob.close())
  await bob.subscribe('room').opened
  await until(() => at.hub.presence('room').length === 2)
  expect((await second.presence()).map(({ id }) => id).sort()).toEqual(['ada', 'bob'])
})
