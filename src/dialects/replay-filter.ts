import type { ReplayFilter } from '../contracts/dialect.ts'
import type { Frame } from '../contracts/frame.ts'
import type { Environment } from '../environment.ts'

/** `unclear`: it was heard before, and the next one tells whether the server replays; or nothing comes. */
type Verdict = 'new' | 'replay' | 'unclear'

/** How many messages are compared, and how many characters their ids may have together. */
const mostMessages = 1_000
const mostCharacters = 2 ** 18

/** Messages that came closer than this, in ms, came at once; and so did one of so many characters for each ms. */
const burst = 50
const characters = 20

/** How long a message is kept back that may be the first of a replay, in ms. */
const holdTime = 1_000

type Told = Frame & { type: 'message' | 'gap' }

interface Known {
  readonly digest: number
  /** How long after the message before it this one came, in ms. */
  readonly after: number
}

/**
 * Some scripts replay all they have at each request: the same ids with the same data as on an earlier channel, at once. A server that begins
 * to count anew with each connection may send the same too, but takes as long for it as the first time. One that comes late in the middle
 * of a replay proves nothing, two in a row do. Of a message its id, a digest and its distance from the one before are kept.
 */
export function createReplayFilter(environment: Environment): ReplayFilter {
  const known = new Map<string, Known>()
  let before = new Map<string, Known>()
  let length = 0
  let last = 0
  let start = ''
  // `fresh`: a new channel of which nothing is known. `unclear`: something was repeated that may begin a replay. `late`: in a replay
  // something took its time. `new`: nothing is replayed.
  let state: 'fresh' | 'unclear' | 'replay' | 'late' | 'new' = 'new'
  let held: Told | undefined
  let timer: unknown
  let tell: ((late: Told) => void) | undefined = () => {}

  return {
    reopened(cursor, told) {
      before = new Map(known)
      start = cursor
      state = 'fresh'
      tell = told
    },
    passes(told, id, data) {
      const verdict = judge(id, data)
      // The one that comes after it says whether the server replays.
      if (verdict === 'replay') drop()
      else release()
      // The page may have closed the line when it heard that one.
      if (!tell) return false
      if (verdict === 'unclear') hold(told)
      return verdict === 'new'
    },
    flush,
    stop() {
      drop()
      tell = undefined
    },
  }

  function hold(told: Told): void {
    held = told
    timer = environment.setTimeout(flush, holdTime)
  }

  function flush(): void {
    if (!held) return
    state = 'new'
    release()
  }

  function release(): void {
    const late = held
    drop()
    if (late) tell?.(late)
  }

  function drop(): void {
    environment.clearTimeout(timer)
    held = undefined
  }

  function judge(id: string, data: unknown): Verdict {
    const { digest, size } = digestOf(data)
    const now = environment.now()
    const after = now - last
    last = now
    const earlier = state === 'new' ? undefined : before.get(id)
    if (earlier?.digest === digest) {
      state = next(id, after <= size / characters || isSooner(after, earlier))
      if (state === 'unclear') return state
      if (state !== 'new') return 'replay'
    } else if (state === 'unclear') state = 'new'
    keep(id, { digest, after })
    return 'new'
  }

  function next(id: string, soon: boolean): typeof state {
    // A server may repeat the very message that the position names, or have no other.
    if (state === 'fresh') return id === start ? 'late' : 'unclear'
    if (soon) return 'replay'
    return state === 'replay' ? 'late' : 'new'
  }

  function keep(id: string, message: Known): void {
    if (known.delete(id)) length -= id.length
    known.set(id, message)
    length += id.length
    while (known.size > mostMessages || length > mostCharacters) {
      const oldest = known.keys().next().value as string
      known.delete(oldest)
      length -= oldest.length
    }
  }
}

function isSooner(after: number, earlier: Known): boolean {
  return earlier.after < burst || after < Math.max(burst, earlier.after / 2)
}

/** 53 bits of text or bytes, and how many characters or bytes there are. */
function digestOf(data: unknown): { digest: number; size: number } {
  const text = typeof data === 'string' ? data : ''
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : undefined
  const size = bytes?.length ?? text.length
  let one = size
  let other = 0x9e3779b9
  for (let at = 0; at < size; at++) {
    const unit = bytes ? (bytes[at] as number) : text.charCodeAt(at)
    one = Math.imul(one ^ unit, 0x85ebca6b)
    other = Math.imul(other ^ unit, 0xc2b2ae35)
    one ^= other >>> 15
  }
  return { digest: (one & 0x1fffff) * 2 ** 32 + (other >>> 0), size }
}
