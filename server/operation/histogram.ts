/** Counts values by how large they are. */
export interface Histogram {
  observe(value: number): void
  read(): Buckets
}

/** What a histogram has counted. */
export interface Buckets {
  /** The largest value of each bucket, ascending. What is larger than the last of them is counted too. */
  readonly bounds: readonly number[]
  /** How many values fell into each bucket alone, and behind them those beyond the last bound. */
  readonly counts: readonly number[]
  /** Of all values. */
  readonly sum: number
}

/** For answers of a server in the same network, in seconds. */
export const latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = new Array<number>(bounds.length + 1).fill(0)
  let sum = 0

  return { observe, read: () => ({ bounds, counts: [...counts], sum }) }

  function observe(value: number): void {
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    counts[at] = (counts[at] as number) + 1
    sum += value
  }
}
