import type { Connection } from '../sessions/session.ts'

/** Ends lines when the rights that they were granted are over. Lines whose rights last take nothing of it. */
export interface Expiry {
  /** `at`: in ms since the epoch. */
  add(connection: Connection, at: number): void
  delete(connection: Connection): void
}

interface Due {
  readonly at: number
  readonly connection: Connection
}

/** How long a timer may run before the clock is looked at again, since a clock may be set, in ms. */
const longestTimer = 60_000

/** A heap and one timer. What is deleted stays in the heap until its time comes, or until there is too much of it: polls come and go. */
export function createExpiry(end: (connection: Connection) => void): Expiry {
  const times = new Map<Connection, number>()
  let heap: Due[] = []
  let timer: NodeJS.Timeout | undefined
  return { add, delete: remove }

  function add(connection: Connection, at: number): void {
    times.set(connection, at)
    push({ at, connection })
    if (heap[0]?.connection === connection) wait()
  }

  function remove(connection: Connection): void {
    if (!times.delete(connection)) return
    // A heap in order is a heap.
    if (heap.length > 2 * times.size + 100)
      heap = Array.from(times, ([connection, at]) => ({ at, connection })).sort(
        (one, other) => one.at - other.at,
      )
    if (times.size > 0) return
    heap = []
    clearTimeout(timer)
  }

  function wait(): void {
    clearTimeout(timer)
    const [first] = heap
    if (first) timer = setTimeout(expire, Math.min(Math.max(first.at - Date.now(), 0), longestTimer)).unref()
  }

  function expire(): void {
    const now = Date.now()
    for (let first = heap[0]; first && first.at <= now; first = heap[0]) {
      pop()
      if (times.delete(first.connection)) end(first.connection)
    }
    wait()
  }

  function push(due: Due): void {
    let at = heap.length
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = heap[up] as Due
      if (above.at <= due.at) break
      heap[at] = above
      at = up
    }
    heap[at] = due
  }

  function pop(): void {
    const last = heap.pop() as Due
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const right = heap[left + 1]
      const down = right && right.at < (heap[left] as Due).at ? left + 1 : left
      const below = heap[down]
      if (!below || below.at >= last.at) break
      heap[at] = below
      at = down
    }
    heap[at] = last
  }
}
