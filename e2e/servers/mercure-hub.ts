/** A small Mercure hub, written from the protocol's drafts 7 (2020) and 8, for tests. It keeps its history in memory. */
import { createHmac, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Site, startSite } from '../fixtures/site.ts'

export interface MercureHub extends AsyncDisposable {
  readonly site: Site
  readonly path: string
  /** What was asked of it, without its origin. */
  readonly asked: string[]
  /** Gives back the update's id. */
  publish(update: Update): string
  /** A token with these rights. */
  token(rights: Rights): string
  /** Ends all that listen: in good order, or not. */
  endAll(how: 'end' | 'cut'): void
}

export interface Update {
  readonly topic: string
  readonly data: string
  readonly type?: string
  readonly private?: boolean
}

export interface Rights {
  readonly publish?: readonly string[]
  readonly subscribe?: readonly string[]
}

/** What the drafts call things. */
const names = {
  7: { topic: 'topic', token: 'authorization', cookie: 'mercureAuthorization' },
  8: { topic: 'match', token: 'access_token', cookie: 'mercureAccessToken' },
}

interface Kept extends Update {
  readonly id: string
}

interface Subscriber {
  readonly response: ServerResponse
  readonly topics: readonly string[]
  readonly rights: Rights
}

/** `retain` is how many updates it keeps for those that come back. */
export async function startMercure({ draft = 7 as 7 | 8, retain = 1_000 } = {}): Promise<MercureHub> {
  const site = await startSite()
  const path = '/.well-known/mercure'
  const key = randomUUID()
  const name = names[draft]
  const history: Kept[] = []
  const subscribers = new Set<Subscriber>()
  const asked: string[] = []
  // The update before the oldest one that is kept.
  let earliest = 'earliest'
  site.route(path, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const rights = rightsOf(request)
    if (rights === undefined) return void response.writeHead(401).end()
    if (request.method === 'POST') return void take(request, response, rights)
    subscribe(request, response, rights)
  })

  return {
    site,
    path,
    asked,
    publish,
    token: rights => sign({ mercure: rights }, key),
    endAll(how) {
      for (const { response } of subscribers) how === 'end' ? response.end() : response.destroy()
      subscribers.clear()
    },
    [Symbol.asyncDispose]: () => site.close(),
  }

  function publish(update: Update): string {
    const kept = { ...update, id: `urn:uuid:${randomUUID()}` }
    history.push(kept)
    if (history.length > retain) earliest = (history.shift() as Kept).id
    for (const subscriber of subscribers) send(subscriber, kept)
    return kept.id
  }

  function subscribe(request: IncomingMessage, response: ServerResponse, rights: Rights): void {
    const { searchParams } = new URL(request.url ?? '', site.url)
    const topics = searchParams.getAll(name.topic)
    if (topics.length === 0) return void response.writeHead(400).end()
    const subscriber = { response, topics, rights }
    const last = (request.headers['last-event-id'] as string | undefined) ?? searchParams.get('lastEventID')
    const known = history.findIndex(({ id }) => id === last)
    // "The value of this response header MUST be the ID of the event preceding the first one sent to the subscriber, or the
    // reserved value `earliest` if there is no preceding event."
    const from = known >= 0 || last === earliest ? last : earliest
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      ...(last && { 'Last-Event-ID': from as string }),
    })
    response.write(':\n')
    if (last) for (const kept of history.slice(known + 1)) send(subscriber, kept)
    subscribers.add(subscriber)
    response.once('close', () => subscribers.delete(subscriber))
  }

  async function take(
    request: IncomingMessage,
    response: ServerResponse,
    { publish: may }: Rights,
  ): Promise<void> {
    let body = ''
    for await (const piece of request) body += piece
    const form = new URLSearchParams(body)
    const [topic, ...others] = form.getAll('topic')
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')
    if (topic === undefined || others.length > 0 || !isForm) return void response.writeHead(400).end()
    if (!may) return void response.writeHead(401).end()
    if (!covers(may, topic)) return void response.writeHead(403).end()
    const type = form.get('type')
    response.end(
      publish({ topic, data: form.get('data') ?? '', private: form.has('private'), ...(type && { type }) }),
    )
  }

  /** "the Authorization HTTP header, then the query parameter, then the cookie"; nothing if the token is not one of ours. */
  function rightsOf({ headers, url = '' }: IncomingMessage): Rights | undefined {
    const cookies = new URLSearchParams(headers.cookie?.replace(/;\s*/g, '&'))
    const query = new URL(url, site.url).searchParams
    const token =
      headers.authorization?.replace('Bearer ', '') ?? query.get(name.token) ?? cookies.get(name.cookie)
    if (!token) return {}
    const [, claims = ''] = token.split('.')
    const { mercure } = JSON.parse(Buffer.from(claims, 'base64url').toString() || '{}')
    return sign({ mercure }, key) === token ? mercure : undefined
  }
}

function send(
  { response, topics, rights }: Subscriber,
  { id, topic, data, type, private: hidden }: Kept,
): void {
  if (!covers(topics, topic) || (hidden && !covers(rights.subscribe ?? [], topic))) return
  const lines = [
    `id: ${id}`,
    ...(type ? [`event: ${type}`] : []),
    ...data.split('\n').map(line => `data: ${line}`),
  ]
  response.write(`${lines.join('\n')}\n\n`)
}

function covers(matchers: readonly string[], topic: string): boolean {
  return matchers.includes('*') || matchers.includes(topic)
}

/** A JSON web token (RFC 7519) by HMAC SHA-256. */
function sign(claims: object, key: string): string {
  const text = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
