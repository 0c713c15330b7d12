/** What a listener returns is the answer to a message that asks for one. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { memoryLog } from '../../server/index.ts'
import { connect, json, native, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { encode } from '../../src/wire/encoder.ts'
import { pack } from '../../src/wire/payload.ts'
import { channels, listen, parse, post, type Stand, stand, until, wait } from './harness.ts'

function question(number: number, data = `m${number}`): string {
  return encode({ id: `${number}`, re: 'answer', ...pack(data) })
}

/** What a POST of blocks is answered. */
async function told(at: Stand, session: string, body: string): Promise<unknown[]> {
  const { text } = await post(at, session, body)
  return parse(text).map(({ event, data }) => (event === 'rt.ack' ? Number(data) : JSON.parse(data ?? '')))
}

describe.each(channels)('over %s', via => {
  it('each question is answered once, in order, and asked again it is not worked again', async () => {
    const at = await stand()
    let worked = 0
    at.hub.on('message', ({ data, answer }) => (answer ? { to: data, was: ++worked } : 'nobody asked'))
    const ear = listen(at, via)
    const { session } = await ear.opened()
    const first = question(1) + encode({ id: '2', data: 'm2' })
    // The reply is lost, so the same comes again, with more behind it.
    await post(at, session, first)
    expect(await told(at, session, first + question(3))).toEqual([3])
    const found = [await ear.next('rt.answer'), await ear.next('rt.answer')]
    await at.hub.publish('x', 'the end')
    await ear.next('message')
    expect(ear.blocks.filter(({ event }) => event === 'rt.answer')).toEqual(found)
    expect(found.map(({ re, type, data }) => [re, type, data])).toEqual([
      [`1 ${session}`, 'json', '{"to":"m1","was":1}'],
      [`3 ${session}`, 'json', '{"to":"m3","was":2}'],
    ])
    expect(found.every(({ id }) => id !== undefined)).toBe(true)
  })

  it('an answer that was given while the line was cut is heard by the next one', async () => {
    const at = await stand()
    let finish = (_: unknown) => {}
    at.hub.on('message', () => new Promise(resolve => (finish = resolve)))
    const ear = listen(at, via)
    const { session } = await ear.opened()
    const id = await at.hub.publish('x', 'heard')
    await ear.next('message')
    const posted = post(at, session, question(1))
    await until(() => at.hub.stats().unhandled > 0)
    ear.close()
    finish('at last')
    await posted
    const next = listen(at, via, { 'rt.sid': session, 'rt.id': id })
    expect(await next.opened()).toMatchObject({ session, resumed: true, acked: 1 })
    expect(await next.next('rt.answer')).toMatchObject({ re: `1 ${session}`, data: 'at last' })
  })
})

describe('the answer', () => {
  it.each<[string, unknown, object]>([
    ['text', 'yes', { data: 'yes' }],
    ['bytes', Uint8Array.of(1, 2), { data: 'AQI=', encoding: 'base64' }],
    ['null', null, { data: 'null', type: 'json' }],
    ['nothing', undefined, { data: '', type: 'none' }],
  ])('may be %s, at once or as a promise', async (_, value, block) => {
    const at = await stand()
    at.hub.on('message', ({ data }) => (data === 'm1' ? value : Promise.resolve(value)))
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    expect(await told(at, session, question(1) + question(2))).toEqual([2])
    const head = { id: expect.any(String), event: 'rt.answer' }
    expect(await ear.next('rt.answer')).toEqual({ ...head, re: `1 ${session}`, ...block })
    expect(await ear.next('rt.answer')).toEqual({ ...head, re: `2 ${session}`, ...block })
  })

  it('is that of the first listener that gives one, whichever is done first', async () => {
    const at = await stand()
    at.hub.on('message', () => undefined)
    at.hub.on('message', async () => {
      await wait(20)
      return 'slow'
    })
    at.hub.on('message', () => 'quick')
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    await post(at, session, question(1))
    expect((await ear.next('rt.answer')).data).toBe('slow')
  })

  it.each<[string, unknown, object]>([
    ['what was thrown to be told', { status: 422, message: 'no room' }, { status: 422, message: 'no room' }],
    ['a fault', new Error('a fault'), { status: 500 }],
  ])('is not there where a listener threw %s, and the message is not taken', async (_, thrown, nack) => {
    const at = await stand()
    at.hub.on('error', () => {})
    at.hub.on('message', () => 'yes')
    at.hub.on('message', () => {
      throw thrown
    })
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    expect(await told(at, session, question(1))).toEqual([
      { number: 1, ...nack, message: expect.any(String) },
      1,
    ])
    await at.hub.publish('x', 'the end')
    await ear.next('message')
    expect(ear.blocks.some(({ event }) => event === 'rt.answer')).toBe(false)
  })

  it.each<[string, unknown, RegExp]>([
    ['JSON cannot hold', new Map(), /^TypeError: data: \[object Map\]/],
    ['is too large', 'x'.repeat(2 ** 20 + 1), /^RangeError: a message takes/],
  ])(
    'that %s is told as an error, and the client hears that the message was not taken',
    async (_, value, error) => {
      const at = await stand()
      const errors: unknown[] = []
      at.hub.on('error', each => errors.push(each))
      at.hub.on('message', () => value)
      const { session } = await listen(at, 'xhr-streaming').opened()
      const nack = { number: 1, status: 500, message: expect.any(String) }
      expect(await told(at, session, question(1) + encode({ id: '2', data: 'x' }))).toEqual([nack, 2])
      expect(errors.map(String)).toEqual([expect.stringMatching(error)])
    },
  )

  it.each(['at once', 'later'])('that a log fails at %s is told in the same way', async when => {
    const log = memoryLog()
    const failing = {
      ...log,
      append() {
        if (when === 'later') return Promise.reject(new Error('full'))
        throw new Error('full')
      },
    }
    const at = await stand({ log: failing })
    const errors: unknown[] = []
    at.hub.on('error', each => errors.push(each))
    at.hub.on('message', () => 'yes')
    const { session } = await listen(at, 'xhr-streaming').opened()
    expect(await told(at, session, question(1))).toEqual([
      { number: 1, status: 500, message: expect.any(String) },
      1,
    ])
    expect(errors.map(String)).toEqual(['Error: full'])
  })

  it('that comes after limits.handling is none: the client is told 504', async () => {
    const at = await stand({ limits: { handling: 50 } })
    at.hub.on('error', () => {})
    let finish = (_: unknown) => {}
    at.hub.on('message', () => new Promise(resolve => (finish = resolve)))
    const ear = listen(at, 'xhr-streaming')
    const { session } = await ear.opened()
    expect(await told(at, session, question(1))).toEqual([
      { number: 1, status: 504, message: expect.any(String) },
      1,
    ])
    finish('late')
    await at.hub.publish('x', 'the end')
    await ear.next('message')
    expect(ear.blocks.some(({ event }) => event === 'rt.answer')).toBe(false)
  })

  it.each(['websocket', 'xhr-streaming', 'long-polling'] as const)(
    'to what is worked at while the hub closes comes over %s before the goodbye',
    async via => {
      const at = await stand()
      let finish = (_: unknown) => {}
      at.hub.on('message', () => new Promise(resolve => (finish = resolve)))
      const ear = listen(at, via)
      const { session } = await ear.opened()
      const posted = post(at, session, question(1)).catch(() => {})
      await until(() => at.hub.stats().unhandled > 0)
      const closed = at.hub.close()
      finish('yes')
      expect(await ear.next('rt.answer')).toMatchObject({ re: `1 ${session}`, data: 'yes' })
      await Promise.all([closed, posted])
    },
  )
})

describe.each([
  ['websocket', websocket],
  ['fetch-streaming and POST', fetchStreaming],
])('a line over %s', (_, transport) => {
  function open({ host }: Stand, codec?: typeof json) {
    const environment = { WebSocket }
    const line = connect<Record<string, unknown>>(`http://${host}/live?topic=x`, {
      transport,
      dialect: native,
      environment,
      ...(codec && { codec }),
    })
    onTestFinished(() => line.close())
    return line
  }

  it('is given each answer as what it was', async () => {
    const at = await stand()
    at.hub.on('message', ({ data }) => data)
    at.hub.on('message', ({ event }) => (event === 'none' ? undefined : 'never'))
    const line = open(at)
    const values = [{ a: [1, null] }, 5, null, 'text', '{"a":1}', '', 'a\r\0b']
    const answers = await Promise.all(values.map(value => line.send(value, { answer: true })))
    expect(answers).toEqual(values)
    const bytes = await line.send(Uint8Array.of(1, 2), { answer: true })
    expect(bytes).toEqual(Uint8Array.of(1, 2).buffer)
  })

  it('is given undefined where nobody answers', async () => {
    const at = await stand()
    expect(await open(at).send('anybody?', { answer: true })).toBeUndefined()
    expect(await open(at, json).send('anybody?', { answer: true })).toBeUndefined()
  })

  it('hears what the application says no with', async () => {
    const at = await stand()
    at.hub.on('message', () => {
      throw { status: 422, message: 'there is no room 7' }
    })
    await expect(open(at).send('x', { answer: true })).rejects.toMatchObject({
      kind: 'declined',
      status: 422,
      message: expect.stringContaining('there is no room 7'),
    })
  })

  it('decodes answers by the codec of the page', async () => {
    const at = await stand()
    at.hub.on('message', ({ data }) => ({ to: data }))
    expect(await open(at, json).send({ a: 1 }, { answer: true })).toEqual({ to: '{"a":1}' })
  })
})
