import type { IncomingMessage, ServerResponse } from 'node:http'

/** An object as a page sends it: nothing in it is believed before it is looked at. */
export type Json = Record<string, unknown>

const most = 16_384

/**
 * The body of a request of our own pages. Pages of other origins cannot send this type without asking first, and nobody
 * says yes to them.
 */
export async function readJson(request: IncomingMessage): Promise<Json> {
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new TypeError('the Content-Type has to be application/json')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > most) throw new RangeError(`more than ${most} bytes`)
    chunks.push(chunk)
  }
  return parseJson(Buffer.concat(chunks).toString())
}

/** What is no JSON object is an empty one. */
export function parseJson(text: unknown): Json {
  try {
    const value = JSON.parse(`${text}`) as unknown
    return typeof value === 'object' && value !== null ? (value as Json) : {}
  } catch {
    return {}
  }
}

/** The answer's own `status`, if it has one, is the response's. */
export function answerJson(response: ServerResponse, answer: Json): void {
  const { status = 200 } = answer
  response.writeHead(status as number, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify(answer))
}
