import { describe, expect, test } from 'vitest'
import { createConnection } from '../../src/connection/connection.ts'
import type { Listener } from '../../src/connection/contract.ts'
import type { Dialect, Incoming } from '../../src/contracts/dialect.ts'
import type { HelloFrame } from '../../src/contracts/frame.ts'
import { viaPost } from '../../src/contracts/traits.ts'
import type { Receiver, Route } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { plain, plainWith } from '../../src/dialects/plain.ts'
import { ack, beat, message, pong, welcome } from '../support/blocks.ts'
import { madeBy, ours, vary } from '../support/dialects.ts'
import { cut, endedWell, type FakeChannel, fake, refused, status } from '../support/fakes.ts'
import { greet } from '../support/line.ts'
import { straight } from '../support/straight.ts'
import { createWorld } from '../support/world.ts'

interface Given {
  route?: Route
  dialect?: Dialect
  lastEventId?: string
  retry?: number
  chance?: number
  hear?: Partial<Listener>
}

/** A connection over one transport that the test drives, and all that its listener hears. */
function start({
  route: given,
  dialect = native,
  lastEventId = '',
  retry,
  chance = 0.5,
  hear = {},
}: Given = {}) {
  const requests: (RequestInit & { url: string })[] = []
  const fetch = async (url: string | URL | Request, init?: RequestInit) => {
    requests.push({ url: `${url}`, ...init })
    return new Response()
  }
  const world = createWorld({ fetch })
  const route = fake('websocket')
  const way = straight(route)
  const heard: string[] = []
  const listener: Listener = {
    opened: (transport, resumed) => heard.push(`opened ${transport}${resumed ? ', resumed' : ''}`),
    message: (event, data, lastId) => heard.push(`${event} ${data} @${lastId}`),
    gap: gap => heard.push(`gap ${gap.reason}`),
    failed: (failure, retryIn) =>
      heard.push(`failed ${failure.kind}, again in ${retryIn && Math.round(retryIn)}`),
    closed: reason => heard.push(`closed: ${reason}`),
    changed: () => {},
    ...hear,
  }
  const connection = createConnection(
    {
      dialect,
      environment: { ...world.environment, random: () => chance },
      route: given ?? way,
      lastEventId,
      retry,
      token: undefined,
      keep: undefined,
      target: position => ({
        dialect,
        environment: world.environment,
        origin: 'https://host.test',
        pathname: '/',
        attempts: [],
        withCredentials: false,
        timeout: 10_000,
        taken: () => 0,
        positioned: () => position.cursor !== '',
        names: () => () => {},
        reader: () => dialect.framing.reader(ours('websocket')),
        buildRequest: by => {
          const { via } = madeBy(by)
          const query = new URLSearchParams({ via, id: position.cursor, sid: position.session ?? '' })
          return { url: `https://host.test/?${query}`, headers: {} }
        },
      }),
    },
    listener,
  )
  return { connection, heard, requests, route, way, world }
}

describe('opening', () => {
  test('begins at once', () => {
    const { connection, route } = start()
    expect(connection.state.name).toBe('connecting')
    expect(route.channel.open).toBe(true)
  })

  test('a server that greets has opened the line when its greeting came, not when somebody accepted', () => {
    const { heard, route, connection } = start()
    route.channel.opens()
    expect(connection.state.name).toBe('connecting')
    route.channel.brings(welcome())
    expect(heard).toEqual(['opened websocket'])
  })

  test('is given up when a server accepts and then never greets, and tried again', async () => {
    const { heard, route, connection, world } = start()
    route.channel.opens()
    await world.pass(19_999)
    expect(heard).toEqual([])
    await world.pass(1)
    expect(heard).toEqual(['failed silent, again in 750'])
    expect(connection.state.name).toBe('waiting')
    await world.pass(750)
    expect(route.channels).toHaveLength(2)
  })

  test('a server that does not greet has opened it when it accepts', () => {
    const { heard, route } = start({ dialect: plain })
    route.channel.opens()
    expect(heard).toEqual(['opened websocket'])
  })

  test('says whether everything after the last message follows', () => {
    const { heard, route } = start({ lastEventId: 'e.1.a' })
    greet(route.channel, { resumed: true })
    expect(heard).toEqual(['opened websocket, resumed'])
  })

  test('says so before the first message, although a server leaves out its greeting', () => {
    const { heard, route } = start()
    route.channel.opens()
    route.channel.brings(message(1))
    expect(heard).toEqual(['opened websocket', 'message m1 @e.1.t1'])
  })

  test('happens when a transport takes over that has brought the hello before, while another one owed it', () => {
    let receiver: Receiver | undefined
    const route: Route = {
      open(_, line) {
        receiver = line
        return { close() {} }
      },
    }
    const { connection, heard } = start({ route })
    receiver?.opened(ours('websocket'))
    const hello = receiver?.read({ id: '', ...welcome() } as Incoming) as HelloFrame
    expect(connection.state.name).toBe('connecting')
    receiver?.opened(ours('eventsource'), hello)
    expect(heard).toEqual(['opened eventsource'])
  })

  test('is said again when the line has moved to another transport', () => {
    const { heard, route, way, connection } = start()
    greet(route.channel)
    way.moves(ours('eventsource'))
    way.moves(ours('eventsource'))
    expect(heard).toEqual(['opened websocket', 'opened eventsource'])
    expect(connection.state).toMatchObject({ name: 'open', transport: { name: 'eventsource' } })
  })
})

describe('messages', () => {
  test('come with their names and the position after them', () => {
    const { heard, route, connection } = start()
    greet(route.channel)
    route.channel.brings(message(1), message(2, '안녕', 'wakeup'))
    expect(heard.slice(1)).toEqual(['message m1 @e.1.t1', 'wakeup 안녕 @e.2.t2'])
    expect(connection.lastEventId).toBe('e.2.t2')
  })

  test('that one channel repeats of another are dropped, and the next channel asks for what follows', async () => {
    const { heard, route, world } = start()
    greet(route.channel)
    route.channel.brings(message(1))
    route.channel.ends(cut)
    await world.pass(5_000)
    expect(route.channel.query).toMatchObject({ id: 'e.1.t1', sid: 's1' })
    greet(route.channel, { resumed: true })
    route.channel.brings(message(1), message(2))
    expect(heard.filter(said => said.startsWith('message'))).toEqual([
      'message m1 @e.1.t1',
      'message m2 @e.2.t2',
    ])
  })

  test('that a script repeats each time it is asked come once', async () => {
    const { heard, route, world } = start({ dialect: plain })
    for (let cycle = 0; cycle < 3; cycle++) {
      route.channel.opens()
      route.channel.brings({ id: '1', data: 'one' })
      route.channel.ends(endedWell)
      await world.pass(2_000)
    }
    expect(heard.filter(said => said.startsWith('message'))).toEqual(['message one @1'])
  })

  test('that a script repeats come once too when the browser reconnects by itself', () => {
    const { heard, route } = start({ dialect: plain })
    for (let cycle = 0; cycle < 3; cycle++) {
      route.channel.opens()
      route.channel.brings({ id: '1', data: 'one' })
      route.channel.pauses()
    }
    expect(heard.filter(said => said.startsWith('message'))).toEqual(['message one @1'])
  })

  test('that are lost are told as a gap', () => {
    const { heard, route, connection } = start({ lastEventId: 'e.1.a' })
    greet(route.channel, {}, 'e.1.a')
    const gap = { reason: 'trimmed', from: 'e.1.a', to: 'e.40.b' }
    route.channel.brings({ event: 'rt.gap', id: 'e.40.b', data: JSON.stringify(gap) }, message(41))
    expect(heard.slice(1)).toEqual(['gap trimmed', 'message m41 @e.41.t41'])
    expect(connection.lastEventId).toBe('e.41.t41')
  })

  test('that cannot be read never reach a handler, are told as a gap, and the next one comes', () => {
    const { connection, heard, route } = start()
    greet(route.channel)
    route.channel.brings({ id: 'e.1.a', data: '%%%', encoding: 'base64' })
    expect(connection.lastEventId).toBe('e.1.a')
    route.channel.brings(message(2))
    expect(heard).toEqual(['opened websocket', 'gap unreadable', 'message m2 @e.2.t2'])
  })

  test('of the protocol itself that cannot be read end the channel, and the position stays', () => {
    const { connection, heard, route } = start({ lastEventId: 'e.1.a' })
    greet(route.channel)
    route.channel.brings({ event: 'rt.gap', id: 'e.9.x', data: '{' }, message(10))
    expect(heard).toEqual(['opened websocket', 'failed content, again in 750'])
    expect(connection.lastEventId).toBe('e.1.a')
  })

  test('after one whose handler closed the line are not delivered', () => {
    const { connection, heard, route } = start({ hear: { message: () => connection.close(1_000, 'enough') } })
    greet(route.channel)
    route.channel.brings(message(1), message(2))
    expect(heard).toEqual(['opened websocket', 'closed: enough'])
    expect(connection.lastEventId).toBe('e.1.t1')
  })
})

describe('reconnecting', () => {
  test('waits as long as the server asks by retry', async () => {
    const { heard, route, world } = start()
    greet(route.channel)
    route.channel.brings({ retry: 4_000 })
    route.channel.ends(refused)
    expect(heard.at(-1)).toBe('failed refused, again in 4500')
    await world.pass(4_499)
    expect(route.channels).toHaveLength(1)
    await world.pass(1)
    expect(route.channels).toHaveLength(2)
  })

  test('comes back within the spread when it is cut soon after it opened, and waits longer when that happens again', async () => {
    const { heard, route, world } = start()
    greet(route.channel, { spread: 100 })
    route.channel.ends(cut)
    expect(heard.at(-1)).toBe('failed cut, again in 50')
    await world.pass(50)
    greet(route.channel, { spread: 100 })
    route.channel.ends(cut)
    expect(heard.at(-1)).toBe('failed cut, again in 750')
  })

  test('waits as long as the page asks until the server says otherwise', () => {
    const { heard, route } = start({ retry: 9_000 })
    route.channel.ends(refused)
    expect(heard).toEqual(['failed refused, again in 9500'])
  })

  test('waits longer each time, and begins anew after a line that was well', async () => {
    const { heard, route, world } = start()
    for (let tries = 0; tries < 4; tries++) {
      route.channel.ends(refused)
      await world.pass(60_000)
    }
    greet(route.channel, { spread: 100 })
    await world.pass(30_000)
    route.channel.ends(cut)
    expect(heard.map(said => said.replace(/.*again in /, ''))).toEqual([
      '750',
      '1250',
      '2250',
      '4250',
      'opened websocket',
      '50',
    ])
  })

  /** What a line waits after each of four channels that do the same. */
  async function waits(given: Given, cycle: (channel: FakeChannel) => unknown) {
    const { heard, route, world } = start(given)
    for (let times = 0; times < 4; times++) {
      await cycle(route.channel)
      await world.pass(60_000)
    }
    return heard.filter(said => said.startsWith('failed')).map(said => Number(said.split(' ').at(-1)))
  }

  test('does not wait longer each time after a response that ends in good order and had brought something', async () => {
    let id = 0
    const cycle = (channel: FakeChannel) => {
      channel.opens()
      channel.brings({ id: `${id++}`, data: 'new' })
      channel.ends(endedWell)
    }
    expect(await waits({ dialect: plain }, cycle)).toEqual([1_500, 1_500, 1_500, 1_500])
  })

  test('does not wait longer each time where a server without our wire says when to come again', async () => {
    const cycle = (channel: FakeChannel) => {
      channel.opens()
      channel.brings({ retry: 5_000 })
      channel.ends(endedWell)
    }
    expect(await waits({ dialect: plain }, cycle)).toEqual([6_250, 5_500, 5_500, 5_500])
    expect(await waits({ dialect: plainWith({ letter: true }) }, cycle)).toEqual(Array(4).fill(5_000))
  })

  test('waits longer each time for a server that accepts, brings nothing new and hangs up', async () => {
    const cycle = (channel: FakeChannel) => {
      channel.opens()
      channel.brings({ id: '1', data: 'the same' }, { retry: 0 })
      channel.ends(endedWell)
    }
    expect(await waits({ dialect: plain }, cycle)).toEqual([500, 750, 1_250, 2_250])
  })

  test.each([1_008, 1_011, 1_013, 4_401])(
    'waits longer each time for a WebSocket that is closed with %i, whatever it had brought',
    async code => {
      let id = 0
      const cycle = (channel: FakeChannel) => {
        channel.opens()
        channel.brings({ data: `welcome ${id++}` })
        channel.ends({ kind: 'ended', closeCode: code, code: `closed (${code})` })
      }
      expect(await waits({ dialect: plain }, cycle)).toEqual([1_500, 1_500, 2_000, 3_000])
    },
  )

  test('waits longer each time after an answer that the server worked for', async () => {
    let id = 0
    const cycle = (channel: FakeChannel) => {
      channel.opens()
      channel.brings({ id: `${id++}`, data: 'new' })
      channel.ends({ ...endedWell, costly: true })
    }
    expect(await waits({ dialect: plain }, cycle)).toEqual([1_500, 1_500, 2_000, 3_000])
  })

  test('is not asked for again and again by a server that says goodbye with a retry of 0', async () => {
    const cycle = (channel: FakeChannel) => {
      greet(channel)
      channel.brings({ event: 'rt.bye', data: '{}', retry: 0 })
    }
    expect(await waits({}, cycle)).toEqual([0, 750, 1_250, 2_250])
  })

  test('spreads the lines of a server without our wire that hangs up on all of them', async () => {
    const restarted = (channel: FakeChannel) => {
      channel.opens()
      channel.ends({ kind: 'ended', closeCode: 1_012, code: 'closed (1012)' })
    }
    for (const [chance, wait] of [
      [0, 1_000],
      [0.999, 1_999],
    ] as const)
      expect((await waits({ dialect: plain, chance }, restarted))[0]).toBe(wait)
  })

  test.each([
    ['a new channel of an open line', true],
    ['the first channel', false],
  ])('happens after any status that is not on the list of ends, on %s', async (_, opens) => {
    const { connection, route, world } = start({ dialect: plain })
    for (const code of [302, 400, 404, 410, 500, 502, 503]) {
      if (opens) route.channel.opens()
      route.channel.ends(status(code))
      expect(connection.state.name).toBe('waiting')
      await world.pass(60_000)
    }
    expect(route.channel.open).toBe(true)
  })

  test('follows Retry-After', () => {
    const { heard, route } = start()
    route.channel.ends(status(503, { retryAfter: 8_000 }))
    expect(heard).toEqual(['failed status, again in 10000'])
  })

  test('spreads itself as the latest heartbeat says', async () => {
    const { heard, route, world } = start()
    greet(route.channel, { spread: 100 })
    route.channel.brings({ event: 'rt.beat', data: '{"spread":40000}' })
    await world.pass(30_000)
    route.channel.ends(cut)
    expect(heard.at(-1)).toBe('failed cut, again in 20000')
  })

  test('comes back when a server that says goodbye asked for it, without counting it as a failure', () => {
    const { connection, heard, route } = start()
    greet(route.channel)
    route.channel.brings({ event: 'rt.bye', data: '{}', retry: 6_000 })
    expect(heard.at(-1)).toBe('failed ended, again in 7500')
    expect(connection.state).toMatchObject({ name: 'waiting', backoffStep: 0 })
    expect(route.channel.open).toBe(false)
  })

  test('says goodbye to a line that was not open yet without a word of its opening', () => {
    const { connection, heard, route } = start()
    route.channel.opens()
    route.channel.brings({ event: 'rt.bye', data: '{}', retry: 6_000 })
    expect(heard.map(said => said.split(',', 1)[0])).toEqual(['failed ended'])
    expect(connection.state).toMatchObject({ name: 'waiting', backoffStep: 1 })
  })

  test('does not come back after a goodbye whose status is the server’s last word', () => {
    const dialect = vary(plain, {
      protocol: {
        parseFrame: () => ({ type: 'bye', retry: undefined, why: 'the channel is gone', status: 410 }),
        isFatal: ({ status }) => status === 410,
      },
    })
    const { heard, route } = start({ dialect })
    route.channel.opens()
    route.channel.brings({ data: 'x' })
    expect(heard).toEqual([
      'opened websocket',
      'failed ended, again in undefined',
      'closed: the channel is gone',
    ])
  })

  test('follows the usual retry again after that of a goodbye', async () => {
    const { heard, route, world } = start({ retry: 3_000 })
    greet(route.channel)
    route.channel.brings({ event: 'rt.bye', data: '{}', retry: 6_000 })
    await world.pass(7_500)
    route.channel.ends(refused)
    expect(heard.at(-1)).toBe('failed refused, again in 3500')
  })

  test('is told as an interruption while a browser reconnects by itself', () => {
    const { connection, heard, route } = start({ dialect: plain })
    route.channel.opens()
    route.channel.pauses()
    expect(connection.state.name).toBe('reconnecting')
    route.channel.opens()
    expect(heard).toEqual(['opened websocket', 'failed ended, again in 3000', 'opened websocket'])
    expect(route.channels).toHaveLength(1)
  })

  test.each([204, 401, 403])('does not happen after status %i', async code => {
    const { connection, heard, route, world } = start()
    route.channel.ends(status(code))
    expect(heard).toEqual(['failed status, again in undefined', `closed: answered with status ${code}`])
    expect(connection.state.name).toBe('failed')
    await world.pass(600_000)
    expect(route.channels).toHaveLength(1)
    expect(world.listeners).toBe(0)
    expect(world.timers).toBe(0)
  })

  test('does not happen where no transport can be used', () => {
    const { heard, route } = start()
    route.channel.ends({ kind: 'unsupported', code: 'nothing here' })
    expect(heard).toEqual(['failed unsupported, again in undefined', 'closed: nothing here'])
  })
})

describe('a session of a server that does not number', () => {
  const dialect = vary(plain, {
    protocol: {
      sendsHello: true,
      parseFrame: ({ data = '' }) => ({ type: 'reply', session: data, text: () => `hello ${data}` }),
    },
  })

  test('is named by what follows on its channel, and is no more with the next', async () => {
    const { route, world } = start({ dialect })
    const sid = () => new URL(route.channel.target.buildRequest(viaPost).url).searchParams.get('sid')
    route.channel.opens()
    route.channel.brings({ data: 's1' })
    expect(route.channel.sent).toEqual(['hello s1'])
    expect(sid()).toBe('s1')
    route.channel.ends(cut)
    await world.pass(2_000)
    expect(route.channels.length).toBe(2)
    expect(sid()).toBe('')
    expect(route.channel.query.sid).toBe('')
  })

  test('takes no last request: what is not numbered may be sent once only', async () => {
    const hello = {
      session: 's1',
      resumed: false,
      acked: 0,
      heartbeat: 10_000,
      limits: { message: 100, batch: 100, messages: 1 },
    }
    const opening = vary(dialect, {
      protocol: { parseFrame: () => ({ type: 'hello', cursor: undefined, hello }) },
    })
    const { connection, heard, requests, route, world } = start({ dialect: opening })
    route.channel.opens()
    route.channel.brings({ data: 'x' })
    expect(heard).toEqual(['opened websocket'])
    void connection.send({ event: undefined, data: 'waits' }).catch(() => {})
    await world.fire('pagehide')
    expect(requests).toEqual([])
  })
})

describe('reasons to connect now', () => {
  test.each(['online', 'pageshow', 'resume', 'visibilitychange'])('%s ends the wait', async reason => {
    const { route, world } = start()
    route.channel.ends(refused)
    await world.fire(reason)
    expect(route.channels).toHaveLength(2)
    expect(world.timers).toBe(0)
  })

  test('a page that was hidden just now is none', async () => {
    const { route, world } = start()
    route.channel.ends(refused)
    world.hidden = true
    await world.fire('visibilitychange')
    expect(route.channels).toHaveLength(1)
  })

  test('a page that comes back to a server that nobody can tell the position to begins anew, and says so', async () => {
    const { connection, heard, route, world } = start({ dialect: plain })
    route.channel.opens()
    route.channel.brings({ id: '1', data: 'one' })
    await world.fire('pagehide')
    await world.fire('pageshow')
    route.channel.ends({
      kind: 'unsupported',
      code: 'told',
      detail: 'an EventSource cannot be told the position',
    })
    expect(connection.state.name).toBe('waiting')
    await world.pass(5_000)
    route.channel.opens()
    expect(heard.slice(2)).toEqual(['failed unsupported, again in 1500', 'opened websocket'])
  })

  test('a page that is put aside closes its channel, and resumes when it is shown again', async () => {
    const { connection, route, world } = start()
    greet(route.channel)
    route.channel.brings(message(1))
    await world.fire('pagehide')
    expect(route.channel.open).toBe(false)
    expect(connection.state.name).toBe('suspended')
    expect(world.timers).toBe(0)
    await world.fire('pageshow')
    expect(route.channel.query).toMatchObject({ id: 'e.1.t1', sid: 's1' })
  })
})

describe('a page that goes, perhaps for good', () => {
  const send = ({ connection }: ReturnType<typeof start>, ...texts: string[]) => {
    for (const data of texts) void connection.send({ event: undefined, data }).catch(() => {})
  }

  test('sends what has not been taken in one last request that outlives it', async () => {
    const stage = start()
    greet(stage.route.channel)
    send(stage, 'a', 'b')
    await stage.world.fire('pagehide')
    const [last] = stage.requests
    expect(stage.requests).toHaveLength(1)
    expect(last).toMatchObject({
      method: 'POST',
      keepalive: true,
      body: 'id: 1\ndata: a\n\nid: 2\ndata: b\n\n',
    })
    expect(new URL(last?.url ?? '').searchParams.get('via')).toBe('post')
  })

  test('sends it again with the same numbers if it is shown again: nobody heard what became of it', async () => {
    const stage = start()
    greet(stage.route.channel)
    send(stage, 'a')
    await stage.world.fire('pagehide')
    await stage.world.fire('pageshow')
    greet(stage.route.channel)
    expect(stage.route.channel.sent).toEqual(['id: 1\ndata: a\n\n'])
  })

  test('sends nothing when nothing waits', async () => {
    const stage = start()
    greet(stage.route.channel)
    await stage.world.fire('pagehide')
    expect(stage.requests).toEqual([])
  })

  test('sends nothing when there is no session yet', async () => {
    const stage = start()
    send(stage, 'a')
    await stage.world.fire('pagehide')
    expect(stage.requests).toEqual([])
  })
})

describe('liveness', () => {
  const quiet = 2 * 15_000 + 5_000

  async function openFor(ms: number) {
    const stage = start()
    greet(stage.route.channel)
    await stage.world.pass(ms)
    return stage
  }

  test('a line that is quiet for longer than two heartbeats is asked', async () => {
    const { route, world } = await openFor(quiet - 1)
    expect(route.channel.sent).toEqual([])
    await world.pass(1)
    expect(route.channel.sent).toEqual([native.sending.ping])
  })

  test('one that answers stays', async () => {
    const { connection, route, world } = await openFor(quiet)
    route.channel.takes()
    route.channel.brings(pong)
    await world.pass(quiet - 1)
    expect(connection.state.name).toBe('open')
    expect(route.channel.sent).toHaveLength(1)
  })

  test('one that does not answer within two seconds is left', async () => {
    const { heard, world } = await openFor(quiet)
    await world.pass(1_999)
    expect(heard).toHaveLength(1)
    await world.pass(1)
    expect(heard.at(-1)).toMatch(/^failed silent/)
  })

  test('every sign of life counts, a piece that is no block too', async () => {
    const { route, world } = await openFor(quiet - 1)
    route.channel.brings()
    await world.pass(quiet - 1)
    route.channel.brings(beat)
    await world.pass(quiet - 1)
    expect(route.channel.sent).toEqual([])
  })

  test('an acknowledgement is none: it may have come another way', async () => {
    const { route, world } = await openFor(quiet - 1)
    route.channel.brings(ack(0))
    await world.pass(1)
    expect(route.channel.sent).toEqual([native.sending.ping])
  })

  test.each(['online', 'pageshow', 'visibilitychange'])(
    '%s asks a line that says it is open',
    async reason => {
      const { route, world, heard } = await openFor(1_000)
      await world.fire(reason)
      expect(route.channel.sent).toEqual([native.sending.ping])
      await world.pass(2_000)
      expect(heard.at(-1)).toMatch(/^failed silent/)
    },
  )

  test('after sleep the line is asked once more before it is given up, since a late timer proves nothing', async () => {
    const { connection, route, world } = await openFor(quiet)
    await world.sleep(8 * 60 * 60 * 1_000)
    expect(connection.state.name).toBe('open')
    route.channel.takes()
    route.channel.brings(pong)
    await world.pass(2_000)
    expect(connection.state.name).toBe('open')
  })

  test('after sleep a line that stays silent is given up', async () => {
    const { heard, world } = await openFor(quiet)
    await world.sleep(60_000)
    await world.pass(2_000)
    expect(heard.at(-1)).toMatch(/^failed silent/)
  })

  test('a server that cannot be asked is trusted', async () => {
    const { connection, route, world } = start({ dialect: plain })
    route.channel.opens()
    await world.pass(24 * 60 * 60 * 1_000)
    await world.fire('online')
    expect(connection.state.name).toBe('open')
    expect(route.channel.sent).toEqual([])
  })
})

describe('sending', () => {
  test('waits for the line, and settles when the server has taken it', async () => {
    const { connection, route, world } = start()
    let settled = false
    void connection.send({ event: 'chat', data: 'hi' }).then(() => {
      settled = true
    })
    expect(connection.bufferedAmount).toBe(2)
    greet(route.channel)
    expect(route.channel.sent).toEqual(['event: chat\nid: 1\ndata: hi\n\n'])
    route.channel.takes()
    await world.settle()
    expect(settled).toBe(false)
    route.channel.brings(ack(1))
    await world.settle()
    expect(settled).toBe(true)
    expect(connection.bufferedAmount).toBe(0)
  })

  test('learns from the greeting what the server had taken before the line was cut', async () => {
    const { connection, route, world } = start()
    greet(route.channel)
    const sends = [
      connection.send({ event: undefined, data: 'a' }),
      connection.send({ event: undefined, data: 'b' }),
    ]
    await world.settle()
    route.channel.ends(cut)
    await world.pass(60_000)
    greet(route.channel, { acked: 1 })
    await expect(sends[0]).resolves.toBeUndefined()
    expect(route.channel.sent).toEqual(['id: 2\ndata: b\n\n'])
    route.channel.brings(ack(2))
    await expect(sends[1]).resolves.toBeUndefined()
  })

  test('a refusal that comes down the channel rejects what was sent, and the line does not send it again and again', async () => {
    const { connection, heard, route, world } = start()
    greet(route.channel)
    const sent = connection.send({ event: undefined, data: 'not for you' })
    await world.settle()
    route.channel.takes()
    const refusal = expect(sent).rejects.toMatchObject({ kind: 'forbidden' })
    route.channel.brings({ event: 'rt.fail', data: '{"status":403,"message":"sending is not allowed"}' })
    await refusal
    expect(heard.at(-1)).toBe('failed cut, again in 0')
    await world.pass(0)
    greet(route.channel)
    expect(route.channel.sent).toEqual([])
  })

  test('a session that is unknown is asked for anew, at the same position; what was sent twice is in doubt', async () => {
    const { connection, heard, route, world } = start()
    greet(route.channel)
    route.channel.brings(message(1))
    const sent = connection.send({ event: undefined, data: 'sent' })
    await world.settle()
    const waiting = connection.send({ event: undefined, data: 'waiting' })
    route.channel.takes(refused)
    await world.pass(250)
    route.channel.takes(status(404))
    expect(heard.at(-1)).toMatch(/^failed cut/)
    await world.pass(60_000)
    expect(route.channel.query).toMatchObject({ id: 'e.1.t1', sid: '' })
    const doubted = expect(sent).rejects.toMatchObject({ kind: 'IN_DOUBT' })
    greet(route.channel, { session: 's2' })
    await doubted
    expect(route.channel.sent).toEqual(['id: 1\ndata: waiting\n\n'])
    route.channel.brings(ack(1))
    await waiting
  })
})

describe('close', () => {
  const moments: Record<string, (stage: ReturnType<typeof start>) => unknown> = {
    'while it connects': () => {},
    'once it is open': ({ route }) => greet(route.channel),
    'while it waits': ({ route }) => route.channel.ends(refused),
    'while the browser reconnects': ({ route }) => {
      greet(route.channel)
      route.channel.pauses()
    },
    'while the page is put aside': ({ world }) => world.fire('pagehide'),
    'while it asks for a sign of life': async ({ route, world }) => {
      greet(route.channel)
      await world.fire('online')
    },
    'with a message on its way': ({ route, connection }) => {
      greet(route.channel)
      void connection.send({ event: undefined, data: 'x' }).catch(() => {})
    },
  }

  test.each(Object.entries(moments))('%s leaves no timer, listener or channel', async (_, reach) => {
    const stage = start()
    await reach(stage)
    const before = stage.heard.length
    stage.connection.close(1_000, 'enough')
    stage.connection.close(1_000, 'twice')
    expect(stage.heard.slice(before)).toEqual(['closed: enough'])
    expect(stage.world.timers).toBe(0)
    expect(stage.world.listeners).toBe(0)
    expect(stage.route.channels.filter(channel => channel.open)).toEqual([])
  })
})
