import type { TransportName } from '../contracts/failure.ts'
import { type Attempt, isSpokenOver, type Target, type Transport } from '../contracts/transport.ts'

/** How many tries are kept for the report. */
const most = 50

/** Writes down that a transport is tried. What it does is filled in as it goes, for `report()` and whoever looks on. */
export function begin({ attempts, environment, log }: Target, transport: TransportName): Attempt {
  const attempt = { transport, started: environment.now() }
  attempts.push(attempt)
  if (attempts.length > most) attempts.shift()
  log?.(transport, 'trying')
  return attempt
}

/** Writes down that a try is over, for whatever reason. */
export function finish(attempt: Attempt, { environment, log }: Target): void {
  const { transport, failure } = attempt
  attempt.ended = environment.now()
  // What else a failure has may quote what was received.
  log?.(transport, failure?.code ?? 'left', failure?.status)
}

/** The code of why a transport cannot be used for this line at all; nothing if it can. */
export function whyNot(transport: Transport, target: Target): string | undefined {
  const isPossible = isSpokenOver(target.dialect, transport) && transport.supports(target)
  return target.bars?.(transport) ?? (isPossible ? undefined : 'unavailable')
}

/** All requests of one channel, and the POSTs beside it, have a random text in common. */
export function channelTarget(target: Target, { kind: beside }: Transport): Target {
  const channel = Math.floor(target.environment.random() * 2 ** 48).toString(36)
  return {
    ...target,
    buildRequest: (by, details) => target.buildRequest(by, { channel, beside, ...details }),
  }
}
