import { type Place, placeOf, readPlace, writePlace } from './log.ts'

/**
 * From its marker on, numbers are scrambled with its key. One begins whenever the stream may have been rolled back meanwhile, so that a number which is
 * given again has another tag. The marker is a message of the stream: all nodes see it at the same place among the others.
 */
export interface Era {
  /** The marker's number in the stream. */
  readonly at: number
  readonly key: number
  /** Which process of NATS it was begun with. */
  readonly run: string
}

/** One life of the log. Its number of a message is that of the stream without `base`. */
export interface Life {
  readonly epoch: string
  readonly base: number
  readonly eras: readonly Era[]
}

/** How many eras are known; older ids are told to be of a log that was rolled back. */
const most = 1_000

/** The text of a marker, which names all eras before it. `life` is that of the marker before it, if there is one. */
export function writeMarker(life: Life | undefined, epoch: string, key: number, run: string): string {
  return JSON.stringify({ ...(life ?? { epoch, eras: [] }), key, run })
}

/** Nothing if it is no marker of ours. */
export function readMarker(text: string, at: number): Life | undefined {
  try {
    const { epoch, base = at, eras, key, run } = JSON.parse(text)
    return { epoch, base, eras: [...eras, { at, key, run }].slice(-most) }
  } catch {
    return undefined
  }
}

/** Nothing if the number is older than the eras that are known. */
export function idOf({ epoch, base, eras }: Life, seq: number): string | undefined {
  const era = eras.findLast(({ at }) => at - base <= seq)
  return era && writePlace(placeOf(epoch, seq, era.key))
}

export function isOurs(life: Life, id: string, place: Place | undefined = readPlace(id)): boolean {
  return place?.epoch === life.epoch && idOf(life, place.seq) === id
}

/** Whether all that was heard up to a number of the stream is still what it was, as far as the eras say. */
export function goesOn(before: Life, now: Life, heard: number): boolean {
  const latest = before.eras.at(-1)
  const known = now.eras.find(({ at }) => at === latest?.at)
  const isNew = now.eras.some(({ at }) => at > (latest?.at ?? 0) && at <= heard)
  return before.epoch === now.epoch && known?.key === latest?.key && !isNew
}
