/** A transport that a page has written by itself says what it is, and dialects speak over it by that. */
import { describe, expect, test } from 'vitest'
import { durableStreams } from '../src/dialects/durable-streams.ts'
import { mercure } from '../src/dialects/mercure.ts'
import { native } from '../src/dialects/native.ts'
import { nchan } from '../src/dialects/nchan.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import { sockjs } from '../src/dialects/sockjs.ts'
import { message, pong, tick, welcome } from './support/blocks.ts'
import { fake, fakes, refused } from './support/fakes.ts'
import { greet, openLine, prove } from './support/line.ts'
import { tokenOf } from './support/token.ts'

const stream = { name: 'mine', kind: 'stream', setsHeaders: true } as const
const socket = { name: 'mine', kind: 'socket' } as const

describe('over a stream of the page’s own, the native dialect', () => {
  const mine = () => fake({ ...stream, like: 'fetch-streaming' })

  test('asks as the transport does that it is like, with the token in a header', async () => {
    const transport = mine()
    await openLine({ transports: [transport], token: () => 'secret' })
    expect(transport.channel.asked).toMatchObject({
      url: expect.stringMatching(/^https:/),
      headers: { Authorization: 'Bearer secret' },
    })
    expect(transport.channel.query).toMatchObject({ 'rt.via': 'fetch-streaming' })
    expect(transport.channel.asked.url).not.toContain('secret')
  })

  test('believes it when the tick has come', async () => {
    const transport = mine()
    const { line, world } = await openLine({ transports: [transport, fake('long-polling')] })
    greet(transport.channel)
    await world.pass(150)
    expect(line.report()[0]).toMatchObject({ transport: 'mine', proven: undefined })
    transport.channel.brings(tick)
    expect(line.report()[0]).toMatchObject({ transport: 'mine', proven: 150 })
    expect(line.transport).toBe('mine')
  })

  test('leaves it for another one when the tick does not come', async () => {
    const transport = mine()
    const poll = fake('long-polling')
    const { line, world } = await openLine({ transports: [transport, poll] })
    greet(transport.channel)
    await world.pass(2_000)
    greet(poll.channel)
    expect(line.transport).toBe('long-polling')
  })

  test('is refused by it where it is like none that the server knows', async () => {
    const transport = fake(stream)
    const { heard, line } = await openLine({ transports: [transport] })
    expect(transport.channels).toEqual([])
    expect(heard).toEqual(['error unsupported', expect.stringMatching(/^close/)])
    expect(line.report()[0]).toMatchObject({ transport: 'mine', failure: { code: 'unavailable' } })
  })
})

describe('over a socket of the page’s own, the native dialect', () => {
  const mine = () => fake({ ...socket, like: 'websocket' })

  test('asks as a WebSocket does, with the token in a subprotocol', async () => {
    const transport = mine()
    await openLine({ transports: [transport], token: () => 'secret' })
    expect(transport.channel.asked.url).toMatch(/^wss:/)
    expect(transport.channel.query).toMatchObject({ 'rt.via': 'websocket' })
    expect(tokenOf(transport.channel.asked)).toBe('secret')
    expect(transport.channel.asked.url).not.toContain('secret')
  })

  test('believes it when its question was answered', async () => {
    const transport = mine()
    const { line } = await openLine({ transports: [transport, fake('long-polling')] })
    greet(transport.channel)
    expect(transport.channel.sent).toEqual([native.sending.ping])
    expect(line.report()[0]).toMatchObject({ transport: 'mine', proven: undefined })
    transport.channel.brings(pong)
    expect(line.report()[0]).toMatchObject({ transport: 'mine', proven: expect.any(Number) })
  })

  test('says goodbye over it', async () => {
    const transport = mine()
    const { line } = await openLine({ transports: [transport] })
    greet(transport.channel)
    line.close()
    expect(transport.channel.sent.at(-1)).toBe(native.sending.goodbye?.())
  })

  test('tries it as often as need be, unless it says how many attempts may fail', async () => {
    const tries: number[] = []
    for (const more of [{}, { attemptLimit: 6 }]) {
      const transport = fake({ ...socket, like: 'websocket', ...more })
      const other = fake('eventsource')
      const { world } = await openLine({ transports: [transport, other] })
      transport.channel.ends(refused)
      await prove(world, other.channel)
      for (let time = 0; time < 20; time++) {
        await world.fire('online')
        await world.pass(0)
        if (transport.channel.open) transport.channel.ends(refused)
      }
      tries.push(transport.channels.length)
    }
    expect(tries).toEqual([21, 6])
  })
})

describe('over a stream of the page’s own, the plain dialect', () => {
  test('asks as EventSource does, reads an event stream, and has the token in a header', async () => {
    const transport = fake(stream)
    const { heard, line } = await openLine({
      transports: [transport],
      dialect: 'plain',
      token: () => 'secret',
    })
    expect(transport.channel.asked).toMatchObject({
      url: expect.stringMatching(/^https:.*\/live$/),
      headers: { Accept: 'text/event-stream', Authorization: 'Bearer secret' },
    })
    transport.channel.opens()
    const [block] = transport.channel.target.reader(transport).feed('id: 1\ndata: x\n\n')
    transport.channel.brings(block ?? {})
    expect(heard).toEqual(['open by mine', 'message x'])
    expect(line.lastEventId).toBe('1')
  })

  test('lets it be quiet for as long as it likes', async () => {
    const transport = fake(stream)
    const { heard, world } = await openLine({ transports: [transport], dialect: 'plain' })
    await world.pass(60_000)
    expect(heard).toEqual([])
    expect(transport.channel.open).toBe(true)
  })
})

describe('over a socket of the page’s own, the plain dialect', () => {
  test('takes each frame for a message, and sends over it', async () => {
    const transport = fake(socket)
    const { heard, line, world } = await openLine({ transports: [transport], dialect: 'plain' })
    expect(transport.channel.asked.url).toMatch(/^wss:.*\/live$/)
    transport.channel.opens()
    const [block] = transport.channel.target.reader(transport).feed('data: x\n\n')
    transport.channel.brings(block ?? {})
    expect(heard).toEqual(['open by mine', 'message data: x\n\n'])
    void line.send('y')
    await world.settle()
    expect(transport.channel.sent).toEqual(['y'])
  })

  test('gives it up when its handshake is not answered', async () => {
    const { heard, world } = await openLine({ transports: [fake(socket)], dialect: 'plain' })
    await world.pass(10_000)
    expect(heard).toEqual(['error silent'])
  })
})

describe('a server that has an endpoint for each transport', () => {
  test.each(
    [native, nchan(), mercure(), sockjs(), socketio(), durableStreams()].map(
      dialect => [dialect.name, dialect] as const,
    ),
  )('of the dialect %s is not asked over one that it does not know', async (_, dialect) => {
    for (const traits of [stream, socket]) {
      const transport = fake(traits)
      const { line } = await openLine({ transports: [transport], dialect })
      expect(transport.channels).toEqual([])
      expect(line.report()[0]?.failure?.code).toBe('unavailable')
    }
  })

  test('is asked at the endpoint of the transport that the page’s own is like', async () => {
    const transport = fake({ ...stream, like: 'xhr-streaming' })
    await openLine({ transports: [transport], dialect: sockjs() })
    expect(transport.channel.asked).toMatchObject({
      method: 'POST',
      url: expect.stringMatching(/\/xhr_streaming$/),
    })
  })

  test('shows no token to its address unless the page allows it', async () => {
    const transport = fake({ ...stream, setsHeaders: false, like: 'eventsource' })
    const { line } = await openLine({ transports: [transport], dialect: nchan(), token: () => 'secret' })
    expect(transport.channels).toEqual([])
    expect(line.report()[0]?.failure?.code).toBe('token-in-address')
  })

  test('has no scripts of the plain dialect', async () => {
    const [transport] = fakes('jsonp')
    const { line } = await openLine({ transports: [transport], dialect: plain })
    expect(line.report()[0]?.failure?.code).toBe('unavailable')
  })
})

test('a page’s own transport that has the name of one of ours stands in its place', async () => {
  const transport = fake({ name: 'websocket', kind: 'socket' })
  const { heard } = await openLine({ transports: [transport] })
  transport.channel.opens()
  transport.channel.brings(welcome(), pong, message(1))
  expect(heard).toEqual(['open by websocket', 'message m1'])
})
