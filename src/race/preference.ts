import type { TransportName } from '../contracts/failure.ts'
import type { Environment } from '../environment.ts'

/** How long what worked is believed, in ms: networks change, and a page that is reloaded after lunch may be in another one. */
const lifetime = 6 * 60 * 60 * 1000

/** How long a failed attempt counts against a transport's `attemptLimit`, in ms. */
export const during = 120_000

/** So many attempts are kept for a line that another transport carries: an outage alone does not use up all. */
const reserve = 2

/** What was learned on this page. */
const pages = new Map<string, { failed: number[]; left: readonly string[]; leftUntil: number }>()

/** What a page has learned of a way to a server: which transport worked, kept over pages, and how many attempts failed lately where only so many may. */
export interface Preference {
  recall(): TransportName | undefined
  remember(name: TransportName): void
  /** Those that seem to work and don't, kept over pages. */
  left(): readonly string[]
  leave(those: readonly { name: TransportName }[]): void
  /** An attempt failed of a transport that has an `attemptLimit`. */
  attemptFailed(): void
  /** Whether a transport with this `attemptLimit` may be tried. `carried`: whether the line has another one meanwhile. */
  attemptsAllowed(carried: boolean, limit?: number): boolean
}

/** `way` tells what was learned from what else there is to be learned: it names the address, and holds no secrets. */
export function createPreference(environment: Environment, way: string): Preference {
  const key = `throughline:${way}`
  const stored = () => (environment.getItem(key) ?? '').split(' ')
  const [, , names = '', until] = stored()
  const known = pages.get(way) ?? { failed: [], left: names.split(','), leftUntil: Number(until) || 0 }
  pages.set(way, known)
  const { failed } = known
  const left = () => (known.leftUntil > Date.now() ? known.left : [])
  return {
    recall() {
      const [name, until] = stored()
      return name && Number(until) > Date.now() ? (name as TransportName) : undefined
    },
    remember(name) {
      const bad = left().length > 0 ? ` ${known.left} ${known.leftUntil}` : ''
      environment.setItem(key, `${name} ${Date.now() + lifetime}${bad}`)
    },
    left,
    leave(those) {
      Object.assign(known, {
        left: [...left(), ...those.map(({ name }) => name)],
        leftUntil: Date.now() + lifetime,
      })
    },
    attemptFailed: () => failed.push(environment.now()),
    attemptsAllowed(carried, limit = Infinity) {
      while (failed.length > 0 && environment.now() - (failed[0] as number) > during) failed.shift()
      return failed.length < (carried ? limit : limit - reserve)
    },
  }
}

/** Knows nothing and learns nothing. */
export const noMemory: Preference = {
  recall: () => undefined,
  remember() {},
  left: () => [],
  leave() {},
  attemptFailed() {},
  attemptsAllowed: () => true,
}
