import { refusal } from '../http-error.ts'
import type { Registry } from '../log/log.ts'

/** What the registry says of sessions that do not live where they began, and of lines that race. */
export interface Whereabouts {
  /** The hub where a session lives that has moved. One that was left for whoever asks next is remembered, for `takeUp`. */
  movedTo(sid: string): Promise<string | undefined>
  /** Whether `movedTo` has found that it was left, and nobody has taken it up here since. */
  isLeft(sid: string): boolean
  /** Leaves a session for whichever hub is asked for it next. Whether that is possible. */
  leave(sid: string, rest: unknown): Promise<boolean>
  /** Takes up a session that was left, if `movedTo` has found it so and `isTheirs` says of what was left that it is whose it should be. `another`: another hub was faster, and `movedTo` finds that. */
  takeUp(sid: string, isTheirs: (rest: unknown) => boolean): Promise<Left | 'another' | undefined>
  /** A session that was taken up is over. */
  ended(sid: string): void
  /** Whether all transports of a line come here. */
  isOurs(line: string): boolean
  /** All transports of a race go to the hub where the first of them came: none of them has been told a session yet. Another hub, or `undefined` for this one. */
  claim(line: string): Promise<string | undefined>
  close(): void
}

/** What was left of a session. */
export interface Left {
  readonly rest: unknown
}

/** Of a session that does not live where it began: the hub where it does, or what was left of it. */
type Found = { readonly at: string } | Left

/** For how long it is known where a session lives that has moved, unless that is told again. In ms. */
const lasting = 600_000

/** For how long all transports of a race go to one hub, in ms. */
const racing = 30_000

/** How many lines are remembered, and how many sessions that were left. */
const most = 10_000

/** `self`: this hub. `sessionTimeout`: for how long a session waits for its client, in ms. */
export function createWhereabouts(registry: Registry, self: string, sessionTimeout: number): Whereabouts {
  const lines = new Map<string, string>() // by line, whose it is
  const left = new Map<string, string>() // sessions that nobody has taken up, as the registry has them
  const takingUp = new Map<string, Promise<'ours' | 'another' | undefined>>()
  const takenUp = new Map<string, string>() // those that live here now, likewise
  const clock = setInterval(keepTelling, lasting / 4).unref()

  return {
    movedTo,
    isLeft: sid => left.has(sid),
    leave,
    takeUp,
    ended,
    isOurs: line => lines.get(line) === self,
    claim,
    close: () => clearInterval(clock),
  }

  async function movedTo(sid: string): Promise<string | undefined> {
    const there = await looked(registry.get(keyOf(sid)))
    left.delete(sid)
    if (there === undefined) return undefined
    const found: Found = JSON.parse(there)
    if ('at' in found) return found.at
    remember(left, sid, there)
    return undefined
  }

  async function leave(sid: string, rest: unknown): Promise<boolean> {
    const text = JSON.stringify({ rest })
    try {
      const there = await registry.compareAndSet(keyOf(sid), takenUp.get(sid), text, sessionTimeout)
      takenUp.delete(sid)
      return there === text
    } catch {
      return false
    }
  }

  async function takeUp(
    sid: string,
    isTheirs: (rest: unknown) => boolean,
  ): Promise<Left | 'another' | undefined> {
    const there = left.get(sid)
    if (there === undefined) return undefined
    const found: Left = JSON.parse(there)
    if (!isTheirs(found.rest)) return undefined
    // Its client may ask for it by several requests at once: they take it up together.
    const outcome = takingUp.get(sid) ?? take(sid, there).finally(() => takingUp.delete(sid))
    takingUp.set(sid, outcome)
    const whose = await outcome
    return whose === 'ours' ? found : whose
  }

  async function take(sid: string, there: string): Promise<'ours' | 'another' | undefined> {
    const text = JSON.stringify({ at: self })
    try {
      const now = await looked(registry.compareAndSet(keyOf(sid), there, text, lasting))
      if (now !== text) return now === undefined ? undefined : 'another'
      takenUp.set(sid, text)
      return 'ours'
    } finally {
      left.delete(sid)
    }
  }

  function ended(sid: string): void {
    const text = takenUp.get(sid)
    if (text === undefined) return
    takenUp.delete(sid)
    void renew(sid, text, 1)
  }

  function keepTelling(): void {
    for (const [sid, text] of takenUp) void renew(sid, text, lasting)
  }

  /** Where it fails, whoever looks for the session finds it gone. */
  async function renew(sid: string, text: string, lasts: number): Promise<void> {
    try {
      await registry.compareAndSet(keyOf(sid), text, text, lasts)
    } catch {}
  }

  async function claim(line: string): Promise<string | undefined> {
    const node = await registry.compareAndSet(`line:${line}`, undefined, self, racing)
    if (node === undefined) return undefined
    remember(lines, line, node)
    return node === self ? undefined : node
  }
}

/** Where the log cannot be asked, nobody can say where the session is, and its client comes again. */
async function looked<T>(answer: T | Promise<T>): Promise<T> {
  try {
    return await answer
  } catch {
    throw refusal(503, 'where this session is cannot be read just now', 1, 'node')
  }
}

/** The oldest makes room. */
function remember(known: Map<string, string>, name: string, text: string): void {
  known.delete(name)
  known.set(name, text)
  const [oldest] = known.keys()
  if (known.size > most && oldest !== undefined) known.delete(oldest)
}

function keyOf(sid: string): string {
  return `session:${sid}`
}
