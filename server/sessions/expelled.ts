import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { Refusal } from '../http-error.ts'
import type { Member } from './session.ts'

/** Remembers why sessions were ended by the hub, for clients that had no channel over which they could be told. */
export interface Expelled {
  remember(member: Member, why: Refusal): void
  forget(member: Member): void
  /** Whether a session is among them. */
  knows(sid: string): boolean
  /**
   * Throws the refusal if the request names such a session, and comes from whoever it belonged to. `isUpward`: the request carries what a
   * client sends, and does not open a channel.
   */
  check(ask: HubRequest, granted: Granted, isUpward: boolean): void
}

/** How many sessions are remembered; the oldest are forgotten first. */
const most = 10_000

/** `life`: for how many ms each is remembered. */
export function createExpelled(life: number): Expelled {
  const known = new Map<string, { principal: string | undefined; why: Refusal; until: number }>()
  return {
    remember,
    forget: ({ session }) => void known.delete(session.id),
    knows: sid => known.has(sid),
    check,
  }

  function remember({ session: { id, principal } }: Member, why: Refusal): void {
    const now = Date.now()
    known.delete(id)
    known.set(id, { principal, why, until: now + life })
    for (const [oldest, { until }] of known) {
      if (until > now && known.size <= most) return
      known.delete(oldest)
    }
  }

  function check({ sid = '' }: HubRequest, { principal }: Granted, isUpward: boolean): void {
    const found = known.get(sid)
    if (!found || found.principal !== principal) return
    const { why, until } = found
    if (until <= Date.now() || isToldOnce(why, isUpward)) known.delete(sid)
    if (until > Date.now()) throw why
  }
}

/** Whether a status ends a line for good, so that nobody who was told it comes again. */
export function isLastWord({ status }: Refusal): boolean {
  return status === 403 || status === 204
}

/**
 * A client that comes again would be refused a second time, and a second 401 is the end for it. By what else a POST is answered, the line
 * beside it does not learn why the session is over.
 */
function isToldOnce(why: Refusal, isUpward: boolean): boolean {
  return !isLastWord(why) && (!isUpward || why.status === 401)
}
