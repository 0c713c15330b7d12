export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5)
}

/** The value below which this share of the numbers lies; between two of them, in proportion. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low === high ? low : low + (high - low) * (at - Math.floor(at))
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

/** Another one first each round, and backwards in every other, so that nobody always follows the same one. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const from = (round * 4) % all.length
  const order = [...all.slice(from), ...all.slice(0, from)]
  return round % 2 ? order.reverse() : order
}
