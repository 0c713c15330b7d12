import { unreadable } from '../../src/contracts/failure.ts'
import type { Route, Transport } from '../../src/contracts/transport.ts'

/** One transport as a line's route, with nothing between: what it says is heard as it says it. */
export function straight(transport: Transport): Route {
  return {
    open(target, line) {
      let closed = false
      const channel = transport.open(target, {
        opened: via => line.opened(via),
        blocks(blocks, origin) {
          if (blocks.length === 0) line.alive()
          try {
            for (const block of blocks) if (!closed) line.frame(line.read(block), origin)
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
