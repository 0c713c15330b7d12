/** The WebSocket of throughline/drop-in has the shape that Web IDL gives the standard's. */
import { expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from '../../src/drop-in/web-socket.ts'

const socket = () => new WebSocket('ws://localhost/', [], { startClosed: true })
const attributes = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol', 'binaryType'] as const
const handlers = ['onopen', 'onmessage', 'onclose', 'onerror'] as const
const { prototype } = WebSocket

it('is an EventTarget with nothing between, and takes one argument at least', () => {
  expect(Object.getPrototypeOf(WebSocket)).toBe(EventTarget)
  expect(Object.getPrototypeOf(prototype)).toBe(EventTarget.prototype)
  expect([WebSocket.name, WebSocket.length]).toEqual(['WebSocket', 1])
  expect([prototype.send.length, prototype.close.length]).toEqual([1, 0])
  expect(Object.prototype.toString.call(socket())).toBe('[object WebSocket]')
})

it.each([...attributes, ...handlers, 'send', 'close'])(
  'has %s on the prototype, where a loop finds it',
  name => {
    expect(Object.getOwnPropertyDescriptor(prototype, name)).toMatchObject({
      enumerable: true,
      configurable: true,
    })
  },
)

it('has nothing of its own that a loop finds', () => {
  expect(Object.keys(socket())).toEqual([])
})

it.each(['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'])(
  'has %s on the class and on the prototype, for good',
  name => {
    for (const place of [WebSocket, prototype]) {
      expect(Object.getOwnPropertyDescriptor(place, name)).toMatchObject({
        enumerable: true,
        writable: false,
      })
      expect(() => Object.defineProperty(place, name, { get: () => 7 })).toThrow(TypeError)
    }
  },
)

it.each([...attributes, ...handlers])('refuses to tell %s of what is no WebSocket', name => {
  expect(() => prototype[name]).toThrow(TypeError)
})

it.each([...handlers, 'binaryType'])('refuses to set %s of what is no WebSocket', name => {
  expect(() => Object.assign(prototype, { [name]: null })).toThrow(TypeError)
})

it('refuses to send by, and to close, what is no WebSocket', () => {
  for (const name of ['send', 'close'] as const)
    expect(() => prototype[name].call({} as never, 'x' as never)).toThrow(TypeError)
})

it('names the functions of its handlers as a browser does', () => {
  const { get, set } = Object.getOwnPropertyDescriptor(prototype, 'onopen') as PropertyDescriptor
  expect([get?.name, set?.name]).toEqual(['get onopen', 'set onopen'])
})

it('takes undefined as the address that its name is, and nothing not at all', () => {
  expect(() => new (WebSocket as unknown as new () => unknown)()).toThrow(TypeError)
  vi.stubGlobal('location', { href: 'http://localhost/' })
  onTestFinished(() => void vi.unstubAllGlobals())
  expect(new WebSocket(undefined as never, [], { startClosed: true }).url).toBe('ws://localhost/undefined')
})
