import { expect, it, onTestFinished } from 'vitest'
import { type HubRecord, memoryLog } from '../../server/index.ts'
import { address, ask, listen, message, post, type Stand, stand, until } from './harness.ts'

function recordsOf(at: Stand): HubRecord[] {
  const records: HubRecord[] = []
  onTestFinished(at.hub.on('record', record => void records.push(record)))
  return records
}

const of = (records: HubRecord[], event: HubRecord['event']) =>
  records.filter(record => record.event === event)

it('a line that comes, comes again and goes is told by records of the same session', async () => {
  const at = await stand()
  const records = recordsOf(at)
  const first = listen(at, 'websocket')
  const { session } = await first.opened()
  const id = await at.hub.publish('x', '1')
  first.close()
  await until(() => of(records, 'close').length === 1)
  await listen(at, 'eventsource', { 'rt.sid': session, 'rt.id': id }).opened()
  const name = expect.stringMatching(/^[0-9a-f]{12}$/)
  expect(records).toEqual([
    { event: 'open', session: name, transport: 'websocket', address: '127.0.0.1', resumed: false },
    { event: 'close', session: name, transport: 'websocket', reason: 'client' },
    { event: 'open', session: name, transport: 'eventsource', address: '127.0.0.1', resumed: true },
  ])
  expect(new Set(records.map(record => 'session' in record && record.session)).size).toBe(1)
})

it('polls are one line, and their answers are told by no record', async () => {
  const at = await stand()
  const records = recordsOf(at)
  const ear = listen(at, 'long-polling')
  await ear.opened()
  for (const text of ['1', '2']) {
    await at.hub.publish('x', text)
    await ear.messages(1)
  }
  expect(records.map(({ event }) => event)).toEqual(['open'])
})

it('a refusal, a gap, a slow reader and what is in doubt are told', async () => {
  const at = await stand({ limits: { unsent: 1 } })
  const records = recordsOf(at)
  await ask(address(at, { 'rt.via': 'nothing' }))
  expect(records).toEqual([
    expect.objectContaining({
      event: 'refused',
      reason: 'malformed',
      status: 400,
      path: '/live',
      address: '127.0.0.1',
    }),
  ])
  const ear = listen(at, 'websocket', { 'rt.id': 'unknown', 'rt.sid': 'a'.repeat(32) })
  await ear.next('rt.gap')
  expect(of(records, 'doubt')).toMatchObject([{ cause: 'session-unknown' }])
  expect(of(records, 'gap')).toMatchObject([{ reason: 'unknown', transport: 'websocket' }])
  ear.pause()
  for (let sent = 0; of(records, 'slow').length === 0; sent++)
    await at.hub.publish('x', `${sent}`.repeat(100_000))
  expect(of(records, 'slow')).toMatchObject([{ transport: 'websocket', unsent: expect.any(Number) }])
})

it('a log that goes and comes is told once each', async () => {
  const log = { ...memoryLog(), ready: true }
  const at = await stand({ log, heartbeat: 30 })
  const records = recordsOf(at)
  log.ready = false
  await until(() => records.length > 0)
  log.ready = true
  await until(() => records.length > 1)
  expect(records).toEqual([
    { event: 'log-away', message: 'the log cannot be read' },
    { event: 'log-back', afterMs: expect.any(Number) },
  ])
})

it('a log that says why it is away is quoted', async () => {
  const inner = memoryLog()
  let fail = (_: unknown) => {}
  const log = {
    ...inner,
    ready: true,
    listen(listener: Parameters<typeof inner.listen>[0]) {
      fail = listener.failed
      return inner.listen(listener)
    },
  }
  const at = await stand({ log })
  at.hub.on('error', () => {})
  const records = recordsOf(at)
  log.ready = false
  fail(new Error('out of reach:\nrefused'))
  expect(records).toEqual([{ event: 'log-away', message: 'out of reach:\\u000arefused' }])
})

it('a drain and the end are told once each', async () => {
  const at = await stand()
  const records = recordsOf(at)
  await listen(at, 'websocket').opened()
  await at.hub.drain()
  await at.hub.close()
  await at.hub.close()
  expect(records.filter(({ event }) => event === 'drain' || event === 'closed')).toEqual([
    { event: 'drain', sessions: 1, lines: 1 },
    { event: 'closed' },
  ])
  expect(of(records, 'close')).toMatchObject([{ reason: 'drain' }])
})

it('no record has a token, a query or the id of a session', async () => {
  const at = await stand({ authorize: ({ token }) => (token === 'let me in' ? ['x'] : null) })
  const records = recordsOf(at)
  const secret = { 'rt.token': 'let me in', key: 'a secret of the application' }
  const ear = listen(at, 'websocket', { ...secret, 'rt.id': 'unknown' })
  const { session } = await ear.opened()
  await ask(address(at, { ...secret, 'rt.via': 'long-polling', 'rt.token': 'a wrong token' }))
  await post(at, 'b'.repeat(32), message(1), { authorization: 'Bearer let me in', cookie: 'sid=a cookie' })
  ear.close()
  await until(() => of(records, 'close').length === 1)
  expect(records.map(({ event }) => event).sort()).toEqual(['close', 'gap', 'open', 'refused', 'refused'])
  const text = JSON.stringify(records)
  for (const word of ['let me in', 'let%20me', 'a secret', 'wrong token', 'a cookie', session, 'bbbb'])
    expect(text).not.toContain(word)
})

it('where nobody listens none is made', async () => {
  const at = await stand()
  const heard: HubRecord[] = []
  at.hub.on('record', record => void heard.push(record))()
  await listen(at, 'websocket').opened()
  expect(heard).toEqual([])
  expect(at.hub.metrics()).toContain('throughline_opens_total{transport="websocket"} 1')
})
