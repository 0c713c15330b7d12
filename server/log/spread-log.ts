import { gauge, type Metric } from '../operation/exposition.ts'
import {
  type Backwards,
  type Entry,
  type History,
  isPrivate,
  type Log,
  type LogListener,
  type Packed,
  type Past,
  readPlace,
  type Spaces,
  type Whole,
} from './log.ts'

/** A log that is spread over several. */
export interface SpreadLog extends Log {
  /** A space for each of the logs, numbered as they were given. */
  readonly spaces: Spaces
  /** Ends those that have something to end. */
  close(): Promise<void>
}

/**
 * One log made of several, such as one for each of three servers with Redis: each topic is in one of them, by its name, and stays there. So each has its share of what is published,
 * and one that is out of reach concerns its own topics alone. The first one also keeps what hubs tell each other.
 *
 * ```ts
 * import { redisLog, spreadLog } from 'throughline/server'
 *
 * const urls = ['redis://10.0.0.1', 'redis://10.0.0.2', 'redis://10.0.0.3']
 * const log = spreadLog(urls.map(url => redisLog({ url })))
 * ```
 *
 * The list is the same, in the same order, on all nodes. One more at its end takes its share of the topics from the others, and these begin anew there: who heard one of them is told by a
 * `gap`, reason `epoch`. A client that has one position for several topics, as an EventSource without our client has, can hear topics of one log alone: names with the same text in
 * braces are together, `{room:42}chat` and `{room:42}typing`.
 *
 * @throws {TypeError} for an empty list, for what is no log, or is one that is spread itself, and for one that is there twice
 */
export function spreadLog(logs: readonly Log[]): SpreadLog {
  check(logs)
  const [first] = logs as readonly [Log]
  const epochs: (string | undefined)[] = logs.map(() => undefined)
  const spaces: Spaces = { count: logs.length, of: topic => spaceIn(logs.length, topic), at, isReady }
  // A line may come with a position before anybody has read.
  for (const space of logs.keys()) learn(space)

  return {
    append: (topic: string, message: Packed, whole?: Whole): Entry | Promise<Entry> =>
      logOf(topic).append(topic, message, whole),
    after,
    back: (topic: string, how: Backwards): Past | Promise<Past> => logOf(topic).back(topic, how),
    // Where one has no way to tell other nodes, the hub tells its own lines.
    ...(logs.every(({ pass }) => pass) && {
      pass: (topic: string, message: Packed) => logOf(topic).pass?.(topic, message),
    }),
    listen,
    follow: (topic: string) => logOf(topic).follow?.(topic),
    unfollow: (topic: string) => logOf(topic).unfollow?.(topic),
    followed,
    sure: (space = 0) => logs[space]?.sure?.(),
    drop: (topic: string) => logOf(topic).drop(topic),
    spaces,
    ...(first.registry && { registry: first.registry }),
    get ready() {
      return logs.some(({ ready }) => ready !== false)
    },
    metrics,
    close,
  }

  function logOf(topic: string): Log {
    return logs[spaces.of(topic)] as Log
  }

  function isReady(space: number): boolean {
    return logs[space]?.ready !== false
  }

  function at(id: string): number | undefined {
    const place = readPlace(id)
    const space = place ? epochs.indexOf(place.epoch) : -1
    return space < 0 ? undefined : space
  }

  function after(
    cursor: string | undefined,
    topics: readonly string[],
    space = topics[0] === undefined ? anyReady() : spaces.of(topics[0]),
  ): History | Promise<History> {
    const history = (logs[space] as Log).after(cursor, topics)
    if (!('then' in history)) return remember(space, history)
    return history.then(found => remember(space, found))
  }

  function anyReady(): number {
    return Math.max(
      0,
      logs.findIndex(({ ready }) => ready !== false),
    )
  }

  /** One that was asked for may be of an earlier life: then there is a gap. */
  function remember(space: number, history: History): History {
    epochs[space] = readPlace(history.gap?.to ?? history.start)?.epoch ?? epochs[space]
    return history
  }

  function learn(space: number): void {
    const failed = () => {} // whoever reads is told
    try {
      const found = after(undefined, [], space)
      if ('then' in found) found.then(failed, failed)
    } catch {
      failed()
    }
  }

  function listen(listener: LogListener): () => void {
    const undos = logs.map((log, space) =>
      log.listen({
        heard: entry => listener.heard(entry),
        passed: (topic, text) => listener.passed?.(topic, text),
        missed() {
          learn(space)
          listener.missed(space)
        },
        ...(listener.moved && { moved: topics => listener.moved?.(topics) }),
        failed: error => listener.failed(error),
      }),
    )
    return () => {
      for (const undo of undos) undo()
    }
  }

  function followed(topics: readonly string[]): Promise<void> | undefined {
    const waits = [...bySpace(spaces, topics)].flatMap(([space, some]) => logs[space]?.followed?.(some) ?? [])
    return waits.length ? Promise.all(waits).then(() => {}) : undefined
  }

  function metrics(): readonly Metric[] {
    const up = logs.map((_, space) => ({ labels: labelOf(space), value: Number(isReady(space)) }))
    const own = { ...gauge('space_up', 'Whether this part of the log can be read.', 0), samples: up }
    return [...sumOf(logs.map(log => log.metrics?.() ?? [])), own as Metric]
  }

  async function close(): Promise<void> {
    await Promise.all(logs.map(log => (log as Partial<SpreadLog>).close?.()))
  }
}

function check(logs: readonly Log[]): void {
  if (!Array.isArray(logs) || logs.length === 0)
    throw new TypeError('spreadLog is given no logs; it takes a list of them')
  for (const [n, log] of logs.entries()) {
    if (typeof (log as Partial<Log> | undefined)?.append !== 'function')
      throw new TypeError(`number ${n} of spreadLog is ${String(log)}; it has to be a log`)
    if (log.spaces) throw new TypeError(`number ${n} of spreadLog is spread itself; give it the logs it has`)
    if (logs.indexOf(log) !== n) throw new TypeError(`number ${n} of spreadLog is there twice`)
  }
}

/**
 * The space with the highest score has the topic (rendezvous hashing), so that one more takes its share from each of the others and moves nothing else. What nodes tell each other is in the
 * first, where their registry is.
 */
export function spaceIn(count: number, topic: string): number {
  if (count === 1 || (isPrivate(topic) && !topic.startsWith('rt.to.'))) return 0
  const hash = hashOf(together(topic))
  let best = -1
  let found = 0
  for (let space = 0; space < count; space++) {
    const score = mixed(hash ^ Math.imul(space + 1, 0x9e3779b1))
    if (score <= best) continue
    best = score
    found = space
  }
  return found
}

/** What decides: as Redis Cluster has it, the text in the first pair of braces, if there is any in it. */
function together(topic: string): string {
  const from = topic.indexOf('{') + 1
  const to = from ? topic.indexOf('}', from) : -1
  return to > from ? topic.slice(from, to) : topic
}

/** FNV-1a, over code units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}

/** The last steps of MurmurHash3: each bit of the outcome depends on all. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) >>> 0
}

function labelOf(space: number): { space: string } {
  return { space: `${space}` }
}

/** Each family once: histograms are added up, and other figures are told of each space. */
function sumOf(all: readonly (readonly Metric[])[]): Metric[] {
  const families = new Map<string, Metric>()
  for (const [space, metrics] of all.entries())
    for (const metric of metrics) {
      const labelled = withLabel(metric, space)
      const before = families.get(metric.name)
      families.set(metric.name, before ? joined(before, labelled) : labelled)
    }
  return [...families.values()]
}

function withLabel(metric: Metric, space: number): Metric {
  if (metric.type === 'histogram') return metric
  const samples = metric.samples.map(({ labels, value }) => ({
    labels: { ...labels, ...labelOf(space) },
    value,
  }))
  return { ...metric, samples }
}

function joined(one: Metric, other: Metric): Metric {
  if (one.type !== 'histogram' && other.type !== 'histogram')
    return { ...one, samples: [...one.samples, ...other.samples] }
  if (one.type !== 'histogram' || other.type !== 'histogram' || `${one.bounds}` !== `${other.bounds}`)
    return one
  const counts = one.counts.map((count, at) => count + (other.counts[at] ?? 0))
  return { ...one, counts, sum: one.sum + other.sum }
}

/** Topics by the space that they are in. */
function bySpace({ of }: Spaces, topics: readonly string[]): Map<number, string[]> {
  const found = new Map<number, string[]>()
  for (const topic of topics) {
    const space = of(topic)
    const same = found.get(space)
    if (same) same.push(topic)
    else found.set(space, [topic])
  }
  return found
}
