import { describe, expect, it, vi } from 'vitest'
import { unpack } from '../../src/wire/payload.ts'
import { address, ask, channels, listen, message, post, stand, stopTime, until, wait } from './harness.ts'

describe.each(channels)('over %s', via => {
  it('begins with rt.open, whose id lets a client resume that has heard nothing', async () => {
    const at = await stand()
    const ear = listen(at, via)
    const open = await ear.opened()
    expect(open).toMatchObject({
      resumed: false,
      acked: 0,
      heartbeat: 15_000,
      spread: expect.any(Number),
      limits: { message: 1_048_576, batch: 262_144, messages: 4_000 },
    })
    expect(open.session).toMatch(/^[\w-]{22,}$/)
    expect(ear.blocks[0]).toMatchObject({
      event: 'rt.open',
      retry: 1_000,
      id: expect.stringMatching(/^[\w-]+\.0\.[\w-]+$/),
    })
  })

  it('brings what is published, in order, with its name', async () => {
    const at = await stand()
    const ear = listen(at, via)
    await ear.opened()
    const ids = [
      await at.hub.publish('x', 'one'),
      await at.hub.publish('y', 'not for us'),
      await at.hub.publish('x', '하나\n둘', { event: 'wakeup' }),
    ]
    expect(await ear.next('message')).toMatchObject({ id: ids[0], data: 'one' })
    expect(await ear.next('wakeup')).toMatchObject({ id: ids[2], data: '하나\n둘' })
  })

  it.each(['a\rb\r\nc', '\ufeffbom', 'a\0b', '𝄞', '', '\n', ' x', '\u2028<\u2029'])(
    'brings %j byte for byte',
    async text => {
      const at = await stand()
      const ear = listen(at, via)
      await ear.opened()
      await at.hub.publish('x', text)
      const { data = '', encoding } = await ear.next('message')
      expect(unpack(data, encoding)).toBe(text)
    },
  )

  it('brings bytes', async () => {
    const at = await stand()
    const ear = listen(at, via)
    await ear.opened()
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    await at.hub.publish('x', bytes.subarray(3))
    const { data = '', encoding } = await ear.next('message')
    expect(new Uint8Array(unpack(data, encoding) as ArrayBuffer)).toEqual(bytes.slice(3))
  })

  it('resumes after the id it is told', async () => {
    const at = await stand()
    const id = await at.hub.publish('x', 'heard')
    await at.hub.publish('x', 'missed')
    await at.hub.publish('y', 'not for us')
    const last = await at.hub.publish('x', 'missed too')
    const ear = listen(at, via, { 'rt.id': id })
    expect(await ear.opened()).toMatchObject({ resumed: true })
    expect(ear.blocks[0]?.id).toBe(id)
    expect(await ear.messages(2)).toEqual(['missed', 'missed too'])
    expect(ear.blocks.at(-1)?.id).toBe(last)
  })

  it('goes on after a session ended, with a new one', async () => {
    const at = await stand()
    const id = await at.hub.publish('x', 'heard')
    await at.hub.publish('x', 'missed')
    const ear = listen(at, via, { 'rt.id': id, 'rt.sid': 'nobody' })
    expect(await ear.opened()).toMatchObject({
      resumed: true,
      acked: 0,
      session: expect.not.stringMatching('nobody'),
    })
    expect(await ear.messages(1)).toEqual(['missed'])
  })

  it('tells of a gap before it goes on with what is kept', async () => {
    const at = await stand({ retain: 2 })
    const from = await at.hub.publish('x', 'heard')
    const ids = [await at.hub.publish('x', 'lost'), await at.hub.publish('x', 'kept')]
    await at.hub.publish('x', 'kept too')
    const ear = listen(at, via, { 'rt.id': from })
    expect(await ear.opened()).toMatchObject({ resumed: false })
    const gap = await ear.next('rt.gap')
    expect(JSON.parse(gap.data ?? '')).toMatchObject({ reason: 'trimmed', from, to: gap.id })
    expect(gap.id?.split('.')[1]).toBe(ids[0]?.split('.')[1])
    expect(await ear.messages(2)).toEqual(['kept', 'kept too'])
    expect(ear.blocks.map(block => block.event ?? 'message')).toEqual([
      'rt.open',
      'rt.gap',
      'message',
      'message',
    ])
  })

  it('keeps several topics in the order of publication', async () => {
    const at = await stand({ authorize: () => ['x', 'y', 'x'] })
    const start = await at.hub.publish('x', '0')
    for (let n = 1; n < 20; n++) await at.hub.publish(n % 3 ? 'x' : 'y', String(n))
    const ear = listen(at, via, { 'rt.id': start })
    await ear.messages(19)
    for (let n = 20; n < 40; n++) await at.hub.publish(n % 3 ? 'x' : 'y', String(n))
    await ear.messages(20)
    const numbers = ear.blocks.filter(({ event }) => event === undefined).map(({ data }) => Number(data))
    expect(numbers).toEqual(Array.from({ length: 39 }, (_, index) => index + 1))
  })

  it('brings a reply to that session alone', async () => {
    const at = await stand()
    at.hub.on('message', ({ data, reply }) => void reply(`you said ${data}`, { event: 'answer' }))
    const ear = listen(at, via)
    const other = listen(at, via)
    const { session } = await ear.opened()
    await other.opened()
    if (via === 'websocket') ear.send(message(1, 'hi'))
    else expect(await post(at, session, message(1, 'hi'))).toMatchObject({ status: 200 })
    expect(await ear.next('answer')).toMatchObject({ data: 'you said hi', id: expect.any(String) })
    await at.hub.publish('x', 'for all')
    expect(await other.messages(1)).toEqual(['for all'])
    expect(other.blocks.some(block => block.event === 'answer')).toBe(false)
  })

  it('keeps a reply for a session that is away', async () => {
    const at = await stand()
    const sessions: ((text: string) => unknown)[] = []
    at.hub.on('open', ({ session }) => sessions.push(session.send))
    const ear = listen(at, via)
    const { session } = await ear.opened()
    const id = ear.blocks[0]?.id
    ear.close()
    await until(() => Object.values(at.hub.stats().lines).every(count => count === 0))
    await sessions[0]?.('while you were away')
    const again = listen(at, via, { 'rt.sid': session, 'rt.id': id })
    expect(await again.opened()).toMatchObject({ session, resumed: true })
    expect(await again.messages(1)).toEqual(['while you were away'])
  })

  it('brings what is sent from within open', async () => {
    const at = await stand()
    at.hub.on('open', ({ session }) => void session.send('welcome'))
    expect(await listen(at, via).messages(1)).toEqual(['welcome'])
  })

  it('says rt.bye when the hub closes, and to come back at once, as another node may be there', async () => {
    const at = await stand()
    const ear = listen(at, via)
    await ear.opened()
    if (via === 'long-polling' || via === 'jsonp')
      await until(() => at.hub.stats().lines[via] === 1 && ear.frames.length === 1)
    await wait(20)
    await at.hub.close()
    expect(await ear.next('rt.bye')).toMatchObject({ retry: 0, data: '{"acked":0}' })
    await ear.closed
    expect(at.hub.stats()).toMatchObject({ sessions: 0, lines: { [via]: 0 } })
  })
})

it.each(['eventsource', 'xhr-streaming'] as const)(
  'proves that %s flows with a tick some time after the welcome',
  async via => {
    const time = stopTime()
    const at = await stand()
    const ear = listen(at, via)
    await ear.opened()
    await until(() => vi.getTimerCount() > 1)
    time.pass(350)
    await at.hub.publish('x', 'before')
    await ear.messages(1)
    expect(ear.blocks.map(({ event }) => event)).toEqual(['rt.open', undefined])
    time.pass(150)
    await ear.next('rt.tick')
    expect(ear.frames).toHaveLength(3)
  },
)

it('answers a bare request with a stream that any EventSource understands', async () => {
  const at = await stand()
  const ear = listen(at, 'bare')
  await ear.opened()
  const id = await at.hub.publish('x', 'plain')
  await ear.next('message')
  expect(ear.frames.at(-1)).toBe(`id: ${id}\ndata: plain\n\n`)
})

it('lets a Last-Event-ID header win over an old URL', async () => {
  const at = await stand()
  const first = await at.hub.publish('x', 'one')
  const second = await at.hub.publish('x', 'two')
  await at.hub.publish('x', 'three')
  const ear = listen(at, 'eventsource', { 'rt.id': first }, { 'last-event-id': second })
  expect(await ear.messages(1)).toEqual(['three'])
})

it.each(['eventsource', 'long-polling', 'jsonp'] as const)(
  'keeps proxies and caches out of %s',
  async via => {
    const at = await stand()
    const url = address(at, { 'rt.via': via, 'rt.cb': '_rta' })
    const headers = via === 'eventsource' ? await streamHeaders(url) : (await ask(url)).headers
    expect(headers).toMatchObject({
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    expect(headers['content-type']).toMatch(via === 'jsonp' ? /^text\/javascript/ : /^text\/event-stream/)
  },
)

async function streamHeaders(url: string): Promise<Record<string, string>> {
  const abort = new AbortController()
  const response = await fetch(url, { signal: abort.signal })
  abort.abort()
  return Object.fromEntries(response.headers)
}

it('answers a poll that has nothing to say only when there is something', async () => {
  const at = await stand()
  const first = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 0 }))
  const [id, sid] = [/^id: (.*)$/m.exec(first.text)?.[1], /"session":"(.*?)"/.exec(first.text)?.[1]]
  let answered = false
  const second = ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 1, 'rt.sid': sid, 'rt.id': id })).then(
    answer => {
      answered = true
      return answer
    },
  )
  await wait(50)
  expect(answered).toBe(false)
  await at.hub.publish('x', 'at last')
  expect((await second).text).toMatch(/^id: .*\ndata: at last\n\n$/)
})

it('tells a later poll of a gap first, without another welcome', async () => {
  const at = await stand({ retain: 1 })
  const first = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 0 }))
  const [id, sid] = [/^id: (.*)$/m.exec(first.text)?.[1], /"session":"(.*?)"/.exec(first.text)?.[1]]
  for (const text of ['lost', 'kept']) await at.hub.publish('x', text)
  const { text } = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 1, 'rt.sid': sid, 'rt.id': id }))
  expect(text).toMatch(/^event: rt\.gap\n.*\ndata: kept\n\n$/s)
  expect(text).not.toContain('rt.open')
})

it('names a new session to a later poll whose own is gone', async () => {
  const at = await stand()
  const { text } = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 7, 'rt.sid': 'gone' }))
  expect(text).toContain('event: rt.open')
})
