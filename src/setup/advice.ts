/** What to look at when a line does not do what its author expects. Only development builds have it. */
import type { ConnectionError } from '../contracts/errors.ts'
import { withoutQuery } from '../contracts/failure.ts'
import { isSpokenOver, type Transport } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'
import type { CoreOptions } from './options.ts'
import { readHeaders } from './pairs.ts'
import type { Destination } from './target.ts'

export interface Advised {
  readonly url: string
  readonly readyState: number
  readonly lastEventId: string
  addEventListener(type: 'open', listener: () => void): void
  addEventListener(type: 'error', listener: (event: { error?: ConnectionError }) => void): void
}

/** All that there is to say of a line that has just been opened. */
export function adviseOn(line: Advised & Reconnected, destination: Destination, options: CoreOptions): void {
  const { dialect, environment } = destination
  const { transport, headers } = options
  advise(line, environment, namesTopic(destination))
  adviseOnReconnects(line, environment)
  if (dialect.addressing.tokenByHeaderOnly) {
    const all = 'candidates' in transport ? transport.candidates : [transport]
    adviseOnHeaders(
      line.url,
      options,
      all.filter(transport => isSpokenOver(dialect, transport)),
    )
  }
  if (typeof document === 'object' && typeof headers === 'object')
    adviseOnForbidden(line.url, Object.keys(readHeaders(headers)))
}

/** Only our own wire has topics in the address. */
function namesTopic({ dialect, target }: Pick<Destination, 'dialect' | 'target'>): boolean | undefined {
  if (dialect.name !== 'native') return undefined
  const { url } = target({ cursor: '', session: undefined }).buildRequest('post')
  return new URL(url).searchParams.has('topic')
}

/** How long an open line without a topic may be silent before its silence looks like a mistake, in ms. */
const silence = 10_000

/** Says each thing once a line, in words that name the address. `namesTopic`: nothing, where the server's wire is not ours. */
export function advise(
  line: Advised,
  environment: Pick<Environment, 'setTimeout'>,
  namesTopic: boolean | undefined,
  warn = (words: string) => console.warn(words),
): void {
  const said = new Set<string>()
  const where = withoutQuery(line.url)
  const say = (what: string) => {
    if (!said.has(what)) warn(`throughline: ${where} ${what}`)
    said.add(what)
  }
  let opened = false

  line.addEventListener('open', () => {
    if (opened) return
    opened = true
    if (namesTopic !== false) return
    const { lastEventId } = line
    environment.setTimeout(() => {
      if (line.readyState === 1 && line.lastEventId === lastEventId) say(silent)
    }, silence)
  })
  line.addEventListener('error', ({ error }: { error?: ConnectionError }) => {
    if (opened || !error) return
    const tries = error.attempts.flatMap(({ failure }) => failure ?? [])
    if ([error, ...tries].some(({ status }) => status === 404)) say(missing)
    else if ([error, ...tries].some(({ kind, status }) => kind === 'content' && status === 200)) say(page)
  })
}

/** So many calls of `reconnect()` within so many ms look like a loop. */
const oftenAtOnce = 5
const atOnce = 10_000

export interface Reconnected {
  readonly url: string
  reconnect(): void
}

/** Says once that a page reconnects its line again and again: each call takes away the wait that spares a server in trouble. */
export function adviseOnReconnects(
  line: Reconnected,
  environment: Pick<Environment, 'now'>,
  warn = (words: string) => console.warn(words),
): void {
  const { reconnect } = line
  let calls: number[] = []
  line.reconnect = () => {
    calls.push(environment.now())
    const first = calls.at(-oftenAtOnce)
    if (first !== undefined && environment.now() - first < atOnce) {
      warn(
        `throughline: ${withoutQuery(line.url)} was told to reconnect() ${oftenAtOnce} times within ${atOnce / 1_000} s. It comes back by itself, after a wait that grows; each call begins that wait anew. Call it when a person asks for it or after a login, and not in a listener for "error", "close" or "statechange"`,
      )
      line.reconnect = reconnect
      calls = []
    }
    reconnect.call(line)
  }
}

/** Says which transports of a line do not carry what the page gave to be carried, where the dialect has no other place for it than a header. */
export function adviseOnHeaders(
  where: string,
  given: { token?: unknown; headers?: unknown },
  transports: readonly Pick<Transport, 'name' | 'setsHeaders'>[],
  warn = (words: string) => console.warn(words),
): void {
  const names = (['token', 'headers'] as const).filter(name => given[name] !== undefined)
  const bare = transports.filter(({ setsHeaders }) => !setsHeaders).map(({ name }) => name)
  if (names.length === 0 || bare.length === 0) return
  warn(
    `throughline: ${withoutQuery(where)} is asked by ${bare.join(' and ')} without ${names.join(' and ')}: a browser sets no headers there. Put the credential into the address (params) or a cookie, or name transports that can: 'xhr-streaming', 'long-polling'`,
  )
}

/** https://fetch.spec.whatwg.org/#forbidden-request-header */
const forbidden =
  /^(accept-(charset|encoding)|access-control-request-.*|connection|content-length|cookie2?|date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|(proxy|sec)-.*)$/i

/** Says which headers a browser leaves out without a word, since they are its own. */
export function adviseOnForbidden(
  where: string,
  names: readonly string[],
  warn = (words: string) => console.warn(words),
): void {
  const lost = names.filter(name => forbidden.test(name))
  if (lost.length === 0) return
  warn(
    `throughline: the headers for ${withoutQuery(where)} name ${lost.join(' and ')}, which a browser does not let a page set. Cookies are sent by themselves, to other origins withCredentials; put anything else into a header of another name or into params`,
  )
}

const missing =
  'is answered with 404, whatever it is asked by. Is this the `path` of the hub? Is the hub attached to the server that answers here? Does every proxy in between pass the path on as it is?'
const page =
  'is answered with something else, such as the page of a development server. Does its proxy pass this path on, WebSockets included?'
const silent = `is open and has brought nothing for ${silence / 1_000} s. It names no topic: with the server's default \`authorize\` it hears nothing but replies. Write line.subscribe('lobby'), or connect(url, { params: { topic: 'lobby' } })`

/** Says why tabs do not share a line that is to be shared. */
export function adviseOnShared(
  url: string,
  isOurs: boolean,
  isPossible: boolean,
  warn = (words: string) => console.warn(words),
): void {
  const why = isOurs
    ? isPossible
      ? undefined
      : 'there are no Web Locks here, which pages have that came by https or from this machine'
    : 'the server of this dialect knows nothing of it'
  if (why)
    warn(
      `throughline: ${withoutQuery(url)} has "shared: true", and each tab has a connection of its own: ${why}`,
    )
}
