import http from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import type { HubOptions } from '../../server/index.ts'
import { encode } from '../../src/wire/encoder.ts'
import { pack } from '../../src/wire/payload.ts'
import {
  address,
  ask,
  called,
  type Ear,
  listen,
  message,
  parse,
  post,
  type Stand,
  stand,
  until,
  wait,
} from './harness.ts'
import { head, raw } from './raw.ts'

interface Talk extends Stand {
  ear: Ear
  session: string
  taken: unknown[]
}

async function talk(
  via: 'websocket' | 'xhr-streaming' | 'long-polling' | 'jsonp' = 'xhr-streaming',
  options: HubOptions = {},
): Promise<Talk> {
  const at = await stand(options)
  const taken: unknown[] = []
  at.hub.on('message', ({ data }) => taken.push(data))
  const ear = listen(at, via)
  const { session } = await ear.opened()
  return { ...at, ear, session, taken }
}

describe('what is taken can be published, since it is as long on the way down', () => {
  const largest = 2 ** 20
  /** As our own client writes it: as much of a text as a message may have. */
  const whole = (unit: string, each: number) => unit.repeat(Math.floor((largest - 200) / each))

  it.each([
    ['text', whole('x', 1)],
    ['newlines', whole('\n', 7)],
    ['text that is escaped', whole('\r\0', 4)],
    ['bytes', new Uint8Array(Math.floor(((largest - 200) * 3) / 4))],
  ])('of %s', async (_, data) => {
    const at = await talk('websocket')
    const failures = vi.fn()
    at.hub.on('error', failures)
    at.hub.on('message', ({ data, reply }) => void reply(data))
    at.ear.send(encode({ id: '1', ...pack(data) }))
    expect((await at.ear.next('message')).data).toBe(pack(data).data)
    expect(failures).not.toHaveBeenCalled()
  })

  it.each([
    ['lines that we would write longer', 413, `id: 1\n${'data:\n'.repeat(170_000)}\n`],
    [
      'a value that we would write longer',
      413,
      `id: 1\ntype: json\ndata: [1e20${',1e20'.repeat(100_000)}]\n\n`,
    ],
    ['text that we would escape', 413, `id: 1\ndata: ${'\0'.repeat(600_000)}\n\n`],
    ['a name that no block can have', 400, 'id: 1\nevent: a\0b\ndata: x\n\n'],
  ])('not %s, which are refused', async (_, status, body) => {
    const at = await talk()
    expect(await post(at, at.session, body)).toMatchObject({ status })
    expect(at.taken).toEqual([])
    expect(await post(at, at.session, message(1))).toMatchObject({ status: 200 })
  })
})

it.each(['websocket', 'long-polling'] as const)(
  'a message that limits.message allows beyond what can be published is taken over %s, and listeners are told',
  async via => {
    const at = await talk(via, { limits: { message: 2 ** 22 } })
    const data = 'x\n'.repeat(2 ** 18)
    const body = encode({ id: '1', data })
    if (via === 'websocket') at.ear.send(body)
    else expect(await post(at, at.session, body)).toMatchObject({ status: 200 })
    await until(() => at.taken.length === 1)
    expect(at.taken).toEqual([data])
  },
)

describe('a POST', () => {
  it('takes its messages in order and acknowledges the last', async () => {
    const at = await talk()
    const answer = await post(at, at.session, message(1) + message(2) + message(3))
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': expect.stringMatching(/^text\/event-stream/) },
    })
    expect(parse(answer.text)).toMatchObject([{ event: 'rt.ack', data: '3' }])
    expect(at.taken).toEqual(['m1', 'm2', 'm3'])
  })

  it('that comes again is acknowledged again and taken once', async () => {
    const at = await talk()
    const [first, second] = await Promise.all([
      post(at, at.session, message(1)),
      post(at, at.session, message(1)),
    ])
    expect([first.text, second.text]).toEqual(['event: rt.ack\ndata: 1\n\n', 'event: rt.ack\ndata: 1\n\n'])
    expect((await post(at, at.session, message(1) + message(2))).text).toContain('data: 2')
    expect(at.taken).toEqual(['m1', 'm2'])
  })

  it('that skips a number is answered 409 with the last that was taken', async () => {
    const at = await talk()
    const answer = await post(at, at.session, message(1) + message(3) + message(4))
    expect(answer).toMatchObject({ status: 409, text: 'event: rt.ack\ndata: 1\n\n' })
    expect(at.taken).toEqual(['m1'])
  })

  it('to an unknown session is answered 404', async () => {
    expect(await post(await stand(), 'nobody', message(1))).toMatchObject({ status: 404 })
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'text/event-streams',
    '',
  ])('of type %j is answered 415, since a form could have sent it', async type => {
    const at = await talk()
    expect(await post(at, at.session, message(1), { 'content-type': type })).toMatchObject({ status: 415 })
    expect(at.taken).toEqual([])
  })

  it('of an event stream with a charset is taken', async () => {
    const at = await talk()
    const type = 'Text/Event-Stream; charset=utf-8'
    expect(await post(at, at.session, message(1, '하나'), { 'content-type': type })).toMatchObject({
      status: 200,
    })
    expect(at.taken).toEqual(['하나'])
  })

  it.each(['1.5', '-1', '1e3', '9007199254740993', '0', '01', ' 1', '١', 'x', ''])(
    'with the number %j is answered 400 and nothing of it is taken',
    async number => {
      const at = await talk()
      expect(await post(at, at.session, `${message(1)}id: ${number}\ndata: x\n\n`)).toMatchObject({
        status: 400,
      })
      expect(at.taken).toEqual([])
    },
  )

  it.each([
    ['without a number', 'data: x\n\n'],
    ['without data', 'id: 1\n\n'],
    ["with a name of the protocol's own", 'id: 1\nevent: rt.open\ndata: x\n\n'],
    ['in an unknown encoding', 'id: 1\nenc: rot13\ndata: x\n\n'],
    ['that is no base64', 'id: 1\nenc: base64\ndata: &\n\n'],
    ['that is no JSON', 'id: 1\ntype: json\ndata: {\n\n'],
    ['of a number that nobody can write again', 'id: 1\ntype: json\ndata: [1e999]\n\n'],
    [
      'nested beyond what can be written again',
      `id: 1\ntype: json\ndata: ${'['.repeat(5e5)}${']'.repeat(5e5)}\n\n`,
    ],
  ])('with a message %s is answered 400', async (_, body) => {
    const at = await talk()
    expect(await post(at, at.session, body)).toMatchObject({ status: 400 })
  })

  it('leaves out a half block at its end', async () => {
    const at = await talk()
    expect(await post(at, at.session, `${message(1)}id: 2\ndata: half`)).toMatchObject({
      text: 'event: rt.ack\ndata: 1\n\n',
    })
  })

  it('of one message may be as long as a message, of several only as a batch', async () => {
    const at = await talk('xhr-streaming', { limits: { message: 10_000, batch: 1_000 } })
    const large = 'x'.repeat(9_000)
    expect(await post(at, at.session, message(1, large))).toMatchObject({ status: 200 })
    expect(await post(at, at.session, message(2, large) + message(3))).toMatchObject({ status: 413 })
    expect(await post(at, at.session, message(2, 'x'.repeat(10_000)))).toMatchObject({ status: 413 })
    expect(await post(at, at.session, message(2))).toMatchObject({ status: 200 })
  })

  it('of too many messages is answered 413', async () => {
    const at = await talk()
    const all = Array.from({ length: 4_001 }, (_, index) => message(index + 1))
    expect(await post(at, at.session, all.join(''))).toMatchObject({ status: 413 })
    expect(await post(at, at.session, all.slice(0, 4_000).join(''))).toMatchObject({ status: 200 })
  })

  it('of 8 MB of newlines is cut early with 413', async () => {
    const at = await talk()
    const url = address(at, { 'rt.via': 'post', 'rt.sid': at.session })
    const request = http.request(url, {
      method: 'POST',
      headers: { 'content-type': 'text/event-stream' },
      agent: false,
    })
    const status = new Promise(resolve =>
      request.once('response', response => resolve(response.resume().statusCode)),
    )
    request.on('error', () => {})
    for (let sent = 0; sent < 8; sent++) request.write('\n'.repeat(2 ** 20)) // and no end
    expect(await status).toBe(413)
  })

  it('that announces too much is answered before it comes', async () => {
    const at = await talk()
    const { pathname, search } = new URL(address(at, { 'rt.via': 'post', 'rt.sid': at.session }))
    const says = ['Content-Type: text/event-stream', `Content-Length: ${2 ** 20 + 1}`, `Host: ${at.host}`]
    const asked = `POST ${pathname}${search} HTTP/1.1\r\n${says.join('\r\n')}\r\n\r\n`
    expect(await raw(at.host, asked, head)).toMatch(/^HTTP\/1\.1 413 /)
  })

  it('that breaks off is not taken', async () => {
    const at = await talk()
    const url = address(at, { 'rt.via': 'post', 'rt.sid': at.session })
    const headers = { 'content-type': 'text/event-stream', 'content-length': '1000' }
    const request = http.request(url, { method: 'POST', headers, agent: false }).on('error', () => {})
    request.write(message(1))
    await wait(30)
    request.destroy()
    expect((await post(at, at.session, message(1, 'again'))).text).toContain('data: 1')
    expect(at.taken).toEqual(['again'])
  })

  it('is acknowledged when the application is done with it, one message after the other', async () => {
    const at = await stand()
    const steps: string[] = []
    at.hub.on('message', async ({ data }) => {
      steps.push(`${data} begins`)
      await wait(20)
      steps.push(`${data} ends`)
    })
    const { session } = await listen(at, 'xhr-streaming').opened()
    const first = post(at, session, message(1)).then(() => steps.push('1 is acknowledged'))
    await until(() => steps.length > 0)
    await Promise.all([first, post(at, session, message(2))])
    expect(steps.filter(step => step !== '1 is acknowledged')).toEqual([
      'm1 begins',
      'm1 ends',
      'm2 begins',
      'm2 ends',
    ])
    expect(steps.indexOf('1 is acknowledged')).toBeGreaterThan(steps.indexOf('m1 ends'))
  })

  it('of which a listener fails at one message is told so, all listeners are called, and the failures are reported', async () => {
    const at = await stand()
    const errors: unknown[] = []
    const heard: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    at.hub.on('message', ({ data }) => {
      if (data === 'm2') throw new Error('at once')
    })
    at.hub.on('message', async ({ data }) => {
      if (data === 'm2') throw new TypeError('later')
    })
    at.hub.on('message', ({ data }) => heard.push(data))
    const { session } = await listen(at, 'xhr-streaming').opened()
    const answer = await post(at, session, message(1) + message(2) + message(3))
    expect(parse(answer.text)).toMatchObject([
      { event: 'rt.nack', data: '{"number":2,"status":500,"message":"the server failed"}' },
      { event: 'rt.ack', data: '3' },
    ])
    expect(errors.map(error => (error as Error).message)).toEqual(['at once', 'later'])
    expect(heard).toEqual(['m1', 'm2', 'm3'])
  })

  it('is answered with the words that a listener throws, the first of them, and again when it comes again', async () => {
    const at = await stand()
    const errors: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    at.hub.on('message', async ({ data }) => {
      if (data === 'm1') throw { status: 422, message: 'no room' }
      if (data === 'm2') throw Object.assign(new Error('too fast'), { status: 429 })
    })
    at.hub.on('message', () => wait(5).then(() => Promise.reject({ status: 418, message: 'a teapot' })))
    const { session } = await listen(at, 'xhr-streaming').opened()
    const said = [
      { event: 'rt.nack', data: '{"number":1,"status":422,"message":"no room"}' },
      { event: 'rt.nack', data: '{"number":2,"status":429,"message":"too fast"}' },
      { event: 'rt.nack', data: '{"number":3,"status":418,"message":"a teapot"}' },
      { event: 'rt.ack', data: '3' },
    ]
    const body = message(1) + message(2) + message(3)
    for (let time = 0; time < 2; time++)
      expect(parse((await post(at, session, body)).text)).toMatchObject(said)
    expect(errors).toEqual([])
  })

  it('whose messages were refused is not told by another answer that they were taken', async () => {
    const at = await stand()
    at.hub.on('message', ({ data }) => {
      if (data === 'm2') throw { status: 422, message: 'no' }
    })
    const { session } = await listen(at, 'xhr-streaming').opened()
    await post(at, session, message(1) + message(2) + message(3))
    const again = listen(at, 'eventsource', { 'rt.sid': session })
    expect((await again.opened()).acked).toBe(1)
    expect((await post(at, session, encode({ event: 'rt.ping', data: '' }))).text).toBe(
      'event: rt.ack\ndata: 1\n\n',
    )
    // That a later number comes does not say that this one was heard of.
    expect((await post(at, session, message(4))).text).toBe('event: rt.ack\ndata: 4\n\n')
    expect((await listen(at, 'eventsource', { 'rt.sid': session }).opened()).acked).toBe(1)
  })

  it('that nobody listens to any more fails at no listener', async () => {
    const at = await stand()
    at.hub.on('message', () => {
      throw new Error('gone')
    })()
    const { session } = await listen(at, 'xhr-streaming').opened()
    expect((await post(at, session, message(1))).text).toBe('event: rt.ack\ndata: 1\n\n')
  })

  it('carries bytes and any text', async () => {
    const at = await talk()
    const body = ['a\rb', Uint8Array.of(0, 255), '𝄞\0'].map((data, index) =>
      encode({ id: `${index + 1}`, ...pack(data) }),
    )
    await post(at, at.session, body.join(''))
    expect(at.taken).toEqual(['a\rb', Uint8Array.of(0, 255).buffer, '𝄞\0'])
  })

  it('is answered 403 by those who may not send', async () => {
    const at = await talk('xhr-streaming', { authorize: () => ({ topics: ['x'], send: false }) })
    expect(await post(at, at.session, message(1))).toMatchObject({ status: 403 })
    expect(at.taken).toEqual([])
  })

  it('that pings is answered with a pong on the newest channel', async () => {
    const at = await talk()
    const newest = listen(at, 'eventsource', { 'rt.sid': at.session })
    await newest.opened()
    await post(at, at.session, encode({ event: 'rt.ping', data: '' }))
    await newest.next('rt.pong')
    expect(at.ear.blocks.some(block => block.event === 'rt.pong')).toBe(false)
  })

  it('that pings with a number hears it again, up to 32 characters', async () => {
    const at = await talk()
    await post(at, at.session, encode({ event: 'rt.ping', data: '17' }))
    expect(await at.ear.next('rt.pong')).toMatchObject({ data: '17' })
    await post(at, at.session, encode({ event: 'rt.ping', data: 'x'.repeat(1_000) }))
    const pongs = () => at.ear.blocks.filter(block => block.event === 'rt.pong').map(({ data }) => data)
    await vi.waitFor(() => expect(pongs()).toEqual(['17', 'x'.repeat(32)]), { timeout: 30_000 })
  })

  it('that pings between two polls is answered with a pong in the next', async () => {
    const at = await talk()
    const first = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 0 }))
    const [id, sid] = [
      /^id: (.*)$/m.exec(first.text)?.[1] as string,
      /"session":"(.*?)"/.exec(first.text)?.[1] as string,
    ]
    await post(at, sid, encode({ event: 'rt.ping', data: '' }))
    const next = await ask(address(at, { 'rt.via': 'long-polling', 'rt.n': 1, 'rt.sid': sid, 'rt.id': id }))
    expect(parse(next.text)).toMatchObject([{ event: 'rt.pong' }])
  })
})

describe('a WebSocket', () => {
  it('takes messages, several in a frame, and acknowledges the last', async () => {
    const at = await talk('websocket')
    at.ear.send(message(1) + message(2))
    expect(await at.ear.next('rt.ack')).toMatchObject({ data: '2' })
    at.ear.send(message(2) + message(3))
    expect(await at.ear.next('rt.ack')).toMatchObject({ data: '3' })
    expect(at.taken).toEqual(['m1', 'm2', 'm3'])
  })

  it('answers a number that is too high with the last that was taken', async () => {
    const at = await talk('websocket')
    at.ear.send(message(5))
    expect(await at.ear.next('rt.ack')).toMatchObject({ data: '0' })
    expect(at.taken).toEqual([])
  })

  it('answers a ping with a pong', async () => {
    const at = await talk('websocket')
    at.ear.send(encode({ event: 'rt.ping', data: '' }))
    await at.ear.next('rt.pong')
  })

  it('tells of each message that was refused before it acknowledges those after it', async () => {
    const at = await stand({ limits: { messages: 10 } })
    at.hub.on('message', async ({ data }) => {
      await wait(1)
      if (Number(String(data).slice(1)) % 2) throw { status: 422, message: 'odd' }
    })
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let n = 1; n <= 5; n++) ear.send(message(n))
    await until(() => ear.blocks.some(({ event, data }) => event === 'rt.ack' && data === '5'))
    const refused = new Set<number>()
    for (const { event, data = '' } of ear.blocks) {
      if (event === 'rt.nack') refused.add(JSON.parse(data).number)
      if (event === 'rt.ack') expect([...refused]).toEqual([1, 3, 5].slice(0, Math.ceil(Number(data) / 2)))
    }
    expect(at.hub.stats().messages).toBe(0)
  })

  it('keeps no more refusals than messages may be unanswered', async () => {
    const at = await stand({ limits: { messages: 3 } })
    at.hub.on('message', () => {
      throw { status: 422, message: 'no' }
    })
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let n = 1; n <= 9; n++) {
      ear.send(message(n))
      await ear.next('rt.ack')
    }
    const seen = ear.blocks.length
    ear.send(message(1))
    await ear.next('rt.ack')
    const numbers = ear.blocks.slice(seen).map(({ data = '' }) => JSON.parse(data).number ?? JSON.parse(data))
    expect(numbers).toEqual([7, 8, 9, 9])
  })

  it('takes each number once, over whichever channel it comes first', async () => {
    const at = await talk('websocket')
    at.ear.send(message(1))
    await post(at, at.session, message(1) + message(2))
    at.ear.send(message(2) + message(3))
    while ((await at.ear.next('rt.ack')).data !== '3');
    expect(at.taken).toEqual(['m1', 'm2', 'm3'])
  })

  it('ignores blocks of the protocol that it does not know', async () => {
    const at = await talk('websocket')
    at.ear.send(`event: rt.future\ndata: x\n\nretry: 5\n\n: comment\n\n${message(1)}`)
    expect(await at.ear.next('rt.ack')).toMatchObject({ data: '1' })
  })

  it.each([
    ['a malformed number', 400, 'id: x\ndata: x\n\n'],
    ['a message that is too large', 413, message(1, 'x'.repeat(1_000))],
  ])('says what is wrong with %s, and ends', async (_, status, frame) => {
    const at = await talk('websocket', { limits: { message: 500 } })
    at.ear.send(frame)
    expect(JSON.parse((await at.ear.next('rt.fail')).data ?? '')).toMatchObject({ status })
    await at.ear.closed
  })

  it('is not read on while listeners are behind', async () => {
    const at = await stand({ limits: { messages: 2 } })
    let handled = 0
    let seen = 0
    at.hub.on('message', async () => {
      seen = Math.max(seen, ++handled)
      await wait(1)
    })
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let n = 1; n <= 50; n++) ear.send(message(n))
    while ((await ear.next('rt.ack')).data !== '50');
    expect(seen).toBe(50)
  })
})

describe('JSONP', () => {
  const slice = async (
    at: Talk,
    up: string,
    offset: number | string,
    of: number | string,
    sid = at.session,
  ) =>
    called(
      (
        await ask(
          address(at, {
            'rt.via': 'jsonp',
            'rt.cb': '_rts',
            'rt.sid': sid,
            'rt.up': up,
            'rt.at': offset,
            'rt.of': of,
          }),
        )
      ).text,
    )

  it('takes a body that comes in one slice', async () => {
    const at = await talk('long-polling')
    const body = message(1, '한 & 두 + %')
    expect(await slice(at, body, 0, body.length)).toBe('event: rt.ack\ndata: 1\n\n')
    expect(at.taken).toEqual(['한 & 두 + %'])
  })

  it('puts slices together, whatever comes twice, too far or anew', async () => {
    const at = await talk('long-polling')
    const body = message(1, '0123456789')
    const part = (from: number, to: number) => slice(at, body.slice(from, to), from, body.length)
    expect(await part(0, 5)).toContain('data: 0')
    expect(await part(0, 7)).toContain('data: 0') // anew
    expect(await part(9, 12)).toContain('data: 0') // beyond the end
    expect(await part(7, 10)).toContain('data: 0')
    expect(await part(7, 10)).toContain('data: 0') // twice
    expect(await part(10, body.length)).toContain('data: 1')
    expect(await part(10, body.length)).toContain('data: 1') // its answer was lost
    expect(at.taken).toEqual(['0123456789'])
  })

  it.each([
    [400, 'x', 'one', 5],
    [400, 'x', 0, -1],
    [400, 'xxx', 0, 2],
    [413, 'x', 0, 2 ** 20 + 1],
    [400, 'id: x\ndata: x\n\n', 0, 15],
  ])(
    'is told %i, where a script shows no status, for slice %j at %s of %s',
    async (status, up, offset, of) => {
      const at = await talk('long-polling')
      const [fail] = parse(await slice(at, up, offset, of))
      expect(fail?.event).toBe('rt.fail')
      expect(JSON.parse(fail?.data ?? '')).toMatchObject({ status })
    },
  )

  it('is told of a message that was refused when the whole body is there, and not by a slice before', async () => {
    const at = await talk('long-polling')
    at.hub.on('message', () => {
      throw { status: 422, message: 'no' }
    })
    const body = message(1)
    const part = (from: number, to: number) => slice(at, body.slice(from, to), from, body.length)
    const said =
      'event: rt.nack\ndata: {"number":1,"status":422,"message":"no"}\n\nevent: rt.ack\ndata: 1\n\n'
    for (let time = 0; time < 2; time++) {
      expect(await part(0, 5)).toBe('event: rt.ack\ndata: 0\n\n')
      expect(await part(5, body.length)).toBe(said)
    }
  })

  it('is told 404 when the session is unknown', async () => {
    const at = await talk('long-polling')
    expect(await slice(at, 'x', 0, 5, 'nobody')).toContain('"status":404')
  })
})

describe('a goodbye', () => {
  const bye = 'event: rt.bye\ndata: \n\n'
  const leave = async (at: Talk, via: string, text: string) => {
    if (via === 'websocket') at.ear.send(text)
    else if (via === 'jsonp') {
      const up = { 'rt.via': 'jsonp', 'rt.cb': '_rts', 'rt.sid': at.session, 'rt.up': text }
      await ask(address(at, { ...up, 'rt.at': 0, 'rt.of': text.length }))
    } else await post(at, at.session, text)
  }

  it.each(['websocket', 'xhr-streaming', 'long-polling', 'jsonp'] as const)(
    'over %s ends the session at once, after the messages before it',
    async via => {
      const at = await talk(via)
      const heard: string[] = []
      at.hub.on('message', async ({ data }) => {
        await wait(5)
        heard.push(String(data))
      })
      at.hub.on('close', ({ session }) => heard.push(session.id))
      await leave(at, via, message(1) + bye)
      await until(() => heard.length === 2)
      expect(heard).toEqual(['m1', at.session])
      await at.ear.closed
      expect(at.hub.stats().sessions).toBe(0)
      if (via === 'websocket') expect(await at.ear.next('rt.ack')).toMatchObject({ data: '1' })
      expect(await post(at, at.session, message(2))).toMatchObject({ status: 404 })
    },
  )

  it.each<[data: string, code: number | undefined, reason: string | undefined]>([
    ['', undefined, undefined],
    ['{"code":4001,"reason":"signed out"}', 4_001, 'signed out'],
    ['{"code":1000}', 1_000, undefined],
    ['{"reason":"two\\nlines"}', undefined, 'two\nlines'],
    ['{"code":1001,"reason":""}', undefined, undefined],
    ['{"code":4000.5,"reason":5}', undefined, undefined],
    ['{"code":"4001","reason":{}}', undefined, undefined],
    [`{"reason":"${'é'.repeat(61)}x"}`, undefined, `${'é'.repeat(61)}x`],
    [`{"reason":"${'é'.repeat(62)}"}`, undefined, undefined],
    ['null', undefined, undefined],
    ['[4001]', undefined, undefined],
    ['no JSON', undefined, undefined],
  ])('whose data is %s is told with what can be true of it', async (data, code, reason) => {
    const at = await talk('websocket')
    const heard: unknown[] = []
    at.hub.on('close', ended => heard.push([ended.session.id, ended.code, ended.reason]))
    await leave(at, 'websocket', `event: rt.bye\ndata: ${data}\n\n`)
    await until(() => heard.length > 0)
    expect(heard).toEqual([[at.session, code, reason]])
  })

  it.each(['websocket', 'xhr-streaming', 'long-polling', 'jsonp'] as const)(
    'over %s tells the application the code and the reason of its client',
    async via => {
      const at = await talk(via)
      const heard: unknown[] = []
      at.hub.on('close', ({ code, reason }) => heard.push([code, reason]))
      await leave(at, via, 'event: rt.bye\ndata: {"code":4001,"reason":"signed out"}\n\n')
      await until(() => heard.length > 0)
      expect(heard).toEqual([[4_001, 'signed out']])
    },
  )

  it('is taken from those who may not send, and from nobody else than whose session it is', async () => {
    let principal = 'a'
    const at = await talk('xhr-streaming', { authorize: () => ({ topics: ['x'], principal, send: false }) })
    principal = 'b'
    expect(await post(at, at.session, bye)).toMatchObject({ status: 404 })
    expect(at.hub.stats().sessions).toBe(1)
    principal = 'a'
    expect(await post(at, at.session, bye)).toMatchObject({ status: 200 })
    expect(at.hub.stats().sessions).toBe(0)
  })

  it('that comes twice, or by two channels, ends it once', async () => {
    const at = await talk('websocket')
    let closed = 0
    at.hub.on('close', () => closed++)
    await Promise.all([leave(at, 'post', bye), leave(at, 'websocket', bye + bye), leave(at, 'post', bye)])
    await at.ear.closed
    expect(closed).toBe(1)
    expect(at.hub.stats()).toMatchObject({ sessions: 0, lines: { websocket: 0 } })
  })
})
