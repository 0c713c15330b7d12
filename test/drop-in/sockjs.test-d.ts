/** What a page's editor knows of the SockJS that stands in for sockjs-client. Nothing here runs. */
import type Original from 'sockjs-client'
import { expectTypeOf, test } from 'vitest'
import { SockJS, type SockJSClientOptions } from '../../src/drop-in.ts'

test('it is made as sockjs-client is, and is a WebSocket to those who ask for one', () => {
  type Options = NonNullable<ConstructorParameters<typeof Original>[2]>
  expectTypeOf<Options>().toExtend<SockJSClientOptions>()
  const stands: new (url: string, reserved?: unknown, options?: Options) => WebSocket = SockJS
  expectTypeOf(stands).not.toBeAny()
  const sock: WebSocket = new SockJS('/chat')
  expectTypeOf(sock.readyState).toEqualTypeOf<0 | 1 | 2 | 3>()
  expectTypeOf(SockJS('/chat')).toEqualTypeOf<SockJS>()
  expectTypeOf<Exclude<keyof typeof Original, keyof typeof SockJS>>().toEqualTypeOf<never>()
  new SockJS('/chat', null, { transports: 'websocket', sessionId: () => 'name', protocols_whitelist: [] })
})

test('its events are typed by their names', () => {
  const sock = new SockJS('/chat')
  sock.onopen = ({ type }) => expectTypeOf(type).toEqualTypeOf<string>()
  sock.onmessage = event => expectTypeOf(event).toExtend<MessageEvent>()
  sock.onclose = ({ code, wasClean }) => expectTypeOf([code, wasClean]).toEqualTypeOf<(number | boolean)[]>()
  sock.onheartbeat = event => expectTypeOf(event).toEqualTypeOf<Event>()
  // @ts-expect-error: a name that there is not
  sock.onanything = null
})
