import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createHub, type HubOptions, memoryLog, type TransportName } from '../../server/index.ts'
import { encode } from '../../src/wire/encoder.ts'
import {
  address,
  ask,
  channels,
  type Ear,
  listen,
  message,
  parse,
  post,
  type Stand,
  stand,
  stopTime,
  until,
  wait,
} from './harness.ts'

const poll = { 'rt.via': 'long-polling', 'rt.n': 0 }

describe('the transports of a race', () => {
  const sessionOf = async (ear: { opened(): Promise<{ session: string }> }) => (await ear.opened()).session
  const line = 'a line of its own'

  it('have one session, whichever of them asks first', async () => {
    const at = await stand()
    const names: string[] = []
    for (const via of ['eventsource', 'websocket', 'xhr-streaming', 'long-polling'] as const)
      names.push(await sessionOf(listen(at, via, { 'rt.line': line })))
    expect(new Set(names).size).toBe(1)
    expect(at.hub.stats().sessions).toBe(1)
  })

  it('of another line, another origin or another principal have another one', async () => {
    const at = await stand({ authorize: ({ url }) => ({ principal: url.searchParams.get('user') ?? 'ann' }) })
    const asks = [{}, { 'rt.line': 'another' }, { user: 'bob' }, { user: 'bob', 'rt.line': 'another' }]
    const ears = asks.map(query => listen(at, 'xhr-streaming', { 'rt.line': line, ...query }))
    const names = await Promise.all(ears.map(sessionOf))
    expect(new Set(names).size).toBe(4)
    const origins = ['http://a.example', 'http://b.example']
    const elsewhere = await stand({ origins })
    const others = origins.map(origin => listen(elsewhere, 'eventsource', { 'rt.line': line }, { origin }))
    expect(new Set(await Promise.all(others.map(sessionOf))).size).toBe(2)
  })

  it('begin within half a minute, in a session that is not over', async () => {
    const time = stopTime()
    const at = await stand({ sessionTimeout: 120_000 })
    const first = await sessionOf(listen(at, 'xhr-streaming', { 'rt.line': line }))
    time.pass(29_000)
    expect(await sessionOf(listen(at, 'websocket', { 'rt.line': line }))).toBe(first)
    const other = listen(at, 'websocket', { 'rt.line': 'other' })
    await other.opened()
    other.send(encode({ event: 'rt.bye', data: '' }))
    await until(() => at.hub.stats().sessions === 1)
    const late = await ask(address(at, { 'rt.via': 'xhr-streaming', 'rt.line': 'other' }))
    expect([late.status, late.text]).toEqual([410, expect.stringContaining('this line has said goodbye')])
    time.pass(2_000)
    listen(at, 'websocket', { 'rt.line': 'a third' })
    await until(() => at.hub.stats().sessions === 2)
    expect(await sessionOf(listen(at, 'websocket', { 'rt.line': line }))).not.toBe(first)
  })

  it.each(channels)('over %s are told what the application says to the session as it opens', async via => {
    const at = await stand()
    at.hub.on('open', ({ session }) => void session.send('hello'))
    // A box swallows all that comes down the first.
    await listen(at, 'websocket', { 'rt.line': line }).opened()
    await at.hub.publish('other', 'it moves the log on')
    const ear = listen(at, via, { 'rt.line': line })
    expect(await ear.opened()).toMatchObject({ resumed: false })
    expect(await ear.messages(1)).toEqual(['hello'])
    await at.hub.publish('x', 'and on')
    expect(await ear.messages(1)).toEqual(['and on'])
  })

  it.each(channels)('over %s miss nothing of a topic that another of them has subscribed to', async via => {
    const at = await stand()
    const query = { 'rt.v': 2, 'rt.line': line, 'rt.t': ':room', 'rt.c': via }
    const swallowed = listen(at, 'websocket', query)
    await swallowed.next('rt.subscribed')
    for (const topic of ['other', 'room', 'x']) await at.hub.publish(topic, `to ${topic}`)
    const ear = listen(at, via, query)
    expect((await ear.messages(2)).sort()).toEqual(['to room', 'to x'])
  })

  it('leave nothing behind: the application is told once that it opened, and once that it closed', async () => {
    const at = await stand()
    const told: string[] = []
    at.hub.on('open', () => void told.push('open'))
    at.hub.on('close', () => void told.push('close'))
    const loser = listen(at, 'eventsource', { 'rt.line': line })
    await loser.opened()
    const winner = listen(at, 'websocket', { 'rt.line': line })
    await winner.opened()
    loser.close()
    await until(() => at.hub.stats().lines.eventsource === 0)
    winner.send(encode({ event: 'rt.bye', data: '' }))
    await until(() => at.hub.stats().sessions === 0)
    expect(told).toEqual(['open', 'close'])
  })
})

describe('a line that is closed before it was told its session', () => {
  const query = { 'rt.via': 'post', 'rt.line': 'a line of its own' }
  const goodbye = {
    headers: { 'content-type': 'text/event-stream' },
    body: encode({ event: 'rt.bye', data: '' }),
  }

  it('leaves none', async () => {
    const at = await stand()
    await listen(at, 'eventsource', { 'rt.line': query['rt.line'] }).opened()
    expect((await ask(address(at, query), { method: 'POST', ...goodbye })).status).toBe(200)
    expect(at.hub.stats().sessions).toBe(0)
  })

  it('begins none by what was on its way', async () => {
    const at = await stand()
    expect((await ask(address(at, query), { method: 'POST', ...goodbye })).status).toBe(404)
    const late = await ask(address(at, { ...query, 'rt.via': 'xhr-streaming' }))
    expect(late.status).toBe(410)
    await listen(at, 'eventsource', { 'rt.line': 'another' }).opened()
    expect(at.hub.stats().sessions).toBe(1)
  })
})

describe('a line', () => {
  it.each(['websocket', 'eventsource', 'xhr-streaming'] as const)(
    'over %s hears a sign of life within each heartbeat',
    async via => {
      const time = stopTime()
      const at = await stand({ heartbeat: 15_000, admission: 1 })
      const ear = listen(at, via)
      await ear.opened()
      for (let beats = 0; beats < 3; beats++) {
        time.pass(15_000)
        expect(await ear.next('rt.beat')).toMatchObject({ data: '{"spread":1000}' })
      }
    },
  )

  it('that is busy hears no beats', async () => {
    const time = stopTime()
    const at = await stand({ heartbeat: 15_000 })
    const ear = listen(at, 'websocket')
    await ear.opened()
    for (let n = 0; n < 20; n++) {
      await at.hub.publish('x', String(n))
      await ear.messages(1)
      time.pass(4_000)
    }
    expect(ear.blocks.some(block => block.event === 'rt.beat')).toBe(false)
    time.pass(15_000)
    await ear.next('rt.beat')
  })

  describe.each(['websocket', 'xhr-streaming', 'eventsource'] as const)(
    'whose reader is slow, over %s,',
    via => {
      const text = 'x'.repeat(2 ** 14)
      const numbersOf = (texts: string[]) => texts.map(data => Number(data.split(' ')[0]))
      const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

      it('gets everything at its own pace, from the log', async () => {
        const at = await stand({ retain: 5_000 })
        let waiting = 0
        at.server.on('connection', socket => {
          const measure = setInterval(() => {
            waiting = Math.max(waiting, socket.writableLength)
          }, 1)
          socket.on('close', () => clearInterval(measure))
        })
        const ear = listen(at, via)
        await ear.opened()
        ear.pause()
        for (let n = 0; n < 1_000; n++) {
          await at.hub.publish('x', `${n} ${text}`)
          if (n % 20 === 0) await wait(1)
        }
        ear.resume()
        expect(numbersOf(await ear.messages(1_000))).toEqual(upTo(1_000))
        expect(waiting).toBeGreaterThan(0)
        expect(waiting).toBeLessThan(2 ** 21)
        await at.hub.publish('x', '1000')
        expect(await ear.messages(1)).toEqual(['1000'])
      })

      it('is told of a gap when the log has moved on', async () => {
        const at = await stand({ retain: 50 })
        const ear = listen(at, via)
        await ear.opened()
        ear.pause()
        for (let n = 0; n < 1_000; n++) {
          await at.hub.publish('x', `${n} ${text}`)
          if (n % 20 === 0) await wait(1)
        }
        ear.resume()
        const gap = JSON.parse((await ear.next('rt.gap')).data ?? '')
        expect(gap).toMatchObject({ reason: 'trimmed', to: expect.stringContaining('.950.') })
        expect(numbersOf(await ear.messages(50))).toEqual(upTo(1_000).slice(950))
      })

      it('is cut when it takes nothing at all, and resumes without loss', async () => {
        const at = await stand({ retain: 5_000, heartbeat: 60 })
        const ear = listen(at, via)
        await ear.opened()
        ear.pause()
        for (let n = 0; n < 1_000; n++) {
          await at.hub.publish('x', `${n} ${text}`)
          if (n % 20 === 0) await wait(1)
        }
        await until(() => at.hub.stats().lines[via] === 0)
        ear.resume()
        await ear.closed
        const heard = ear.blocks.filter(block => !block.event)
        const again = listen(at, via, { 'rt.id': heard.at(-1)?.id ?? ear.blocks[0]?.id })
        const rest = await again.messages(1_000 - heard.length)
        expect(numbersOf([...heard.map(block => block.data ?? ''), ...rest])).toEqual(upTo(1_000))
      })
    },
  )

  it('reads a long past at its own pace, while more is published, and is not cut', async () => {
    const at = await stand({ retain: 5_000 })
    const text = 'x'.repeat(2 ** 12)
    const start = await at.hub.publish('x', 'start')
    for (let n = 0; n < 2_000; n++) await at.hub.publish('x', `${n} ${text}`)
    const ear = listen(at, 'xhr-streaming', { 'rt.id': start })
    await ear.opened()
    ear.pause()
    for (let n = 2_000; n < 2_500; n++) await at.hub.publish('x', `${n} ${text}`)
    await wait(50)
    ear.resume()
    const numbers = (await ear.messages(2_500)).map(data => Number(data.split(' ')[0]))
    expect(numbers).toEqual(Array.from({ length: 2_500 }, (_, index) => index))
  })

  it('is told of one gap, though it spans pages and topics', async () => {
    const at = await stand({ retain: 1_500, authorize: () => ['busy', 'quiet'] })
    const start = await at.hub.publish('quiet', 'start')
    for (let n = 0; n < 6_000; n++) await at.hub.publish(n % 5 ? 'busy' : 'quiet', String(n))
    const ear = listen(at, 'websocket', { 'rt.id': start })
    await ear.messages(1_200 + 1_500)
    expect(ear.blocks.filter(block => block.event === 'rt.gap')).toHaveLength(1)
    expect(at.hub.stats().gaps).toBe(1)
  })

  it('gets each message once when the log answers late', async () => {
    const log = memoryLog()
    const slow: HubOptions['log'] = { ...log, after: (...asked) => wait(30).then(() => log.after(...asked)) }
    const at = await stand({ log: slow })
    const start = await at.hub.publish('x', '0')
    await at.hub.publish('x', '1')
    const ear = listen(at, 'xhr-streaming', { 'rt.id': start })
    await until(() => at.hub.stats().lines['xhr-streaming'] === 1)
    await at.hub.publish('x', '2')
    await wait(40)
    await at.hub.publish('x', '3')
    expect(await ear.messages(3)).toEqual(['1', '2', '3'])
    expect(ear.blocks[0]?.event).toBe('rt.open')
  })

  it('is cut, and the application told, when the log fails', async () => {
    const at = await stand({ log: { ...memoryLog(), after: () => Promise.reject(new Error('log down')) } })
    const errors: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    await listen(at, 'websocket').closed
    expect(errors).toMatchObject([{ message: 'log down' }])
  })

  it('whose reading fails is cut, and its client hears all when it comes back', async () => {
    const log = memoryLog()
    const held: ((error: Error) => void)[] = []
    let holds = false
    const failing: HubOptions['log'] = {
      ...log,
      after: (...asked) => (holds ? new Promise((_, reject) => held.push(reject)) : log.after(...asked)),
    }
    const at = await stand({ log: failing })
    at.hub.on('error', () => {})
    const first = await at.hub.publish('x', '1')
    await at.hub.publish('x', '2')
    const { session } = await listen(at, 'websocket').opened()
    holds = true
    const reading = listen(at, 'websocket', { 'rt.sid': session, 'rt.id': first })
    await until(() => held.length > 0)
    await at.hub.publish('x', '3')
    holds = false
    for (const fail of held) fail(new Error('log down'))
    await reading.closed
    const back = listen(at, 'websocket', { 'rt.sid': session, 'rt.id': first })
    expect(await back.messages(2)).toEqual(['2', '3'])
  })

  it('gives way when its session has too many', async () => {
    const at = await stand({ limits: { channels: 2 } })
    const first = listen(at, 'xhr-streaming')
    const { session } = await first.opened()
    for (let n = 0; n < 2; n++) await listen(at, 'xhr-streaming', { 'rt.sid': session }).opened()
    await first.closed
    expect(at.hub.stats()).toMatchObject({ sessions: 1, lines: { 'xhr-streaming': 2 } })
  })
})

describe('a session', () => {
  it('is announced once, and tells how its client comes', async () => {
    const at = await stand()
    const heard: unknown[] = []
    at.hub.on('open', ({ session }) => {
      const { address, transport, topics, principal } = session
      heard.push({ address, transport, topics, principal })
      session.data.visits = heard.length
    })
    const { session } = await listen(at, 'eventsource').opened()
    await listen(at, 'websocket', { 'rt.sid': session, topic: 'y' }).opened()
    expect(heard).toEqual([
      { address: '127.0.0.1', transport: 'eventsource', topics: ['x'], principal: undefined },
    ])
    let now: unknown
    at.hub.on('message', ({ session }) => {
      now = { transport: session.transport, topics: session.topics, data: session.data }
    })
    await post(at, session, message(1))
    expect(now).toEqual({ transport: 'websocket', topics: ['y'], data: { visits: 1 } })
  })

  it('outlives its channels by the time that is set, and is announced to end', async () => {
    const time = stopTime()
    const at = await stand({ sessionTimeout: 30_000, heartbeat: 15_000 })
    const ended: string[] = []
    at.hub.on('close', ({ session }) => ended.push(session.id))
    // It vanished, and said nothing.
    at.hub.on('close', ({ code, reason }) => expect([code, reason]).toEqual([undefined, undefined]))
    const ear = listen(at, 'websocket')
    const { session } = await ear.opened()
    for (let beats = 0; beats < 5; beats++) {
      time.pass(15_000)
      await ear.next('rt.beat')
    }
    expect(ended).toEqual([])
    ear.close()
    await until(() => at.hub.stats().lines.websocket === 0)
    time.pass(20_000)
    expect(await post(at, session, message(1))).toMatchObject({ status: 200 })
    expect(ended).toEqual([])
    time.pass(40_000)
    expect(ended).toEqual([session])
    expect(await post(at, session, message(2))).toMatchObject({ status: 404 })
    expect(at.hub.stats().sessions).toBe(0)
  })

  it('ends when its own time is over, whoever else is away, and not if it came back', async () => {
    const time = stopTime()
    const at = await stand({ sessionTimeout: 30_000, heartbeat: 10 ** 9 })
    const ended: string[] = []
    at.hub.on('close', ({ session }) => ended.push(session.id))
    const ears = [1, 2, 3].map(() => listen(at, 'websocket'))
    const ids = await Promise.all(ears.map(async ear => (await ear.opened()).session))
    for (const [gone, ear] of ears.entries()) {
      ear.close()
      await until(() => at.hub.stats().lines.websocket === 2 - gone)
      time.pass(10_000)
    }
    expect(ended).toEqual([ids[0]])
    // The second comes back, and goes again.
    const back = listen(at, 'websocket', { 'rt.sid': ids[1] })
    await back.opened()
    back.close()
    await until(() => at.hub.stats().lines.websocket === 0)
    time.pass(19_999)
    expect(ended).toEqual([ids[0]])
    time.pass(1)
    expect(ended).toEqual([ids[0], ids[2]])
    time.pass(9_999)
    expect(ended).toEqual([ids[0], ids[2]])
    time.pass(1)
    expect(ended).toEqual([ids[0], ids[2], ids[1]])
    expect(at.hub.stats().sessions).toBe(0)
  })

  it('that is over tells who sends to it that nobody hears', async () => {
    const at = await stand({ sessionTimeout: 30, heartbeat: 30 })
    let send = async (_: string): Promise<string | undefined> => ''
    at.hub.on('open', ({ session }) => {
      send = session.send
    })
    const ear = listen(at, 'websocket')
    await ear.opened()
    expect(await send('x')).toEqual(expect.any(String))
    ear.close()
    await until(() => at.hub.stats().sessions === 0)
    expect(await send('x')).toBeUndefined()
  })

  it('that comes back too late is told that it lost what was sent to it alone', async () => {
    const time = stopTime()
    const at = await stand()
    let send: (text: string) => Promise<unknown> = async () => {}
    at.hub.on('open', ({ session }) => {
      send = session.send
    })
    const ear = listen(at, 'websocket')
    const { session } = await ear.opened()
    ear.close()
    const id = ear.blocks[0]?.id
    await until(() => at.hub.stats().lines.websocket === 0)
    expect(await send('lost')).toEqual(expect.any(String))
    time.pass(600_000)
    expect(at.hub.stats().sessions).toBe(0)
    const again = listen(at, 'websocket', { 'rt.sid': session, 'rt.id': id })
    expect(JSON.parse((await again.next('rt.gap')).data ?? '')).toMatchObject({ reason: 'trimmed', from: id })
  })

  it('of a bare stream ends with it', async () => {
    const at = await stand()
    const ear = listen(at, 'bare')
    await ear.opened()
    ear.close()
    await until(() => at.hub.stats().sessions === 0)
  })

  it('is refused with 503 when there are too many', async () => {
    const at = await stand({ limits: { sessions: 1 } })
    await listen(at, 'websocket').opened()
    expect(await ask(address(at, poll), { headers: { origin: `http://${at.host}` } })).toMatchObject({
      status: 503,
    })
    expect(await ask(address(at, poll))).toMatchObject({ status: 503, headers: { 'retry-after': '10' } })
    const refused = listen(at, 'websocket')
    await refused.closed
    expect(refused.blocks).toMatchObject([
      { event: 'rt.fail', data: expect.stringContaining('too many sessions') },
    ])
  })
})

describe('refuse', () => {
  it.each(channels)('cuts %s, refuses it until it is called again, and lets the others be', async via => {
    const at = await stand()
    const other = listen(at, via === 'websocket' ? 'eventsource' : 'websocket')
    await other.opened()
    const ear = listen(at, via)
    await ear.opened()
    await until(() => at.hub.stats().lines[via] === 1)
    at.hub.refuse([via])
    await ear.closed
    if (via !== 'websocket')
      expect(await ask(address(at, { 'rt.via': via, 'rt.cb': '_rta' }))).toMatchObject({ status: 400 })
    const refused = listen(at, via)
    await refused.closed
    expect(refused.blocks).toEqual([])
    at.hub.refuse([])
    await listen(at, via).opened()
    await at.hub.publish('x', 'still here')
    expect(await other.messages(1)).toEqual(['still here'])
  })

  it('can be said from the start', async () => {
    const refused: TransportName[] = ['long-polling']
    expect(await ask(address(await stand({ refuse: refused }), poll))).toMatchObject({ status: 400 })
  })
})

describe('drain', () => {
  /** `opened` is called after each: where few are let in, time has to pass until the next. */
  const openAll = async (at: Stand, opened = () => {}) => {
    const ears: Ear[] = []
    for (const via of [...channels, ...channels]) {
      const ear = listen(at, via)
      await ear.opened()
      ears.push(ear)
      opened()
    }
    await until(() => Object.values(at.hub.stats().lines).every(count => count === 2 || count === 0))
    return ears
  }
  const linesOf = (at: Stand) => Object.values(at.hub.stats().lines).reduce((sum, count) => sum + count, 0)

  it('tells one after the other to come back at once, and lets nobody in', async () => {
    const time = stopTime()
    const at = await stand({ admission: 3 })
    const ears = await openAll(at, () => time.pass(350))
    vi.useRealTimers()
    let leaving = 0
    let most = 0
    const count = setInterval(() => {
      const left = linesOf(at)
      most = Math.max(most, leaving - left)
      leaving = left
    }, 1)
    onTestFinished(() => clearInterval(count))
    await at.hub.drain({ perSecond: 20 })
    const byes = await Promise.all(ears.map(ear => ear.next('rt.bye')))
    expect(byes.map(bye => bye.retry)).toEqual(ears.map(() => 0))
    expect(most).toBeLessThan(ears.length)
    expect(linesOf(at)).toBe(0)
    const answer = await ask(address(at, poll))
    expect(answer.status).toBe(503)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(4)
    expect(await post(at, 'any', message(1))).toMatchObject({ status: 503 })
  })

  it.each(['websocket', 'eventsource', 'long-polling', 'jsonp'] as const)(
    'leaves a line over %s as it is until its turn comes: it hears, sends and polls',
    async via => {
      const at = await stand()
      const taken: unknown[] = []
      at.hub.on('message', ({ data }) => taken.push(data))
      const first = listen(at, 'eventsource')
      await first.opened()
      const ear = listen(at, via)
      const { session } = await ear.opened()
      const over = at.hub.drain({ perSecond: 0.001 })
      await first.next('rt.bye')
      for (const text of ['one', 'two']) {
        await at.hub.publish('x', text)
        expect(await ear.messages(1)).toEqual([text])
      }
      expect(await post(at, session, message(1))).toMatchObject({ status: 200 })
      if (via === 'jsonp') {
        const up = { 'rt.via': 'jsonp', 'rt.cb': '_rts', 'rt.sid': session, 'rt.up': message(2) }
        await ask(address(at, { ...up, 'rt.at': 0, 'rt.of': message(2).length }))
        expect(taken).toEqual(['m1', 'm2'])
      }
      expect(await ask(address(at, poll))).toMatchObject({ status: 503 })
      // Whoever has no time any more closes.
      await Promise.all([at.hub.close(), over])
      await ear.next('rt.bye')
    },
  )

  it('is over within the time that is set, however many there are', async () => {
    const at = await stand()
    await openAll(at)
    await at.hub.drain({ perSecond: 0.001, within: 300 })
    expect(linesOf(at)).toBe(0)
  })

  it('answers the next poll of a session whose turn has come with a goodbye', async () => {
    const at = await stand()
    const first = await ask(address(at, poll))
    const [id, sid] = [/^id: (.*)$/m.exec(first.text)?.[1], /"session":"(.*?)"/.exec(first.text)?.[1]]
    await at.hub.drain()
    const { text } = await ask(address(at, { ...poll, 'rt.n': 1, 'rt.sid': sid, 'rt.id': id }))
    expect(parse(text).at(-1)).toMatchObject({ event: 'rt.bye', retry: 0 })
    expect(await post(at, sid ?? '', message(1))).toMatchObject({ status: 503 })
  })
})

describe.each(['close', 'drain'] as const)('%s', ending => {
  it.each(['websocket', 'xhr-streaming', 'long-polling'] as const)(
    'over %s waits for the message that is being worked at, takes none after it, and says so',
    async via => {
      const at = await stand()
      const taken: unknown[] = []
      let finish = () => {}
      at.hub.on('message', async ({ data }) => {
        taken.push(data)
        await new Promise<void>(resolve => {
          finish = resolve
        })
        if (data === 'm1') throw { status: 422, message: 'no' }
      })
      const ear = listen(at, via)
      const { session } = await ear.opened()
      const queue = message(1) + message(2)
      const answer = via === 'websocket' ? undefined : post(at, session, queue)
      if (!answer) ear.send(queue)
      await until(() => taken.length === 1)
      const over = at.hub[ending]()
      if (via === 'websocket') ear.send(message(3))
      else expect(await post(at, session, message(3))).toMatchObject({ status: 503 })
      await wait(20)
      finish()
      await over
      expect(await ear.next('rt.nack')).toMatchObject({ data: expect.stringContaining('"number":1') })
      expect(await ear.next('rt.bye')).toMatchObject({ data: '{"acked":1}' })
      if (answer) expect((await answer).text).toContain('event: rt.ack\ndata: 1\n')
      expect(taken).toEqual(['m1'])
    },
  )
})

describe('a time that is none', () => {
  it.each([
    ['close', { within: 2 ** 31 }, /^close: within is 2147483648; it has to be a number of ms from 0/],
    ['close', { within: Number.NaN }, /^close: within is NaN/],
    ['close', { within: '5s' }, /^close: within is "5s"/],
    ['drain', { within: 0 }, /^drain: within is 0; it has to be a positive number of ms/],
    ['drain', { perSecond: -1 }, /^drain: perSecond is -1; it has to be a positive number/],
  ] as const)('is named by %s, given %j, and nothing ends', async (call, given, words) => {
    const at = await stand()
    const ear = listen(at, 'websocket')
    await ear.opened()
    await expect(at.hub[call](given as never)).rejects.toThrow(words)
    await at.hub.publish('x', 'still here')
    expect(await ear.messages(1)).toEqual(['still here'])
  })
})

describe('close', () => {
  it('waits no longer than it may for a listener that never ends, and then does not say how far that came', async () => {
    const at = await stand()
    const begun = vi.fn(() => new Promise<never>(() => {}))
    at.hub.on('message', begun)
    const ear = listen(at, 'websocket')
    await ear.opened()
    ear.send(message(1))
    await until(() => begun.mock.calls.length > 0)
    await at.hub.close({ within: 50 })
    expect(await ear.next('rt.bye')).toMatchObject({ retry: 0, data: '{}' })
  })

  it('tells many to come back spread over the time that admission takes', async () => {
    const time = stopTime()
    const at = await stand({ admission: 2 })
    const ears: Ear[] = []
    while (ears.length < 4) {
      const ear = listen(at, 'websocket')
      await ear.opened()
      ears.push(ear)
      time.pass(500)
    }
    await at.hub.close()
    const byes = await Promise.all(ears.map(ear => ear.next('rt.bye')))
    const times = byes.map(({ retry = -1 }) => Math.round(retry / 500)).sort()
    expect(times).toEqual([0, 1, 2, 3])
  })

  it('cuts those who do not take the last thing said', async () => {
    const at = await stand()
    const ear = listen(at, 'xhr-streaming')
    await ear.opened()
    ear.pause()
    for (let n = 0; n < 40; n++) await at.hub.publish('x', 'x'.repeat(2 ** 16))
    await at.hub.close()
    expect(at.hub.stats().lines['xhr-streaming']).toBe(0)
  })

  it('leaves nothing that keeps the process alive', async () => {
    const code = `
      import http from 'node:http'
      import { createHub } from './server/index.ts'
      const hub = createHub()
      const server = http.createServer()
      hub.attach(server)
      server.listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port + '/live?topic=x&rt.via='
        const held = fetch(url + 'long-polling&rt.n=1')
        const stream = await fetch(url + 'eventsource')
        const socket = await new Promise(async resolve => {
          const { WebSocket } = await import('ws')
          const ws = new WebSocket(url.replace('http', 'ws') + 'websocket')
          ws.on('message', () => resolve(ws))
        })
        await hub.close()
        await Promise.all([(await held).text(), stream.text()])
        server.close()
        console.log('closed')
      })`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
      stdio: 'pipe',
    })
    onTestFinished(() => void child.kill())
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk))
    const [exit] = await once(child, 'exit')
    expect(said).toBe('closed\n')
    expect(exit).toBe(0)
  })

  it('can be called twice', async () => {
    const hub = createHub()
    await Promise.all([hub.close(), hub.close()])
  })
})

describe('publish', () => {
  it.each(['rt.open', 'a\nb', 'a\rb', 'a\0b', ''])(
    'rejects, and never throws, for the name %j',
    async name => {
      const hub = createHub()
      await expect(hub.publish(name, 'x')).rejects.toThrow(TypeError)
      await expect(hub.publish('x', 'x', { event: name })).rejects.toThrow(TypeError)
      await expect(hub.drop(name)).rejects.toThrow(TypeError)
    },
  )

  it.each([
    ['undefined', undefined],
    ['a bigint', 1n],
    ['a function', () => {}],
    ['a Map', new Map()],
    ['what is in it', [{ a: Number.NaN }]],
  ])('rejects, and never throws, for data that is %s', async (_, data) => {
    const published = createHub().publish('x', data as unknown as string)
    await expect(published).rejects.toThrow(/^data: .* JSON can't hold/)
  })

  it.each([
    ['x', 2 ** 20],
    ['\n', 2 ** 18],
  ])('rejects a message that no client would read: %j, so often: %i', async (text, times) => {
    const published = createHub().publish('x', text.repeat(times))
    await expect(published).rejects.toThrow(/characters on the wire.*split it/)
  })

  it('takes a message that is as large as one may be', async () => {
    const at = await stand()
    const ear = listen(at, 'xhr-streaming', { topic: 'x' })
    await ear.opened()
    const data = 'x'.repeat(2 ** 20 - 6)
    await at.hub.publish('x', data)
    expect((await ear.next('message')).data).toBe(data)
  })

  it('takes names that mean something to JavaScript', async () => {
    const at = await stand()
    const ear = listen(at, 'eventsource', { topic: '__proto__' })
    await ear.opened()
    await at.hub.publish('__proto__', 'x', { event: 'constructor' })
    expect(await ear.next('constructor')).toMatchObject({ data: 'x' })
  })
})

it('counts sessions, lines and messages', async () => {
  const at = await stand()
  await Promise.all(
    (['websocket', 'websocket', 'eventsource', 'bare'] as const).map(via => listen(at, via).opened()),
  )
  await at.hub.publish('x', 'one')
  expect(at.hub.stats()).toEqual({
    sessions: 4,
    admission: 1_000,
    deferred: 0,
    lines: {
      websocket: 2,
      eventsource: 1,
      'xhr-streaming': 0,
      'fetch-streaming': 0,
      iframe: 0,
      carried: 0,
      'long-polling': 0,
      jsonp: 0,
      bare: 1,
    },
    messages: 1,
    refused: 0,
    unsent: 0,
    stuck: 0,
    unhandled: 0,
    overdue: 0,
    gaps: 0,
    producing: 0,
    slowed: 0,
    nodes: 1,
    forwarded: 0,
  })
})

it.each([
  [{ path: 'live' }, /path/],
  [{ path: '/live?x' }, /path/],
  [{ retain: 0 }, /retain/],
  [{ heartbeat: Number.NaN }, /heartbeat/],
  [{ limits: { message: -1 } }, /limits\.message/],
])('throws for the options %j', (options, named) => {
  expect(() => createHub(options)).toThrow(named)
})

it.each([
  [
    'mesage',
    () => {},
    /no event "mesage"; there are message, subscribe, open, close, refused, record, error/,
  ],
  ['__proto__', () => {}, /no event/],
  ['message', undefined, /listener for message is undefined/],
  ['open', {}, /listener for open is \[object Object\]/],
])('on() throws for %j and %j', (name, listener, named) => {
  expect(() => createHub().on(name as 'open', listener as () => void)).toThrow(named)
})

it.each(['message', 'open', 'close'] as const)(
  'a listener for %s that listens, leaves, throws or never ends does no harm to the others',
  async name => {
    const at = await stand()
    const heard: string[] = []
    const errors: unknown[] = []
    at.hub.on('error', error => errors.push(error))
    at.hub.on('error', () => {
      throw errors
    })
    vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => void vi.restoreAllMocks())
    const leave = at.hub.on(name, function listens() {
      at.hub.on(name, listens)
      leave()
    })
    at.hub.on(name, () => {
      throw new Error('fails')
    })
    if (name !== 'message') at.hub.on(name, () => new Promise(() => {}))
    at.hub.on(name, () => heard.push('heard'))
    const ear = listen(at, 'websocket')
    const { session } = await ear.opened()
    await post(at, session, message(1))
    await post(at, session, encode({ event: 'rt.bye', data: '' }))
    await ear.closed
    await until(() => heard.length > 0 && errors.length > 0)
    expect(heard).toEqual(['heard'])
    expect(errors).toMatchObject([{ message: 'fails' }])
  },
)

it('undoes what on() did', async () => {
  const at = await stand()
  const heard: string[] = []
  const listener = () => heard.push('heard')
  const undo = at.hub.on('message', listener)
  at.hub.on('message', listener)
  undo()
  const { session } = await listen(at, 'xhr-streaming').opened()
  await post(at, session, message(1))
  expect(heard).toEqual(['heard'])
})

it('tells what a poll missed when the answer before it was lost', async () => {
  const at = await stand()
  const first = await ask(address(at, poll))
  const [{ id } = { id: undefined }] = parse(first.text)
  const sid = /"session":"(.*?)"/.exec(first.text)?.[1]
  const next = { ...poll, 'rt.n': 1, 'rt.sid': sid, 'rt.id': id }
  await at.hub.publish('x', 'told twice')
  const [lost, again] = [await ask(address(at, next)), await ask(address(at, next))]
  expect(again.text).toBe(lost.text)
})
