/** The five that `connect()` tries, in its order of preference. */
export type UsualTransport = 'websocket' | 'eventsource' | 'xhr-streaming' | 'long-polling' | 'jsonp'

/** Those, the ones that a page may import and ask for, and any that somebody has written. */
export type TransportName =
  | UsualTransport
  | 'fetch-streaming'
  | 'multipart'
  | 'iframe'
  | 'polling'
  | (string & {})

/** Why a channel ended or never opened. */
export interface Failure {
  /** What sort of end it was. */
  readonly kind: FailureKind
  /** What happened, in a word that stays the same from release to release: docs/errors.md says what each means and what can be done. */
  readonly code: string
  /** Where: an address without what may be secret in it, or a transport. */
  readonly where?: string | undefined
  /** After how many ms, where a time was over. */
  readonly after?: number
  /** What it is about, where the code leaves that open: mostly what the server, the browser or a function of the page's says of it. */
  readonly detail?: string | undefined
  /** The HTTP status, where the browser shows it. */
  readonly status?: number | undefined
  /** The code that a WebSocket was closed with (RFC 6455, 7.4). */
  readonly closeCode?: number
  /** When the server wants to see us again, in ms. */
  readonly retryAfter?: number | undefined
  /** What was thrown, or what the browser gave, where there is something of the kind. */
  readonly cause?: unknown
  /** Whether asking again makes the server do its work again, since the request was no GET. */
  readonly costly?: boolean
  /** Whom a refusal concerns, where the server says so: every transport of the line, or this one alone. */
  readonly scope?: 'line' | 'transport' | undefined
  /** Whose failure it is. */
  readonly transport?: TransportName | undefined
  /** What happened besides, where several tries came to nothing. */
  readonly besides?: readonly Failure[]
}

/**
 * | kind | when |
 * |---|---|
 * | `ended` | the server ended the response in good order: health, not failure |
 * | `refused` | never opened, and the browser does not say why |
 * | `status` | answered with an HTTP status other than 200, or with something the browser's EventSource will not have |
 * | `content` | answered with something that is no event stream, such as a login page |
 * | `cut` | broke after it had opened |
 * | `silent` | nothing came |
 * | `stopped` | the browser or the person stopped it |
 * | `overflow` | a header of a multipart part came that is too large |
 * | `unsupported` | this browser has none of the transports asked for |
 */
export type FailureKind =
  | 'ended'
  | 'refused'
  | 'status'
  | 'content'
  | 'cut'
  | 'silent'
  | 'stopped'
  | 'overflow'
  | 'unsupported'

/** An address as it is shown, in whatever place: without what may be secret in it, the user and password, the query and the fragment. */
export function withoutQuery(url: string): string {
  return url.replace(/^([a-z][\w+.-]*:\/\/)[^/?#]*@/i, '$1').split(/[?#]/, 1)[0] as string
}

/** The same for each address in a text that others wrote. */
export function withoutQueries(text: string): string {
  return text.replace(/[a-z][\w+.-]*:\/\/[^\s"'<>]+/gi, withoutQuery)
}

/** What was thrown, as a failure may hold it. Browsers quote whole addresses. */
export function asCause(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown
  const { name } = thrown
  const message = withoutQueries(thrown.message)
  return message === thrown.message ? thrown : Object.assign(new Error(message), { name })
}

/** How long a refusal's words may take to come after its status, in ms. */
export const wordsWithin = 1_000

/** Whether an answer's body is for people to read, and short. */
export function hasWords(type: string | null): boolean {
  return /^text\/plain\b/i.test(type ?? '')
}

/** Whether a status says that a request is longer than the server, or something before it, reads. */
export function isTooLong(status: number): boolean {
  return status === 414 || status === 431
}

/** A refusal with what the server says about it. */
export function inWords(failure: Failure, text: string): Failure {
  const detail = text.trim().slice(0, 500)
  return detail ? { ...failure, detail } : failure
}

/** How long a server may keep a line away by what it says of the time, in ms. */
export const longestAway = 600_000

/**
 * `Retry-After` in ms: seconds or a date (RFC 9110, 10.2.3), the longest of several, never more than ten minutes. A time that is over already says
 * nothing: otherwise a line would retry in a tight loop.
 */
export function readRetryAfter(value: string | null): number | undefined {
  const times =
    value
      ?.match(/[a-z]+, [^,]*GMT|[^,]+/gi)
      ?.map(timeOf)
      .filter(ms => ms > 0) ?? []
  return times.length > 0 ? Math.min(Math.max(...times), longestAway) : undefined
}

/** `Date.parse` makes a date of nearly anything, "7.5" included; one of HTTP ends in GMT. */
function timeOf(text: string): number {
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000
  return text.trim().endsWith('GMT') ? Date.parse(text) - Date.now() : Number.NaN
}

/** Of what the server sent, when it cannot be read. */
export function unreadable(cause: unknown): Failure {
  return { kind: 'content', code: 'unreadable', detail: (cause as Error).message, cause }
}

/** Runs what may throw. What it throws is a failure like any other. */
export function tryTo(act: () => void, failed: (failure: Failure) => void): void {
  try {
    act()
  } catch (thrown) {
    const cause = asCause(thrown)
    failed({
      kind: 'refused',
      code: 'threw',
      detail: (cause as Error | undefined)?.message ?? `${cause}`,
      cause,
    })
  }
}
