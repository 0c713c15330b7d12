import type { TransportName } from '../contracts/failure.ts'
import type { Attempt, Target, Transport } from '../contracts/transport.ts'

/** How many tries are kept for the report. */
const most = 50

/** Writes down that a transport is tried. What it does is filled in as it goes, and read by `report()` alone. */
export function begin({ attempts, environment }: Target, transport: TransportName): Attempt {
  const attempt = { transport, started: environment.now() }
  attempts.push(attempt)
  if (attempts.length > most) attempts.shift()
  return attempt
}

/** The code of why a transport cannot be used for this line at all; nothing if it can. */
export function whyNot(transport: Transport, target: Target): string | undefined {
  const { name } = transport
  const isPossible = target.dialect.transports.includes(name) && transport.supports(target)
  return target.bars?.(name) ?? (isPossible ? undefined : 'unavailable')
}

/** All requests of one channel, and the POSTs beside it, have a random text in common. */
export function channelTarget(target: Target, besideTransport: TransportName): Target {
  const pipe = Math.floor(target.environment.random() * 2 ** 48).toString(36)
  return {
    ...target,
    buildRequest: (via, details) => target.buildRequest(via, { pipe, besideTransport, ...details }),
  }
}
