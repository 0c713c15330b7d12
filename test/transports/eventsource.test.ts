import { EventSource } from 'undici'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { eventsource } from '../../src/transports/eventsource.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { vary } from '../support/dialects.ts'

const harness: Harness = {
  transport: eventsource,
  parts: page => ({ EventSource: EventSource as never, XMLHttpRequest: page.XMLHttpRequest }),
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: true,
}

transportContract(harness)
topicsContract(harness)

describe('with a server’s own events', () => {
  /** An EventSource whose server is the test. */
  class FakeSource extends EventTarget {
    static last: FakeSource
    readyState = 0
    onopen: ((event: Event) => void) | null = null
    onerror: ((event: Event) => void) | null = null
    onmessage = null

    constructor() {
      super()
      FakeSource.last = this
      this.addEventListener('open', event => this.onopen?.(event))
      this.addEventListener('error', event => this.onerror?.(event))
    }

    close(): void {
      this.readyState = 2
    }

    opens(): void {
      this.readyState = 1
      this.dispatchEvent(new Event('open'))
    }

    breaks(readyState = 0): void {
      this.readyState = readyState
      this.dispatchEvent(new Event('error'))
    }

    brings(data: string, lastEventId = '', name = 'message'): void {
      this.dispatchEvent(new MessageEvent(name, { data, lastEventId }))
    }
  }

  function begin(dialect: Dialect = plain) {
    const stage = openChannel(eventsource, dialect, { EventSource: FakeSource as never })
    return { ...stage, source: FakeSource.last, followers: () => stage.followers }
  }

  test('one that Firefox ended without a word, for a navigation that the page survived, was cut', async () => {
    const { heard, source, world } = begin()
    source.opens()
    await world.fire('beforeunload')
    await world.pass(2_000)
    expect(heard).toEqual(['opened eventsource'])
    await world.fire('beforeunload')
    source.readyState = 2
    await world.pass(2_000)
    expect(heard.at(-1)).toBe('ended cut')
    expect([world.timers, world.listeners]).toEqual([0, 0])
  })

  test('a channel that reopens by itself says paused and then opened again', () => {
    const { heard, source } = begin()
    source.opens()
    source.brings('a', '1')
    source.breaks()
    source.opens()
    source.brings('b', '2')
    expect(heard).toEqual([
      'opened eventsource',
      'blocks 1=a',
      'paused ended',
      'opened eventsource',
      'blocks 2=b',
    ])
  })

  test('one whose address tells the position ends, so that the next one is asked for what came after it', () => {
    const { heard, source } = begin(
      vary(plain, { addressing: { cursorInUrl: true }, policy: { resumesCleanEnd: true } }),
    )
    source.opens()
    source.brings('a', '1')
    source.breaks()
    expect(heard).toEqual(['opened eventsource', 'blocks 1=a', 'ended ended'])
    expect(source.readyState).toBe(2)
  })

  test('one that is answered and ends again and again without a pause is left, since its browser has no floor', () => {
    const { heard, source } = begin()
    for (let times = 0; times < 30 && source.readyState !== 2; times++) {
      source.opens()
      source.breaks()
    }
    expect(heard.at(-1)).toBe('ended cut')
    expect(source.readyState).toBe(2)
  })

  test('one that nobody answers is left to its browser, which alone knows the position', () => {
    const { heard, source } = begin()
    source.opens()
    for (let times = 0; times < 100; times++) source.breaks()
    expect(heard.filter(said => said.startsWith('ended'))).toEqual([])
    expect(source.readyState).toBe(0)
  })

  test('one that never opened ends', () => {
    const { heard, source } = begin()
    source.breaks()
    expect(heard).toEqual(['ended refused'])
    expect(source.readyState).toBe(2)
  })

  test('one that the browser gives up on ends: the answer was no event stream', () => {
    const { heard, source } = begin()
    source.opens()
    source.breaks(2)
    expect(heard).toEqual(['opened eventsource', 'ended status'])
  })

  test('names are listened for as they come into use', () => {
    const { heard, listen, source } = begin()
    source.opens()
    source.brings('unheard', '', 'wakeup')
    listen('wakeup')
    source.brings('up!', '', 'wakeup')
    expect(heard).toEqual(['opened eventsource', 'blocks undefined=up!'])
  })

  test('events that a server calls open and error are messages like any other', () => {
    const { heard, listen, source } = begin()
    listen('open')
    listen('error')
    source.opens()
    source.brings('a', '', 'open')
    source.brings('b', '', 'error')
    expect(heard).toEqual(['opened eventsource', 'blocks undefined=a', 'blocks undefined=b'])
  })

  test('an id counts once, for the message that brought it', () => {
    const { heard, source } = begin()
    source.opens()
    source.brings('a', '1')
    source.brings('b', '1')
    source.brings('c', '2')
    expect(heard.slice(1)).toEqual(['blocks 1=a', 'blocks undefined=b', 'blocks 2=c'])
  })

  test('a script that replays its one message at each request is not heard again', () => {
    const { heard, source } = begin()
    for (let cycle = 0; cycle < 3; cycle++) {
      source.opens()
      source.brings('only', '1')
      source.breaks()
    }
    expect(heard.filter(said => said.startsWith('blocks'))).toEqual(['blocks 1=only'])
  })

  test('close ends the source and follows no names any more', () => {
    const { followers, heard, channel, source } = begin()
    source.opens()
    channel.close()
    expect(source.readyState).toBe(2)
    expect(followers()).toBe(0)
    source.brings('late', '1')
    source.breaks()
    expect(heard).toEqual(['opened eventsource'])
  })

  test('it is not for a line that has a position: a new EventSource cannot be told where to continue', () => {
    const { position, target } = begin()
    expect(eventsource.supports(target)).toBe(true)
    position.cursor = '5'
    expect(eventsource.supports(target)).toBe(false)
    expect(eventsource.supports({ ...target, dialect: native })).toBe(true)
  })
})

describe('where a response is continued by the next', () => {
  /** EventSources whose server is the test. */
  class FakeSource {
    static all: FakeSource[] = []
    readyState = 0
    onopen: (() => void) | null = null
    onerror: ((event: Event) => void) | null = null
    onmessage: ((event: { data: string }) => void) | null = null

    constructor() {
      FakeSource.all.push(this)
    }

    close(): void {
      this.readyState = 2
    }

    /** Takes the request, brings this, and ends in good order. */
    answers(...texts: string[]): void {
      this.readyState = 1
      this.onopen?.()
      for (const data of texts) this.onmessage?.({ data })
      this.readyState = 0
      this.onerror?.(new Event('error'))
    }
  }

  function begin() {
    FakeSource.all = []
    const dialect = vary(native, { policy: { resumesCleanEnd: true } })
    return openChannel(eventsource, dialect, { EventSource: FakeSource as never })
  }

  const last = () => FakeSource.all.at(-1) as FakeSource

  test('the next is asked for at once, and nobody hears of it', async () => {
    const { heard, world } = begin()
    last().answers('data: a\n\n')
    await world.pass(0)
    last().answers('data: b\n\n')
    expect(heard).toEqual(['opened eventsource', 'blocks undefined=a', 'blocks undefined=b'])
    await world.pass(0)
    expect(FakeSource.all.map(({ readyState }) => readyState)).toEqual([2, 2, 0])
  })

  test('one that brought nothing is not continued: that could go on for ever', () => {
    const { heard } = begin()
    last().answers()
    expect(heard).toEqual(['opened eventsource', 'ended cut'])
    expect(FakeSource.all.map(({ readyState }) => readyState)).toEqual([2])
  })

  test('one that could not be had ends the channel', async () => {
    const { heard, world } = begin()
    last().answers('data: a\n\n')
    await world.pass(0)
    last().onerror?.(new Event('error'))
    expect(heard.slice(2)).toEqual(['ended refused'])
  })

  test('close ends the one that is in use', async () => {
    const { channel, world } = begin()
    last().answers('data: a\n\n')
    await world.pass(0)
    channel.close()
    expect(FakeSource.all.map(({ readyState }) => readyState)).toEqual([2, 2])
  })
})
