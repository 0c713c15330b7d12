import { refusal } from './http-error.ts'

/** The requests that were answered lately, by their keys. */
export interface Keys {
  /**
   * Acts once for each key: whoever comes with it again gets the same result, also while that is under way. `what` is what the request asks for: another one
   * with the same key is refused with 422. What failed is forgotten.
   */
  once(key: string, what: string, act: () => Promise<string>): Promise<string>
}

interface Known {
  readonly what: string
  readonly result: Promise<string>
  /** When it was answered, in ms of the process; `undefined` while it is under way. */
  at: number | undefined
}

/** Keeps `most` keys at most, each for `ms` after it was answered. */
export function createKeys(ms: number, most: number): Keys {
  // In the order in which they came, so that the oldest are met first.
  const known = new Map<string, Known>()
  return {
    once(key, what, act) {
      forgetOld()
      const before = known.get(key)
      if (before && before.what !== what)
        throw refusal(
          422,
          'this Idempotency-Key was used for another message; take a new key for each message',
        )
      if (before) return before.result
      makeRoom()
      const entry: Known = { what, result: act(), at: undefined }
      known.set(key, entry)
      entry.result.then(
        () => {
          entry.at = performance.now()
          // To the end: they are in the order in which they were answered, those under way aside.
          if (known.get(key) === entry && known.delete(key)) known.set(key, entry)
        },
        () => known.get(key) === entry && known.delete(key),
      )
      return entry.result
    },
  }

  function forgetOld(): void {
    const now = performance.now()
    for (const [key, { at }] of known) {
      if (at === undefined) continue
      if (at + ms > now) return
      known.delete(key)
    }
  }

  function makeRoom(): void {
    if (known.size < most) return
    for (const [key, { at }] of known) {
      if (at === undefined) continue
      known.delete(key)
      return
    }
    throw refusal(503, 'too many messages are being published', 1)
  }
}
