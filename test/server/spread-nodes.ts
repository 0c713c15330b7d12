import { expect, onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import type { RedisLog, RedisLogOptions } from '../../server/index.ts'
import { connect, native, subscriptions, websocket } from '../../src/core.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { type Heard, violations } from '../history.ts'
import { type Stand, until, wait } from './harness.ts'
import { append, dataOf, keptAfter, nodeAt } from './redis-nodes.ts'

/** One topic, while something goes wrong. */
export interface Course {
  readonly topic: string
  /** In which part of the log it is. */
  readonly space: number
  /** The ids that `publish` gave. */
  readonly acknowledged: string[]
  /** What the lines heard, each from its beginning. */
  readonly heard: readonly Heard[][]
}

export interface Run {
  readonly log: RedisLog
  readonly courses: readonly Course[]
  /** Until so many more are acknowledged in each topic that is meant. */
  acknowledges(count: number, isMeant?: (course: Course) => boolean): Promise<void>
}

/** Names that are spread over all parts, some in each. */
export const topics = Array.from({ length: 36 }, (_, n) => `room:${n}`)

/**
 * Two nodes, lines over two transports on each that hear all topics, and one publisher for each topic, while something goes wrong. Then what is kept has been heard by each line,
 * in order and once, but for what a gap tells of. Gives the topics in which something was lost that had been acknowledged, and those of which a gap was told.
 */
export async function spreadRun(
  options: RedisLogOptions,
  trouble: (run: Run) => Promise<unknown>,
): Promise<{ courses: readonly Course[]; lost: string[]; gaps: string[] }> {
  // All that is said, however long the trouble lasts: what is trimmed would look as if it had been lost.
  const whole = { retain: 100_000, ...options }
  const nodes = [await nodeAt(whole), await nodeAt(whole)]
  const [{ log, at }] = nodes as [(typeof nodes)[0]]
  const { spaces } = log
  const starts = new Map<string, string>()
  for (const topic of topics) starts.set(topic, await append(log, 'start', topic))
  const lines = nodes.flatMap(node => [hear(node.at, websocket), hear(node.at, longPolling)])
  await Promise.all(lines.map(({ opened }) => opened))
  const courses = topics.map((topic, n) => ({
    topic,
    space: spaces?.of(topic) ?? 0,
    acknowledged: [] as string[],
    heard: lines.map(line => line.heard[n] as Heard[]),
  }))
  let goes = true
  const publishing = courses.map(publish)
  const run: Run = { log, courses, acknowledges }
  await acknowledges(5)
  await trouble(run)
  await acknowledges(5)
  goes = false
  await Promise.all(publishing)

  const lost: string[] = []
  const gaps: string[] = []
  for (const { topic, acknowledged, heard } of courses) {
    const last = await vi.waitFor(() => append(log, 'last', topic), { timeout: 60_000, interval: 20 })
    await until(() => heard.every(each => each.some(({ id }) => id === last)))
    const entries = await keptOf(log, topic, starts.get(topic) as string)
    const kept = entries.map(entry => ({ id: entry.id, data: dataOf(entry) }))
    const ids = new Set(kept.map(({ id }) => id))
    if (acknowledged.some(id => !ids.has(id))) lost.push(topic)
    if (heard.some(each => each.some(({ type }) => type === 'gap'))) gaps.push(topic)
    // What a primary has lost with its life was heard by some.
    for (const each of heard) {
      const known = each.filter(({ type, id = '' }) => type !== 'message' || ids.has(id))
      if (known.length < each.length) expect(gaps).toContain(topic)
      expect([topic, violations(kept, known)]).toEqual([topic, []])
      const [first] = each
      expect([topic, first?.type, first?.data]).toEqual([topic, 'message', 'start'])
    }
  }
  return { courses, lost, gaps }

  async function publish({ topic, acknowledged }: Course): Promise<void> {
    for (let number = 1; goes; number++) {
      await at.hub.publish(topic, `${number}`).then(
        id => acknowledged.push(id),
        () => wait(20),
      )
      await wait(5)
    }
  }

  async function acknowledges(
    count: number,
    isMeant: (course: Course) => boolean = () => true,
  ): Promise<void> {
    const meant = courses.filter(isMeant)
    const before = meant.map(({ acknowledged }) => acknowledged.length)
    await until(() =>
      meant.every(({ acknowledged }, n) => acknowledged.length >= (before[n] as number) + count),
    )
  }
}

/** All that is kept after a position, or all that is kept where the log has begun anew since. */
async function keptOf(log: RedisLog, topic: string, start: string) {
  const { gap } = await log.after(start, [topic])
  if (!gap) return [{ id: start, text: 'data: start\n' } as never, ...(await keptAfter(log, start, topic))]
  return (await log.back(topic, { limit: 10_000 })).entries
}

function hear(at: Stand, transport: typeof websocket) {
  const line = connect(`http://${at.host}/live`, {
    transport: transport as never,
    dialect: native,
    topics: subscriptions,
    environment: { WebSocket },
    retry: 1,
  })
  onTestFinished(() => line.close())
  const rooms = topics.map(topic => line.subscribe(topic, { history: 10 }))
  const heard = rooms.map(room => {
    const all: Heard[] = []
    room.addEventListener('message', event => {
      const { lastEventId: id, data } = event as MessageEvent<string>
      all.push({ type: 'message', id, data: `${data}` })
    })
    room.addEventListener('gap', ({ to }) => all.push({ type: 'gap', to }))
    return all
  })
  return { heard, opened: Promise.all(rooms.map(room => room.opened)) }
}
