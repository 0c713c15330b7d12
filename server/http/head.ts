import { remembering } from '../remembering.ts'
import type { HubRequest } from './hub-request.ts'

/** Headers that many answers have, shared. */
export type Head = Readonly<Record<string, string>>

/** What all answers say: keep it nowhere, change nothing, hold nothing back, and take it for what it says it is. */
export const commonHead: Head = {
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
}

/** The same to who has asked: a listed origin may read the answer. */
export const headFor = headsThatVary('Origin')

/** The same of an answer that may be compressed. */
export const headIfPackedFor = headsThatVary('Origin, Accept-Encoding')

function headsThatVary(by: string): (ask: Pick<HubRequest, 'standing' | 'origin'>) => Head {
  const own: Head = { ...commonHead, Vary: by }
  const listed = remembering(
    (origin): Head => ({
      ...own,
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'Retry-After',
    }),
  )
  return ({ standing, origin }) => (standing === 'listed' && origin !== undefined ? listed(origin) : own)
}
