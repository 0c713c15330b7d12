import { type Refusal, refusal } from '../http-error.ts'
import type { Limits } from '../options.ts'
import type { Group, Member } from './session.ts'

/**
 * Holds back what clients send, before any of it is taken: so much a second, and so much that may be on its way to the application.
 * A POST is answered that it should come again; a WebSocket is not read on.
 */
export interface Inflow {
  /** Throws a refusal if the session may not send just now, or has no room for so many bytes. */
  check(member: Member, bytes: number): void
  /** Nothing if the session may send so many bytes now; otherwise settles when it is worth asking again. */
  obstacle(member: Member, bytes: number): Promise<void> | undefined
  /** Counts what came, taken or not, against what may come in a second. */
  count(member: Member, sends: number, bytes: number): void
  /** Holds so many bytes of the session until they are released. Throws a refusal if there is no room. */
  reserve(member: Member, bytes: number): void
  /** The same for what there was room for. */
  hold(member: Member, bytes: number): void
  release(member: Member, bytes: number): void
  /** Bytes that are held, of all. */
  readonly held: number
  /** How often a client was held back. */
  readonly slowed: number
}

export function createInflow(limits: Limits): Inflow {
  const { burst, sendsPerSecond, bytesPerSecond, unhandled, unhandledInAll } = limits
  // One address or principal cannot take all the room there is.
  const share = Math.max(unhandled, unhandledInAll / 2)
  const waiting = new Set<{ member: Member; bytes: number; resolve: () => void }>()
  let held = 0
  let slowed = 0

  return {
    check,
    obstacle,
    count,
    reserve,
    hold,
    release,
    get held() {
      return held
    },
    get slowed() {
      return slowed
    },
  }

  function check(member: Member, bytes: number): void {
    const wait = waitOf(member)
    if (wait > 0) throw slow(429, 'too much is sent', Math.ceil(wait / 1000))
    checkRoom(member, bytes)
  }

  function checkRoom(member: Member, bytes: number): void {
    if (!hasRoom(member, bytes)) throw slow(503, 'the application is not done with what was sent', 1)
  }

  function reserve(member: Member, bytes: number): void {
    checkRoom(member, bytes)
    hold(member, bytes)
  }

  function slow(status: number, message: string, retryAfter: number): Refusal {
    slowed++
    return refusal(status, message, retryAfter, 'sends')
  }

  function obstacle(member: Member, bytes: number): Promise<void> | undefined {
    const wait = waitOf(member)
    if (wait <= 0 && hasRoom(member, bytes)) return undefined
    slowed++
    return new Promise(resolve => {
      if (wait > 0) setTimeout(resolve, wait).unref()
      else waiting.add({ member, bytes, resolve })
    })
  }

  function waitOf({ paidUntil }: Member): number {
    return paidUntil - performance.now() - burst
  }

  function count(member: Member, sends: number, bytes: number): void {
    const takes = Math.max(sends / sendsPerSecond, bytes / bytesPerSecond) * 1000
    member.paidUntil = Math.max(member.paidUntil, performance.now()) + takes
  }

  function hasRoom(member: Member, bytes: number): boolean {
    const { taken, acked, groups } = member
    if (taken - acked > limits.messages || member.held + bytes > unhandled) return false
    return groups.every(group => group.held + bytes <= roomOf(group))
  }

  function roomOf({ key }: Group): number {
    return key === undefined ? unhandledInAll : share
  }

  function hold(member: Member, bytes: number): void {
    held += bytes
    member.held += bytes
    for (const group of member.groups) group.held += bytes
  }

  function release(member: Member, bytes: number): void {
    hold(member, -bytes)
    for (const waiter of waiting) {
      if (!hasRoom(waiter.member, waiter.bytes)) continue
      waiting.delete(waiter)
      waiter.resolve()
    }
  }
}
