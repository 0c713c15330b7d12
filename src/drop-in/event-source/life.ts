/**
 * The life of an EventSource, as a pure table (WHATWG HTML, 9.2.2 and 9.2.3).
 *
 * ```
 *   asking ──answered──▶ open          from each of them:
 *    ▲  │                 │              failed for good, closed ──▶ closed
 *   due │ failed          │ failed       pagehide ──▶ away ──pageshow──▶ waiting
 *    │  ▼                 │
 *   waiting ◀─────────────┘
 * ```
 */
export type Life =
  /** A request is out. */
  | { readonly name: 'asking'; readonly tries: number }
  /** An event stream is being read. */
  | { readonly name: 'open'; readonly head?: Head | undefined }
  /** After so many failures in a row, until it is asked again; `pauseOf` says how long. */
  | { readonly name: 'waiting'; readonly tries: number; readonly failure?: Failure }
  /** The browser's own EventSource waits, and asks again by itself. */
  | { readonly name: 'returning'; readonly failure: Failure }
  /** The page is kept for the moment when somebody goes back to it. */
  | { readonly name: 'away' }
  /** For good: by the page, or for this reason. */
  | { readonly name: 'closed'; readonly failure?: Failure }

/** What an open event tells of the answer. */
export interface Head {
  readonly status: number
  readonly statusText: string
  readonly headers: { get(name: string): string | null }
}

/** Why it is interrupted, or has ended. */
export interface Failure {
  /**
   * | kind | what happened | is it asked again? |
   * |---|---|---|
   * | `network` | no answer came | yes |
   * | `ended` | the server ended its answer | yes |
   * | `cut` | the answer broke off | yes |
   * | `silent` | nothing came for `heartbeatTimeout` | yes |
   * | `away` | the page was kept in the history, and is back | yes |
   * | `status` | the answer has another status than 200 | no |
   * | `content` | the answer is no event stream | no |
   * | `unshared` | the server of another origin does not let this page read it | once, as it may just have come back |
   * | `impossible` | it cannot be asked: the address, a header, or the place does not allow it | no |
   */
  readonly kind:
    | 'network'
    | 'ended'
    | 'cut'
    | 'silent'
    | 'away'
    | 'status'
    | 'content'
    | 'unshared'
    | 'impossible'
  /** What was answered, where that is the reason. */
  readonly head?: Head
  /** What the browser gave, where it gave something. */
  readonly cause?: unknown
}

export type Signal =
  /** The head of an event stream came. */
  | { readonly type: 'answered'; readonly head?: Head }
  /** Nothing comes any more: "reestablish the connection", or "fail the connection". */
  | { readonly type: 'failed'; readonly failure: Failure }
  /** The browser's own EventSource is interrupted, and comes back by itself. */
  | { readonly type: 'interrupted'; readonly failure: Failure }
  /** The browser's own EventSource ended, and does not say why. */
  | { readonly type: 'given-up' }
  /** The time to ask again has come. */
  | { readonly type: 'due' }
  /** The browser says that there is a network again. */
  | { readonly type: 'online' }
  /** The page goes into the history, or is back from it. */
  | { readonly type: 'pagehide' | 'pageshow' }
  /** The page wants no more. */
  | { readonly type: 'closed' }

/** What follows from a signal. The same life, when it changes nothing. */
export function next(life: Life, signal: Signal): Life {
  if (life.name === 'closed') return life
  const tries = 'tries' in life ? life.tries : 0
  switch (signal.type) {
    case 'answered':
      return { name: 'open', head: signal.head }
    case 'failed':
      return failed(tries, signal.failure)
    case 'interrupted':
      return { name: 'returning', failure: signal.failure }
    case 'given-up':
      // A stream that was open broke off. A request that was refused is asked once more, by what can tell the reason.
      return life.name === 'open'
        ? { name: 'waiting', tries: 1, failure: { kind: 'cut' } }
        : { name: 'asking', tries: tries + 1 }
    case 'due':
      return life.name === 'waiting' ? { name: 'asking', tries } : life
    case 'online':
      return life.name === 'waiting' ? { name: 'waiting', tries: 1 } : life
    case 'pagehide':
      return { name: 'away' }
    case 'pageshow':
      return life.name === 'away' ? { name: 'waiting', tries: 0, failure: { kind: 'away' } } : life
    case 'closed':
      return { name: 'closed' }
  }
}

const final = /^(?:status|content|unshared|impossible)$/

function failed(tries: number, failure: Failure): Life {
  // A server that was down a moment ago may be there now: one such failure is no proof.
  if (final.test(failure.kind) && (tries > 0 || failure.kind !== 'unshared'))
    return { name: 'closed', failure }
  return { name: 'waiting', tries: tries + 1, failure }
}

/** How many ms too many failures in a row may add to what the server asks for. */
const most = 30_000

/**
 * How long it is waited after so many failures in a row, in ms: after the first as long as the server asks for, and after more some more, of random length (WHATWG HTML, 9.2.3:
 * "Optionally, wait some more"). Without a failure not at all.
 */
export function pauseOf(retry: number, tries: number): number {
  return tries && retry + (tries > 1 ? Math.min(retry * 2 ** (tries - 1), most) * Math.random() : 0)
}
