import type { Target } from '../../contracts/transport.ts'

/** An answer that is over. */
export interface Over {
  /** When it was asked for. */
  since: number
  /** All that it said, where that is kept: a copy of the one before has nothing new. */
  text?: string
  /** Whether it had any blocks. */
  spoke: boolean
  /** The server's latest word on when to ask again, in ms. */
  retry?: number | undefined
}

export interface PollPacing {
  /** How long to wait after this answer until the next request, in ms. */
  after(over: Over): number
  /** The same after a wait that is given, in ms: as long as that, but not without end one right after the other. */
  spaced(wait: number): number
}

/** An answer that took as long was held until there was something to say, in ms. */
const held = 1_000

/** How far the wait grows for a server that greets and then has nothing to say, in ms. */
const longest = 5_000

/** So many requests may follow each other at once. */
export const burst = 20

/** How far apart those after them are, in ms: where the server keeps account of what this page has heard, and where it does not. */
export const apart = { told: 10, unknown: 250 }

/**
 * Decides how soon a channel asks again. An answer that brought something new, or was held, is followed by the next request at once. One that came at
 * once and had nothing new is not, be it from a cache, a script, or a server that does not know the session. Where the server keeps no account of
 * what this page has heard, what looks new may be told to everybody who asks. Whatever the answers are, only so many requests are made in a minute.
 */
export function createPollPacing({ dialect, environment, taken }: Target): PollPacing {
  const interval = dialect.policy?.pollInterval ?? 1_000
  const spacing = dialect.protocol.sendsHello || dialect.policy?.resumesCleanEnd ? apart.told : apart.unknown
  let before = taken()
  let last: string | undefined
  let idle = 0
  let greeted = false
  let due = 0

  return { after, spaced }

  function after({ since, text, spoke, retry }: Over): number {
    const isNew = taken() > before && (text === undefined || text !== last)
    before = taken()
    last = text
    const wait = isNew || environment.now() - since >= held ? rested() : vain(spoke)
    if (retry === undefined || dialect.protocol.sendsHello) return spaced(wait)
    return spaced(dialect.policy?.exactRetry ? retry : Math.max(retry, wait))
  }

  function rested(): number {
    idle = 0
    return 0
  }

  /** Where the server greets, or says at first where it is, that is what the first answer brings. */
  function vain(spoke: boolean): number {
    const { sendsHello } = dialect.protocol
    if ((sendsHello || dialect.policy?.pollsAtOnce) && spoke && !greeted) {
      greeted = true
      return 0
    }
    if (!sendsHello) return interval
    return Math.min(interval * 2 ** idle++, Math.max(longest, interval))
  }

  function spaced(wait: number): number {
    const now = environment.now()
    const at = Math.max(now + wait, due - burst * spacing)
    due = Math.max(due, at) + spacing
    return at - now
  }
}
