import type { Outcome } from './forward.ts'
import type { Nodes } from './nodes.ts'

/**
 * How it is with another hub of the list.
 *
 * | | |
 * |---|---|
 * | `there` | it answers, or was not asked yet |
 * | `silent` | it has answered before, does not now, and gives signs of life: what it has may not be given up |
 * | `walled` | it has never answered: what leads to the log does not lead to it |
 * | `gone` | it has left the list, or nobody listens at its address any more |
 */
export type Standing = 'there' | 'silent' | 'walled' | 'gone'

/** Knows which of the other hubs answer, by asking them. */
export interface Reach {
  standing(node: string): Standing
  /** Asks all of them now. */
  look(): void
  /** What came of something that a hub was asked for. */
  met(node: string, outcome: Outcome): void
  close(): void
}

/** How often each of the others is asked whether it is there, in ms. */
const pace = 2_000

/** `ask` has one of them answer; `cut` ends all that waits for it; `walled` is told of each that was never reached, once. */
export function createReach(
  nodes: Pick<Nodes, 'others' | 'addressOf' | 'lost'>,
  ask: (address: string) => Promise<Outcome>,
  cut: (address: string) => void,
  walled: (address: string) => void,
): Reach {
  const standings = new Map<string, Standing>()
  const clock = setInterval(look, pace).unref()

  return { standing, look, met, close: () => clearInterval(clock) }

  function standing(node: string): Standing {
    return nodes.addressOf(node) === undefined ? 'gone' : (standings.get(node) ?? 'there')
  }

  function look(): void {
    const others = nodes.others()
    for (const node of standings.keys()) if (!others.includes(node)) standings.delete(node)
    for (const node of others) void check(node)
  }

  async function check(node: string): Promise<void> {
    const address = nodes.addressOf(node)
    if (address === undefined) return
    const outcome = await ask(address)
    // One that breaks off may be going: then nobody listens there any more.
    met(node, outcome === 'broken' ? await ask(address) : outcome)
  }

  function met(node: string, outcome: Outcome): void {
    const address = nodes.addressOf(node)
    if (address === undefined) return
    if (outcome === 'absent') nodes.lost(node)
    else if (outcome === 'answered' || outcome === 'elsewhere') standings.set(node, 'there')
    else if (outcome !== 'silent') return
    else if (!standings.has(node)) {
      standings.set(node, 'walled')
      walled(address)
    } else if (standings.get(node) === 'there') {
      standings.set(node, 'silent')
      cut(address)
    }
  }
}
