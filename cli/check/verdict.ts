/** A rule that was not kept: what it led to expect, and what came. */
export class Breach extends Error {
  readonly expected: string
  readonly came: string

  constructor(expected: string, came: string) {
    super(`expected ${expected}; came ${came}`)
    this.expected = expected
    this.came = came
  }
}

/** Why a case could not be tried. */
export class NotTried extends Error {}

/** Throws a `Breach` unless it is so. */
export function expect(so: boolean, expected: string, came: unknown): asserts so {
  if (!so) throw new Breach(expected, typeof came === 'string' ? came : JSON.stringify(came))
}

/** Throws a `Breach` unless both are the same as JSON. */
export function expectSame(came: unknown, expected: unknown, what: string): void {
  const [here, there] = [JSON.stringify(came) ?? 'nothing', JSON.stringify(expected)]
  expect(here === there, `${what} to be ${there}`, here)
}
