/** The same page of reconnecting-websocket's and partysocket's, with each of them and with ours. */
import PartySocket from 'partysocket/ws'
import ReconnectingWebSocket from 'reconnecting-websocket'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { WebSocket, type WebSocketOptions } from '../../src/drop-in/web-socket.ts'
import { serve } from '../support/socket-server.ts'

// reconnecting-websocket is built for CommonJS alone.
const Reconnecting =
  (ReconnectingWebSocket as unknown as { default?: unknown }).default ?? ReconnectingWebSocket
const classes = {
  'reconnecting-websocket': Reconnecting,
  partysocket: PartySocket,
  ours: WebSocket,
} as unknown as Record<string, typeof WebSocket>

describe.each(Object.entries(classes))('%s', (_, Class) => {
  it('sends what waited, comes back when the server closes, and sends what was said meanwhile', async () => {
    const place = await serve(peer =>
      peer.on('message', data => (`${data}` === 'end' ? peer.close(4_000, 'later') : peer.send(`${data}`))),
    )
    const { socket, log, told } = open(Class, place.url)
    socket.send('one')
    socket.send('two')
    expect(socket.bufferedAmount).toBe(6)
    await told(log => log.length === 3)
    socket.onclose = () => socket.send('three')
    socket.send('end')
    await told(log => log.length === 6)
    expect(log).toEqual([
      'open 1',
      'message 1 one',
      'message 1 two',
      'close 3 4000 later',
      'open 1',
      'message 1 three',
    ])
    expect(place.heard).toEqual(['one', 'two', 'end', 'three'])
  })

  it('connects anew by reconnect(), with its code, and keeps its handlers', async () => {
    const place = await serve()
    const { socket, log, told } = open(Class, place.url, 'chat')
    const handler = () => {}
    socket.onmessage = handler
    await told(log => log.length === 1)
    socket.reconnect(4_001, 'anew')
    expect([socket.readyState, socket.retryCount]).toEqual([2, 0])
    await told(log => log.length === 3)
    expect(log.map(each => each.replace(/ \d/, ''))).toEqual(['open', 'close 4001 anew', 'open'])
    expect([socket.protocol, socket.onmessage]).toEqual(['chat', handler])
  })

  it('starts closed where it is told to, and drops what is too much', async () => {
    const place = await serve()
    const { socket, told } = open(Class, place.url, [], { startClosed: true, maxEnqueuedMessages: 2 })
    for (const text of ['one', 'two', 'three']) socket.send(text)
    expect([socket.readyState, socket.bufferedAmount]).toEqual([3, 6])
    socket.reconnect()
    await told(log => log.length === 1)
    await expect.poll(() => place.heard).toEqual(['one', 'two'])
  })

  it('tries as often as it may', async () => {
    const place = await serve()
    await place.stop()
    const { socket, told } = open(Class, place.url, [], { maxRetries: 2 })
    await told(log => log.filter(each => each.startsWith('error')).length === 3)
    expect(socket.retryCount).toBe(2)
    await place.start()
  })

  it('asks a function for its address before each try', async () => {
    const place = await serve(peer => peer.on('message', data => `${data}` === 'end' && peer.close()))
    let tries = 0
    const { socket, told } = open(Class, async () => `${place.url}?${++tries}`)
    socket.send('end')
    await told(log => log.length === 3)
    expect(place.paths).toEqual(['/?1', '/?2'])
  })

  it('stays closed when it was closed, and tells one close', async () => {
    const place = await serve()
    const { socket, log, told } = open(Class, place.url)
    await told(log => log.length === 1)
    socket.close(1_000, 'enough')
    socket.close()
    await told(log => log.length === 2)
    await expect.poll(() => socket.readyState).toBe(3)
    expect(log.map(each => each.replace(/ \d/, ''))).toEqual(['open', 'close 1000 enough'])
    expect(place.paths).toHaveLength(1)
  })
})

/** A socket that is closed with the test, and all that it tells. */
function open(
  Class: typeof WebSocket,
  url: string | (() => Promise<string>),
  protocols?: string | string[],
  options: WebSocketOptions = {},
) {
  const quick = { WebSocket: Ws, minReconnectionDelay: 1, maxReconnectionDelay: 5 }
  const socket = new Class(url, protocols, { ...quick, ...options })
  onTestFinished(() => socket.close())
  const log: string[] = []
  for (const type of ['open', 'message', 'error', 'close'])
    socket.addEventListener(type, event => {
      const { data, code, reason } = event as Partial<MessageEvent & CloseEvent>
      const more = type === 'message' ? ` ${data}` : type === 'close' ? ` ${code} ${reason}` : ''
      log.push(`${type} ${socket.readyState}${more}`)
    })
  const told = (enough: (log: string[]) => boolean) => expect.poll(() => enough(log)).toBe(true)
  return { socket, log, told }
}
