import { type Frame, isReceipt } from '../contracts/frame.ts'
import type { Receiver } from '../contracts/transport.ts'

/** Hands the frames of one piece to a line. Before the first that is no receipt the line is told that its channel works. */
export function handOn(line: Receiver, origin: string | undefined): (frame: Frame) => void {
  let isAlive = false
  return frame => {
    if (!isAlive && !isReceipt(frame)) {
      isAlive = true
      line.alive()
    }
    line.frame(frame, origin)
  }
}
