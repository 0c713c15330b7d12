import { types } from 'node:util'

/** Why a request is not served. Thrown, and turned into an answer in one place. */
export interface Refusal {
  readonly status: number
  readonly message: string
  /** Seconds. */
  readonly retryAfter?: number | undefined
  /** Whether it says nothing of other transports, which may be let in. */
  readonly only?: boolean | undefined
  /** Whether the hub has ended the session. */
  readonly ended?: boolean | undefined
  /** The number behind which nothing was or will be taken from a session that was ended, if that is known. */
  readonly acked?: number | undefined
  /** What it counts as, where the status does not say it. */
  readonly reason?: RefusalReason | undefined
}

/**
 * Why a request was refused, in a word. `application`: `authorize` said so. `credential`: a token or a ticket is missing, used or over, or `authorize` said 401. `origin` and `host`: not
 * listed. `transport`: refused by `hub.refuse`. `session`: it is not known here, or over. `disconnected`: by `hub.disconnect`. `sessions`, `lines`, `topics`: more than the limits
 * have. `spaces`: a client with one position for all its topics asks for some that are in different parts of a log that is spread. `sends`: a client sends too much. `busy`: too much at once of something else. `admission`: more lines come than are let in. `descriptors`: nearly no file descriptors are left. `draining`: the hub is going
 * away. `node`: the one where the session lives does not answer just now. `log`: it cannot be read. `failed`: `authorize` or a listener threw what is no refusal.
 */
export type RefusalReason = (typeof refusalReasons)[number]

export const refusalReasons = [
  'application',
  'credential',
  'origin',
  'host',
  'malformed',
  'method',
  'transport',
  'too-large',
  'session',
  'disconnected',
  'sessions',
  'lines',
  'topics',
  'spaces',
  'sends',
  'busy',
  'admission',
  'descriptors',
  'draining',
  'node',
  'log',
  'failed',
] as const

/** What a status means that was given without a reason. All others are the application's. */
const meanings: Readonly<Record<number, RefusalReason>> = {
  400: 'malformed',
  401: 'credential',
  404: 'session',
  405: 'method',
  409: 'session',
  410: 'session',
  411: 'malformed',
  413: 'too-large',
  414: 'too-large',
  415: 'malformed',
  426: 'malformed',
  500: 'failed',
}

export function reasonOf({ reason, status }: Refusal): RefusalReason {
  return reason ?? meanings[status] ?? 'application'
}

/** What is answered to something that was thrown. */
export interface Answer {
  readonly why: Refusal
  /** Whether the client is told less than was thrown, so that the operator has to be told of it. */
  readonly withheld: boolean
}

export function refusal(
  status: number,
  message: string,
  retryAfter?: number,
  reason?: RefusalReason,
): Refusal {
  return { status, message, retryAfter, ...(reason && { reason }) }
}

const failed = refusal(500, 'the server failed')

/**
 * What the client is told of something thrown. An object with a `status` that says no was made to be thrown at it. An error is rather a fault
 * in the program, and many a library's has the status of another server: it is for the client only where it says so.
 * `trusting`: a status below 500 is word enough, as the `message` event promises.
 */
export function answerTo(thrown: unknown, { trusting = false } = {}): Answer {
  const own = fields(thrown)
  const boom = fields(own.output)
  const status = own.status ?? own.statusCode ?? boom.statusCode
  if (!isRefusal(status)) return { why: failed, withheld: true }
  const isError = types.isNativeError(thrown) || thrown instanceof Error
  const shows = signOf(own, status) ?? (isError ? trusting && status < 500 : true)
  const isSigned = shows || own.expose === false || own.isBoom === true || trusting
  if (!isSigned) return { why: failed, withheld: true }
  const message = own.output === undefined ? own.message : fields(boom.payload).message
  const { retryAfter } = own
  const why = {
    status: Math.trunc(status),
    message: typeof message === 'string' && shows ? message : '',
    retryAfter: typeof retryAfter === 'number' && retryAfter >= 0 ? Math.ceil(retryAfter) : undefined,
    ...(own.only === true && { only: true }),
    ...(own.ended === true && { ended: true }),
    ...reasonIn(own.reason, thrown, status),
  }
  return { why, withheld: !shows }
}

/** `expose` is the sign of http-errors, Koa and others. Fastify shows its own errors below 500; Boom keeps a text for the client beside its own. */
function signOf({ expose, isBoom, name }: Record<string, unknown>, status: number): boolean | undefined {
  if (typeof expose === 'boolean') return expose
  if (isBoom === true || name === 'FastifyError') return status < 500
  return undefined
}

function isRefusal(status: unknown): status is number {
  return typeof status === 'number' && (status === 204 || (status >= 400 && status < 600))
}

/** What `authorize` threw. */
const ofApplication = new WeakSet<object>()

/** Notes that the application threw it: with the same status a refusal of ours means something else. */
export function noteApplication(thrown: unknown): void {
  if (typeof thrown === 'object' && thrown !== null) ofApplication.add(thrown)
}

function reasonIn(reason: unknown, thrown: unknown, status: number): Pick<Refusal, 'reason'> {
  if (ofApplication.has(thrown as object)) return { reason: status === 401 ? 'credential' : 'application' }
  return isReason(reason) ? { reason } : {}
}

function isReason(value: unknown): value is RefusalReason {
  return refusalReasons.some(reason => reason === value)
}

function fields(value: unknown): Record<string, unknown> {
  return Object(value)
}
