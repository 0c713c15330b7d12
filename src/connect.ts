import { createConnection } from './connection/connection.ts'
import { Line } from './connection/line.ts'
import type { Host } from './connection/sharing.ts'
import type { Topics } from './contracts/topics.ts'
import type { Route } from './contracts/transport.ts'
import { usualWaiting } from './contracts/waiting.ts'
import type { AnyURL } from './here.ts'
import { adviseOn } from './setup/advice.ts'
import type { CoreOptions } from './setup/options.ts'
import { reloadCursor } from './setup/reload.ts'
import { createDestination, type Destination } from './setup/target.ts'
import { rawCodec } from './wire/codec.ts'

/** Given by the build: whether it is one that warns. */
declare const DEV: boolean | undefined

/** Opens a line over a route. `share`: gives lines that want the same what they have in common; without it each has its own. */
export function openLine<Messages>(
  url: string | AnyURL,
  options: CoreOptions,
  route: Route,
  share?: (make: () => Made) => Made,
): Line<Messages> {
  const make = () => makeHost(url, options, route)
  const host = share ? share(make) : make()
  const { destination, topics, start } = host
  const { address, origin, dialect, environment, names, attempts, log, onlookers } = destination
  const { codec = dialect.sending.codec ?? rawCodec, withCredentials = false, signal } = options
  const line = new Line<Messages>({
    url: address.href,
    origin,
    withCredentials,
    codec,
    attempts,
    log,
    onlookers,
    environment,
    literal: dialect.policy?.asEventSource,
    answers: dialect.sending.replies,
    topics,
    listening: names.add,
    start,
  })
  if (signal?.aborted) line.close()
  if (typeof DEV !== 'undefined' && DEV) adviseOn(line, destination, options)
  return line
}

interface Made extends Host {
  readonly destination: Destination
  readonly topics: Topics | undefined
}

function makeHost(url: string | AnyURL, options: CoreOptions, route: Route): Made {
  const destination = createDestination(url, options, options.dialect)
  const { address, dialect, environment, token, target } = destination
  const { retry, signal } = options
  const keeper = options.resume === 'session' ? reloadCursor(environment, address, options) : undefined
  const topics = dialect.protocol.topics ? options.topics?.() : undefined
  const plan = {
    dialect,
    environment,
    route,
    lastEventId: options.lastEventId ?? keeper?.kept ?? '',
    retry,
    token,
    target,
    waiting: { ...usualWaiting, ...options.limits },
    keep: keeper?.keep,
    topics,
    signal,
  }
  return { destination, topics, start: listener => createConnection(plan, listener) }
}
