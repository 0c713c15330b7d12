/** Throws a TypeError that shows the value: in quotes, its control characters visible, no longer than it helps. */
export function refuse(why: string, value: unknown): never {
  throw new TypeError(`${why}: ${JSON.stringify(String(value).slice(0, 40))}`)
}
