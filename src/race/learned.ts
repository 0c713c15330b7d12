import type { Failure, TransportName } from '../contracts/failure.ts'
import type { Transport } from '../contracts/transport.ts'
import { firstUpgrade, longestUpgradePause } from './moves.ts'
import type { Preference } from './preference.ts'

/** A transport that is cut twice within `flappingWithin` after it was verified is left alone for `coolDown`. Both in ms. */
const flappingWithin = 30_000
const coolDown = 120_000

/** What a line learns of its transports, from one race to the next. */
export interface Learned {
  /** Worked last, with no failed race since. */
  awaited(): Transport | undefined
  /** The order in which transports are tried. */
  order(now: number): Transport[]
  hasWorked(transport: Transport): boolean
  isCooling(transport: Transport, now: number): boolean
  isLeft(transport: Transport): boolean
  isStray(transport: Transport): boolean
  /** It works. `improvable`: others, which are preferred to it, may be possible here. */
  verified(transport: Transport, improvable: boolean, now: number): void
  /** It carried the line since `since`, and has failed. */
  cut(transport: Transport, failure: Failure, since: number, now: number): void
  /** Nothing got through. */
  failed(): void
  /** These seem to work and don't. */
  leave(those: readonly Transport[]): void
  /** Better ones may be tried at the next race. */
  online(): void
}

/** @param overlap whether candidates may deliver at the same time; if not, upgrades are tried at a reconnect, with the same pauses */
export function createLearned(
  transports: readonly Transport[],
  memory: Preference,
  overlap: boolean,
): Learned {
  let preferred: Transport | undefined
  let failures = 0 // races in a row in which nothing got through
  let cuts = 0 // in a row, each soon after it was verified
  let cooling: { readonly transport: Transport; readonly until: number } | undefined
  let upgrade = { at: 0, pause: firstUpgrade } // until `at`, what worked goes first

  const isCooling = (transport: Transport, now: number) =>
    cooling?.transport === transport && now < cooling.until
  const isLeft = ({ name }: Transport) => memory.left().includes(name)

  return {
    isCooling,
    isLeft,
    awaited: () => (failures === 0 ? preferred : undefined),
    hasWorked: transport => preferred === transport || memory.recall() === transport.name,
    isStray: transport => failures > 0 && preferred !== undefined && preferred !== transport,
    order(now) {
      const first: TransportName | undefined =
        overlap || now < upgrade.at ? (preferred?.name ?? memory.recall()) : undefined
      const usable = transports.filter(transport => !isLeft(transport))
      const from = usable.findIndex(({ name }) => name === first)
      // What worked comes first, then those below it, then those above; one that keeps being cut comes last.
      const order = from > 0 ? [...usable.slice(from), ...usable.slice(0, from)] : usable
      const [head] = order
      if (head && isCooling(head, now)) order.push(order.shift() as Transport)
      return order
    },
    verified(transport, improvable, now) {
      preferred = transport
      failures = 0
      memory.remember(transport.name)
      if (overlap || (improvable && now < upgrade.at)) return
      upgrade = improvable
        ? { at: now + upgrade.pause, pause: Math.min(upgrade.pause * 2, longestUpgradePause) }
        : { at: 0, pause: firstUpgrade }
    },
    cut(transport, { kind }, since, now) {
      const isSoon = kind === 'cut' && transport === preferred && now - since < flappingWithin
      cuts = isSoon ? cuts + 1 : 0
      if (cuts < 2) return
      cooling = { transport, until: now + coolDown }
      preferred = undefined
    },
    failed() {
      failures++
      cuts = 0
    },
    leave(those) {
      memory.leave(those)
      preferred = undefined
    },
    online() {
      upgrade.at = 0
    },
  }
}
