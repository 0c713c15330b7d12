import { createConnection } from './connection/connection.ts'
import { Line } from './connection/line.ts'
import type { Route } from './contracts/transport.ts'
import { usualWaiting } from './contracts/waiting.ts'
import type { AnyURL } from './here.ts'
import { adviseOn } from './setup/advice.ts'
import type { CoreOptions } from './setup/options.ts'
import { reloadCursor } from './setup/reload.ts'
import { createDestination } from './setup/target.ts'
import { rawCodec } from './wire/codec.ts'

/** Given by the build: whether it is one that warns. */
declare const DEV: boolean | undefined

/** Opens a line over a route. */
export function openLine<Messages>(url: string | AnyURL, options: CoreOptions, route: Route): Line<Messages> {
  const destination = createDestination(url, options, options.dialect)
  const { address, origin, dialect, environment, names, token, attempts, target } = destination
  const { codec = dialect.sending.codec ?? rawCodec, withCredentials = false, retry, signal } = options
  const keeper = options.resume === 'session' ? reloadCursor(environment, address, options) : undefined
  const line = new Line<Messages>({
    url: address.href,
    origin,
    withCredentials,
    codec,
    attempts,
    environment,
    literal: dialect.policy?.asEventSource,
    answers: dialect.sending.replies,
    listening: names.add,
    start: listener => {
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
      }
      const closed = (reason: string) => {
        signal?.removeEventListener('abort', stop)
        listener.closed(reason)
      }
      return createConnection(plan, { ...listener, closed })
    },
  })
  const stop = () => line.close()
  if (signal?.aborted) line.close()
  else signal?.addEventListener('abort', stop, { once: true })
  if (typeof DEV !== 'undefined' && DEV) adviseOn(line, destination, options)
  return line
}
