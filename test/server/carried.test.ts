/** A channel that goes down another session's, as PROTOCOL.md has it under "A carried channel". */
import { describe, expect, it } from 'vitest'
import type { Block } from '../../src/wire/block.ts'
import {
  address,
  ask,
  channels,
  type Ear,
  listen,
  message,
  parse,
  post,
  type Query,
  type Stand,
  stand,
} from './harness.ts'

const name = 'abcdefgh'

function carry(at: Stand, by: string, query: Query = {}, headers: Record<string, string> = {}) {
  return ask(address(at, { 'rt.via': 'carried', 'rt.by': by, 'rt.as': name, ...query }), { headers })
}

/** What was carried so far: its pieces are counted from 1, without a hole. */
function carriedBy(ear: Ear, as = name): Block[] {
  const pieces = piecesIn(ear, as)
  for (const [index, piece] of pieces.entries()) expect(piece).toMatch(RegExp(`^${index + 1}(\n| end$)`))
  const blocks = parse(pieces.map(piece => piece.replace(/^\d+\n/, '')).join(''))
  return pieces.at(-1)?.endsWith(' end')
    ? [...blocks, { id: undefined, event: 'end', data: undefined }]
    : blocks
}

function piecesIn({ blocks }: Ear, as = name): string[] {
  return blocks.flatMap(({ event, re, data = '' }) => (event === 'rt.carried' && re === as ? [data] : []))
}

function isMessage({ event }: Block): boolean {
  return event === undefined
}

async function sessionOf(ear: Ear): Promise<string> {
  return (await ear.opened()).session
}

async function carriedSession(ear: Ear, as = name): Promise<string> {
  const hello = () => carriedBy(ear, as).find(({ event }) => event === 'rt.open')
  await expect.poll(hello).toBeDefined()
  return JSON.parse(hello()?.data ?? '').session
}

describe.each(channels)('down %s', via => {
  it('brings a session of its own what it hears, in order', async () => {
    const at = await stand()
    const ear = listen(at, via)
    const by = await sessionOf(ear)
    expect(await carry(at, by, { topic: 'y' })).toMatchObject({ status: 200, text: '' })
    const session = await carriedSession(ear)
    expect(session).not.toBe(by)
    const ids: string[] = []
    for (let index = 0; index < 50; index++) {
      ids.push(await at.hub.publish('y', `text ${index}\nof two lines`))
      await at.hub.publish('x', 'for the tab that carries')
    }
    await expect
      .poll(() =>
        carriedBy(ear)
          .filter(isMessage)
          .map(({ id }) => id),
      )
      .toEqual(ids)
    expect(carriedBy(ear).filter(isMessage)[7]?.data).toBe('text 7\nof two lines')
    expect(at.hub.stats().lines.carried).toBe(1)
  })

  it('answers a ping there, and takes messages by POST', async () => {
    const at = await stand()
    const taken: unknown[] = []
    at.hub.on('message', ({ data }) => void taken.push(data))
    const ear = listen(at, via)
    await carry(at, await sessionOf(ear))
    const session = await carriedSession(ear)
    const { text } = await post(at, session, `${message(1)}event: rt.ping\ndata: 7\n\n`)
    expect(parse(text)).toContainEqual(expect.objectContaining({ event: 'rt.ack', data: '1' }))
    expect(taken).toEqual(['m1'])
    await expect
      .poll(() => carriedBy(ear))
      .toContainEqual(expect.objectContaining({ event: 'rt.pong', data: '7' }))
  })

  it('goes on after its position', async () => {
    const at = await stand()
    const ear = listen(at, via)
    const by = await sessionOf(ear)
    const first = await at.hub.publish('x', 'one')
    await at.hub.publish('x', 'two')
    await carry(at, by, { 'rt.id': first })
    await expect
      .poll(() =>
        carriedBy(ear)
          .filter(isMessage)
          .map(({ data }) => data),
      )
      .toEqual(['two'])
  })
})

it('says that it ends, behind what it said', async () => {
  const at = await stand()
  const ear = listen(at, 'websocket')
  await carry(at, await sessionOf(ear))
  await post(at, await carriedSession(ear), 'event: rt.bye\ndata: \n\n')
  await expect
    .poll(() =>
      carriedBy(ear)
        .map(({ event }) => event)
        .slice(-2),
    )
    .toEqual(['rt.bye', 'end'])
  expect(at.hub.stats().lines.carried).toBe(0)
})

it.each(['websocket', 'eventsource', 'long-polling'] as const)(
  'ends when the tab that carries it over %s says that nobody hears it any more',
  async via => {
    const at = await stand()
    const ear = listen(at, via)
    const by = await sessionOf(ear)
    await carry(at, by)
    await carriedSession(ear)
    const drop = `event: rt.drop\ndata: ${name}\n\n`
    if (via === 'websocket') ear.send(drop)
    else await post(at, by, drop)
    await expect.poll(() => at.hub.stats().lines.carried).toBe(0)
    // Its session lives on, for the next channel.
    expect(at.hub.stats().sessions).toBe(2)
  },
)

it.each(channels)('ends with the session that carries it, over %s', async via => {
  const at = await stand({ heartbeat: 300, sessionTimeout: 600 })
  const ear = listen(at, via)
  await carry(at, await sessionOf(ear))
  await carriedSession(ear)
  ear.close()
  await expect.poll(() => at.hub.stats().lines.carried).toBe(0)
})

it('counts once more when a channel of the tab that carries it is over, so that what was lost with it is missed at once', async () => {
  const at = await stand()
  const first = listen(at, 'eventsource')
  const by = await sessionOf(first)
  await carry(at, by)
  const session = await carriedSession(first)
  const second = listen(at, 'websocket', { 'rt.sid': by })
  await second.opened()
  first.close()
  await expect.poll(() => second.blocks.filter(({ event }) => event === 'rt.carried')).toHaveLength(1)
  const [{ data }] = second.blocks.filter(({ event }) => event === 'rt.carried') as [Block]
  expect(data).toMatch(/^\d+\n$/)
  expect(session).not.toBe(by)
})

it('takes the place of one of the same name', async () => {
  const at = await stand()
  const ear = listen(at, 'websocket')
  const by = await sessionOf(ear)
  await carry(at, by)
  await carriedSession(ear)
  await carry(at, by)
  await expect.poll(() => at.hub.stats().lines.carried).toBe(1)
})

it('waits for a tab that reads slowly, and misses nothing', async () => {
  const at = await stand({ limits: { unsent: 100_000 } })
  const ear = listen(at, 'websocket', { topic: 'other' })
  await carry(at, await sessionOf(ear))
  await carriedSession(ear)
  ear.pause()
  const ids: string[] = []
  for (let index = 0; index < 400; index++)
    ids.push(await at.hub.publish('x', `${index} ${'x'.repeat(50_000)}`))
  ear.resume()
  await expect
    .poll(
      () =>
        carriedBy(ear)
          .filter(isMessage)
          .map(({ id }) => id),
      { timeout: 30_000 },
    )
    .toEqual(ids)
})

it('says goodbye to what is carried before it closes what carries it', async () => {
  const at = await stand()
  const ear = listen(at, 'websocket')
  await carry(at, await sessionOf(ear))
  await carriedSession(ear)
  await at.hub.close()
  expect(carriedBy(ear).map(({ event }) => event)).toContain('rt.bye')
})

it('tells the tab that is carried by a hole that its channel was cut', async () => {
  const at = await stand()
  const ear = listen(at, 'websocket')
  await carry(at, await sessionOf(ear))
  await carriedSession(ear)
  at.hub.refuse(['carried'])
  const last = () => Number.parseInt(piecesIn(ear).at(-1) ?? '', 10)
  await expect.poll(() => last() > piecesIn(ear).length).toBe(true)
})

it.each(channels.filter(via => !isPoll(via)))(
  'ends at once with the last channel of what carries it, over %s, and nothing of it comes down the next',
  async via => {
    const at = await stand()
    const ear = listen(at, via)
    const by = await sessionOf(ear)
    await carry(at, by, { topic: 'y' })
    await carriedSession(ear)
    ear.close()
    await expect.poll(() => at.hub.stats().lines.carried).toBe(0)
    await at.hub.publish('y', 'for nobody')
    const next = listen(at, via, { 'rt.sid': by })
    await next.opened()
    await at.hub.publish('x', 'for the tab that carries')
    await next.messages(1)
    expect(piecesIn(next)).toEqual([])
  },
)

it('waits where it was asked for between two polls', async () => {
  const at = await stand({ heartbeat: 300 })
  const by = JSON.parse(parse((await poll(at, { 'rt.n': 0 })).text)[0]?.data ?? '').session
  expect(await carry(at, by)).toMatchObject({ status: 200 })
  // Longer than the hub takes to find out channels that are over.
  const other = listen(at, 'websocket')
  for (let beats = 0; beats < 2; beats++) await other.next('rt.beat')
  expect(at.hub.stats().lines.carried).toBe(1)
  const { text } = await poll(at, { 'rt.n': 1, 'rt.sid': by })
  expect(parse(text)).toContainEqual(expect.objectContaining({ event: 'rt.carried', re: name }))
})

it.each(['websocket', 'long-polling'] as const)(
  'ends when the tab that carries it over %s is carried itself',
  async via => {
    const at = await stand({ heartbeat: 300 })
    const ears = [listen(at, via), listen(at, 'websocket')] as const
    const [one, two] = [await sessionOf(ears[0]), await sessionOf(ears[1])]
    await carry(at, one)
    await carriedSession(ears[0])
    await carry(at, two, { 'rt.sid': one, 'rt.as': 'one00000' })
    ears[0].close()
    await expect.poll(() => at.hub.stats().lines.carried).toBe(1)
    expect(at.hub.stats().stuck).toBe(0)
  },
)

it('goes on between two polls of a session that was carried before', async () => {
  const at = await stand()
  const other = listen(at, 'long-polling')
  const by = JSON.parse(parse((await poll(at, { 'rt.n': 0 })).text)[0]?.data ?? '').session
  await carry(at, await sessionOf(other), { 'rt.sid': by, 'rt.as': 'was00000' })
  await carriedSession(other, 'was00000')
  await carry(at, by, { topic: 'y' })
  // As a tab comes that takes the lock: it polls, and what it was carried by is not over yet.
  for (let turn = 0; turn < 3; turn++) {
    const { text } = await poll(at, { 'rt.n': turn, 'rt.c': 'd', 'rt.sid': by })
    if (turn === 0) await carry(at, by, { topic: 'y', 'rt.as': 'next0000' })
    expect(text).toContain(turn === 0 ? 'rt.open' : 'next0000')
    await at.hub.publish('y', `after ${turn}`)
  }
  expect(at.hub.stats().lines.carried).toBeGreaterThan(1)
})

it('goes on down the next channel where the one before is stopped up', async () => {
  const at = await stand({ limits: { unsent: 100_000 } })
  const ear = listen(at, 'xhr-streaming', { topic: 'other' })
  const by = await sessionOf(ear)
  await carry(at, by)
  await carriedSession(ear)
  ear.pause()
  for (let index = 0; index < 400; index++) await at.hub.publish('x', 'x'.repeat(50_000))
  const next = listen(at, 'websocket', { topic: 'other', 'rt.sid': by })
  await next.opened()
  ear.close()
  await at.hub.publish('x', 'the last')
  await expect
    .poll(() => piecesIn(next).join('').includes('data: the last\n'), { timeout: 10_000 })
    .toBe(true)
})

it('takes nobody more in where what waits for the next poll is more than a slow reader may leave', async () => {
  const at = await stand({ limits: { unsent: 100_000 } })
  const first = await at.hub.publish('x', 'first')
  for (let index = 0; index < 4; index++) await at.hub.publish('x', 'x'.repeat(50_000))
  const { text } = await poll(at, { 'rt.n': 0, 'rt.id': first })
  const by = JSON.parse(parse(text)[0]?.data ?? '').session
  const statuses = new Set<number>()
  for (let index = 0; index < 5; index++) {
    const { status } = await carry(at, by, { 'rt.id': first })
    statuses.add(status)
    await at.hub.publish('y', 'so that what was read has been written')
  }
  expect([...statuses]).toEqual([200, 503])
})

it('comes in pieces that no limit of the tab that carries leaves out, cut between characters', async () => {
  const at = await stand()
  const ear = listen(at, 'websocket', { topic: 'other' })
  await carry(at, await sessionOf(ear))
  await carriedSession(ear)
  const text = `a${'\u{1f600}'.repeat(100_000)}${'\n'.repeat(100_000)}b`
  await at.hub.publish('x', text)
  const message = () => carriedBy(ear).find(isMessage)
  await expect.poll(message).toBeDefined()
  expect(message()?.data === text).toBe(true)
  expect(Math.max(...piecesIn(ear).map(({ length }) => length))).toBeLessThan(10_000)
})

function isPoll(via: string): boolean {
  return via === 'long-polling' || via === 'jsonp'
}

/** One poll of one client. */
function poll(at: Stand, query: Query) {
  return ask(address(at, { 'rt.via': 'long-polling', 'rt.c': 'c', ...query }))
}

describe('is refused', () => {
  it('where nobody is in such a session', async () => {
    const at = await stand()
    expect(await carry(at, 'nobody')).toMatchObject({ status: 404 })
  })

  it('where somebody else is', async () => {
    const at = await stand({
      authorize: ({ headers }) => ({ principal: `${headers.who}`, topics: ['x'], send: true }),
    })
    const by = await sessionOf(listen(at, 'websocket', {}, { who: 'alice' }))
    expect(await carry(at, by, {}, { who: 'bob' })).toMatchObject({ status: 404 })
    expect(await carry(at, by, {}, { who: 'alice' })).toMatchObject({ status: 200 })
    expect(at.hub.stats().lines.carried).toBe(1)
  })

  it('on another page of the same person', async () => {
    const at = await stand({ origins: ['https://one.example', 'https://two.example'] })
    const by = await sessionOf(listen(at, 'websocket', {}, { origin: 'https://one.example' }))
    expect(await carry(at, by, {}, { origin: 'https://two.example' })).toMatchObject({ status: 404 })
  })

  it('by itself', async () => {
    const at = await stand()
    const by = await sessionOf(listen(at, 'websocket'))
    expect(await carry(at, by, { 'rt.sid': by })).toMatchObject({ status: 404 })
  })

  it.each(['', 'short', 'has space', 'A'.repeat(8), 'a'.repeat(33), 'a\nb_ccccc'])('as %j', async as => {
    const at = await stand()
    const by = await sessionOf(listen(at, 'websocket'))
    expect(await carry(at, by, { 'rt.as': as })).toMatchObject({ status: 400 })
  })

  it('where `authorize` refuses it', async () => {
    const at = await stand({ authorize: ({ transport }) => transport !== 'carried' && ['x'] })
    const by = await sessionOf(listen(at, 'websocket'))
    expect(await carry(at, by)).toMatchObject({ status: 403 })
    expect(at.hub.stats().lines.carried).toBe(0)
  })

  it('where it was turned off', async () => {
    const at = await stand()
    const by = await sessionOf(listen(at, 'websocket'))
    at.hub.refuse(['carried'])
    expect(await carry(at, by)).toMatchObject({ status: 400 })
  })
})

it('of two sessions that would carry each other each goes by its own channel', async () => {
  const at = await stand()
  const ears = [listen(at, 'websocket', { topic: 'a' }), listen(at, 'websocket', { topic: 'b' })] as [
    Ear,
    Ear,
  ]
  const [one, two] = [await sessionOf(ears[0]), await sessionOf(ears[1])]
  await carry(at, one, { 'rt.sid': two, 'rt.as': 'two00000', topic: 'c' })
  await carry(at, two, { 'rt.sid': one, 'rt.as': 'one00000', topic: 'd' })
  await carriedSession(ears[0], 'two00000')
  await carriedSession(ears[1], 'one00000')
  await at.hub.publish('c', 'for two')
  await at.hub.publish('d', 'for one')
  await expect
    .poll(() =>
      carriedBy(ears[0], 'two00000')
        .filter(isMessage)
        .map(({ data }) => data),
    )
    .toEqual(['for two'])
  await expect
    .poll(() =>
      carriedBy(ears[1], 'one00000')
        .filter(isMessage)
        .map(({ data }) => data),
    )
    .toEqual(['for one'])
})
