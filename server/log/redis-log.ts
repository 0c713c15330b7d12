import { randomBytes } from 'node:crypto'
import { encode } from '../../src/wire/encoder.ts'
import { counter, gauge, type Metric } from '../operation/exposition.ts'
import { randomName } from '../random.ts'
import { reported } from '../reported.ts'
import { createBatches } from './batches.ts'
import { localAddressTo } from './local-address.ts'
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
  type Place,
  placeOf,
  readPlace,
  type Whole,
  writePlace,
} from './log.ts'
import { emptyPage, type Page, page } from './page.ts'
import { type PerTopic, perTopic } from './per-topic.ts'
import { channelOf, createHearing, isTopic, type Life, type Missed, type Notice } from './redis-hearing.ts'
import { createLink } from './redis-link.ts'
import {
  type RedisClientOptions,
  type RedisCluster,
  type RedisSentinel,
  readWay,
  shown,
  type Way,
} from './redis-options.ts'
import type { ScriptName } from './redis-scripts.ts'
import { tagsOf } from './redis-slots.ts'
import { spreadLog } from './spread-log.ts'

/** Options of `redisLog()`. */
export interface RedisLogOptions {
  /**
   * `redis[s]://[[user][:password]@]host[:port][/database]`. Exactly one of `url`, `cluster` and `sentinel` says where Redis is. With a list of several the log is spread over them, as
   * `spreadLog` says: each has its share of the topics. The list is the same, in the same order, on all nodes.
   * @default 'redis://127.0.0.1:6379'
   */
  url?: string | readonly string[]
  /** A Redis Cluster: some of its nodes. */
  cluster?: RedisCluster
  /**
   * Into how many parts the log is spread over a cluster, as `spreadLog` says. Each lives in one slot, and the slots are evenly spaced, so that each primary has its share of the topics; a
   * part is followed when its slot moves. A node has two connections for each part. With 1 there is one order over all topics, and one primary has all of them. The same on all nodes: with
   * another number all topics begin anew.
   * @default 12
   */
  shards?: number
  /** Sentinels, who know which Redis is the primary, and make another one the primary when it fails. */
  sentinel?: RedisSentinel
  /** Options of the package `redis` for each connection to Redis: TLS, the user, a name. */
  client?: RedisClientOptions
  /**
   * What all names in Redis begin with. Logs that share it, and the Redis, are one.
   * @default 'throughline'
   */
  prefix?: string
  /**
   * How many messages each topic keeps: one number for all, or one for each pattern, `{ 'ticker:*': 1, 'room:*': 500 }`. A client that was away for
   * longer gets a `gap`. The same on all nodes. Bytes are bounded by the `maxmemory` of Redis: beyond it publishing fails, and nothing that is kept goes missing.
   * @default 1000
   */
  retain?: PerTopic
  /**
   * Milliseconds after its last message until a topic is forgotten, for all or for each pattern. Who comes back for something in it gets a `gap`. With
   * `Infinity` topics stay until they are dropped. The same on all nodes.
   * @default 86400000
   */
  expire?: PerTopic
  /**
   * Milliseconds that reading and publishing wait for Redis. Then they fail: a new client is told to come again, and
   * `publish` rejects. A connection on which nothing is answered for so long is given up, and made anew.
   * @default 5000
   */
  patience?: number
  /**
   * On how many replicas a message has to be before `publish` resolves: with 1, what it said is still there when the primary dies and that replica takes its
   * place. Where so many are not there, publishing rejects after `patience`, and the message may be kept all the same.
   * @default 0
   */
  replicas?: number
  /**
   * Milliseconds between two looks at whether a message was missed, and whether Redis is still fit for use.
   * @default 1000
   */
  check?: number
}

export interface RedisLog extends Log {
  /** Ends the connections. What was appended before is finished first. */
  close(): Promise<void>
}

/** How a notice begins of what is not kept. One of an entry begins with its epoch. */
const passing = '\n'

/** How many of the newest numbers can be traced to their topics, by a node that missed them. */
const traced = 10_000

/** How many messages Redis takes in one piece, and of how many characters: others get their turn between two pieces. */
const together = { most: 64, heaviest: 65_536 }

/** How many entries are remembered as they were heard, so that thousands of clients coming back share their text. */
const shared = 1_000

/**
 * How many readers Redis serves at once; the others wait, so that those who publish need not, and equal questions are asked
 * once.
 */
const readers = 4

/** How many readers are remembered who have not read to the end. */
const bookmarks = 1_000

/** How many dropped topics are remembered by name, of each kind. */
const tombs = 10_000

const usual = { retain: 1_000, expire: 86_400_000 }

/** How long a private topic is kept in which nobody writes, in ms: what sessions leave that die with their node. */
const idle = 3_600_000

/** Milliseconds between two looks at where Redis is, as long as that is not known. */
const looking = 50

/** How many topics can be told to have moved; if there are more, all lines read anew. */
const nameable = 10_000

/** Topics of sessions come and go in large numbers: they are counted for themselves. */
type Kind = 'public' | 'private'

/** A message on its way to Redis. Its number is this node's own. */
interface Appending {
  readonly number: number
  readonly topic: string
  readonly block: string
  readonly whole: Whole | undefined
}

/** Where each topic of a reader goes on, and with which keys the log was when that was found. */
interface Bookmark {
  readonly keys: string
  readonly next: readonly string[]
}

/** A number that many clusters share evenly: those of 1, 2, 3, 4, 6 and 12 primaries. */
const usualShards = 12

/** How many there may be. */
const mostShards = 1_024

/**
 * A log in Redis, 6.2 or newer, that any number of nodes share: what is published on one is heard on all, and any
 * continues where a client left another. Needs the package `redis`: without it each call rejects, and says so.
 *
 * @throws {TypeError} naming the option, and the pattern if it is about one: exactly one of `url`, `cluster` and `sentinel` may be given, addresses have to be
 *   `redis:` or `rediss:` with a host, `client` must not have what the log needs for itself (`url`, `disableOfflineQueue`, `socket.reconnectStrategy`, …), `shards` a whole number, 1 or more, `retain` likewise, `expire` a positive number of ms or `Infinity`, `patience` and `check` a positive number of ms up to 2147483647, `replicas` a
 *   whole number, 0 or more
 */
export function redisLog(options: RedisLogOptions = {}): RedisLog {
  const { prefix = 'throughline' } = options
  const places = placesOf(options, prefix)
  const logs = places.map(({ way, tag }) => partOf(options, way, tag))
  return logs.length === 1 ? (logs[0] as RedisLog) : spreadLog(logs)
}

/** Where each part of the log is, and what its names have in braces. */
function placesOf(
  { url, cluster, sentinel, client, shards }: RedisLogOptions,
  prefix: string,
): { way: Way; tag: string }[] {
  if (shards !== undefined && !cluster)
    throw new TypeError('shards is for a cluster; several addresses in url spread a log over several Redises')
  if (typeof url === 'object')
    return readUrls(url).map(each => ({
      way: readWay({ url: each, cluster, sentinel, client }, prefix),
      tag: prefix,
    }))
  const way = readWay({ url, cluster, sentinel, client }, prefix)
  const count = cluster ? readShards(shards, prefix) : 1
  return (count > 1 ? tagsOf(prefix, count) : [prefix]).map(tag => ({ way, tag }))
}

function readUrls(urls: readonly string[]): readonly string[] {
  if (!Array.isArray(urls) || urls.length === 0)
    throw new TypeError('url is an empty list; it is an address, or some')
  const twice = urls.find((each, n) => urls.indexOf(each) !== n)
  if (twice !== undefined) throw new TypeError(`url has '${shown(twice)}' twice`)
  return urls
}

function readShards(shards = usualShards, prefix: string): number {
  if (!Number.isSafeInteger(shards) || shards < 1 || shards > mostShards)
    throw new TypeError(`shards is ${shards}; it must be a whole number from 1 to ${mostShards}`)
  if (shards > 1 && prefix.includes('}'))
    throw new TypeError(
      `prefix is '${prefix}'; with several shards it has no '}', which would end what decides on their slots`,
    )
  return shards
}

/** One log in one Redis, or in one slot of a cluster. */
function partOf(
  {
    client = {},
    retain = usual.retain,
    expire = usual.expire,
    patience = 5_000,
    replicas = 0,
    check = 1_000,
  }: RedisLogOptions,
  way: Way,
  tag: string,
): RedisLog {
  const telling = way.by === 'cluster' ? 'sharded' : ''
  const most = perTopic('retain', retain, usual.retain, checkCount)
  const lasting = perTopic('expire', expire, usual.expire, checkTime)
  checkTime('patience', patience, longestTimer)
  checkTime('check', check, longestTimer)
  if (!Number.isSafeInteger(replicas) || replicas < 0)
    throw new TypeError(`replicas is ${replicas}; it must be a whole number, 0 or more`)
  const name = (rest: string) => `{${tag}}:${rest}` // scripts need all of a log on one machine
  const names = {
    log: name('log'),
    trial: name('trial'),
    recent: name('recent'),
    trimmed: name('trimmed'),
    due: name('due'),
    whole: name('whole'),
    channels: name('channels'),
    newest: { public: name('newest:public'), private: name('newest:private') },
    dropped: { public: name('dropped:public'), private: name('dropped:private') },
    kept: name(`kept:${randomName(9)}`),
  }
  const streamOf = (topic: string) => name(`topic:${topic}`)
  const registered = (key: string) => name(`registry:${key}`)
  const earOf = (channel: string) => name(`heard:${channel}`)
  const listeners = new Set<LogListener>()
  const numbers = new Set<number>() // of appends that are not answered yet
  const known = new Map<string, Entry>()
  const reads = createReads<Read>(readers)
  const marked = new Map<string, Bookmark>()
  const told = new Set<string>()
  let appended = 0
  let isClosed = false
  const link = createLink(
    {
      way,
      client,
      patience,
      replicas,
      check,
      key: names.log,
      // One that nobody follows shows whether channels may be heard.
      channels: () => ['', ...hearing.channels()].map(earOf),
      greeting: run => ({
        name: 'begin',
        keys: [names.log, names.trial],
        values: [...offer(), run ?? randomName(9)], // a Redis that does not say which it is may be another
      }),
    },
    {
      heard: text => (text.startsWith(passing) ? tellPassing(text) : hearing.heard(readNotice(text))),
      ready: () => hearing.look(),
      failed,
    },
  )
  const batches = createBatches<Appending, string>({
    send: appendAll,
    weigh: ({ block }) => block.length,
    ...together,
  })
  const hearing = createHearing({
    subscribe: channels => link.subscribe(channels.map(earOf)),
    unsubscribe: channels => link.unsubscribe(channels.map(earOf)),
    newest,
    after: missedIn,
    idOf,
    tell,
    missed: miss,
  })
  const clocks = [
    setInterval(hearing.look, check).unref(),
    setInterval(sweepAll, Math.min(60_000, Math.max(50, Math.min(...lasting.all) / 10))).unref(),
  ]

  return {
    append,
    after,
    back,
    pass,
    listen,
    follow: hearing.follow,
    unfollow: hearing.unfollow,
    followed: hearing.followed,
    sure: () => hearing.mark,
    registry: { get, compareAndSet, address },
    drop,
    get ready() {
      return link.reachable
    },
    metrics,
    close,
  }

  async function append(topic: string, message: Packed, whole?: Whole): Promise<Entry> {
    if (/[\r\n\0]/.test(topic)) throw new TypeError(`topic is ${JSON.stringify(topic)}; it must be one line`)
    const { event, data, encoding, type, re } = message
    const block = encode({ event, topic: isPrivate(topic) ? undefined : topic, data, encoding, type, re })
    const place = await batches.add({ number: ++appended, topic, block, whole })
    const [epoch = '', seq, key] = place.split(' ')
    return entryOf(epoch, Number(seq), Number(key), topic, block)
  }

  async function appendAll(all: readonly Appending[]): Promise<readonly string[]> {
    for (const { number } of all) numbers.add(number)
    const [lowest] = numbers
    const { recent, trimmed, dropped, newest, kept, due, whole, channels } = names
    const kinds = [dropped.public, dropped.private, newest.public, newest.private]
    const keys = [names.log, recent, trimmed, ...kinds, kept, due, whole, channels]
    try {
      const places = await link.run(
        'append',
        [...keys, ...all.flatMap(({ topic }) => [streamOf(topic), earOf(channelOf(topic))])],
        [...offer(), String(lowest), String(traced), telling, ...all.flatMap(valuesOf)],
      )
      return places as string[]
    } finally {
      for (const { number } of all) numbers.delete(number)
    }
  }

  function valuesOf({ number, topic, block, whole }: Appending): string[] {
    const isOfSession = isPrivate(topic)
    const lasts = whole?.expire ?? (isOfSession ? idle : lasting.of(topic))
    const channel = channelOf(topic)
    return [
      String(number),
      String(most.of(topic)),
      lasts < Infinity ? String(Math.ceil(lasts)) : '',
      topic,
      block,
      isOfSession ? 'private' : '',
      whole ? 'whole' : '',
      isTopic(channel) ? '' : channel,
    ]
  }

  async function after(cursor: string | undefined, topics: readonly string[]): Promise<History> {
    const from = readPlace(cursor ?? '')
    const asked = from ? topics : []
    const question = questionOf(cursor, asked)
    const answer = await reads(question, () => read(question, from, asked))
    return historyOf(cursor, from, answer)
  }

  /** One page. Redis looks for it in pieces of bounded work, so that others get their turn. */
  async function read(question: string, from: Place | undefined, topics: readonly string[]): Promise<Read> {
    const { dropped } = names
    const keys = [names.log, names.trimmed, dropped.public, dropped.private, ...topics.map(streamOf)]
    const cursor = [from?.epoch ?? '', String(from?.seq ?? 0), String(page.entries), String(page.characters)]
    for (let mark = marked.get(question); ; ) {
      const places = topics.flatMap((topic, index) => [topic, mark?.next[index] ?? ''])
      const reply = await run('after', keys, [...cursor, mark?.keys ?? '', ...places])
      const [epoch, top, scramble, trimmed, found, next] = reply as AfterReply
      const life = readLife(epoch, top, scramble)
      const entries = found.map(each => readEntry(life, each))
      const last = entries.at(-1)
      const more = next.length > 0
      mark = { keys: scramble, next }
      if (!last && more) continue
      if (last && more) keepNewest(marked, questionOf(last.id, topics), mark, bookmarks)
      return { life, trimmed: Number(trimmed), found: { entries, more } }
    }
  }

  function historyOf(
    cursor: string | undefined,
    from: Place | undefined,
    { life, trimmed, found }: Read,
  ): History {
    if (cursor === undefined) return { start: idOf(life, life.top) ?? '', ...emptyPage }
    if (!from) return gapIn(life, 'unknown', cursor)
    if (from.epoch !== life.epoch) return gapIn(life, 'epoch', cursor, found, trimmed)
    if (from.seq > life.top) return gapIn(life, 'future', cursor)
    if (idOf(life, from.seq) !== cursor) return gapIn(life, 'rollback', cursor)
    return trimmed > from.seq ? gapIn(life, 'trimmed', cursor, found, trimmed) : { start: cursor, ...found }
  }

  async function back(topic: string, { before, limit, since = 0 }: Backwards): Promise<Past> {
    const from = before === undefined ? undefined : readPlace(before)
    const kind = kindOf(topic)
    const keys = [names.log, streamOf(topic), names.trimmed, names.dropped[kind], names.whole]
    const where = [
      topic,
      String(from?.seq ?? ''),
      String(limit),
      String(page.characters),
      String(since),
      kind,
    ]
    const reply = await run('back', keys, where)
    const [epoch, top, scramble, found, more, trimmed] = reply as BackReply
    const life = readLife(epoch, top, scramble)
    const isOurs = from?.epoch === life.epoch && idOf(life, from.seq) === before
    if (before !== undefined && !isOurs)
      return { entries: [], start: idOf(life, life.top) ?? '', more: false, trimmed: true }
    const entries = found.map(each => readEntry(life, each)).reverse()
    const [first] = entries
    const start = first ? first.seq - 1 : from ? Math.max(from.seq - 1, 0) : life.top
    return { entries, start: idOf(life, start) ?? '', more: more !== '', trimmed: trimmed !== '' }
  }

  function readEntry({ epoch }: Life, [place, topic, block]: Found): Entry {
    const [seq, key] = place.split('-')
    return entryOf(epoch, Number(seq), Number(key), topic, block)
  }

  function entryOf(epoch: string, seq: number, key: number, topic: string, block: string): Entry {
    const id = writePlace(placeOf(epoch, seq, key))
    return known.get(id) ?? { id, seq, topic, text: `id: ${id}\n${block}` }
  }

  function readNotice(text: string): Notice {
    const first = text.indexOf('\n')
    const second = text.indexOf('\n', first + 1)
    const [epoch = '', seq, key, before] = text.slice(0, first).split(' ')
    const [topic, block] = [text.slice(first + 1, second), text.slice(second + 1)]
    return { entry: entryOf(epoch, Number(seq), Number(key), topic, block), before: Number(before) }
  }

  /** Nobody waits for it, and nothing is missing where it fails. */
  function pass(topic: string, { event, data, encoding, type }: Packed): void {
    const block = encode({ event, topic, data, encoding, type })
    void run('pass', [earOf(channelOf(topic))], [`${passing}${topic}\n${block}`, telling]).catch(() => {})
  }

  function tellPassing(text: string): void {
    const at = text.indexOf('\n', passing.length)
    const topic = text.slice(passing.length, at)
    for (const listener of listeners) listener.passed?.(topic, text.slice(at + 1))
  }

  function metrics(): readonly Metric[] {
    return [
      {
        name: 'round_trip_seconds',
        help: 'How long the log took to answer what was sent to it.',
        type: 'histogram',
        ...link.latency.read(),
      },
      counter('reconnects_total', 'Connections that were made anew.', link.reconnects),
      gauge(
        'lag_messages',
        'Messages that were heard of and wait until what came before them is read.',
        hearing.waiting,
      ),
      gauge(
        'lag_seconds',
        'Time since it was known that this node has heard all that it should. It is looked for each second.',
        (performance.now() - hearing.sure) / 1000,
      ),
    ]
  }

  function tell(entry: Entry): void {
    keepNewest(known, entry.id, entry, shared)
    for (const listener of listeners) listener.heard(entry)
  }

  async function newest(channels: readonly string[]): Promise<{ life: Life; numbers: number[] }> {
    const keys = [names.log, names.newest.public, names.newest.private, names.channels]
    const asked = channels.flatMap(channel => [channel, isTopic(channel) ? '' : 'shared'])
    const [epoch, top, scramble, numbers] = (await run('newest', keys, asked)) as NewestReply
    return { life: readLife(epoch, top, scramble), numbers: numbers.map(Number) }
  }

  /** Notices go missing when a connection breaks: what they told is read. */
  function missedIn(channel: string, life: Life, seq: number): Promise<Missed> {
    return isTopic(channel) ? missedOf(channel, life, seq) : missedOfAll(channel, seq)
  }

  async function missedOf(topic: string, life: Life, after: number): Promise<Missed> {
    const entries: Entry[] = []
    let now = life
    for (let seq = after, more = true; more; seq = entries.at(-1)?.seq ?? seq) {
      const asked = questionOf(idOf(life, seq), [topic])
      const answer = await reads(asked, () => read(asked, { epoch: life.epoch, seq, tag: '' }, [topic]))
      const { found, trimmed } = answer
      now = answer.life
      // An entry that is gone already is told to those who hear its topic: they read for themselves what is left of it.
      if (trimmed > seq) return { life: now, entries: [], moved: [topic] }
      entries.push(...found.entries)
      more = found.more
    }
    return { life: now, entries, moved: [] }
  }

  async function missedOfAll(channel: string, after: number): Promise<Missed> {
    const keys = [names.log, names.recent, names.newest.private, names.dropped.private]
    const entries: Entry[] = []
    const moved = new Set<string>()
    for (let seq = after; ; ) {
      const reply = await run('since', keys, [String(seq), streamOf(''), channel, String(nameable)])
      const [epoch, top, scramble, found, gone, upTo] = reply as SinceReply
      const life = readLife(epoch, top, scramble)
      if (!found || !gone) return { life, entries: [], moved: undefined }
      for (const each of found) {
        if (each[2]) entries.push(readEntry(life, each))
        else moved.add(each[1])
      }
      for (const topic of gone) moved.add(topic)
      seq = Number(upTo)
      if (seq >= life.top)
        return { life, entries: entries.filter(({ topic }) => !moved.has(topic)), moved: [...moved] }
    }
  }

  function miss(topics?: readonly string[]): void {
    for (const listener of listeners) {
      if (topics && listener.moved) listener.moved(topics)
      else listener.missed()
    }
  }

  async function get(key: string): Promise<string | undefined> {
    return ((await run('get', [registered(key)], [])) as string | null) ?? undefined
  }

  async function compareAndSet(
    key: string,
    expected: string | undefined,
    text: string,
    lasts: number,
  ): Promise<string | undefined> {
    const values = [text, String(Math.ceil(lasts)), expected === undefined ? '' : 'over', expected ?? '']
    return ((await run('compareAndSet', [registered(key)], values)) as string | null) ?? undefined
  }

  /** Waits until it is known where Redis is, which a hub that has just been made does not know yet. */
  async function address(): Promise<string | undefined> {
    while (!link.where) {
      if (isClosed) return undefined
      await new Promise(resolve => setTimeout(resolve, looking).unref())
    }
    const { hostname, port } = link.where
    return localAddressTo(hostname.replace(/^\[|\]$/g, ''), Number(port) || 6379)
  }

  function listen(listener: LogListener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  function drop(topic: string): PromiseLike<void> {
    return reported(forget(topic), error => link.reachable && failed(error as Error))
  }

  async function forget(topic: string, only: 'due' | '' = ''): Promise<void> {
    const kind = kindOf(topic)
    const keys = [
      names.log,
      streamOf(topic),
      names.trimmed,
      names.dropped[kind],
      names.newest[kind],
      names.due,
      names.whole,
    ]
    await run('drop', keys, [topic, String(tombs), kind, only])
  }

  async function sweepAll(): Promise<void> {
    try {
      for (let due = await sweep(); due.length > 0; due = await sweep())
        await Promise.all(due.map(topic => forget(topic, 'due')))
    } catch (error) {
      // That Redis is away is said by the link; what it refuses is said once.
      if (link.reachable && !told.has(String(error))) failed(error as Error)
      told.add(String(error))
    }
  }

  async function sweep(): Promise<string[]> {
    return (await run('sweep', [names.log, names.due], [])) as string[]
  }

  function failed(error: Error): void {
    for (const listener of listeners) listener.failed(error)
  }

  /** What was appended before comes before it. */
  function run(script: ScriptName, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    batches.flush()
    return link.run(script, keys, [...offer(), ...values])
  }

  function close(): Promise<void> {
    isClosed = true
    for (const clock of clocks) clearInterval(clock)
    batches.flush()
    return link.close()
  }
}

/** What scripts answer: places are `<seq>-<key>`. */
type Found = readonly [place: string, topic: string, block: string]
type AfterReply = readonly [
  epoch: string,
  top: string,
  keys: string,
  trimmed: string,
  found: readonly Found[],
  next: readonly string[],
]
type BackReply = readonly [
  epoch: string,
  top: string,
  keys: string,
  found: readonly Found[],
  more: string,
  trimmed: string,
]
type SinceReply = readonly [
  epoch: string,
  top: string,
  keys: string,
  found?: readonly Found[],
  moved?: readonly string[],
  upTo?: string,
]
type NewestReply = readonly [epoch: string, top: string, keys: string, numbers: readonly string[]]

interface Read {
  life: Life
  trimmed: number
  found: Page
}

function kindOf(topic: string): Kind {
  return isPrivate(topic) ? 'private' : 'public'
}

/** Two that ask the same get the same answer. */
function questionOf(cursor: string | undefined, topics: readonly string[]): string {
  return [cursor ?? '', ...topics].join('\n')
}

/** An epoch and a key for a log that is not there yet: whoever comes first begins it. */
function offer(): [epoch: string, key: string] {
  return [randomName(6), String(randomBytes(4).readUInt32LE())]
}

function readLife(epoch: string, top: string, keys: string): Life {
  const list = keys.split(',').map(pair => pair.split(':').map(Number))
  return { epoch, top: Number(top), keys: list.map(([from = 0, key = 0]) => ({ from, key })) }
}

/** Nothing if the number is older than the keys that are known. */
function idOf({ epoch, keys }: Life, seq: number): string | undefined {
  const found = keys.findLast(({ from }) => from <= seq)
  return found && writePlace(placeOf(epoch, seq, found.key))
}

/** As in memory-log.ts: delivery goes on just before what was found, and `to` can lie beyond. */
function gapIn(life: Life, reason: GapReason, from: string, found: Page = emptyPage, trimmed = 0): History {
  const start = found.entries[0] ? found.entries[0].seq - 1 : life.top
  const to = idOf(life, Math.max(trimmed, start)) ?? from
  return { start: idOf(life, start) ?? to, gap: { reason, from, to }, ...found }
}

/**
 * Lets so many read at once. Who asks what somebody else is still waiting to ask shares the answer; an answer that is on its
 * way already may be older than the one who asks now.
 */
function createReads<T>(count: number): (question: string, read: () => Promise<T>) => Promise<T> {
  const waiting = new Map<string, { answer: Promise<T>; start(): void }>()
  let free = count

  return (question, read) => {
    if (free > 0) {
      free--
      return act(read)
    }
    const same = waiting.get(question)
    if (same) return same.answer
    let start = () => {}
    const turn = new Promise<void>(resolve => {
      start = resolve
    })
    const answer = turn.then(() => act(read))
    waiting.set(question, { answer, start })
    return answer
  }

  async function act(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } finally {
      const [next] = waiting
      if (next) {
        waiting.delete(next[0])
        next[1].start()
      } else free++
    }
  }
}

function keepNewest<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > most && oldest !== undefined) map.delete(oldest)
}

/** Timers of Node are no longer. */
const longestTimer = 2 ** 31 - 1
