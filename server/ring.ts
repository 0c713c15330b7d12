/** The newest items of a list whose numbers rise; older ones give way. */
export interface Ring<T> {
  /** Gives back the item that had to go. */
  push(item: T): T | undefined
  /** Where the first item is whose number is above `seq`. */
  search(seq: number): number
  /** The oldest is at 0; nothing is behind the newest. */
  at(index: number): T | undefined
}

export function createRing<T extends { readonly seq: number }>(capacity: number): Ring<T> {
  const items: T[] = [] // grows up to `capacity`, so that a quiet topic costs little
  let oldest = 0

  return { push, search, at }

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

  /** By halving. */
  function search(seq: number): number {
    let low = 0
    let high = items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((at(middle) as T).seq > seq) high = middle
      else low = middle + 1
    }
    return low
  }

  function at(index: number): T | undefined {
    return index < items.length ? items[(oldest + index) % items.length] : undefined
  }
}
