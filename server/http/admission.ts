/** How fast new lines are let in. */
export interface Admission {
  /** Lets one in. Where there is no room for it, it gives the whole seconds after which that one should come again. */
  enter(): number | undefined
  /** How many come in a second, as it is now. */
  readonly rate: number
  /** How many were told to come again later. */
  readonly deferred: number
}

/** What is left of a second's worth of lines, and what was promised of those that follow. */
export interface Bucket {
  /** Lines a second. */
  readonly rate: number
  /** How many may come at the same moment. */
  readonly most: number
  /** How many may come now. */
  readonly left: number
  /** How many were told to come later, and whose time has not come. */
  readonly promised: number
  /** When that was so, in ms. */
  readonly at: number
}

/** Seconds that a client waits at most: ours takes no more from a `Retry-After`. */
const longest = 600

/** Without a number: lines a second to begin with, and the least and most that the event loop may make of them. */
export const usual = 1_000
export const least = 100
export const most = 10_000

/** How often it is looked how late the event loop is, in ms; what counts as late, and what as calm. */
const every = 100
const late = 100
const calm = 20

/**
 * One that comes at `now`: `wait` is `undefined` if it is let in. Those that are not are given places one after the other, at the rate at which others
 * are let in, so that they come back at that rate too. `random`, at least 0 and below 1, keeps those of one second from coming in the same moment.
 */
export function entered(
  bucket: Bucket,
  now: number,
  random: number,
): { bucket: Bucket; wait: number | undefined } {
  const { rate, most } = bucket
  const freed = (Math.max(0, now - bucket.at) / 1000) * rate
  const left = Math.min(most, bucket.left + freed)
  const promised = Math.max(0, bucket.promised - freed)
  if (left >= 1) return { bucket: { rate, most, left: left - 1, promised, at: now }, wait: undefined }
  const wait = Math.min(longest, Math.ceil((1 - left + promised) / rate + random))
  return { bucket: { rate, most, left, promised: promised + 1, at: now }, wait }
}

/** A full bucket. To a rate that somebody has named everybody is held within a tenth; one that was found out lets a second's worth in at once. */
export function bucketOf(rate: number, isNamed: boolean, now: number): Bucket {
  const atOnce = Math.max(1, isNamed ? rate / 10 : Math.min(rate, usual))
  return { rate, most: atOnce, left: atOnce, promised: 0, at: now }
}

/** What the rate becomes after a timer was so many ms late. `short`: somebody was told to come later meanwhile. */
export function adapted(rate: number, lateness: number, short: boolean): number {
  if (lateness > late) return Math.max(least, Math.round(rate * 0.7))
  const grows = lateness < calm && (short || rate < usual)
  return grows ? Math.min(most, rate + usual / 20) : rate
}

/** `named`: lines a second. Without it the rate is what the event loop can do, which is measured while somebody comes. */
export function createAdmission(named?: number, now = Date.now, random = Math.random): Admission {
  let bucket = bucketOf(named ?? usual, named !== undefined, now())
  let asked = 0
  let deferred = 0
  let isWatched = named !== undefined
  return {
    enter,
    get rate() {
      return bucket.rate
    },
    get deferred() {
      return deferred
    },
  }

  function enter(): number | undefined {
    asked++
    if (!isWatched) watch()
    const next = entered(bucket, now(), random())
    bucket = next.bucket
    if (next.wait !== undefined) deferred++
    return next.wait
  }

  /** Until nobody comes any more, and the rate is what it was at first. */
  function watch(): void {
    const before = { asked, deferred }
    const due = now() + every
    isWatched = true
    setTimeout(() => {
      setRate(adapted(bucket.rate, now() - due, deferred > before.deferred))
      isWatched = asked > before.asked || bucket.rate < usual
      if (isWatched) watch()
      else setRate(usual)
    }, every).unref()
  }

  function setRate(rate: number): void {
    const { most } = bucketOf(rate, false, 0)
    bucket = { ...bucket, rate, most, left: Math.min(most, bucket.left) }
  }
}
