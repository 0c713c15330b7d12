/** The newest items of a list whose numbers rise; older ones are taken off. */
export interface Ring<T> {
  push(item: T): void
  /** Takes the oldest off. */
  shift(): T | undefined
  /** Where the first item is whose number is above `seq`. */
  search(seq: number): number
  /** The oldest is at 0; nothing is behind the newest. */
  at(index: number): T | undefined
  readonly length: number
}

/** How many places of items that were taken off are worth closing up for. */
const worthwhile = 64

export function createRing<T extends { readonly seq: number }>(): Ring<T> {
  let items: (T | undefined)[] = [] // grows as it is used, so that a quiet topic costs little
  let oldest = 0

  return {
    push: item => void items.push(item),
    shift,
    search,
    at,
    get length() {
      return items.length - oldest
    },
  }

  function shift(): T | undefined {
    const gone = items[oldest]
    if (!gone) return undefined
    items[oldest++] = undefined
    if (oldest < worthwhile || oldest * 2 < items.length) return gone
    items = items.slice(oldest)
    oldest = 0
    return gone
  }

  /** By halving. */
  function search(seq: number): number {
    let low = 0
    let high = items.length - oldest
    while (low < high) {
      const middle = (low + high) >> 1
      if ((at(middle) as T).seq > seq) high = middle
      else low = middle + 1
    }
    return low
  }

  function at(index: number): T | undefined {
    return items[oldest + index]
  }
}
