import { once } from 'node:events'
import type http from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createHub } from '../../server/index.ts'
import { encode } from '../../src/wire/encoder.ts'
import { address, ask, listen, message, parse, post, type Stand, stand, until, wait } from './harness.ts'
import { handshake } from './raw.ts'

const ping = encode({ event: 'rt.ping', data: '1' })
const large = 'x'.repeat(2 ** 14)

/** A connection that sends bytes as they are, and reads only what it is told to. */
async function connectTo(at: Pick<Stand, 'server'>): Promise<net.Socket> {
  const socket = net.connect((at.server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** A text frame as a client sends it. The mask is zero. */
function frame(text: string | Buffer, opcode = 1): Buffer {
  const bytes = Buffer.from(text as string)
  const { length } = bytes
  const head = Buffer.alloc(length < 126 ? 6 : length < 2 ** 16 ? 8 : 14)
  head[0] = 0x80 | opcode
  if (length < 126) head[1] = 0x80 | length
  else if (length < 2 ** 16) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  if (length >= 126) head[1] = 0x80 | (length < 2 ** 16 ? 126 : 127)
  return Buffer.concat([head, bytes])
}

/** Publishes until more waits for somebody than the systems between take. */
async function overwhelm(at: Stand): Promise<void> {
  for (let n = 0; n < 1_000; n++) {
    await at.hub.publish('x', `${n} ${large}`)
    if (n % 20 === 0) await wait(1)
  }
}

function most(read: () => number): () => number {
  let highest = 0
  const timer = setInterval(() => {
    highest = Math.max(highest, read())
  }, 1)
  onTestFinished(() => clearInterval(timer))
  return () => highest
}

describe('a client that reads nothing', () => {
  it.each(['websocket', 'xhr-streaming', 'eventsource'] as const)(
    'over %s is cut, however often it asks whether the line is alive',
    async via => {
      const at = await stand({ heartbeat: 60, retain: 5_000 })
      const unsent = most(() => at.hub.stats().unsent)
      const ear = listen(at, via)
      const { session } = await ear.opened()
      ear.pause()
      const asking = setInterval(
        () => (via === 'websocket' ? ear.send(ping) : void post(at, session, ping).catch(() => {})),
        5,
      )
      onTestFinished(() => clearInterval(asking))
      await overwhelm(at)
      await until(() => at.hub.stats().lines[via] === 0)
      expect(at.hub.stats().stuck).toBe(1)
      expect(unsent()).toBeLessThan(2 ** 21)
    },
  )

  it.each(['websocket', 'xhr-streaming'] as const)(
    'over %s is cut also where little waits for it, and it goes on asking',
    async via => {
      const at = await stand({ heartbeat: 60 })
      const ear = listen(at, via)
      const { session } = await ear.opened()
      ear.pause()
      const asking = setInterval(
        () => (via === 'websocket' ? ear.send(ping) : void post(at, session, ping).catch(() => {})),
        5,
      )
      onTestFinished(() => clearInterval(asking))
      while (at.hub.stats().unsent === 0) {
        await at.hub.publish('x', large)
        await wait(1)
      }
      expect(at.hub.stats().unsent).toBeLessThan(2 ** 18)
      await until(() => at.hub.stats().lines[via] === 0)
    },
  )

  it('gets no more answers to its questions than it can take, and then the newest', async () => {
    const at = await stand({ retain: 5_000, limits: { sendsPerSecond: 1_000_000 } })
    const unsent = most(() => at.hub.stats().unsent)
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    ear.pause()
    await overwhelm(at)
    await until(() => unsent() > 2 ** 20)
    const many = encode({ event: 'rt.ping', data: 'x'.repeat(32) }).repeat(999)
    for (let n = 1; n <= 60; n++) await post(at, session, many + encode({ event: 'rt.ping', data: `${n}` }))
    expect(at.hub.stats().unsent).toBeLessThan(2 ** 21)
    ear.resume()
    expect((await ear.next('rt.pong')).data).toBe('60')
    expect(ear.blocks.filter(({ event }) => event === undefined)).toHaveLength(1_000)
  })

  it('is not read from while much waits for it, so that what it asks for again and again does not pile up', async () => {
    const at = await stand()
    at.hub.on('message', () => {
      throw { status: 422, message: 'no'.repeat(100) }
    })
    const unsent = most(() => at.hub.stats().unsent)
    const ear = listen(at, 'websocket')
    await ear.opened()
    const all = Array.from({ length: 1_000 }, (_, index) => message(index + 1, 'x'))
    ear.send(all.join(''))
    await ear.next('rt.ack')
    ear.pause()
    // Each is answered with 1,000 refusals: 250 KB.
    for (let n = 0; n < 100; n++) ear.send(message(1))
    await until(() => at.hub.stats().unsent > 2 ** 20)
    await wait(100)
    expect(unsent()).toBeLessThan(2 ** 21)
    ear.resume()
    for (let n = 0; n < 100; n++) await ear.next('rt.ack')
  })

  it('and sends control frames without end is cut', async () => {
    const at = await stand({ heartbeat: 60 })
    const unsent = most(() => at.hub.stats().unsent)
    const socket = await connectTo(at)
    socket.pause()
    socket.write(handshake('/live?topic=x&rt.via=websocket', { Host: at.host }))
    await until(() => at.hub.stats().lines.websocket === 1)
    const many = Buffer.concat(Array.from({ length: 5_000 }, () => frame('p'.repeat(125), 9)))
    while (at.hub.stats().lines.websocket === 1) {
      socket.write(many)
      await wait(1)
    }
    expect(unsent()).toBeLessThan(2 ** 21)
  })

  it('of the answer to its poll is cut', async () => {
    const at = await stand({ heartbeat: 60, retain: 5_000 })
    const start = await at.hub.publish('x', 'start')
    await at.hub.publish('x', 'x'.repeat(2 ** 19))
    const { text } = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 0 }))
    const sid = /"session":"(.*?)"/.exec(text)?.[1]
    // A connection takes a few MB before anything waits at the server.
    const socket = await connectTo(at)
    socket.pause()
    const path = address(at, { 'rt.via': 'long-polling', 'rt.n': 1, 'rt.sid': sid, 'rt.id': start }).slice(
      `http://${at.host}`.length,
    )
    while (at.hub.stats().stuck === 0) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${at.host}\r\n\r\n`)
      await wait(5)
    }
    await until(() => at.hub.stats().lines['long-polling'] === 0)
  })

  it('of what was said last, and never closes, is cut too', async () => {
    const at = await stand({ retain: 5_000, heartbeat: 500 })
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    const open = () => new Promise<number>(resolve => at.server.getConnections((_, count) => resolve(count)))
    ear.pause()
    await overwhelm(at)
    expect(at.hub.stats().stuck).toBe(0)
    await post(at, session, encode({ event: 'rt.bye', data: '' }))
    expect(at.hub.stats()).toMatchObject({ sessions: 0, lines: { 'xhr-streaming': 0 } })
    while ((await open()) > 0) await wait(5)
    expect(at.hub.stats().stuck).toBe(1)
  })

  it('over HTTP/2 has no more waiting than over HTTP/1', async () => {
    const hub = createHub({ retain: 5_000 })
    const server = http2.createServer()
    hub.attach(server as never)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    client.on('error', () => {})
    onTestFinished(async () => {
      client.destroy()
      await hub.close()
      server.close()
    })
    const start = await hub.publish('x', 'start')
    for (let n = 0; n < 1_000; n++) await hub.publish('x', `${n} ${large}`)
    const stream = client.request({ ':path': `/live?topic=x&rt.via=xhr-streaming&rt.id=${start}` })
    stream.on('error', () => {})
    const unsent = most(() => hub.stats().unsent)
    await once(stream, 'response')
    await until(() => hub.stats().unsent > 0)
    await wait(100)
    expect(unsent()).toBeLessThan(2 ** 21)
    let heard = 0
    stream.on('data', chunk => {
      heard += chunk.length
    })
    await until(() => heard > 1_000 * 2 ** 14)
  })
})

it('a client that reads slowly, but reads, is not cut', async () => {
  const at = await stand({ heartbeat: 60, retain: 5_000 })
  const ear = listen(at, 'xhr-streaming')
  await ear.opened()
  const timer = setInterval(() => {
    ear.pause()
    setTimeout(ear.resume, 20)
  }, 40)
  onTestFinished(() => clearInterval(timer))
  await overwhelm(at)
  expect(await ear.messages(1_000)).toHaveLength(1_000)
  expect(at.hub.stats()).toMatchObject({ stuck: 0, lines: { 'xhr-streaming': 1 } })
})

/** What a hub heard, by listeners that are done when the test says so. */
function listener(at: Stand) {
  const begun: string[] = []
  let open = false
  const waiting: (() => void)[] = []
  at.hub.on('message', ({ data }) => {
    begun.push(String(data).slice(0, 20).trimEnd())
    if (!open) return new Promise<void>(resolve => waiting.push(resolve))
  })
  return {
    begun,
    finish() {
      open = true
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

describe('what waits for a slow listener', () => {
  const some = { message: 2 ** 14, batch: 2 ** 14 } // and so 64 KiB may wait
  const text = (n: number) => `m${n}`.padEnd(10_000)
  const names = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`)

  it('is no more than the bytes that may wait: a WebSocket is read on when there is room, and nothing is lost', async () => {
    const at = await stand({ limits: some })
    const { begun, finish } = listener(at)
    const held = most(() => at.hub.stats().unhandled)
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let n = 1; n <= 100; n++) ear.send(message(n, text(n)))
    await until(() => at.hub.stats().slowed > 0)
    await wait(50)
    expect(begun).toEqual(['m1'])
    expect(held()).toBeLessThanOrEqual(2 ** 16)
    finish()
    while ((await ear.next('rt.ack')).data !== '100');
    expect(begun).toEqual(names(1, 100))
    expect(at.hub.stats().unhandled).toBe(0)
  })

  it('makes a POST come again, before any of its numbers is taken', async () => {
    const at = await stand({ limits: some })
    const { begun, finish } = listener(at)
    const { session } = await listen(at, 'xhr-streaming').opened()
    const first = [1, 2, 3, 4, 5, 6].map(n => post(at, session, message(n, text(n))))
    await until(() => at.hub.stats().unhandled > 60_000)
    const refused = await post(at, session, message(7, text(7)))
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    finish()
    await Promise.all(first)
    expect((await post(at, session, message(7, text(7)))).text).toContain('data: 7')
    expect(begun).toEqual(names(1, 7))
  })

  it('counts messages too, of a POST and of a WebSocket alike', async () => {
    const at = await stand({ limits: { messages: 3 } })
    const { begun, finish } = listener(at)
    const ear = listen(at, 'websocket')
    const { session } = await ear.opened()
    for (let n = 1; n <= 9; n++) ear.send(message(n))
    await until(() => at.hub.stats().slowed > 0)
    expect(await post(at, session, message(5))).toMatchObject({ status: 503 })
    finish()
    while ((await ear.next('rt.ack')).data !== '9');
    expect(begun).toEqual(names(1, 9))
  })

  it('is also what has not arrived whole: requests and slices that never end', async () => {
    const at = await stand({ limits: some, sessionTimeout: 100, heartbeat: 60 })
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    const held = most(() => at.hub.stats().unhandled)
    const slice = 'x'.repeat(2_000)
    const up = { 'rt.via': 'jsonp', 'rt.cb': '_rts', 'rt.sid': session, 'rt.of': 9_999 }
    for (let n = 0; n < 4; n++) await ask(address(at, { ...up, 'rt.up': slice, 'rt.at': n * 2_000 }))
    expect(at.hub.stats().unhandled).toBe(8_000)
    const sockets = await Promise.all(Array.from({ length: 20 }, () => connectTo(at)))
    const head = [
      `POST /live?topic=x&rt.via=post&rt.sid=${session} HTTP/1.1`,
      `Host: ${at.host}`,
      'Content-Type: text/event-stream',
      'Content-Length: 16000',
    ]
    for (const socket of sockets) socket.write(`${head.join('\r\n')}\r\n\r\n`)
    await wait(50)
    for (const socket of sockets) socket.write(`data: ${large.slice(0, 15_000)}`)
    await until(() => at.hub.stats().refused > 10)
    expect(held()).toBeLessThanOrEqual(2 ** 16)
    for (const socket of sockets) socket.destroy()
    await until(() => at.hub.stats().unhandled === 8_000)
    expect((await post(at, session, message(1))).status).toBe(200)
    ear.close()
    await until(() => at.hub.stats().sessions === 0)
    expect(at.hub.stats().unhandled).toBe(0)
  })

  it('is also what has not arrived whole of a frame: who finds no room is told to come again', async () => {
    const at = await stand({ limits: { unhandled: 2 ** 20, unhandledInAll: 2 ** 21 } })
    const held = most(() => at.hub.stats().unhandled)
    const sockets = await Promise.all(Array.from({ length: 20 }, () => connectTo(at)))
    let heard = ''
    for (const socket of sockets) {
      socket.setEncoding('latin1').on('data', chunk => {
        heard += chunk
      })
      socket.write(handshake('/live?topic=x&rt.via=websocket', { Host: at.host }))
    }
    await until(() => at.hub.stats().lines.websocket === 20)
    const begun = frame('x'.repeat(1_000_000)).subarray(0, 300_000)
    for (const socket of sockets) socket.write(begun)
    await until(() => at.hub.stats().lines.websocket < 5)
    expect(heard).toMatch(/rt\.fail\ndata: {"status":503,"retryAfter":1/)
    expect(held()).toBeGreaterThan(2 ** 19)
    expect(held()).toBeLessThanOrEqual(2 ** 20)
    for (const socket of sockets) socket.destroy()
    await until(() => at.hub.stats().unhandled === 0)
  })

  it('is nothing once a message has come whole, however large, and whatever control frames come between', async () => {
    const at = await stand({ limits: { unhandled: 2 ** 20 } })
    const taken: number[] = []
    at.hub.on('message', ({ data }) => taken.push((data as string).length))
    const socket = await connectTo(at)
    socket.resume().write(handshake('/live?topic=x&rt.via=websocket', { Host: at.host }))
    await until(() => at.hub.stats().lines.websocket === 1)
    for (let n = 1; n <= 5; n++) {
      socket.write(frame(message(n, 'x'.repeat(900_000))))
      await until(() => taken.length === n)
      for (let time = 0; time < 10; time++) {
        for (let ping = 0; ping < 20; ping++)
          socket.write(Buffer.concat([frame('x'.repeat(100), 9), frame('x'.repeat(125), 10)]))
        await wait(1)
      }
    }
    for (let n = 0; n < 10_000; n++) socket.write(frame('x'.repeat(125), 10))
    socket.write(frame(message(6, '!')))
    await until(() => taken.length === 6)
    expect(at.hub.stats()).toMatchObject({ unhandled: 0, slowed: 0, lines: { websocket: 1 } })
  })

  it('is not begun once its session is over, and nothing of it stays', async () => {
    const at = await stand({ limits: some, sessionTimeout: 50, heartbeat: 60 })
    const { begun, finish } = listener(at)
    for (let client = 0; client < 5; client++) {
      const ear = listen(at, 'websocket')
      await ear.opened()
      for (let n = 1; n <= 50; n++) ear.send(message(n, text(n)))
      await until(() => begun.length === client + 1)
      ear.close()
    }
    await until(() => at.hub.stats().sessions === 0)
    finish()
    await until(() => at.hub.stats().unhandled === 0)
    expect(begun).toEqual(['m1', 'm1', 'm1', 'm1', 'm1'])
  })

  it('is not dropped when its client says goodbye', async () => {
    const at = await stand()
    const { begun, finish } = listener(at)
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let n = 1; n <= 5; n++) ear.send(message(n))
    ear.send(encode({ event: 'rt.bye', data: '' }))
    await until(() => begun.length > 0)
    finish()
    await ear.closed
    expect(begun).toEqual(names(1, 5))
    expect(at.hub.stats().sessions).toBe(0)
  })

  it('is not more for whoever cuts and comes again', async () => {
    const at = await stand({ limits: some, heartbeat: 60 })
    const { begun, finish } = listener(at)
    const held = most(() => at.hub.stats().unhandled)
    const { session } = await listen(at, 'xhr-streaming').opened()
    for (let time = 0; time < 20; time++) {
      const ear = listen(at, 'websocket', { 'rt.sid': session })
      await ear.opened()
      for (let n = 1; n <= 10; n++) ear.send(message(n, text(n)))
      await until(() => at.hub.stats().slowed > time)
      ear.close()
    }
    expect(held()).toBeLessThanOrEqual(2 ** 16)
    expect(begun).toEqual(['m1'])
    // Of a socket that is not read on the end is seen by what is written to it.
    await until(() => at.hub.stats().lines.websocket === 0)
    finish()
    await until(() => at.hub.stats().unhandled === 0)
    expect(begun).toEqual(names(1, 6))
  })

  it('of one address leaves room for others', async () => {
    const at = await stand({ trustProxy: true, limits: { ...some, unhandledInAll: 2 ** 17 } })
    const { finish } = listener(at)
    const held = most(() => at.hub.stats().unhandled)
    for (let client = 0; client < 10; client++) {
      const ear = listen(at, 'websocket', {}, { 'x-forwarded-for': '10.0.0.1' })
      await ear.opened()
      for (let n = 1; n <= 4; n++) ear.send(message(n, text(n)))
    }
    await until(() => at.hub.stats().slowed >= 8)
    expect(held()).toBeLessThanOrEqual(2 ** 16)
    const from = { 'x-forwarded-for': '10.0.0.2' }
    const { session } = await listen(at, 'xhr-streaming', {}, from).opened()
    void post(at, session, message(1, text(1)), from).catch(() => {})
    await until(() => at.hub.stats().unhandled > 2 ** 16)
    finish()
  })
})

describe('a listener that is not done with a message in time', () => {
  it.each(['websocket', 'xhr-streaming'] as const)(
    'is told of, the sender over %s too, and keeps the later ones from nothing',
    async via => {
      const at = await stand({ limits: { handling: 30 } })
      const errors: unknown[] = []
      at.hub.on('error', error => errors.push(error))
      at.hub.on('message', ({ data }) => (data === 'm1' ? new Promise(() => {}) : undefined))
      const ear = listen(at, via)
      const { session } = await ear.opened()
      const words = '"status":504,"message":"the application is not done with it; it may be later"}'
      if (via === 'websocket') {
        ear.send(message(1) + message(2))
        expect((await ear.next('rt.nack')).data).toBe(`{"number":1,${words}`)
        expect((await ear.next('rt.ack')).data).toBe('2')
      } else
        expect(parse((await post(at, session, message(1) + message(2))).text)).toMatchObject([
          { event: 'rt.nack', data: `{"number":1,${words}` },
          { event: 'rt.ack', data: '2' },
        ])
      expect(String(errors)).toMatch(/is not done with message 1 of session .* after 30 ms/)
      expect(at.hub.stats().overdue).toBe(1)
    },
  )
})

describe('many messages in one frame', () => {
  it.each([
    ['more of them than a POST may have', { messages: 1_000 }, 1_001],
    ['70,000 of them', {}, 70_000],
    ['more bytes than a POST of several may have', { messages: 10_000, batch: 2 ** 16 }, 5_000],
  ])('are refused when they are %s, and none is taken', async (_, limits, count) => {
    const at = await stand({ limits })
    let taken = 0
    at.hub.on('message', () => taken++)
    const ear = listen(at, 'websocket')
    await ear.opened()
    ear.send(Array.from({ length: count }, (_, index) => `id:${index + 1}\ndata\n\n`).join(''))
    expect(JSON.parse((await ear.next('rt.fail')).data ?? '')).toMatchObject({ status: 413 })
    await ear.closed
    expect(taken).toBe(0)
  })

  it.each(['one frame', 'a frame each', 'one POST'])(
    'do not keep the event loop for long: in %s',
    async how => {
      const at = await stand()
      let inTurn = 0
      const counts: number[] = []
      let turn = setImmediate(function next() {
        counts.push(inTurn)
        inTurn = 0
        turn = setImmediate(next)
      })
      onTestFinished(() => clearImmediate(turn))
      let taken = 0
      at.hub.on('message', () => {
        taken++
        inTurn++
      })
      const ear = listen(at, 'websocket')
      const { session } = await ear.opened()
      const all = Array.from({ length: 1_000 }, (_, index) => message(index + 1, ''))
      if (how === 'one frame') ear.send(all.join(''))
      else if (how === 'one POST') void post(at, session, all.join(''))
      else {
        const socket = await connectTo(at)
        socket.write(handshake(`/live?topic=x&rt.via=websocket&rt.sid=${session}`, { Host: at.host }))
        await once(socket, 'data')
        socket.write(Buffer.concat(all.map(each => frame(each))))
      }
      await until(() => taken === 1_000)
      expect(Math.max(...counts)).toBeLessThanOrEqual(250)
    },
  )
})

describe('a client that sends too much', () => {
  /** The time that the hub knows stands still. */
  function stopClock(): { goOn(): void } {
    const now = performance.now()
    const clock = vi.spyOn(performance, 'now').mockReturnValue(now)
    onTestFinished(() => clock.mockRestore())
    return { goOn: () => clock.mockRestore() }
  }

  it.each([
    ['messages', { sendsPerSecond: 100, burst: 100 }, 'x', 10],
    ['bytes', { bytesPerSecond: 100_000, burst: 100 }, 'x'.repeat(976), 10],
  ])('in %s is not read on until its time has come, and loses nothing', async (_, limits, data, count) => {
    const at = await stand({ limits })
    const taken: number[] = []
    at.hub.on('message', event => taken.push(Number(event.event)))
    const ear = listen(at, 'websocket')
    await ear.opened()
    const clock = stopClock()
    for (let n = 1; n <= 40; n++) ear.send(message(n, data, String(n)))
    await until(() => at.hub.stats().slowed > 0)
    await wait(20)
    expect(taken.length).toBeGreaterThanOrEqual(count)
    expect(taken.length).toBeLessThanOrEqual(count + 1)
    clock.goOn()
    while ((await ear.next('rt.ack')).data !== '40');
    expect(taken).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
  })

  it('in numbers that are known, or in questions, is not read on either', async () => {
    const at = await stand({ limits: { sendsPerSecond: 100, burst: 1_000 } })
    const ear = listen(at, 'websocket')
    await ear.opened()
    stopClock()
    for (let n = 0; n < 200; n++) ear.send(n % 2 ? ping : message(1))
    await until(() => at.hub.stats().slowed > 0)
    await wait(20)
    expect(ear.blocks.filter(({ event }) => event === 'rt.pong' || event === 'rt.ack').length).toBeLessThan(
      103,
    )
  })

  it('by POST is told when to come again, before a number is taken', async () => {
    const at = await stand({ limits: { sendsPerSecond: 100, burst: 2_000 } })
    const taken: unknown[] = []
    at.hub.on('message', ({ data }) => taken.push(data))
    const { session } = await listen(at, 'xhr-streaming').opened()
    const clock = stopClock()
    const all = Array.from({ length: 450 }, (_, index) => message(index + 1))
    expect(await post(at, session, all.join(''))).toMatchObject({ status: 200 })
    const refused = await post(at, session, message(451))
    expect(refused).toMatchObject({
      status: 429,
      text: 'too much is sent\n',
      headers: { 'retry-after': '3' },
    })
    expect(taken).toHaveLength(450)
    const jsonp = {
      'rt.via': 'jsonp',
      'rt.cb': '_rts',
      'rt.sid': session,
      'rt.up': 'x',
      'rt.at': 0,
      'rt.of': 9,
    }
    expect((await ask(address(at, jsonp))).text).toContain('"status\\":429,\\"retryAfter\\":3')
    clock.goOn()
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 3_001)
    expect((await post(at, session, message(451))).text).toContain('data: 451')
  })

  it('slows down nobody else', async () => {
    const at = await stand({ limits: { sendsPerSecond: 100, burst: 100 } })
    const loud = listen(at, 'websocket')
    await loud.opened()
    stopClock()
    for (let n = 1; n <= 40; n++) loud.send(message(n))
    await until(() => at.hub.stats().slowed > 0)
    const ear = listen(at, 'websocket')
    await ear.opened()
    ear.send(message(1))
    expect((await ear.next('rt.ack')).data).toBe('1')
  })
})

describe('requests that come behind others on their connection, which is then reset,', () => {
  const get = (at: Stand, via: string) =>
    `GET /live?topic=x&rt.via=${via}&rt.n=0 HTTP/1.1\r\nHost: ${at.host}\r\n\r\n`
  const kinds: [string, (at: Stand) => string][] = [
    ['streams', at => get(at, 'xhr-streaming')],
    ['polls', at => get(at, 'long-polling').replace('rt.n=0', 'rt.n=1')],
    ['polls that are answered at once', at => get(at, 'long-polling')],
    ['streams, polls and scripts', at => get(at, 'eventsource') + get(at, 'long-polling') + get(at, 'jsonp')],
    ['polls before streams', at => get(at, 'long-polling').repeat(10) + get(at, 'xhr-streaming')],
    [
      'streams before handshakes',
      at => get(at, 'xhr-streaming') + handshake('/live?topic=x&rt.via=websocket', { Host: at.host }),
    ],
  ]

  it.each(kinds)('leave no line and no session: %s', async (_, text) => {
    const at = await stand({
      sessionTimeout: 100,
      heartbeat: 60,
      authorize: async () => wait(1).then(() => ['x']),
    })
    const open = () => Object.values(at.hub.stats().lines).reduce((sum, count) => sum + count, 0)
    const sockets = await Promise.all(Array.from({ length: 8 }, () => connectTo(at)))
    for (const socket of sockets) socket.write(text(at).repeat(150))
    await until(() => open() > 0 || at.hub.stats().sessions > 0)
    await wait(50)
    for (const socket of sockets) socket.resetAndDestroy()
    await until(() => open() === 0 && at.hub.stats().sessions === 0)
  })
})

it.each(['xhr-streaming', 'long-polling'] as const)(
  'a line over %s whose end nobody tells is found out by the heartbeat',
  async via => {
    const at = await stand({ heartbeat: 60, sessionTimeout: 60 })
    let response: http.ServerResponse | undefined
    const { emit } = at.server
    at.server.emit = (name: string, ...args: unknown[]) => {
      if (name === 'request') response = args[1] as http.ServerResponse
      return Reflect.apply(emit, at.server, [name, ...args])
    }
    const ear = listen(at, via)
    await ear.opened()
    await until(() => at.hub.stats().lines[via] === 1)
    response?.removeAllListeners('close')
    ear.close()
    await until(() => at.hub.stats().sessions === 0)
    expect(at.hub.stats().lines[via]).toBe(0)
  },
)
