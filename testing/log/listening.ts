import { deepEqual, equal } from 'node:assert/strict'
import type { Entry, Log, LogListener } from '../../server/index.ts'
import { append, appendMany, type Case, since, text, until } from './steps.ts'

/** All that it hears. */
function ear(): LogListener & { entries: Entry[]; passing: [topic: string, text: string][] } {
  const entries: Entry[] = []
  const passing: [string, string][] = []
  return {
    entries,
    passing,
    heard: entry => void entries.push(entry),
    passed: (topic, text) => void passing.push([topic, text]),
    missed() {},
    failed() {},
  }
}

/** What is appended to these from then on is heard. */
async function hear(log: Log, ...topics: string[]): Promise<void> {
  for (const topic of topics) log.follow?.(topic)
  await log.followed?.(topics)
}

export const listening: Record<string, Case> = {
  'a listener hears each entry once, in order, as whoever appended it got it': async make => {
    const log = await make()
    const { entries, ...rest } = ear()
    log.listen(rest)
    await hear(log, 'a', 'b', 'rt.to.somebody')
    const { id } = await append(log)
    const kept = await appendMany(log, 300, 'a', 'b', 'rt.to.somebody')
    const at = () => entries.findIndex(entry => entry.id === id)
    await until(() => at() >= 0 && entries.length >= at() + 301)
    deepEqual(entries.slice(at() + 1), kept)
  },

  'a listener hears what is too large for a page, and what is in no character set but UTF-8': async make => {
    const log = await make()
    const { entries, ...rest } = ear()
    log.listen(rest)
    await hear(log, 'a', '한')
    await append(log)
    const large = await log.append('한', { ...text, data: '한😀'.repeat(2 ** 16) })
    await until(() => entries.at(-1)?.seq === large.seq)
    deepEqual(entries.at(-1), large)
  },

  'a listener hears nothing after it was taken off': async make => {
    const log = await make()
    const [one, other] = [ear(), ear()]
    const undo = log.listen(one)
    log.listen(other)
    await hear(log, 'a')
    await append(log)
    await until(() => other.entries.length > 0)
    undo()
    const last = await append(log)
    await until(() => other.entries.at(-1)?.seq === last.seq)
    equal(
      one.entries.some(({ seq }) => seq === last.seq),
      false,
    )
  },

  'what is passed is heard, and not kept': async make => {
    const log = await make()
    if (!log.pass) return
    const { passing, ...rest } = ear()
    log.listen(rest)
    await hear(log, 'typing')
    const { id } = await append(log)
    await until(() => {
      log.pass?.('typing', { ...text, data: 'passing' })
      return passing.length > 0
    })
    const [topic, block] = passing[0] ?? []
    deepEqual(
      [topic, /^data: (.*)$/m.exec(block ?? '')?.[1], /^id/m.test(block ?? '')],
      ['typing', 'passing', false],
    )
    deepEqual((await since(log, id, 'typing')).entries, [])
  },

  'a topic that two have followed is heard until both have left it': async make => {
    const log = await make()
    const { entries, ...rest } = ear()
    log.listen(rest)
    await hear(log, 'a')
    await hear(log, 'a')
    log.unfollow?.('a')
    const kept = await append(log)
    await until(() => entries.some(({ id }) => id === kept.id))
  },
}
