/** What a SockJS is before it is connected; e2e/drop-in/sockjs.spec.ts has sessions, in browsers. */
import { expect, it } from 'vitest'
import { SockJS } from '../../src/drop-in/sockjs.ts'

it('is made with and without `new`, as that of sockjs-client is', () => {
  for (const sock of [new SockJS('http://127.0.0.1:1/chat/'), SockJS('http://127.0.0.1:1/chat/')]) {
    expect(sock).toBeInstanceOf(SockJS)
    expect([sock.url, sock.readyState]).toEqual(['http://127.0.0.1:1/chat', SockJS.CONNECTING])
    sock.close()
  }
  expect(() => SockJS('ftp://127.0.0.1/')).toThrow(SyntaxError)
})

it('can be extended', () => {
  class Chat extends SockJS {
    readonly room = 'lobby'
  }
  const chat = new Chat('http://127.0.0.1:1/chat')
  expect(chat).toBeInstanceOf(SockJS)
  expect([chat.room, chat.readyState]).toEqual(['lobby', 0])
  chat.close()
})
