import { describe, expect, test } from 'vitest'
import type { Dialect } from '../src/contracts/dialect.ts'
import { connect as connectCore } from '../src/core.ts'
import { durableStreams } from '../src/dialects/durable-streams.ts'
import { mercure } from '../src/dialects/mercure.ts'
import { native } from '../src/dialects/native.ts'
import { nchan } from '../src/dialects/nchan.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import { sockjs } from '../src/dialects/sockjs.ts'
import { connect } from '../src/index.ts'
import { websocket } from '../src/transports/websocket.ts'
import { message } from './support/blocks.ts'
import { cut, type Fake, fake, status } from './support/fakes.ts'
import { type Asked, greet, json, openLine, prove } from './support/line.ts'
import { tokenOf } from './support/token.ts'
import { createWorld, type World } from './support/world.ts'

/** The channel ends, and the network comes back at once. */
async function loseAndReturn(world: World, transport: Fake, failure = cut): Promise<void> {
  transport.channel.ends(failure)
  await world.settle()
  await world.fire('online')
}

describe('the URL', () => {
  test.each([
    ['/live', 'https://page.test/live', 'https://page.test/live'],
    ['live?a=1', 'https://page.test/app/live?a=1', 'https://page.test/app/live?a=1'],
    ['?a=1', 'https://page.test/app/?a=1', 'https://page.test/app/?a=1'],
    ['https://other.test/x', 'https://other.test/x', 'https://other.test/x'],
    ['http://other.test', 'http://other.test/', 'http://other.test/'],
    ['ws://other.test:8080/x', 'ws://other.test:8080/x', 'http://other.test:8080/x'],
    ['wss://other.test/x#top', 'wss://other.test/x#top', 'https://other.test/x'],
  ])('%s is shown as %s, and asked for as %s', async (given, shown, asked) => {
    const world = createWorld({ base: 'https://page.test/app/' })
    const { line, transport } = await openLine({
      world,
      url: given,
      dialect: plain,
      transports: [fake('eventsource')],
    })
    expect(line.url).toBe(shown)
    expect(transport.channels).toEqual([])
    const [only] = [fake('long-polling')]
    await openLine({ world, url: given, dialect: plain, transports: [only] })
    expect(only.channel.asked.url).toBe(asked)
  })

  test('may be a URL object', async () => {
    const { line } = await openLine({ url: new URL('https://other.test/x') as never })
    expect(line.url).toBe('https://other.test/x')
  })

  test.each([
    'ftp://host/x',
    'mailto:a@b.c',
    'javascript:alert(1)',
    'file:///etc/x',
    'http://',
    'https://a b/',
  ])('%s is refused by a TypeError that names it', url => {
    const attempt = () => connect(url, { environment: createWorld().environment })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(JSON.stringify(url))
  })

  test('that is relative needs a page', () => {
    const attempt = () => connect('/live', { environment: createWorld({ base: undefined }).environment })
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow('"/live" is not a URL, and there is no page to resolve it against')
  })
})

describe('an option', () => {
  const bad: [option: string, value: unknown][] = [
    ['transports', 'websocket'],
    ['transports', []],
    ['transports', ['carrier-pigeon']],
    ['transports', [null]],
    ['transports', [{}]],
    ['dialect', 'klingon'],
    ['dialect', {}],
    ['dialect', null],
    ['params', 'a=1'],
    ['params', null],
    ['headers', 'x: y'],
    ['withCredentials', 'yes'],
    ['lastEventId', 5],
    ['lastEventId', 'x'.repeat(4_097)],
    ['token', 'secret'],
    ['resume', 'local'],
    ['codec', 'json'],
    ['codec', { encode: String }],
    ['retry', -1],
    ['retry', Number.NaN],
    ['retry', '2000'],
    ['timeout', Number.POSITIVE_INFINITY],
    ['timeout', null],
    ['timeout', 0],
    ['limits', 5],
    ['limits', { byte: 5 }],
    ['limits', { bytes: '5' }],
    ['limits', { messages: 0 }],
    ['limits', { age: Number.NaN }],
    ['eager', 1],
    ['signal', {}],
    ['environment', 'node'],
    ['transport', 'websocket'],
    ['constructor', 1],
  ]

  test.each(bad)('%s: %j is refused by a TypeError that names it', (option, value) => {
    const world = createWorld()
    const attempt = () =>
      connect(`${world.origin}/live`, { environment: world.environment, [option]: value } as never)
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(option.replace(/s$/, ''))
    expect(world.listeners + world.timers).toBe(0)
  })

  test('that is undefined counts as absent', () => {
    const world = createWorld()
    const all = Object.fromEntries(
      bad
        .filter(([name]) => name !== 'constructor' && name !== 'transport')
        .map(([name]) => [name, undefined]),
    )
    connect(`${world.origin}/live`, { ...all, environment: world.environment } as never).close()
  })

  test('names the transports there are when one is unknown', () => {
    const attempt = () => connect('https://host.test', { transports: ['carrier-pigeon' as never] })
    expect(attempt).toThrow('"websocket", "eventsource", "xhr-streaming", "long-polling", "jsonp"')
  })

  test.each([
    [{}],
    [{ dialect: native }],
    [{ transport: undefined }],
    [{ transport: 'websocket' }],
    [{ transport: {} }],
    [{ transport: websocket }],
  ])('of throughline/core, %j, has to bring a transport and a dialect', options => {
    const attempt = () => connectCore('https://host.test', options as never)
    expect(attempt).toThrow(TypeError)
    expect(attempt).toThrow(/transport|dialect/)
  })

  test('of throughline/core names one transport, and says how to have several', () => {
    const attempt = () => connectCore('https://host.test', { transports: ['websocket'] } as never)
    expect(attempt).toThrow(/race\(/)
  })
})

describe('an address that is none', () => {
  const dialects: Dialect[] = [native, nchan(), mercure(), sockjs(), socketio(), durableStreams()]
  test.each(dialects.map(dialect => [dialect.name, dialect] as const))(
    'is a TypeError with %s',
    async (_, dialect) => {
      for (const url of ['http://[', 'ftp://host.test/', 'mailto:x', {} as string])
        await expect(openLine({ url, dialect }), url).rejects.toThrow(TypeError)
    },
  )

  test('is a SyntaxError with plain, which stands in for EventSource, as that throws one (WHATWG HTML 9.2.2)', async () => {
    await expect(openLine({ url: 'http://[', dialect: plain })).rejects.toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    )
  })
})

describe('params', () => {
  test('are added to the query of the address', async () => {
    const { transport } = await openLine({
      url: '/live?a=1&b=2',
      params: {
        a: 'x y&=',
        list: ['1', 2, true],
        none: null,
        absent: undefined,
        zero: 0,
        no: false,
        empty: '',
      },
    })
    const query = new URL(transport.channel.asked.url).search
    expect(query).toMatch(/^\?a=1&b=2&a=x%20y%26%3D&list=1&list=2&list=true&zero=0&no=false&empty=&rt\.v=1/)
  })

  test('as a function are asked afresh for each request', async () => {
    let asked = 0
    const { transport, world } = await openLine({ params: () => ({ ticket: ++asked }) })
    expect(transport.channel.query.ticket).toBe('1')
    await loseAndReturn(world, transport)
    expect(transport.channel.query.ticket).toBe('2')
  })

  test('that cannot be had are a failure like any other, and asked for again', async () => {
    let asked = 0
    const params = () => {
      if (asked++ === 0) throw new Error('logged out')
      return {}
    }
    const { heard, transport, world } = await openLine({ params })
    expect(heard).toEqual(['error refused'])
    await world.fire('online')
    expect(transport.channel.open).toBe(true)
  })

  test.each(['params', 'headers'])(
    'that can never be had are told each time, and the line goes on trying: %s',
    async name => {
      const never = () => {
        throw new Error('logged out')
      }
      const { heard, line, world } = await openLine({ [name]: never })
      await world.fire('online')
      expect(heard).toEqual(['error refused', 'error refused'])
      expect(line.readyState).toBe(0)
    },
  )
})

describe('headers', () => {
  test('as a function are asked afresh for each request', async () => {
    let asked = 0
    const { transport, world } = await openLine({ headers: () => ({ 'X-Turn': `${++asked}` }) })
    await loseAndReturn(world, transport)
    expect(transport.channels.map(channel => channel.asked.headers)).toEqual([
      { 'X-Turn': '1' },
      { 'X-Turn': '2' },
    ])
  })
})

describe('lastEventId', () => {
  test('is where the line continues', async () => {
    const { heard, line, transport } = await openLine({ lastEventId: 'e.1.t1' })
    expect(line.lastEventId).toBe('e.1.t1')
    expect(transport.channel.query['rt.id']).toBe('e.1.t1')
    greet(transport.channel, { resumed: true }, 'e.1.t1')
    transport.channel.brings(message(1), message(2))
    expect(heard).toEqual(['open by websocket, resumed', 'message m2'])
  })
})

describe('token', () => {
  test('is asked for before the first request, and goes with it', async () => {
    const { transport } = await openLine({ token: async () => 'secret' })
    expect(tokenOf(transport.channel.asked)).toBe('secret')
  })

  test('is asked for once more when the server answers 401', async () => {
    let asked = 0
    const { heard, transport, world } = await openLine({ token: () => `t${++asked}` })
    await loseAndReturn(world, transport, status(401))
    expect(tokenOf(transport.channel.asked)).toBe('t2')
    await loseAndReturn(world, transport, status(401))
    expect(heard).toEqual(['error status', 'error status', 'close: answered with status 401'])
    expect(asked).toBe(2)
  })

  test('may be refused again after one that was taken', async () => {
    let asked = 0
    const { transport, world, line } = await openLine({ token: () => `t${++asked}` })
    for (let day = 0; day < 3; day++) {
      greet(transport.channel)
      await loseAndReturn(world, transport, status(401))
    }
    expect(asked).toBe(4)
    expect(line.readyState).toBe(0)
  })

  test('that cannot be had is a failure like any other, and asked for again', async () => {
    let asked = 0
    const token = async () => {
      if (asked++ === 0) throw new Error('no network')
      return 'secret'
    }
    const { heard, transport, world } = await openLine({ token })
    expect(heard).toEqual(['error refused'])
    await world.fire('online')
    expect(tokenOf(transport.channel.asked)).toBe('secret')
  })

  test('that comes after the line was closed opens nothing', async () => {
    let give: (token: string) => void = () => {}
    const { line, transport, world } = await openLine({
      token: () => new Promise(resolve => (give = resolve)),
    })
    line.close()
    give('secret')
    await world.settle()
    expect(transport.channels).toEqual([])
    expect(world.timers + world.listeners).toBe(0)
  })
})

describe('resume: session', () => {
  test('continues after the last message that the page heard before its reload', async () => {
    const first = await openLine({ resume: 'session' })
    const { world } = first
    greet(first.transport.channel)
    first.transport.channel.brings(message(1))
    expect(world.storage.size).toBe(0)
    await world.fire('pagehide')
    const second = await openLine({ world, resume: 'session' })
    expect(second.line.lastEventId).toBe('e.1.t1')
    expect(second.transport.channel.query['rt.id']).toBe('e.1.t1')
  })

  test('keeps nothing while the page lives: a tab that is duplicated copies no position', async () => {
    const { transport, world } = await openLine({ resume: 'session' })
    greet(transport.channel)
    await world.fire('pagehide')
    expect(world.storage.size).toBe(1)
    await world.fire('pageshow')
    expect(world.storage.size).toBe(0)
  })

  test('keeps a position for each address and its params', async () => {
    const first = await openLine({ params: { topic: 'a' }, resume: 'session' })
    const { world } = first
    const other = await openLine({ world, params: { topic: 'b' }, resume: 'session' })
    for (const { transport } of [first, other]) greet(transport.channel)
    first.transport.channel.brings(message(1))
    other.transport.channel.brings(message(2))
    await world.fire('pagehide')
    const again = await openLine({ world, params: { topic: 'a' }, resume: 'session' })
    expect(again.line.lastEventId).toBe('e.1.t1')
  })

  test('of two lines to the same address keeps the position of the first, which continues', async () => {
    const first = await openLine({ resume: 'session' })
    const { world } = first
    const second = await openLine({ world, resume: 'session' })
    for (const { transport } of [first, second]) greet(transport.channel)
    first.transport.channel.brings(message(1))
    second.transport.channel.brings(message(1), message(2))
    await world.fire('pagehide')
    const again = await openLine({ world, resume: 'session' })
    expect(again.line.lastEventId).toBe('e.1.t1')
    expect((await openLine({ world, resume: 'session' })).line.lastEventId).toBe('')
  })

  test('continues too after the page connected, closed and connected again, as some frameworks do', async () => {
    const first = await openLine({ resume: 'session' })
    const { world } = first
    greet(first.transport.channel)
    first.transport.channel.brings(message(1))
    await world.fire('pagehide')
    for (let times = 0; times < 2; times++) {
      const { line } = await openLine({ world, resume: 'session' })
      line.close()
    }
    expect((await openLine({ world, resume: 'session' })).line.lastEventId).toBe('e.1.t1')
  })

  test('leaves nothing behind of a line that had gone on and was closed', async () => {
    const { line, transport, world } = await openLine({ resume: 'session', lastEventId: 'e.1.t1' })
    greet(transport.channel)
    transport.channel.brings(message(2))
    line.close()
    expect(world.storage.get(`throughline:${line.url}`)).toBeUndefined()
  })

  test('keeps the position of a stream that the browser ended on the way out of the page', async () => {
    const dialect = plain
    const { transport, world } = await openLine({ dialect, resume: 'session' })
    transport.channel.opens()
    transport.channel.brings({ id: '7', data: 'a' })
    transport.channel.ends({ kind: 'status', code: 'EventSource was refused' })
    await world.fire('pagehide')
    expect((await openLine({ world, dialect, resume: 'session' })).line.lastEventId).toBe('7')
  })

  test('begins anew where no transport can be told the position', async () => {
    const dialect = plain
    const { line, transport, world, heard } = await openLine({ dialect, lastEventId: '7' })
    transport.channel.ends({
      kind: 'unsupported',
      code: 'told',
      detail: 'an EventSource cannot be told the position',
    })
    await world.pass(5_000)
    transport.channel.opens()
    expect(line.lastEventId).toBe('')
    expect(heard.at(-1)).toBe('open by websocket')
  })

  test('is not the default', async () => {
    const { transport, world } = await openLine()
    greet(transport.channel)
    await world.fire('pagehide')
    expect(world.storage.size).toBe(0)
  })
})

describe('withCredentials', () => {
  test.each([true, false])('%j is shown, and told to the transports', async withCredentials => {
    const { line, transport } = await openLine({ withCredentials })
    expect(line.withCredentials).toBe(withCredentials)
    expect(transport.channel.target.withCredentials).toBe(withCredentials)
  })
})

describe('codec', () => {
  test('json gives values, and takes them; bytes stay bytes', async () => {
    const { line, transport, world } = await openLine({ codec: json })
    const values: unknown[] = []
    line.addEventListener('message', event => values.push(event.data))
    greet(transport.channel)
    transport.channel.brings(message(1, '{"a":[1,"둘"]}'), { id: 'e.2.t2', data: 'AQI=', encoding: 'base64' })
    expect(values).toEqual([{ a: [1, '둘'] }, Uint8Array.of(1, 2).buffer])
    void line.send({ b: 1 }).catch(() => {})
    void line.send(Uint8Array.of(1, 2)).catch(() => {})
    transport.channel.takes()
    await world.settle()
    expect(transport.channel.sent.at(-1)).toBe('id: 1\ndata: {"b":1}\n\nenc: base64\nid: 2\ndata: AQI=\n\n')
  })

  test('that cannot encode a value rejects the send and sends nothing', async () => {
    const { line, transport } = await openLine({ codec: json })
    greet(transport.channel)
    await expect(line.send({ big: 1n })).rejects.toThrow(TypeError)
    expect(line.bufferedAmount).toBe(0)
  })

  test('none: strings and bytes go as they are, other values as JSON, and what cannot be written is refused', async () => {
    const { line, transport, world } = await openLine({ dialect: plain })
    transport.channel.opens()
    const bytes = Uint8Array.of(1, 2, 3)
    for (const value of ['text', { a: 1 }, 5, null, bytes.subarray(1)]) {
      void line.send(value)
      await world.settle()
      transport.channel.takes()
    }
    expect(transport.channel.sent).toEqual(['text', '{"a":1}', '5', 'null', bytes.buffer.slice(1)])
    await expect(line.send(undefined)).rejects.toThrow(TypeError)
    await expect(line.send(() => {})).rejects.toThrow(TypeError)
  })
})

describe('retry and timeout', () => {
  test('set how long the line waits, and how long a transport may stay silent', async () => {
    const options: Asked = { retry: 60_000, timeout: 500 }
    const { line, transport, world } = await openLine(options)
    const waits: (number | undefined)[] = []
    line.onerror = event => waits.push(event.retryIn)
    await world.pass(500)
    expect(waits[0]).toBeGreaterThanOrEqual(60_000)
    expect(transport.channels).toHaveLength(1)
  })
})

describe('limits', () => {
  test('say how much may wait, and are named by who goes beyond', async () => {
    const { line, transport, world } = await openLine({ limits: { bytes: 10_000_000, messages: 2 } })
    const large = line.send('x'.repeat(2_000_000)).catch(error => error)
    const small = line.send('x').catch(error => error)
    await expect(line.send('x')).rejects.toMatchObject({
      kind: 'full',
      message: expect.stringMatching('limits'),
    })
    // A server of the native wire takes 1 MiB unless it says otherwise.
    greet(transport.channel)
    expect((await large).kind).toBe('too-large')
    await world.settle()
    line.close()
    expect((await small).kind).toBe('IN_DOUBT')
  })

  test('of a server that says nothing of its own are the page’s alone', async () => {
    const { line, transport } = await openLine({ dialect: plain, limits: { bytes: 100_000_000 } })
    transport.channel.opens()
    const texts = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(65_536))
    const all = Promise.all([...texts, 'x'.repeat(1_500_000)].map(text => line.send(text)))
    await Promise.resolve()
    for (let count = 0; count <= 100; count++) transport.channel.takes()
    await all
    expect(transport.channel.sent).toHaveLength(101)
  })
})

describe('eager', () => {
  test('starts the second transport together with the first', async () => {
    const transports = [fake('websocket'), fake('eventsource')]
    await openLine({ transports: transports, eager: true })
    expect(transports.map(transport => transport.channels.length)).toEqual([1, 1])
  })
})

describe('signal', () => {
  test('closes the line when it aborts', async () => {
    const aborter = new AbortController()
    const { heard, line, transport, world } = await openLine({ signal: aborter.signal })
    greet(transport.channel)
    aborter.abort()
    expect(line.readyState).toBe(2)
    expect(heard.at(-1)).toMatch(/^close/)
    expect(transport.channel.open).toBe(false)
    expect(world.timers + world.listeners).toBe(0)
  })

  test('that has aborted already gives a closed line, and nothing is opened', async () => {
    const { line, transport, world } = await openLine({ signal: AbortSignal.abort() })
    expect(line.readyState).toBe(2)
    expect(transport.channels).toEqual([])
    expect(world.timers + world.listeners).toBe(0)
  })

  test('is let go when the line closes by itself', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(signal, args)
    }
    const { transport } = await openLine({ signal })
    expect(listeners).toBe(1)
    transport.channel.ends(status(403))
    expect(listeners).toBe(0)
  })
})

describe('without a page', () => {
  test('the module can be imported and a line opened: it says that nothing can be used here', async () => {
    const world = createWorld()
    const line = connect(`${world.origin}/live`, { environment: world.environment })
    const kinds: string[] = []
    line.onerror = event => kinds.push(event.error.kind)
    await world.settle()
    expect(kinds).toEqual(['unsupported'])
    expect(line.readyState).toBe(2)
    expect(world.timers + world.listeners).toBe(0)
  })
})

test('a line of throughline/core speaks the native wire over the transports it is given', async () => {
  const only = fake('websocket')
  const world = createWorld()
  const line = connectCore('/live', { transport: only, dialect: native, environment: world.environment })
  await world.settle()
  greet(only.channel)
  expect(line.transport).toBe('websocket')
})

test('what is learned of one address says nothing about another, and storage shows no secret of it', async () => {
  const world = createWorld()
  const first = [fake('websocket'), fake('eventsource')] as const
  const url = `${world.origin.replace('//', '//ada:lovelace@')}/live/t0ken?key=s3cret`
  const options = { world, transports: first, params: { pin: 'p1n' } }
  const { line } = await openLine({ ...options, url })
  first[0].channel.ends({ kind: 'refused', code: 'no' })
  await prove(world, first[1].channel)
  line.close()
  expect([...world.storage.values()].join()).toContain('eventsource')
  expect([...world.storage].join()).not.toMatch(/ada|lovelace|t0ken|s3cret|p1n|live/)

  const begins = async (more: Asked & { url: string }) => {
    const [ws, es] = [fake('websocket'), fake('eventsource')]
    const { line } = await openLine({ world, transports: [ws, es], ...more })
    const name = [ws, es].filter(({ channels }) => channels.length > 0).map(({ name }) => name)
    line.close()
    return name
  }
  expect(await begins({ url, params: { pin: 'another' } })).toEqual(['eventsource'])
  expect(await begins({ url: '/other' })).toEqual(['websocket'])
  expect(await begins({ url, dialect: plain })).toEqual(['websocket'])
  const more = [fake('websocket'), fake('eventsource'), fake('long-polling')] as const
  await openLine({ world, transports: more, url })
  expect(more[0].channels).toHaveLength(1)
})
