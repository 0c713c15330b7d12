import { randomBytes } from 'node:crypto'
import { encode } from '../src/wire/encoder.ts'
import {
  type Entry,
  type GapReason,
  type History,
  type Log,
  type LogListener,
  type Packed,
  placeOf,
  readPlace,
  writePlace,
} from './log.ts'
import { emptyPage, firstPage, type Page, page } from './page.ts'
import { randomName } from './random.ts'
import { createLink } from './redis-link.ts'
import type { ScriptName } from './redis-scripts.ts'

export interface RedisLogOptions {
  /**
   * `redis[s]://[[user][:password]@]host[:port][/database]`
   * @default 'redis://127.0.0.1:6379'
   */
  url?: string
  /**
   * What all names in Redis begin with. Logs that share it, and the Redis, are one.
   * @default 'throughline'
   */
  prefix?: string
  /**
   * How many messages each topic keeps. A client that was away for longer gets a `gap`. The same on all nodes.
   * @default 1000
   */
  retain?: number
  /**
   * Milliseconds that reading and publishing wait for Redis. Then they fail: a new client is told to come again, and
   * `publish` rejects.
   * @default 5000
   */
  patience?: number
  /**
   * Milliseconds between two looks at whether a message was missed.
   * @default 1000
   */
  check?: number
}

export interface RedisLog extends Log {
  /** Ends the connections. What was appended before is finished first. */
  close(): Promise<void>
}

/** How many of the newest numbers can be traced to their topics, by a node that missed them. */
const recent = 10_000

/** How many entries are remembered as they were heard, so that thousands of clients coming back share their text. */
const shared = 1_000

/** How many readers are served at once; the others wait, so that thousands that come at once do not fill the memory. */
const readers = 32

/** How many dropped topics are remembered, so that whoever comes back for one is told of what was lost. */
const tombs = 10_000

/** How long a private topic is kept in which nobody writes, in ms: what sessions leave that die with their node. */
const idle = 3_600_000

/** A log as Redis holds it: which life, the newest number, and the keys that numbers are scrambled with. */
interface Life {
  readonly epoch: string
  readonly top: number
  readonly keys: readonly { from: number; key: number }[]
}

/** Up to where all entries were heard. */
type Position = Pick<Entry, 'id' | 'seq'> & { epoch: string }

/** How entries are heard. */
type Hearing =
  | { by: 'notice' } // as they are published
  | { by: 'reading'; early: Entry[] } // those that were missed are read; what is published meanwhile waits

/**
 * A log in Redis, 6.2 or newer, that any number of nodes share: what is published on one is heard on all, and any
 * continues where a client left another. Needs the package `redis`.
 */
export function redisLog({
  url = 'redis://127.0.0.1:6379',
  prefix = 'throughline',
  retain = 1_000,
  patience = 5_000,
  check = 1_000,
}: RedisLogOptions = {}): RedisLog {
  if (!Number.isSafeInteger(retain) || retain < 1)
    throw new TypeError(`retain is ${retain}; it must be 1 or more`)
  const name = (rest: string) => `{${prefix}}:${rest}` // scripts need all of a log on one machine
  const names = {
    log: name('log'),
    recent: name('recent'),
    trimmed: name('trimmed'),
    dropped: name('dropped'),
    private: name('private'),
    kept: name(`kept:${randomName(9)}`),
  }
  const streamOf = (topic: string) => name(`topic:${topic}`)
  const listeners = new Set<LogListener>()
  const numbers = new Set<number>() // of appends that are not answered yet
  const known = new Map<string, Entry>()
  const seats = createSeats(readers)
  let appended = 0
  let position: Position = { epoch: '', seq: 0, id: '' }
  let hearing: Hearing = { by: 'notice' }
  const link = createLink(
    {
      url,
      patience,
      channel: names.log,
      greeting: run => ({ name: 'begin', keys: [names.log], values: [...offer(), run] }),
    },
    { heard: text => hear(readNotice(text)), ready: catchUp, failed },
  )
  const clocks = [setInterval(catchUp, check).unref(), setInterval(sweep, idle / 60).unref()]

  return { append, after, listen, drop, close }

  async function append(topic: string, message: Packed): Promise<Entry> {
    if (/[\r\n\0]/.test(topic)) throw new TypeError(`topic is ${JSON.stringify(topic)}; it must be one line`)
    const block = encode({ event: message.event, data: message.data, encoding: message.encoding })
    const number = ++appended
    numbers.add(number)
    const [lowest = number] = numbers
    const time = topic.startsWith('rt.') ? String(Date.now()) : ''
    try {
      const place = await run(
        'append',
        [names.log, streamOf(topic), names.recent, names.trimmed, names.dropped, names.private, names.kept],
        [String(number), String(lowest), String(retain), String(recent), topic, block, time],
      )
      const [epoch = '', seq, key] = String(place).split(' ')
      return entryOf(epoch, Number(seq), Number(key), topic, block)
    } finally {
      numbers.delete(number)
    }
  }

  async function after(cursor: string | undefined, topics: readonly string[]): Promise<History> {
    const from = readPlace(cursor ?? '')
    const asked = from ? topics : []
    const reply = await seats(() =>
      run(
        'after',
        [names.log, names.trimmed, names.dropped, ...asked.map(streamOf)],
        [from?.epoch ?? '', String(from?.seq ?? 0), String(page.entries), String(page.characters), ...asked],
      ),
    )
    return historyOf(cursor, from, readAfter(reply as AfterReply))
  }

  function historyOf(
    cursor: string | undefined,
    from: ReturnType<typeof readPlace>,
    { life, trimmed, found }: Read,
  ): History {
    if (cursor === undefined) return { start: idOf(life, life.top) ?? '', ...emptyPage }
    if (!from) return gapIn(life, 'unknown', cursor)
    if (from.epoch !== life.epoch) return gapIn(life, 'epoch', cursor, found, trimmed)
    if (from.seq > life.top) return gapIn(life, 'future', cursor)
    if (idOf(life, from.seq) !== cursor) return gapIn(life, 'rollback', cursor)
    return trimmed > from.seq ? gapIn(life, 'trimmed', cursor, found, trimmed) : { start: cursor, ...found }
  }

  function readAfter([epoch, top, keys, trimmed, whole, found]: AfterReply): Read {
    const life = readLife(epoch, top, keys)
    const last = Number(whole)
    const entries = readEntries(life, found)
      .filter(({ seq }) => last < 0 || seq <= last)
      .sort((a, b) => a.seq - b.seq)
    const { entries: some, more } = firstPage(entries)
    return { life, trimmed: Number(trimmed), found: { entries: some, more: more || last >= 0 } }
  }

  function readEntries({ epoch }: Life, found: readonly Found[]): Entry[] {
    return found.map(([place, topic, block]) => {
      const [seq, key] = place.split('-')
      return entryOf(epoch, Number(seq), Number(key), topic, block)
    })
  }

  function entryOf(epoch: string, seq: number, key: number, topic: string, block: string): Entry {
    const id = writePlace(placeOf(epoch, seq, key))
    return known.get(id) ?? { id, seq, topic, text: `id: ${id}\n${block}` }
  }

  function readNotice(text: string): Entry {
    const first = text.indexOf('\n')
    const second = text.indexOf('\n', first + 1)
    const [epoch = '', seq, key] = text.slice(0, first).split(' ')
    return entryOf(epoch, Number(seq), Number(key), text.slice(first + 1, second), text.slice(second + 1))
  }

  function hear(entry: Entry): void {
    if (hearing.by === 'reading') hearing.early.push(entry)
    else if (!take(entry)) catchUp()
  }

  /** Whether it was the next, or one that was heard before. */
  function take(entry: Entry): boolean {
    if (epochOf(entry) !== position.epoch) return false
    if (entry.seq <= position.seq) return true
    if (entry.seq > position.seq + 1) return false
    position = { epoch: position.epoch, seq: entry.seq, id: entry.id }
    remember(entry)
    for (const listener of listeners) listener.heard(entry)
    return true
  }

  function remember(entry: Entry): void {
    known.set(entry.id, entry)
    const [oldest] = known.keys()
    if (known.size > shared && oldest !== undefined) known.delete(oldest)
  }

  /** Notices go missing when a connection breaks: what they told is read. */
  function catchUp(): void {
    if (hearing.by === 'reading') return
    hearing = { by: 'reading', early: [] }
    void readOn()
      .catch(() => {}) // the next look finds the same; what is wrong was said by the link
      .then(() => goOn())
  }

  async function readOn(): Promise<void> {
    for (;;) {
      const { epoch, seq } = position
      const reply = await run('since', [names.log, names.recent], [epoch, String(seq), streamOf('')])
      const [lifeEpoch, top, keys, found] = reply as SinceReply
      const life = readLife(lifeEpoch, top, keys)
      if (!found || idOf(life, seq) !== position.id) return jump(life)
      for (const entry of readEntries(life, found)) take(entry)
      if (position.seq >= life.top) return
    }
  }

  /** Too much was missed, or all begins anew: each reads for itself. */
  function jump(life: Life): void {
    position = { epoch: life.epoch, seq: life.top, id: idOf(life, life.top) ?? '' }
    for (const listener of listeners) listener.missed()
  }

  function goOn(): void {
    if (hearing.by !== 'reading') return
    const { early } = hearing
    hearing = { by: 'notice' }
    // A hole is left to the next look: what can't be read now would be asked for without end.
    for (const entry of early) if (!take(entry)) return
  }

  function listen(listener: LogListener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  function drop(topic: string): void {
    const keys = [names.log, streamOf(topic), names.trimmed, names.dropped, names.private]
    // What is not dropped now is swept away later.
    run('drop', keys, [topic, String(tombs)]).catch(() => {})
  }

  async function sweep(): Promise<void> {
    const before = String(Date.now() - idle)
    const topics = await run('idle', [names.log, names.private], [before]).catch(() => [])
    for (const topic of topics as string[]) drop(topic)
  }

  function failed(error: Error): void {
    for (const listener of listeners) listener.failed(error)
  }

  function run(script: ScriptName, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    return link.run(script, keys, [...offer(), ...values])
  }

  function close(): Promise<void> {
    for (const clock of clocks) clearInterval(clock)
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
  whole: string,
  found: readonly Found[],
]
type SinceReply = readonly [epoch: string, top: string, keys: string, found?: readonly Found[]]

interface Read {
  life: Life
  trimmed: number
  found: Page
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

function epochOf({ id }: Entry): string {
  return id.slice(0, id.indexOf('.'))
}

/** Lets so many act at once. */
function createSeats(count: number): <T>(act: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let free = count
  return async act => {
    if (free > 0) free--
    else await new Promise<void>(resolve => waiting.push(resolve))
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
