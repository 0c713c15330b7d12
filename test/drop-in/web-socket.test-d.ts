/** What a page's editor knows of the WebSocket that stands in for others. Nothing here runs. */
import type PartySocket from 'partysocket/ws'
import type { Options } from 'partysocket/ws'
import type ReconnectingWebSocket from 'reconnecting-websocket'
import type { Options as OlderOptions } from 'reconnecting-websocket'
import { expectTypeOf, test } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { WebSocket, type WebSocketOptions } from '../../src/drop-in.ts'

test('it can be installed as the global', () => {
  globalThis.WebSocket = WebSocket
  expectTypeOf(WebSocket).toExtend<typeof globalThis.WebSocket>()
  expectTypeOf<WebSocket>().toExtend<globalThis.WebSocket>()
})

test('it takes what partysocket and reconnecting-websocket take', () => {
  type Given = ConstructorParameters<typeof PartySocket>
  expectTypeOf<Given[0]>().toExtend<ConstructorParameters<typeof WebSocket>[0]>()
  expectTypeOf<Given[1]>().toExtend<ConstructorParameters<typeof WebSocket>[1]>()
  expectTypeOf<Options>().toExtend<WebSocketOptions>()
  expectTypeOf<OlderOptions>().toExtend<WebSocketOptions>()
  expectTypeOf<keyof Options>().toEqualTypeOf<keyof WebSocketOptions>()
  new WebSocket(
    async () => '/live',
    async () => ['v1'],
    { WebSocket: Ws },
  )
})

test('it has the members that they have, but for the boolean of partysocket’s send()', () => {
  expectTypeOf<WebSocket>().toHaveProperty('drainQueuedMessages')
  type Missing = Exclude<keyof PartySocket | keyof ReconnectingWebSocket, keyof WebSocket>
  expectTypeOf<Missing>().toEqualTypeOf<never>()
  expectTypeOf<ReturnType<WebSocket['send']>>().toEqualTypeOf<void>()
})

test('its events are typed by their names', () => {
  const socket = new WebSocket('/live')
  socket.onclose = event => expectTypeOf(event.code).toEqualTypeOf<number>()
  socket.onerror = event => expectTypeOf(event.message).toEqualTypeOf<string | undefined>()
  socket.addEventListener('close', ({ wasClean }) => expectTypeOf(wasClean).toEqualTypeOf<boolean>())
  socket.addEventListener('message', event => expectTypeOf(event).toExtend<MessageEvent>())
  socket.addEventListener('else', event => expectTypeOf(event).toEqualTypeOf<Event>())
  // @ts-expect-error: neither of the two
  socket.binaryType = 'nodebuffer'
  // @ts-expect-error: it cannot be set
  socket.readyState = 1
})
