import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Entry, GapReason, History, Log, PerTopic } from '../../server/index.ts'

/** How much a log is to keep. */
export interface LogOptions {
  /** Messages of each topic. @default 1000 */
  retain?: PerTopic
  /** Milliseconds that a topic lasts after its last message. @default 86400000 */
  expire?: PerTopic
}

export type Make = (options?: LogOptions) => Promise<Log>
export type Case = (make: Make) => Promise<void>

/** The least that a message is. */
export const text = { event: undefined, data: 'x', encoding: undefined }

export async function append(log: Log, topic = 'a'): Promise<Entry> {
  return log.append(topic, text)
}

/** In the topics by turns, all asked for at once. */
export async function appendMany(log: Log, count: number, ...topics: string[]): Promise<Entry[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => append(log, topics[n % topics.length])))
}

/** Topics that come and go, many but not all at once: that would be a question of how fast this machine is. */
export async function comeAndGo(log: Log, count: number): Promise<void> {
  for (let n = 0; n < count; n += 100) {
    const others = Array.from({ length: 100 }, (_, index) => `other:${n + index}`)
    await Promise.all(others.map(topic => append(log, topic)))
    await Promise.all(others.map(topic => log.drop(topic)))
  }
}

export async function since(log: Log, cursor: string | undefined, ...topics: string[]): Promise<History> {
  return log.after(cursor, topics)
}

/** All pages from there on; the numbers that each holds. */
export async function readOn(log: Log, from: string, ...topics: string[]): Promise<number[][]> {
  const pages: number[][] = []
  for (let cursor = from, more = true; more; ) {
    const history = await since(log, cursor, ...topics)
    equal(history.gap, undefined)
    equal(history.start, cursor)
    pages.push(seqs(history))
    cursor = history.entries.at(-1)?.id ?? cursor
    more = history.more
  }
  return pages
}

export function seqs({ entries }: { entries: readonly Entry[] }): number[] {
  return entries.map(({ seq }) => seq)
}

export function ids({ entries }: { entries: readonly Entry[] }): string[] {
  return entries.map(({ id }) => id)
}

/** The number in an id. */
export function seqOf(id: string): number {
  return Number(id.split('.')[1])
}

export function expectGap({ gap }: History, reason: GapReason, from: string): void {
  ok(gap, `a gap is told, of reason ${reason}`)
  equal(gap.reason, reason)
  equal(gap.from, from)
}

export function expectNothing(history: History, start: string): void {
  deepEqual(history, { start, entries: [], more: false })
}

/** The value of `actual` for those keys that `expected` has. */
export function expectParts<T extends object>(actual: T, expected: Partial<T>): void {
  const parts = Object.keys(expected).map(key => [key, actual[key as keyof T]])
  deepEqual(Object.fromEntries(parts), expected)
}

/** The first item, which has to be there. */
export function first<T>(items: readonly T[]): T {
  ok(items.length > 0, 'there is one at least')
  return items[0] as T
}

export function wait(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await wait(5)
}
