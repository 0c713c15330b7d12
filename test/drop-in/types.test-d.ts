/** What the drop-ins stand in for they fit. Nothing here runs: `npm run types` reads it. */
import type * as Original from '@microsoft/fetch-event-source'
import type { EventSourcePolyfill } from 'event-source-polyfill'
import { expectTypeOf, test } from 'vitest'
import {
  EventSource,
  type EventSourceMessage,
  type EventStreamContentType,
  type FetchEventSourceInit,
  fetchEventSource,
} from '../../src/drop-in.ts'

test('EventSource fits where the browser’s and the polyfill’s are', () => {
  globalThis.EventSource = EventSource
  const native: globalThis.EventSource = new EventSource('/updates', { withCredentials: true })
  const polyfill: EventSourcePolyfill = new EventSource('/updates')
  const classOfPolyfill: typeof EventSourcePolyfill = EventSource
  expectTypeOf(native.url).toEqualTypeOf(polyfill.url)
  new classOfPolyfill('/updates', { headers: { Authorization: 'x' }, heartbeatTimeout: 45_000 })
})

test('events of an EventSource are typed by their names', () => {
  const source = new EventSource(new URL('http://x.example/'))
  source.onmessage = event => {
    expectTypeOf(event.lastEventId).toEqualTypeOf<string>()
    expectTypeOf(event.origin).toEqualTypeOf<string>()
  }
  source.onerror = event => {
    expectTypeOf(event.error?.kind).not.toBeAny()
    expectTypeOf(event.status).toEqualTypeOf<number | undefined>()
  }
  source.onopen = null
  source.addEventListener('message', event => expectTypeOf(event.lastEventId).toEqualTypeOf<string>())
  source.addEventListener('price', event => expectTypeOf(event).toBeAny())
  source.addEventListener('message', { handleEvent: event => event.data })
  // @ts-expect-error: a header is text
  new EventSource('/', { headers: { a: 1 } })
})

test('fetchEventSource fits where the original is', () => {
  const original: typeof Original.fetchEventSource = fetchEventSource
  const ours: FetchEventSourceInit = {} as Original.FetchEventSourceInit
  const message: Original.EventSourceMessage = {} as EventSourceMessage
  expectTypeOf<typeof EventStreamContentType>().toEqualTypeOf<typeof Original.EventStreamContentType>()
  void original('/', {
    ...ours,
    onmessage: ({ id, event, data, retry }) => [message, id, event, data, retry],
  })
  void fetchEventSource(new Request('/'), {
    onopen: async response => void expectTypeOf(response).toEqualTypeOf<Response>(),
    onerror: () => null,
    resume: id => `/answers/${id}`,
  })
})
