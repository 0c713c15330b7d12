import type { Piece } from '../wire/batch.ts'
import { ackBlock, nackBlock } from '../wire/control-events.ts'
import type { Member } from './session.ts'

/** What the application made of the messages of a session. */
type Account = Pick<Member, 'acked' | 'refused'>

/**
 * What answers messages from number `first` on: which of them were refused, and how far the application has come. Whoever asks for no
 * message in particular may not have heard of the refusals yet.
 */
export function acknowledgement(member: Account, first: number | undefined): Piece {
  if (first === undefined) return ackBlock(ackedForSure(member))
  const nacks: string[] = []
  for (const [number, why] of member.refused ?? [])
    if (number >= first) nacks.push(nackBlock(number, why).text)
  return { text: nacks.join('') + ackBlock(member.acked).text }
}

/** The number up to which all were taken, as far as refusals are kept. A client that sends the later ones again is told of each. */
export function ackedForSure({ acked, refused }: Account): number {
  for (const oldest of refused?.keys() ?? []) return oldest - 1
  return acked
}

/** Forgets the refusals below this number: nobody will ask for them again. */
export function forget({ refused }: Account, below: number): void {
  for (const number of refused?.keys() ?? []) {
    if (number >= below) return
    refused?.delete(number)
  }
}
