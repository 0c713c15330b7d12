/** What a line says of its state. */
import { describe, expect, test } from 'vitest'
import { plain } from '../../src/dialects/plain.ts'
import { message } from '../support/blocks.ts'
import { cut, endedWell, fake, status } from '../support/fakes.ts'
import { type Asked, greet, openLine } from '../support/line.ts'
import { createWorld, type World } from '../support/world.ts'

/** A line, and each state that it tells of. */
async function start(options?: Asked & { world?: World }) {
  const stage = await openLine(options)
  const states: string[] = []
  stage.line.addEventListener('statechange', event => {
    states.push(event.state)
    expect(event.state).toBe(stage.line.state)
  })
  let wait = 0
  stage.line.addEventListener('error', ({ retryIn }) => {
    wait = retryIn ?? 0
  })
  return {
    ...stage,
    states,
    /** How long the line said that it waits. */
    wait: () => wait,
    /** Lets that time pass. */
    nextTry: () => stage.world.pass(wait),
  }
}

describe('state', () => {
  test('tells each change: open, waiting, connecting, open, closed', async () => {
    const { line, transport, nextTry, states } = await start()
    expect(line.state).toBe('connecting')
    greet(transport.channel)
    expect(line.state).toBe('open')
    transport.channel.ends(cut)
    await nextTry()
    greet(transport.channel)
    line.close()
    line.close()
    expect(line.state).toBe('closed')
    expect(states).toEqual(['open', 'waiting', 'connecting', 'open', 'closed'])
  })

  test('is told after the event that tells of the same change', async () => {
    const { line, transport, heard } = await openLine()
    line.addEventListener('statechange', ({ state }) => heard.push(state))
    for (const name of ['open', 'error', 'close'] as const)
      line.addEventListener(name, () => heard.push(`${name} in state ${line.state}`))
    greet(transport.channel)
    transport.channel.ends(cut)
    line.close()
    expect(heard).toEqual([
      'open by websocket',
      'open in state open',
      'open',
      'error cut',
      'error in state waiting',
      'waiting',
      'close: closed by the page',
      'close in state closed',
      'closed',
    ])
  })

  test('that a listener changes at once is told as it is then, and once', async () => {
    const { line, transport, states } = await start()
    line.onopen = () => line.close()
    greet(transport.channel)
    expect(states).toEqual(['closed'])
  })

  test('is suspended while the page is put aside', async () => {
    const { transport, world, states } = await start()
    greet(transport.channel)
    await world.fire('pagehide')
    await world.fire('pageshow')
    expect(states).toEqual(['open', 'suspended', 'connecting'])
  })

  test('is closed after a failure that ends the line', async () => {
    const { line, transport, states } = await start()
    transport.channel.ends(status(403))
    expect(states).toEqual(['closed'])
    expect(line.readyState).toBe(2)
  })

  test('is waiting while a browser reconnects by itself, with the time that it takes', async () => {
    const { line, transport, states } = await start({ dialect: plain })
    transport.channel.opens()
    const before = Date.now()
    transport.channel.pauses(endedWell)
    expect(states).toEqual(['open', 'waiting'])
    expect(line.retryAt).toBeGreaterThanOrEqual(before)
    transport.channel.opens()
    expect(line.retryAt).toBeUndefined()
  })

  test('a message of that name is none of its events', async () => {
    const { line, transport, heard } = await openLine()
    line.addEventListener('statechange' as string, event =>
      heard.push('data' in event ? 'a message' : 'its own'),
    )
    void line.opened
    transport.channel.opens()
    transport.channel.brings(message(1, 'x', 'statechange'))
    expect(heard).toEqual(['open by websocket', 'its own', 'a message'])
  })
})

describe('offline', () => {
  test('is a line that waits while there is no network; it tries at once when there is one', async () => {
    const { line, transport, world, states } = await start({ retry: 60_000 })
    greet(transport.channel)
    world.online = false
    await world.fire('offline')
    expect(line.state).toBe('open')
    transport.channel.ends(cut)
    expect(line.state).toBe('offline')
    expect(line.retryAt).toBeUndefined()
    world.online = true
    await world.fire('online')
    expect(states).toEqual(['open', 'offline', 'connecting'])
    expect(transport.channels).toHaveLength(2)
  })

  test('is told when the network goes while the line waits', async () => {
    const { line, transport, world, states } = await start()
    transport.channel.ends(cut)
    world.online = false
    await world.fire('offline')
    expect(states).toEqual(['waiting', 'offline'])
    line.close()
    expect(world.timers + world.listeners).toBe(0)
  })
})

describe('retryAt', () => {
  test('is when the next try comes, in ms since the epoch', async () => {
    const { line, transport, world } = await start()
    expect(line.retryAt).toBeUndefined()
    let retryIn = 0
    line.onerror = event => {
      retryIn = event.retryIn as number
    }
    const before = Date.now()
    transport.channel.ends(cut)
    const after = Date.now()
    const { retryAt = 0 } = line
    expect(Number.isInteger(retryAt)).toBe(true)
    expect(retryAt - Math.round(retryIn)).toBeGreaterThanOrEqual(before - 1)
    expect(retryAt - Math.round(retryIn)).toBeLessThanOrEqual(after + 1)
    expect(line.retryAt).toBe(retryAt)
    await world.pass(retryIn)
    expect(line.retryAt).toBeUndefined()
  })
})

describe('opened', () => {
  test('resolves with the line when it is open, and is the same promise each time', async () => {
    const { line, transport } = await openLine()
    const { opened } = line
    expect(line.opened).toBe(opened)
    greet(transport.channel)
    expect(await opened).toBe(line)
    expect(line.opened).toBe(opened)
  })

  test('resolves at once for a line that is open, also after an interruption', async () => {
    const { line, transport, nextTry } = await start()
    greet(transport.channel)
    transport.channel.ends(cut)
    const { opened } = line
    await nextTry()
    greet(transport.channel)
    expect(await opened).toBe(line)
    const later = await openLine()
    greet(later.transport.channel)
    expect(await later.line.opened).toBe(later.line)
  })

  test('rejects with the error of the failure that closes the line first', async () => {
    const { line, transport } = await openLine()
    let told: unknown
    line.onerror = ({ error }) => {
      told = error
    }
    const { opened } = line
    transport.channel.ends(status(403))
    await expect(opened).rejects.toBe(told)
    await expect(opened).rejects.toMatchObject({ name: 'ConnectionError', status: 403 })
  })

  test('rejects with an error of the kind closed when the page closes it first, whatever failed before', async () => {
    const { line, transport } = await openLine()
    const { opened } = line
    transport.channel.ends(cut)
    line.close()
    await expect(opened).rejects.toMatchObject({ name: 'ConnectionError', kind: 'closed' })
    await expect((await closedLine()).opened).rejects.toMatchObject({ kind: 'closed' })
  })

  test('is no unhandled rejection when nobody listens', async () => {
    const reasons: unknown[] = []
    const note = (reason: unknown) => reasons.push(reason)
    process.on('unhandledRejection', note)
    const line = await closedLine()
    void line.opened
    await new Promise(resolve => setTimeout(resolve, 5))
    process.off('unhandledRejection', note)
    expect(reasons).toEqual([])
  })
})

async function closedLine() {
  const { line } = await openLine()
  line.close()
  return line
}

describe('reconnect()', () => {
  const moments: Record<string, (stage: Awaited<ReturnType<typeof start>>) => unknown> = {
    waits: ({ transport }) => transport.channel.ends(cut),
    'is offline': ({ transport, world }) => {
      world.online = false
      transport.channel.ends(cut)
    },
    'is suspended': ({ world }) => world.fire('pagehide'),
    'has failed': ({ transport }) => transport.channel.ends(status(403)),
  }

  test.each(Object.entries(moments))(
    'of a line that %s tries at once, and the wait begins anew',
    async (_, reach) => {
      const stage = await start({ world: createWorld({ random: () => 0.5 }) })
      const { line, transport, world, wait, nextTry } = stage
      const waits: number[] = []
      for (let tries = 0; tries < 6; tries++) {
        transport.channel.ends(cut)
        waits.push(wait())
        await nextTry()
      }
      expect(waits.at(-1)).toBeGreaterThan(10 * (waits[0] ?? 0))
      await reach(stage)
      const before = transport.channels.length
      line.reconnect()
      expect(line.state).toBe('connecting')
      await world.settle()
      expect(transport.channels).toHaveLength(before + 1)
      world.online = true
      transport.channel.ends(cut)
      expect(wait()).toBe(waits[0])
      line.close()
      expect(world.timers + world.listeners).toBe(0)
    },
  )

  test('of an open line gives its channel up and goes on where it was, in its session', async () => {
    const { line, transport, world, states, heard } = await start()
    greet(transport.channel)
    transport.channel.brings(message(1))
    const first = transport.channel
    const sent = line.send('x')
    await world.settle()
    line.reconnect()
    expect(first.open).toBe(false)
    await world.settle()
    expect(transport.channel.query).toMatchObject({ 'rt.id': 'e.1.t1', 'rt.sid': 's1' })
    greet(transport.channel, { resumed: true, acked: 1 })
    await sent
    transport.channel.brings(message(2))
    expect(states).toEqual(['open', 'connecting', 'open'])
    expect(heard).toEqual(['open by websocket', 'message m1', 'open by websocket, resumed', 'message m2'])
  })

  test('of a line that is connecting begins the try anew, and nothing of the old one is heard', async () => {
    const { line, transport, world, states } = await start()
    const [first] = transport.channels
    line.reconnect()
    await world.settle()
    expect(first?.open).toBe(false)
    greet(transport.channel)
    expect(states).toEqual(['open'])
  })

  test('after a failure has the line live again: it continues, sends, and hears of its page', async () => {
    const { line, transport, world, states } = await start()
    greet(transport.channel)
    transport.channel.brings(message(1))
    transport.channel.ends(status(401))
    await expect(line.send('lost')).rejects.toMatchObject({ kind: 'closed' })
    expect(world.listeners).toBe(0)
    line.reconnect()
    const sent = line.send('again')
    await world.settle()
    expect(transport.channel.query).toMatchObject({ 'rt.id': 'e.1.t1', 'rt.sid': 's1' })
    greet(transport.channel, { resumed: true })
    await world.settle()
    expect(transport.channel.sent.at(-1)).toBe('id: 1\ndata: again\n\n')
    transport.channel.brings({ event: 'rt.ack', data: '1' })
    await sent
    await world.fire('pagehide')
    expect(states).toEqual(['open', 'closed', 'connecting', 'open', 'suspended'])
  })

  test('after a failure that left messages in doubt begins another session, in which numbers start from 1', async () => {
    const { line, transport, world } = await start()
    greet(transport.channel)
    // Nothing but the line's own account tells that an empty message is in doubt.
    const doubtful = line.send('')
    doubtful.catch(() => {})
    await world.settle()
    transport.channel.ends(status(401))
    await expect(doubtful).rejects.toMatchObject({ kind: 'IN_DOUBT' })
    line.reconnect()
    await world.settle()
    expect(transport.channel.query['rt.sid']).toBeUndefined()
    greet(transport.channel, { session: 's2' })
    const sent = line.send('again')
    await world.settle()
    expect(transport.channel.sent.at(-1)).toBe('id: 1\ndata: again\n\n')
    transport.channel.brings({ event: 'rt.ack', data: '1' })
    await sent
  })

  test('after a failure sends over a dialect that acknowledges nothing too', async () => {
    const { line, transport, world } = await start({ dialect: plain })
    transport.channel.opens()
    transport.channel.ends(status(403))
    line.reconnect()
    await world.settle()
    transport.channel.opens()
    const sent = line.send('again')
    await world.settle()
    expect(transport.channel.sent).toEqual(['again'])
    transport.channel.takes()
    await sent
  })

  test('asks token, params and headers anew, so that a second 401 ends no line for ever', async () => {
    let login = 1
    const asked: string[] = []
    const transport = fake({ name: 'mine', kind: 'stream', setsHeaders: true, like: 'xhr-streaming' })
    const { line, world, states } = await start({
      transports: [transport],
      token: () => {
        asked.push(`token ${login}`)
        return `t${login}`
      },
      params: () => ({ login }),
      headers: () => ({ 'X-Login': login }),
    })
    transport.channel.ends(status(401))
    await world.pass(60_000)
    transport.channel.ends(status(401))
    expect(states.at(-1)).toBe('closed')
    login = 2
    line.reconnect()
    await world.settle()
    expect(asked).toEqual(['token 1', 'token 1', 'token 2'])
    expect(transport.channel.query.login).toBe('2')
    expect(transport.channel.asked.headers).toMatchObject({ Authorization: 'Bearer t2', 'X-Login': '2' })
    // The new life has a fresh token to ask for too.
    transport.channel.ends(status(401))
    expect(line.state).toBe('waiting')
  })

  test('uses the token that was asked for last, however late an earlier one comes', async () => {
    const give: ((token: string) => void)[] = []
    const transport = fake({ name: 'mine', kind: 'stream', setsHeaders: true, like: 'xhr-streaming' })
    const { line, world } = await start({
      transports: [transport],
      token: () => new Promise<string>(resolve => give.push(resolve)),
    })
    line.reconnect()
    give[0]?.('old')
    await world.settle()
    expect(transport.channels).toHaveLength(0)
    give[1]?.('new')
    await world.settle()
    expect(transport.channel.asked.headers.Authorization).toBe('Bearer new')
  })

  test('gives a new promise of being open', async () => {
    const { line, transport, world } = await start()
    const first = line.opened
    transport.channel.ends(status(403))
    await expect(first).rejects.toMatchObject({ status: 403 })
    line.reconnect()
    const second = line.opened
    expect(second).not.toBe(first)
    await world.settle()
    greet(transport.channel)
    expect(await second).toBe(line)
  })

  test('in the error of a failure keeps the line from closing', async () => {
    const { line, transport, world, heard, states } = await start()
    greet(transport.channel)
    line.addEventListener('error', () => line.reconnect(), { once: true })
    transport.channel.ends(status(403))
    await world.settle()
    greet(transport.channel)
    expect(heard).toEqual(['open by websocket', 'error status', 'open by websocket'])
    expect(states).toEqual(['open', 'connecting', 'open'])
    expect(world.listeners).toBeGreaterThan(0)
  })

  test('in the close event of a failure works too', async () => {
    const { line, transport, world, states } = await start()
    line.addEventListener('close', () => line.reconnect(), { once: true })
    transport.channel.ends(status(403))
    await world.settle()
    greet(transport.channel)
    expect(line.state).toBe('open')
    expect(states).toEqual(['open'])
  })

  const ends: Record<string, (stage: Awaited<ReturnType<typeof start>>, abort: AbortController) => unknown> =
    {
      'close()': ({ line }) => line.close(),
      'close({ flush })': ({ line }) => line.close({ flush: 0 }),
      'an abort': (_, abort) => abort.abort(),
      'a failure and close()': ({ line, transport }) => {
        transport.channel.ends(status(403))
        line.close()
      },
      'a failure and an abort': ({ transport }, abort) => {
        transport.channel.ends(status(403))
        abort.abort()
      },
      'a failure while close({ flush }) waits': async ({ line, transport }) => {
        line.send('x').catch(() => {})
        const closing = line.close({ flush: 60_000 })
        transport.channel.ends(status(403))
        await closing
      },
    }
  test.each(Object.entries(ends))('throws after %s, and says why', async (_, end) => {
    const abort = new AbortController()
    const stage = await start({ signal: abort.signal })
    await end(stage, abort)
    const { line, world, heard } = stage
    await world.settle()
    expect(() => line.reconnect()).toThrow(/^reconnect: closed by the page$/)
    expect(line.state).toBe('closed')
    expect(heard.filter(said => said.startsWith('close'))).toHaveLength(1)
    await expect(line.opened).rejects.toMatchObject({ name: 'ConnectionError' })
    expect(world.timers + world.listeners).toBe(0)
  })

  test('leaves no listener on the signal once the line has failed, and has one again when it lives again', async () => {
    const listeners = new Set<unknown>()
    const signal = {
      aborted: false,
      addEventListener: (_: string, listener: unknown) => listeners.add(listener),
      removeEventListener: (_: string, listener: unknown) => listeners.delete(listener),
    }
    const { line, transport } = await start({ signal: signal as never })
    expect(listeners.size).toBe(1)
    transport.channel.ends(status(403))
    expect(listeners.size).toBe(0)
    line.reconnect()
    expect(listeners.size).toBe(1)
    line.close()
    expect(listeners.size).toBe(0)
  })
})
