/** What goes by `permessage-deflate`, frame by frame: what is compressed, with what, and what is not. */
import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type HubOptions, memoryLog } from '../../server/index.ts'
import { address, message, parse, type Stand, stand } from './harness.ts'
import { dataOf, deflated, type Frame, type Tap, tap, usualOffer } from './tap.ts'

const compress = vi.hoisted(() => vi.fn())
vi.mock('node:zlib', async original => {
  const zlib = await original<typeof import('node:zlib')>()
  compress.mockImplementation(zlib.deflateRawSync)
  return { ...zlib, deflateRawSync: compress }
})

const chat = (n: number) => `message ${n} says what the one before has said already`
const burst = Array.from({ length: 40 }, (_, n) => chat(n))

async function publish(at: Stand, topic: string, texts: readonly string[] = burst): Promise<void> {
  await Promise.all(texts.map(text => at.hub.publish(topic, text)))
}

/** A line that was greeted, at a hub that compresses. */
async function line(
  compression: HubOptions['compression'],
  query = 'topic=x',
  offer: string | undefined = usualOffer,
): Promise<{ at: Stand; ear: Tap }> {
  const at = await stand({ ...(compression && { compression }) })
  const ear = await tap(at, query, offer)
  await ear.find(({ text }) => text.includes('rt.open'))
  return { at, ear }
}

const holds = (text: string) => (frame: Frame) => frame.text.includes(text)
const compressedOf = ({ frames }: Tap) => frames.filter(({ isCompressed }) => isCompressed)

describe('a burst', () => {
  it('comes in a frame that is compressed, a quarter as large', async () => {
    const { at, ear } = await line(['x'])
    expect(ear.head).toMatch(
      /^Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r$/m,
    )
    await publish(at, 'x')
    const frame = await ear.find(holds(chat(39)))
    expect(frame).toMatchObject({ isCompressed: true, opcode: 1 })
    expect(dataOf(frame)).toEqual(burst)
    expect(frame.payload.length).toBeLessThan(frame.text.length / 4)
  })

  it('is compressed once for all who hear it, whatever else each of them is told in the same frame', async () => {
    const at = await stand({ compression: true })
    const ears = await Promise.all(Array.from({ length: 5 }, () => tap(at, 'topic=x')))
    for (const ear of ears) await ear.find(holds('rt.open'))
    compress.mockClear()
    at.hub.on('message', () => publish(at, 'x'))
    const [first] = ears as [Tap]
    first.send(message(1))
    const frames = await Promise.all(ears.map(ear => ear.find(holds(chat(39)))))
    await first.find(holds('rt.ack'))
    for (const { isCompressed, payload } of frames) {
      expect(isCompressed).toBe(true)
      expect(payload.equals((frames[0] as Frame).payload)).toBe(true)
    }
    expect(compress).toHaveBeenCalledTimes(1)
  })

  it('of a topic that was not named comes as it is', async () => {
    const { at, ear } = await line(['x', 'room:*'], 'topic=x&topic=y&topic=room:1')
    await publish(at, 'y')
    expect(await ear.find(holds(chat(39)))).toMatchObject({ isCompressed: false })
    await publish(at, 'room:1', [...burst, 'of the room'])
    expect(await ear.find(holds('of the room'))).toMatchObject({ isCompressed: true })
  })

  it('of bytes that are compressed already is smaller too, as they go in base64', async () => {
    const { at, ear } = await line(true)
    await at.hub.publish('x', crypto.getRandomValues(new Uint8Array(30_000)).buffer)
    const { isCompressed, payload, text } = await ear.find(holds('enc: base64'))
    expect(isCompressed).toBe(true)
    expect(payload.length).toBeLessThan(text.length * 0.8)
  })
})

it('a lone small message goes as it is, as do many that come one by one', async () => {
  const { at, ear } = await line(true)
  for (const text of burst) {
    await at.hub.publish('x', text)
    await ear.find(holds(text))
  }
  expect(compressedOf(ear)).toEqual([])
})

describe('what one session alone is told', () => {
  it('never stands in a frame that is compressed, though it comes in the midst of what is', async () => {
    const asked: string[] = []
    const at = await stand({
      compression(topic) {
        asked.push(topic)
        return true
      },
      log: memoryLog(),
    })
    at.hub.on('message', async ({ session }) => {
      await publish(at, 'x', burst.slice(0, 20))
      await session.send(`a secret ${'s'.repeat(2_000)}`)
      await publish(at, 'x', burst.slice(20))
      return { token: 'a secret too' }
    })
    const ear = await tap(at, 'topic=x')
    await ear.find(holds('rt.open'))
    ear.send(message(1).replace('data', 're: answer\ndata'))
    await ear.find(holds('a secret too'))
    await ear.find(holds(chat(39)))
    const packed = compressedOf(ear)
    expect(packed.length).toBeGreaterThan(0)
    for (const frame of packed) {
      expect(frame.text).not.toMatch(/secret|rt\./)
      expect(parse(frame.text).map(({ event }) => event)).toEqual(dataOf(frame).map(() => undefined))
    }
    expect(ear.frames.flatMap(dataOf).filter(data => data?.startsWith('message'))).toEqual(burst)
    expect(new Set(asked)).toEqual(new Set(['x']))
  })

  it('is not compressed either as it comes back: the history is, and its greeting is not', async () => {
    const at = await stand({ compression: true })
    const first = `${await at.hub.publish('x', 'the first')}`
    await publish(at, 'x')
    const ear = await tap(at, `topic=x&rt.id=${first}`)
    const history = await ear.find(holds(chat(39)))
    expect(history).toMatchObject({ isCompressed: true })
    expect(dataOf(history)).toEqual(burst)
    const [greeting] = ear.frames
    expect(greeting).toMatchObject({ isCompressed: false })
    expect(greeting?.text).toContain('rt.open')
  })
})

describe('topics', () => {
  const mixed = Array.from({ length: 60 }, (_, n) => [n % 2 ? 'a' : 'b', chat(n)] as const)

  async function publishMixed(at: Stand): Promise<void> {
    await Promise.all(mixed.map(([topic, text]) => at.hub.publish(topic, text)))
  }

  it('are never compressed together, and in order all the same', async () => {
    const { at, ear } = await line(true, 'topic=a&topic=b')
    await publishMixed(at)
    await ear.find(holds(chat(59)))
    await publish(at, 'a')
    await publish(at, 'b')
    await ear.find(() => ear.frames.filter(holds(chat(39))).length === 3)
    expect(ear.frames.flatMap(dataOf)).toEqual([...mixed.map(([, text]) => text), ...burst, ...burst])
    expect(compressedOf(ear).map(dataOf)).toEqual([burst, burst])
  })

  it('are compressed together where a function gives the same text for them', async () => {
    const { at, ear } = await line(topic => topic !== 'c' && 'prices', 'topic=a&topic=b&topic=c')
    await publishMixed(at)
    const frame = await ear.find(holds(chat(59)))
    expect(frame).toMatchObject({ isCompressed: true })
    expect(dataOf(frame)).toHaveLength(60)
    await publish(at, 'c', [...burst, 'of c'])
    expect(await ear.find(holds('of c'))).toMatchObject({ isCompressed: false })
  })

  it('are not mixed up by a text that is the name of another one', async () => {
    const { at, ear } = await line(topic => (topic === 'a' ? 'b' : true), 'topic=a&topic=b')
    await publishMixed(at)
    await ear.find(holds(chat(59)))
    expect(compressedOf(ear)).toEqual([])
  })

  it('of which the function throws are told as an error, and go as they are', async () => {
    const { at, ear } = await line(() => {
      throw new Error('not decided')
    })
    const told = vi.fn()
    at.hub.on('error', told)
    await publish(at, 'x')
    expect(await ear.find(holds(chat(39)))).toMatchObject({ isCompressed: false })
    expect(told).toHaveBeenCalledWith(new Error('not decided'))
  })
})

describe('a client', () => {
  it.each([
    ['offers nothing', undefined],
    ['offers another extension', 'x-webkit-deflate-frame'],
    ['asks for a smaller window', 'permessage-deflate; server_max_window_bits=10'],
    ['offers what is no extension', 'permessage-deflate; server_max_window_bits=99; a=b'],
    ['offers what takes long to read', `permessage-deflate${'; a'.repeat(4_000)}${' '.repeat(1_000)};`],
    ['names what every object has', 'constructor; hasOwnProperty=1, __proto__'],
  ])('that %s has no compression, and misses nothing', async (_, offer) => {
    const at = await stand({ compression: true })
    const ear = await tap(at, 'topic=x', offer ?? '')
    await ear.find(holds('rt.open'))
    expect(ear.head).not.toContain('Sec-WebSocket-Extensions')
    await publish(at, 'x')
    const frame = await ear.find(holds(chat(39)))
    expect(frame).toMatchObject({ isCompressed: false })
    expect(dataOf(frame)).toEqual(burst)
  })

  it.each(['permessage-deflate', 'permessage-deflate; server_max_window_bits=10, permessage-deflate'])(
    'that offers "%s" has it',
    async offer => {
      const { at, ear } = await line(true, 'topic=x', offer)
      await publish(at, 'x')
      expect(await ear.find(holds(chat(39)))).toMatchObject({ isCompressed: true })
    },
  )

  it('of a hub that compresses nothing is offered nothing', async () => {
    const { at, ear } = await line(undefined)
    expect(ear.head).not.toContain('Sec-WebSocket-Extensions')
    await publish(at, 'x')
    expect(await ear.find(holds(chat(39)))).toMatchObject({ isCompressed: false })
  })

  it('that is `ws` itself hears all in order, of bursts and lone ones, and is answered in between', async () => {
    const at = await stand({ compression: true })
    at.hub.on('message', ({ data }) => publish(at, 'x', [`${data}`]))
    const ws = new WebSocket(address(at, { 'rt.via': 'websocket' }).replace('http', 'ws'), {
      perMessageDeflate: { threshold: 0 },
    })
    onTestFinished(() => ws.terminate())
    const heard: (string | undefined)[] = []
    const all = new Promise<void>(resolve => {
      ws.on('message', text => {
        heard.push(...dataOf({ text: String(text) }))
        if (heard.at(-1) === 'the end') resolve()
      })
    })
    await once(ws, 'message')
    const expected: string[] = []
    for (let round = 0; round < 20; round++) {
      const texts = burst.slice(0, 1 + ((round * 13) % 40)).map(text => `${round}: ${text}`)
      expected.push(...texts)
      ws.ping()
      await publish(at, 'x', texts)
      const before = heard.length
      ws.send(message(round + 1, `up ${round} ${'u'.repeat(round * 100)}`))
      expected.push(`up ${round} ${'u'.repeat(round * 100)}`)
      while (heard.length === before || !heard.at(-1)?.startsWith('up')) await once(ws, 'message')
    }
    await publish(at, 'x', ['the end'])
    await all
    expect(heard).toEqual([...expected, 'the end'])
  })

  it('is told nothing more behind the frame that closes', async () => {
    const { at, ear } = await line(true)
    const published = publish(at, 'x')
    at.hub.disconnect({ topic: 'x' })
    await published
    await publish(at, 'x', [...burst, 'too late'])
    await ear.find(({ opcode }) => opcode === 8)
    expect(ear.frames.at(-1)).toMatchObject({ opcode: 8 })
    expect(ear.frames.some(holds('too late'))).toBe(false)
  })

  it('that is cut in the midst of it goes on after what it heard', async () => {
    const at = await stand({ compression: true })
    const ear = await tap(at, 'topic=x')
    await ear.find(holds('rt.open'))
    await publish(at, 'x')
    const frame = await ear.find(holds(chat(39)))
    const half = parse(frame.text)[19]?.id
    ear.socket.destroy()
    const again = await tap(at, `topic=x&rt.id=${half}`)
    await again.find(holds(chat(39)))
    expect(again.frames.flatMap(dataOf)).toEqual(burst.slice(20))
  })
})

describe('what comes up', () => {
  it('is taken, compressed or not, whole or in fragments', async () => {
    const { at, ear } = await line(true)
    const taken: unknown[] = []
    at.hub.on('message', ({ data }) => void taken.push(data))
    const long = 'long '.repeat(2_000)
    ear.send(deflated(message(1, 'one')), { isCompressed: true })
    ear.send(message(2, 'two'))
    ear.send(deflated(message(3, long)), { isCompressed: true })
    const bytes = deflated(message(4, `${long}in fragments`))
    ear.send(bytes.subarray(0, 9), { isCompressed: true, isLast: false })
    ear.send(bytes.subarray(9, 20), { isFirst: false, isLast: false })
    ear.send(bytes.subarray(20), { isFirst: false })
    ear.send(deflated(message(5, '')), { isCompressed: true })
    await ear.find(holds('rt.ack\ndata: 5'))
    expect(taken).toEqual(['one', 'two', long, `${long}in fragments`, ''])
  })

  it.each([
    ['whole', [1]],
    ['in fragments', [0.5, 1]],
  ])('and inflates to more than a message may have is refused, %s', async (_, cuts) => {
    const limits = { message: 100_000, batch: 10_000 }
    const at = await stand({ compression: true, limits })
    const ear = await tap(at, 'topic=x')
    await ear.find(holds('rt.open'))
    const bomb = deflated('x'.repeat(10_000_000))
    expect(bomb.length).toBeLessThan(limits.batch)
    let from = 0
    for (const share of cuts as number[]) {
      const to = Math.floor(bomb.length * share)
      ear.send(bomb.subarray(from, to), {
        isCompressed: from === 0,
        isFirst: from === 0,
        isLast: share === 1,
      })
      from = to
    }
    const { payload } = await ear.find(({ opcode }) => opcode === 8)
    expect(payload.readUInt16BE(0)).toBe(1009)
    await ear.closed
    expect(at.hub.stats().unhandled).toBe(0)
  })

  it('and has more messages than it may is refused like one that was not compressed', async () => {
    const { at, ear } = await line(true)
    const many = Array.from({ length: 4_001 }, (_, n) => message(n + 1)).join('')
    ear.send(deflated(many), { isCompressed: true })
    const { text } = await ear.find(holds('rt.fail'))
    expect(text).toContain('413')
    ear.socket.destroy()
    await vi.waitFor(() => expect(at.hub.stats().unhandled).toBe(0))
  })

  it('and is nothing that was compressed ends the socket', async () => {
    const { ear } = await line(true)
    ear.send(Buffer.from('nothing of the kind'), { isCompressed: true })
    const { payload } = await ear.find(({ opcode }) => opcode === 8)
    expect(payload.readUInt16BE(0)).toBe(1007)
  })

  it('and waits for its turn is held as what it has become: more than there is room for ends the line', async () => {
    const at = await stand({ compression: true, limits: { sendsPerSecond: 1, burst: 1_000 } })
    let finish = () => {}
    const working = new Promise<void>(resolve => {
      finish = resolve
    })
    at.hub.on('message', () => working)
    const ear = await tap(at, 'topic=x')
    await ear.find(holds('rt.open'))
    const large = (n: number) => deflated(message(n, 'x'.repeat(1_000_000)))
    // All of them are few bytes that come at once; what is taken has no room for the fifth.
    ear.socket.cork()
    for (let n = 1; n <= 10; n++) ear.send(large(n), { isCompressed: true })
    ear.socket.uncork()
    const { text } = await ear.find(holds('rt.fail'))
    expect(text).toContain('503')
    expect(at.hub.stats().unhandled).toBeLessThanOrEqual(2 ** 22)
    finish()
  })

  it('gives back what it held when the line goes', async () => {
    const at = await stand({ compression: true, limits: { sendsPerSecond: 1, burst: 1_000 } })
    const ear = await tap(at, 'topic=x')
    await ear.find(holds('rt.open'))
    for (let n = 1; n <= 4; n++) ear.send(deflated(message(n, 'x'.repeat(900_000))), { isCompressed: true })
    await vi.waitFor(() => expect(at.hub.stats().unhandled).toBeGreaterThan(900_000))
    ear.socket.destroy()
    await vi.waitFor(() => expect(at.hub.stats().unhandled).toBe(0))
  })
})
