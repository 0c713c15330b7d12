/** Rights change while lines are open: sessions that are ended, lines that are authorized anew, and rights that expire. */
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Granted } from '../../server/http/access.ts'
import type { HubRequest } from '../../server/http/hub-request.ts'
import { refusal } from '../../server/http-error.ts'
import { type Authorize, createHub, type HubOptions, type Rights } from '../../server/index.ts'
import { createExpelled } from '../../server/sessions/expelled.ts'
import type { Member } from '../../server/sessions/session.ts'
import {
  address,
  ask,
  called,
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
const all = [...channels, 'bare'] as const

/** How often `byName` was asked. */
let asked = 0

/** The principal is whoever the address says; what it hears is what `topics` says of it. */
function byName(topics: Record<string, readonly string[]> = {}, more: Partial<Rights> = {}): Authorize {
  return ({ url }) => {
    asked++
    const principal = url.searchParams.get('me') ?? 'ann'
    return { topics: topics[principal] ?? ['x'], principal, ...more }
  }
}

/** What an `rt.fail` said, wherever it comes. */
async function failOf(ear: Ear): Promise<Record<string, unknown>> {
  return JSON.parse((await ear.next('rt.fail')).data ?? '')
}

/** Resolves to all that is told by `close`. */
function closes(at: Stand): string[] {
  const ids: string[] = []
  at.hub.on('close', ({ session }) => ids.push(session.id))
  return ids
}

/** The session of a client that polled once and has not come again. */
async function between(at: Stand, query: Record<string, string> = {}): Promise<string> {
  const { text } = await ask(address(at, { ...poll, ...query }))
  const { session } = JSON.parse(parse(text)[0]?.data ?? '')
  return session
}

describe('hub.disconnect', () => {
  it.each(all)('ends a session over %s, and tells its client', async via => {
    const at = await stand({ authorize: byName() })
    const closed = closes(at)
    const ear = listen(at, via)
    const { session } = await ear.opened()
    await until(() => Object.values(at.hub.stats().lines).some(count => count > 0))
    expect(at.hub.disconnect({ session })).toBe(1)
    expect(at.hub.stats().sessions).toBe(0)
    expect(closed).toEqual([session])
    await at.hub.publish('x', 'secret')
    if (via === 'long-polling' || via === 'jsonp') await until(() => ear.blocks.length > 1)
    expect(await failOf(ear)).toEqual({
      status: 403,
      message: 'disconnected by the server',
      ended: true,
      acked: 0,
    })
    if (via !== 'long-polling' && via !== 'jsonp') await ear.closed
    else ear.close()
    expect(ear.blocks.some(({ data }) => data === 'secret')).toBe(false)
    expect(at.hub.disconnect({ session })).toBe(0)
  })

  it('ends all sessions of a principal, and no others', async () => {
    const at = await stand({ authorize: byName() })
    const anns = ['websocket', 'eventsource', 'xhr-streaming'] as const
    const ears = anns.map(via => listen(at, via, { me: 'ann' }))
    const bob = listen(at, 'websocket', { me: 'bob' })
    for (const ear of [...ears, bob]) await ear.opened()
    await between(at, { me: 'ann' })
    expect(at.hub.disconnect({ principal: 'ann' }, { status: 401, message: 'log in again' })).toBe(4)
    for (const ear of ears) expect(await failOf(ear)).toMatchObject({ status: 401, message: 'log in again' })
    await at.hub.publish('x', 'on')
    expect(await bob.messages(1)).toEqual(['on'])
    expect(at.hub.stats().sessions).toBe(1)
  })

  it('means the sessions to which all applies that is given', async () => {
    const at = await stand({ authorize: byName() })
    const { session } = await listen(at, 'websocket', { me: 'ann' }).opened()
    expect(at.hub.disconnect({ session, principal: 'bob' })).toBe(0)
    expect(at.hub.disconnect({ session, principal: 'ann' })).toBe(1)
  })

  it('takes the session that an event has', async () => {
    const at = await stand()
    at.hub.on('open', ({ session }) => expect(at.hub.disconnect({ session }, { status: 503 })).toBe(1))
    expect(await failOf(listen(at, 'websocket'))).toMatchObject({ status: 503 })
  })

  it('counts each session once, also where who hears of its end disconnects the others', async () => {
    const at = await stand({ authorize: byName() })
    const closed = closes(at)
    for (let lines = 0; lines < 3; lines++) await listen(at, 'websocket').opened()
    const counts: number[] = []
    at.hub.on('close', () => void counts.push(at.hub.disconnect({ principal: 'ann' })))
    counts.push(at.hub.disconnect({ principal: 'ann' }))
    expect(counts.reduce((sum, count) => sum + count)).toBe(3)
    expect(closed.length).toBe(3)
  })

  it('means nobody where nothing is given', async () => {
    const at = await stand()
    await listen(at, 'websocket').opened()
    expect(at.hub.disconnect({})).toBe(0)
    expect(at.hub.stats().sessions).toBe(1)
  })

  it.each(['websocket', 'xhr-streaming'] as const)(
    'acknowledges over %s what was taken, and takes nothing more',
    async via => {
      const at = await stand()
      const heard: unknown[] = []
      let finish = () => {}
      at.hub.on('message', ({ data }) => {
        heard.push(data)
        return new Promise<void>(resolve => {
          finish = resolve
        })
      })
      const ear = listen(at, via)
      const { session } = await ear.opened()
      const both = message(1) + message(2)
      if (via === 'websocket') ear.send(both)
      else void post(at, session, both).catch(() => {})
      await until(() => heard.length > 0)
      at.hub.disconnect({ session })
      await at.hub.publish('x', 'secret')
      if (via === 'websocket') ear.send(message(3))
      expect((await post(at, session, message(3))).status).toBe(403)
      expect(ear.blocks.map(({ event }) => event)).not.toContain('rt.fail')
      finish()
      expect(await failOf(ear)).toMatchObject({ status: 403, acked: 1 })
      expect(ear.blocks.find(({ event }) => event === 'rt.ack')?.data).toBe('1')
      await ear.closed
      expect(heard).toEqual(['m1'])
      expect(ear.blocks.some(({ data }) => data === 'secret')).toBe(false)
    },
  )

  it('tells nobody how far the application came that is not done in time', async () => {
    const at = await stand()
    const heard: unknown[] = []
    at.hub.on('message', ({ data }) => {
      heard.push(data)
      return new Promise<void>(() => {})
    })
    const ear = listen(at, 'websocket')
    const { session } = await ear.opened()
    ear.send(message(1))
    await until(() => heard.length > 0)
    const time = stopTime()
    at.hub.disconnect({ session })
    time.pass(5_000)
    expect(await failOf(ear)).toEqual({ status: 403, message: 'disconnected by the server', ended: true })
  })

  describe('of a client between two polls', () => {
    it('is the answer to its next poll, and to each that comes after it', async () => {
      const at = await stand({ authorize: byName() })
      const session = await between(at)
      expect(at.hub.disconnect({ session }, { message: 'go' })).toBe(1)
      for (const turn of [1, 0])
        expect(await ask(address(at, { ...poll, 'rt.n': turn, 'rt.sid': session }))).toMatchObject({
          status: 403,
          text: 'go\n',
        })
      expect(at.hub.stats().sessions).toBe(0)
    })

    it('is the answer to its next POST, and then to its poll', async () => {
      const at = await stand()
      const session = await between(at)
      at.hub.disconnect({ session })
      expect(await post(at, session, message(1))).toMatchObject({ status: 403 })
      expect(await ask(address(at, { ...poll, 'rt.sid': session }))).toMatchObject({ status: 403 })
    })

    it('is told over JSONP in a block', async () => {
      const at = await stand()
      const session = await between(at)
      at.hub.disconnect({ session })
      const { text } = await ask(
        address(at, { 'rt.via': 'jsonp', 'rt.cb': '_rta', 'rt.n': 1, 'rt.sid': session }),
      )
      expect(JSON.parse(parse(called(text))[0]?.data ?? '')).toMatchObject({ status: 403, ended: true })
    })

    it.each([401, 503, 429])('with %i is told once, since it comes again', async status => {
      const at = await stand()
      const session = await between(at)
      at.hub.disconnect({ session }, { status, retryAfter: 7 })
      const again = () => ask(address(at, { ...poll, 'rt.sid': session }))
      expect(await again()).toMatchObject({ status, headers: { 'retry-after': '7' } })
      expect(await again()).toMatchObject({ status: 200 })
    })

    it('with 401 is not told to the poll that comes after the POST that was told', async () => {
      const at = await stand()
      const session = await between(at)
      at.hub.disconnect({ session }, { status: 401 })
      expect(await post(at, session, message(1))).toMatchObject({ status: 401 })
      expect(await ask(address(at, { ...poll, 'rt.sid': session }))).toMatchObject({ status: 200 })
    })

    it('with 503 is told to the poll that comes after the POST that was told', async () => {
      const at = await stand()
      const session = await between(at)
      at.hub.disconnect({ session }, { status: 503 })
      expect(await post(at, session, message(1))).toMatchObject({ status: 503 })
      expect(await ask(address(at, { ...poll, 'rt.sid': session }))).toMatchObject({ status: 503 })
    })

    it('is told to nobody else who names the session', async () => {
      const at = await stand({ authorize: byName() })
      const session = await between(at, { me: 'ann' })
      at.hub.disconnect({ session }, { status: 503 })
      expect(await ask(address(at, { ...poll, 'rt.sid': session, me: 'bob' }))).toMatchObject({ status: 200 })
      expect(await ask(address(at, { ...poll, 'rt.sid': session, me: 'ann' }))).toMatchObject({ status: 503 })
    })

    it('is forgotten when the session would have been', async () => {
      const time = stopTime()
      const at = await stand({ sessionTimeout: 1_000 })
      const session = await between(at)
      at.hub.disconnect({ session })
      time.pass(1_000)
      expect(await ask(address(at, { ...poll, 'rt.sid': session }))).toMatchObject({ status: 200 })
    })

    it('is forgotten first of ten thousand that were ended later', () => {
      const expelled = createExpelled(1_000)
      const member = (id: number) => ({ session: { id: `${id}`, principal: undefined } }) as Member
      const check = (id: number) => () =>
        expelled.check({ sid: `${id}` } as HubRequest, { principal: undefined } as Granted, false)
      for (let id = 0; id <= 10_000; id++) expelled.remember(member(id), refusal(403, 'gone'))
      expect(check(0)).not.toThrow()
      expect(check(1)).toThrow('gone')
      expect(check(10_000)).toThrow('gone')
    })
  })

  it('of a POST that is still arriving is heard by the client that sends it again', async () => {
    const at = await stand({ authorize: byName() })
    const session = await between(at)
    const slow = await half(at, session, message(1))
    at.hub.disconnect({ session })
    expect(await slow.finish()).toBe(503)
    expect(await post(at, session, message(1))).toMatchObject({ status: 403 })
  })

  it.each([
    [undefined, {}, /undefined/],
    ['ann', {}, /ann/],
    [{ sesion: 'x' }, {}, /"sesion"; there are session, principal/],
    [{ session: undefined }, {}, /session is undefined/],
    [{ principal: 7 }, {}, /principal is 7/],
    [{ session: {} }, {}, /session is/],
    [{ session: 'x' }, { status: 200 }, /status is 200/],
    [{ session: 'x' }, { status: '403' }, /status is "?403/],
    [{ session: 'x' }, { status: 403.5 }, /status is 403.5/],
    [{ session: 'x' }, { message: 5 }, /message is 5/],
    [{ session: 'x' }, { retryAfter: -1 }, /retryAfter is -1/],
    [
      { session: 'x' },
      { reason: 'late' },
      /unknown option "reason"; the options are status, message, retryAfter/,
    ],
    [{ session: 'x' }, 403, /the options are 403; they have to be an object/],
  ])('of %j with %j is a TypeError that names it', (whom, options, words) => {
    const hub = createHub()
    expect(() => hub.disconnect(whom as never, options as never)).toThrow(TypeError)
    expect(() => hub.disconnect(whom as never, options as never)).toThrow(words)
    void hub.close()
  })
})

describe('hub.reauthorize', () => {
  it.each(all)('lets lines over %s come back, and hear what they may by now', async via => {
    const topics = { ann: ['x', 'y'], bob: ['y'] }
    const at = await stand({ authorize: byName(topics) })
    const ear = listen(at, via, { me: 'ann' })
    const bob = listen(at, 'websocket', { me: 'bob' })
    const { session } = await ear.opened()
    await bob.opened()
    await at.hub.publish('y', 'allowed')
    expect(await ear.messages(1)).toEqual(['allowed'])
    await until(() => (at.hub.stats().lines[via] ?? 0) > (via === 'websocket' ? 1 : 0))
    topics.ann = ['x']
    expect(at.hub.reauthorize('ann')).toBe(1)
    await at.hub.publish('y', 'secret')
    await at.hub.publish('x', 'open')
    const { retry } = await ear.next('rt.bye')
    expect(retry).toBe(0)
    await ear.closed
    const cursor = ear.blocks.findLast(({ id }) => id)?.id
    expect(ear.blocks.map(({ data }) => data)).not.toContain('secret')
    const again = listen(at, via, { me: 'ann', 'rt.sid': session, 'rt.id': cursor })
    expect((await again.opened()).session === session).toBe(via !== 'bare')
    expect(await again.messages(1)).toEqual(['open'])
    expect(await bob.messages(2)).toEqual(['allowed', 'secret'])
  })

  it('loses nothing that is on its way up', async () => {
    const at = await stand({ authorize: byName() })
    const heard: unknown[] = []
    at.hub.on('message', async ({ data }) => {
      await wait(5)
      heard.push(data)
    })
    const ear = listen(at, 'websocket')
    const { session } = await ear.opened()
    ear.send(message(1) + message(2))
    await wait(10)
    at.hub.reauthorize('ann')
    await ear.closed
    const again = listen(at, 'websocket', { 'rt.sid': session })
    const { acked } = await again.opened()
    again.send(
      [1, 2, 3]
        .filter(number => number > acked)
        .map(number => message(number))
        .join(''),
    )
    await until(() => heard.length === 3)
    expect(heard).toEqual(['m1', 'm2', 'm3'])
  })

  it('asks once more for a line that authorize was answering when it was called', async () => {
    let answer: (() => void)[] = []
    let topics = ['x', 'y']
    const at = await stand({
      async authorize() {
        const rights = { topics, principal: 'ann' }
        await new Promise<void>(resolve => answer.push(resolve))
        return rights
      },
    })
    const ear = listen(at, 'websocket')
    await until(() => answer.length === 1)
    topics = ['x']
    expect(at.hub.reauthorize('ann')).toBe(0)
    answer[0]?.()
    await until(() => answer.length === 2)
    answer[1]?.()
    answer = []
    await ear.opened()
    await at.hub.publish('y', 'secret')
    await at.hub.publish('x', 'open')
    expect(await ear.messages(1)).toEqual(['open'])
  })

  it('asks once more with the ticket that was used', async () => {
    const seen: unknown[] = []
    const at: Stand = await stand({
      authorize({ principal }) {
        if (seen.push(principal) === 1) at.hub.reauthorize('ann')
        return ['x']
      },
    })
    await listen(at, 'eventsource', { 'rt.ticket': at.hub.ticket('ann') }).opened()
    expect(seen).toEqual(['ann', 'ann'])
  })

  it('refuses with 503 where authorize itself calls it', async () => {
    const at: Stand = await stand({
      authorize() {
        at.hub.reauthorize('ann')
        return { topics: ['x'], principal: 'ann' }
      },
    })
    expect(await ask(address(at, poll))).toMatchObject({ status: 503 })
  })

  it('lets no POST in that was authorized before and arrives after it', async () => {
    const at = await stand({ authorize: byName() })
    const heard: unknown[] = []
    at.hub.on('message', ({ data }) => void heard.push(data))
    const session = await between(at)
    const slow = await half(at, session, message(1))
    at.hub.reauthorize('ann')
    expect(await slow.finish()).toBe(503)
    expect(heard).toEqual([])
    expect(await post(at, session, message(1))).toMatchObject({ status: 200 })
  })

  it.each([undefined, null, 7])('of %s is a TypeError that names it', principal => {
    const hub = createHub()
    expect(() => hub.reauthorize(principal as never)).toThrow(`the principal is ${principal}`)
    void hub.close()
  })
})

describe('rights that expire', () => {
  const minute = 60_000

  it.each(all)('end the line over %s at that time, to come back at once', async via => {
    const time = stopTime()
    const expires = Date.now() + minute
    const at = await stand({ authorize: byName({}, { expires }), heartbeat: 10 ** 9 })
    const ear = listen(at, via)
    await ear.opened()
    await until(() => at.hub.stats().lines[via] === 1)
    for (let passed = 0; passed < 2; passed++) {
      // A poll is answered now and then, and asks anew.
      time.pass(minute / 2 - 250)
      if (via === 'long-polling' || via === 'jsonp') {
        const before = ear.frames.length
        await at.hub.publish('x', `m${passed}`)
        await until(() => ear.frames.length > before && at.hub.stats().lines[via] === 1)
      }
    }
    expect(ear.blocks.map(({ event }) => event)).not.toContain('rt.bye')
    time.pass(500)
    expect((await ear.next('rt.bye')).retry).toBe(0)
    await ear.closed
    expect(at.hub.stats().sessions).toBe(via === 'bare' ? 0 : 1)
  })

  it('may be told as a Date', async () => {
    const time = stopTime()
    const at = await stand({ authorize: byName({}, { expires: new Date(Date.now() + 1_000) }) })
    const ear = listen(at, 'websocket')
    await ear.opened()
    time.pass(1_000)
    await ear.next('rt.bye')
  })

  it('end each line at its own time, in whatever order they came', async () => {
    const time = stopTime()
    const begin = Date.now()
    const at = await stand({
      authorize: ({ url }) => ({
        topics: ['x'],
        expires: begin + 1_000 * Number(url.searchParams.get('in')),
      }),
      heartbeat: 10 ** 9,
    })
    const seconds = [5, 1, 9, 3, 7, 2, 8, 4, 10, 6]
    for (const each of seconds) await listen(at, 'websocket', { in: each }).opened()
    for (let left = seconds.length; left > 0; left--) {
      expect(at.hub.stats().lines.websocket).toBe(left)
      time.pass(1_000)
    }
    expect(at.hub.stats().lines.websocket).toBe(0)
  })

  it('may last longer than a timer can', async () => {
    const time = stopTime()
    const at = await stand({ authorize: byName({}, { expires: Date.now() + 2 ** 33 }), heartbeat: 10 ** 9 })
    await listen(at, 'websocket').opened()
    time.pass(600_000)
    expect(at.hub.stats().lines.websocket).toBe(1)
  })

  it.each([undefined, Number.POSITIVE_INFINITY])('of %s last', async expires => {
    const at = await stand({ authorize: byName({}, { expires }) })
    expect(await ask(address(at, poll))).toMatchObject({ status: 200 })
  })

  it('are refused with 401 when they are over already', async () => {
    const at = await stand({ authorize: byName({}, { expires: Date.now() - 1 }) })
    expect(await ask(address(at, poll))).toMatchObject({ status: 401, text: 'the rights have expired\n' })
  })

  it.each([1_700_000_000, Number.NaN, 'soon', new Date('never')])(
    'at %s are a fault that is reported',
    async expires => {
      const at = await stand({ authorize: byName({}, { expires: expires as never }) })
      const errors: unknown[] = []
      at.hub.on('error', error => errors.push(error))
      expect(await ask(address(at, poll))).toMatchObject({ status: 500 })
      expect(errors).toMatchObject([{ message: expect.stringContaining('authorize: expires is') }])
    },
  )

  it('take nothing from a WebSocket any more', async () => {
    const time = stopTime()
    const at = await stand({ authorize: byName({}, { expires: Date.now() + 1_000 }) })
    const heard: unknown[] = []
    at.hub.on('message', ({ data }) => void heard.push(data))
    const ear = listen(at, 'websocket')
    await ear.opened()
    time.pass(1_000)
    ear.send(message(1))
    await ear.closed
    expect(heard).toEqual([])
  })

  it('take no POST whose last byte comes later', async () => {
    const time = stopTime()
    const options: HubOptions = { authorize: byName({}, { expires: Date.now() + 1_000 }) }
    const at = await stand(options)
    const session = await between(at)
    const slow = await half(at, session, message(1))
    time.pass(1_000)
    expect(await slow.finish()).toBe(503)
  })
})

/** A POST of which the first half has come. */
async function half(at: Stand, session: string, body: string): Promise<{ finish(): Promise<number> }> {
  const sent = request(address(at, { 'rt.via': 'post', 'rt.sid': session }), {
    method: 'POST',
    headers: { 'content-type': 'text/event-stream', 'content-length': body.length },
    agent: false,
  })
  const answered = new Promise<number>((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', response => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
  })
  const before = asked
  sent.write(body.slice(0, 5))
  await until(() => asked > before)
  return {
    finish() {
      sent.end(body.slice(5))
      return answered
    },
  }
}
