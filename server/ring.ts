/** The newest items of a list whose numbers rise; older ones give way. */
export interface Ring<T> {
  /** Gives back the item that had to go. */
  push(item: T): T | undefined
  /** The oldest `count` items whose number is above `seq`. */
  after(seq: number, count: number): T[]
}

export function createRing<T extends { readonly seq: number }>(capacity: number): Ring<T> {
  const items: T[] = [] // grows up to `capacity`, so that a quiet topic costs little
  let oldest = 0

  return { push, after }

  function push(item: T): T | undefined {
    if (items.length < capacity) {
      items.push(item)
      return undefined
    }
    const gone = items[oldest]
    items[oldest] = item
    oldest = (oldest + 1) % capacity
    return gone
  }

  function after(seq: number, count: number): T[] {
    const first = search(seq)
    const length = Math.min(count, items.length - first)
    return Array.from({ length }, (_, index) => at(first + index))
  }

  /** How many items are not above `seq`, by halving. */
  function search(seq: number): number {
    let low = 0
    let high = items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (at(middle).seq > seq) high = middle
      else low = middle + 1
    }
    return low
  }

  function at(index: number): T {
    return items[(oldest + index) % items.length] as T
  }
}
