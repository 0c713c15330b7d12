import { describe, expect, test } from 'vitest'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Outgoing } from '../../src/contracts/outbox.ts'
import type { Done } from '../../src/contracts/send.ts'
import { createProducerOutbox, type ProducerRules, unstamped } from '../../src/outbox/producer.ts'
import { createWorld } from '../support/world.ts'

const join = (texts: readonly string[]) => texts.join()
const failed = (status?: number, more: Partial<Failure> = {}): Failure => ({
  kind: status ? 'status' : 'cut',
  code: 'status',
  status,
  ...more,
})
const message = (data: string, more: Partial<Outgoing> = {}): Outgoing => ({
  event: undefined,
  data,
  ...more,
})

function setUp(rules: ProducerRules = { join }) {
  const world = createWorld()
  const requests: { id: string; epoch: number; seq: number; body: unknown; done: Done }[] = []
  const lost: unknown[] = []
  const outbox = createProducerOutbox(rules)({ write: ({ data }) => data }, world.environment, status =>
    lost.push(status),
  )
  const outcomes: Record<string, string> = {}
  return {
    world,
    outbox,
    requests,
    lost,
    outcomes,
    open: () =>
      outbox.open((sent, done) => {
        const stamp = unstamped(sent)
        if (!stamp) throw new Error('a request without a stamp')
        requests.push({ ...stamp, done })
      }, undefined),
    add(data: string, more?: Partial<Outgoing>) {
      outcomes[data] = 'pending'
      outbox.add(message(data, more)).then(
        () => (outcomes[data] = 'taken'),
        error => (outcomes[data] = error.kind),
      )
    },
    numbers: () => requests.map(({ seq, body }) => [seq, body]),
    answers: async (failure?: Failure) => {
      requests.at(-1)?.done(failure)
      await world.settle()
    },
  }
}

test('what is sent in one turn goes by one request, what comes later by the next, each with the number after the last', async () => {
  const { open, add, numbers, answers, world, outcomes } = setUp()
  open()
  add('a')
  add('b')
  await world.settle()
  add('c')
  await world.settle()
  expect(numbers()).toEqual([[0, 'a,b']])
  await answers()
  expect(numbers()).toEqual([
    [0, 'a,b'],
    [1, 'c'],
  ])
  await answers()
  expect(outcomes).toEqual({ a: 'taken', b: 'taken', c: 'taken' })
})

test('each message goes alone where they cannot be joined, and bytes come out as they went in', async () => {
  const { open, outbox, requests, answers, world } = setUp({})
  open()
  void outbox.add({ event: undefined, data: Uint8Array.of(32, 10, 255).buffer })
  void outbox.add(message('b'))
  await world.settle()
  expect([...new Uint8Array(requests[0]?.body as ArrayBuffer)]).toEqual([32, 10, 255])
  await answers()
  expect(requests[1]).toMatchObject({ seq: 1, body: 'b' })
})

describe('a request whose outcome is unknown', () => {
  test.each([undefined, 408, 500, 503])(
    'is made again as it was, whatever was added since (%s)',
    async status => {
      const { open, add, numbers, answers, world, outcomes } = setUp()
      open()
      add('a')
      await world.settle()
      add('b')
      await answers(failed(status))
      await world.pass(250)
      await answers()
      await answers()
      expect(numbers()).toEqual([
        [0, 'a'],
        [0, 'a'],
        [1, 'b'],
      ])
      expect(outcomes).toEqual({ a: 'taken', b: 'taken' })
    },
  )

  test('is made again by the next channel, by the same producer', async () => {
    const { open, add, outbox, requests, numbers, answers, world, outcomes } = setUp()
    open()
    add('a')
    await world.settle()
    outbox.pause()
    open()
    expect(numbers()).toEqual([
      [0, 'a'],
      [0, 'a'],
    ])
    expect(requests[0]?.id).toBe(requests[1]?.id)
    // Whichever is answered first: it was taken.
    requests[0]?.done()
    await world.settle()
    add('b')
    await answers()
    expect(numbers()[2]).toEqual([1, 'b'])
    await answers()
    expect(outcomes).toEqual({ a: 'taken', b: 'taken' })
  })

  test('is made again although nobody waits for its messages any more, so that later numbers fit', async () => {
    const { open, add, numbers, answers, world, outcomes } = setUp()
    open()
    add('a', { timeout: 100 })
    await world.settle()
    await answers(failed())
    add('b')
    await world.pass(100)
    expect(outcomes).toEqual({ a: 'IN_DOUBT', b: 'pending' })
    await world.pass(150)
    await answers()
    await answers()
    expect(numbers().slice(1)).toEqual([
      [0, 'a'],
      [1, 'b'],
    ])
    expect(outcomes).toEqual({ a: 'IN_DOUBT', b: 'taken' })
  })

  test('leaves what waited too long in doubt, and goes on as it was', async () => {
    const { open, add, answers, numbers, world, outcomes } = setUp()
    open()
    add('a')
    await world.settle()
    await world.pass(120_000)
    expect(outcomes).toEqual({ a: 'IN_DOUBT' })
    add('b')
    await world.settle()
    await answers()
    await answers()
    expect(numbers()).toEqual([
      [0, 'a'],
      [1, 'b'],
    ])
    expect(outcomes).toEqual({ a: 'IN_DOUBT', b: 'taken' })
  })

  test('and that is refused then is in doubt, and what comes after it has another producer’s numbers', async () => {
    const { open, add, answers, requests, world, outcomes } = setUp()
    open()
    add('a')
    await world.settle()
    await answers(failed())
    await world.pass(250)
    await answers(failed(404))
    expect(outcomes).toEqual({ a: 'IN_DOUBT' })
    add('b')
    await world.settle()
    expect(requests[2]).toMatchObject({ seq: 0, body: 'b' })
    expect(requests[2]?.id).not.toBe(requests[1]?.id)
  })
})

describe('a request that is refused at once', () => {
  test.each([
    [400, 'declined'],
    [403, 'forbidden'],
    [404, 'declined'],
    [409, 'declined'],
    [413, 'too-large'],
    [501, 'declined'],
  ] as const)('with %i was not taken (%s), and the next has its number', async (status, kind) => {
    const { open, add, answers, numbers, world, outcomes } = setUp()
    open()
    add('a')
    await world.settle()
    await answers(failed(status))
    add('b')
    await world.settle()
    await answers()
    expect(numbers()).toEqual([
      [0, 'a'],
      [0, 'b'],
    ])
    expect(outcomes).toEqual({ a: kind, b: 'taken' })
  })

  test('with 413 goes in smaller parts, if it was of several messages', async () => {
    const { open, add, answers, numbers, world } = setUp()
    open()
    for (const data of ['a', 'b', 'c']) add(data)
    await world.settle()
    await answers(failed(413))
    await answers()
    expect(numbers()).toEqual([
      [0, 'a,b,c'],
      [0, 'a,b'],
      [1, 'c'],
    ])
  })

  test('with 429 goes again when the server wants it', async () => {
    const { open, add, answers, numbers, world } = setUp()
    open()
    add('a')
    await world.settle()
    await answers(failed(429, { retryAfter: 3_000 }))
    await world.pass(2_999)
    expect(numbers()).toHaveLength(1)
    await world.pass(1)
    expect(numbers()).toHaveLength(2)
  })

  test('with 401 goes again once there is a new token', async () => {
    const { open, add, answers, numbers, lost, world } = setUp()
    open()
    add('a')
    await world.settle()
    await answers(failed(401))
    expect(lost).toEqual([401])
    open()
    expect(numbers()).toEqual([
      [0, 'a'],
      [0, 'a'],
    ])
  })
})

test('a producer of the page’s that is shut out sends nothing more, so that it never shuts out the other', async () => {
  const { open, add, answers, requests, world, outcomes } = setUp({
    producer: () => ({ id: 'form', epoch: 7 }),
  })
  open()
  add('a')
  await world.settle()
  expect(requests[0]).toMatchObject({ id: 'form', epoch: 7, seq: 0 })
  add('b')
  await answers(failed(403, { code: 'fenced', detail: 'its epoch is 8' }))
  add('c')
  await world.settle()
  expect(outcomes).toEqual({ a: 'declined', b: 'declined', c: 'declined' })
  expect(requests).toHaveLength(1)
})

test('after a gap in the numbers a line without a producer of its own begins anew as another', async () => {
  const { open, add, answers, requests, world, outcomes } = setUp()
  open()
  add('a')
  await world.settle()
  await answers()
  add('b')
  await world.settle()
  await answers(failed(409, { code: 'sequence-gap', detail: 'it expected 0' }))
  add('c')
  await world.settle()
  await answers()
  expect(outcomes).toEqual({ a: 'taken', b: 'declined', c: 'taken' })
  expect(requests[2]).toMatchObject({ seq: 0, body: 'c' })
  expect(requests[2]?.id).not.toBe(requests[1]?.id)
})

test('what waits is handed over when the line is closed, in order and numbered on', async () => {
  const { open, add, outbox, numbers, world, outcomes } = setUp({})
  open()
  for (const data of ['a', 'b', 'c']) add(data)
  await world.settle()
  outbox.flush()
  outbox.close()
  await world.settle()
  expect(numbers()).toEqual([
    [0, 'a'],
    [1, 'b'],
    [2, 'c'],
  ])
  expect(outcomes).toEqual({ a: 'IN_DOUBT', b: 'IN_DOUBT', c: 'IN_DOUBT' })
  await world.pass(200_000)
  expect(world.timers).toBe(0)
})
