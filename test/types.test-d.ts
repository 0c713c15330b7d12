/** What a page's editor knows. Nothing here runs: `npm run types` reads it, and so does `vitest --typecheck`. */
import { expectTypeOf, test } from 'vitest'
import { connect as connectCore, longPolling, native, race, websocket } from '../src/core.ts'
import { plain } from '../src/dialects/plain.ts'
import {
  type ConnectionError,
  connect,
  json,
  type Line,
  type LineCloseEvent,
  type LineErrorEvent,
  type OpenEvent,
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
    expectTypeOf(event).toEqualTypeOf<MessageEvent<Alarm>>()
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

test('send takes anything and says nothing', () => {
  const line = connect('/live')
  expectTypeOf(line.send).parameter(0).toEqualTypeOf<unknown>()
  expectTypeOf(line.send('x', { event: 'chat' })).toEqualTypeOf<Promise<void>>()
  // @ts-expect-error: a name is a string
  void line.send('x', { event: 5 })
})
