import { type Entry, type Place, readPlace } from './log.ts'

/** A log as Redis holds it: which life, the newest number, and the keys that numbers are scrambled with. */
export interface Life {
  readonly epoch: string
  readonly top: number
  readonly keys: readonly { from: number; key: number }[]
}

/** What a notice tells. */
export interface Notice {
  readonly entry: Entry
  /** The number of the one before it in its channel; 0 if none is known. */
  readonly before: number
}

/** How a node hears what is published elsewhere: of the topics that somebody on it follows, and of no others. */
export interface Hearing {
  follow(topic: string): void
  unfollow(topic: string): void
  followed(topics: readonly string[]): Promise<void> | undefined
  /** A notice has come. */
  heard(notice: Notice): void
  /** Looks whether notices were missed. */
  look(): void
  /** How many notices wait until what came before them is read. */
  readonly waiting: number
  /** Up to where nothing is missing that was told. */
  readonly mark: { readonly id: string; readonly seq: number }
  /** When it was known last that nothing is missing, on the clock of `performance.now()`. */
  readonly sure: number
  /** All that should be heard, for a connection that is made anew. */
  channels(): readonly string[]
}

interface Means {
  /** Has channels heard. Rejects where that takes too long. */
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): void
  /** The newest number in each of these channels, and the log as it is. */
  newest(channels: readonly string[]): Promise<{ life: Life; numbers: readonly number[] }>
  /** What came in a channel after a number, as far as it can be told; `moved`: of these topics it can't, and `undefined`: of any. */
  after(channel: string, life: Life, seq: number): Promise<Missed>
  idOf(life: Life, seq: number): string | undefined
  tell(entry: Entry): void
  /** Some may have been missed, of all or of these topics. */
  missed(topics?: readonly string[]): void
}

export interface Missed {
  /** The log as it was when the last of it was read. */
  readonly life: Life
  readonly entries: readonly Entry[]
  readonly moved: readonly string[] | undefined
}

interface Channel {
  followers: number
  /** The newest number that was heard; `undefined` until it is known where that begins. */
  at: number | undefined
  /** Settles when all that is published is heard. */
  ready: Promise<void> | undefined
  /** What came before that was known. */
  early: Notice[]
  /** Since when nobody follows it, in ms. */
  left: number
}

/** How long a channel is heard on that nobody follows any more, in ms: polls, and pages that are loaded anew, come back. */
const linger = 10_000

/** How many channels are asked for at once. */
const inOne = 1_000

/** How many characters are held of what was missed until all of it is read. What there is beyond, whoever wants it reads. */
const mostHeld = 2 ** 24

/** What was missed in all channels, and where each of them is behind it. */
interface Gathered {
  entries: Entry[]
  size: number
  readonly moved: Set<string>
  /** Some may have been missed of which it is not known where. */
  isAnywhere: boolean
  readonly places: Map<string, number>
}

export function createHearing(means: Means): Hearing {
  const channels = new Map<string, Channel>()
  const forsaken = new Set<string>()
  let wanted: string[] = [] // that are to be subscribed at the end of this turn
  let asking: Promise<void> | undefined
  let mark: Pick<Place, 'epoch' | 'seq'> & { id: string } = { epoch: '', seq: 0, id: '' }
  let sure = performance.now()
  let early: Notice[] | undefined // what comes while it is looked for what was missed

  return {
    follow,
    unfollow,
    followed,
    heard,
    look,
    channels: () => [...channels.keys()],
    get waiting() {
      return early?.length ?? 0
    },
    get mark() {
      return mark
    },
    get sure() {
      return sure
    },
  }

  function follow(topic: string): void {
    const name = channelOf(topic)
    const channel = channels.get(name)
    if (channel) {
      channel.followers++
      forsaken.delete(name)
      return
    }
    channels.set(name, { followers: 1, at: undefined, ready: want(name), early: [], left: 0 })
  }

  function unfollow(topic: string): void {
    const name = channelOf(topic)
    const channel = channels.get(name)
    if (!channel || --channel.followers > 0) return
    channel.left = Date.now()
    forsaken.delete(name)
    forsaken.add(name)
  }

  function followed(topics: readonly string[]): Promise<void> | undefined {
    const waits = new Set<Promise<void>>()
    for (const topic of topics) {
      const channel = channels.get(channelOf(topic))
      if (!channel || channel.at !== undefined) continue
      // What failed is tried once more for whoever asks.
      channel.ready ??= want(channelOf(topic))
      waits.add(channel.ready)
    }
    return waits.size ? Promise.all(waits).then(() => {}) : undefined
  }

  /** All that are wanted in one turn are asked for together. */
  function want(name: string): Promise<void> {
    wanted.push(name)
    asking ??= Promise.resolve().then(begin)
    asking.catch(() => {}) // whoever reads is told
    return asking
  }

  async function begin(): Promise<void> {
    const names = wanted
    wanted = []
    asking = undefined
    try {
      await means.subscribe(names)
      for (let from = 0; from < names.length; from += inOne) await base(names.slice(from, from + inOne))
    } catch (error) {
      for (const name of names) {
        const channel = channels.get(name)
        if (channel) channel.ready = undefined
      }
      throw error
    }
  }

  /** From here on they are heard: what came before, whoever wants it reads. */
  async function base(names: readonly string[]): Promise<void> {
    const { numbers } = await means.newest(names)
    for (const [index, name] of names.entries()) {
      const channel = channels.get(name)
      if (!channel || channel.at !== undefined) continue
      channel.at = numbers[index] as number
      for (const notice of channel.early.splice(0)) heard(notice)
    }
  }

  function heard(notice: Notice): void {
    if (early) early.push(notice)
    else if (!take(notice)) look()
  }

  /** Whether nothing came before it that was not heard. */
  function take({ entry, before }: Notice): boolean {
    const channel = channels.get(channelOf(entry.topic))
    if (!channel) return true
    if (channel.at === undefined) return channel.early.push({ entry, before }) > 0
    if (epochOf(entry) !== mark.epoch || before > channel.at) return false
    if (entry.seq > channel.at) {
      channel.at = entry.seq
      means.tell(entry)
    }
    return true
  }

  function look(): void {
    if (early) return
    early = []
    leaveForsaken()
    void compare()
      .catch(() => {}) // the next look finds the same; what is wrong was said by the link
      .then(goOn)
  }

  function goOn(): void {
    const waiting = early ?? []
    early = undefined
    // A hole is left to the next look: what can't be read now would be asked for without end.
    for (const notice of waiting) if (!take(notice)) return
  }

  async function compare(): Promise<void> {
    const names = [...channels.keys()]
    const gathered: Gathered = {
      entries: [],
      size: 0,
      moved: new Set(),
      isAnywhere: false,
      places: new Map(),
    }
    let newer = mark
    for (let from = 0; from === 0 || from < names.length; from += inOne) {
      const some = names.slice(from, from + inOne)
      const { life, numbers } = await means.newest(some)
      if (!isAsBefore(life)) return beginAnew(life)
      if (from === 0) newer = markOf(life)
      for (const [index, name] of some.entries())
        await gather(gathered, name, Math.min(numbers[index] as number, newer.seq), life)
    }
    tellAll(gathered)
    mark = newer
    sure = performance.now()
  }

  /** Whether it still has what it had. */
  function isAsBefore(life: Life): boolean {
    return life.epoch === mark.epoch && means.idOf(life, mark.seq) === mark.id
  }

  /** The log is another one than it was, or has lost what it had: all read for themselves. */
  function beginAnew(life: Life): void {
    mark = markOf(life)
    sure = performance.now()
    for (const channel of channels.values()) if (channel.at !== undefined) channel.at = life.top
    means.missed()
  }

  /** Up to the number that was the newest of all when the first channels were asked for: what is newer is on its way. */
  async function gather(gathered: Gathered, name: string, upTo: number, life: Life): Promise<void> {
    const at = channels.get(name)?.at
    if (at === undefined || upTo <= at) return
    const missed = await means.after(name, life, Math.max(at, isTopic(name) ? 0 : mark.seq))
    // What was asked of one Redis may be answered by one that was started anew, where numbers mean other messages.
    if (!isAsBefore(missed.life)) throw new Error('the log is another one')
    const { entries, moved } = missed
    gathered.places.set(name, upTo)
    if (!moved) gathered.isAnywhere = true
    for (const topic of moved ?? []) gathered.moved.add(topic)
    for (const entry of entries) {
      if (entry.seq <= at || entry.seq > upTo) continue
      gathered.size += entry.text.length
      if (gathered.size > mostHeld) gathered.moved.add(entry.topic)
      else gathered.entries.push(entry)
    }
  }

  /** In the order in which it was published, whatever channel it was missed in: a line may have one position for several topics. Those who read for themselves go on from where they are. */
  function tellAll({ entries, moved, isAnywhere, places }: Gathered): void {
    for (const [name, at] of places) {
      const channel = channels.get(name)
      if (channel?.at !== undefined) channel.at = at
    }
    if (isAnywhere) means.missed()
    else if (moved.size) means.missed([...moved])
    for (const entry of entries.sort((one, other) => one.seq - other.seq))
      if (!moved.has(entry.topic)) means.tell(entry)
  }

  function markOf(life: Life): typeof mark {
    return { epoch: life.epoch, seq: life.top, id: means.idOf(life, life.top) ?? '' }
  }

  function leaveForsaken(): void {
    const due = Date.now() - linger
    const over: string[] = []
    for (const name of forsaken) {
      if ((channels.get(name)?.left ?? 0) > due) break
      forsaken.delete(name)
      channels.delete(name)
      over.push(name)
    }
    if (over.length) means.unsubscribe(over)
  }
}

/** The topics of a hub's sessions have one channel: they come and go in large numbers. */
export function channelOf(topic: string): string {
  return /^rt\.to\.[\w-]{8}\./.exec(topic)?.[0] ?? topic
}

/** Whether a channel is that of one topic. */
export function isTopic(channel: string): boolean {
  return !/^rt\.to\.[\w-]{8}\.$/.test(channel)
}

function epochOf({ id }: Entry): string {
  return readPlace(id)?.epoch ?? ''
}
