import type { Block } from './block.ts'
import { largest } from './codec.ts'

/** Puts the pieces of one message together, and keeps no more of them than a message may have. */
export interface Gatherer {
  add(piece: string): void
  /** What has come, and nothing is left. */
  taken(): Pick<Block, 'data' | 'oversized'>
}

export function gatherer(limit = largest): Gatherer {
  let data = ''
  let oversized = false
  return {
    add(piece) {
      oversized ||= data.length + piece.length > limit
      data = oversized ? '' : data + piece
    },
    taken() {
      const taken = oversized ? ({ data, oversized } as const) : { data }
      data = ''
      oversized = false
      return taken
    },
  }
}
