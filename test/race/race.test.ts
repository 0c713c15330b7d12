import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { Failure, TransportName } from '../../src/contracts/failure.ts'
import type { Attempt, Channel, Receiver, Target } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { plain, plainWith } from '../../src/dialects/plain.ts'
import type { Environment } from '../../src/environment.ts'
import { createPreference } from '../../src/race/preference.ts'
import { createRace } from '../../src/race/race.ts'
import { sentence } from '../../src/words.ts'
import { ack, message, pong, tick, welcome } from '../support/blocks.ts'
import { madeBy, vary } from '../support/dialects.ts'
import { cut, endedWell, type Fake, type FakeChannel, fakes, refused, status } from '../support/fakes.ts'
import { createWorld, type World } from '../support/world.ts'

/** What the race waits before the next transport joins, when no round trip was measured. */
const stagger = 300
const timeout = 10_000

interface Given {
  dialect?: Dialect
  eager?: boolean
  world?: World
  parts?: Partial<Environment>
}

/** A race over transports that the test drives, and all that is heard above it. */
async function startRace(transports: Fake[], { dialect = native, eager = false, world, parts }: Given = {}) {
  const place = world ?? createWorld(parts)
  const { environment, origin } = place
  const attempts: Attempt[] = []
  const route = createRace(transports, createPreference(environment, origin))
  const heard: string[] = []
  const failures: Failure[] = []
  let positioned = false
  const target: Target = {
    dialect,
    environment,
    origin,
    pathname: '/live',
    attempts,
    eager,
    withCredentials: false,
    timeout,
    taken: () => 0,
    positioned: () => positioned,
    names: () => () => {},
    reader: (by, previous) => dialect.framing.reader(by, previous),
    buildRequest: by => ({ url: `${origin}/live?via=${madeBy(by).via}`, headers: {} }),
  }
  const tell = (word: string, failure: Failure) => {
    failures.push(failure)
    heard.push(`${word} ${failure.status ?? failure.kind}`)
  }
  const line: Receiver = {
    opened: ({ name }) => heard.push(`opened ${name}`),
    read: block => dialect.protocol.parseFrame(block, { cursor: '', session: undefined }),
    frame(frame) {
      positioned ||= 'cursor' in frame && frame.cursor !== undefined
      if (frame.type === 'message') heard.push(`${frame.data}`)
    },
    alive() {
      stage.alive++
    },
    paused: failure => tell('paused', failure),
    ended: failure => tell('ended', failure),
  }
  const stage = {
    world: place,
    heard,
    failures,
    attempts,
    /** How often the line was told that its channel works. */
    alive: 0,
    /** The transports whose channels are open, best first. */
    get racing() {
      return transports
        .filter(transport => transport.channels.some(channel => channel.open))
        .map(transport => transport.name)
    },
    /** How often each was tried. */
    get tries() {
      return transports.map(transport => transport.channels.length)
    },
    channel: undefined as unknown as Channel,
    /** Opens the race again, as the connection does after it ended. */
    async open() {
      stage.channel = route.open(target, line)
      await place.settle()
    },
  }
  await stage.open()
  return stage
}

/** The server greets; nothing is proven yet. */
function talk(channel: FakeChannel): void {
  channel.opens()
  channel.brings(welcome())
}

/** The server greets, and the proof follows in time. */
async function prove(world: World, channel: FakeChannel): Promise<void> {
  talk(channel)
  await world.pass(200)
  channel.brings(pong, tick)
}

describe('the first transport', () => {
  test('says once for each piece that it works, and not for one of receipts', async () => {
    const [ws] = fakes('websocket')
    const stage = await startRace([ws])
    await prove(stage.world, ws.channel)
    stage.alive = 0
    ws.channel.brings(ack(1), ack(2))
    expect(stage.alive).toBe(0)
    ws.channel.brings(ack(3), message(1), message(2))
    expect(stage.alive).toBe(1)
    ws.channel.brings()
    expect(stage.alive).toBe(2)
  })

  test('starts alone, and after open has returned', async () => {
    const [ws, es] = fakes('websocket', 'eventsource')
    const { racing, heard } = await startRace([ws, es])
    expect(racing).toEqual(['websocket'])
    expect(heard).toEqual([])
  })

  test('stays alone where the network is healthy', async () => {
    const [ws, es] = fakes('websocket', 'eventsource')
    const stage = await startRace([ws, es])
    await stage.world.pass(stagger - 1)
    await prove(stage.world, ws.channel)
    await stage.world.pass(60_000)
    expect(stage.tries).toEqual([1, 0])
    expect(stage.heard).toEqual(['opened websocket'])
  })

  test('starts together with the second when the page is eager', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming')
    const { racing } = await startRace(transports, { eager: true })
    expect(racing).toEqual(['websocket', 'eventsource'])
  })

  test('what an eager page hears first is handed on before the other is closed', async () => {
    const transports = fakes('websocket', 'eventsource')
    const stage = await startRace(transports, { eager: true })
    const told: unknown[] = []
    Object.assign(stage.heard, { push: (word: string) => told.push([word, stage.racing]) })
    transports[1].channel.opens()
    transports[1].channel.brings(welcome(), message(1))
    const both = ['websocket', 'eventsource']
    expect(told).toEqual([
      ['opened eventsource', both],
      ['m1', both],
    ])
    expect(stage.racing).toEqual(['eventsource'])
  })

  test('is the one that worked on the last page, for six hours', async () => {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const first = await startRace(transports)
    const { world } = first
    ws(transports).channel.ends(refused)
    await prove(world, transports[1].channel)
    first.channel.close()

    const again = fakes('websocket', 'eventsource', 'long-polling')
    const second = await startRace(again, { world })
    expect(second.racing).toEqual(['eventsource'])
    again[1].channel.ends(refused)
    expect(second.racing).toEqual(['long-polling'])
    again[2].channel.ends(refused)
    expect(second.racing).toEqual(['websocket'])
  })

  test('is the first of all when what is remembered is no transport of ours', async () => {
    const world = createWorld()
    world.storage.set(`throughline:${world.origin}`, `carrier-pigeon ${Date.now() + 1_000}`)
    const { racing } = await startRace(fakes('websocket', 'eventsource'), { world })
    expect(racing).toEqual(['websocket'])
  })
})

function ws(transports: Fake[]): Fake {
  return transports[0] as Fake
}

describe('a transport that is silent', () => {
  test('is joined by the next after the stagger, and not given up', async () => {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    await stage.world.pass(stagger - 1)
    expect(stage.racing).toEqual(['websocket'])
    await stage.world.pass(1)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
    await stage.world.pass(stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource', 'long-polling'])
  })

  test('is joined after three round trips, where the page has measured one', async () => {
    for (const [trip, expected] of [
      [1, 100],
      [50, 150],
      [5_000, 2_000],
    ] as const) {
      const world = createWorld()
      world.roundTrip = trip
      const stage = await startRace(fakes('websocket', 'eventsource'), { world })
      await world.pass(expected - 1)
      expect(stage.racing).toEqual(['websocket'])
      await world.pass(1)
      expect(stage.racing).toEqual(['websocket', 'eventsource'])
    }
  })

  test('wins if it proves itself first', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await stage.world.pass(stagger)
    await prove(stage.world, first.channel)
    expect(stage.racing).toEqual(['websocket'])
    expect(stage.heard).toEqual(['opened websocket'])
  })

  test('is silent although it was accepted', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    first.channel.opens()
    await stage.world.pass(stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
    expect(stage.heard).toEqual([])
  })

  test('has the stagger again once it was accepted', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await stage.world.pass(stagger - 1)
    first.channel.opens()
    await stage.world.pass(stagger - 1)
    expect(stage.racing).toEqual(['websocket'])
    await stage.world.pass(1)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
  })

  test('has failed when it stays so for the whole timeout', async () => {
    const [only] = fakes('websocket')
    const stage = await startRace([only])
    await stage.world.pass(timeout - 1)
    expect(stage.racing).toEqual(['websocket'])
    await stage.world.pass(1)
    expect(stage.racing).toEqual([])
    expect(stage.heard).toEqual(['ended silent'])
  })

  test.each([
    [
      'has failed just so where the server says that a line is open',
      vary(plain, { protocol: { sendsHello: true } }),
      [],
    ],
    ['is waited for where the server need not say a word', plain, ['eventsource']],
  ])('a stream %s', async (_, dialect, racing) => {
    const stage = await startRace(fakes('eventsource'), { dialect })
    await stage.world.pass(timeout)
    expect(stage.racing).toEqual(racing)
  })
})

describe('a transport that fails', () => {
  test('hands over at once', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    first.channel.ends(refused)
    expect(stage.racing).toEqual(['eventsource'])
    expect(stage.heard).toEqual([])
  })

  test('hands over at once when it was opened and then cut', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    first.channel.opens()
    first.channel.ends(cut)
    expect(stage.racing).toEqual(['eventsource'])
  })

  test('hands over at once when it greeted and was then cut, and says that the line is interrupted', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    talk(first.channel)
    first.channel.ends(cut)
    expect(stage.racing).toEqual(['eventsource'])
    expect(stage.heard).toEqual(['opened websocket', 'paused cut'])
    await prove(stage.world, second.channel)
    expect(stage.heard.slice(2)).toEqual(['opened eventsource'])
  })

  test('as the last one that greeted is told once, by the end', async () => {
    const [only] = fakes('eventsource')
    const stage = await startRace([only])
    talk(only.channel)
    only.channel.ends(cut)
    expect(stage.heard).toEqual(['opened eventsource', 'ended cut'])
  })

  test('hands over at once when open throws', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    first.throws = new Error('blocked by policy')
    const stage = await startRace([first, second])
    expect(stage.racing).toEqual(['eventsource'])
    expect(sentence(stage.attempts[0]?.failure as Failure)).toBe(
      'websocket could not start, blocked by policy',
    )
  })

  test('hands over at once when it cannot be used here', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    first.supported = false
    const stage = await startRace([first, second])
    expect(stage.racing).toEqual(['eventsource'])
    expect(stage.tries).toEqual([0, 1])
  })

  test('says what can be done when none can be used here', async () => {
    const [only] = fakes('websocket')
    only.supported = false
    const stage = await startRace([only])
    expect(stage.heard).toEqual(['ended unsupported'])
    expect(sentence(stage.failures[0] as Failure)).toMatch(
      /^websocket cannot be used here: .*environment.*docs\/places\.md/,
    )
  })

  test('does not make the next but one start sooner', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming')
    const stage = await startRace(transports)
    await stage.world.pass(200)
    ws(transports).channel.ends(refused)
    await stage.world.pass(stagger - 1)
    expect(stage.racing).toEqual(['eventsource'])
    await stage.world.pass(1)
    expect(stage.racing).toEqual(['eventsource', 'xhr-streaming'])
  })

  test.each([204, 401, 403])('with status %i ends all at once', async code => {
    const transports = fakes('xhr-streaming', 'long-polling', 'jsonp')
    const stage = await startRace(transports)
    await stage.world.pass(stagger)
    transports[0].channel.ends(status(code))
    expect(stage.heard).toEqual([`ended ${code}`])
    expect(stage.racing).toEqual([])
    expect(stage.world.timers).toBe(0)
  })

  test('that holds for the line, in the server’s words, is heard once and not five times', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming')
    const stage = await startRace(transports)
    ws(transports).channel.ends(status(503, { scope: 'line', retryAfter: 7_000 }))
    expect(stage.heard).toEqual(['ended 503'])
    expect(stage.failures[0]?.retryAfter).toBe(7_000)
    expect(stage.tries).toEqual([1, 0, 0])
  })

  test('that holds for one transport alone, be it 403, hands over to the next', async () => {
    const transports = fakes('websocket', 'eventsource')
    const stage = await startRace(transports)
    ws(transports).channel.ends(status(403, { scope: 'transport', detail: 'not so' }))
    expect(stage.racing).toEqual(['eventsource'])
    transports[1].channel.ends(status(403, { scope: 'line', detail: 'not at all' }))
    expect(stage.heard).toEqual(['ended 403'])
  })

  test('that holds for one transport is the end where there is no other', async () => {
    const [only] = fakes('websocket')
    const stage = await startRace([only])
    only.channel.ends(status(403, { scope: 'transport', detail: 'not so' }))
    await stage.world.settle()
    expect(stage.failures).toMatchObject([{ status: 403, detail: 'not so' }])
  })

  test('as the last one ends the race, with the words of all', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    first.channel.ends({ kind: 'cut', code: 'the socket was cut' })
    second.channel.ends({ kind: 'cut', code: 'the stream was cut' })
    await stage.world.settle()
    expect(stage.heard).toEqual(['ended cut'])
    expect(sentence(stage.failures[0] as Failure)).toBe('the socket was cut; the stream was cut')
    expect(stage.world.timers + stage.world.listeners).toBe(0)
  })

  test('and was told when to come back decides over those that were not', async () => {
    const [first, second, third] = fakes('websocket', 'xhr-streaming', 'long-polling')
    const stage = await startRace([first, second, third])
    first.channel.ends(refused)
    second.channel.ends(status(503, { retryAfter: 7_000 }))
    third.channel.ends(cut)
    await stage.world.settle()
    expect(stage.failures[0]).toMatchObject({ status: 503, retryAfter: 7_000 })
  })

  test('for good decides only if all do', async () => {
    const [first, second] = fakes('xhr-streaming', 'long-polling')
    const stage = await startRace([first, second], { dialect: plainWith({ letter: true }) })
    first.channel.ends({ kind: 'content', code: 'a login page' })
    second.channel.ends(cut)
    await stage.world.settle()
    expect(stage.heard).toEqual(['ended cut'])
  })

  test('is no reason to say that nothing is supported', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    second.supported = false
    const stage = await startRace([first, second])
    first.channel.ends(cut)
    await stage.world.settle()
    expect(stage.heard).toEqual(['ended cut'])
  })
})

describe('where nothing can be used', () => {
  test('the race ends as unsupported', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    first.supported = second.supported = false
    const stage = await startRace([first, second])
    expect(stage.heard).toEqual(['ended unsupported'])
  })

  test('transports that the dialect does not have are not tried', async () => {
    const [only] = fakes('jsonp')
    const stage = await startRace([only], { dialect: plain })
    expect(stage.heard).toEqual(['ended unsupported'])
    expect(only.channels).toEqual([])
  })
})

describe('a transport that talks', () => {
  test('delivers at once, before any proof', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    talk(first.channel)
    first.channel.brings(message(1))
    expect(stage.heard).toEqual(['opened eventsource', 'm1'])
  })

  test('makes the race hold still while its proof is due', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    await stage.world.pass(stagger - 1)
    talk(first.channel)
    await stage.world.pass(600 + stagger - 1)
    expect(stage.tries).toEqual([1, 0])
  })

  test('is silent again when its proof is overdue: the next one joins, and it goes on delivering', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    talk(first.channel)
    await stage.world.pass(600 + stagger)
    expect(stage.racing).toEqual(['eventsource', 'long-polling'])
    first.channel.brings(message(1))
    expect(stage.heard).toEqual(['opened eventsource', 'm1'])
    await prove(stage.world, second.channel)
    expect(stage.racing).toEqual(['long-polling'])
    expect(stage.heard).toEqual(['opened eventsource', 'm1', 'opened long-polling'])
  })

  test('is waited for as long as a stream flows: on a slow line its proof is behind what waited', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    talk(first.channel)
    for (let time = 1; time < 10; time++) {
      await stage.world.pass(600)
      first.channel.brings(message(time))
    }
    expect(stage.racing).toEqual(['eventsource'])
    await stage.world.pass(600 + stagger)
    expect(stage.racing).toEqual(['eventsource', 'long-polling'])
  })

  test('is not waited for where a question may have been lost on its way up, whatever comes down', async () => {
    const [first, second] = fakes('websocket', 'long-polling')
    const stage = await startRace([first, second])
    talk(first.channel)
    for (let time = 1; time < 10; time++) {
      await stage.world.pass(100)
      first.channel.brings(message(time))
    }
    expect(stage.racing).toEqual(['websocket', 'long-polling'])
  })

  test('may still prove itself late', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    talk(first.channel)
    await stage.world.pass(600 + stagger)
    first.channel.brings(tick)
    expect(stage.racing).toEqual(['eventsource'])
    expect(stage.attempts[0]?.failure).toBeUndefined()
  })

  test('closes cold ones, which would begin anew and not continue; they are put back', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming', 'long-polling')
    const stage = await startRace(transports)
    await stage.world.pass(2 * stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource', 'xhr-streaming'])
    talk(transports[2].channel)
    expect(stage.racing).toEqual(['xhr-streaming'])
    transports[2].channel.ends(cut)
    expect(stage.racing).toEqual(['websocket'])
    await stage.world.pass(stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
    await stage.world.pass(stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource', 'long-polling'])
  })

  test('leaves those that would continue: ids drop what comes twice', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming')
    const stage = await startRace(transports)
    talk(ws(transports).channel)
    ws(transports).channel.ends(cut)
    await stage.world.pass(stagger)
    talk(transports[2].channel)
    expect(stage.racing).toEqual(['eventsource', 'xhr-streaming'])
  })

  test('takes over from another that talked and failed', async () => {
    const [first, second] = fakes('eventsource', 'xhr-streaming')
    const stage = await startRace([first, second])
    talk(first.channel)
    await stage.world.pass(600 + stagger)
    talk(second.channel)
    expect(stage.heard).toEqual(['opened eventsource'])
    first.channel.ends(cut)
    expect(stage.heard).toEqual(['opened eventsource', 'opened xhr-streaming'])
    expect(stage.racing).toEqual(['xhr-streaming'])
  })

  test('carries what is sent', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    stage.channel.send?.('lost', () => {})
    talk(first.channel)
    stage.channel.send?.('hello', () => {})
    expect(first.channel.sent).toEqual(['hello'])
    await stage.world.pass(600 + stagger)
    await prove(stage.world, second.channel)
    stage.channel.send?.('again', () => {})
    expect(second.channel.sent).toEqual(['again'])
  })
})

describe('proof', () => {
  test('of a WebSocket is the answer to what it is asked with the first block', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    first.channel.opens()
    expect(first.channel.sent).toEqual([])
    first.channel.brings(welcome())
    expect(first.channel.sent).toEqual([native.sending.ping])
    first.channel.brings(pong)
    await stage.world.pass(10_000)
    expect(stage.tries).toEqual([1, 0])
    expect(stage.attempts[0]?.proven).toBeDefined()
  })

  test('that a WebSocket does not give in time brings the next one in', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    talk(first.channel)
    await stage.world.pass(200 + stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
  })

  test.each(['eventsource', 'xhr-streaming'] as const)(
    'of %s is a tick that comes apart from the first block',
    async name => {
      const [first] = fakes(name)
      const stage = await startRace([first])
      talk(first.channel)
      await stage.world.pass(150)
      expect(stage.attempts[0]?.proven).toBeUndefined()
      first.channel.brings(tick)
      expect(stage.attempts[0]?.proven).toBeDefined()
    },
  )

  test('of a stream is not a tick that comes with the first block: it is held back and let go in lumps', async () => {
    const [first, second] = fakes('xhr-streaming', 'long-polling')
    const stage = await startRace([first, second])
    first.channel.opens()
    first.channel.brings(welcome(), tick)
    expect(stage.attempts[0]?.proven).toBeUndefined()
    await stage.world.pass(600 + stagger)
    expect(stage.racing).toEqual(['xhr-streaming', 'long-polling'])
  })

  test.each(['eventsource', 'fetch-streaming'] as const)(
    'of %s whose tick came with the first block is an answer: the page may have been busy',
    async name => {
      const [first, second] = fakes(name, 'long-polling')
      const stage = await startRace([first, second])
      await stage.world.busy(timeout / 2, () => {
        first.channel.opens()
        first.channel.brings(welcome(), tick)
      })
      expect(first.channel.sent).toEqual([native.sending.ping])
      await stage.world.pass(500)
      first.channel.brings(pong)
      expect(stage.attempts[0]?.proven).toBeDefined()
      await stage.world.pass(60_000)
      expect(stage.attempts[0]?.failure?.code).not.toBe('held-back')
    },
  )

  test.each([
    ['in one piece with it', [welcome(), tick, pong], []],
    ['with messages', [welcome(), tick], [message(1), pong]],
    ['never', [welcome(), tick], [message(1)]],
  ])(
    'of a stream whose tick came with the first block is no answer that comes %s',
    async (_, early, late) => {
      const [first, second] = fakes('fetch-streaming', 'long-polling')
      const stage = await startRace([first, second])
      first.channel.opens()
      first.channel.brings(...early)
      await stage.world.pass(300)
      first.channel.brings(...late)
      await stage.world.pass(300 + stagger)
      expect(first.channel.sent).toEqual([native.sending.ping])
      expect(stage.attempts[0]?.proven).toBeUndefined()
      expect(stage.attempts[0]?.failure?.code).toBe('held-back')
      expect(stage.racing).toEqual(['fetch-streaming', 'long-polling'])
    },
  )

  test.each([
    ['eventsource', 0],
    ['eventsource', 100],
    ['xhr-streaming', 0],
    ['iframe', 149],
  ] as const)(
    'of %s whose tick came %i ms after the first block is not awaited behind what flows: there is no other tick',
    async (name, gap) => {
      const [first, second] = fakes(name, 'fetch-streaming')
      const stage = await startRace([first, second])
      first.channel.opens()
      first.channel.brings(welcome())
      await stage.world.pass(gap)
      first.channel.brings(tick)
      for (let count = 1; count <= 20; count++) {
        await stage.world.pass(100)
        first.channel.brings(message(count))
      }
      expect(stage.racing).toEqual([name, 'fetch-streaming'])
      talk(second.channel)
      await stage.world.pass(200)
      second.channel.brings(tick)
      expect(stage.attempts[1]?.proven).toBeDefined()
    },
  )

  test.each(['long-polling', 'jsonp'] as const)('of %s is one block', async name => {
    const [first] = fakes(name)
    const stage = await startRace([first])
    first.channel.opens()
    first.channel.brings()
    expect(stage.attempts[0]?.proven).toBeUndefined()
    first.channel.brings(welcome())
    expect(stage.attempts[0]?.proven).toBeDefined()
  })

  test('of a server that need not say anything is that it accepted', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second], { dialect: plain })
    await stage.world.pass(stagger)
    first.channel.opens()
    expect(stage.racing).toEqual(['websocket'])
    expect(stage.heard).toEqual(['opened websocket'])
  })

  test('closes the others', async () => {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    await stage.world.pass(2 * stagger)
    transports[2].channel.opens()
    transports[2].channel.brings(welcome())
    expect(stage.racing).toEqual(['long-polling'])
    expect(stage.attempts.map(({ ended }) => ended !== undefined)).toEqual([true, true, false])
  })
})

describe('on a page that is busy', () => {
  const lengths = [60, 250, 1_000, 20_000]

  /** Busy for so long from `start` on; the answer came meanwhile and is handled afterwards. */
  test.each(lengths.flatMap(length => [0, 150, 299].map(start => [length, start])))(
    'for %i ms from %i on, an answer that waits behind late timers makes another connection needless',
    async (length, start) => {
      const [first, second] = fakes('websocket', 'eventsource')
      const stage = await startRace([first, second])
      await stage.world.pass(start)
      await stage.world.busy(length, () => talk(first.channel))
      await prove(stage.world, first.channel)
      await stage.world.pass(60_000)
      expect(stage.tries).toEqual([1, 0])
    },
  )

  test('until a moment before its time is over, the first has its time again', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await stage.world.pass(20)
    await stage.world.busy(stagger - 21)
    await stage.world.pass(stagger - 1)
    expect(stage.tries).toEqual([1, 0])
    await stage.world.pass(1)
    expect(stage.tries).toEqual([1, 1])
  })

  test('a proof that waits behind a late timer is not overdue', async () => {
    const [first, second] = fakes('eventsource', 'long-polling')
    const stage = await startRace([first, second])
    talk(first.channel)
    await stage.world.busy(5_000, () => first.channel.brings(tick))
    expect(stage.tries).toEqual([1, 0])
    expect(stage.attempts[0]?.proven).toBeDefined()
  })

  test('an answer that waits behind a late timer is not silence', async () => {
    const [only] = fakes('websocket')
    const stage = await startRace([only])
    await stage.world.busy(2 * timeout, () => talk(only.channel))
    expect(stage.heard).toEqual(['opened websocket'])
  })

  test('what is looked up to is joined only after a second in which it could be heard', async () => {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    transports[0].channel.ends(refused)
    transports[1].channel.ends(refused)
    await prove(stage.world, transports[2].channel)
    await stage.world.fire('online')
    await stage.world.busy(3_000, () => talk(ws(transports).channel))
    ws(transports).channel.brings(pong)
    expect(stage.tries).toEqual([2, 1, 1])
    expect(stage.racing).toEqual(['websocket'])
  })

  test.each([51, 400, 5_000])(
    'all the time, with timers that are %i ms late, the next one comes after all',
    async late => {
      const world = createWorld()
      const { setTimeout } = world.environment
      world.environment.setTimeout = (act, ms) => setTimeout(act, ms + late)
      const stage = await startRace(fakes('websocket', 'eventsource'), { world })
      await world.pass(stagger + 3 * (stagger + late) + 4 * late)
      expect(stage.racing).toEqual(['websocket', 'eventsource'])
    },
  )
})

describe('a worse one that is a moment ahead', () => {
  /** The second has joined and answers after `trip`. */
  async function ahead(names: [TransportName, TransportName], trip = 100, given?: Given) {
    const transports = fakes(...names)
    const stage = await startRace(transports, given)
    await stage.world.pass(stagger + trip)
    return { stage, transports }
  }

  test('waits for as long as it took itself, and is left for the better one that talks by then', async () => {
    const { stage, transports } = await ahead(['long-polling', 'jsonp'])
    transports[1].channel.opens()
    transports[1].channel.brings(welcome())
    await stage.world.pass(99)
    expect(stage.heard).toEqual([])
    transports[0].channel.opens()
    transports[0].channel.brings(welcome())
    expect(stage.heard).toEqual(['opened long-polling'])
    expect(stage.racing).toEqual(['long-polling'])
    await stage.world.pass(60_000)
    expect(stage.heard).toEqual(['opened long-polling'])
  })

  test('carries the line when the better one lets the moment pass, and loses nothing', async () => {
    const { stage, transports } = await ahead(['websocket', 'long-polling'])
    talk(transports[1].channel)
    transports[1].channel.brings(message(1))
    await stage.world.pass(50)
    transports[1].channel.brings(message(2))
    await stage.world.pass(50)
    expect(stage.heard).toEqual(['opened long-polling', 'm1', 'm2'])
  })

  test('carries the line at once when the better one fails', async () => {
    const { stage, transports } = await ahead(['websocket', 'long-polling'])
    talk(transports[1].channel)
    transports[0].channel.ends(refused)
    expect(stage.heard).toEqual(['opened long-polling'])
    expect(stage.attempts[1]?.proven).toBeDefined()
  })

  test('waits for no longer than the stagger', async () => {
    const { stage, transports } = await ahead(['websocket', 'long-polling'], 5_000)
    talk(transports[1].channel)
    await stage.world.pass(stagger)
    expect(stage.heard).toEqual(['opened long-polling'])
  })

  test('has its proof judged by when it came', async () => {
    const { stage, transports } = await ahead(['websocket', 'eventsource'], 300)
    talk(transports[1].channel)
    await stage.world.pass(200)
    transports[1].channel.brings(tick)
    await stage.world.pass(100)
    expect(stage.attempts[1]?.proven).toBeDefined()
  })

  test('ends in its turn', async () => {
    const { stage, transports } = await ahead(['websocket', 'eventsource'])
    talk(transports[1].channel)
    transports[1].channel.ends(cut)
    await stage.world.pass(100)
    expect(stage.heard).toEqual(['opened eventsource', 'paused cut'])
  })

  test('is heard through one channel only where messages have no ids', async () => {
    const { stage, transports } = await ahead(['websocket', 'eventsource'], 100, { dialect: plain })
    transports[1].channel.opens()
    transports[1].channel.brings({ data: 'lost with its channel' })
    await stage.world.pass(50)
    transports[0].channel.opens()
    transports[0].channel.brings({ data: 'once' })
    await stage.world.pass(1_000)
    expect(stage.heard).toEqual(['opened websocket', 'once'])
    expect(stage.racing).toEqual(['websocket'])
  })

  test('leaves a better one that was accepted and would continue: it takes over without a new connection', async () => {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    talk(ws(transports).channel)
    ws(transports).channel.ends(cut)
    transports[1].channel.opens()
    await stage.world.pass(stagger)
    talk(transports[2].channel)
    expect(stage.racing).toEqual(['eventsource', 'long-polling'])
    await prove(stage.world, transports[1].channel)
    expect(stage.racing).toEqual(['eventsource'])
    expect(stage.tries).toEqual([1, 1, 1])
    expect(stage.heard.slice(2)).toEqual(['opened long-polling', 'opened eventsource'])
  })
})

describe('a stream that was proven', () => {
  interface Wire {
    /** What stands between: nothing; a box that passes each piece when the next one comes; or one that passes 2 KB at once. */
    box?: 'none' | 'late by one' | 'gathers'
    /** One way, and up to so much more, in ms. */
    latency?: number
    jitter?: number
    /** Between two messages, in ms, and by what part that varies. */
    every?: number
    varies?: number
    seed?: number
    /** What the server's answer holds. */
    answer?: (number: string) => string
    names?: [TransportName, TransportName]
  }

  /** A stream with traffic beside polls that work, for so long; then no more traffic. */
  async function flow(given: Wire, busy = 60_000, then = 60_000) {
    const { box = 'none', latency = 5, jitter = 0, every = 1_500, varies = 0, seed = 1 } = given
    const { answer = number => number, names = ['eventsource', 'long-polling'] } = given
    const world = createWorld({}, seed)
    const { environment } = world
    const transports = fakes(...names)
    const stage = await startRace(transports, { world })
    const trip = () => latency + jitter * environment.random()
    const end = world.now + busy
    const served = new Set<FakeChannel>()
    let seq = 0
    const writers = new Set<(block: ReturnType<typeof message>) => void>()
    const publish = () => {
      if (world.now >= end) return
      for (const write of writers) write(message(++seq))
      environment.setTimeout(publish, every * (1 + varies * (2 * environment.random() - 1)))
    }
    const serve = () => {
      for (const transport of transports)
        for (const channel of transport.channels)
          if (channel.open && !served.has(channel)) answerChannel(channel, transport === transports[0])
      environment.setTimeout(serve, 50)
    }
    const answerChannel = (channel: FakeChannel, streams: boolean) => {
      served.add(channel)
      let arrives = 0
      const held: ReturnType<typeof message>[] = []
      const alive = (act: () => void) => () => channel.open && act()
      const deliver = (block: ReturnType<typeof message>) => {
        // In order, and each in a task of its own, as an EventSource brings them.
        arrives = Math.max(arrives, world.now + trip())
        environment.setTimeout(
          alive(() => channel.brings(block)),
          arrives - world.now,
        )
      }
      const write = (block: ReturnType<typeof message>) => {
        if (box === 'none' || !streams) return deliver(block)
        held.push(block)
        const passed =
          box === 'late by one' ? held.splice(0, held.length - 1) : held.length > 20 ? held.splice(0) : []
        for (const each of passed) deliver(each)
      }
      environment.setTimeout(
        alive(() => {
          channel.opens()
          write(welcome())
          if (!streams) return
          writers.add(write)
          environment.setTimeout(() => write(tick), 400)
        }),
        2 * trip(),
      )
      channel.heard = text => {
        const number = /^data: (.*)$/m.exec(text)?.[1] ?? ''
        environment.setTimeout(() => {
          write({ event: 'rt.pong', data: answer(number) })
          environment.setTimeout(
            alive(() => channel.takes()),
            trip(),
          )
        }, trip())
      }
    }
    serve()
    publish()
    await world.pass(busy + then)
    return { stage, transports, world, asked: transports[0].channels.flatMap(({ sent }) => sent).length }
  }

  const rhythms = [50, 200, 500, 1_000, 1_500, 5_000]
  const wires = rhythms.flatMap(every => [0.1, 0.9].map(varies => ({ every, varies })))

  const carrier = (heard: string[]) => heard.filter(word => word.startsWith('opened')).at(-1)
  const heldBack = ({ failure }: Attempt) => failure?.code === 'holds-newest'

  test.each(wires)(
    'is left for polls where a box holds back the newest: a message each $every ms, varied by $varies',
    async ({ every, varies }) => {
      for (const box of ['late by one', 'gathers'] as const)
        for (const seed of [1, 2]) {
          const { stage, transports, world } = await flow({ box, every, varies, seed })
          expect([box, seed, carrier(stage.heard)]).toEqual([box, seed, 'opened long-polling'])
          if (!stage.attempts.some(heldBack)) continue
          const tries = transports[0].channels.length
          await world.fire('online')
          await world.pass(600_000)
          expect(transports[0].channels.length).toBe(tries)
        }
    },
  )

  test.each(wires)(
    'stays where it flows, and is asked seldom: a message each $every ms, varied by $varies',
    async ({ every, varies }) => {
      for (const [latency, jitter] of [
        [5, 0],
        [100, 50],
        [2_500, 0],
        [500, 3_000],
      ] as const) {
        const { stage, asked } = await flow({ every, varies, latency, jitter }, 60_000, 30_000)
        // On a line as erratic as the last it may be polls at times, but never for good.
        if (jitter < 1_000) expect([latency, carrier(stage.heard)]).toEqual([latency, 'opened eventsource'])
        expect(stage.attempts.filter(heldBack)).toEqual([])
        expect(asked).toBeLessThanOrEqual(12)
      }
    },
  )

  test('is asked once on a quiet line', async () => {
    const { asked, stage } = await flow({}, 0)
    expect([asked, stage.racing]).toEqual([1, ['eventsource']])
  })

  test('is asked once by a server that does not repeat the number, and stays', async () => {
    const { asked, stage } = await flow({ answer: () => '{}', jitter: 400, every: 300, varies: 0.9 })
    expect([asked, stage.racing]).toEqual([1, ['eventsource']])
  })

  test('is left where no answer comes back', async () => {
    const { stage } = await flow({ answer: () => 'lost' }, 0)
    expect(stage.racing).toEqual(['long-polling'])
  })
})

describe('where messages have no ids', () => {
  test('one channel delivers: nothing of the others is heard', async () => {
    const [first, second] = fakes('xhr-streaming', 'long-polling')
    const stage = await startRace([first, second], { dialect: plain })
    await stage.world.pass(stagger)
    second.channel.opens()
    expect(stage.racing).toEqual(['long-polling'])
    second.channel.brings({ data: 'once' })
    expect(stage.heard).toEqual(['opened long-polling', 'once'])
  })

  test('a better transport is not tried beside the one in use', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second], { dialect: plain })
    first.channel.ends(refused)
    second.channel.opens()
    await stage.world.pass(600_000)
    await stage.world.fire('online')
    expect(stage.tries).toEqual([1, 1])
    expect(stage.world.timers).toBe(0)
  })

  test('a reconnect begins with the best again, after pauses that double as long as that is in vain', async () => {
    const transports = fakes('websocket', 'long-polling')
    const stage = await startRace(transports, { dialect: plain })
    const looks: number[] = []
    let last = stage.world.now
    ws(transports).channel.ends(refused)
    transports[1].channel.opens()
    while (looks.length < 9) {
      await stage.world.pass(1_000)
      transports[1].channel.ends(endedWell)
      const before = stage.tries[0]
      await stage.open()
      // One that has failed too often rests until another one opens.
      if (ws(transports).channel.open) ws(transports).channel.ends(refused)
      transports[1].channel.opens()
      if (ws(transports).channel.open) ws(transports).channel.ends(refused)
      if (stage.tries[0] === before) continue
      looks.push(Math.round((stage.world.now - last) / 1_000))
      last = stage.world.now
    }
    expect(looks).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600])
    await stage.world.fire('online')
    transports[1].channel.ends(endedWell)
    await stage.open()
    ws(transports).channel.opens()
    expect(stage.heard.at(-1)).toBe('opened websocket')
    ws(transports).channel.ends(endedWell)
    await stage.open()
    expect(stage.racing).toEqual(['websocket'])
  })

  test('an outage demotes nobody: a WebSocket that rests is tried before another transport takes the line', async () => {
    const transports = fakes('websocket', 'long-polling')
    const stage = await startRace(transports, { dialect: plain })
    for (let time = 0; time < 12; time++) {
      for (const transport of transports) if (transport.channels.at(-1)?.open) transport.channel.ends(refused)
      await stage.world.settle()
      await stage.open()
    }
    expect(stage.tries).toEqual([4, 13])
    transports[1].channel.opens()
    expect(stage.racing).toEqual(['websocket', 'long-polling'])
    ws(transports).channel.opens()
    expect(stage.racing).toEqual(['websocket'])
    expect(stage.heard.at(-1)).toBe('opened websocket')
  })

  test('a WebSocket that rests and is still in the way is waited for no longer than the stagger', async () => {
    const transports = fakes('websocket', 'long-polling')
    const stage = await startRace(transports, { dialect: plain })
    for (let time = 0; time < 12; time++) {
      for (const transport of transports) if (transport.channels.at(-1)?.open) transport.channel.ends(refused)
      await stage.world.settle()
      await stage.open()
    }
    transports[1].channel.opens()
    transports[1].channel.brings({ data: 'kept' })
    await stage.world.pass(stagger)
    expect(stage.heard.slice(-2)).toEqual(['opened long-polling', 'kept'])
    expect(stage.racing).toEqual(['long-polling'])
  })

  test('the next page begins with the best, whatever carried the line on this one', async () => {
    const transports = fakes('websocket', 'long-polling')
    const { world, channel } = await startRace(transports, { dialect: plain })
    ws(transports).channel.ends(refused)
    transports[1].channel.opens()
    channel.close()
    expect((await startRace(fakes('websocket', 'long-polling'), { dialect: plain, world })).racing).toEqual([
      'websocket',
    ])
  })

  test('a channel that reconnects by itself says so and stays', async () => {
    const [only] = fakes('eventsource')
    const stage = await startRace([only], { dialect: plain })
    only.channel.opens()
    only.channel.pauses()
    only.channel.opens()
    expect(stage.heard).toEqual(['opened eventsource', 'paused ended', 'opened eventsource'])
    expect(stage.tries).toEqual([1])
  })
})

describe('a transport that has proven itself', () => {
  test('ends the race when it ends: what follows is the connection’s decision', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await prove(stage.world, first.channel)
    first.channel.ends(cut)
    expect(stage.heard).toEqual(['opened websocket', 'ended cut'])
    expect(stage.failures[0]?.transport).toBe('websocket')
    expect(stage.tries).toEqual([1, 0])
    expect(stage.world.timers + stage.world.listeners).toBe(0)
  })

  test('is waited for once when it cannot be reached: a restart must not push every line down', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await prove(stage.world, first.channel)
    first.channel.ends(cut)
    await stage.open()
    first.channel.ends(refused)
    await stage.world.settle()
    expect(stage.heard.at(-1)).toBe('ended refused')
    expect(stage.tries).toEqual([2, 0])
    await stage.open()
    first.channel.ends(refused)
    expect(stage.tries).toEqual([3, 1])
  })

  test('is joined all the same when it is silent', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await prove(stage.world, first.channel)
    first.channel.ends(cut)
    await stage.open()
    await stage.world.pass(stagger)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
  })

  test('is not waited for while another one is talking', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await prove(stage.world, first.channel)
    first.channel.ends(cut)
    await stage.open()
    await stage.world.pass(stagger)
    talk(second.channel)
    first.channel.ends(refused)
    expect(stage.racing).toEqual(['eventsource'])
    expect(stage.heard).toEqual(['opened websocket', 'ended cut', 'opened eventsource'])
  })

  test('comes first again after the outage, although a lower one is remembered from an earlier page', async () => {
    const transports = fakes('websocket', 'eventsource')
    const stage = await startRace(transports)
    await prove(stage.world, ws(transports).channel)
    stage.world.storage.set(`throughline:${stage.world.origin}`, `eventsource ${Date.now() + 1_000}`)
    ws(transports).channel.ends(cut)
    await stage.open()
    expect(stage.racing).toEqual(['websocket'])
  })
})

describe('a transport that proves itself and is soon cut', () => {
  async function cutTwice(failure: Failure, after = 5_000) {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    for (let time = 0; time < 2; time++) {
      await prove(stage.world, ws(transports).channel)
      await stage.world.pass(after)
      ws(transports).channel.ends(failure)
      await stage.open()
    }
    return { transports, stage }
  }

  test('rests when it happens twice in a row: it comes last', async () => {
    const { transports, stage } = await cutTwice(cut)
    expect(stage.racing).toEqual(['eventsource'])
    transports[1].channel.ends(refused)
    transports[2].channel.ends(refused)
    expect(stage.racing).toEqual(['websocket'])
  })

  test('is not climbed to while it rests, and again after two minutes', async () => {
    const { transports, stage } = await cutTwice(cut)
    await prove(stage.world, transports[1].channel)
    await stage.world.pass(119_000)
    expect(stage.tries[0]).toBe(2)
    await stage.world.pass(200_000)
    expect(stage.tries[0]).toBe(3)
  })

  test('does not rest when it lived for long', async () => {
    const { stage } = await cutTwice(cut, 30_000)
    expect(stage.racing).toEqual(['websocket'])
  })

  test('does not rest when the server ended it in good order', async () => {
    const { stage } = await cutTwice(endedWell)
    expect(stage.racing).toEqual(['websocket'])
  })

  test('does not rest when an outage lay between', async () => {
    const transports = fakes('websocket', 'eventsource')
    const stage = await startRace(transports)
    await prove(stage.world, ws(transports).channel)
    ws(transports).channel.ends(cut)
    await stage.open()
    ws(transports).channel.ends(refused)
    await stage.world.settle()
    await stage.open()
    await prove(stage.world, ws(transports).channel)
    ws(transports).channel.ends(cut)
    await stage.open()
    expect(stage.racing).toEqual(['websocket'])
  })
})

describe('climbing', () => {
  /** On long polling, since the two above it were refused. */
  async function onTheGround() {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    transports[0].channel.ends(refused)
    transports[1].channel.ends(refused)
    await prove(stage.world, transports[2].channel)
    return { transports, stage }
  }

  test('begins after five seconds, with the best, beside the one in use', async () => {
    const { stage } = await onTheGround()
    await stage.world.pass(4_799)
    expect(stage.racing).toEqual(['long-polling'])
    await stage.world.pass(1)
    expect(stage.racing).toEqual(['websocket', 'long-polling'])
  })

  test('tries the transports above one by one', async () => {
    const { transports, stage } = await onTheGround()
    await stage.world.pass(5_000)
    ws(transports).channel.ends(refused)
    expect(stage.racing).toEqual(['eventsource', 'long-polling'])
    await stage.world.pass(timeout)
    expect(stage.racing).toEqual(['long-polling'])
  })

  test('is made before the break: both deliver until the better one has proven itself', async () => {
    const { transports, stage } = await onTheGround()
    await stage.world.pass(5_000)
    talk(ws(transports).channel)
    ws(transports).channel.brings(message(1))
    transports[2].channel.brings(message(1))
    expect(stage.heard).toEqual(['opened long-polling', 'm1', 'm1'])
    expect(stage.racing).toEqual(['websocket', 'long-polling'])
    ws(transports).channel.brings(pong)
    expect(stage.racing).toEqual(['websocket'])
    expect(stage.heard.at(-1)).toBe('opened websocket')
  })

  test('a challenger that holds back its proof is left, and the one in use stays', async () => {
    const { transports, stage } = await onTheGround()
    await stage.world.pass(5_000)
    talk(ws(transports).channel)
    await stage.world.pass(200 + stagger)
    expect(stage.racing).toEqual(['eventsource', 'long-polling'])
    expect(stage.heard).toEqual(['opened long-polling'])
  })

  test('a challenger that is refused for good changes nothing', async () => {
    const { transports, stage } = await onTheGround()
    await stage.world.pass(5_000)
    ws(transports).channel.ends(status(403))
    expect(stage.racing).toEqual(['eventsource', 'long-polling'])
    expect(stage.heard).toEqual(['opened long-polling'])
  })

  test('waits twice as long after each vain look, up to ten minutes', async () => {
    const { transports, stage } = await onTheGround()
    ws(transports).supported = transports[1].supported = true
    const looks: number[] = []
    let last = stage.world.now - 200
    while (looks.length < 9) {
      const before = stage.tries[0]
      await stage.world.pass(100)
      if (stage.tries[0] === before) continue
      looks.push(Math.round((stage.world.now - last) / 1_000))
      ws(transports).channel.ends({ kind: 'cut', code: 'the proxy cut it' })
      transports[1].channel.ends(refused)
      last = stage.world.now
    }
    expect(looks).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600])
  })

  test.each(['online', 'change'])(
    'happens at once when the network is back, or another: %s',
    async reason => {
      const { stage } = await onTheGround()
      await stage.world.fire(reason)
      await stage.world.pass(0)
      expect(stage.racing).toEqual(['websocket', 'long-polling'])
    },
  )

  test('goes on from the new transport to those above it', async () => {
    const { transports, stage } = await onTheGround()
    await stage.world.pass(5_000)
    ws(transports).channel.ends(refused)
    await prove(stage.world, transports[1].channel)
    expect(stage.racing).toEqual(['eventsource'])
    await stage.world.pass(10_000)
    expect(stage.racing).toEqual(['websocket', 'eventsource'])
  })

  test('leaves nothing to wait for at the top', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await prove(stage.world, first.channel)
    expect(stage.world.timers).toBe(0)
  })

  test('is over when the one in use ends', async () => {
    const { transports, stage } = await onTheGround()
    await stage.world.pass(5_000)
    transports[2].channel.ends(cut)
    expect(stage.racing).toEqual([])
    expect(stage.world.timers + stage.world.listeners).toBe(0)
  })
})

describe('WebSockets that keep failing', () => {
  async function failSixTimes(names: TransportName[]) {
    const transports = fakes(...names)
    const stage = await startRace(transports)
    for (let time = 0; time < 6; time++) {
      for (const transport of transports) if (transport.channels.at(-1)?.open) transport.channel.ends(cut)
      await stage.world.settle()
      await stage.open()
    }
    return { transports, stage }
  }

  test('are left alone for two minutes, since browsers slow them down for all tabs', async () => {
    const { transports, stage } = await failSixTimes(['websocket', 'eventsource'])
    expect(stage.racing).toEqual(['eventsource'])
    transports[1]?.channel.ends(cut)
    await stage.world.settle()
    await stage.world.pass(120_001)
    await stage.open()
    expect(stage.racing).toEqual(['websocket'])
  })

  test('are tried all the same where there is nothing else', async () => {
    const { stage } = await failSixTimes(['websocket'])
    expect(stage.racing).toEqual(['websocket'])
  })

  test('come last where others are answered, so that what those are told ends nothing', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming')
    const stage = await startRace(transports)
    for (let time = 0; time < 6; time++) {
      for (const transport of transports) if (transport.channels.at(-1)?.open) transport.channel.ends(refused)
      await stage.world.settle()
      await stage.open()
    }
    expect(stage.racing).toEqual(['eventsource'])
    transports[1].channel.ends({ kind: 'status', code: 'was refused' })
    transports[2].channel.ends({ kind: 'content', code: 'a page' })
    expect(stage.racing).toEqual(['websocket'])
  })

  test('rest in an outage', async () => {
    const transports = fakes('websocket', 'eventsource')
    const stage = await startRace(transports)
    for (let time = 0; time < 8; time++) {
      for (const transport of transports) if (transport.channels.at(-1)?.open) transport.channel.ends(refused)
      await stage.world.settle()
      await stage.open()
    }
    expect(ws(transports).channels).toHaveLength(4)
  })

  test('do not make a page believe that it supports nothing', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    second.supported = false
    const stage = await startRace([first, second])
    for (let time = 0; time < 8; time++) {
      if (first.channel.open) first.channel.ends(refused)
      await stage.world.settle()
      await stage.open()
    }
    expect(stage.heard).not.toContain('ended unsupported')
  })
})

describe('where the server does not know us, what a GET is told', () => {
  const forbidden = { ...status(403), kind: 'status' } as const

  test('does not end a line whose WebSocket is still on its way', async () => {
    const transports = fakes('websocket', 'eventsource', 'xhr-streaming')
    const stage = await startRace(transports, { dialect: plain })
    await stage.world.pass(stagger)
    transports[1].channel.ends({ kind: 'status', code: 'was refused' })
    transports[2].channel.ends(forbidden)
    expect(stage.racing).toEqual(['websocket'])
    ws(transports).channel.opens()
    expect(stage.heard).toEqual(['opened websocket'])
  })

  test('does not end a line whose WebSocket worked, on this page or the one before', async () => {
    const first = fakes('websocket', 'xhr-streaming')
    const { world, channel } = await startRace(first, { dialect: plain })
    first[0].channel.opens()
    channel.close()
    const transports = fakes('websocket', 'xhr-streaming')
    const stage = await startRace(transports, { dialect: plain, world })
    for (let time = 0; time < 3; time++) {
      ws(transports).channel.ends(refused)
      transports[1].channel.ends(forbidden)
      await world.settle()
      expect(stage.failures.at(-1)?.status).toBeUndefined()
      await stage.open()
    }
  })

  test('ends a line whose WebSocket was refused and never worked', async () => {
    const [first, second] = fakes('websocket', 'xhr-streaming')
    const stage = await startRace([first, second], { dialect: plain })
    first.channel.ends(refused)
    second.channel.ends(forbidden)
    expect(stage.heard).toEqual(['ended 403'])
  })

  test('is no reason to leave a WebSocket that worked', async () => {
    const fetch = (async () => new Response(null, { status: 404 })) as typeof globalThis.fetch
    const [first, second] = fakes('websocket', 'xhr-streaming')
    const stage = await startRace([first, second], { dialect: plain, parts: { fetch } })
    first.channel.opens()
    first.channel.ends(cut)
    await stage.open()
    first.channel.ends(refused)
    await stage.world.settle()
    expect(stage.heard.at(-1)).toBe('ended refused')
    expect(stage.tries).toEqual([2, 0])
  })
})

describe('when nothing gets through and no browser says why', () => {
  /** The answer to the one plain request, and what was asked. */
  function answering(answer: Response | Error) {
    const asked: string[] = []
    const fetch = async (url: string | URL | Request) => {
      asked.push(`${url}`)
      if (answer instanceof Error) throw answer
      return answer
    }
    return { asked, parts: { fetch: fetch as typeof globalThis.fetch } }
  }

  async function allRefused(parts: Partial<Environment>) {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second], { parts })
    first.channel.ends(refused)
    second.channel.ends(refused)
    await stage.world.settle()
    return stage
  }

  test('one plain request asks, and its status decides', async () => {
    const { asked, parts } = answering(new Response(null, { status: 403 }))
    const stage = await allRefused(parts)
    expect(asked).toEqual([`${stage.world.origin}/live?via=long-polling`])
    expect(stage.heard).toEqual(['ended 403'])
    expect(stage.world.timers + stage.world.listeners).toBe(0)
  })

  test.each([414, 431])('a status of %i is told with what can be done', async code => {
    const { parts } = answering(new Response(null, { status: code }))
    const stage = await allRefused(parts)
    expect(stage.failures).toMatchObject([{ kind: 'status', status: code }])
    expect(sentence(stage.failures[0] as Failure)).toMatch(
      /\(status 4\d\d: .*longer than it takes: ask for fewer topics/,
    )
  })

  test('a status that one was shown counts more than the silence of another', async () => {
    const [first, second] = fakes('websocket', 'xhr-streaming')
    const stage = await startRace([first, second])
    first.channel.ends(refused)
    second.channel.ends(status(431))
    await stage.world.settle()
    expect(stage.failures).toMatchObject([{ status: 431 }])
  })

  test('its words are told with its status', async () => {
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
    const { parts } = answering(new Response('pages of x may not\n', { status: 403, headers }))
    const stage = await allRefused(parts)
    expect(sentence(stage.failures[0] as Failure)).toMatch(/\(status 403: pages of x may not\)/)
    expect(stage.world.timers).toBe(0)
  })

  test('a server that does not know us is asked for a stream, since it may hold a poll', async () => {
    const { asked, parts } = answering(new Response(null, { status: 403 }))
    const [only] = fakes('websocket')
    const stage = await startRace([only], { dialect: plain, parts })
    only.channel.ends(refused)
    await stage.world.settle()
    expect(asked).toEqual([`${stage.world.origin}/live?via=xhr-streaming`])
  })

  test('the one that was in use is asked about too: a browser that comes back by itself does not show the answer', async () => {
    const headers = { 'Retry-After': '9' }
    const { parts } = answering(new Response(null, { status: 503, headers }))
    const [only] = fakes('eventsource')
    const stage = await startRace([only], { dialect: plainWith({ letter: true }), parts })
    only.channel.opens()
    only.channel.ends({ kind: 'status', code: 'EventSource was refused' })
    await stage.world.settle()
    expect(stage.failures[0]).toMatchObject({ status: 503, retryAfter: 9_000 })
  })

  test('a word to a GET says nothing about a WebSocket of a server that does not know us', async () => {
    const { parts } = answering(new Response(null, { status: 403 }))
    const [only] = fakes('websocket')
    const stage = await startRace([only], { dialect: plain, parts })
    only.channel.ends(refused)
    await stage.world.settle()
    expect(stage.failures[0]).toMatchObject(refused)
  })

  test('its Retry-After is obeyed', async () => {
    const { parts } = answering(new Response(null, { status: 503, headers: { 'Retry-After': '9' } }))
    expect((await allRefused(parts)).failures[0]).toMatchObject({ status: 503, retryAfter: 9_000 })
  })

  test.each([new Response('fine'), new Error('offline')])(
    'an answer that explains nothing changes nothing',
    async answer => {
      const { parts } = answering(answer)
      const stage = await allRefused(parts)
      expect(stage.heard).toEqual(['ended refused'])
      expect(stage.world.timers).toBe(0)
    },
  )

  test('nothing is asked when one of them did say why', async () => {
    const { asked, parts } = answering(new Response(null, { status: 403 }))
    const [first, second] = fakes('websocket', 'xhr-streaming')
    const stage = await startRace([first, second], { parts })
    first.channel.ends(refused)
    second.channel.ends(status(500))
    await stage.world.settle()
    expect(asked).toEqual([])
  })

  test('nothing is asked where nothing can be used', async () => {
    const { asked, parts } = answering(new Response(null, { status: 403 }))
    const [only] = fakes('websocket')
    only.supported = false
    const stage = await startRace([only], { parts })
    expect(stage.heard).toEqual(['ended unsupported'])
    expect(asked).toEqual([])
  })

  test('closing meanwhile leaves no timer, and the request is stopped', async () => {
    let stopped = false
    const fetch = ((_: string, { signal }: RequestInit) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => {
          stopped = true
          reject(signal.reason)
        })
      })) as typeof globalThis.fetch
    const stage = await allRefused({ fetch })
    expect(stage.heard).toEqual([])
    stage.channel.close()
    await stage.world.settle()
    expect(stopped).toBe(true)
    expect(stage.heard).toEqual([])
    expect(stage.world.timers + stage.world.listeners).toBe(0)
  })
})

describe('close', () => {
  const moments: Record<string, (world: World, transports: Fake[]) => unknown> = {
    'before anything began': () => {},
    'while transports race': world => world.pass(2 * stagger),
    'while one talks': (_, [first]) => talk((first as Fake).channel),
    'once one is proven': (world, [first]) => prove(world, (first as Fake).channel),
    'while a better one is tried': async (world, [first, second]) => {
      ;(first as Fake).channel.ends(refused)
      await prove(world, (second as Fake).channel)
      await world.pass(6_000)
    },
  }

  test.each(Object.entries(moments))('%s leaves no channel, timer or listener', async (_, reach) => {
    const transports = fakes('websocket', 'eventsource', 'long-polling')
    const stage = await startRace(transports)
    await reach(stage.world, transports)
    const before = [...stage.heard]
    stage.channel.close()
    stage.channel.close()
    await stage.world.pass(600_000)
    expect(stage.racing).toEqual([])
    expect(stage.heard).toEqual(before)
    expect(stage.world.timers + stage.world.listeners).toBe(0)
  })

  test('right after open begins nothing', async () => {
    const [only] = fakes('websocket')
    const world = createWorld()
    const { environment, origin } = world
    const target = {
      dialect: native,
      environment,
      timeout,
      origin,
      attempts: [],
      eager: true,
    } as unknown as Target
    const line = {} as Receiver
    createRace([only], createPreference(environment, origin)).open(target, line).close()
    await world.settle()
    expect(only.channels).toEqual([])
    expect(world.timers + world.listeners).toBe(0)
  })
})

describe('the attempts', () => {
  test('tell when each transport was accepted, heard and proven, and how it failed', async () => {
    const [first, second] = fakes('websocket', 'eventsource')
    const stage = await startRace([first, second])
    await stage.world.pass(100)
    first.channel.opens()
    await stage.world.pass(100)
    first.channel.ends(cut)
    await prove(stage.world, second.channel)
    expect(stage.attempts).toEqual([
      {
        transport: 'websocket',
        started: 1_000,
        opened: 1_100,
        ended: 1_200,
        failure: { ...cut, transport: 'websocket' },
      },
      { transport: 'eventsource', started: 1_200, opened: 1_200, heard: 1_200, proven: 1_400 },
    ])
  })

  test('are the latest fifty', async () => {
    const [only] = fakes('websocket')
    const stage = await startRace([only])
    for (let time = 0; time < 60; time++) {
      only.channel.ends(cut)
      await stage.world.settle()
      await stage.open()
    }
    expect(stage.attempts).toHaveLength(50)
  })
})
