/** What `trace()` tells of topics, and of lines that share a connection, by the SDK in Node against our server. */
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../../src/index.ts'
import { type TraceEntry, trace } from '../../src/trace.ts'
import { type Stand, stand, until } from './harness.ts'

/** The same for each, without which lines share nothing. */
const environment = { WebSocket }

function open(at: Stand) {
  const line = connect(`http://${at.host}/live`, { environment, transports: ['websocket'] })
  onTestFinished(() => line.close())
  const entries: TraceEntry[] = []
  trace(line)
  line.addEventListener('trace', ({ entry }) => entries.push(entry))
  const of = (type: string) => entries.filter(entry => entry.type === type)
  return { line, of }
}

it('a topic is heard, before its first message is told, and left', async () => {
  const at = await stand()
  const { line, of } = open(at)
  const room = line.subscribe('room:1,2')
  await room.opened
  expect(of('topic')).toMatchObject([
    { topic: 'room:1,2', state: 'heard', lastEventId: expect.stringMatching(/./) },
  ])
  const id = await at.hub.publish('room:1,2', { text: 'hello' })
  await until(() => of('message').length === 1)
  expect(of('message')).toMatchObject([{ topic: 'room:1,2', lastEventId: id, bytes: 16 }])
  room.close()
  await until(() => of('topic').length === 2)
  expect(of('topic').at(-1)).toEqual({
    at: expect.any(Number),
    type: 'topic',
    topic: 'room:1,2',
    state: 'left',
  })
})

it('topics that were heard before anybody looked are told at first', async () => {
  const at = await stand()
  const line = connect(`http://${at.host}/live`, { environment, transports: ['websocket'] })
  onTestFinished(() => line.close())
  await line.subscribe('early').opened
  const entries: TraceEntry[] = []
  trace(line)
  line.addEventListener('trace', ({ entry }) => entries.push(entry))
  await until(() => entries.length > 0)
  expect(entries.slice(0, 3)).toMatchObject([
    { type: 'attempt', transport: 'websocket', opened: expect.any(Number) },
    { type: 'statechange', state: 'open', transport: 'websocket' },
    { type: 'topic', topic: 'early', state: 'heard' },
  ])
})

it('a topic that is refused is told with its code', async () => {
  const at = await stand({ authorize: () => ({ topics: [], subscribe: ['open'] }) })
  const { line, of } = open(at)
  await line.subscribe('closed').opened.catch(() => {})
  await until(() => of('topic').length === 1)
  expect(of('topic')).toMatchObject([{ topic: 'closed', state: 'refused', code: 'topic-refused' }])
})

it('lines that share a connection tell its tries each, and of messages and sends their own', async () => {
  const at = await stand()
  const [one, other] = [open(at), open(at)]
  await Promise.all([one.line.opened, other.line.opened])
  await one.line.subscribe('room').opened
  await at.hub.publish('room', 'once each')
  await one.line.send('hello')
  await until(() => one.of('message').length > 0 && other.of('message').length > 0)
  for (const { of } of [one, other]) {
    expect(of('attempt')[0]).toMatchObject({ transport: 'websocket', state: 'trying' })
    expect(of('message')).toHaveLength(1)
  }
  expect([one.of('send').length, other.of('send').length]).toEqual([2, 0])
})
