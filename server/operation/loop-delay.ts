import type { Metric } from './exposition.ts'
import { createHistogram } from './histogram.ts'

/** How late timers come, which is how long the event loop was busy. Begins to measure when it is asked first. */
export interface LoopDelay {
  read(): Metric
  stop(): void
}

/** How often it is looked, in ms. */
const pause = 20

const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/**
 * A timer of our own and not `monitorEventLoopDelay`: that one has to be emptied to tell of a time, so that two who read it take figures from each other, and passes over the first look after
 * it was emptied. Buckets that only grow can be read by any number, and be added up over nodes.
 */
export function createLoopDelay(): LoopDelay {
  const delays = createHistogram(bounds)
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  let looked = 0

  return { read, stop }

  function read(): Metric {
    if (!timer && !isOver) begin()
    const help = 'How late timers came, looked at each 20 ms from the first reading of metrics on.'
    return { name: 'throughline_event_loop_delay_seconds', help, type: 'histogram', ...delays.read() }
  }

  function begin(): void {
    looked = performance.now()
    timer = setInterval(look, pause).unref()
  }

  function look(): void {
    const now = performance.now()
    delays.observe(Math.max(0, now - looked - pause) / 1000)
    looked = now
  }

  function stop(): void {
    isOver = true
    clearInterval(timer)
  }
}
