import { createToken, type Token } from '../connection/token.ts'
import type { Dialect, Position, Request, RequestDetails, Via } from '../contracts/dialect.ts'
import type { Attempt, Target } from '../contracts/transport.ts'
import { browser, type Environment } from '../environment.ts'
import type { AnyURL } from '../here.ts'
import { resolveAddress } from './address.ts'
import { createEventNames, type EventNames } from './event-names.ts'
import { createLongQuery } from './long-query.ts'
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
  /** What a connection gives its transport. */
  target(position: Position, taken?: () => number): Target
}

const nowhere: Position = { cursor: '', session: undefined }

/** @throws {TypeError} for an address that is none, and for parameters or headers that are none */
export function createDestination(
  url: string | AnyURL,
  options: Omit<CoreOptions, 'transport' | 'dialect'>,
  spoken: Dialect,
): Destination {
  const environment = browser(options.environment)
  const { params = {}, headers = {}, withCredentials = false, timeout = 10_000, limits } = options
  const dialect = sized(spoken, limits?.received)
  const address = resolveAddress(url, environment.base, dialect)
  const http = new URL(address)
  http.protocol = http.protocol.replace('ws', 'http')
  http.hash = ''
  const { origin, pathname } = http

  const asked = { params: lazily(params, readParams), headers: lazily(headers, readHeaders) }
  const names = createEventNames()
  const token = options.token && createToken(options.token)
  const hidden = token !== undefined && options.tokenIn !== 'address'
  const whole = () => withParams(http, asked.params())
  const named = (bare: URL) => buildRequest('query', { position: nowhere }, bare)
  const long =
    dialect.namesQueries && environment.fetch
      ? createLongQuery(whole, environment.fetch, named, withCredentials)
      : undefined
  const attempts: Attempt[] = []
  return { address, origin, dialect, environment, names, token, attempts, target }

  function target(position: Position, taken = () => 0): Target {
    return {
      taken,
      dialect,
      environment,
      origin,
      pathname,
      attempts,
      withCredentials,
      jsonp: options.jsonp,
      eager: options.eager,
      ticketed: hidden && dialect.tickets,
      bars: name =>
        /^http/.test(http.protocol)
          ? hidden && dialect.showsToken?.includes(name)
            ? 'token-in-address'
            : undefined
          : 'unavailable',
      timeout,
      largest: limits?.received,
      positioned: () => position.cursor !== '' && (!dialect.sendsHello || position.session !== undefined),
      names: names.follow,
      ready: () => long?.named(),
      buildRequest: (via, details) => buildRequest(via, { ...details, position }),
    }
  }

  function buildRequest(
    via: Via,
    details: RequestDetails & { position: Position },
    url: URL = long?.address() ?? whole(),
  ): Request {
    const nonce = Math.floor(environment.random() * 2 ** 32).toString(36)
    const own = { via, url, headers: asked.headers(), token: token?.value, hidden, nonce }
    return dialect.buildRequest({ ...details, ...own })
  }
}

/** The dialect, whose readers keep no more of a message than the page takes. */
function sized(dialect: Dialect, received: number | undefined): Dialect {
  if (received === undefined) return dialect
  const reader: Dialect['reader'] = (via, before) => dialect.reader(via, before, received)
  return Object.assign(Object.create(dialect), { reader })
}
