import { handOn } from '../../src/attempt/hand-on.ts'
import { unreadable } from '../../src/contracts/failure.ts'
import type { Receiver, Route, Transport } from '../../src/contracts/transport.ts'

/** A route that a test can lead elsewhere. */
export interface Straight extends Route {
  /** Says that another transport carries the line now. */
  moves(to: Transport): void
}

/** One transport as a line's route, with nothing between: what it says is heard as it says it. */
export function straight(transport: Transport): Straight {
  let opened: Receiver['opened']
  return {
    moves: to => opened(to),
    open(target, line) {
      let closed = false
      opened = line.opened
      const channel = transport.open(target, {
        opened: () => line.opened(transport),
        blocks(blocks, origin) {
          if (blocks.length === 0) line.alive()
          const hand = handOn(line, origin)
          try {
            for (const block of blocks) if (!closed) hand(line.read(block))
          } catch (cause) {
            line.ended(unreadable(cause))
          }
        },
        paused: line.paused,
        ended: line.ended,
      })
      const close = () => {
        closed = true
        channel.close()
      }
      return { ...channel, close }
    },
  }
}
