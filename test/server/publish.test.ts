import { describe, expect, it, vi } from 'vitest'
import { createHub, type Log, memoryLog } from '../../server/index.ts'
import { listen, message, post, stand } from './harness.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

function failingAt(append: () => never | Promise<never>) {
  const log: Log = { ...memoryLog(), append }
  const hub = createHub({ log })
  const failures = vi.fn()
  hub.on('error', failures)
  return { hub, failures }
}

const ways: [string, () => never | Promise<never>][] = [
  [
    'at once',
    () => {
      throw new Error('full')
    },
  ],
  ['later', async () => Promise.reject(new Error('full'))],
]

describe('publish', () => {
  it.each(ways)(
    'tells `error` once of a failure %s that nobody awaits, and the process lives',
    async (_, append) => {
      const { hub, failures } = failingAt(append)
      void hub.publish('x', 'data')
      void hub.publish('x', 'data').then(() => 'what was made of it')
      await vi.waitFor(() => expect(failures).toHaveBeenCalledTimes(2), { timeout: 30_000 })
      await turn()
      expect(failures.mock.calls.map(String)).toEqual(['Error: full', 'Error: full'])
    },
  )

  it.each(ways)('leaves a failure %s to whoever awaits it', async (_, append) => {
    const { hub, failures } = failingAt(append)
    await expect(hub.publish('x', 'data')).rejects.toThrow('full')
    await expect(Promise.all([hub.publish('x', 'data')])).rejects.toThrow('full')
    await expect(hub.publish('x', 'data').finally(() => {})).rejects.toThrow('full')
    const caught = vi.fn()
    hub.publish('x', 'data').catch(caught)
    await vi.waitFor(() => expect(caught).toHaveBeenCalledTimes(1), { timeout: 30_000 })
    await turn()
    expect(failures).not.toHaveBeenCalled()
  })

  it.each<[string, unknown, object | undefined, new () => Error]>([
    ['', 'data', undefined, TypeError],
    ['rt.x', 'data', undefined, TypeError],
    ['a\nb', 'data', undefined, TypeError],
    ['x', () => {}, undefined, TypeError],
    ['x', { of: new Map() }, undefined, TypeError],
    ['x', { text: 'x'.repeat(2 ** 20) }, undefined, RangeError],
    ['x', 'data', { event: 'rt.beat' }, TypeError],
    ['x', 'x'.repeat(2 ** 20 + 1), undefined, RangeError],
    [undefined as never, undefined, null as never, TypeError],
  ])('rejects what cannot be published, and never throws: %#', async (topic, data, options, kind) => {
    const { hub } = await stand()
    const published = hub.publish(topic, data as string, options)
    await expect(published).rejects.toBeInstanceOf(kind)
    await expect(hub.publish('x', 'data')).resolves.toBeTypeOf('string')
  })

  it.each<[string, string | undefined, string]>([
    ['room \ud83d', undefined, 'topic is "room \\ud83d"'],
    ['\udc00', undefined, 'topic is "\\udc00"'],
    ['x', '\ud83dx', 'event is "\\ud83dx"'],
  ])('says of a name with half of a character what to do: %j, %j', async (topic, event, words) => {
    const { hub } = await stand()
    for (const volatile of [false, true]) {
      const published = hub.publish(topic, 'data', event ? { event, volatile } : { volatile })
      await expect(published).rejects.toBeInstanceOf(TypeError)
      await expect(published).rejects.toThrow(`${words}; half of a character is in it`)
      await expect(published).rejects.toThrow('toWellFormed()')
    }
    await expect(hub.publish('room \u{1f600}', 'data', { event: '\u{1f600}' })).resolves.toBeTypeOf('string')
  })

  it.each<[unknown, string]>([
    [{ vollatile: true }, 'unknown option "vollatile"; the options are event, volatile'],
    [{ event: 'x', id: 'y' }, 'unknown option "id"'],
    ['event', 'the options are "event"; they have to be an object'],
    [null, 'the options are null; they have to be an object'],
  ])('says of options which of them there are, and keeps nothing: %j', async (options, words) => {
    const at = await stand()
    const kept = await at.hub.publish('x', 'before')
    await expect(at.hub.publish('x', 'data', options as never)).rejects.toThrow(`publish: ${words}`)
    const opened = vi.fn()
    at.hub.on('open', ({ session }) => session.send('mine', options as never).catch(opened))
    const ear = listen(at, 'websocket', { 'rt.id': kept })
    await ear.opened()
    await at.hub.publish('x', 'after', {})
    expect(await ear.messages(1)).toEqual(['after'])
    await vi.waitFor(() => expect(opened).toHaveBeenCalled(), { timeout: 30_000 })
    expect(`${opened.mock.calls[0]}`).toContain('TypeError: send: ')
  })

  it('rejects to whoever awaits it late, though it was told', async () => {
    const { hub, failures } = failingAt(ways[1]?.[1] as () => never)
    const published = hub.publish('x', 'data')
    await vi.waitFor(() => expect(failures).toHaveBeenCalledTimes(1), { timeout: 30_000 })
    await expect(published).rejects.toThrow('full')
  })

  it('tells `error` of a reply that cannot be published and that nobody awaits', async () => {
    const at = await stand()
    const failures = vi.fn()
    at.hub.on('error', failures)
    at.hub.on('message', ({ data, session, reply }) => {
      void reply(data, { event: 'a\0b' })
      void session.send('x'.repeat(2 ** 21))
    })
    const { session } = await listen(at, 'websocket').opened()
    expect((await post(at, session, message(1))).status).toBe(200)
    await vi.waitFor(() => expect(failures).toHaveBeenCalledTimes(2), { timeout: 30_000 })
  })
})

describe('drop', () => {
  it('forgets a topic: who comes back for it is told of a gap, who hears it goes on', async () => {
    const at = await stand()
    const first = await at.hub.publish('x', '1')
    await at.hub.publish('x', '2')
    const ear = listen(at, 'websocket')
    await ear.opened()
    await at.hub.drop('x')
    const late = listen(at, 'websocket', { 'rt.id': first })
    expect(JSON.parse((await late.next('rt.gap')).data ?? '')).toMatchObject({ reason: 'trimmed' })
    await at.hub.publish('x', '3')
    for (const each of [ear, late]) expect(await each.messages(1)).toEqual(['3'])
  })
})
