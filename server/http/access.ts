import { noteApplication, refusal } from '../http-error.ts'
import type { Authorize, AuthorizeRequest, Limits, Rights, Settings } from '../options.ts'
import { isLater } from '../patience.ts'
import { printable } from '../printer.ts'
import type { Outgoing } from '../wire/exchange.ts'
import type { Claim } from './claims.ts'
import type { Head } from './head.ts'
import type { HubRequest } from './hub-request.ts'

/** What `authorize` said, complete. */
export interface Granted {
  readonly topics: readonly string[]
  readonly principal: string | undefined
  readonly send: boolean
  readonly subscribe: Rights['subscribe']
  /** What others are told of the client: JSON, or empty. */
  readonly presence: string
  /** When all that ends, in ms since the epoch. */
  readonly expires: number | undefined
  /** Whether it counts still: it has not expired, and was not withdrawn. */
  holds(): boolean
}

/**
 * Pages of other origins get in only if they are listed. Must come before `authorize`, which may believe cookies. The answer to a script
 * tag can be read by any page: it is given only to one that is known to be allowed.
 *
 * On a WebSocket some browsers do not say that a page is of the same origin. That it is, as was seen on other requests, is said by the id of
 * its session, which nobody else has; until there is one, the page is let in by other transports.
 */
export function checkOrigin(ask: HubRequest, { vouches }: { vouches(ask: HubRequest): boolean }): void {
  const { standing, origin, via, headers } = ask
  if (standing === 'unknown' && via === 'jsonp')
    throw {
      ...refusal(403, `JSONP is answered only where the page tells its origin; ${hidden}`),
      reason: 'origin',
      only: true,
    }
  const unsaid = via === 'websocket' && headers['sec-fetch-site'] === undefined
  if (standing !== 'foreign' || (unsaid && vouches(ask))) return
  if (origin === undefined)
    throw refusal(403, `a page of another origin asks, and hides which; ${hidden}`, undefined, 'origin')
  throw {
    ...refusal(403, `pages of ${printable(origin)} may not connect here; ${remedy(ask)}`),
    reason: 'origin',
    ...(unsaid && { only: true }),
  }
}

const hidden =
  'let it send a Referer (Referrer-Policy: strict-origin), and list its origin in origins if it is not this one'

/** What somebody has to do who knows that the page is their own. */
function remedy({ headers, proxied }: HubRequest): string {
  const told = headers['x-forwarded-host'] ?? headers.forwarded
  return told !== undefined && !proxied
    ? 'a proxy tells another host than Host does, and is not believed: name it in trustProxy'
    : 'if a proxy brings them, let it pass on their host (nginx: proxy_set_header Host $http_host), or list them in origins'
}

/** A name that somebody else has made to lead here is not ours. Must come before anything is believed that a browser says of origins. */
export function checkHost({ url }: HubRequest, { isKnownHost }: Settings): void {
  if (isKnownHost(url.hostname)) return
  throw refusal(
    403,
    `${url.host} is none of this server's hosts; if it should be, list it in hosts`,
    undefined,
    'host',
  )
}

/** The answer to a browser that asks before it sends. A listed origin may send whatever headers it likes. */
export function answerPreflight({ headers }: HubRequest, response: Outgoing, head: Head): void {
  const asked = headers['access-control-request-headers'] ?? 'content-type, last-event-id, authorization'
  response.writeHead(204, {
    ...head,
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': asked,
    'Access-Control-Max-Age': '7200',
  })
  response.end()
}

/** How often the application is asked for one request whose principal's rights are withdrawn while it answers. */
const tries = 10

/** Asks the application. Throws a refusal, its own or ours. */
export async function grant(
  ask: HubRequest,
  settings: Settings,
  claim: Claim = { withdrawn: undefined },
): Promise<Granted> {
  const { tickets, limits } = settings
  const ticket = ask.url.searchParams.get('rt.ticket')
  const asked = requestOf(ask, ticket === null ? { token: readToken(ask) } : await tickets.use(ticket))
  for (let tried = 0; tried < tries; tried++) {
    claim.withdrawn = undefined
    const answer = answerOf(settings, asked)
    const said = isLater(answer) ? await answer : answer
    const granted = complete(said, asked.principal, limits, claim)
    if (granted.holds()) return granted
  }
  throw outdated
}

function answerOf({ limits, authorize }: Settings, asked: AuthorizeRequest): ReturnType<Authorize> {
  try {
    const answer = within(limits.authorize, authorize(asked))
    return isLater(answer) ? answer.catch(blamed) : answer
  } catch (thrown) {
    return blamed(thrown)
  }
}

function blamed(thrown: unknown): never {
  noteApplication(thrown)
  throw thrown
}

/** Throws a refusal, with which the client comes again, for rights that count no longer. */
export function checkHolds(granted: Granted): void {
  if (!granted.holds()) throw outdated
}

const outdated = refusal(503, 'the rights have changed meanwhile', 1)

/** What `authorize` is shown. */
function requestOf(
  ask: HubRequest,
  { token, principal }: Partial<Pick<AuthorizeRequest, 'token' | 'principal'>>,
): AuthorizeRequest {
  const { url, address, origin = ownOrigin(ask), method, via, headers } = ask
  return { token, principal, origin, url, address, method, transport: via, headers }
}

function complete(
  said: Awaited<ReturnType<Authorize>>,
  known: string | undefined,
  limits: Limits,
  claim: Claim,
): Granted {
  if (!said) throw refusal(403, 'not allowed')
  const rights: Rights = isList(said) ? { topics: said } : said
  const topics = shared(rights.topics ?? noTopics)
  if (topics.some(topic => topic.startsWith('rt.')))
    throw refusal(403, 'topics that begin with rt. are private')
  checkTopics(topics, limits)
  const principal = rights.principal ?? known
  const expires = readExpires(rights.expires)
  const isOver = () => expires !== undefined && expires <= Date.now()
  if (isOver()) throw refusal(401, 'the rights have expired')
  return {
    topics,
    principal,
    send: rights.send ?? true,
    subscribe: rights.subscribe,
    presence: readPresence(rights.presence),
    expires,
    holds: () => !isOver() && (principal === undefined || !claim.withdrawn?.has(principal)),
  }
}

/** How much may be told of each person in a topic, in characters of JSON. */
const longestPresence = 1_024

function readPresence(presence: unknown): string {
  if (presence === undefined) return ''
  const text = JSON.stringify(presence)
  if (typeof text !== 'string')
    throw new TypeError(
      `authorize: presence is ${printable(String(presence))}; it has to be a value that JSON has`,
    )
  if (text.length > longestPresence)
    throw new TypeError(
      `authorize: presence has ${text.length} characters as JSON; at most ${longestPresence} are told to everybody in a topic`,
    )
  return text
}

/** Before this time, in March 1973, nobody was granted anything: it is a time in seconds. */
const earliest = 1e11

function readExpires(expires: Rights['expires'] | null): number | undefined {
  if (expires === undefined || expires === null || expires === Number.POSITIVE_INFINITY) return undefined
  const at = expires instanceof Date ? expires.getTime() : expires
  if (typeof at !== 'number' || !(at >= earliest))
    throw new TypeError(
      `authorize: expires is ${printable(String(expires))}; it has to be a Date, or a number of ms since the epoch`,
    )
  return at
}

/** A header, the subprotocol in which a WebSocket has it, or the address, where a page can use neither. */
export function readToken({ url, via, headers }: HubRequest): string | undefined {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const offered = via === 'websocket' ? headers['sec-websocket-protocol'] : undefined
  const name = /(?:^|,)\s*rt\.token\.([\w-]+)\s*(?:,|$)/.exec(offered ?? '')?.[1]
  if (name !== undefined) return Buffer.from(name, 'base64url').toString()
  return url.searchParams.get('rt.token') ?? undefined
}

/** Each costs memory as long as its session lives, and a look into the log whenever the client comes. */
function checkTopics(topics: readonly string[], limits: Limits): void {
  if (topics.length > limits.topics)
    throw refusal(
      400,
      `a line hears at most ${limits.topics} topics (limits.topics); these are ${topics.length}`,
      undefined,
      'topics',
    )
  const long = topics.find(topic => topic.length > limits.topicName)
  if (long !== undefined)
    throw refusal(
      400,
      `the name of a topic has at most ${limits.topicName} characters (limits.topicName); '${long.slice(0, 20)}…' has ${long.length}`,
      undefined,
      'topics',
    )
}

/** Nobody is held longer by a database that does not answer. What comes of it later is nobody's. What is known at once is given at once. */
export function within<T>(ms: number, answer: T | PromiseLike<T>, who = 'authorize'): T | Promise<T> {
  return isLater(answer) ? inTime(ms, answer, who) : answer
}

async function inTime<T>(ms: number, answer: PromiseLike<T>, who: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const refuse = () => {
      const error = new Error(`${who} gave no answer within limits.authorize, ${ms} ms`)
      reject(Object.assign(error, { status: 503, expose: false, retryAfter: 5 }))
    }
    timer = setTimeout(refuse, ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A page that the browser calls ours need not have told its origin. */
function ownOrigin({ standing, url }: HubRequest): string | undefined {
  return standing === 'own' ? url.origin : undefined
}

const noTopics: readonly string[] = []

let latest = noTopics

/** Each once. Thousands of lines hear the same, and need not each have a list of it. */
function shared(topics: readonly string[]): readonly string[] {
  const same = topics.length === latest.length && topics.every((topic, at) => topic === latest[at])
  if (!same) latest = Object.freeze([...new Set(topics)])
  return latest
}

function isList(said: readonly string[] | Rights): said is readonly string[] {
  return Array.isArray(said)
}
