import type { Payload } from '../wire/codec.ts'
import { type Failure, tryTo } from './failure.ts'

/**
 * Sends something upward and says `done` when the next may follow, with a failure if it is unknown or certain that this
 * was not taken. `answered`: what acknowledges it has come with that.
 */
export type Send = (text: Payload, done: Done) => void

/**
 * Says what became of what was sent: nothing if it was taken as far as can be known, otherwise why not. `answered`: its answer was read
 * whole, so that what acknowledges it, if anything, has come by now.
 */
export type Done = (failure?: Failure, answered?: boolean) => void

/** Sends by what there is. Whatever throws in it, `done` is called, and once. */
export function handOver(channel: { send?: Send } | undefined, text: Payload, done: Done): void {
  let over = false
  const once: Done = (failure, answered) => {
    if (over) return
    over = true
    done(failure, answered)
  }
  if (!channel?.send) return once({ kind: 'ended', code: 'no-channel' })
  tryTo(() => channel.send?.(text, once), once)
}
