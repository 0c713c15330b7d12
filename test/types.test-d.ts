/** What a page's editor knows. Nothing here runs: `npm run types` reads it, and so does `vitest --typecheck`. */
import { expectTypeOf, test } from 'vitest'
import { createHub, type Payload } from '../server/index.ts'
import { connect as connectCore, longPolling, native, race, websocket } from '../src/core.ts'
import { plain } from '../src/dialects/plain.ts'
import {
  type ConnectionError,
  connect,
  json,
  type Line,
  type LineCloseEvent,
  type LineErrorEvent,
  type LineState,
  type OpenEvent,
  type StateChangeEvent,
  type TransportName,
} from '../src/index.ts'
import { events } from '../src/iterate.ts'

interface Chat {
  from: string
  text: string
}
interface Alarm {
  at: number
}
interface Messages {
  message: Chat
  wakeup: Alarm
}

test('data is a string by default', () => {
  const line = connect('/live')
  line.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<string>()
  line.addEventListener('message', event => expectTypeOf(event.data).toEqualTypeOf<string>())
  line.addEventListener('wakeup', event => expectTypeOf(event.data).toEqualTypeOf<string>())
})

test('messages are typed by their names', async () => {
  const line = connect<Messages>('/live', { codec: json })
  expectTypeOf(line).toEqualTypeOf<Line<Messages>>()
  line.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<Chat>()
  line.addEventListener('message', event => expectTypeOf(event.data).toEqualTypeOf<Chat>())
  line.addEventListener('wakeup', event => {
    expectTypeOf(event).toExtend<MessageEvent<Alarm>>()
    expectTypeOf(event.topic).toEqualTypeOf<string | undefined>()
    expectTypeOf(event.lastEventId).toEqualTypeOf<string>()
  })
  for await (const event of events(line)) expectTypeOf(event.data).toEqualTypeOf<Chat>()
  for await (const event of events(line, 'wakeup')) expectTypeOf(event.data).toEqualTypeOf<Alarm>()
  for await (const event of events(line, 'open')) expectTypeOf(event.transport).toEqualTypeOf<TransportName>()
})

test('messages that are not told of are unknown', () => {
  const line = connect<{ wakeup: Alarm }>('/live')
  line.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<unknown>()
  line.addEventListener('else', event => expectTypeOf(event).toEqualTypeOf<Event>())
  // @ts-expect-error: only names that are told of can be read by a loop
  events(line, 'else')
})

test('the line’s own events have their fields', () => {
  const line = connect<Messages>('/live')
  line.onopen = event => expectTypeOf(event).toEqualTypeOf<OpenEvent>()
  line.addEventListener('open', event => expectTypeOf(event.resumed).toEqualTypeOf<boolean>())
  line.onerror = event => {
    expectTypeOf(event).toEqualTypeOf<LineErrorEvent>()
    expectTypeOf(event.error).toEqualTypeOf<ConnectionError>()
    expectTypeOf(event.retryIn).toEqualTypeOf<number | undefined>()
    expectTypeOf(event.error.status).toEqualTypeOf<number | undefined>()
  }
  line.onclose = event => expectTypeOf(event).toEqualTypeOf<LineCloseEvent>()
  line.addEventListener('gap', event => expectTypeOf(event.reason).toEqualTypeOf<string>())
  line.onmessage = null
})

test('a line says its state, by words that are known', async () => {
  const line = connect<Messages>('/live')
  expectTypeOf(line.state).toEqualTypeOf<LineState>()
  expectTypeOf<LineState>().toEqualTypeOf<
    'connecting' | 'open' | 'waiting' | 'suspended' | 'offline' | 'closed'
  >()
  expectTypeOf(line.retryAt).toEqualTypeOf<number | undefined>()
  expectTypeOf(await line.opened).toEqualTypeOf<Line<Messages>>()
  expectTypeOf(line.reconnect).toEqualTypeOf<() => void>()
  line.addEventListener('statechange', event => {
    expectTypeOf(event).toEqualTypeOf<StateChangeEvent>()
    expectTypeOf(event.state).toEqualTypeOf<LineState>()
  })
  for await (const event of events(line, 'statechange')) expectTypeOf(event.state).toEqualTypeOf<LineState>()
  // @ts-expect-error: read-only
  line.state = 'open'
  // @ts-expect-error: read-only
  line.retryAt = 5
})

test('a line is closed at once, or later with a promise', () => {
  const line = connect('/live')
  expectTypeOf(line.close()).toEqualTypeOf<void>()
  expectTypeOf(line.close(4_001, 'signed out')).toEqualTypeOf<void>()
  expectTypeOf(line.close({ flush: 1, code: 4_001, reason: 'x' })).toEqualTypeOf<Promise<void>>()
  line.onclose = ({ code, reason }) => {
    expectTypeOf(code).toEqualTypeOf<number | undefined>()
    expectTypeOf(reason).toEqualTypeOf<string>()
  }
  // @ts-expect-error: a code is a number
  line.close('4001')
  // @ts-expect-error: without flush it is close(code, reason)
  void line.close({ code: 4_001 })
})

test('debug is a choice or a function that takes lines', () => {
  connect('/live', { debug: true })
  connect('/live', { debug: text => expectTypeOf(text).toEqualTypeOf<string>() })
  // @ts-expect-error: no level
  connect('/live', { debug: 'all' })
})

test('what cannot be written is not writable', () => {
  const line = connect('/live')
  expectTypeOf(line.readyState).toEqualTypeOf<0 | 1 | 2>()
  expectTypeOf(line.transport).toEqualTypeOf<TransportName | null>()
  expectTypeOf(line.OPEN).toEqualTypeOf<1>()
  // @ts-expect-error: read-only
  line.readyState = 1
  // @ts-expect-error: read-only
  line.lastEventId = '5'
  // @ts-expect-error: a handler is a function or null
  line.onmessage = 'alert(1)'
})

test('options are checked', () => {
  connect(new URL('https://host.test'), {
    transports: ['websocket', websocket],
    dialect: plain,
    params: { topic: 'lobby', n: 1, list: ['a', 'b'], none: undefined },
    headers: () => ({ 'X-A': '1' }),
    token: async () => 'secret',
    resume: 'session',
    signal: AbortSignal.timeout(1_000),
  })
  connect('/live', { dialect: plain, params: () => ({ a: 1 }) })
  connect('/live', { token: async () => ({ token: 'secret', expiresIn: 3_600 as number | undefined }) })
  // @ts-expect-error: seconds are a number
  connect('/live', { token: () => ({ token: 'secret', expiresIn: '3600' }) })
  // @ts-expect-error: no such transport
  connect('/live', { transports: ['carrier-pigeon'] })
  // @ts-expect-error: no such dialect
  connect('/live', { dialect: 'klingon' })
  // @ts-expect-error: no such option
  connect('/live', { transport: 'websocket' })
  // @ts-expect-error: a time in ms
  connect('/live', { retry: '2s' })
})

test('throughline/core takes one transport as a value, and needs it', () => {
  connectCore('/live', { transport: websocket, dialect: native })
  connectCore('/live', { transport: race(websocket, longPolling), dialect: native })
  // @ts-expect-error: a name would bring all five along
  connectCore('/live', { transport: 'websocket', dialect: native })
  // @ts-expect-error: it has none of its own
  connectCore('/live')
  // @ts-expect-error: nor here
  connectCore('/live', {})
})

test('what is published and what is heard of clients may be any value that JSON can hold', () => {
  const hub = createHub()
  interface Price {
    price: number
  }
  const price: Price = { price: 5 }
  for (const value of ['text', 5, true, null, [1, 'x'], price, new Uint8Array(1)])
    expectTypeOf(hub.publish('topic', value)).toEqualTypeOf<Promise<string>>()
  // @ts-expect-error: JSON has no such value
  void hub.publish('topic', undefined)
  // @ts-expect-error: JSON has no such number
  void hub.publish('topic', 5n)
  hub.on('message', ({ data, reply, session, answer }) => {
    expectTypeOf(data).toEqualTypeOf<Payload>()
    expectTypeOf(answer).toEqualTypeOf<boolean>()
    expectTypeOf(reply(data)).toEqualTypeOf<Promise<string | undefined>>()
    return session.send({ ...(data as Price) })
  })
})

test('send takes anything and says nothing', () => {
  const line = connect('/live')
  expectTypeOf(line.send).parameter(0).toEqualTypeOf<unknown>()
  expectTypeOf(line.send('x', { event: 'chat' })).toEqualTypeOf<Promise<void>>()
  expectTypeOf(line.send('x', { answer: true, timeout: 5_000 })).toEqualTypeOf<Promise<unknown>>()
  expectTypeOf(line.send('x', { signal: AbortSignal.timeout(5_000) })).toEqualTypeOf<Promise<void>>()
  expectTypeOf(line.send('x', { volatile: true })).toEqualTypeOf<Promise<void>>()
  // @ts-expect-error: a name is a string
  void line.send('x', { event: 5 })
  // @ts-expect-error: a signal is not its controller
  void line.send('x', { signal: new AbortController() })
})
