import { expect, onTestFinished, vi } from 'vitest'
import { type Entry, type Log, type RedisLog, type RedisLogOptions, redisLog } from '../../server/index.ts'
import { type Ear, listen, type Stand, stand, until, wait } from './harness.ts'

/** Short, so that no test waits for long for what never comes. */
export const quick = { patience: 1_000, check: 50 }
/** For what does come, however busy the machine is. */
export const patient = { patience: 60_000, check: 50 }

const plain = { event: undefined, data: 'x', encoding: undefined }

export interface Node {
  at: Stand
  log: RedisLog
  /** What `error` told. */
  failures: string[]
}

let prefixes = 0
export const freshPrefix = () => `way-${prefixes++}`

/** Closed when the test is over. */
export function logAt(options: RedisLogOptions): RedisLog {
  const log = redisLog({ prefix: freshPrefix(), ...patient, ...options })
  onTestFinished(() => log.close())
  return log
}

export async function nodeAt(options: RedisLogOptions): Promise<Node> {
  const log = logAt(options)
  const at = await stand({ log })
  const failures: string[] = []
  at.hub.on('error', error => void failures.push(String(error)))
  return { at, log, failures }
}

export async function append(log: Log, data: string, topic = 'x'): Promise<string> {
  return (await log.append(topic, { ...plain, data })).id
}

/** Until it is kept: what is asked while a connection is found to be dead may fail. */
export async function insist(log: Log, data: string): Promise<string> {
  return vi.waitFor(() => append(log, data), { timeout: 60_000, interval: 20 })
}

export async function keptAfter(log: Log, start: string, topic = 'x'): Promise<Entry[]> {
  const all: Entry[] = []
  for (let cursor = start, more = true; more; ) {
    const history = await log.after(cursor, [topic])
    expect(history.gap).toBeUndefined()
    all.push(...history.entries)
    cursor = all.at(-1)?.id ?? cursor
    more = history.more
  }
  return all
}

export function dataOf({ text }: Entry): string {
  return /^data: (.*)$/m.exec(text)?.[1] ?? ''
}

export interface Told {
  /** How many were acknowledged and are not there any more. Each of those who hear was told of a gap, if there are any. */
  lost: number
  /** Between the last that was acknowledged before and the first after, in ms. */
  dark: number
  failures: string[]
}

/**
 * Publishes without a pause while something goes wrong, and checks that all that was acknowledged is read by all, in order and
 * once; or, if Redis itself has lost it, that it is among the last before the trouble, and that a gap tells of it.
 */
export async function survives(options: RedisLogOptions, trouble: () => Promise<unknown>): Promise<Told> {
  const shared = { ...options, prefix: options.prefix ?? freshPrefix() }
  const [from, to] = [await nodeAt(shared), await nodeAt(shared)]
  const ears = [listen(from.at, 'websocket'), listen(to.at, 'xhr-streaming')]
  const start = await insist(from.log, 'start')
  await Promise.all(ears.map(ear => ear.opened()))
  const acknowledged: { id: string; data: string; when: number }[] = []
  let goes = true
  const publishing = publish()
  await until(() => acknowledged.length >= 50)
  await trouble()
  const before = acknowledged.length
  await until(() => acknowledged.length >= before + 50)
  goes = false
  await publishing
  const last = await insist(from.log, 'last')
  await until(() => ears.every(ear => ear.blocks.some(({ id }) => id === last)))

  const kept = await keptAfter(to.log, start)
  const data = kept.map(dataOf).slice(0, -1).map(Number)
  expect(data).toEqual([...new Set(data)].toSorted((a, b) => a - b))
  const ids = new Set(kept.map(entry => entry.id))
  const lost = acknowledged.filter(({ id }) => !ids.has(id))
  for (const { id } of lost) {
    expect((await to.log.after(id, ['x'])).gap?.reason).toMatch(/^(rollback|future)$/)
  }
  const firstLost = acknowledged.findIndex(({ id }) => !ids.has(id))
  expect(lost).toEqual(lost.length ? acknowledged.slice(firstLost, firstLost + lost.length) : [])
  for (const ear of ears) {
    const heard = heardBy(ear)
    const gaps = ear.blocks.filter(block => block.event === 'rt.gap').length
    if (lost.length === 0) {
      expect(gaps).toBe(0)
      expect(heard.filter(id => id !== start)).toEqual([...ids])
    } else {
      expect(new Set(heard).size).toBe(heard.length)
      expect(gaps).toBeLessThanOrEqual(1)
    }
  }
  const pauses = acknowledged.slice(1).map(({ when }, n) => when - (acknowledged[n]?.when ?? 0))
  return { lost: lost.length, dark: Math.max(...pauses), failures: [...from.failures, ...to.failures] }

  async function publish(): Promise<void> {
    for (let number = 1; goes; number++) {
      const data = String(number)
      await from.at.hub.publish('x', data).then(
        id => acknowledged.push({ id, data, when: performance.now() }),
        () => {},
      )
      await wait(1)
    }
  }
}

function heardBy(ear: Ear): string[] {
  return ear.blocks.filter(block => !block.event?.startsWith('rt.')).map(block => block.id ?? '')
}
