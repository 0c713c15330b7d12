import { describe, expect, test } from 'vitest'
import { single } from '../../src/attempt/single.ts'
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Attempt, Channel, Receiver, Target } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import type { Environment } from '../../src/environment.ts'
import { ack, message, welcome } from '../support/blocks.ts'
import { madeBy } from '../support/dialects.ts'
import { cut, type Fake, fake, refused } from '../support/fakes.ts'
import { createWorld } from '../support/world.ts'

interface Given {
  dialect?: Dialect
  parts?: Partial<Environment>
}

/** A line over one transport that the test drives, and all that is heard above it. */
async function open(transport: Fake, { dialect = native, parts }: Given = {}) {
  const world = createWorld(parts)
  const { environment, origin } = world
  const attempts: Attempt[] = []
  const heard: string[] = []
  const ends: Failure[] = []
  const target: Target = {
    dialect,
    environment,
    origin,
    pathname: '/live',
    attempts,
    withCredentials: false,
    timeout: 2_000,
    taken: () => 0,
    positioned: () => false,
    names: () => () => {},
    reader: (by, previous) => dialect.framing.reader(by, previous),
    buildRequest: by => ({ url: `${origin}/live?via=${madeBy(by).via}`, headers: {} }),
  }
  const line: Receiver = {
    opened: ({ name }) => heard.push(`opened ${name}`),
    read: block => dialect.protocol.parseFrame(block, { cursor: '', session: undefined }),
    frame(frame) {
      if (frame.type === 'message') heard.push(`${frame.data}`)
      if (frame.type === 'message' && frame.data === 'close') channel.close()
    },
    alive: () => heard.push('alive'),
    paused: () => heard.push('paused'),
    ended(failure) {
      heard.push('ended')
      ends.push(failure)
    },
  }
  const channel: Channel = single(transport).open(target, line)
  await world.settle()
  return { world, attempts, heard, ends, channel }
}

describe('a line over one transport', () => {
  test('is open with the first that comes, and hands on what follows', async () => {
    const socket = fake('websocket')
    const { heard, attempts, world } = await open(socket)
    socket.channel.opens()
    expect(heard).toEqual([])
    socket.channel.brings(welcome(), message(1, 'one'))
    await world.settle()
    expect(heard).toEqual(['opened websocket', 'alive', 'one'])
    expect(attempts).toMatchObject([{ transport: 'websocket', heard: 1_000, proven: 1_000 }])
  })

  test('says once for each piece that it is alive, and not for one of receipts', async () => {
    const socket = fake('websocket')
    const { heard } = await open(socket)
    socket.channel.opens()
    socket.channel.brings(welcome())
    heard.length = 0
    socket.channel.brings(ack(1), ack(2))
    socket.channel.brings(ack(3), message(1, 'one'), message(2, 'two'))
    socket.channel.brings()
    expect(heard).toEqual(['alive', 'one', 'two', 'alive'])
  })

  test('is open once it is accepted, where nobody says hello', async () => {
    const socket = fake('websocket')
    const { heard } = await open(socket, { dialect: plain })
    socket.channel.opens()
    expect(heard).toEqual(['opened websocket'])
  })

  test('has failed when nobody answers in time', async () => {
    const socket = fake('websocket')
    const { world, ends, attempts } = await open(socket)
    await world.pass(2_000)
    expect(ends).toMatchObject([{ kind: 'silent', code: 'unanswered', after: 2_000, transport: 'websocket' }])
    expect(attempts).toMatchObject([{ failure: { code: 'unanswered' }, ended: world.now }])
    expect(socket.channel.open).toBe(false)
    expect(world.timers).toBe(0)
  })

  test('may be silent for as long as it likes, where a stream need not begin with anything', async () => {
    const stream = fake('xhr-streaming')
    const { world, heard } = await open(stream, { dialect: plain })
    await world.pass(60_000)
    expect(heard).toEqual([])
    stream.channel.opens()
    expect(heard).toEqual(['opened xhr-streaming'])
  })

  test('asks by plain HTTP why a browser was refused', async () => {
    const fetch = async () => new Response('no', { status: 403, headers: { 'Content-Type': 'text/plain' } })
    const socket = fake('websocket')
    const { world, ends } = await open(socket, { parts: { fetch: fetch as never } })
    socket.channel.ends(refused)
    await world.settle()
    expect(ends).toMatchObject([{ kind: 'status', status: 403, detail: 'no' }])
  })

  test('tells an end once it was open as it is', async () => {
    const socket = fake('websocket')
    const { ends } = await open(socket)
    socket.channel.opens()
    socket.channel.brings(welcome())
    socket.channel.ends(cut)
    expect(ends).toMatchObject([{ kind: 'cut', transport: 'websocket' }])
  })

  test.each<[string, (transport: Fake) => void, string]>([
    ['cannot be used here', transport => Object.assign(transport, { supported: false }), 'unsupported'],
    ['throws as it is opened', transport => Object.assign(transport, { throws: new Error('no') }), 'refused'],
  ])('has failed where its transport %s', async (_, spoil, kind) => {
    const socket = fake('websocket')
    spoil(socket)
    const { ends, world } = await open(socket)
    await world.settle()
    expect(ends.map(failure => failure.kind)).toEqual([kind])
    expect(world.timers).toBe(0)
  })

  test('hands on nothing after a handler has closed it', async () => {
    const socket = fake('websocket')
    const { heard, world } = await open(socket)
    socket.channel.opens()
    socket.channel.brings(welcome(), message(1, 'close'), message(2, 'two'))
    expect(heard).toEqual(['opened websocket', 'alive', 'close'])
    expect(socket.channel.open).toBe(false)
    expect(world.timers).toBe(0)
  })

  test('closed before it has begun, it begins nothing', async () => {
    const socket = fake('websocket')
    const world = createWorld()
    const channel = single(socket).open(
      { environment: world.environment, attempts: [], timeout: 2_000 } as never,
      {} as never,
    )
    channel.close()
    await world.settle()
    expect(socket.channels).toEqual([])
    expect(world.timers).toBe(0)
  })
})
