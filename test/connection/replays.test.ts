import { describe, expect, test } from 'vitest'
import { plain } from '../../src/dialects/plain.ts'
import { openLine, type Stage } from '../support/line.ts'

interface Sent {
  id: string
  data?: string
  /** How long after the one before it, in ms. */
  after?: number
}

async function begin(): Promise<Stage & { data: () => string[] }> {
  const stage = await openLine({ dialect: plain })
  return {
    ...stage,
    data: () => stage.heard.filter(each => each.startsWith('message')).map(each => each.slice(8)),
  }
}

/** One connection from its opening to its end, and the way to the next. */
async function connection({ transport, world }: Stage, ...sent: Sent[]): Promise<void> {
  transport.channel.opens()
  for (const { id, data = id, after = 0 } of sent) {
    await world.pass(after)
    transport.channel.brings({ id, data })
  }
  transport.channel.ends()
  const { length } = transport.channels
  while (transport.channels.length === length) await world.pass(250)
}

const numbers = (count: number, after = 0, from = 1): Sent[] =>
  Array.from({ length: count }, (_, index) => ({ id: `${from + index}`, after }))

const texts = (...counts: number[]) =>
  counts.flatMap(count => Array.from({ length: count }, (_, index) => `${index + 1}`))

describe('a server that replays', () => {
  test('all that it sent live is heard once', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(4, 3_000))
    await connection(stage, ...numbers(4), ...numbers(2, 3_000, 5))
    await connection(stage, ...numbers(6))
    expect(stage.data()).toEqual(texts(6))
  })

  test('a history that came at once is heard once, also on a slow network, and from a page that is busy meanwhile', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(20))
    await connection(stage, ...numbers(10), ...numbers(10, 400, 11), ...numbers(2, 0, 21))
    expect(stage.data()).toEqual(texts(22))
  })

  test('large messages that take as long each time are heard once', async () => {
    const large = (count: number) =>
      numbers(count, 700).map(each => ({ ...each, data: each.id.repeat(15_000) }))
    const stage = await begin()
    await connection(stage, ...large(3))
    await connection(stage, ...large(3))
    expect(stage.data()).toHaveLength(3)
  })

  test('with one message that takes its time in between is heard once', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(6, 1_000))
    await connection(stage, ...numbers(3), ...numbers(1, 900, 4), ...numbers(2, 0, 5))
    expect(stage.data()).toEqual(texts(6))
  })

  test('the newest first is heard once', async () => {
    const stage = await begin()
    await connection(stage, { id: '1' }, { id: '2', after: 1_000 })
    await connection(stage, { id: '3' }, { id: '2' }, { id: '1' })
    expect(stage.data()).toEqual(['1', '2', '3'])
  })

  test('what the position names, and no more, is heard once', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(4, 1_000))
    await connection(stage, { id: '4', after: 1_000 }, { id: '5', after: 1_000 })
    expect(stage.data()).toEqual(texts(5))
  })
})

describe('a server that begins to count anew with each connection is heard whole', () => {
  test.each([60, 1_000, 20_000])('with a message each %i ms', async after => {
    const stage = await begin()
    for (let count = 0; count < 4; count++) await connection(stage, ...numbers(4, after))
    expect(stage.data()).toEqual(texts(4, 4, 4, 4))
  })

  test('when the first comes at once, and the others take their time', async () => {
    const stage = await begin()
    for (let count = 0; count < 4; count++) await connection(stage, { id: '1' }, ...numbers(3, 1_000, 2))
    expect(stage.data()).toEqual(texts(4, 4, 4, 4))
  })

  test('but for the very message that the position names, which a server may repeat', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(4, 1_000))
    await connection(stage, { id: '1' })
    await connection(stage, ...numbers(2, 1_000))
    expect(stage.data()).toEqual(texts(4, 1).concat('2'))
  })

  test('within a second, with the ids that they came with', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(3, 10_000))
    const ids: string[] = []
    stage.line.addEventListener('message', ({ lastEventId }) => ids.push(lastEventId))
    stage.transport.channel.opens()
    stage.transport.channel.brings({ id: '1', data: '1' })
    await stage.world.pass(1_000)
    expect(ids).toEqual(['1'])
    expect(stage.line.lastEventId).toBe('1')
    stage.line.close()
    expect(stage.world.timers).toBe(0)
  })

  test('in order with messages that have no id', async () => {
    const stage = await begin()
    await connection(stage, ...numbers(3, 10_000))
    stage.transport.channel.opens()
    stage.transport.channel.brings({ id: '1', data: '1' }, { data: 'plain' })
    expect(stage.data()).toEqual(['1', '2', '3', '1', 'plain'])
  })
})

test('what is kept to compare is an id and a digest, and bounded however long ids are', async () => {
  const stage = await begin()
  const long = (from: number) =>
    numbers(400, 0, from).map(({ id }) => ({ id: id.padEnd(4_000, '.'), data: id }))
  await connection(stage, ...numbers(1), ...long(10))
  // The first has made room for others, so nobody can tell that it was heard.
  await connection(stage, ...numbers(1), { id: '99' })
  expect(stage.data().filter(each => each === '1')).toHaveLength(2)
})

describe('a message that is kept back until it is clear whether the server replays', () => {
  async function held(): Promise<Stage & { data: () => string[] }> {
    const stage = await begin()
    await connection(stage, ...numbers(3, 10_000))
    stage.transport.channel.opens()
    stage.transport.channel.brings({ id: '1', data: '1' })
    return stage
  }

  test('is told at the end of its channel at the latest', async () => {
    const stage = await held()
    expect(stage.data()).toEqual(texts(3))
    stage.transport.channel.ends()
    expect(stage.data()).toEqual([...texts(3), '1'])
    expect(stage.line.lastEventId).toBe('1')
  })

  test('is told before an interruption that the browser ends by itself', async () => {
    const stage = await held()
    stage.transport.channel.pauses()
    expect(stage.heard.slice(-2)).toEqual(['message 1', 'error ended'])
  })

  test('and whose handler closes the line is the last one: the one behind it is not told, and the position does not pass it', async () => {
    const stage = await held()
    stage.line.addEventListener('message', () => stage.line.close())
    stage.transport.channel.brings({ id: '2', data: 'another' })
    expect(stage.data()).toEqual([...texts(3), '1'])
    expect(stage.line.lastEventId).toBe('1')
    expect(stage.world.timers).toBe(0)
  })

  test('is not told while the page is put aside, and comes again with the next channel', async () => {
    const stage = await held()
    await stage.world.fire('pagehide')
    expect([stage.data(), stage.world.timers]).toEqual([texts(3), 0])
    await stage.world.fire('pageshow')
    stage.transport.channel.opens()
    stage.transport.channel.brings({ id: '1', data: '1' })
    await stage.world.pass(1_000)
    expect(stage.data()).toEqual([...texts(3), '1'])
  })
})
