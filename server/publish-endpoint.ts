import { createHash, timingSafeEqual } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { show } from '../src/wire/codec.ts'
import { answerTo, type Refusal, refusal } from './http-error.ts'
import type { Hub } from './hub.ts'
import { createKeys, type Keys } from './publish-keys.ts'
import type { Payload } from './sessions/session.ts'

/** Options of `createPublishEndpoint`: one of `secret` and `authorize` has to be there. */
export interface PublishEndpointOptions {
  /**
   * What a backend shows as `Authorization: Bearer`: a text of 16 characters or more, or several while one takes the place of another. It is compared in constant time.
   * @default undefined `authorize` decides
   */
  secret?: string | readonly string[]
  /**
   * Decides instead, of the whole request or of the topic that is published in. To refuse with a status of your own throw, as `authorize` of `createHub` does.
   * @default undefined whoever shows the secret may publish in every topic
   */
  authorize?: (request: IncomingMessage, topic: string) => boolean | Promise<boolean>
  /**
   * Bytes of one body. More: 413.
   * @default 1048576
   */
  maxBody?: number
  /** How long, and of how many requests at most, the answer is kept for a retry with the same `Idempotency-Key`. */
  remember?: {
    /**
     * Milliseconds. A retry that comes later publishes once more.
     * @default 600000
     */
    for?: number
    /**
     * Keys. More: the oldest is forgotten; if all are under way still, 503.
     * @default 10000
     */
    most?: number
  }
}

/** What a request asks to publish. */
interface Publication {
  readonly topic: string
  readonly event: string
  readonly data: Payload
  /** What makes retries the same request. */
  readonly key: string | undefined
}

/** A request as frameworks leave it, of which some have read the body. */
type Arriving = IncomingMessage & { rawBody?: unknown; body?: unknown }

const usual = { maxBody: 2 ** 20, for: 600_000, most: 10_000 }
const leastSecret = 16

/**
 * Makes a handler for a POST by which any backend publishes, in whatever language it is written.
 *
 * ```ts
 * import { createHub, createPublishEndpoint } from 'throughline/server'
 * const hub = createHub()
 * app.post('/publish', createPublishEndpoint(hub, { secret: process.env.PUBLISH_SECRET }))
 * ```
 *
 * It takes `{"topic":"lobby","event":"note","data":…}` as `application/json`; text in `data` goes as text, all else as a value. Or `?topic=lobby&event=note` in the
 * address, and a body that is the data itself: a text, bytes if its type is `application/octet-stream`, a value if it is `application/json`.
 *
 * The answer is `{"id":"…"}`. With a header `Idempotency-Key`, or an `id` in the JSON, a retry is answered the same and published once; one that comes while the
 * first is under way waits for it, and one with another message is answered 422. A failure is told as `application/problem+json` (RFC 9457) and is not kept: a retry tries again.
 *
 * @throws {TypeError} for options that cannot be
 */
export function createPublishEndpoint(
  hub: Pick<Hub, 'publish'>,
  options: PublishEndpointOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { secret, authorize, maxBody = usual.maxBody, remember = {} } = options
  checkOptions(options)
  const secrets = secret === undefined ? [] : typeof secret === 'string' ? [secret] : secret
  const isSecret = compareTo(secrets)
  const keys = createKeys(remember.for ?? usual.for, remember.most ?? usual.most)
  return async (request, response) => {
    try {
      const id = await serve(request)
      answer(response, 200, 'application/json', { id })
    } catch (thrown) {
      refuse(request, response, reasonOf(thrown))
    }
  }

  async function serve(request: Arriving): Promise<string> {
    if (request.method !== 'POST')
      throw refusal(405, `${request.method} is not for publishing; it takes POST`)
    if (!authorize) checkSecret(request)
    const publication = readPublication(request, await readBody(request, maxBody))
    if (authorize && !(await authorize(request, publication.topic)))
      throw refusal(403, 'not allowed to publish here')
    return once(keys, request, publication, () => {
      const { topic, event, data } = publication
      return hub.publish(topic, data, { event })
    })
  }

  function checkSecret({ headers }: IncomingMessage): void {
    const [, token] = /^Bearer +(.+)$/i.exec(headers.authorization ?? '') ?? []
    if (token === undefined)
      throw refusal(401, 'the header Authorization is missing; it has to be Bearer and the secret')
    if (!isSecret(token)) throw refusal(401, 'the credential is not the secret of this server')
  }
}

/** Digests have one length, so that nothing is learned of the secret by how long a comparison takes. */
function compareTo(secrets: readonly string[]): (token: string) => boolean {
  const digests = secrets.map(each => digestOf(each))
  return token => {
    const digest = digestOf(token)
    // All of them, whichever it is.
    return digests.map(each => timingSafeEqual(each, digest)).includes(true)
  }
}

/** A retry is the same request of the same credential; without a key each request is one of its own. */
async function once(
  keys: Keys,
  { headers }: IncomingMessage,
  { topic, event, data, key }: Publication,
  act: () => Promise<string>,
): Promise<string> {
  if (key === undefined) return act()
  const who = digestOf(headers.authorization ?? '').toString('base64')
  const what = digestOf(JSON.stringify([topic, event, typeof data]), data).toString('base64')
  return keys.once(`${who} ${key}`, what, act)
}

async function readBody(request: Arriving, most: number): Promise<unknown> {
  const read = request.rawBody ?? request.body
  if (read !== undefined && (request.readableDidRead || request.complete)) return read
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge(most)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > most) throw tooLarge(most)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(most: number): Refusal {
  return refusal(413, `the body has more than ${most} bytes (maxBody)`)
}

function readPublication(request: IncomingMessage, body: unknown): Publication {
  const { searchParams } = new URL(request.url ?? '', 'http://host')
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  const topic = searchParams.get('topic')
  const key = readKey(request)
  if (topic !== null) {
    const data = readData(body, type)
    return { topic, event: searchParams.get('event') ?? 'message', data, key }
  }
  const said = readJson(body)
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    throw refusal(
      400,
      'the body has to be a JSON object {"topic": …, "data": …}, or name the topic in the address: ?topic=…',
    )
  const { topic: name, event = 'message', data, id, ...others } = said as Record<string, unknown>
  const stranger = Object.keys(others)[0]
  if (stranger !== undefined)
    throw refusal(400, `there is no field "${stranger}"; there are topic, event, data and id`)
  if (typeof name !== 'string') throw refusal(400, `topic is ${show(name)}; it has to be a text`)
  if (typeof event !== 'string') throw refusal(400, `event is ${show(event)}; it has to be a text`)
  if (data === undefined) throw refusal(400, 'data is missing')
  if (id !== undefined && (typeof id !== 'string' || id === ''))
    throw refusal(400, `id is ${show(id)}; it has to be a text`)
  if (id !== undefined && key !== undefined && id !== key)
    throw refusal(400, 'id and Idempotency-Key say different things; one of them is enough')
  return { topic: name, event, data: data as Payload, key: key ?? id }
}

function readData(body: unknown, type: string | undefined): Payload {
  if (type === 'application/json') return readJson(body) as Payload
  if (typeof body === 'string') return body
  if (!(body instanceof Uint8Array))
    throw refusal(
      400,
      'a body parser has read the body; let this endpoint come before it, or send application/json',
    )
  return type === 'application/octet-stream' ? body : Buffer.from(body).toString()
}

function readJson(body: unknown): unknown {
  // A framework has read it already.
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return body
  try {
    return JSON.parse(Buffer.from(body as string).toString())
  } catch {
    throw refusal(
      400,
      'the body is not JSON; to publish a text as it is name the topic in the address: ?topic=…',
    )
  }
}

const longestKey = 255

/** The header is a string of structured fields, in quotes; a bare text is taken too. */
function readKey({ headers }: IncomingMessage): string | undefined {
  const said = headers['idempotency-key']
  if (said === undefined) return undefined
  const text = `${said}`.trim()
  const [, quoted] = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text) ?? []
  const key = quoted === undefined ? text : quoted.replace(/\\(.)/g, '$1')
  if (key === '' || key.length > longestKey)
    throw refusal(400, `Idempotency-Key has ${key.length} characters; it has to have 1 to ${longestKey}`)
  return key
}

/** What was wrong with the message is told; what else failed is wrong with the log, and may be over soon. */
function reasonOf(thrown: unknown): Refusal {
  if (thrown instanceof TypeError) return refusal(400, thrown.message)
  if (thrown instanceof RangeError) return refusal(413, thrown.message)
  const { why, withheld } = answerTo(thrown)
  return withheld ? refusal(503, 'the message could not be kept just now', 5) : why
}

/** RFC 9457: the words are in `detail`. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message, retryAfter }: Refusal,
): void {
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer')
  if (status === 405) response.setHeader('Allow', 'POST')
  if (retryAfter !== undefined) response.setHeader('Retry-After', retryAfter)
  // The rest of a body that nobody wants is not read.
  if (!request.complete && request.httpVersionMajor === 1) response.setHeader('Connection', 'close')
  const title = STATUS_CODES[status] ?? 'Refused'
  answer(response, status, 'application/problem+json', {
    type: 'about:blank',
    title,
    status,
    detail: message || title,
  })
}

function answer(response: ServerResponse, status: number, type: string, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  response.end(text)
}

function digestOf(text: string, data: Payload = ''): Buffer {
  const hash = createHash('sha256').update(text).update('\0')
  if (data instanceof Uint8Array || typeof data === 'string') return hash.update(data).digest()
  return hash.update(JSON.stringify(data)).digest()
}

function checkOptions({ secret, authorize, maxBody, remember }: PublishEndpointOptions): void {
  const secrets = secret === undefined ? [] : typeof secret === 'string' ? [secret] : secret
  if (!Array.isArray(secrets) || secrets.some(each => typeof each !== 'string' || each.length < leastSecret))
    throw new TypeError(
      `createPublishEndpoint: secret is too short, or no text; it has to have ${leastSecret} characters or more`,
    )
  if (authorize !== undefined && typeof authorize !== 'function')
    throw new TypeError(`createPublishEndpoint: authorize is ${show(authorize)}; it has to be a function`)
  if (secrets.length > 0 === (authorize !== undefined))
    throw new TypeError(
      'createPublishEndpoint: it takes either secret or authorize; without one everybody could publish',
    )
  for (const [name, value] of Object.entries({
    maxBody,
    'remember.for': remember?.for,
    'remember.most': remember?.most,
  }))
    if (value !== undefined && !(typeof value === 'number' && value > 0 && value < 2 ** 31))
      throw new TypeError(`createPublishEndpoint: ${name} is ${show(value)}; it has to be a positive number`)
}
