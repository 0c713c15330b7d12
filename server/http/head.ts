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

const ownHead: Head = { ...commonHead, Vary: 'Origin' }

const listedHead = remembering(
  (origin): Head => ({
    ...ownHead,
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'Retry-After',
  }),
)

/** The same to who has asked: a listed origin may read the answer. */
export function headFor({ standing, origin }: Pick<HubRequest, 'standing' | 'origin'>): Head {
  return standing === 'listed' && origin !== undefined ? listedHead(origin) : ownHead
}
