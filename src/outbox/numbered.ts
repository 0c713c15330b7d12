import type { Failure } from '../contracts/failure.ts'
import type { CreateOutbox, Limits, Outbox } from '../contracts/outbox.ts'
import { usualWaiting } from '../contracts/waiting.ts'
import type { Payload } from '../wire/codec.ts'
import { isRefusal, outcomeOfNumbered } from './outcome.ts'
import { createQueue, type Entry } from './queue.ts'
import { type Batch, createSender, growing } from './sender.ts'

/** Several messages that go together; a ping has none. */
interface NumberedBatch extends Batch {
  readonly entries: readonly Entry[]
}

/** The limits of a server that tells none. */
const usual: Limits = { message: 2 ** 20, batch: 2 ** 16, messages: 1_000 }

/**
 * How many bytes the first request of a channel carries: of one that is lost on a slow line all has to go again. Each that is acknowledged whole lets the
 * next one carry twice as much, up to what the server takes.
 */
const firstBatch = 2 ** 16

/** How many answers in a row may acknowledge nothing of what they answer. */
const mostEmptyAnswers = 5

/**
 * For a server that takes each number of a session once and acknowledges it: a message goes again, with the number it had, until it is
 * acknowledged. Several messages go together.
 */
export const createNumberedOutbox: CreateOutbox = (wire, environment, lost, waiting = usualWaiting) => {
  let acknowledged = 0 // the highest number that the server has acknowledged; the first entry has the next one
  let limits = usual
  let batchSize = 0 // how many messages a request may carry on the present channel
  let batchBytes = 0 // and how many bytes, if it has more than one
  let failures = 0 // requests in a row that failed
  let emptyAnswers = 0 // answers in a row that acknowledged nothing
  const sender = createSender<NumberedBatch>(environment, fill, conclude)
  const queue = createQueue(wire, environment, waiting, { flush: sender.flush, pause, abandon, awaitEnd })
  const { entries } = queue

  // The queue has those members of an outbox that have nothing to do with sending.
  return Object.assign(queue, {
    open(send, told) {
      pause()
      limits = { ...usual, ...told }
      queue.largest = limits.message
      batchSize = limits.messages
      batchBytes = firstBatch
      sender.signal({ type: 'opened', send })
    },
    pause,
    acknowledged: acknowledge,
    declined(number, failure) {
      acknowledge(number - 1)
      if (acknowledged === number - 1 && entries[0]?.sent) {
        acknowledged++
        queue.refuse('declined', [entries[0]], failure)
      }
    },
    returned(after) {
      acknowledge(after)
      for (const entry of entries) entry.sent = 0
    },
    refused(failure) {
      const { status } = failure
      if (status === 401 || status === 403)
        queue.refuse('forbidden', entries.slice(0, queue.unanswered), failure)
    },
    renew,
    flush: sender.flush,
    ping: () => !!wire.ping && sender.send({ text: wire.ping, entries: [] }),
  } satisfies Partial<Outbox>)

  function acknowledge(upTo = 0): void {
    // What was never sent cannot have been taken: such an answer is to an earlier session.
    let count = 0
    while (acknowledged + count < upTo && entries[count]?.sent) count++
    if (count > 0) {
      acknowledged += count
      emptyAnswers = 0
      queue.settle(entries.slice(0, count))
    }
    // There may be room for more now.
    queueMicrotask(sender.flush)
  }

  /** The answer to a POST acknowledges what it carried just before it ends: whoever has waited for that finds nothing under way. */
  function awaitEnd(act: () => void): boolean {
    const batch = sender.state.batch as NumberedBatch | undefined
    const isAcknowledged = !!batch?.entries[0] && queue.unanswered === 0
    if (isAcknowledged) sender.whenOver(act)
    return isAcknowledged
  }

  /** Writes all that waits, up to the limits of one batch. */
  function fill(): NumberedBatch | undefined {
    const most = Math.min(batchSize, limits.messages - queue.unanswered)
    const batch: Entry[] = []
    let text: Payload = ''
    let room = Math.min(batchBytes, limits.batch)
    while (batch.length < most) {
      const block = queue.write(acknowledged + queue.unanswered + 1)
      if (block === undefined) {
        // If there is one that cannot be written, the server may have it, and no other message may have its number.
        if (entries[queue.unanswered]) backOff()
        break
      }
      room -= (entries[queue.unanswered] as Entry).bytes
      if (text && room < 0) break
      text = text ? `${text}${block}` : block
      batch.push(queue.take())
    }
    return batch[0] && { text, entries: batch }
  }

  /** The messages of a request that failed go again with the same numbers, unless the server refuses them for good. */
  function conclude({ entries: batch }: NumberedBatch, failure?: Failure, answered?: boolean): void {
    if (!failure) {
      failures = 0
      if (answered) checkProgress(batch)
      return
    }
    const { status, retryAfter } = failure
    const outcome = outcomeOfNumbered(status, batch.length, failures)
    queue.unanswered = 0
    batchBytes = firstBatch
    if (isRefusal(failure)) for (const entry of batch) entry.sent--
    if (outcome === 'retry') backOff(retryAfter)
    else if (outcome === 'split') batchSize = Math.ceil(batch.length / 2)
    else if (outcome === 'renew') leave(status)
    else queue.refuse(outcome, batch, failure)
  }

  /** A success that does not acknowledge the whole batch is no progress: something has eaten the request's body, say. */
  function checkProgress(batch: readonly Entry[]): void {
    // The last one is the last to be acknowledged.
    if (!entries.includes(batch[batch.length - 1] as Entry)) {
      batchBytes *= 2
      return
    }
    queue.unanswered = 0
    if (emptyAnswers < mostEmptyAnswers) return backOff(growing(emptyAnswers++))
    queue.refuse('IN_DOUBT', batch, { code: 'hollow-answer' })
    emptyAnswers = 0
    abandon()
  }

  /** Nothing is sent for so many ms, not even what is added meanwhile. */
  function backOff(ms = growing(failures++)): void {
    sender.signal({ type: 'backOff', until: environment.now() + ms })
  }

  function renew(): void {
    acknowledged = 0
    queue.refuse('IN_DOUBT')
  }

  /** Nobody knows whether the number of what is in doubt is used, so no later message could be numbered: the session is of no use. */
  function abandon(): void {
    renew()
    leave()
  }

  /** Sends no more on this channel, and asks for a new session or token. */
  function leave(status?: number): void {
    pause()
    lost(status)
  }

  function pause(): void {
    sender.signal({ type: 'closed' })
    queue.unanswered = 0
  }
}
