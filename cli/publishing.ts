/** What is published. */
export interface Publication {
  readonly topic: string
  /** @default 'message' */
  readonly event?: string | undefined
  readonly data: unknown
}

/** Publishes by a server's publish endpoint, and gives the id. Throws what the server says against it. */
export async function publishBy(
  endpoint: URL,
  publication: Publication,
  { token, key }: { token?: string | undefined; key?: string | undefined } = {},
): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(key !== undefined && { 'Idempotency-Key': JSON.stringify(key) }),
    },
    body: JSON.stringify(publication),
  }).catch(error => {
    throw new Error(`nobody answers at ${endpoint.href}: ${reasonOf(error)}`)
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${endpoint.href} answers ${response.status}: ${detailOf(answer)}`)
  const { id } = Object(parsed(answer))
  if (typeof id === 'string') return id
  throw new Error(`${endpoint.href} answers without an id; it is no publish endpoint of throughline`)
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as { cause?: { message?: string; code?: string }; message: string }
  return cause?.message || cause?.code || message
}

/** The words of a problem (RFC 9457), or the beginning of whatever else was answered. */
function detailOf(answer: string): string {
  const { detail, title } = Object(parsed(answer))
  return detail ?? title ?? (answer.trim().slice(0, 200) || 'without a reason')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
