/** Remembers topics that were dropped, so that whoever comes back for one is told of what was lost. */
export interface Tombs {
  /** `newest`: the newest number in it. */
  add(topic: string, newest: number): void
  /** The newest number that may have been lost in a topic that is not there. */
  newestOf(topic: string): number
  /** It is there again. Gives back what was known of it. */
  remove(topic: string): number | undefined
}

/** As many names as `most`, the newest; of all others it is known only that they may have been there. */
export function createTombs(most: number): Tombs {
  const numbers = new Map<string, number>()
  let floor = 0

  return {
    add,
    newestOf: topic => numbers.get(topic) ?? floor,
    remove,
  }

  function remove(topic: string): number | undefined {
    const newest = numbers.get(topic)
    numbers.delete(topic)
    return newest
  }

  function add(topic: string, newest: number): void {
    numbers.set(topic, newest)
    const [oldest] = numbers
    if (numbers.size <= most || !oldest) return
    numbers.delete(oldest[0])
    floor = Math.max(floor, oldest[1])
  }
}
