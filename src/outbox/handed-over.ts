import type { Failure } from '../contracts/failure.ts'
import type { CreateOutbox, Outbox } from '../contracts/outbox.ts'
import { handOver, type Send } from '../contracts/send.ts'
import { usualWaiting } from '../contracts/waiting.ts'
import { outcomeOfHandedOver } from './outcome.ts'
import { createQueue, type Entry } from './queue.ts'
import { type Batch, createSender } from './sender.ts'
import { uplink } from './state.ts'

interface SingleMessage extends Batch {
  readonly entry: Entry
  /** The channel that it goes by. */
  readonly send: Send
}

/** How long to back off where the server does not say how long, in ms. */
const usualBackOff = 250

/**
 * For a server that acknowledges nothing: one message goes after the other, and counts as taken once the channel has it. Without numbers
 * such a server cannot tell what it has had already, so what it may have had goes no second time. It may answer a message by number.
 */
export const createHandedOverOutbox: CreateOutbox = (wire, environment, lost, waiting = usualWaiting) => {
  let written = 0 // the number of the message that was written last
  const sender = createSender<SingleMessage>(environment, fill, conclude)
  const queue = createQueue(wire, environment, waiting, {
    flush: sender.flush,
    pause,
    abandon() {
      renew()
      // The outcome of the request under way is not waited for any more.
      sender.signal({ type: 'over', batch: sender.state.batch })
    },
    // What is answered was taken, whatever becomes of the request that carried it.
    answered: entry => queue.settle([entry]),
  })

  // The queue has those members of an outbox that have nothing to do with sending.
  return Object.assign(queue, {
    open(send, told) {
      queue.largest = told?.message ?? Infinity
      // Each channel has a function of its own, by which it is known.
      sender.signal({ type: 'opened', send: (text, done) => send(text, done) })
    },
    pause,
    renew,
    flush() {
      sender.flush()
      // A channel keeps the order, so the rest may follow the request under way.
      for (let batch = fill(); batch; batch = fill()) handOver(batch, batch.text, () => {})
    },
    ping: () => false,
  } satisfies Partial<Outbox>)

  /** The next message that can be written. */
  function fill(): SingleMessage | undefined {
    const send = uplink(sender.state)
    const text = send && queue.write(++written)
    if (!send || text === undefined) return undefined
    return { text, entry: queue.take(), send }
  }

  function conclude({ entry, send }: SingleMessage, failure?: Failure): void {
    if (!failure) return queue.settle([entry])
    const outcome = outcomeOfHandedOver(failure, wire)
    if (outcome !== 'retry' && outcome !== 'renew') return queue.refuse(outcome, [entry], failure)
    queue.unanswered = 0
    entry.sent = 0
    queue.asked.delete(entry)
    // The session of an earlier channel has been left already.
    if (outcome === 'retry' || send !== uplink(sender.state)) {
      const until = environment.now() + (failure.retryAfter ?? usualBackOff)
      return sender.signal({ type: 'backOff', until })
    }
    pause()
    lost()
  }

  function renew(): void {
    queue.refuse('IN_DOUBT')
  }

  /** The outcome of the request under way is waited for, since it may go no second time. */
  function pause(): void {
    sender.signal({ type: 'closed', awaited: true })
    queue.refuse('IN_DOUBT', [...queue.asked])
  }
}
