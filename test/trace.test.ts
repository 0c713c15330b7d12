/** What `trace()` tells of a line at work. */
import { expect, test } from 'vitest'
import { type TraceEntry, trace } from '../src/trace.ts'
import { ack, message } from './support/blocks.ts'
import { cut, status } from './support/fakes.ts'
import { type Asked, greet, openLine, prove } from './support/line.ts'
import { uncaught } from './support/uncaught.ts'

/** A line that is traced from the start on, and what it told. */
async function start(options: Asked = {}) {
  const stage = await openLine({ url: '/live?key=hunter2', ...options })
  const entries: TraceEntry[] = []
  const stop = trace(stage.line)
  stage.line.addEventListener('trace', event => {
    // A server may call its messages so.
    if (!('data' in event)) entries.push(event.entry)
  })
  await stage.world.settle()
  return {
    ...stage,
    entries,
    stop,
    of: (...types: string[]) => entries.filter(({ type }) => types.includes(type)),
  }
}

test('tells at first how things stand', async () => {
  const { entries } = await start()
  expect(entries).toMatchObject([
    { type: 'attempt', transport: 'websocket', state: 'trying' },
    { type: 'statechange', state: 'connecting', transport: null },
  ])
})

test('tells of a try that it began, was accepted, was proven and failed, and of the line what it became', async () => {
  const { transport, of, world, line } = await start({ retry: 0 })
  greet(transport.channel)
  await world.settle()
  transport.channel.ends(status(503, { retryAfter: 2_000 }))
  await world.settle()
  line.close(4001, 'hunter2')
  await world.settle()
  const told = of('attempt', 'open', 'error', 'statechange', 'close')
  expect(told).toMatchObject([
    { type: 'attempt', state: 'trying' },
    { type: 'statechange', state: 'connecting' },
    { type: 'attempt', state: 'trying', opened: expect.any(Number), heard: undefined },
    { type: 'attempt', state: 'trying', heard: expect.any(Number), proven: undefined },
    { type: 'open', transport: 'websocket', resumed: false },
    { type: 'statechange', state: 'open', transport: 'websocket' },
    { type: 'attempt', state: 'failed', failure: { kind: 'status', status: 503 } },
    { type: 'error', kind: 'status', status: 503, retryIn: expect.any(Number) },
    { type: 'statechange', state: 'waiting', transport: null },
    { type: 'close', code: 4001 },
    { type: 'statechange', state: 'closed' },
  ])
  const times = told.map(({ at }) => at)
  expect(times).toEqual([...times].sort((one, other) => one - other))
})

test('tells of messages their name, id and size, and nothing that they say', async () => {
  const { transport, of, world, entries } = await start()
  greet(transport.channel)
  transport.channel.brings(message(1, 'hunter2 안녕'), message(2, 'x', 'price'))
  await world.settle()
  expect(of('message')).toMatchObject([
    { event: 'message', topic: undefined, lastEventId: 'e.1.t1', bytes: 14 },
    { event: 'price', lastEventId: 'e.2.t2', bytes: 1 },
  ])
  expect(JSON.stringify(entries)).not.toContain('hunter2')
})

test('messages that the server calls as events of the line are called are messages', async () => {
  const { transport, of, world } = await start()
  greet(transport.channel)
  const names = ['open', 'error', 'close', 'gap', 'statechange', 'trace']
  transport.channel.brings(...names.map((name, index) => message(index + 1, 'x', name)))
  await world.settle()
  expect(of('message').map(entry => 'event' in entry && entry.event)).toEqual(names)
  expect(of('error', 'close', 'gap')).toEqual([])
})

test('tells of a send that it waits, and that it was taken', async () => {
  const { line, transport, of, world } = await start()
  greet(transport.channel)
  await world.settle()
  const sent = line.send({ secret: 'hunter2' }, { event: 'chat' })
  await world.settle()
  // The question that proves the channel, and the message.
  transport.channel.takes()
  transport.channel.takes()
  transport.channel.brings(ack(1))
  await sent
  await world.settle()
  expect(of('send')).toMatchObject([
    { number: 1, state: 'queued', event: 'chat', bytes: 20 },
    { number: 1, state: 'taken' },
  ])
})

test('tells of a send that it failed by its code, or by the name of its error, and leaves the news to the line', async () => {
  const { line, of, world } = await start()
  const errors: string[] = []
  line.onerror = ({ error }) => errors.push(error.code)
  void line.send('x'.repeat(2_000_000))
  const abort = new AbortController()
  line.send('x', { signal: abort.signal }).catch(() => {})
  line.send('y', { signal: AbortSignal.abort(null) }).catch(() => {})
  await world.settle()
  abort.abort()
  await world.settle()
  const codes = of('send').flatMap(entry =>
    'code' in entry ? [`${'number' in entry && entry.number} ${entry.code}`] : [],
  )
  expect(codes.sort()).toEqual(['1 too-large', '2 AbortError', '3 object'])
  await world.pass(10)
  expect(errors).toEqual(['too-large'])
})

test('tells how long the server took to answer', async () => {
  const { line, transport, of, world } = await start()
  await prove(world, transport.channel)
  const sent = line.send('x')
  await world.pass(1)
  transport.channel.takes()
  transport.channel.takes()
  await world.pass(30)
  transport.channel.brings(ack(1))
  await sent
  await world.settle()
  expect(of('roundtrip')).toMatchObject([{ took: expect.any(Number) }])
})

test('tells of a failure its code, and nothing that was said of it', async () => {
  const { transport, of, world } = await start()
  greet(transport.channel)
  transport.channel.ends({ ...cut, detail: 'hunter2', cause: new Error('hunter2') })
  await world.settle()
  expect(of('attempt').at(-1)).toMatchObject({ state: 'failed', failure: { kind: 'cut' } })
  expect(JSON.stringify(of('attempt', 'error'))).not.toContain('hunter2')
})

test('is told after what it tells of, and by one event each, so that a listener that throws or closes the line disturbs nothing', async () => {
  const { line, transport, heard, world } = await start()
  line.addEventListener('trace', ({ entry, version }) => {
    expect(version).toBe(1)
    if (entry.type === 'message') {
      line.close()
      throw new Error('mine')
    }
  })
  const thrown = await uncaught(async () => {
    greet(transport.channel)
    transport.channel.brings(message(1), message(2))
    await world.settle()
  })
  expect(thrown.length).toBeGreaterThan(0)
  expect(heard).toEqual(['open by websocket', 'message m1', 'message m2', 'close: closed by the page'])
})

test('ends with the last that asked for it, and leaves nothing behind', async () => {
  const { line, transport, entries, stop, world } = await start()
  const { onlookers } = (line as unknown as { setup: { onlookers: Set<unknown> } }).setup
  const second = trace(line)
  stop()
  stop()
  greet(transport.channel)
  await world.settle()
  const before = entries.length
  expect(entries.at(-1)).toMatchObject({ type: 'statechange', state: 'open' })
  second()
  transport.channel.brings(message(1))
  await line.send('x'.repeat(2_000_000)).catch(() => {})
  await world.settle()
  expect(entries).toHaveLength(before)
  expect(onlookers.size).toBe(0)
  for (const name of ['dispatchEvent', 'send', 'subscribe']) expect(Object.hasOwn(line, name)).toBe(false)
})

test('what somebody has put in front of send() meanwhile stays, and a new trace begins anew', async () => {
  const { line, stop, entries, world } = await start()
  const { send } = line
  const calls: unknown[] = []
  line.send = ((...what: [string]) => {
    calls.push(what)
    return send.apply(line, what as never)
  }) as never
  stop()
  const before = entries.length
  line.send('x').catch(() => {})
  await world.settle()
  expect(calls).toEqual([['x']])
  expect(entries).toHaveLength(before)
  const again = trace(line)
  line.send('y').catch(() => {})
  await world.settle()
  expect(entries.slice(before).filter(({ type }) => type === 'send')).toHaveLength(1)
  again()
})
