/**
 * The life of a `fetchEventSource()`, as a pure table.
 *
 * ```
 *   asking ──answered──▶ reading ──ended──▶ over
 *    ▲  │                   │                ▲
 *   due │ failed            │ failed         │
 *    │  ▼                   ▼                │
 *   waiting ◀── where it may be asked again ─┴─ where it may not
 * ```
 */
export type Life =
  | { readonly name: 'asking' | 'reading'; readonly tries: number; readonly by: By }
  /** Until it is asked again, in `after` ms. */
  | { readonly name: 'waiting'; readonly tries: number; readonly by: By; readonly after: number }
  /** Without a failure its promise resolves. */
  | { readonly name: 'over'; readonly failure?: { readonly error: unknown } }

/** The page's own request, or the GET that goes on behind the last id. */
export type By = 'request' | 'resume'

export type Signal =
  /** `onopen` took the answer. */
  | { readonly type: 'answered' }
  /** A message came. */
  | { readonly type: 'progress' }
  /** The network failed, if it was `lost`, or the page threw; and `onerror` has said after how many ms it shall be asked again, or has said nothing. */
  | {
      readonly type: 'failed'
      readonly error: unknown
      readonly lost: boolean
      readonly said: number | undefined
    }
  /** The time to ask again has come. */
  | { readonly type: 'due' }
  /** The answer came to its end, the page wants no more, or what it gave threw. */
  | { readonly type: 'over'; readonly failure?: { readonly error: unknown } }

/** What the life goes by: it asks and changes nothing. */
export interface Terms {
  /** Whether the request is a GET or HEAD, which may be sent again without anybody asking for it (RFC 9110, 9.2.1). */
  readonly safe: boolean
  /** Whether there is an id, and an address to go on behind it. */
  resumes(): boolean
  /** How long to wait after so many failures in a row, in ms. */
  pause(tries: number): number
}

/** What follows from a signal. The same life, when it changes nothing. */
export function next(life: Life, signal: Signal, terms: Terms): Life {
  if (life.name === 'over') return life
  const { tries, by } = life
  switch (signal.type) {
    case 'answered':
      return { name: 'reading', tries, by }
    case 'progress':
      return tries > 0 ? { name: 'reading', tries: 0, by } : life
    case 'failed': {
      const { error, lost, said } = signal
      const goesOn = terms.resumes() && (lost || said !== undefined)
      // Sent again by itself is what does no harm; a number is the page's word that the request does none.
      return goesOn || terms.safe || said !== undefined
        ? {
            name: 'waiting',
            tries: tries + 1,
            by: goesOn ? 'resume' : by,
            after: said ?? terms.pause(tries + 1),
          }
        : { name: 'over', failure: { error } }
    }
    case 'due':
      return { name: 'asking', tries, by }
    case 'over':
      return { name: 'over', ...(signal.failure && { failure: signal.failure }) }
  }
}
