import type { Environment } from '../../src/environment.ts'

/**
 * Surroundings made by hand: time stands still until a test lets it pass, chance follows a seed, and what is left
 * behind can be counted.
 */
export interface World {
  readonly environment: Environment
  /** An origin no other test has: what the SDK learns of one is kept for as long as the page lives. */
  readonly origin: string
  readonly now: number
  /** Timers that are armed, and listeners that hear something, right now. */
  readonly timers: number
  readonly listeners: number
  /** What outlives the page. */
  readonly storage: Map<string, string>
  hidden: boolean
  /** What the browser says of its network. */
  online: boolean
  /** The round trip the page has measured, in ms. */
  roundTrip: number | undefined
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>
  /** Lets time pass; each timer runs when it is due. */
  pass(ms: number): Promise<void>
  /** Lets time pass as a laptop does that sleeps: no timer runs before the end. */
  sleep(ms: number): Promise<void>
  /**
   * The page is busy for so long: no timer runs before the end. Those that are due then come first, and what the network brought
   * meanwhile behind them.
   */
  busy(ms: number, brought?: () => void): Promise<void>
  /** What `online`, `pagehide` and the like do. */
  fire(what: string | Event): Promise<void>
}

let worlds = 0

export function createWorld(parts: Partial<Environment> = {}, seed = 1): World {
  const timers = new Set<{ at: number; act: () => void }>()
  const listeners = new Map<string, Set<(event: Event) => void>>()
  const storage = new Map<string, string>()
  const origin = `https://host-${++worlds}.test`
  const random = seeded(seed)
  let now = 1_000

  const environment: Environment = {
    now: () => now,
    setTimeout(act, ms) {
      const timer = { at: now + Math.max(ms, 0), act }
      timers.add(timer)
      return timer
    },
    clearTimeout: timer => timers.delete(timer as never),
    random,
    WebSocket: undefined,
    EventSource: undefined,
    XMLHttpRequest: undefined,
    fetch: undefined,
    document: undefined,
    setItem: (key, value) => (value === null ? storage.delete(key) : storage.set(key, value)),
    getItem: key => storage.get(key) ?? null,
    listen(type, heard) {
      const all = listeners.get(type) ?? new Set()
      listeners.set(type, all.add(heard))
      return () => all.delete(heard)
    },
    visible: () => !world.hidden,
    online: () => world.online,
    base: `${origin}/page/`,
    roundTrip: () => world.roundTrip,
    ...parts,
  }

  const world: World = {
    environment,
    origin,
    get now() {
      return now
    },
    get timers() {
      return timers.size
    },
    get listeners() {
      return [...listeners.values()].reduce((sum, { size }) => sum + size, 0)
    },
    storage,
    hidden: false,
    online: true,
    roundTrip: undefined,
    // A macrotask comes after all microtasks, those included that they bring about.
    settle: () => new Promise(resolve => setImmediate(resolve)),
    async pass(ms) {
      const end = now + ms
      await world.settle()
      for (let due = earliest(end); due; due = earliest(end)) {
        timers.delete(due)
        now = Math.max(now, due.at)
        due.act()
        await world.settle()
      }
      now = end
    },
    async sleep(ms) {
      now += ms
      await world.pass(0)
    },
    async busy(ms, brought) {
      await world.settle()
      now += ms
      for (const timer of [...timers].sort((one, other) => one.at - other.at)) {
        if (timer.at <= now && timers.delete(timer)) timer.act()
        await world.settle()
      }
      brought?.()
      await world.pass(0)
    },
    async fire(what) {
      const event = typeof what === 'string' ? new Event(what) : what
      // A browser calls its listeners in a turn of its own.
      await world.settle()
      for (const heard of [...(listeners.get(event.type) ?? [])]) heard(event)
      await world.settle()
    },
  }
  return world

  function earliest(end: number) {
    const [first] = [...timers].sort((one, other) => one.at - other.at)
    return first && first.at <= end ? first : undefined
  }
}

/** The generator known as mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
