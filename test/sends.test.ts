/** The rule for the way up: each `send()` settles, whatever throws where, and later ones go on. In virtual time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Dialect } from '../src/contracts/dialect.ts'
import { isSpokenOver } from '../src/contracts/transport.ts'
import { durableStreams } from '../src/dialects/durable-streams.ts'
import { mercure } from '../src/dialects/mercure.ts'
import { native } from '../src/dialects/native.ts'
import { nchan } from '../src/dialects/nchan.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import { sockjs } from '../src/dialects/sockjs.ts'
import { explain } from '../src/report.ts'
import { open } from '../src/setup/choose.ts'
import { eventsource } from '../src/transports/eventsource.ts'
import { jsonp } from '../src/transports/jsonp.ts'
import { longPolling } from '../src/transports/long-polling.ts'
import { websocket } from '../src/transports/websocket.ts'
import { xhrStreaming } from '../src/transports/xhr-streaming.ts'
import type { Codec } from '../src/wire/codec.ts'
import { createBrowser } from './model/browser.ts'
import { type Call, createNetwork, type Serve } from './model/network.ts'
import { createServer } from './model/server.ts'
import { vary } from './support/dialects.ts'
import { uncaught } from './support/uncaught.ts'
import { createWorld } from './support/world.ts'

const transports = [websocket, eventsource, xhrStreaming, longPolling, jsonp]
const dialects: Dialect[] = [native, plain, socketio(), sockjs(), nchan(), mercure(), durableStreams()]
const ways = dialects.flatMap(dialect =>
  transports
    .filter(way => isSpokenOver(dialect, way) && (way.name !== 'jsonp' || dialect === native))
    // The model of an EventSource has no events of other names, by which this one says where it is.
    .filter(way => way.name !== 'eventsource' || dialect.name !== 'durable-streams')
    .map(way => ({ dialect, way, name: `${dialect.name} over ${way.name}` })),
)

/** How often, in percent, what a place does throws. */
interface Trouble {
  seed: number
  socket: number
  xhr: number
  fetch: number
  script: number
  codec: number
  write: number
  listener: number
}

const trouble: fc.Arbitrary<Trouble> = fc.record({
  seed: fc.nat(10_000),
  socket: fc.constantFrom(0, 30, 100),
  xhr: fc.constantFrom(0, 30, 100),
  fetch: fc.constantFrom(0, 30, 100),
  script: fc.constantFrom(0, 30, 100),
  codec: fc.constantFrom(0, 30),
  write: fc.constantFrom(0, 30),
  listener: fc.constantFrom(0, 30),
})

/** The longest that a message may wait, and a little for what is in doubt to be given up. */
const bound = 130_000

test.each(ways)('each send of $name settles', { timeout: 60_000 }, async ({ dialect, way }) => {
  await fc.assert(
    fc.asyncProperty(trouble, async kinds => {
      expect(await play(dialect, way, kinds)).toEqual([])
    }),
    { numRuns: 8 },
  )
})

type Way = (typeof transports)[number]

async function play(dialect: Dialect, way: Way, kinds: Trouble): Promise<string[]> {
  const world = createWorld({}, kinds.seed + 1)
  const serve = dialect.sending.acknowledges ? createServer(world).serve : answering(dialect.name, way.name)
  const network = createNetwork(world, serve, world.environment.random)
  const browser = createBrowser(world, () => network)
  const page = browser.environment
  let calm = false
  const may = (place: Exclude<keyof Trouble, 'seed'>) => {
    if (!calm && world.environment.random() * 100 < kinds[place]) throw new Error(`${place} is odd`)
  }
  const environment = {
    ...page,
    WebSocket: breaking(page.WebSocket, ['send'], () => may('socket')),
    EventSource: breaking(page.EventSource, [], () => may('socket')),
    XMLHttpRequest: breaking(
      page.XMLHttpRequest,
      ['open', 'setRequestHeader', 'send'],
      () => may('xhr'),
      headers[dialect.name],
    ),
    fetch: (url: string, init: RequestInit) => {
      may('fetch')
      return page.fetch?.(url, init).then(answer => ({ ...answer, ok: answer.status < 300 }))
    },
    document: {
      ...page.document,
      createElement: () => {
        may('script')
        return (page.document as Document).createElement('script')
      },
    },
  } as unknown as typeof page
  const codec: Codec = {
    encode(value) {
      may('codec')
      return world.environment.random() * 100 < kinds.codec && !calm
        ? (Promise.resolve() as never)
        : (value as string)
    },
    decode(payload) {
      may('codec')
      return payload
    },
  }
  const troubled = vary(dialect, {
    sending: {
      write(message, number) {
        may('write')
        return dialect.sending.write(message, number)
      },
    },
  })
  const outcomes: string[] = []
  const line = open({ transports: [way], dialects: [troubled] }, '/live', {
    environment,
    codec,
    retry: 100,
    jsonp: 'cross-origin',
  })
  for (const name of ['open', 'message', 'error']) line.addEventListener(name, () => may('listener'))
  const send = (name: string) => {
    const at = outcomes.push('pending') - 1
    line.send(name).then(
      () => {
        outcomes[at] = 'taken'
      },
      error => {
        outcomes[at] = `${error.kind ?? error.name}`
      },
    )
  }
  const wrong: string[] = []
  await uncaught(async () => {
    for (let turn = 0; turn < 8; turn++) {
      send(`m${turn}`)
      await world.pass([0, 10, 500, 4_000][turn % 4] as number)
    }
    await world.pass(bound)
    if (outcomes.includes('pending')) wrong.push(`with trouble: ${outcomes}`)
    calm = true
    // The first may meet a session that is no more, or a line that waits to reconnect.
    for (let turn = 0; turn < 4 && outcomes.at(-1) !== 'taken'; turn++) {
      send(`calm ${turn}`)
      await world.pass(bound)
    }
    if (outcomes.at(-1) !== 'taken')
      wrong.push(`after it: ${outcomes}, ${explain(line.report()).at(-1)?.verdict}`)
    line.close()
    await world.pass(bound)
    if (Number.isNaN(line.bufferedAmount) || line.bufferedAmount) wrong.push(`${line.bufferedAmount} bytes`)
    if (browser.timers > 0) wrong.push(`${browser.timers} timers`)
  })
  return wrong
}

type Class = new (...given: never[]) => { getResponseHeader?(name: string): string | null }

const headers: Record<string, Record<string, string>> = {
  sockjs: { 'Content-Type': 'application/javascript' },
  socketio: { 'Content-Type': 'text/plain' },
  'durable-streams': { 'Stream-Next-Offset': '1' },
}

/** The same class, which asks `may` before it does anything. */
function breaking(
  given: unknown,
  methods: string[],
  may: () => void,
  told: Record<string, string> = {},
): unknown {
  const Given = given as Class
  class Breaking extends Given {
    constructor(...all: never[]) {
      may()
      super(...all)
    }
    addEventListener(): void {}
    override getResponseHeader(name: string): string | null {
      return told[name] ?? super.getResponseHeader?.(name) ?? null
    }
  }
  for (const name of methods) {
    Object.defineProperty(Breaking.prototype, name, {
      value(this: object, ...all: unknown[]) {
        may()
        return (Given.prototype as Record<string, (...all: unknown[]) => unknown>)[name]?.apply(this, all)
      },
    })
  }
  return Breaking
}

/** A server of one of the other dialects, as far as a line needs it to be open and to have its messages taken. */
function answering(dialect: string, way: string): Serve {
  let greeted = false
  return ({ via, query, body }: Call, wire) => {
    wire.head(via === 'websocket' ? 101 : 200)
    if (body !== undefined) {
      wire.write('ok')
      wire.end()
    } else if (dialect === 'durable-streams') {
      if (query.live === 'sse') wire.write('event: control\ndata: {"streamNextOffset":"1"}\n\n')
      else if (!query.live) wire.end()
    } else if (dialect === 'sockjs') {
      if (!greeted || way !== 'long-polling')
        wire.write(way.startsWith('xhr') || way === 'long-polling' ? 'o\n' : 'o')
      if (!greeted && way === 'long-polling') wire.end()
      greeted = !greeted
    } else if (dialect === 'socketio') {
      const polls = way === 'long-polling'
      if (!polls || !query.sid) {
        wire.write('0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}')
        greeted = false
        if (polls) wire.end()
      } else if (!greeted) {
        greeted = true
        wire.write('40{"sid":"a"}')
        wire.end()
      }
    }
    return {
      up: text => dialect === 'socketio' && text.startsWith('40') && wire.write('40{"sid":"a"}'),
      gone() {
        if (dialect === 'sockjs') greeted = false
      },
    }
  }
}
