import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Registry } from '../log/log.ts'
import { ignore } from '../wire/channel.ts'

/** The hubs that share a log, as one of them sees the others. */
export interface Nodes {
  /** How many are known of, this one included. */
  readonly count: number
  /** The others. */
  others(): string[]
  /** Where a hub takes what is its sessions': `host:port`. Nothing if it is gone. */
  addressOf(node: string): string | undefined
  /** Reads the list anew: a hub that is not known may have come a moment ago. It never rejects. */
  read(): Promise<void>
  /** It did not answer there: it is gone, until it gives a sign of life. */
  lost(node: string): void
  /** This one takes requests there from now on. Settles when the others can know, and are known here. */
  enter(address: string): Promise<void>
  /** It takes none any more. */
  leave(): Promise<void>
  /** A text by which the others can tell that one of them says this. */
  sign(text: string): string
  isSigned(text: string, signature: string): boolean
}

/** What the registry has: by node its address, and a number that rises as long as it lives. */
interface Listed {
  readonly key: string
  readonly nodes: Readonly<Record<string, readonly [address: string, beat: number]>>
}

/** A sign of life comes so often, in ms. A hub is missed that gave none while this one gave so many, and after some more it is forgotten. */
const pace = 2_000
const patience = 6
const memory = 30

/** What is known of another hub. */
interface Seen {
  readonly address: string
  readonly beat: number
  /** How many signs of life this hub has given since. Where it could give none, none can be missed. */
  since: number
  isLost: boolean
}

const place = 'nodes'

/** Clocks of nodes differ, so each goes by its own, and by whether the others' numbers rise. */
export function createNodes(registry: Registry, self: string): Nodes {
  const seen = new Map<string, Seen>()
  let key: Buffer = randomBytes(32)
  let own: string | undefined
  let beat = 0
  let clock: NodeJS.Timeout | undefined
  let working: Promise<void> = Promise.resolve()
  let entered = () => {}
  let reading: Promise<void> | undefined

  return {
    get count() {
      return 1 + others().length
    },
    others,
    addressOf,
    read,
    lost(node) {
      const found = seen.get(node)
      if (found) found.isLost = true
    },
    enter,
    leave,
    sign,
    isSigned: (text, signature) => {
      const [given, right] = [Buffer.from(signature), Buffer.from(sign(text))]
      return given.length === right.length && timingSafeEqual(given, right)
    },
  }

  function others(): string[] {
    return [...seen.keys()].filter(node => node !== self && addressOf(node) !== undefined)
  }

  function addressOf(node: string): string | undefined {
    const found = seen.get(node)
    return found && !found.isLost && found.since < patience ? found.address : undefined
  }

  function sign(text: string): string {
    return createHmac('sha256', key).update(text).digest('base64url')
  }

  function enter(address: string): Promise<void> {
    own = address
    clock = setInterval(() => void tell(), pace).unref()
    void tell()
    return new Promise(resolve => {
      entered = resolve
    })
  }

  function leave(): Promise<void> {
    clearInterval(clock)
    own = undefined
    return tell()
  }

  /** Once for all who ask meanwhile. */
  function read(): Promise<void> {
    reading ??= Promise.resolve(registry.get(place))
      .then(there => look(readList(there)))
      .catch(ignore)
      .finally(() => {
        reading = undefined
      })
    return reading
  }

  /** One after the other: two at once would only be in each other's way. */
  function tell(): Promise<void> {
    working = working.then(write).catch(ignore) // that the log is out of reach it says itself
    return working
  }

  async function write(): Promise<void> {
    for (let there = await registry.get(place); ; ) {
      const listed = readList(there)
      look(listed)
      const text = JSON.stringify(withOwn(listed))
      const now = await registry.compareAndSet(place, there, text, memory * pace)
      if (now === text) {
        for (const each of seen.values()) each.since++
        look(readList(text))
        return entered()
      }
      there = now
    }
  }

  function withOwn(listed: Listed | undefined): Listed {
    const others = Object.entries(listed?.nodes ?? known()).filter(
      ([node]) => node !== self && (seen.get(node)?.since ?? 0) < memory,
    )
    const mine = own === undefined ? [] : [[self, [own, ++beat]]]
    return { key: listed?.key ?? key.toString('base64url'), nodes: Object.fromEntries([...others, ...mine]) }
  }

  /** A log that was away for long, or has lost what it had, has no list any more. */
  function known(): Listed['nodes'] {
    return Object.fromEntries(Array.from(seen, ([node, { address, beat }]) => [node, [address, beat]]))
  }

  function look(listed: Listed | undefined): void {
    if (!listed) return
    key = Buffer.from(listed.key, 'base64url')
    for (const [node, [address, beat]] of Object.entries(listed.nodes))
      if (seen.get(node)?.beat !== beat) seen.set(node, { address, beat, since: 0, isLost: false })
    for (const node of seen.keys()) if (!listed.nodes[node]) seen.delete(node)
  }
}

function readList(text: string | undefined): Listed | undefined {
  return text === undefined ? undefined : JSON.parse(text)
}
