import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import type { Entry, Log, Spaces } from '../../server/index.ts'
import { append, appendMany, type Case, expectGap, ids, type Make, seqs, since, until } from './steps.ts'

/** What the case is about is not asked of a log that has one space. */
function withSpaces(act: (log: Log, spaces: Spaces) => Promise<void>): Case {
  return async (make: Make) => {
    const log = await make()
    if (log.spaces) await act(log, log.spaces)
  }
}

/** A topic in each space. */
function topicOfEach({ count, of }: Spaces, name: (n: number) => string = n => `topic ${n}`): string[] {
  const found: string[] = []
  for (let n = 0; found.filter(Boolean).length < count; n++) {
    ok(n < 100_000, 'each space has a topic among 100,000')
    found[of(name(n))] ??= name(n)
  }
  return found
}

export const spaces: Record<string, Case> = {
  'a topic is in one space, and each space has some': withSpaces(async (_, spaces) => {
    ok(spaces.count > 0)
    for (const topic of [...topicOfEach(spaces), 'a', 'rt.presence', '{', '{}', '}{']) {
      const space = spaces.of(topic)
      ok(Number.isInteger(space) && space >= 0 && space < spaces.count, `${topic} is in ${space}`)
      equal(spaces.of(topic), space)
    }
    topicOfEach(spaces, n => `rt.to.${n}`)
  }),

  'topics with the same text in their first braces are in one space': withSpaces(async (_, { of }) => {
    for (let n = 0; n < 50; n++) {
      const names = [`{room ${n}}a`, `b{room ${n}}`, `c:{room ${n}}{${n}}`, `rt.to.{room ${n}}`]
      equal(new Set(names.map(of)).size, 1)
    }
  }),

  'each space has an epoch of its own, in which numbers rise by one from 1': withSpaces(
    async (log, spaces) => {
      const topics = topicOfEach(spaces)
      const entries = await appendMany(log, 5 * spaces.count, ...topics)
      for (const topic of topics)
        deepEqual(seqs({ entries: entries.filter(entry => entry.topic === topic) }), [1, 2, 3, 4, 5])
      equal(new Set(entries.map(({ id }) => id.split('.')[0])).size, spaces.count)
    },
  ),

  'what follows a position is told of the topics of its space': withSpaces(async (log, spaces) => {
    const topics = topicOfEach(spaces)
    const first = await appendMany(log, spaces.count, ...topics)
    const more = await appendMany(log, 3 * spaces.count, ...topics)
    for (const [space, topic] of topics.entries()) {
      const { start, gap, entries } = await since(log, first[space]?.id, topic)
      deepEqual([start, gap], [first[space]?.id, undefined])
      deepEqual(ids({ entries }), ids({ entries: more.filter(entry => entry.topic === topic) }))
    }
  }),

  'without topics, the newest position is that of the space that is named': withSpaces(
    async (log, spaces) => {
      const topics = topicOfEach(spaces)
      const entries = await appendMany(log, spaces.count, ...topics)
      for (const [space, { id }] of entries.entries())
        deepEqual(await log.after(undefined, [], space), { start: id, entries: [], more: false })
    },
  ),

  'a position of another space is of another epoch': withSpaces(async (log, spaces) => {
    const topics = topicOfEach(spaces)
    const entries = await appendMany(log, spaces.count, ...topics)
    for (const [space, { id }] of entries.entries()) {
      const other = topics[(space + 1) % spaces.count] as string
      if (spaces.count > 1) expectGap(await since(log, id, other), 'epoch', id)
    }
  }),

  'it is known of a position in which space it is, once that was read': withSpaces(async (log, spaces) => {
    const topics = topicOfEach(spaces)
    const entries = await appendMany(log, spaces.count, ...topics)
    for (const [space, { id, topic }] of entries.entries()) {
      const { start } = await since(log, undefined, topic)
      deepEqual([spaces.at(id), spaces.at(start)], [space, space])
    }
    for (const odd of ['', 'x', 'neverwas.1.x']) equal(spaces.at(odd), undefined)
  }),

  'a listener hears the entries of each space, each once, in the order of that space': withSpaces(
    async (log, spaces) => {
      const topics = topicOfEach(spaces)
      const heard: string[] = []
      log.listen({ heard: ({ id }) => void heard.push(id), missed() {}, failed() {} })
      for (const topic of topics) log.follow?.(topic)
      await log.followed?.(topics)
      const first = await appendMany(log, spaces.count, ...topics)
      const kept = await appendMany(log, 100 * spaces.count, ...topics)
      const all = [...first, ...kept]
      await until(() => all.every(({ id }) => heard.includes(id)))
      equal(new Set(heard).size, heard.length)
      for (const topic of topics) {
        const own = ids({ entries: all.filter(entry => entry.topic === topic) })
        deepEqual(
          heard.filter(id => own.includes(id)),
          own,
        )
      }
    },
  ),

  'a topic that is dropped is forgotten in its space, and no other is': withSpaces(async (log, spaces) => {
    const topics = topicOfEach(spaces)
    const first = await appendMany(log, spaces.count, ...topics)
    await appendMany(log, spaces.count, ...topics)
    const [gone] = topics as [string]
    await log.drop(gone)
    for (const [space, topic] of topics.entries()) {
      const { id } = first[space] as Entry
      const history = await since(log, id, topic)
      if (topic === gone) expectGap(history, 'trimmed', id)
      else equal(history.gap, undefined)
    }
  }),

  'each space can be read, and says so': withSpaces(async (log, spaces) => {
    await append(log)
    for (let space = 0; space < spaces.count; space++) {
      await log.after(undefined, [], space)
      equal(spaces.isReady(space), true)
    }
    notEqual(log.ready, false)
  }),
}
