import { beforeEach, describe, expect, test } from 'vitest'
import type { Dialect, Reader } from '../../src/contracts/dialect.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { vary } from '../support/dialects.ts'
import { FakeXhr } from '../support/xhr.ts'

const harness: Harness = {
  transport: longPolling,
  parts: page => ({ XMLHttpRequest: page.XMLHttpRequest }),
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: true,
}

transportContract(harness)
topicsContract(harness)

beforeEach(() => {
  FakeXhr.all = []
})

function begin(dialect: Dialect = native) {
  const stage = openChannel(longPolling, dialect, { XMLHttpRequest: FakeXhr as never })
  return {
    ...stage,
    /** The latest request is answered. */
    answers(text: string) {
      const xhr = FakeXhr.all.at(-1) as FakeXhr
      xhr.answers()
      if (text) xhr.brings(text)
      xhr.ends()
    },
    turns: () => FakeXhr.all.map(({ url }) => new URL(url).searchParams.get('rt.n')),
  }
}

const block = 'id: e.1.a\ndata: hi\n\n'

test('asks again at once after an answer that brought something, and counts', async () => {
  const { answers, turns, world } = begin()
  answers(block)
  await world.pass(0)
  answers(block)
  await world.pass(0)
  expect(turns()).toEqual(['0', '1', '2'])
})

test('waits a second after an answer that brought nothing at once', async () => {
  const { answers, turns, world } = begin()
  answers('')
  await world.pass(999)
  expect(turns()).toEqual(['0'])
  await world.pass(1)
  expect(turns()).toEqual(['0', '1'])
})

test('asks again at once after one that was held for long, although it brought nothing', async () => {
  const { answers, turns, world } = begin()
  await world.pass(25_000)
  answers(': nothing\n\n')
  await world.pass(0)
  expect(turns()).toEqual(['0', '1'])
})

test('drops the block that is incomplete at the end of an answer: the next one brings it whole', async () => {
  const { answers, heard, world } = begin()
  answers('id: e.1.a\nda')
  await world.pass(1_000)
  answers(block)
  expect(heard.filter(said => said.includes('='))).toEqual(['blocks e.1.a=hi'])
})

test('hands on nothing of an answer that broke off which only its end would have made whole', async () => {
  const dialect = vary(plain, {
    framing: { reader: () => ({ feed: () => [], end: () => [{ id: '1', event: undefined, data: 'half' }] }) },
  })
  const { heard, failures } = begin(dialect)
  const xhr = FakeXhr.all.at(-1) as FakeXhr
  xhr.answers()
  xhr.brings('ha')
  xhr.breaks()
  expect(heard.filter(said => said.includes('='))).toEqual([])
  expect(failures.map(({ kind }) => kind)).toEqual(['cut'])
})

test('tells the dialect the reader of the answer before', async () => {
  const previous: unknown[] = []
  const made: Reader[] = []
  const dialect = vary(plain, {
    addressing: {
      buildRequest(context) {
        previous.push(context.previous)
        return plain.addressing.buildRequest(context)
      },
    },
    framing: {
      reader(transport) {
        const reader = plain.framing.reader(transport)
        made.push(reader)
        return reader
      },
    },
  })
  const { answers, world } = begin(dialect)
  answers('data: a\n\n')
  await world.pass(5_000)
  expect(previous).toEqual([undefined, made[0]])
})

test('close between two polls asks no more', async () => {
  const { answers, channel, turns, world } = begin()
  answers(block)
  channel.close()
  await world.pass(60_000)
  expect(turns()).toEqual(['0'])
  expect(world.timers).toBe(0)
})

describe('a server that knows nothing of us', () => {
  test('is asked again after the retry that it told, in this answer or an earlier one', async () => {
    const { answers, world } = begin(plain)
    answers('retry: 800\ndata: a\n\n')
    await world.pass(799)
    expect(FakeXhr.all).toHaveLength(1)
    await world.pass(1)
    answers('data: b\n\n')
    await world.pass(799)
    expect(FakeXhr.all).toHaveLength(2)
    await world.pass(1)
    expect(FakeXhr.all).toHaveLength(3)
  })

  test('interrupts the line with each answer that ends, as it does for an EventSource', async () => {
    const { answers, failures, heard, world } = begin(plain)
    answers('retry: 800\ndata: a\n\n')
    await world.pass(800)
    answers('data: b\n\n')
    expect(heard).toEqual([
      'opened long-polling',
      'blocks undefined=a',
      'paused ended',
      'opened long-polling',
      'blocks undefined=b',
      'paused ended',
    ])
    expect(failures[0]?.retryAfter).toBe(800)
  })
})

test('is one line where the dialect joins its answers, and many interruptions where EventSource would tell of them', async () => {
  const joined = begin(vary(plain, { policy: { resumesCleanEnd: true } }))
  joined.answers(block)
  await joined.world.pass(0)
  joined.answers(block)
  expect(joined.heard).toEqual(['opened long-polling', 'blocks e.1.a=hi', 'blocks e.1.a=hi'])
  expect(joined.failures).toEqual([])
  FakeXhr.all = []
  const parted = begin(plain)
  parted.answers(block)
  expect(parted.failures.map(({ kind }) => kind)).toEqual(['ended'])
})

test('hands each reader on to the next answer, for what goes on from one to the other', async () => {
  const befores: (Reader | undefined)[] = []
  const made: Reader[] = []
  const dialect = vary(plain, {
    framing: {
      reader(transport, previous) {
        befores.push(previous)
        const reader = plain.framing.reader(transport)
        made.push(reader)
        return reader
      },
    },
    policy: { resumesCleanEnd: true },
  })
  const { answers, world } = begin(dialect)
  answers(block)
  await world.pass(0)
  answers(`${block}:another\n`)
  await world.pass(0)
  expect(befores).toEqual([undefined, made[0], made[1]])
})

test('takes an answer of any number of blocks, and the wait that the last of them asks for', async () => {
  const { answers, turns, world } = begin(plain)
  answers(`${'data: x\n\n'.repeat(300_000)}retry: 7000\n\n`)
  await world.pass(6_999)
  expect(turns()).toHaveLength(1)
  await world.pass(1)
  expect(turns()).toHaveLength(2)
})
