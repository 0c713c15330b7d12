import { describe, expect, test } from 'vitest'
import { events, type StreamOptions } from '../src/iterate.ts'
import { message } from './support/blocks.ts'
import { greet, openLine } from './support/line.ts'

describe('for await', () => {
  test('reads the messages in order, and ends when the line closes', async () => {
    const { line, transport } = await openLine()
    const read: string[] = []
    const reading = (async () => {
      for await (const event of events(line)) {
        read.push(event.data)
        if (event.data === 'm3') line.close()
      }
    })()
    greet(transport.channel)
    transport.channel.brings(message(1), message(2))
    transport.channel.brings(message(3))
    await reading
    expect(read).toEqual(['m1', 'm2', 'm3'])
  })

  test('reads what came before the line closed', async () => {
    const { line, transport } = await openLine()
    const messages = events(line)
    greet(transport.channel)
    transport.channel.brings(message(1), message(2))
    line.close()
    const read: string[] = []
    for await (const event of messages) read.push(event.data)
    expect(read).toEqual(['m1', 'm2'])
  })

  test('over a closed line ends at once', async () => {
    const { line } = await openLine()
    line.close()
    expect(await events(line).next()).toEqual({ done: true, value: undefined })
  })

  test('reads the events of one name, the line’s own too', async () => {
    const { line, transport } = await openLine()
    const opens = events(line, 'open')
    greet(transport.channel)
    expect((await opens.next()).value?.transport).toBe('websocket')
    const wakeups = events(line, 'wakeup')
    transport.channel.brings(message(1), message(2, 'up!', 'wakeup'))
    expect((await wakeups.next()).value?.data).toBe('up!')
  })

  test('two loops read all messages each', async () => {
    const { line, transport } = await openLine()
    const loops = [events(line), events(line)]
    greet(transport.channel)
    transport.channel.brings(message(1))
    const read = await Promise.all(loops.map(loop => loop.next()))
    expect(read.map(({ value }) => value?.data)).toEqual(['m1', 'm1'])
  })

  describe('leaving the loop', () => {
    /** The listeners of the line, counted. */
    function counted(line: EventTarget) {
      const listening = new Set<string>()
      const { addEventListener, removeEventListener } = line
      line.addEventListener = (type: string, heard: EventListener, ...more: []) => {
        listening.add(type)
        addEventListener.call(line, type, heard, ...more)
      }
      line.removeEventListener = (type: string, heard: EventListener, ...more: []) => {
        listening.delete(type)
        removeEventListener.call(line, type, heard, ...more)
      }
      return listening
    }

    test('by break stops listening', async () => {
      const { line, transport } = await openLine()
      const listening = counted(line)
      const loop = events(line)
      expect([...listening]).toEqual(['message', 'close'])
      greet(transport.channel)
      transport.channel.brings(message(1))
      for await (const _ of loop) break
      expect([...listening]).toEqual([])
      expect(line.readyState).toBe(1)
    })

    test('before its first step stops listening', async () => {
      const { line } = await openLine()
      const listening = counted(line)
      const loop = events(line)
      expect(await loop.return()).toEqual({ done: true, value: undefined })
      expect([...listening]).toEqual([])
    })

    test('while it waits for a message ends the wait', async () => {
      const { line } = await openLine()
      const listening = counted(line)
      const loop = events(line)
      const step = loop.next()
      await loop.return()
      expect(await step).toEqual({ done: true, value: undefined })
      expect([...listening]).toEqual([])
    })
  })

  describe('a reader that is slower than the messages', () => {
    async function overflowing(options: StreamOptions) {
      const { line, transport } = await openLine()
      const messages = events(line, 'message', options)
      greet(transport.channel)
      transport.channel.brings(...[1, 2, 3, 4, 5].map(seq => message(seq)))
      const read: string[] = []
      let failure: unknown
      try {
        for (let count = 0; count < 5; count++) {
          const { value } = await messages.next()
          if (!value) break
          read.push(value.data)
          if (value.data === 'm5') break
        }
      } catch (error) {
        failure = error
      }
      return { read, failure }
    }

    test('gets an error after what it could keep', async () => {
      const { read, failure } = await overflowing({ limit: 3 })
      expect(read).toEqual(['m1', 'm2', 'm3'])
      expect(String(failure)).toContain('more than 3 "message" events wait')
    })

    test('gets the newest when it asked to drop the oldest', async () => {
      expect((await overflowing({ limit: 3, overflow: 'oldest' })).read).toEqual(['m3', 'm4', 'm5'])
    })

    test('gets only the latest when it asked for that', async () => {
      expect((await overflowing({ overflow: 'latest' })).read).toEqual(['m5'])
    })

    test('may be a thousand messages behind by default', async () => {
      const { line, transport } = await openLine()
      const messages = events(line)
      greet(transport.channel)
      transport.channel.brings(...Array.from({ length: 1_000 }, (_, index) => message(index + 1)))
      expect((await messages.next()).value?.data).toBe('m1')
      line.close()
      let rest = 0
      for await (const _ of messages) rest++
      expect(rest).toBe(999)
    })
  })
})
