import type { NodeConnectionOptions } from '@nats-io/transport-node'
import { show } from '../../src/wire/codec.ts'
import { encode } from '../../src/wire/encoder.ts'
import { randomName } from '../random.ts'
import { reported } from '../reported.ts'
import {
  type Backwards,
  checkCount,
  checkTime,
  type Entry,
  type GapReason,
  type History,
  isPrivate,
  type Log,
  type LogListener,
  type Packed,
  type Past,
  readPlace,
  type Whole,
} from './log.ts'
import { goesOn, idOf, isOurs, type Life, readMarker } from './nats-eras.ts'
import { createIndex, type Index, type Item, type Over, type Said } from './nats-index.ts'
import { createLink, type Heard, headersOf, isFull, Refused } from './nats-link.ts'
import { createNatsRegistry } from './nats-registry.ts'
import { createSubjects, fromBase64, nameHeader, toBase64 } from './nats-subjects.ts'
import { firstItems, page } from './page.ts'
import { type PerTopic, perTopic } from './per-topic.ts'
import type { Ring } from './ring.ts'

/** Options of `natsLog()`. */
export interface NatsLogOptions {
  /**
   * Where NATS is: `host:port` or `nats://host:port`; several of a cluster. One of them is taken, and another one when that is lost.
   * @default '127.0.0.1:4222'
   */
  servers?: string | readonly string[]
  /**
   * The name of the stream, and what all subjects begin with: letters, digits, `_` and `-`. Logs that share it, and the NATS, are one.
   * @default 'throughline'
   */
  prefix?: string
  /**
   * How many messages each topic keeps: one number for all, or one for each pattern, `{ 'ticker:*': 1, 'room:*': 500 }`. A client that was away for
   * longer gets a `gap`. The same on all nodes.
   * @default 1000
   */
  retain?: PerTopic
  /**
   * Milliseconds after its last message until a topic is forgotten, for all or for each pattern. Who comes back for something in it gets a `gap`. With
   * `Infinity` topics stay until they are dropped. The same on all nodes. It goes by the clock of NATS and that of the node, which must not be far apart.
   * @default 86400000
   */
  expire?: PerTopic
  /**
   * Milliseconds that reading and publishing wait for NATS. Then they fail: a new client is told to come again, and
   * `publish` rejects. A connection on which nothing is heard for so long is given up, and made anew.
   * @default 5000
   */
  patience?: number
  /**
   * Milliseconds between two signs of life that NATS gives to each node, where nothing else comes. What it passed over is found out by them. At least 100.
   * @default 250
   */
  check?: number
  /** What the stream is made with, if it is not there yet. The same on all nodes. */
  stream?: {
    /** Whether messages survive the end of NATS. @default 'file' */
    storage?: 'file' | 'memory'
    /** How many servers of a cluster keep each message. @default 1 */
    replicas?: number
    /** Bytes that the stream may take. Beyond it publishing fails, and nothing that is kept goes missing. @default Infinity */
    maxBytes?: number
  }
  /** More options of the client, which `connect` of `@nats-io/transport-node` takes: user and password, a token, credentials, `tls`. */
  client?: NodeConnectionOptions
}

export interface NatsLog extends Log {
  /** Ends the connection. What was appended before is finished first. */
  close(): Promise<void>
}

/** How many bytes of messages are remembered as they were heard, so that thousands of clients coming back share their text. */
const remembered = 2 ** 23

/** How many messages are asked for at once, over all readers. */
const readers = 64

/** How many records of topics that are over the stream keeps, of each kind: twice as many as are known by name. */
const records = 20_000

/** How long a private topic is kept in which nobody writes, in ms: what sessions leave that die with their node. */
const idle = 3_600_000

/** Timers of Node are no longer. */
const longestTimer = 2 ** 31 - 1

const usual = { retain: 1_000, expire: 86_400_000 }

const doubtful = '; whether the message was kept is not known'

const names = {
  lost: 'Throughline-Lost',
  whole: 'Throughline-Whole',
  over: 'Throughline-Over',
  due: 'Throughline-Due',
}

/**
 * A log in a stream of NATS JetStream, 2.9 or newer, that any number of nodes share: what is published on one is heard on all, and any continues where a
 * client left another.
 *
 * @throws {TypeError} naming the option, and the pattern if it is about one: `prefix` has to be of letters, digits, `_` and `-`, `retain` a whole number, 1
 *   or more, `expire` a positive number of ms or `Infinity`, `patience` and `check` a positive number of ms up to 2147483647
 */
export function natsLog({
  servers = '127.0.0.1:4222',
  prefix = 'throughline',
  retain = usual.retain,
  expire = usual.expire,
  patience = 5_000,
  check = 250,
  stream: { storage = 'file', replicas = 1, maxBytes = Number.POSITIVE_INFINITY } = {},
  client = {},
}: NatsLogOptions = {}): NatsLog {
  if (!/^[\w-]{1,200}$/.test(prefix))
    throw new TypeError(`prefix is ${show(prefix)}; it must be of letters, digits, _ and -`)
  const most = perTopic('retain', retain, usual.retain, checkCount)
  const lasting = perTopic('expire', expire, usual.expire, checkTime)
  checkTime('patience', patience, longestTimer)
  checkTime('check', check, longestTimer)
  const subjects = createSubjects(prefix)
  const all = typeof servers === 'string' ? [servers] : [...servers]
  const bounds = {
    retain: most.of,
    lasts: (topic: string) => (isPrivate(topic) ? idle : lasting.of(topic)),
  }
  const listeners = new Set<LogListener>()
  const due = new Map<string, number>() // topics that are over, until that is in the stream
  const known = createMemory(remembered)
  const loads = new Map<number, Promise<Entry | undefined>>()
  const inTurn = createTurns(readers)
  const self = randomName(9)
  const told = new Set<string>()
  let appended = 0
  let ended = 0
  let syncing: { begun: boolean; done: Promise<void> } | undefined
  let index: Index = createIndex(bounds)
  let life: Life = { epoch: '', base: 0, eras: [] }
  let heardTo = 0 // of the stream
  let rereading = false
  const waiters: { at: number; resolve(): void }[] = [] // the lowest first
  const link = createLink(
    {
      connection: { ...client, servers: all },
      patience,
      check,
      stream: { name: prefix, storage, replicas, maxBytes },
      subjects,
    },
    { life: () => (life.epoch === '' ? undefined : life), begin, heard, skipped, reread, passed, failed },
  )
  const registry = createNatsRegistry(act => link.ask(act).catch(refuse), {
    name: `${prefix}+registry`, // a prefix has no plus sign
    subjects: subjects.registry,
    storage,
    replicas,
    servers: all,
  })
  const clock = setInterval(
    sweepAll,
    Math.min(60_000, Math.max(50, Math.min(...lasting.all) / 10)) * (1 + Math.random() / 4),
  ).unref()

  return {
    append,
    after,
    back,
    pass,
    listen,
    registry,
    drop,
    get ready() {
      return link.reachable
    },
    close,
  }

  // Appending

  async function append(topic: string, message: Packed, whole?: Whole): Promise<Entry> {
    if (/[\r\n\0]/.test(topic)) throw new TypeError(`topic is ${JSON.stringify(topic)}; it must be one line`)
    const { event, data, encoding, type, re } = message
    const block = encode({ event, topic: isPrivate(topic) ? undefined : topic, data, encoding, type, re })
    const msgID = `${self}:${++appended}`
    const lasts = whole && (whole.expire ?? bounds.lasts(topic))
    const began = Date.now()
    const at = await link
      .ask(({ nc, js }) => {
        const room = nc.info?.max_payload ?? Number.POSITIVE_INFINITY
        const size = Buffer.byteLength(block)
        // Some of it is for headers.
        if (size > room - 1_024)
          throw new Refused(
            `the message has ${size} bytes; NATS takes ${room} (max_payload), headers included`,
          )
        const said = index.newestOf(topic) === undefined ? { [names.lost]: String(index.lostOf(topic)) } : {}
        const headers = {
          ...nameHeader(topic),
          ...said,
          ...(lasts !== undefined && { [names.whole]: String(lasts) }),
        }
        return js.publish(subjects.message(topic), block, { msgID, headers: headersOf(headers) })
      }, doubtful)
      .then(({ seq }) => seq, refuse)
    await hearing(at, began)
    tidy(topic)
    const seq = at - life.base
    return known.get(at) ?? entryOf(seq, topic, block)
  }

  /** It is kept for certain; where it stands among the others is known when it is heard. */
  function hearing(at: number, began: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (heardTo >= at) return resolve()
      const fail = () => {
        waiters.splice(waiters.indexOf(waiter), 1)
        reject(new Error(`NATS has kept the message, and has not told of it within ${patience} ms`))
      }
      const timer = setTimeout(
        () => setImmediate(() => waiters.includes(waiter) && fail()),
        patience - (Date.now() - began),
      )
      const waiter = {
        at,
        resolve() {
          clearTimeout(timer)
          resolve()
        },
      }
      waiters.splice(waiters.findLastIndex(other => other.at <= at) + 1, 0, waiter)
    })
  }

  /** Whoever published last takes out what the topic has let go. */
  function tidy(topic: string): void {
    const to = index.surplus(topic)
    if (to !== undefined) void purge(topic, to).catch(() => {}) // the next one does it
  }

  function purge(topic: string, to: number): Promise<unknown> {
    return inTurn(() =>
      link.ask(({ jsm }) =>
        jsm.streams.purge(prefix, { filter: subjects.message(topic), seq: to + life.base + 1 }),
      ),
    )
  }

  // Reading

  async function after(cursor: string | undefined, topics: readonly string[]): Promise<History> {
    await sync()
    for (;;) {
      sweep()
      const history = choose(cursor, topics)
      const entries = await Promise.all(history.items.map(load))
      const gone = entries.indexOf(undefined)
      if (gone >= 0) continue
      const { items, ...rest } = history
      return { ...rest, entries: entries as Entry[] }
    }
  }

  function choose(cursor: string | undefined, topics: readonly string[]): Choice {
    const { now } = { now: life }
    const top = heardTo - now.base
    const nothing = { items: [], more: false }
    if (cursor === undefined) return { start: place(top), ...nothing }
    const from = readPlace(cursor)
    if (!from) return gapIn('unknown', cursor, nothing)
    if (from.epoch !== now.epoch) return gapIn('epoch', cursor, read(0, topics), index.trimmedOf(topics))
    if (from.seq > top) return gapIn('future', cursor, nothing)
    if (!isOurs(now, cursor, from)) return gapIn('rollback', cursor, nothing)
    const trimmed = index.trimmedOf(topics)
    const found = read(from.seq, topics)
    return trimmed > from.seq ? gapIn('trimmed', cursor, found, trimmed) : { start: cursor, ...found }
  }

  /** As in memory-log.ts: delivery goes on just before what was found, and `to` can lie beyond. */
  function gapIn(reason: GapReason, from: string, found: Found, trimmed = 0): Choice {
    const [first] = found.items
    const start = first ? first.seq - 1 : heardTo - life.base
    return { start: place(start), gap: { reason, from, to: place(Math.max(trimmed, start)) }, ...found }
  }

  function read(seq: number, topics: readonly string[]): Found {
    const rings = topics.map(index.keptOf)
    return firstItems(rings, seq, ({ size }) => size)
  }

  async function back(topic: string, { before, limit, since = 0 }: Backwards): Promise<Past> {
    await sync()
    for (;;) {
      sweep()
      if (before !== undefined && !isOurs(life, before))
        return { entries: [], start: place(heardTo - life.base), more: false, trimmed: true }
      const from = before === undefined ? undefined : readPlace(before)?.seq
      const kept = index.keptOf(topic)
      const end = kept.search(from === undefined ? Number.POSITIVE_INFINITY : from - 1)
      const { first, isFull } = pageBefore(kept, end, limit, since)
      const items = Array.from({ length: end - first }, (_, n) => kept.at(first + n) as Item)
      const trimmed = first === 0 && index.hasLost(topic)
      const start = place(items[0] ? items[0].seq - 1 : from ? from - 1 : heardTo - life.base)
      const entries = await Promise.all(items.map(load))
      if (entries.includes(undefined)) continue
      return { entries: entries as Entry[], start, more: isFull && first > 0, trimmed }
    }
  }

  /** Nothing if it is not there any more. Who asks for the same at the same time shares the answer. */
  function load({ seq }: Item): Entry | undefined | Promise<Entry | undefined> {
    const at = seq + life.base
    const heard = known.get(at)
    if (heard) return heard
    const loading = loads.get(at) ?? fetch(at).finally(() => loads.delete(at))
    loads.set(at, loading)
    return loading
  }

  async function fetch(at: number): Promise<Entry | undefined> {
    const { epoch } = life
    const found = await inTurn(() =>
      link.ask(
        // A follower may not have it yet; whoever leads the others has.
        async ({ jsm }) =>
          (await jsm.direct.getMessage(prefix, { seq: at })) ??
          (await jsm.streams.getMessage(prefix, { seq: at }).catch(ignoreMissing)),
      ),
    )
    if (epoch !== life.epoch) return undefined
    if (!found) return void forgetAt(at)
    const header = (name: string) => found.header.get(name)
    const entry = entryOf(
      at - life.base,
      subjects.topicOf({ subject: found.subject, header }),
      found.string(),
    )
    known.add(at, entry)
    return entry
  }

  /** Somebody has taken it out of the stream by hand, unless it was let go meanwhile. */
  function forgetAt(at: number): void {
    const seq = at - life.base
    for (const topic of index.topics) {
      const kept = index.keptOf(topic)
      if (kept.at(kept.search(seq - 1))?.seq === seq) return index.lose(topic, seq)
    }
  }

  /** What was published up to now, on whatever node, was heard. Those who wait for it while nobody has asked yet share the answer. */
  function sync(): Promise<void> {
    if (syncing && !syncing.begun) return syncing.done
    const before = syncing?.done ?? Promise.resolve()
    const mine = { begun: false, done: Promise.resolve() }
    mine.done = before
      .catch(() => {})
      .then(() => {
        mine.begun = true
        return link.ask(catchUp)
      })
    syncing = mine
    return mine.done
  }

  async function catchUp({ jsm }: Parameters<Parameters<typeof link.ask>[0]>[0]): Promise<void> {
    const { state } = await jsm.streams.info(prefix)
    const latest = life.eras.at(-1)?.at ?? 0
    const isEmptied = heardTo >= state.last_seq && state.first_seq > latest
    if (isEmptied || state.last_seq < heardTo) throw new Error('the stream was emptied, or made anew')
    await hearing(state.last_seq, Date.now())
  }

  // Hearing

  function begin(now: Life, last: number): { after: number; isAnew: boolean } {
    const before = life
    life = now
    if (heardTo > 0 && last >= heardTo && goesOn(before, now, heardTo))
      return { after: heardTo, isAnew: false }
    clear()
    return { after: now.base - 1, isAnew: true }
  }

  function clear(): void {
    index = createIndex(bounds)
    known.clear()
    loads.clear()
    due.clear()
    heardTo = 0
    rereading = true
  }

  function heard(message: Heard): void {
    const isHole = !rereading && message.at > heardTo + 1
    if (message.at <= heardTo) return
    heardTo = message.at
    if (isHole) miss() // what was between is gone already: each line finds out for itself what that means to it
    if (subjects.isMessage(message.subject)) hearMessage(message)
    else if (subjects.isEnd(message.subject)) hearEnd(message)
    else if (!rereading) hearMarker(message)
    release()
  }

  function skipped(to: number): void {
    if (to <= heardTo) return
    heardTo = to
    if (!rereading) miss()
    release()
  }

  function release(): void {
    while (waiters[0] && waiters[0].at <= heardTo) waiters.shift()?.resolve()
  }

  function hearMessage(message: Heard): void {
    const { at, time, header } = message
    const seq = at - life.base
    if (seq <= 0) return
    const topic = subjects.topicOf(message)
    const size = rereading ? Number(header('Nats-Msg-Size')) : Buffer.byteLength(message.text)
    index.keep(topic, { seq, time, size }, saidBy(header))
    if (rereading) return
    const entry = entryOf(seq, topic, message.text)
    known.add(at, entry)
    for (const listener of listeners) listener.heard(entry)
  }

  function hearEnd({ header }: Heard): void {
    const topic = fromBase64(header(names.over))
    const newest = Number(header(names.lost))
    if ((due.get(topic) ?? Number.POSITIVE_INFINITY) <= newest) due.delete(topic)
    index.end({ topic, newest }, header(names.due) !== '')
  }

  function hearMarker({ text, at }: Heard): void {
    const next = readMarker(text, at)
    if (!next || at <= (life.eras.at(-1)?.at ?? 0)) return
    const isNew = next.epoch !== life.epoch
    life = next
    if (!isNew) return
    clear()
    rereading = false
    heardTo = at
    miss()
  }

  function reread(): void {
    rereading = false
    miss()
  }

  function entryOf(seq: number, topic: string, block: string): Entry {
    const id = place(seq)
    return { id, seq, topic, text: `id: ${id}\n${block}` }
  }

  /** Of a position that is older than the eras that are known, the oldest that is. */
  function place(seq: number): string {
    return idOf(life, seq) ?? idOf(life, (life.eras[0]?.at ?? life.base) - life.base) ?? ''
  }

  function miss(): void {
    for (const listener of listeners) listener.missed()
  }

  /** Nobody waits for it, and nothing is missing where it fails. */
  function pass(topic: string, { event, data, encoding, type }: Packed): void {
    const block = encode({ event, topic, data, encoding, type })
    link.pass(subjects.pass(topic), block, nameHeader(topic))
  }

  function passed(message: Pick<Heard, 'subject' | 'header' | 'text'>): void {
    const topic = subjects.topicOf(message)
    for (const listener of listeners) listener.passed?.(topic, message.text)
  }

  function listen(listener: LogListener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  // Ends of topics

  function drop(topic: string): PromiseLike<void> {
    return reported(forget(topic), error => link.reachable && failed(error as Error))
  }

  async function forget(topic: string): Promise<void> {
    await sync()
    const newest = index.newestOf(topic)
    if (newest === undefined) return
    await tellEnd({ topic, newest }, false)
    void purge(topic, newest).catch(() => {})
  }

  async function tellEnd({ topic, newest }: Over, isDue: boolean): Promise<void> {
    const msgID = `${self}:end:${++ended}`
    const headers = {
      [names.over]: toBase64(topic),
      [names.lost]: String(newest),
      ...(isDue && { [names.due]: 'yes' }),
    }
    const subject = subjects.end(isPrivate(topic) ? 'private' : 'public')
    const { seq } = await link.ask(({ js }) =>
      js.publish(subject, '', { msgID, headers: headersOf(headers) }),
    )
    await hearing(seq, Date.now())
    if (ended % 1_000 === 0)
      void link
        .ask(({ jsm }) => jsm.streams.purge(prefix, { filter: subject, keep: records }))
        .catch(() => {})
  }

  /** Those who read do not see what is over; what is in the stream of it goes later. */
  function sweep(): void {
    for (const { topic, newest } of index.sweep(Date.now())) due.set(topic, newest)
  }

  async function sweepAll(): Promise<void> {
    if (rereading || heardTo === 0) return
    sweep()
    try {
      for (const [topic, newest] of [...due]) if (due.has(topic)) await takeOut({ topic, newest })
    } catch (error) {
      // That NATS is away is said by the link; what it refuses is said once.
      if (link.reachable && !told.has(String(error))) failed(error as Error)
      told.add(String(error))
    }
  }

  /**
   * Where there is no room to say that it is over, its newest message stays until there is: it is old, so that whoever reads it knows.
   */
  async function takeOut(over: Over): Promise<void> {
    try {
      await tellEnd(over, true)
    } catch (error) {
      if (!isFull(error)) throw error
      await purge(over.topic, over.newest - 1)
      await tellEnd(over, true)
    }
    due.delete(over.topic)
    await purge(over.topic, over.newest)
  }

  function failed(error: Error): void {
    for (const listener of listeners) listener.failed(error)
  }

  function close(): Promise<void> {
    clearInterval(clock)
    return link.close()
  }
}

function refuse(error: Error): never {
  if (error.name === 'JetStreamApiError') throw new Error(`NATS refused: ${error.message}`, { cause: error })
  throw error
}

type Found = { items: readonly Item[]; more: boolean }
type Choice = Omit<History, 'entries'> & Found

function saidBy(header: Heard['header']): Said {
  const [lost, whole] = [header(names.lost), header(names.whole)]
  return { lost: lost === '' ? undefined : Number(lost), whole: whole === '' ? undefined : Number(whole) }
}

/** Where a page begins that ends before `end`, and whether it ends there because it has no more room. */
function pageBefore(
  kept: Ring<Item>,
  end: number,
  limit: number,
  since: number,
): { first: number; isFull: boolean } {
  let first = end
  for (let bytes = 0; first > 0; first--) {
    const { size, time } = kept.at(first - 1) as Item
    if (time < since) return { first, isFull: false }
    bytes += size
    if (end - first === limit || (first < end && bytes > page.characters)) return { first, isFull: true }
  }
  return { first, isFull: false }
}

/** The newest entries, up to so many bytes. */
function createMemory(most: number) {
  const entries = new Map<number, Entry>()
  let bytes = 0
  return {
    get: (at: number) => entries.get(at),
    add(at: number, entry: Entry): void {
      if (entries.has(at)) return
      entries.set(at, entry)
      bytes += entry.text.length
      for (const [oldest, { text }] of entries) {
        if (bytes <= most) break
        entries.delete(oldest)
        bytes -= text.length
      }
    },
    clear(): void {
      entries.clear()
      bytes = 0
    },
  }
}

/** Lets so many act at once; the others wait. */
function createTurns(count: number): <T>(act: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = count
  return async act => {
    if (free === 0) await new Promise<void>(resolve => waiting.push(resolve))
    else free--
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

function ignoreMissing(error: { code?: number }): null {
  if (error.code === 10_037) return null
  throw error
}
