import { describe, expect, it, vi } from 'vitest'
import { memoryLog } from '../../server/index.ts'
import { type Batch, bytesOf, emptyBatch, extend, textOf, wrappedBytesOf } from '../../server/wire/batch.ts'
import { listen, type Stand, stand, stopTime, type Via } from './harness.ts'

it.each(['websocket', 'xhr-streaming', 'eventsource'] as const)(
  'sends a burst over %s in few frames',
  async via => {
    const at = await stand()
    const ears = [listen(at, via), listen(at, via)]
    await Promise.all(ears.map(ear => ear.opened()))
    for (let n = 0; n < 100; n++) await at.hub.publish('x', `message ${n}`)
    for (const ear of ears) {
      expect(await ear.messages(100)).toEqual(Array.from({ length: 100 }, (_, n) => `message ${n}`))
      expect(ear.frames.length).toBeLessThanOrEqual(3)
    }
  },
)

it('keeps a frame to about 64 KiB, so that a browser need not parse for long', async () => {
  const at = await stand()
  const ear = listen(at, 'websocket')
  await ear.opened()
  for (let n = 0; n < 100; n++) await at.hub.publish('x', 'x'.repeat(10_000))
  await ear.messages(100)
  const sizes = ear.frames.map(frame => frame.length)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2 ** 16)
  expect(sizes.length).toBeLessThan(22)
})

it('does not keep a lone message waiting', async () => {
  stopTime()
  const at = await stand()
  const ear = listen(at, 'websocket')
  await ear.opened()
  for (let n = 0; n < 50; n++) {
    await at.hub.publish('x', 'lone')
    // No timer runs out meanwhile.
    expect(await ear.messages(1)).toEqual(['lone'])
  }
})

it('answers a poll with all that a burst brought', async () => {
  const at = await stand()
  const ear = listen(at, 'long-polling')
  await ear.opened()
  for (let n = 0; n < 100; n++) await at.hub.publish('x', String(n))
  await ear.messages(100)
  expect(ear.frames.length).toBeLessThanOrEqual(3)
})

describe('a poll that has missed 20,000 messages', () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => `${n} `.padEnd(60, 'x'))

  async function catchUp(at: Stand, via: Via) {
    const start = await at.hub.publish('x', 'start')
    for (const text of texts) void at.hub.publish('x', text)
    const ear = listen(at, via, { 'rt.id': start })
    expect(await ear.messages(texts.length)).toEqual(texts)
    return ear
  }

  it('hears them in one answer, which goes on while there is more', async () => {
    stopTime()
    const ear = await catchUp(await stand({ retain: 20_001 }), 'long-polling')
    expect(ear.frames).toHaveLength(1)
  })

  it('is asked to come again after half a second, so that nothing holds an answer back for long', async () => {
    const time = stopTime()
    const log = memoryLog({ retain: 20_001 })
    const after: typeof log.after = (...asked) => {
      time.pass(300)
      return log.after(...asked)
    }
    const { frames } = await catchUp(await stand({ log: { ...log, after } }), 'long-polling')
    expect(frames.length).toBeGreaterThan(1)
    expect(frames.length).toBeLessThan(4)
  })

  it('hears them page by page where a script has to come whole', async () => {
    const { frames } = await catchUp(await stand({ retain: 20_001 }), 'jsonp')
    expect(frames.length).toBeGreaterThanOrEqual(5)
  })
})

it('writes a message once, however many hear it', async () => {
  const log = memoryLog()
  const appended = vi.fn(log.append)
  const at = await stand({ log: { ...log, append: appended } })
  const ears = Array.from({ length: 20 }, () => listen(at, 'websocket'))
  await Promise.all(ears.map(ear => ear.opened()))
  await at.hub.publish('x', 'for all')
  await Promise.all(ears.map(ear => ear.messages(1)))
  expect(appended).toHaveBeenCalledTimes(1)
})

it('gives lines that wait for the same pieces the same batch, bytes and all', () => {
  const [a, b, c] = ['a', 'b', 'c'].map(text => ({ text }))
  if (!a || !b || !c) throw new Error()
  const root = emptyBatch()
  const queue = (...pieces: { text: string }[]) => pieces.reduce<Batch>(extend, root)
  const shared = queue(a, b)
  expect(queue(a, b)).toBe(shared)
  expect(bytesOf(queue(a, b))).toBe(bytesOf(shared))
  expect(wrappedBytesOf(queue(a, b))).toBe(wrappedBytesOf(shared))
  expect([textOf(queue(a, c)), textOf(queue(b)), textOf(shared)]).toEqual(['ac', 'b', 'ab'])
})
