/** Why a request is not served. Thrown, and turned into an answer in one place. */
export interface Refusal {
  readonly status: number
  readonly message: string
  /** Seconds. */
  readonly retryAfter?: number | undefined
  /** Whether it says nothing of other transports, which may be let in. */
  readonly only?: boolean | undefined
}

export function refusal(status: number, message: string, retryAfter?: number): Refusal {
  return { status, message, retryAfter }
}

/**
 * What `authorize` threw, or we did, if it is meant for the client: an object with a status that says no. Frameworks call it `statusCode`
 * (Fastify, http-errors) or keep it in `output` (Boom); a message that they say is not to be exposed is not.
 */
export function asRefusal(thrown: unknown): Refusal | undefined {
  const own = fields(thrown)
  const boom = fields(own.output)
  const status = own.status ?? own.statusCode ?? boom.statusCode
  if (typeof status !== 'number' || !(status === 204 || (status >= 400 && status < 600))) return undefined
  const message = own.output === undefined ? own.message : fields(boom.payload).message
  const { retryAfter } = own
  return {
    status: Math.trunc(status),
    message: typeof message === 'string' && own.expose !== false ? message : '',
    retryAfter: typeof retryAfter === 'number' && retryAfter >= 0 ? Math.ceil(retryAfter) : undefined,
    ...(own.only === true && { only: true }),
  }
}

function fields(value: unknown): Record<string, unknown> {
  return Object(value)
}
