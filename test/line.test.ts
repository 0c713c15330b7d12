import { describe, expect, test } from 'vitest'
import { plain } from '../src/dialects/plain.ts'
import { Line } from '../src/index.ts'
import { events } from '../src/iterate.ts'
import { ack, message, welcome } from './support/blocks.ts'
import { vary } from './support/dialects.ts'
import { cut, fake, refused, status } from './support/fakes.ts'
import { greet, json, openLine, prove, type Stage } from './support/line.ts'
import { uncaught } from './support/uncaught.ts'

/** Nothing is left of the line: no timer, no listener, no channel. */
function expectNothingLeft({ line, transport, world }: Stage): void {
  expect(line.readyState).toBe(2)
  expect(line.transport).toBeNull()
  expect(transport.channels.filter(channel => channel.open)).toEqual([])
  expect(world.timers).toBe(0)
  expect(world.listeners).toBe(0)
}

const gap = { event: 'rt.gap', id: 'e.40.b', data: '{"reason":"trimmed","from":"e.1.a","to":"e.40.b"}' }

describe('as an EventSource', () => {
  test('is an EventTarget with the constants on the line and on its class', async () => {
    const { line } = await openLine()
    expect(line).toBeInstanceOf(EventTarget)
    expect(line).toBeInstanceOf(Line)
    expect([line.CONNECTING, line.OPEN, line.CLOSED]).toEqual([0, 1, 2])
    expect([Line.CONNECTING, Line.OPEN, Line.CLOSED]).toEqual([0, 1, 2])
  })

  test('readyState goes from CONNECTING to OPEN, back while it is interrupted, and to CLOSED', async () => {
    const { line, transport, world } = await openLine()
    expect(line.readyState).toBe(0)
    greet(transport.channel)
    expect(line.readyState).toBe(1)
    transport.channel.ends(cut)
    expect(line.readyState).toBe(0)
    await world.fire('online')
    expect(line.readyState).toBe(0)
    line.close()
    expect(line.readyState).toBe(2)
  })

  test('transport is null until the line is open, and while it is not', async () => {
    const { line, transport } = await openLine()
    expect(line.transport).toBeNull()
    greet(transport.channel)
    expect(line.transport).toBe('websocket')
    transport.channel.ends(cut)
    expect(line.transport).toBeNull()
  })

  test('a message is a MessageEvent with data, lastEventId and origin', async () => {
    const { line, transport, world } = await openLine()
    const events: MessageEvent[] = []
    line.onmessage = event => events.push(event)
    greet(transport.channel)
    transport.channel.brings(message(1, '안녕'))
    expect(events[0]).toBeInstanceOf(MessageEvent)
    expect(events[0]).toMatchObject({ ports: [], source: null, constructor: MessageEvent })
    const native = Object.prototype.toString.call(new MessageEvent('message'))
    expect(Object.prototype.toString.call(events[0])).toBe(native)
    expect(events[0]).toMatchObject({
      type: 'message',
      data: '안녕',
      lastEventId: 'e.1.t1',
      origin: world.origin,
      target: line,
    })
    expect(line.lastEventId).toBe('e.1.t1')
  })

  test('named events go to the listeners of their name alone', async () => {
    const { heard, line, transport } = await openLine()
    const wakeups: string[] = []
    line.addEventListener('wakeup', event => wakeups.push(event.data))
    greet(transport.channel)
    transport.channel.brings(message(1, 'up!', 'wakeup'), message(2))
    expect(wakeups).toEqual(['up!'])
    expect(heard).toEqual(['open by websocket', 'message m2'])
  })

  test('takes listener objects, once, signal and removeEventListener', async () => {
    const { line, transport } = await openLine()
    const aborter = new AbortController()
    const calls: string[] = []
    const removed = () => calls.push('removed')
    line.addEventListener('message', { handleEvent: () => calls.push('object') })
    line.addEventListener('message', () => calls.push('once'), { once: true })
    line.addEventListener('message', () => calls.push('aborted'), { signal: aborter.signal })
    line.addEventListener('message', removed)
    line.removeEventListener('message', removed)
    aborter.abort()
    greet(transport.channel)
    transport.channel.brings(message(1), message(2))
    expect(calls).toEqual(['object', 'once', 'object'])
  })
})

describe('handlers', () => {
  test('are null at first, can be read, replaced and taken away', async () => {
    const { line, transport } = await openLine()
    expect([line.onopen, line.onmessage, line.onerror, line.onclose]).toEqual([null, null, null, null])
    const calls: string[] = []
    const first = () => calls.push('first')
    line.onmessage = first
    expect(line.onmessage).toBe(first)
    greet(transport.channel)
    transport.channel.brings(message(1))
    line.onmessage = () => calls.push('second')
    transport.channel.brings(message(2))
    line.onmessage = null
    transport.channel.brings(message(3))
    expect(calls).toEqual(['first', 'second'])
  })

  test('that are no function count as none', async () => {
    const { line, transport } = await openLine()
    line.onmessage = 'alert(1)' as never
    expect(line.onmessage).toBeNull()
    greet(transport.channel)
    transport.channel.brings(message(1))
  })

  test('keep their place among the listeners when they are replaced', async () => {
    const { line, transport } = await openLine()
    const calls: string[] = []
    line.onopen = () => calls.push('handler')
    line.addEventListener('open', () => calls.push('listener'))
    line.onopen = () => calls.push('replaced')
    greet(transport.channel)
    expect(calls).toEqual(['replaced', 'listener'])
  })

  test('are called with the line as this', async () => {
    const { line, transport } = await openLine()
    let self: unknown
    line.onopen = function (this: unknown) {
      self = this
    }
    greet(transport.channel)
    expect(self).toBe(line)
  })
})

describe('the line’s own events', () => {
  test('open tells the transport, and whether everything after the last message follows', async () => {
    const { line, transport } = await openLine()
    const opens: object[] = []
    line.onopen = ({ type, transport, resumed }) => opens.push({ type, transport, resumed })
    greet(transport.channel, { resumed: true })
    expect(opens).toEqual([{ type: 'open', transport: 'websocket', resumed: true }])
  })

  test('error tells what failed, where, and what happens next', async () => {
    const { line, transport } = await openLine()
    const cause = new Error('deep down')
    line.onerror = event => {
      const { error, retryIn } = event
      expect(error).toBeInstanceOf(Error)
      expect(error).toMatchObject({
        name: 'ConnectionError',
        kind: 'status',
        status: 500,
        transport: 'websocket',
        cause,
      })
      expect(error.attempts).toHaveLength(1)
      expect(retryIn).toBeGreaterThan(0)
      expect(error.message).toBe(`answered with status 500; trying again in ${Math.round(retryIn ?? 0)} ms`)
    }
    greet(transport.channel)
    transport.channel.ends(status(500, { cause }))
    expect.assertions(5)
  })

  test('error has no retryIn when it is final, and close follows', async () => {
    const { line, transport } = await openLine()
    const said: unknown[] = []
    line.onerror = ({ error, retryIn }) => said.push(error.message, retryIn, line.readyState)
    line.onclose = ({ reason }) => said.push(reason)
    transport.channel.ends(status(403))
    expect(said).toEqual(['answered with status 403; giving up', undefined, 2, 'answered with status 403'])
  })

  test('gap tells what is lost', async () => {
    const { line, transport } = await openLine()
    const gaps: object[] = []
    line.addEventListener('gap', ({ reason, from, to }) => gaps.push({ reason, from, to }))
    greet(transport.channel)
    transport.channel.brings(gap)
    expect(gaps).toEqual([{ reason: 'trimmed', from: 'e.1.a', to: 'e.40.b' }])
  })

  test('a gap with fields that an Event has already stops nothing', async () => {
    const { heard, transport } = await openLine()
    greet(transport.channel)
    transport.channel.brings(
      { ...gap, data: '{"reason":"trimmed","type":"x","target":1,"isTrusted":true}' },
      message(41),
    )
    expect(heard.slice(1)).toEqual(['gap trimmed', 'message m41'])
  })

  test('close tells the reason', async () => {
    const { heard, line } = await openLine()
    line.close()
    expect(heard).toEqual(['close: closed by the page'])
  })
})

describe('names that a server chooses', () => {
  const names = [
    'error',
    'open',
    'close',
    'gap',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '한글',
  ]

  test.each(names)('%s is data for listeners of that name', async name => {
    const { line, transport } = await openLine()
    const data: unknown[] = []
    line.addEventListener(name, event => data.push((event as MessageEvent).data))
    greet(transport.channel)
    data.length = 0
    transport.channel.brings(message(1, 'as named', name))
    expect(data).toEqual(['as named'])
    expect(line.readyState).toBe(1)
  })

  test('never call the handlers of our own events', async () => {
    const { line, transport } = await openLine()
    const calls: string[] = []
    greet(transport.channel)
    const called = (event: Event) => calls.push(event.type)
    line.onopen = line.onerror = line.onclose = called
    transport.channel.brings(message(1, '', 'open'), message(2, '', 'error'), message(3, '', 'close'))
    expect(calls).toEqual([])
  })

  test('do not end a loop over messages by calling one "close"', async () => {
    const { line, transport } = await openLine()
    greet(transport.channel)
    const messages = events(line)
    const first = messages.next()
    transport.channel.brings(message(1, 'bye', 'close'), message(2))
    expect((await first).value?.data).toBe('m2')
  })
})

describe('a listener that throws', () => {
  test('is reported, and stops neither the others nor the line', async () => {
    const { heard, line, transport } = await openLine()
    const calls: string[] = []
    line.onopen = () => {
      throw new Error('in onopen')
    }
    line.onmessage = () => {
      throw new Error('in onmessage')
    }
    line.addEventListener('message', event => calls.push(event.data))
    const errors = await uncaught(() => {
      greet(transport.channel)
      transport.channel.brings(message(1), message(2))
    })
    expect(errors.map(String)).toEqual(['Error: in onopen', 'Error: in onmessage', 'Error: in onmessage'])
    expect(calls).toEqual(['m1', 'm2'])
    expect(heard).toEqual(['open by websocket', 'message m1', 'message m2'])
    expect(line.readyState).toBe(1)
  })

  test('in error and close does not keep the line from closing', async () => {
    const stage = await openLine()
    const { line, transport } = stage
    line.onerror = line.onclose = () => {
      throw new Error('in a handler')
    }
    const errors = await uncaught(() => transport.channel.ends(status(403)))
    expect(errors).toHaveLength(2)
    expectNothingLeft(stage)
  })
})

describe('a message that is a value', () => {
  const value = { ...message(1, '{"a":1}'), type: 'json' }

  test('is one to the page, and a text that looks like it is a text', async () => {
    const { line, transport } = await openLine()
    const data: unknown[] = []
    line.onmessage = event => data.push(event.data)
    greet(transport.channel)
    transport.channel.brings(value, message(2, '{"a":1}'), { ...message(3, '{"a":1}'), type: 'cbor' })
    expect(data).toEqual([{ a: 1 }, '{"a":1}', '{"a":1}'])
  })

  test('is a text to a codec of the page', async () => {
    const given: unknown[] = []
    const codec = { encode: String, decode: (...all: unknown[]) => given.push(all) }
    const { transport } = await openLine({ codec })
    greet(transport.channel)
    transport.channel.brings(value)
    expect(given).toEqual([['{"a":1}']])
  })

  test('is one to the codec `json` too, as each text is', async () => {
    const { line, transport } = await openLine({ codec: json })
    const data: unknown[] = []
    line.onmessage = event => data.push(event.data)
    greet(transport.channel)
    transport.channel.brings(value, message(2, '{"a":1}'))
    expect(data).toEqual([{ a: 1 }, { a: 1 }])
  })

  test('that is no JSON is told as unreadable, the position moves on, and the next one comes', async () => {
    const { heard, line, transport } = await openLine()
    greet(transport.channel)
    transport.channel.brings({ ...value, data: '{' })
    expect(heard).toEqual(['open by websocket', 'error unreadable', 'gap unreadable'])
    expect(line.lastEventId).toBe('e.1.t1')
    transport.channel.brings(message(2))
    expect(heard.at(-1)).toBe('message m2')
  })
})

describe('a message that the codec cannot decode', () => {
  test('is an error and a gap of one message, ends nothing, and the next one comes', async () => {
    const { heard, line, transport } = await openLine({ codec: json })
    const said: unknown[] = []
    line.addEventListener('gap', ({ reason, from, to }) => said.push({ reason, from, to }))
    line.addEventListener(
      'error',
      event => 'error' in event && said.push(event.error.cause, event.error.message),
    )
    const errors = await uncaught(() => {
      greet(transport.channel)
      transport.channel.brings(message(1, '1'), message(2, '{broken'), message(3, '5'))
    })
    expect(errors).toEqual([])
    expect(heard).toEqual([
      'open by websocket',
      'message 1',
      'error unreadable',
      'gap unreadable',
      'message 5',
    ])
    expect(said).toEqual([
      expect.any(SyntaxError),
      expect.stringContaining('a "message" message could not be decoded'),
      { reason: 'unreadable', from: 'e.1.t1', to: 'e.2.t2' },
    ])
  })

  const throws = (thrown: unknown) => ({
    encode: String,
    decode(payload: unknown) {
      if (payload === 'bad') throw thrown
      return payload
    },
  })

  test.each([
    ['an Error', new Error('no')],
    ['a text', 'no'],
    ['nothing', undefined],
  ])('is told whatever was thrown: %s', async (_, thrown) => {
    const { heard, line, transport } = await openLine({ codec: throws(thrown) })
    const gaps: unknown[] = []
    const errors: unknown[] = []
    line.addEventListener('gap', ({ reason, from, to }) => gaps.push({ reason, from, to }))
    line.onerror = ({ error, retryIn }) => errors.push([error.kind, error.message, error.cause, retryIn])
    const exceptions = await uncaught(() => {
      greet(transport.channel)
      transport.channel.brings(message(1), message(2, 'bad'), message(3))
    })
    expect(exceptions).toEqual([])
    expect(heard).toEqual([
      'open by websocket',
      'message m1',
      'error unreadable',
      'gap unreadable',
      'message m3',
    ])
    expect(gaps).toEqual([{ reason: 'unreadable', from: 'e.1.t1', to: 'e.2.t2' }])
    expect(errors).toEqual([
      ['unreadable', expect.stringContaining('a "message" message could not be decoded'), thrown, undefined],
    ])
  })
})

describe('a send that nobody listens to', () => {
  /** What Node would end the process for. */
  async function unhandled(act: () => unknown): Promise<unknown[]> {
    const reasons: unknown[] = []
    const note = (reason: unknown) => reasons.push(reason)
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
    await act()
    await new Promise(resolve => setTimeout(resolve, 5))
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
    return reasons
  }

  test('and is rejected is told once, by an error event, and is no unhandled rejection', async () => {
    const { line, world } = await openLine()
    const told: unknown[] = []
    line.onerror = ({ error, retryIn }) => told.push([error.kind, retryIn])
    const reasons = await unhandled(async () => {
      void line.send('x')
      void line.send(Symbol('no'))
      line.close()
      await world.pass(0)
    })
    expect(reasons).toEqual([])
    expect(told).toEqual([
      ['unsendable', undefined],
      ['closed', undefined],
    ])
    expect(world.timers).toBe(0)
  })

  const listens: Record<string, (sent: Promise<void>) => Promise<unknown>> = {
    await: async sent => {
      try {
        return await sent
      } catch (error) {
        return error
      }
    },
    'both arguments of then': sent =>
      sent.then(
        () => 'taken',
        error => error,
      ),
    catch: sent => sent.catch(error => error),
    'Promise.allSettled': async sent => (await Promise.allSettled([sent]))[0],
    finally: sent => sent.finally(() => {}).catch(error => error),
    'a later await in the same turn': async sent => {
      await Promise.resolve()
      return sent.catch(error => error)
    },
  }
  test.each(Object.entries(listens))('is not one whose promise is heard by %s', async (_, listen) => {
    const { line, heard, world } = await openLine()
    const reasons = await unhandled(async () => {
      const outcome = listen(line.send('x'))
      line.close()
      expect(JSON.stringify(await outcome)).toContain('closed')
      await world.pass(0)
    })
    expect(reasons).toEqual([])
    expect(heard).toEqual(['close: closed by the page'])
  })

  test('is an unhandled rejection as ever where somebody listens for success alone', async () => {
    const { line } = await openLine()
    const reasons = await unhandled(() => {
      void line.send('x').then(() => {})
      line.close()
    })
    expect(reasons).toHaveLength(1)
  })
})

describe('the options of a send', () => {
  test.each<[unknown, string]>([
    ['chat', '"chat"'],
    [null, 'null'],
    [{ name: 'chat' }, '"name"'],
    [{ event: 5 }, 'event is 5'],
    [{ event: Symbol('x') }, 'event is Symbol(x)'],
    [{ answer: 'yes' }, 'answer is "yes"'],
    [{ timeout: 0 }, 'timeout is 0'],
    [{ timeout: Number.NaN }, 'timeout is NaN'],
    [{ volatile: 1 }, 'volatile is 1'],
    [{ signal: 'stop' }, 'signal is "stop"'],
    [{ signal: null }, 'signal is null'],
  ])('%j are refused by a TypeError that names them', async (options, named) => {
    const { line } = await openLine()
    const refusal = line.send('x', options as never)
    await expect(refusal).rejects.toThrow(TypeError)
    await expect(refusal).rejects.toThrow(named)
    expect(line.bufferedAmount).toBe(0)
  })

  test('timeout bounds the wait; an answer that never comes is given up after 10 s by itself', async () => {
    const transport = fake('websocket')
    const answering = vary(plain, { name: 'answering', sending: { replies: true } })
    const { line, world } = await openLine({ transports: [transport], dialect: answering })
    transport.channel.opens()
    const answers = [line.send('a', { answer: true }), line.send('b', { answer: true, timeout: 500 })]
    const kinds = answers.map(answer => answer.catch(error => error.kind))
    await world.settle()
    transport.channel.takes()
    transport.channel.takes()
    await world.pass(500)
    expect(await kinds[1]).toBe('IN_DOUBT')
    await world.pass(9_500)
    expect(await kinds[0]).toBe('IN_DOUBT')
    expect(world.timers).toBe(0)
  })
})

describe('a volatile send', () => {
  test('that cannot go at once is dropped, and is no error to whoever does not listen', async () => {
    const { heard, line, transport, world } = await openLine()
    void line.send('x', { volatile: true })
    await expect(line.send('y', { volatile: true })).rejects.toMatchObject({
      kind: 'dropped',
      message: 'the message was not sent: it is volatile, and could not be sent at once',
    })
    await world.pass(1_000)
    expect(heard).toEqual([])
    await prove(world, transport.channel)
    expect(transport.channel.sent.join('')).not.toMatch(/[xy]$/m)
  })

  test('goes while the line is open, also with a question', async () => {
    const { line, transport, world } = await openLine()
    await prove(world, transport.channel)
    const answer = line.send({ x: 1 }, { volatile: true, answer: true })
    await world.settle()
    expect(transport.channel.sent.at(-1)).toBe('type: json\nre: answer\nid: 1\ndata: {"x":1}\n\n')
    transport.channel.brings({ ...message(1, '{"y":2}', 'rt.answer'), re: '1 s1', type: 'json' }, ack(1))
    expect(await answer).toEqual({ y: 2 })
  })

  test('that fails otherwise is told as any other', async () => {
    const { heard, line, world } = await openLine()
    void line.send(Symbol('x'), { volatile: true })
    await world.pass(1_000)
    expect(heard).toEqual(['error unsendable'])
  })
})

describe('the signal of a send', () => {
  test('that is aborted already keeps it from being sent', async () => {
    const { line, transport, world } = await openLine()
    await prove(world, transport.channel)
    const before = transport.channel.sent.length
    await expect(line.send('x', { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
    expect(transport.channel.sent).toHaveLength(before)
    expect(line.bufferedAmount).toBe(0)
  })

  test.each(['enough', null, new Error('enough')])(
    'is no error to whoever aborts it with %s and listens to nothing',
    async reason => {
      const { heard, line, world } = await openLine()
      const going = new AbortController()
      const errors = await uncaught(async () => {
        void line.send('x', { signal: going.signal })
        going.abort(reason)
        void line.send('y', { signal: going.signal })
        await world.pass(1_000)
      })
      expect(errors).toEqual([])
      expect(heard).toEqual([])
    },
  )
})

describe('send', () => {
  test('goes up with its number and name, waits for its ack, and bufferedAmount tells', async () => {
    const transport = fake('long-polling')
    const { line } = await openLine({ transports: [transport] })
    const sent = line.send('안녕', { event: 'chat' })
    expect(line.bufferedAmount).toBe(6)
    greet(transport.channel)
    expect(transport.channel.sent).toEqual(['event: chat\nid: 1\ndata: 안녕\n\n'])
    transport.channel.brings(ack(1))
    await expect(sent).resolves.toBeUndefined()
    expect(line.bufferedAmount).toBe(0)
  })

  test('sends again after a reconnect, with the same number', async () => {
    const transport = fake('long-polling')
    const { line, world } = await openLine({ transports: [transport] })
    greet(transport.channel)
    const sent = line.send('x')
    transport.channel.ends(cut)
    await world.fire('online')
    greet(transport.channel)
    expect(transport.channel.sent).toEqual(['id: 1\ndata: x\n\n'])
    transport.channel.brings(ack(1))
    await sent
  })

  test.each(['rt.open', 'a\nb', 'a\rb', 'a\0b'])('refuses the name %j by a TypeError', async event => {
    const { line } = await openLine()
    await expect(line.send('x', { event })).rejects.toThrow(TypeError)
    expect(line.bufferedAmount).toBe(0)
  })

  test('takes an empty name for none', async () => {
    const transport = fake('long-polling')
    const { line, world } = await openLine({ transports: [transport] })
    greet(transport.channel)
    void line.send('x', { event: '' }).catch(() => {})
    await world.settle()
    expect(transport.channel.sent).toEqual(['id: 1\ndata: x\n\n'])
  })

  test('on a closed line rejects', async () => {
    const { line } = await openLine()
    line.close()
    await expect(line.send('x')).rejects.toMatchObject({ name: 'ConnectionError', kind: 'closed' })
  })

  test('rejects when the line is closed before an answer', async () => {
    const transport = fake('long-polling')
    const { line } = await openLine({ transports: [transport] })
    const waiting = expect(line.send('waiting')).rejects.toMatchObject({ kind: 'closed' })
    line.close()
    await waiting
  })

  test('goes by the transport that the line has moved to', async () => {
    const [ground, top] = [fake('long-polling'), fake('websocket')]
    const { heard, line, world } = await openLine({ transports: [top, ground] })
    top.channel.ends(refused)
    await prove(world, ground.channel)
    const sent = line.send('x')
    await world.pass(5_000)
    await prove(world, top.channel)
    expect(heard).toEqual(['open by long-polling', 'open by websocket'])
    expect(top.channel.sent.at(-1)).toBe('id: 1\ndata: x\n\n')
    top.channel.brings(ack(1))
    await sent
  })
})

describe('close', () => {
  const moments: Record<string, (stage: Stage) => unknown> = {
    'right after connect': () => {},
    'while it is accepted': ({ transport }) => transport.channel.opens(),
    'while the proof is due': ({ transport }) => greet(transport.channel),
    'once it is open': ({ transport, world }) => prove(world, transport.channel),
    'while it waits to reconnect': ({ transport }) => transport.channel.ends(cut),
    'while it asks why nothing got through': ({ transport }) => transport.channel.ends(refused),
    'while the page is put aside': ({ world }) => world.fire('pagehide'),
    'while a sign of life is due': async ({ transport, world }) => {
      await prove(world, transport.channel)
      await world.fire('online')
    },
    'with messages that wait': ({ line }) => void line.send('x').catch(() => {}),
    'with messages on their way': ({ line, transport }) => {
      greet(transport.channel)
      void line.send('x').catch(() => {})
    },
    'once it has closed by itself': ({ transport }) => transport.channel.ends(status(403)),
  }

  test.each(Object.entries(moments))('%s leaves no timer, listener or channel', async (_, reach) => {
    const stage = await openLine()
    await reach(stage)
    stage.line.close()
    stage.line.close()
    await stage.world.settle()
    expectNothingLeft(stage)
    expect(stage.heard.filter(said => said.startsWith('close'))).toHaveLength(1)
    await stage.world.pass(600_000)
    await stage.world.fire('online')
    expectNothingLeft(stage)
  })

  const handlers: Record<string, (stage: Stage) => unknown> = {
    open: ({ transport }) => greet(transport.channel),
    message: ({ transport }) => transport.channel.brings(welcome(), message(1), message(2)),
    wakeup: ({ transport }) => transport.channel.brings(welcome(), message(1, '', 'wakeup'), message(2)),
    gap: ({ transport }) => transport.channel.brings(welcome(), gap, message(41)),
    error: ({ transport }) => transport.channel.ends(cut),
    close: ({ line }) => line.close(),
  }

  test.each(Object.entries(handlers))(
    'in a handler of %s leaves nothing and is the last thing heard',
    async (name, cause) => {
      const stage = await openLine()
      const { line, heard, world } = stage
      line.addEventListener(name, () => line.close())
      await cause(stage)
      await world.settle()
      expect(heard.filter(said => said.startsWith('close'))).toHaveLength(1)
      expect(heard.at(-1)).toBe('close: closed by the page')
      expect(heard).not.toContain('message m2')
      expectNothingLeft(stage)
    },
  )

  test('in an error that is final does not close twice', async () => {
    const stage = await openLine()
    stage.line.onerror = () => stage.line.close()
    stage.transport.channel.ends(status(403))
    expect(stage.heard).toEqual(['error status', 'close: answered with status 403'])
    expectNothingLeft(stage)
  })

  test('in a handler of message keeps the position of that message', async () => {
    const { line, transport } = await openLine()
    line.onmessage = () => line.close()
    greet(transport.channel)
    transport.channel.brings(message(1), message(2))
    expect(line.lastEventId).toBe('e.1.t1')
  })
})

describe('with a server that knows nothing of us', () => {
  test('opens when it accepts, and hands over what comes', async () => {
    const { heard, line, transport, world } = await openLine({ dialect: plain })
    transport.channel.opens()
    transport.channel.brings({ data: 'as it came' }, { bytes: Uint8Array.of(1).buffer })
    expect(heard).toEqual(['open by websocket', 'message as it came', 'message [object ArrayBuffer]'])
    const sent = line.send('hi')
    await world.settle()
    expect(transport.channel.sent).toEqual(['hi'])
    transport.channel.takes()
    await sent
  })
})
