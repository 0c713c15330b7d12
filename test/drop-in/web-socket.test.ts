/** The WebSocket of throughline/drop-in, against real servers; e2e/drop-in/web-socket.spec.ts has it in browsers. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket as Ws } from 'ws'
import { WebSocket, type WebSocketOptions } from '../../src/drop-in/web-socket.ts'
import { browser } from '../../src/environment.ts'
import { nativeOf, replaced } from '../../src/native.ts'
import { serve } from '../support/socket-server.ts'

const quick: WebSocketOptions = { WebSocket: Ws, minReconnectionDelay: 1, maxReconnectionDelay: 5 }

describe('as the standard has it', () => {
  it.each([
    ['an address that is none', 'ws://foo bar/'],
    ['another scheme', 'ftp://localhost/'],
    ['an address without a scheme, where there is no page', '/live'],
    ['a fragment', 'ws://localhost/#there'],
    ['an empty fragment', 'ws://localhost/#'],
  ])('throws a SyntaxError at once for %s', (_, url) => {
    expect(() => new WebSocket(url, [], quick)).toThrow(expect.objectContaining({ name: 'SyntaxError' }))
    expect(() => new WebSocket(url, [], quick)).toThrow(DOMException)
  })

  it.each([
    ['that is empty', ''],
    ['with a space', 'a b'],
    ['with a separator', 'a/b'],
    ['beyond ASCII', 'é'],
    ['that is there twice', ['a', 'b', 'a']],
  ])('throws a SyntaxError for a subprotocol %s', (_, protocols) => {
    expect(() => new WebSocket('ws://localhost/', protocols, { ...quick, startClosed: true })).toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    )
  })

  it('resolves its address at once, and makes those of HTTP its own', () => {
    const urlOf = (url: string) => new WebSocket(url, [], { startClosed: true }).url
    expect(urlOf('http://Example.com')).toBe('ws://example.com/')
    expect(urlOf('https://example.com:443/a?b')).toBe('wss://example.com/a?b')
    expect(urlOf('ws://example.com:80/ ')).toBe('ws://example.com/')
  })

  it('has its constants on the class and on each socket, and they stay', () => {
    const socket = new WebSocket('ws://localhost/', [], { startClosed: true })
    for (const each of [WebSocket, WebSocket.prototype, socket]) {
      expect([each.CONNECTING, each.OPEN, each.CLOSING, each.CLOSED]).toEqual([0, 1, 2, 3])
      Reflect.deleteProperty(each, 'OPEN')
      expect(each.OPEN).toBe(1)
      expect(Reflect.set(each, 'OPEN', 7)).toBe(false)
    }
  })

  it('tells open, messages and close in order, each with its state', async () => {
    const place = await serve(peer => peer.send('hello'))
    const { socket, told } = open(place.url)
    expect(socket.readyState).toBe(0)
    await told('message')
    socket.close(3_001, 'enough')
    expect(socket.readyState).toBe(2)
    await told('close')
    expect(told.all).toEqual(['open 1', 'message 1 hello', 'close 3 3001 enough true'])
    expect(place.closes).toEqual(['3001 enough'])
  })

  it('gives a message the origin of its server, and the type that was asked for', async () => {
    const place = await serve(peer => peer.send(Buffer.of(1, 2)))
    const { socket } = open(place.url)
    socket.binaryType = 'arraybuffer'
    socket.binaryType = 'nonsense' as never
    expect(socket.binaryType).toBe('arraybuffer')
    const [event] = await heard(socket, 'message')
    expect(event).toMatchObject({ type: 'message', origin: place.url.slice(0, -1), lastEventId: '' })
    expect(new Uint8Array(event?.data as ArrayBuffer)).toEqual(Uint8Array.of(1, 2))
  })

  it.each([1_001, 2_999, 5_000, 0, Number.NaN, 'text', null])('refuses the code %s', async code => {
    const socket = new WebSocket('ws://localhost/', [], { startClosed: true })
    for (const call of ['close', 'reconnect'] as const)
      expect(() => socket[call](code as number)).toThrow(
        expect.objectContaining({ name: 'InvalidAccessError' }),
      )
  })

  it('refuses a reason of more than 123 bytes', () => {
    const socket = new WebSocket('ws://localhost/', [], { startClosed: true })
    expect(() => socket.close(1_000, 'é'.repeat(62))).toThrow(
      expect.objectContaining({ name: 'SyntaxError' }),
    )
    expect(() => socket.close(1_000, 'é'.repeat(61))).not.toThrow()
  })

  it('closes without a code, which the event tells as 1005', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    await told('open')
    socket.close()
    socket.close()
    await told('close')
    expect(told.all).toEqual(['open 1', 'close 3 1005  true'])
  })

  it('makes a code and a reason of whatever it is given', async () => {
    const place = await serve()
    const codes = [3_000.5, 3_001.5, { valueOf: () => 4_000 }]
    for (const [index, code] of codes.entries()) {
      const { socket, told } = open(place.url)
      await told('open')
      expect(() => socket.close(1n as never)).toThrow(TypeError)
      socket.close(code as never, null as never)
      await expect.poll(() => place.closes[index]).toBe(`${[3_000, 3_002, 4_000][index]} null`)
    }
  })

  it.each(['an address', 'a function'])('fails when it is closed while it connects to %s', async by => {
    const place = await serve()
    const { socket, told } = open(by === 'an address' ? place.url : () => place.url)
    socket.close()
    expect(socket.readyState).toBe(2)
    await told('close')
    expect(told.all.map(each => each.replace(/\d/, ''))).toEqual(['error ', 'close  1006  false'])
    expect(socket.readyState).toBe(3)
  })

  it('sends the same data as a native one, and nothing without an argument', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    await told('open')
    expect(() => (socket.send as () => void)()).toThrow(TypeError)
    for (const data of ['text', 5, null, Uint8Array.of(1), Uint8Array.of(2).buffer, new Blob(['blob'])])
      expect(socket.send(data as string)).toBeUndefined()
    await expect.poll(() => place.heard).toEqual(['text', '5', 'null', '\x01', '\x02', 'blob'])
  })

  it('calls what is assigned to onopen in its place among the listeners', async () => {
    const place = await serve()
    const socket = new WebSocket(place.url, [], quick)
    onTestFinished(() => socket.close())
    const calls: string[] = []
    socket.onopen = () => calls.push('replaced')
    socket.addEventListener('open', () => calls.push('listener'))
    socket.onopen = () => calls.push('assigned')
    await heard(socket, 'open')
    expect(calls).toEqual(['assigned', 'listener'])
  })
})

describe('comes back', () => {
  it.each([1_000, 1_001, 4_000])('when the server closes with %i, and tells each close', async code => {
    const place = await serve((peer, count) => count < 3 && peer.close(code, 'later'))
    const { socket, told } = open(place.url)
    await told('open', 3)
    expect(told.all).toEqual([
      'open 1',
      `close 3 ${code} later true`,
      'open 1',
      `close 3 ${code} later true`,
      'open 1',
    ])
    expect(socket.retryCount).toBe(2)
    expect(socket.shouldReconnect).toBe(true)
  })

  it('when the connection is cut', async () => {
    const place = await serve((peer, count) => count === 1 && peer.terminate())
    const { told } = open(place.url)
    await told('open', 2)
    expect(told.all).toEqual(['open 1', 'close 3 1006  false', 'open 1'])
  })

  it('when the server was not there, with one error and one close for each try', async () => {
    const place = await serve()
    await place.stop()
    const { socket, told } = open(place.url)
    await told('close', 3)
    await place.start()
    await told('open')
    const tries = told.all.slice(0, -1).map(each => each.replace(/ \d/, ''))
    expect(tries.length).toBeGreaterThanOrEqual(6)
    expect(tries).toEqual(tries.map((_, at) => (at % 2 ? 'close 1006  false' : 'error')))
    expect(socket.readyState).toBe(1)
  })

  it('not after maxRetries, until it is told to', async () => {
    const place = await serve()
    await place.stop()
    const { socket, told } = open(place.url, [], { maxRetries: 2 })
    await told('close', 3)
    expect(socket.retryCount).toBe(2)
    expect(socket.shouldReconnect).toBe(false)
    await place.start()
    socket.reconnect()
    await told('open')
    expect(told.all.filter(each => each.startsWith('close'))).toHaveLength(3)
  })

  it('not where shouldReconnectOnClose says so', async () => {
    const place = await serve((peer, count) => peer.close(4_000 + count))
    const asked: number[] = []
    const { socket, told } = open(place.url, [], {
      shouldReconnectOnClose: ({ code }) => {
        asked.push(code)
        return code < 4_002
      },
    })
    await told('close', 2)
    expect(asked).toEqual([4_001, 4_002])
    expect(socket.shouldReconnect).toBe(false)
  })

  it('where shouldReconnectOnClose throws, which the page hears of', async () => {
    const place = await serve((peer, count) => count === 1 && peer.close())
    const errors: unknown[] = []
    vi.stubGlobal('reportError', (error: unknown) => errors.push(error))
    onTestFinished(() => void vi.unstubAllGlobals())
    const { socket, told } = open(place.url, [], {
      shouldReconnectOnClose: () => {
        throw 'of the page'
      },
    })
    await told('open', 2)
    socket.close()
    await told('close', 2)
    expect(errors).toEqual(['of the page', 'of the page'])
  })

  it('not when it was closed, be it in a listener of the close event', async () => {
    const place = await serve(peer => peer.close(4_001))
    const { socket, told } = open(place.url)
    socket.onclose = () => socket.close()
    await told('close')
    expect(socket.shouldReconnect).toBe(false)
    expect(socket.readyState).toBe(3)
    socket.reconnect()
    await told('close', 2)
    expect(place.count).toBe(2)
  })

  it('at once by reconnect(), whatever becomes of the connection before', async () => {
    const place = await serve()
    const { socket, told } = open(place.url, [], {
      minReconnectionDelay: 60_000,
      maxReconnectionDelay: 60_000,
    })
    await told('open')
    socket.reconnect(4_100, 'anew')
    expect([socket.readyState, socket.retryCount]).toEqual([2, 0])
    await told('open', 2)
    expect(told.all).toEqual(['open 1', 'close 3 4100 anew true', 'open 1'])
    await expect.poll(() => place.closes).toEqual(['4100 anew'])
    expect(place.count).toBe(2)
  })

  it('once by many calls of reconnect()', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    for (let call = 0; call < 5; call++) socket.reconnect()
    await told('open')
    socket.close()
    await told('close', 2)
    expect(told.all).toEqual(['close 3 1000  true', 'open 1', 'close 3 1005  true'])
  })

  it('not when close() follows reconnect()', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    await told('open')
    socket.reconnect()
    socket.close()
    await told('close')
    expect(socket.readyState).toBe(3)
    expect(socket.shouldReconnect).toBe(false)
    expect(place.count).toBe(1)
  })

  it('after close(), when reconnect() is called before the close event', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    await told('open')
    socket.close()
    socket.reconnect()
    await told('open', 2)
    expect(told.all.filter(each => each.startsWith('close'))).toHaveLength(1)
  })

  it('begins closed where it is told to', async () => {
    const place = await serve()
    const { socket, told } = open(place.url, 'chat', { startClosed: true })
    expect([socket.readyState, socket.shouldReconnect, socket.retryCount]).toEqual([3, false, 0])
    socket.reconnect()
    await told('open')
    expect(socket.protocol).toBe('chat')
    expect(told.all).toEqual(['open 1'])
  })

  it('gives a connection up that does not open in time', async () => {
    const silent = createServer()
    const { port } = await listening(silent)
    const { socket } = open(`ws://127.0.0.1:${port}/`, [], { connectionTimeout: 20 })
    const [[error], [close]] = await Promise.all([heard(socket, 'error'), heard(socket, 'close')])
    expect(error).toMatchObject({ message: 'TIMEOUT', error: expect.any(Error) })
    expect(close).toMatchObject({ code: 1_006, reason: 'timeout', wasClean: false })
    expect(socket.shouldReconnect).toBe(true)
  })

  it('tells one error of a connection that is given up, where the class tells of its end within close()', async () => {
    const silent = createServer()
    const { port } = await listening(silent)
    class Prompt extends Ws {
      override close() {
        this.onerror?.({} as never)
        super.close()
      }
    }
    const options = { connectionTimeout: 20, maxRetries: 0, WebSocket: Prompt }
    const { told } = open(`ws://127.0.0.1:${port}/`, [], options)
    await told('close')
    expect(told.all).toEqual(['error 3', 'close 3 1006 timeout false'])
  })

  it('comes back once where the class tells of its end within close(), as that of undici does', async () => {
    class Prompt extends Ws {
      override close(...how: [number?, string?]) {
        super.close(...how)
        this.onclose?.({ code: 1_006, reason: '', wasClean: false } as never)
      }
    }
    const place = await serve()
    const { socket, told } = open(place.url, [], { WebSocket: Prompt, maxRetries: 0 })
    for (let calls = 0; calls < 3; calls++) socket.reconnect()
    await told('open')
    expect(told.all).toEqual(['close 3 1000  true', 'open 1'])
  })

  it('has counted a try that failed when its error is told, with the next to come', async () => {
    const place = await serve()
    await place.stop()
    const { socket, told } = open(place.url, [], { maxRetries: 2 })
    const counts: number[] = []
    socket.onerror = () => counts.push(socket.retryCount)
    await told('close', 3)
    expect(counts).toEqual([1, 2, 2])
    await place.start()
  })

  it('connects anew when reconnect() is called for the error of its last try', async () => {
    const place = await serve()
    const urls = ['ws://127.0.0.1:1/', place.url]
    const { socket, told } = open(() => urls.shift() ?? '', [], { maxRetries: 0 })
    socket.onerror = () => socket.reconnect()
    await told('open')
    expect(told.all).toEqual(['error 3', 'close 0 1006  false', 'open 1'])
  })

  it('counts its tries anew after a connection that has lasted', async () => {
    const place = await serve((peer, count) => count < 3 && peer.close())
    const { socket, told } = open(place.url, [], { minUptime: 1 })
    await told('open', 3)
    await expect.poll(() => socket.retryCount).toBe(0)
  })
})

describe('what is sent', () => {
  it('waits for the connection, goes in order, and before what open brings', async () => {
    const place = await serve()
    const { socket } = open(place.url)
    const bytes = Uint8Array.of(49)
    socket.send('é')
    socket.send(bytes)
    bytes[0] = 50
    socket.send(new Blob(['abc']))
    expect(socket.bufferedAmount).toBe(2 + 1 + 3)
    socket.onopen = () => socket.send('last')
    await expect.poll(() => place.heard).toEqual(['é', '1', 'abc', 'last'])
    await expect.poll(() => socket.bufferedAmount).toBe(0)
  })

  it('while it is down is lost neither nor doubled, however often it comes back', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    const sent: string[] = []
    for (let outage = 1; outage <= 5; outage++) {
      await told('open', outage)
      await place.stop()
      await told('close', outage)
      for (let each = 0; each < 10; each++) socket.send(`${sent.push(`${sent.length}`) - 1}`)
      await place.start()
      await expect.poll(() => place.heard.length).toBe(sent.length)
    }
    expect(place.heard).toEqual(sent)
  })

  it('after close() waits for reconnect()', async () => {
    const place = await serve()
    const { socket, told } = open(place.url)
    await told('open')
    socket.close()
    socket.send('later')
    await told('close')
    expect(socket.bufferedAmount).toBe(5)
    socket.reconnect()
    await expect.poll(() => place.heard).toEqual(['later'])
  })

  it('beyond maxEnqueuedMessages is dropped, and drainQueuedMessages() gives the rest back', () => {
    const socket = new WebSocket('ws://localhost/', [], { startClosed: true, maxEnqueuedMessages: 2 })
    for (const text of ['one', 'two', 'three']) socket.send(text)
    expect(socket.drainQueuedMessages()).toEqual(['one', 'two'])
    expect(socket.bufferedAmount).toBe(0)
  })
})

describe('functions of the page', () => {
  it('give the address and the subprotocols anew for each try', async () => {
    const place = await serve((peer, count) => count === 1 && peer.close())
    const tries: number[] = []
    const { socket, told } = open(
      async () => `${place.url}?try=${tries.push(0)}`,
      () => [`v${tries.length}`],
    )
    expect(socket.url).toBe('')
    await told('open', 2)
    expect(place.paths).toEqual(['/?try=1', '/?try=2'])
    expect(socket.url).toBe(`${place.url}?try=2`)
    expect(socket.protocol).toMatch(/^v\d$/)
  })

  it.each([
    [
      'throw',
      () => {
        throw new Error('no address')
      },
      'no address',
    ],
    [
      'reject with nothing',
      async () => {
        throw undefined
      },
      'undefined',
    ],
    [
      'reject',
      async () => {
        throw new Error('no address')
      },
      'no address',
    ],
    ['give an address that cannot be', () => 'ftp://x/', /scheme/],
  ])('that %s make that try fail, and the next asks again', async (_, bad, message) => {
    const place = await serve()
    const answers = [bad, () => place.url]
    const { socket, told } = open(() => (answers.shift() as () => string)())
    const [error] = await heard(socket, 'error')
    expect(error?.message).toMatch(message)
    await told('open')
    expect(told.all).toEqual(['error 3', 'close 3 1006  false', 'open 1'])
  })

  it('that hang do not keep it from being closed', async () => {
    const { socket, told } = open(() => new Promise<string>(() => {}))
    socket.close()
    await told('close')
    expect(socket.readyState).toBe(3)
  })
})

describe('the class that connects', () => {
  it('is missed by name where the place has none, but not before it is needed', () => {
    vi.stubGlobal('WebSocket', undefined)
    onTestFinished(() => void vi.unstubAllGlobals())
    const missing = /option "WebSocket"/
    expect(() => new WebSocket('ws://localhost/')).toThrow(missing)
    expect(() => new WebSocket('ws://localhost/', [], { WebSocket: 123 as never })).toThrow(missing)
    const later = new WebSocket('ws://localhost/', [], { startClosed: true })
    expect(() => later.reconnect()).toThrow(missing)
  })

  it('is not ours, where ours is the global: nothing opens itself', async () => {
    vi.stubGlobal('WebSocket', Ws)
    onTestFinished(() => void vi.unstubAllGlobals())
    vi.resetModules()
    const { WebSocket: first } = await import('../../src/drop-in/web-socket.ts')
    vi.stubGlobal('WebSocket', first)
    vi.resetModules()
    const { WebSocket: second } = await import('../../src/drop-in/web-socket.ts')
    expect(second).not.toBe(first)
    expect([nativeOf(first), nativeOf(second)]).toEqual([Ws, Ws])
    vi.stubGlobal('WebSocket', second)
    expect(browser().WebSocket).toBe(Ws)
    const place = await serve()
    for (const Class of [first, second]) {
      const socket = new Class(place.url)
      await heard(socket, 'open')
      socket.close()
      await heard(socket, 'close')
    }
    expect(place.count).toBe(2)
  })

  it('says why a connection failed, where it knows', async () => {
    const place = await serve()
    await place.stop()
    const { socket } = open(place.url)
    const [error] = await heard(socket, 'error')
    expect(error?.message).toMatch('ECONNREFUSED')
    expect(error?.error).toMatchObject({ code: 'ECONNREFUSED' })
    await place.start()
  })

  it('is given an absolute address as it was written, and its word on that is kept', async () => {
    const place = await serve()
    // As `ws` does before its version 8.
    class Verbatim extends Ws {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        Object.defineProperty(this, 'url', { value: url })
      }
    }
    const url = place.url.slice(0, -1)
    const { socket, told } = open(url, [], { WebSocket: Verbatim as never })
    await told('open')
    expect(socket.url).toBe(url)
    await place.stop()
    expect(socket.url).toBe(url)
    await place.start()
  })

  it('may have other types of binary messages, which stay over connections', async () => {
    const place = await serve((peer, count) => (count === 1 ? peer.close() : peer.send(Buffer.from('two'))))
    const { socket, told } = open(place.url)
    socket.binaryType = 'nodebuffer' as never
    expect(socket.binaryType).toBe('nodebuffer')
    socket.binaryType = 'none' as never
    const [{ data }] = await heard(socket, 'message')
    await told('open', 2)
    expect(Buffer.isBuffer(data)).toBe(true)
    expect(socket.binaryType).toBe('nodebuffer')
  })

  it('is none, where ours is the global of a place that had none', () => {
    expect(nativeOf(WebSocket)).toBe((WebSocket as never as Record<symbol, unknown>)[replaced])
    vi.stubGlobal('WebSocket', WebSocket)
    onTestFinished(() => void vi.unstubAllGlobals())
    expect(browser().WebSocket).toBe(nativeOf(WebSocket))
  })
})

describe('the page', () => {
  it('is listened to no longer by what was closed, has given up, or could not be made', async () => {
    const listening = new Set<string>()
    vi.stubGlobal('addEventListener', (type: string) => listening.add(type))
    vi.stubGlobal('removeEventListener', (type: string) => listening.delete(type))
    onTestFinished(() => void vi.unstubAllGlobals())
    class Refusing extends Ws {
      constructor() {
        super('ws://localhost/', [''])
      }
    }
    expect(() => new WebSocket('ws://localhost/', [], { WebSocket: Refusing })).toThrow()
    expect([...listening]).toEqual([])
    const place = await serve((peer, count) => count > 1 && peer.close())
    const { socket, told } = open(place.url, [], { maxRetries: 0 })
    await told('open')
    expect([...listening]).toEqual(['pageshow'])
    socket.close()
    await told('close')
    expect([...listening]).toEqual([])
    socket.reconnect()
    await told('close', 2)
    expect([...listening]).toEqual([])
    expect(socket.shouldReconnect).toBe(false)
  })
})

describe('debug', () => {
  it('tells what happens by debugLogger, and no message', async () => {
    const place = await serve()
    const said: unknown[][] = []
    const { socket, told } = open(place.url, [], { debug: true, debugLogger: (...words) => said.push(words) })
    socket.send('secret')
    await told('open')
    socket.close(1_000)
    await told('close')
    expect(said).toEqual([
      ['RWS>', 'connect', 0],
      ['RWS>', 'open'],
      ['RWS>', 'close', 1_000],
    ])
  })
})

async function listening(server: Server): Promise<AddressInfo> {
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return server.address() as AddressInfo
}

/** A socket that is closed with the test. `told` resolves when so many events of a type have come, and has them all as texts. */
function open(...[url, protocols, options]: ConstructorParameters<typeof WebSocket>) {
  const socket = new WebSocket(url, protocols, { ...quick, ...options })
  onTestFinished(() => socket.close())
  const all: string[] = []
  for (const type of ['open', 'message', 'error', 'close'])
    socket.addEventListener(type, event => {
      const { data, code, reason, wasClean } = event as Partial<MessageEvent & CloseEvent>
      const more = type === 'message' ? ` ${data}` : type === 'close' ? ` ${code} ${reason} ${wasClean}` : ''
      all.push(`${type} ${socket.readyState}${more}`)
    })
  const told = async (type: string, count = 1) => {
    while (all.filter(each => each.startsWith(type)).length < count) await heard(socket, type)
  }
  return { socket, told: Object.assign(told, { all }) }
}

function heard(
  socket: Pick<WebSocket, 'addEventListener'>,
  type: string,
): Promise<[Record<string, unknown>]> {
  return new Promise(resolve =>
    socket.addEventListener(type, event => resolve([event as never]), { once: true }),
  )
}
