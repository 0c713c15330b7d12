/**
 * The life of a request whose answer is a stream, as a pure table.
 *
 * ```
 *   asking ──answered──▶ reading ──ended, finished──▶ over
 *    ▲  │                   │                           ▲
 *   due │ refused, lost     │ lost                      │
 *    │  ▼                   ▼                           │
 *   waiting  ◀── where it may be asked again ──▶ where it may not
 * ```
 */
export type Life =
  | { readonly name: 'asking' | 'reading'; readonly tries: number }
  /** After a failure, until it is asked again, in `after` ms. */
  | { readonly name: 'waiting'; readonly tries: number; readonly after: number; readonly failure: Ending }
  /** Without a failure all of it came, or the page has ended it. */
  | { readonly name: 'over'; readonly failure?: Ending }

/** Why an answer is not whole. */
export interface Ending {
  /**
   * | kind | what happened | was the request carried out? |
   * |---|---|---|
   * | `IN_DOUBT` | no answer came to a request that was sent, and that is not a GET | unknown |
   * | `refused` | no answer came to a GET, as often as it was tried | does not matter |
   * | `status` | the answer has another status than 200 | the server says it |
   * | `content` | the answer is no event stream | the server says it |
   * | `cut` | the answer broke off, and could not be gone on with | it began |
   * | `silent` | the same, since nothing came for longer than `timeout` | it began |
   * | `too-large` | one event has more than 8,388,608 characters | it began |
   */
  readonly kind: 'IN_DOUBT' | 'refused' | 'status' | 'content' | 'cut' | 'silent' | 'too-large'
  /** The HTTP status, where there is one. */
  readonly status?: number
  /** What the server said in place of a stream, at most 64 KiB of it. */
  readonly body?: string
  /** In ms, from `Retry-After`. */
  readonly retryAfter?: number | undefined
  /** What the browser gave, where it gave something. */
  readonly cause?: unknown
}

export type Signal =
  /** The time to ask again has come, or the network is back. */
  | { readonly type: 'due' }
  /** The head of an event stream came. */
  | { readonly type: 'answered' }
  /** Something came of it. */
  | { readonly type: 'progress' }
  /** The head of something else came, and what it said. */
  | { readonly type: 'refused'; readonly ending: Ending }
  /** The connection broke, or was silent for too long. */
  | { readonly type: 'lost'; readonly ending: Ending }
  /** The response ended in good order. */
  | { readonly type: 'ended' }
  /** The event came that ends it, or the page wants no more; or what came cannot be taken. */
  | { readonly type: 'finished'; readonly failure?: Ending }

/** What the life goes by: it asks and changes nothing. */
export interface Terms {
  /** Whether the request may be sent again without anybody asking for it: a GET or HEAD (RFC 9110, 9.2.1). */
  readonly safe: boolean
  /** Whether an answer that broke off can be gone on with. */
  readonly resumes: boolean
  /** How often a 429 or 503 that names a time is asked again. */
  readonly retries: number
  /** Whether an event says that it is over, so that an end without it is none. */
  readonly until: boolean
  /** Whether anything of the answer came: an event, or an id. */
  began(): boolean
  /** Whether so much as a byte of it came. */
  came(): boolean
  /** The id of the last event; empty without one. */
  id(): string
  /** How long to wait after so many tries that came to nothing, in ms. */
  pause(tries: number): number
}

/** How often in a row it is tried to go on. With pauses that grow up to half a minute that takes some four minutes. */
export const mostTries = 12

/** What follows from a signal. The same life, when it changes nothing. */
export function next(life: Life, signal: Signal, terms: Terms): Life {
  if (life.name === 'over') return life
  const { tries } = life
  switch (signal.type) {
    case 'due':
      return life.name === 'waiting' ? { name: 'asking', tries } : life
    case 'answered':
      return { name: 'reading', tries }
    case 'progress':
      return tries > 0 ? { name: 'reading', tries: 0 } : life
    case 'finished':
      return { name: 'over', ...(signal.failure && { failure: signal.failure }) }
    case 'ended':
      // A browser takes a head that broke off for a whole one, and what follows for the end of it.
      return terms.until || !terms.came() ? lost(tries, { kind: 'cut' }, terms) : { name: 'over' }
    case 'lost':
      return lost(tries, signal.ending, terms)
    case 'refused':
      return refused(tries, signal.ending, terms)
  }
}

/** What came is not sent for again; without anything a request is sent again if that does no harm. */
function lost(tries: number, ending: Ending, terms: Terms): Life {
  const { kind } = ending
  if (!terms.began()) {
    const inDoubt: Ending = { ...ending, kind: terms.safe ? 'refused' : 'IN_DOUBT' }
    return terms.safe ? again(tries, inDoubt, terms.pause(tries)) : { name: 'over', failure: inDoubt }
  }
  const failure: Ending = { ...ending, kind: kind === 'silent' ? kind : 'cut' }
  return terms.resumes && terms.id() !== ''
    ? again(tries, failure, terms.pause(tries))
    : { name: 'over', failure }
}

/** The server, or a box before it, has answered with something else. */
function refused(tries: number, failure: Ending, terms: Terms): Life {
  const { status = 0, retryAfter } = failure
  const isBusy = status === 429 || status === 503
  if (!terms.began())
    return isBusy && retryAfter !== undefined && tries < terms.retries
      ? again(tries, failure, retryAfter)
      : { name: 'over', failure }
  // The server that has begun it is not back yet.
  return isBusy || status >= 500
    ? again(tries, failure, Math.max(retryAfter ?? 0, terms.pause(tries)))
    : { name: 'over', failure }
}

function again(tries: number, failure: Ending, after: number): Life {
  return tries < mostTries ? { name: 'waiting', tries: tries + 1, after, failure } : { name: 'over', failure }
}
