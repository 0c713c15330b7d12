/** Several lines of one page to one hub, by the SDK in Node against our server. */
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../../src/index.ts'
import { type Stand, stand, until } from './harness.ts'

const environment = { WebSocket }

function open(at: Stand, options: Parameters<typeof connect>[1] = {}, path = '/live') {
  const line = connect(`http://${at.host}${path}`, { environment, transports: ['websocket'], ...options })
  onTestFinished(() => line.close())
  const heard: string[] = []
  line.onmessage = ({ data }) => void heard.push(`${data}`)
  return { line, heard }
}

it('lines to the same address have one session, and each hears all of it', async () => {
  const at = await stand()
  const [one, other] = [open(at, {}, '/live?topic=x'), open(at, {}, '/live?topic=x')]
  await Promise.all([one.line.opened, other.line.opened])
  expect(at.hub.stats()).toMatchObject({ sessions: 1, lines: { websocket: 1 } })
  await at.hub.publish('x', 'for both')
  await until(() => one.heard.length + other.heard.length === 2)
  const late = open(at, {}, '/live?topic=x')
  await late.line.opened
  expect(late.line.transport).toBe('websocket')
  await at.hub.publish('x', 'for all')
  await until(() => late.heard.length === 1)
  expect([one, other, late].map(({ heard }) => heard)).toEqual([
    ['for both', 'for all'],
    ['for both', 'for all'],
    ['for all'],
  ])
  expect(at.hub.stats().sessions).toBe(1)
})

it('a line that is closed takes its own subscriptions along, and no other’s', async () => {
  const at = await stand()
  const [one, other] = [open(at), open(at)]
  const rooms = [one.line.subscribe('room'), other.line.subscribe('room'), one.line.subscribe('alone')]
  await Promise.all(rooms.map(room => room.opened))
  const heard: unknown[] = []
  for (const room of rooms) room.onmessage = ({ data }) => void heard.push([rooms.indexOf(room), data])
  await at.hub.publish('room', 'once each')
  await until(() => heard.length === 2)
  one.line.close(3_000, 'done here')
  expect(rooms.map(({ state }) => state)).toEqual(['closed', 'subscribed', 'closed'])
  expect([one.line.readyState, other.line.readyState]).toEqual([2, 1])
  await other.line.send('so that the hub has heard of it')
  await at.hub.publish('alone', 'nobody')
  await at.hub.publish('room', 'the one that is left')
  await until(() => heard.length === 3)
  expect(heard.at(-1)).toEqual([1, 'the one that is left'])
  await expect(one.line.send('x')).rejects.toMatchObject({ kind: 'closed' })
  expect(at.hub.stats().sessions).toBe(1)
  other.line.close()
  await until(() => at.hub.stats().sessions === 0)
})

it.each<[string, Parameters<typeof connect>[1], Parameters<typeof connect>[1]]>([
  ['separate', {}, { separate: true }],
  ['another function for its token', { token: () => 'a' }, { token: () => 'a' }],
  ['other parameters', { params: { topic: 'a' } }, { params: { topic: 'b' } }],
  ['a signal', {}, { signal: new AbortController().signal }],
  ['other limits', { limits: { age: 1_000 } }, { limits: { age: 2_000 } }],
])('a line that has %s has a connection of its own', async (_, first, second) => {
  const at = await stand()
  await Promise.all([first, second].map(options => open(at, options).line.opened))
  expect(at.hub.stats().sessions).toBe(2)
})

it.each<[string, () => Parameters<typeof connect>[1]]>([
  ['parameters', () => ({ params: { topic: ['a', 'b'], n: 1 } })],
  ['headers', () => ({ headers: { 'X-Page': 'a' } })],
  ['limits', () => ({ limits: { age: 1_000 } })],
])('lines with equal %s share one', async (_, options) => {
  const at = await stand()
  await Promise.all([1, 2, 3].map(() => open(at, options()).line.opened))
  expect(at.hub.stats().sessions).toBe(1)
})

it('a line that is opened when the one before is closed, or has failed, has a new connection', async () => {
  let allowed = true
  const at = await stand({ authorize: () => allowed && ['x'] })
  const first = open(at)
  await first.line.opened
  first.line.close()
  allowed = false
  const second = open(at)
  await expect(second.line.opened).rejects.toMatchObject({ status: 403 })
  allowed = true
  const third = open(at)
  await third.line.opened
  expect(second.line.state).toBe('closed')
  second.line.reconnect()
  await second.line.opened
  expect(at.hub.stats().sessions).toBe(2)
})
