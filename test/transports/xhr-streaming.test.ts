import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { xhrStreaming } from '../../src/transports/xhr-streaming.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { vary } from '../support/dialects.ts'
import { FakeXhr } from '../support/xhr.ts'

const harness: Harness = {
  transport: xhrStreaming,
  parts: page => ({ XMLHttpRequest: page.XMLHttpRequest }),
  acceptsFirst: true,
  // jsdom never tells that a response broke off in the middle; browsers do.
  showsCuts: false,
  aborts: true,
  answersSends: true,
}

transportContract(harness)
topicsContract(harness)

beforeEach(() => {
  FakeXhr.all = []
})

function begin(dialect: Dialect = native) {
  const stage = openChannel(xhrStreaming, dialect, { XMLHttpRequest: FakeXhr as never })
  const first = FakeXhr.all[0] as FakeXhr
  first.answers()
  return { ...stage, first }
}

const large = `: ${'x'.repeat(512 * 1024)}\n\n`

describe('a response that has grown long', () => {
  test('is left for a fresh one, which begins where it is now', () => {
    const { first, position } = begin()
    position.cursor = 'e.1.t1'
    first.brings(large)
    const second = FakeXhr.all[1] as FakeXhr
    expect(new URL(second.url).searchParams.get('rt.id')).toBe('e.1.t1')
  })

  test('goes on until the next brings something: nothing is lost between', () => {
    const { first, heard } = begin()
    first.brings(large)
    const second = FakeXhr.all[1] as FakeXhr
    first.brings('id: e.1.a\ndata: from the old\n\n')
    second.answers()
    expect(first.aborted).toBe(false)
    second.brings('id: e.2.b\ndata: from the new\n\n')
    expect(first.aborted).toBe(true)
    expect(heard).toEqual([
      'opened xhr-streaming',
      'blocks',
      'blocks e.1.a=from the old',
      'blocks e.2.b=from the new',
    ])
  })

  test('may end meanwhile: that is not the end of the channel', () => {
    const { first, heard } = begin()
    first.brings(large)
    first.ends()
    expect(heard).toEqual(['opened xhr-streaming', 'blocks'])
  })

  test('is not left within a message, however large that is', () => {
    const { heard } = begin()
    const [first] = FakeXhr.all as [FakeXhr]
    first.answers()
    first.brings('id: e.1.a\ndata: ')
    for (let piece = 0; piece < 12; piece++) first.brings('x'.repeat(100_000))
    expect(FakeXhr.all).toHaveLength(1)
    first.brings('\n\n')
    expect(heard.at(-1)).toMatch(/^blocks e\.1\.a=x+$/)
    expect(FakeXhr.all).toHaveLength(2)
  })

  test('is left once, however much it still brings', () => {
    const { first } = begin()
    first.brings(large)
    first.brings(large)
    expect(FakeXhr.all).toHaveLength(2)
  })

  test('is left also when the fresh one ends and has brought nothing', async () => {
    const { first, heard, world } = begin(vary(native, { policy: { resumesCleanEnd: true } }))
    first.brings(large)
    FakeXhr.all[1]?.answers()
    FakeXhr.all[1]?.ends()
    expect(first.aborted).toBe(true)
    await world.pass(1_000)
    expect(FakeXhr.all).toHaveLength(3)
    expect(heard).toEqual(['opened xhr-streaming', 'blocks'])
  })

  test('is left for one after it where ids do not tell what came twice, once it is sixteen times as long', async () => {
    const { first, failures, world } = begin(
      vary(native, { protocol: { comparableIds: false }, policy: { resumesCleanEnd: true } }),
    )
    for (let part = 0; part < 15; part++) first.brings(large)
    expect(FakeXhr.all).toHaveLength(1)
    first.brings(large)
    expect(first.aborted).toBe(true)
    await world.pass(1_000)
    expect(FakeXhr.all).toHaveLength(2)
    expect(failures).toEqual([])
  })

  test('both are stopped by close', () => {
    const { first, heard, channel } = begin()
    first.brings(large)
    channel.close()
    expect(FakeXhr.all.map(({ aborted }) => aborted)).toEqual([true, true])
    first.brings('data: late\n\n')
    FakeXhr.all[1]?.answers()
    expect(heard).toHaveLength(2)
  })

  test('ends in good order, much later, where no id tells what came twice', () => {
    const { first, heard } = begin(plain)
    for (let time = 0; time < 16; time++) first.brings(large)
    expect(FakeXhr.all).toHaveLength(1)
    expect(heard.at(-1)).toBe('ended ended')
    expect(first.aborted).toBe(true)
  })
})

describe('the end of a response', () => {
  test('drops the block that is incomplete, but obeys its retry', () => {
    const { first, heard } = begin(plain)
    first.brings('data: whole\n\nretry: 500\ndata: half')
    first.ends()
    expect(heard.slice(1)).toEqual(['blocks undefined=whole', 'blocks undefined=undefined', 'ended ended'])
  })

  test('in good order is told apart from a break', () => {
    const { first, failures } = begin()
    first.ends()
    expect(failures[0]?.kind).toBe('ended')
    FakeXhr.all = []
    const broken = begin()
    broken.first.breaks()
    expect(broken.failures[0]?.kind).toBe('cut')
  })
})

describe('a response that ends in good order, where the next continues it', () => {
  const continuing = vary(plain, { policy: { resumesCleanEnd: true } })

  test('is followed at once by the next, and the line hears nothing of it', async () => {
    const { first, heard, world } = begin(continuing)
    first.brings('data: a\n\n')
    first.ends()
    await world.pass(0)
    FakeXhr.all[1]?.answers()
    FakeXhr.all[1]?.brings('data: b\n\n')
    expect(heard).toEqual(['opened xhr-streaming', 'blocks undefined=a', 'blocks undefined=b'])
  })

  test('is followed by the next after a second, if it brought nothing', async () => {
    const { first, world } = begin(continuing)
    first.ends()
    await world.pass(999)
    expect(FakeXhr.all).toHaveLength(1)
    await world.pass(1)
    expect(FakeXhr.all).toHaveLength(2)
  })

  test('is followed by none after close', async () => {
    const { first, channel, world } = begin(continuing)
    first.ends()
    channel.close()
    await world.pass(2_000)
    expect(FakeXhr.all).toHaveLength(1)
    expect(world.timers).toBe(0)
  })
})

describe('where fetch hands out an answer as it comes', () => {
  const byFetch: Harness = {
    ...harness,
    parts: page => ({ XMLHttpRequest: page.XMLHttpRequest, fetch }),
    showsCuts: true,
  }
  transportContract(byFetch)
  topicsContract(byFetch)

  test('reads by XMLHttpRequest where fetch hands out nothing before the end, though somebody has brought ReadableStream', () => {
    vi.stubGlobal('Response', class {})
    let asked = 0
    openChannel(xhrStreaming, native, {
      XMLHttpRequest: FakeXhr as never,
      fetch: async () => {
        asked++
        throw new TypeError('not by fetch')
      },
    })
    vi.unstubAllGlobals()
    expect(asked).toBe(0)
    expect(FakeXhr.all).toHaveLength(1)
  })

  test('stays in one response, however long it grows', async () => {
    let asked = 0
    const { heard, world } = openChannel(xhrStreaming, native, {
      XMLHttpRequest: FakeXhr as never,
      fetch: async () => {
        asked++
        const body = new ReadableStream({
          start(stream) {
            for (let n = 0; n < 3; n++) stream.enqueue(new TextEncoder().encode(`${large}data: ${n}\n\n`))
          },
        })
        return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
      },
    })
    await expect.poll(() => heard.at(-1)).toBe('blocks undefined=2')
    await world.pass(1_000)
    expect(asked).toBe(1)
    expect(FakeXhr.all).toEqual([])
  })
})
