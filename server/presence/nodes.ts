import { type Entry, isReadyFor, type Log } from '../log/log.ts'
import { randomName } from '../random.ts'
import { createPace } from './pace.ts'
import type { People, Present } from './people.ts'

/** What nodes that share a log tell each other of their people. A node that knows of no other is silent. */
export interface Nodes {
  /** Somebody came to this node, or went, or has other data. */
  changed(topic: string, id: string, person: Present | undefined): void
  /** An entry of `nodesTopic`. */
  heard(entry: Entry): void
  /** Something may have been missed. */
  missed(): void
  stop(): void
}

/** Where they tell it. */
export const nodesTopic = 'rt.presence'

/**
 * | | |
 * |---|---|
 * | `hello` | all who are on this node; the others say the same of theirs |
 * | `all` | all who are on this node |
 * | `news` | who came to it and who went |
 * | `beat` | it is there still |
 */
interface Told {
  readonly node: string
  readonly kind: 'hello' | 'all' | 'news' | 'beat'
  /** How long it counts without being heard, in ms. */
  readonly lease: number
  readonly here?: readonly [topic: string, id: string, data: string][]
  readonly gone?: readonly [topic: string, id: string][]
  /** `hello` and `all` come in parts where they are long: which one it is, and whether it is the last. */
  readonly part?: number
  readonly last?: boolean
}

interface Other {
  /** Who is there, by topic and id. */
  places: Map<string, readonly [topic: string, id: string]>
  /** The same, as far as the parts of a list have come. */
  fresh: Map<string, readonly [topic: string, id: string]>
  /** When it was heard last, and how long that counts, in ms. */
  at: number
  lasts: number
  lease: NodeJS.Timeout
}

/** How many people one message tells of. */
const inOnePart = 200

/** Milliseconds between two messages of one kind. */
const pause = 50

/** Milliseconds between two signs of life, at most. */
const slowest = 30_000

/** `lease`: how long this node counts while it is not heard, in ms. */
export function createNodes(log: Log, people: People, lease: number): Nodes {
  const node = randomName(9)
  const others = new Map<string, Other>()
  let news = new Map<string, readonly [topic: string, id: string, data?: string]>()
  let isGreeted = false // whether the log has taken our hello
  let isUntold = false // whether something has changed since then that was told to nobody
  const hello = createPace(pause, greet)
  const answer = createPace(pause, () => tellAll('all'))
  const telling = createPace(pause, tellNews)
  const beat = setInterval(
    () => {
      if (!isGreeted) hello.soon()
      else if (others.size > 0) tell({ kind: 'beat' })
    },
    Math.min(lease / 4, slowest),
  ).unref()
  log.follow?.(nodesTopic)
  hello.soon()

  return { changed, heard, missed: hello.soon, stop }

  function changed(topic: string, id: string, person: Present | undefined): void {
    if (others.size === 0) {
      isUntold = true
      return
    }
    news.set(keyOf(topic, id), person ? [topic, id, person.data] : [topic, id])
    telling.soon()
  }

  /** What is answered has to be heard. */
  function greet(): void {
    const hearing = log.followed?.([nodesTopic])
    const later = () => {
      isGreeted = false
    }
    if (hearing) hearing.then(() => tellAll('hello'), later)
    else tellAll('hello')
  }

  function tellNews(): void {
    const all = [...news.values()]
    news = new Map()
    for (let from = 0; from < all.length; from += inOnePart) {
      const part = all.slice(from, from + inOnePart)
      tell({
        kind: 'news',
        here: part.filter(each => each.length === 3) as [string, string, string][],
        gone: part.filter(each => each.length === 2) as [string, string][],
      })
    }
  }

  function tellAll(kind: 'hello' | 'all'): void {
    // Whoever hears it knows what was still to be told.
    telling.stop()
    news = new Map()
    isGreeted = true
    isUntold = false
    const here = Array.from(people.here(), ([topic, { id, data }]) => [topic, id, data] as const)
    for (let part = 0; part * inOnePart <= here.length; part++) {
      const some = here.slice(part * inOnePart, (part + 1) * inOnePart)
      const last = (part + 1) * inOnePart > here.length
      tell({ kind, here: some as [string, string, string][], part, last })
    }
  }

  /** What the log does not take is told with the next hello. */
  function tell(news: Omit<Told, 'node' | 'lease'>): void {
    const told: Told = { node, lease, ...news }
    const failed = () => {
      isGreeted = false
    }
    try {
      const kept = log.append(nodesTopic, {
        event: undefined,
        data: JSON.stringify(told),
        encoding: undefined,
      })
      if ('then' in kept) kept.then(() => {}, failed)
    } catch {
      failed()
    }
  }

  function heard({ text }: Entry): void {
    const told = read(text)
    if (!told || told.node === node) return
    const { kind, here = [], gone = [], part, last } = told
    const isList = kind === 'hello' || kind === 'all'
    // It tells what follows something that we have not heard.
    if (!others.has(told.node) && !isList) return hello.soon()
    const other = others.get(told.node) ?? meet(told.node, told.lease)
    other.at = Date.now()
    if (part === 0) other.fresh = new Map()
    for (const [topic, id, data] of here) {
      const key = keyOf(topic, id)
      other.places.set(key, [topic, id])
      if (isList) other.fresh.set(key, [topic, id])
      people.comeElsewhere(told.node, topic, id, data)
    }
    for (const place of gone) leave(told.node, other, place)
    if (last)
      for (const [key, place] of other.places) if (!other.fresh.has(key)) leave(told.node, other, place)
    if (last) other.fresh = new Map()
    if (kind === 'hello' && last) answer.soon()
  }

  function meet(name: string, lasts: number): Other {
    const other: Other = {
      places: new Map(),
      fresh: new Map(),
      at: 0,
      lasts,
      lease: setTimeout(look, lasts).unref(),
    }
    others.set(name, other)
    // The other node answers our hello, and does not know who came or left after it.
    if (isUntold) answer.soon()
    return other

    function look(): void {
      // As long as the log is out of reach nobody is heard.
      if (!isReadyFor(log, nodesTopic)) other.at = Date.now()
      const left = other.at + other.lasts - Date.now()
      if (left > 0) {
        other.lease = setTimeout(look, left).unref()
        return
      }
      others.delete(name)
      for (const place of other.places.values()) leave(name, other, place)
    }
  }

  function leave(name: string, other: Other, [topic, id]: readonly [string, string]): void {
    other.places.delete(keyOf(topic, id))
    people.goElsewhere(name, topic, id)
  }

  function stop(): void {
    clearInterval(beat)
    log.unfollow?.(nodesTopic)
    for (const pace of [hello, answer, telling]) pace.stop()
    for (const { lease } of others.values()) clearTimeout(lease)
  }
}

/** No name of a topic has a line break that a client could ask for; one that has is a key of its own all the same. */
function keyOf(topic: string, id: string): string {
  return JSON.stringify([topic, id])
}

/** What is no message of this kind is of nobody's that we know. */
function read(text: string): Told | undefined {
  try {
    const told = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '')
    return typeof told?.node === 'string' ? told : undefined
  } catch {
    return undefined
  }
}
