/** How many missing numbers are remembered by name; beyond that they are only counted. */
const most = 10_000

/**
 * Holds the line to its promise. The server numbers the messages of each room 1, 2, 3 …; whatever is not the next number
 * is a message lost, heard twice, or out of order. Counting starts with the first number heard of a room.
 *
 * @param kept what `keep()` gave before the page was loaded anew, if it was
 */
export function createTally(kept) {
  const rooms = new Map(
    kept?.rooms.map(([room, last, missing]) => [room, { last, missing: new Set(missing) }]),
  )
  const counts = kept?.counts ?? { received: 0, missing: 0, duplicates: 0, unordered: 0 }
  return { counts, begin, reached, take, keep }

  /** As JSON can hold it. */
  function keep() {
    return { counts, rooms: [...rooms].map(([room, { last, missing }]) => [room, last, [...missing]]) }
  }

  function begin() {
    rooms.clear()
    for (const name in counts) counts[name] = 0
  }

  /** Everything up to this number has to be here by now. */
  function reached(room, n) {
    const known = rooms.get(room)
    if (known) skipTo(known, n)
    else rooms.set(room, { last: n, missing: new Set(), before: n })
  }

  /** Whether the message is new. */
  function take(room, n) {
    const known = rooms.get(room)
    // From before the count began: Nchan tells a new line all of the second in which it came.
    if (n <= known?.before) return false
    counts.received++
    if (!known || n > known.last) {
      if (known) skipTo(known, n - 1)
      rooms.set(room, { missing: new Set(), ...known, last: n })
      return true
    }
    if (!known.missing.delete(n)) {
      counts.duplicates++
      return false
    }
    counts.missing--
    counts.unordered++
    return true
  }

  function skipTo(known, n) {
    for (let lost = known.last + 1; lost <= n; lost++) {
      counts.missing++
      if (known.missing.size < most) known.missing.add(lost)
    }
    known.last = Math.max(known.last, n)
  }
}
