/** Why a request is not served. Thrown, and turned into an answer in one place. */
export interface Refusal {
  readonly status: number
  readonly message: string
  /** Seconds. */
  readonly retryAfter?: number | undefined
}

export function refusal(status: number, message: string, retryAfter?: number): Refusal {
  return { status, message, retryAfter }
}

/** What `authorize` threw, or we did, if it is meant for the client: an object with a status that says no. */
export function asRefusal(thrown: unknown): Refusal | undefined {
  const { status, message, retryAfter } = (thrown ?? {}) as Partial<Record<keyof Refusal, unknown>>
  if (typeof status !== 'number' || !(status === 204 || (status >= 400 && status < 600))) return undefined
  return {
    status: Math.trunc(status),
    message: typeof message === 'string' ? message : '',
    retryAfter: typeof retryAfter === 'number' && retryAfter >= 0 ? Math.ceil(retryAfter) : undefined,
  }
}
