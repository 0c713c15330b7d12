import type { Environment } from '../environment.ts'
import type { TransportName } from './failure.ts'

/** How long what worked is believed, in ms: networks change, and a page that is reloaded after lunch may be in another one. */
const lifetime = 6 * 60 * 60 * 1000

/** Browsers slow down sockets that keep failing, for all tabs at once: at most so many tries in this time. */
const tries = 6
const during = 120_000

/** So many of them are kept for a line that another transport carries: an outage alone does not use up all. */
const reserve = 2

const attempts = new Map<string, number[]>()

/** What a page has learned of one origin: the transport that worked, kept over pages, and how often WebSocket failed lately. */
export interface Memory {
  recall(): TransportName | undefined
  remember(name: TransportName): void
  socketFailed(): void
  /** `carried`: whether the line has another transport meanwhile. */
  socketsAllowed(carried: boolean): boolean
}

export function memory(environment: Environment, origin: string): Memory {
  const key = `throughline:${origin}`
  const failed = attempts.get(origin) ?? []
  attempts.set(origin, failed)
  return {
    recall() {
      const [name, until] = (environment.recall(key) ?? '').split(' ')
      return name && Number(until) > Date.now() ? (name as TransportName) : undefined
    },
    remember: name => environment.remember(key, `${name} ${Date.now() + lifetime}`),
    socketFailed: () => failed.push(environment.now()),
    socketsAllowed(carried) {
      while (failed.length > 0 && environment.now() - (failed[0] as number) > during) failed.shift()
      return failed.length < (carried ? tries : tries - reserve)
    },
  }
}

/** Knows nothing and learns nothing. */
export const noMemory: Memory = {
  recall: () => undefined,
  remember() {},
  socketFailed() {},
  socketsAllowed: () => true,
}
