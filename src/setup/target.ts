import { createLog } from '../connection/debug.ts'
import { createToken, type Token } from '../connection/token.ts'
import type { Dialect, Position, Request, RequestDetails } from '../contracts/dialect.ts'
import { viaPost } from '../contracts/traits.ts'
import type { Attempt, Log, Requester, Target } from '../contracts/transport.ts'
import { browser, type Environment } from '../environment.ts'
import type { AnyURL } from '../here.ts'
import { resolveAddress } from './address.ts'
import { createEventNames, type EventNames } from './event-names.ts'
import type { CoreOptions } from './options.ts'
import { lazily, readHeaders, readParams, withParams } from './pairs.ts'

/** Where a line goes and what for, read from the options, once. */
export interface Destination {
  /** As the page gave it, resolved. */
  readonly address: URL
  readonly origin: string
  readonly dialect: Dialect
  readonly environment: Environment
  readonly names: EventNames
  readonly token: Token | undefined
  /** Every try of a transport, for `report()`. */
  readonly attempts: Attempt[]
  /** Tells whoever looks on. */
  readonly log: Log
  /** What `debug` asks for, and whoever adds itself. */
  readonly onlookers: Set<Log>
  /** What a connection gives its transport. */
  target(position: Position, taken?: () => number): Target
}

const nowhere: Position = { cursor: '', session: undefined }

/** @throws {TypeError} for an address that is none, and for parameters or headers that are none */
export function createDestination(
  url: string | AnyURL,
  options: Omit<CoreOptions, 'transport' | 'dialect'>,
  dialect: Dialect,
): Destination {
  const environment = browser(options.environment)
  const { params = {}, headers = {}, withCredentials = false, timeout = 10_000, limits } = options
  const address = resolveAddress(url, environment.base, dialect.policy?.asEventSource)
  const http = new URL(address)
  http.protocol = http.protocol.replace('ws', 'http')
  http.hash = ''
  const { origin, pathname } = http

  const asked = { params: lazily(params, readParams), headers: lazily(headers, readHeaders) }
  const names = createEventNames()
  const token = options.token && createToken(options.token, environment)
  const hidden = token !== undefined && options.tokenIn !== 'address'
  const whole = () => withParams(http, asked.params())
  const named = (bare: URL) => buildRequest({ ...viaPost, name: 'query' }, { position: nowhere }, bare)
  const random = () => Math.floor(environment.random() * 2 ** 32).toString(36)
  const name = () => random() + random() + random() + random()
  let line = name()
  let session: string | undefined
  const long =
    environment.fetch && dialect.addressing.longQuery?.(whole, environment.fetch, named, withCredentials)
  const attempts: Attempt[] = []
  const onlookers = new Set<Log>()
  if (options.debug) onlookers.add(createLog(address.href, options.debug))
  const log: Log = (...words) => {
    for (const tell of onlookers) tell(...words)
  }
  return { address, origin, dialect, environment, names, token, attempts, log, onlookers, target }

  function target(position: Position, taken = () => 0): Target {
    return {
      taken,
      dialect,
      environment,
      origin,
      pathname,
      attempts,
      log,
      withCredentials,
      jsonp: options.jsonp,
      eager: options.eager,
      ticket: hidden ? dialect.addressing.ticket : undefined,
      bars: ({ setsHeaders }) =>
        /^http/.test(http.protocol)
          ? hidden && dialect.addressing.showsToken && !setsHeaders
            ? 'token-in-address'
            : undefined
          : 'unavailable',
      timeout,
      largest: limits?.received,
      positioned: () =>
        position.cursor !== '' && (!dialect.protocol.sendsHello || position.session !== undefined),
      names: names.follow,
      ready: () => long?.named(),
      buildRequest: (by, details) => buildRequest(by === 'post' ? viaPost : by, { ...details, position }),
      reader: (transport, previous) => dialect.framing.reader(transport, previous, limits?.received),
    }
  }

  function buildRequest(
    by: Requester,
    details: RequestDetails & { position: Position },
    url: URL = long?.address() ?? whole(),
  ): Request {
    // By its name a server could bring a line back into the session that it has given up, where its numbers mean other messages.
    if (details.position !== nowhere) {
      if (session && !details.position.session) line = name()
      session = details.position.session
    }
    return dialect.addressing.buildRequest({
      ...details,
      via: by.like ?? by.name,
      by,
      url,
      headers: asked.headers(),
      token: token?.value,
      hidden,
      nonce: random(),
      line,
    })
  }
}
