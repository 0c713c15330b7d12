import { cp, rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Entry, Log, LogListener, Registry } from '../../server/index.ts'
import { type NatsLogOptions, natsLog } from '../../server/nats.ts'
import { listen, stand, until } from './harness.ts'
import { missingNats, type Nats, startNats } from './nats.ts'
import { openDoor } from './redis-doors.ts'

let nats: Nats
let prefixes = 0
const freshPrefix = () => `fault-${prefixes++}`
const numbers = (count: number, first = 1) => Array.from({ length: count }, (_, n) => String(first + n))
const here = `a log in NATS${missingNats ? ` (${missingNats})` : ''}`
/** Short, so that no test waits for long for what never comes; on a busy machine what comes may need more than one try. */
const quick = { patience: 2_000, check: 100 }

describe.skipIf(missingNats)(here, { timeout: 180_000 }, () => {
  beforeAll(async () => {
    nats = await startNats()
  })
  afterAll(() => nats.close())

  describe('that two nodes share', () => {
    it('is heard on both, in one order, with the same ids, and what is passed too', async () => {
      const [a, b] = nodes()
      const [one, other] = [ear(a), ear(b)]
      await Promise.all([append(a, 'first'), append(b, 'first')])
      const kept = await Promise.all(numbers(200).map(data => append(Number(data) % 2 ? a : b, data)))
      const last = Math.max(...kept.map(({ seq }) => seq))
      await until(() => [one, other].every(({ entries }) => entries.at(-1)?.seq === last))
      const ids = kept.map(({ id }) => id).toSorted()
      for (const { entries } of [one, other])
        expect(
          entries
            .filter(({ id }) => ids.includes(id))
            .map(({ id }) => id)
            .toSorted(),
        ).toEqual(ids)
      expect(one.entries.slice(-200)).toEqual(other.entries.slice(-200))
      a.pass?.('typing', { event: undefined, data: 'p', encoding: undefined })
      await until(() => other.passing.length > 0)
    })

    it('lets any go on where the other left, at once', async () => {
      const [a, b] = nodes()
      for (const data of numbers(30)) {
        const { id } = await append(a, data)
        expect(await b.after(id, ['x'])).toEqual({ start: id, entries: [], more: false })
        const next = await append(a, `${data} more`)
        expect((await b.after(id, ['x'])).entries).toEqual([next])
      }
    })

    it('drops a topic for both, and a node that begins later knows of all that is gone', async () => {
      const prefix = freshPrefix()
      const a = node({ prefix, retain: { few: 3, '*': 100 } })
      const { id } = await append(a, 'first')
      for (const topic of ['few', 'gone', 'again'])
        for (const data of numbers(80)) await append(a, data, topic)
      await Promise.all(['gone', 'again'].map(topic => a.drop(topic)))
      const back = await append(a, 'back', 'again')
      for (const log of [node({ prefix, retain: { few: 3, '*': 100 } }), a]) {
        const few = await log.after(id, ['few'])
        expect(few).toMatchObject({ gap: { reason: 'trimmed' }, entries: { length: 3 } })
        const edge = seqOf(few.gap?.to)
        expect(edge).toBe((few.entries[0]?.seq ?? 0) - 1)
        expect(await log.after(id, ['gone'])).toMatchObject({ gap: { reason: 'trimmed' }, entries: [] })
        expect(await log.after(id, ['again'])).toMatchObject({ gap: { reason: 'trimmed' }, entries: [back] })
        expect((await log.after(id, ['x'])).gap).toBeUndefined()
      }
    })

    it('takes out of the stream what was let go, but one of each topic', async () => {
      const prefix = freshPrefix()
      const log = node({ prefix, retain: 5 })
      for (const data of numbers(200)) await append(log, data)
      const messages = () => nats.by(async jsm => (await jsm.streams.info(prefix)).state.messages)
      await expect.poll(messages, { timeout: 60_000 }).toBeLessThan(5 + 64 + 10)
      expect((await log.back('x', { limit: 50 })).entries.map(dataOf)).toEqual(numbers(5, 196))
    })
  })

  it('keeps an append once that is asked again because its answer was lost', async () => {
    const door = await openDoor({ url: nats.url })
    const prefix = freshPrefix()
    const log = node({ prefix, servers: `127.0.0.1:${door.port}` })
    const { id } = await append(log, 'before')
    let lost = 0
    door.answer = sent => {
      if (!sent.includes('once') || lost++ > 0) return undefined
      door.freeze() // what was sent arrives, and its answer does not
      setTimeout(() => door.cut(), 100)
      return undefined
    }
    const kept = await append(log, 'once')
    await append(log, 'after')
    expect(lost).toBeGreaterThan(1)
    const { entries } = await node({ prefix }).after(id, ['x'])
    expect(entries.map(dataOf)).toEqual(['once', 'after'])
    expect(entries[0]?.id).toBe(kept.id)
  })

  it('gives up a connection that leads nowhere, and open lines hear on', async () => {
    const door = await openDoor({ url: nats.url })
    const prefix = freshPrefix()
    const at = await stand({ log: node({ prefix, servers: `127.0.0.1:${door.port}`, ...quick }) })
    at.hub.on('error', () => {}) // not on the console
    const other = node({ prefix })
    const line = listen(at, 'websocket')
    await line.opened()
    await append(other, 'before')
    expect(await line.messages(1)).toEqual(['before'])
    door.freeze()
    await append(other, 'meanwhile')
    expect(await line.messages(1)).toEqual(['meanwhile'])
    await append(other, 'after')
    expect(await line.messages(1)).toEqual(['after'])
  })

  it('is not ready while NATS is away, says so once, and comes back', async () => {
    const own = await ownNats()
    const log = node({ servers: own.url, ...quick })
    const heard = ear(log)
    await append(log, 'before')
    await own.kill()
    await until(() => heard.failures.length > 0)
    expect(log.ready).toBe(false)
    await expect(append(log, 'away')).rejects.toThrow(/NATS did not answer within 2000 ms .* not known/)
    await expect(log.after(undefined, ['x'])).rejects.toThrow('NATS did not answer')
    await own.start()
    await until(() => log.ready === true)
    await insist(log, 'back')
    expect(heard.failures).toHaveLength(1)
  })

  it('loses and doubles nothing that was acknowledged when NATS is killed again and again', async () => {
    const own = await ownNats()
    const options = { servers: own.url, patience: 60_000, check: 100 }
    const [a, b] = [node(options), node(options)]
    const { entries } = ear(b)
    // What comes before a node hears is read, and not heard.
    const first = await append(b, 'first')
    await until(() => entries.some(({ id }) => id === first.id))
    const acknowledged: string[] = []
    const publish = async (log: Log, name: string) => {
      for (const n of numbers(100)) {
        await append(log, `${name}${n}`)
        acknowledged.push(`${name}${n}`)
      }
    }
    const done = Promise.all([publish(a, 'a'), publish(b, 'b')])
    for (const at of [30, 90, 150]) {
      await until(() => acknowledged.length >= at)
      await own.kill()
      await own.start()
    }
    await done
    const { gap, entries: kept } = await node(options).after(first.id, ['x'])
    expect(gap).toBeUndefined()
    const all = kept.map(dataOf)
    expect(all.toSorted()).toEqual(acknowledged.toSorted())
    for (const name of ['a', 'b'])
      expect(all.filter(data => data?.startsWith(name))).toEqual(numbers(100).map(n => `${name}${n}`))
    await until(() => entries.at(-1)?.id === kept.at(-1)?.id)
    expect(entries.filter(({ seq }) => seq > first.seq).map(({ id }) => id)).toEqual(kept.map(({ id }) => id))
  })

  it.each([
    ['deleted', (jsm, stream) => jsm.streams.delete(stream)],
    ['purged', (jsm, stream) => jsm.streams.purge(stream)],
  ] as [string, (jsm: Parameters<Parameters<Nats['by']>[0]>[0], stream: string) => Promise<unknown>][])(
    'begins a new epoch when its stream was %s by hand, and tells all lines',
    async (_, destroy) => {
      const prefix = freshPrefix()
      const log = node({ prefix, ...quick })
      const heard = ear(log)
      const { id } = await append(log, '1')
      await append(log, '2')
      const before = heard.misses
      await nats.by(jsm => destroy(jsm, prefix))
      await expect
        .poll(async () => await log.after(id, ['x']), { timeout: 60_000 })
        .toMatchObject({ gap: { reason: 'epoch' }, entries: [] })
      expect(heard.misses).toBeGreaterThan(before)
      const next = await insist(log, '3')
      expect((await node({ prefix }).after(id, ['x'])).entries.map(entry => entry.id)).toEqual([next.id])
    },
  )

  it('tells of a gap where messages were taken out by hand', async () => {
    const prefix = freshPrefix()
    const writer = node({ prefix })
    const { id } = await append(writer, 'first')
    const kept = [await append(writer, '1'), await append(writer, '2'), await append(writer, '3')]
    const reader = node({ prefix })
    await reader.after(undefined, ['x'])
    await nats.by(async jsm => {
      const { state } = await jsm.streams.info(prefix)
      // The first marker, `first`, three messages, and the marker of the reader.
      await jsm.streams.deleteMessage(prefix, state.first_seq + 3)
    })
    const { gap, entries } = await reader.after(id, ['x'])
    expect(gap).toMatchObject({ reason: 'trimmed', to: kept[1]?.id })
    expect(entries.map(dataOf)).toEqual(['1', '3'])
  })

  it('refuses what has no room, loses nothing, and has room again when topics are over', async () => {
    const prefix = freshPrefix()
    const log = node({ prefix, stream: { maxBytes: 200_000 }, expire: { 'brief:*': 4_000 } })
    const { id } = await append(log, 'first')
    const data = 'x'.repeat(10_000)
    const kept: Entry[] = []
    const fill = async () => {
      for (;;) kept.push(await append(log, data, 'brief:1'))
    }
    await expect(fill()).rejects.toThrow('NATS refused: maximum bytes exceeded')
    expect(kept.length).toBeGreaterThan(10)
    expect(log.ready).toBe(true)
    await expect.poll(() => append(log, data).then(dataOf, () => 'full'), { timeout: 60_000 }).toBe(data)
    expect(await log.after(id, ['brief:1'])).toMatchObject({ gap: { reason: 'trimmed' }, entries: [] })
  })

  it('refuses what is larger than NATS takes, and goes on', async () => {
    const log = node({ prefix: freshPrefix() })
    await expect(append(log, 'x'.repeat(2 ** 21))).rejects.toThrow(
      /the message has \d+ bytes; NATS takes 1048576/,
    )
    expect((await append(log, 'small')).seq).toBe(1)
  })

  it('refuses a stream that throws messages away by itself', async () => {
    const prefix = freshPrefix()
    await nats.by(jsm =>
      jsm.streams.add({ name: prefix, subjects: [`${prefix}.>`], max_age: 3_600_000_000_000 }),
    )
    const log = node({ prefix, ...quick })
    await expect(append(log, '1')).rejects.toThrow(`the stream ${prefix} throws messages away by itself`)
  })

  describe('what hubs leave for each other', () => {
    const minute = 60_000
    const registered = (prefix: string) => nats.by(jsm => jsm.streams.info(`${prefix}+registry`))

    it('is seen by all, and of two nodes that put a text at once one succeeds', async () => {
      const [a, b] = nodes().map(registryOf)
      for (const key of ['plain', 'a b.c*>', '한'.repeat(200), '']) {
        const [one, other] = await Promise.all([
          a?.compareAndSet(key, undefined, 'one', minute),
          b?.compareAndSet(key, undefined, 'other', minute),
        ])
        expect(one).toBe(other)
        expect([await a?.get(key), await b?.get(key)]).toEqual([one, one])
      }
    })

    it('is put once when it is asked again because the answer was lost', async () => {
      const door = await openDoor({ url: nats.url })
      const prefix = freshPrefix()
      const registry = registryOf(node({ prefix, servers: `127.0.0.1:${door.port}` }))
      await registry.get('key')
      let lost = 0
      door.answer = sent => {
        if (!sent.includes('the text') || lost++ > 0) return undefined
        door.freeze() // what was sent before arrives, and its answer does not
        setTimeout(() => door.cut(), 100)
        return undefined
      }
      expect(await registry.compareAndSet('key', undefined, 'the text', minute)).toBe('the text')
      expect(lost).toBeGreaterThan(0)
      expect((await registered(prefix)).state.last_seq).toBe(1)
    })

    it('can be left again when its stream was deleted by hand', async () => {
      const prefix = freshPrefix()
      const registry = registryOf(node({ prefix }))
      await registry.compareAndSet('key', undefined, 'one', minute)
      await nats.by(jsm => jsm.streams.delete(`${prefix}+registry`))
      expect(await registry.compareAndSet('key', undefined, 'two', minute)).toBe('two')
      expect(await registry.get('key')).toBe('two')
    })

    it('is kept for as long as it is to last, and not for ever', async () => {
      const prefix = freshPrefix()
      const [a, b] = [node({ prefix }), node({ prefix })].map(registryOf)
      await a?.compareAndSet('key', undefined, 'one', minute)
      const age = async () => (await registered(prefix)).config.max_age / 1e6
      expect(await age()).toBe(60 * minute)
      await b?.compareAndSet('other', undefined, 'two', 3_000 * minute)
      await a?.compareAndSet('another', undefined, 'three', 2_000 * minute)
      expect(await age()).toBe(3_000 * minute)
      expect(await a?.get('other')).toBe('two')
    })

    it('survives a NATS that is killed', async () => {
      const own = await ownNats()
      const registry = registryOf(node({ servers: own.url }))
      await registry.compareAndSet('key', undefined, 'one', minute)
      await own.kill()
      const meanwhile = registry.compareAndSet('key', 'one', 'two', minute)
      await own.start()
      expect(await meanwhile).toBe('two')
      expect(await registry.get('key')).toBe('two')
    })

    it('says where this machine is, by whichever server there is a way to', async () => {
      expect(await registryOf(node()).address?.()).toBe('127.0.0.1')
      expect(await registryOf(node({ servers: '127.0.0.1' })).address?.()).toBe('127.0.0.1')
      // Not every machine has the other family.
      expect(['::1', undefined]).toContain(await registryOf(node({ servers: '[::1]:4222' })).address?.())
      const someNowhere = ['nowhere.invalid:1', nats.url]
      expect(await registryOf(node({ servers: someNowhere })).address?.()).toBe('127.0.0.1')
      expect(await registryOf(node({ servers: 'nowhere.invalid:1' })).address?.()).toBeUndefined()
    })
  })

  it('tells whoever heard what NATS lost, when its files were brought back from before', async () => {
    const own = await ownNats()
    const options = { servers: own.url, check: 100, patience: 60_000 }
    const log = node(options)
    const heard = ear(log)
    const kept = [await append(log, '1'), await append(log, '2'), await append(log, '3')]
    await own.kill()
    await cp(`${own.folder}/store`, `${own.folder}/backup`, { recursive: true })
    await own.start()
    const lost = [await append(log, '4'), await append(log, '5')]
    const before = heard.misses
    await own.kill()
    await rm(`${own.folder}/store`, { recursive: true })
    await cp(`${own.folder}/backup`, `${own.folder}/store`, { recursive: true })
    await own.start()
    await until(() => heard.misses > before)
    const again = [await append(log, '4 anew'), await append(log, '5 anew'), await append(log, '6 anew')]
    for (const { id } of lost) expect((await log.after(id, ['x'])).gap?.reason).toMatch(/rollback|future/)
    const { gap, entries } = await log.after(kept[2]?.id, ['x'])
    expect(gap).toBeUndefined()
    expect(entries).toEqual(again)
  })
})

function node(options: NatsLogOptions = {}) {
  const log = natsLog({ servers: nats.url, patience: 60_000, check: 100, ...options })
  onTestFinished(() => log.close())
  return log
}

function nodes(options: NatsLogOptions = {}) {
  const prefix = freshPrefix()
  return [node({ prefix, ...options }), node({ prefix, ...options })] as const
}

function registryOf({ registry }: Log): Registry {
  if (!registry) throw new Error('this log has no registry')
  return registry
}

async function ownNats(): Promise<Nats> {
  const own = await startNats()
  onTestFinished(() => own.close())
  return own
}

async function append(log: Log, data: string, topic = 'x'): Promise<Entry> {
  return log.append(topic, { event: undefined, data, encoding: undefined })
}

/** Until it is kept: what was refused meanwhile is asked again. */
async function insist(log: Log, data: string): Promise<Entry> {
  for (;;) {
    try {
      return await append(log, data)
    } catch {}
  }
}

function ear(log: Log) {
  const heard = { entries: [] as Entry[], passing: [] as string[], failures: [] as unknown[], misses: 0 }
  const listener: LogListener = {
    heard: entry => void heard.entries.push(entry),
    passed: topic => void heard.passing.push(topic),
    missed: () => void heard.misses++,
    failed: error => void heard.failures.push(error),
  }
  log.listen(listener)
  return heard
}

function dataOf({ text }: Entry): string | undefined {
  return /^data: (.*)$/m.exec(text)?.[1]
}

function seqOf(id: string | undefined): number {
  return Number(id?.split('.')[1])
}
