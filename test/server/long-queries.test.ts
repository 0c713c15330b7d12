import net from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { createLongQueries, type LongQueries } from '../../server/http/long-queries.ts'
import { memoryLog } from '../../server/index.ts'
import { encode } from '../../src/wire/encoder.ts'
import {
  address,
  ask,
  channels,
  listen,
  parse,
  type Stand,
  stand,
  until,
  type Via,
  witness,
} from './harness.ts'

const topics = Array.from({ length: 1_000 }, (_, n) => `topic=company:${n}`).join('&')
const headers = { 'Content-Type': 'text/event-stream' }

function tell(at: Stand, query: string, more: Record<string, string> = {}) {
  const url = `http://${at.host}/live?rt.v=1&rt.via=query`
  const body = encode({ event: 'rt.query', data: query })
  return ask(url, { method: 'POST', headers: { ...headers, ...more }, body })
}

async function nameOf(at: Stand, query: string): Promise<string> {
  const { status, text } = await tell(at, query)
  expect(status).toBe(200)
  const [block] = parse(text)
  expect(block?.event).toBe('rt.query')
  return block?.data ?? ''
}

describe('a query that is told by a POST', () => {
  it.each(channels)('has a name that stands for all of it over %s', async via => {
    const at = await stand()
    const ear = listen(at, via as Via, { topic: undefined, 'rt.q': await nameOf(at, topics) })
    await ear.opened()
    await at.hub.publish('company:0', 'first')
    await at.hub.publish('company:999', 'last')
    expect(await ear.messages(2)).toEqual(['first', 'last'])
  })

  it('is what authorize sees, then and later', async () => {
    const { seen, authorize } = witness()
    const at = await stand({ authorize })
    const name = await nameOf(at, 'room=a%20b&x=1')
    await listen(at, 'xhr-streaming', { topic: undefined, 'rt.q': name }).opened()
    expect(seen.map(({ url }) => [url.searchParams.get('room'), url.searchParams.get('x')])).toEqual([
      ['a b', '1'],
      ['a b', '1'],
    ])
  })

  it('has the same name on every node, which only those know who were told', async () => {
    const [one, other] = [await stand(), await stand()]
    const name = await nameOf(one, topics)
    expect((await ask(address(other, { 'rt.via': 'long-polling', 'rt.n': 0, 'rt.q': name }))).status).toBe(
      410,
    )
    expect(await nameOf(other, topics)).toBe(name)
    expect((await ask(address(other, { 'rt.via': 'long-polling', 'rt.n': 0, 'rt.q': name }))).status).toBe(
      200,
    )
  })

  it('is known to all nodes that share a log and can reach each other', async () => {
    const log = memoryLog()
    const all = await Promise.all([1, 2, 3].map(() => stand({ log })))
    await until(() => all.every(({ hub }) => hub.stats().nodes === 3))
    const name = await nameOf(all[0] as Stand, topics)
    for (const via of channels) {
      const ear = listen(all[1] as Stand, via as Via, { topic: undefined, 'rt.q': name })
      await ear.opened()
      await all[2]?.hub.publish('company:999', 'last')
      expect(await ear.messages(1)).toEqual(['last'])
    }
  })

  it('is not kept of whoever may not come with it', async () => {
    const at = await stand({ authorize: ({ url }) => url.searchParams.get('key') === 'right' && ['x'] })
    expect((await tell(at, 'key=wrong')).status).toBe(403)
    expect((await tell(at, 'key=right')).status).toBe(200)
  })

  it.each([
    ['of our own parameters', 'topic=x&rt.sid=somebody', /begin with rt/],
    ['of our own parameters, escaped', 'topic=x&%72t.id=1', /begin with rt/],
    ['that is not escaped', 'topic=안녕', /not escaped/],
    ['with a fragment', 'topic=x#y', /not escaped/],
  ])('%s is refused', async (_, query, words) => {
    const { status, text } = await tell(await stand(), query)
    expect(status).toBe(400)
    expect(text).toMatch(words)
  })

  it('is refused in a form, from a page of another site, and beside anything else', async () => {
    const at = await stand()
    expect((await tell(at, topics, { 'Content-Type': 'text/plain' })).status).toBe(415)
    expect((await tell(at, topics, { Origin: 'https://evil.example' })).status).toBe(403)
    const url = `http://${at.host}/live?rt.v=1&rt.via=query`
    const body = encode({ id: '1', data: 'x' })
    expect((await ask(url, { method: 'POST', headers, body })).status).toBe(400)
  })
})

it.each(channels)('a name that nobody told is answered 410 over %s', async via => {
  const at = await stand()
  if (via === 'websocket' || via === 'eventsource') {
    const { data = '' } = await listen(at, via, { 'rt.q': 'x' }).next('rt.fail')
    expect(JSON.parse(data)).toMatchObject({
      status: 410,
      message: expect.stringContaining('tell it again'),
    })
  } else {
    const { status, text } = await ask(
      address(at, { 'rt.via': via, 'rt.n': 0, 'rt.q': 'x', 'rt.cb': '_rta' }),
    )
    expect(via === 'jsonp' ? text : status).toEqual(via === 'jsonp' ? expect.stringContaining('410') : 410)
  }
})

it('one that does not arrive makes no room for others, and gives it back when its client leaves', async () => {
  const at = await stand({ limits: { queries: 1_000 } })
  const socket = net.connect(Number(at.host.split(':')[1]), '127.0.0.1')
  const head = `POST /live?rt.v=1&rt.via=query HTTP/1.1\r\nHost: ${at.host}\r\nContent-Type: text/event-stream\r\n`
  socket.write(`${head}Content-Length: 990\r\n\r\n`)
  await vi.waitFor(async () => expect((await tell(at, 'topic=x')).status).toBe(503), { timeout: 30_000 })
  socket.destroy()
  await vi.waitFor(async () => expect((await tell(at, 'topic=x')).status).toBe(200), { timeout: 30_000 })
})

describe('what is kept', () => {
  function keep(queries: LongQueries, query: string): string {
    const name = queries.nameOf(query)
    queries.keep(name, query)
    return name
  }

  it('is bounded: what was not asked for the longest goes', () => {
    const queries = createLongQueries(30)
    const [a, b] = [keep(queries, 'a=1234567890'), keep(queries, 'b=1234567890')]
    expect(queries.find(a)).toBeDefined()
    const c = keep(queries, 'c=1234567890')
    expect([a, b, c].map(name => queries.find(name)?.[0])).toEqual(['a', undefined, 'c'])
    expect(() => queries.nameOf('d'.repeat(31))).toThrow(expect.objectContaining({ status: 414 }))
  })

  it('counts a query once, however often it is told', () => {
    const queries = createLongQueries(30)
    const a = keep(queries, 'a=1234567890')
    for (let times = 0; times < 100; times++) keep(queries, 'b=1234567890')
    expect(queries.find(a)).toBeDefined()
  })
})
