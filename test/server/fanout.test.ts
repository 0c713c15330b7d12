import { expect, it, vi } from 'vitest'
import { memoryLog } from '../../server/index.ts'
import { type Batch, bytesOf, emptyBatch, extend, textOf, wrappedBytesOf } from '../../server/wire/batch.ts'
import { listen, stand, stopTime } from './harness.ts'

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
