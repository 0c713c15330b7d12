import type { Failure } from '../contracts/failure.ts'
import type { CreateOutbox, Limits } from '../contracts/outbox.ts'
import { handOver, type Send } from '../contracts/send.ts'
import { usualWaiting } from '../contracts/waiting.ts'
import type { Payload } from '../wire/codec.ts'
import { bytesOf, createQueue, type Entry, isRefusal } from './queue.ts'

/** What a server takes that does not say. */
const usual: Limits = { message: 2 ** 20, batch: 2 ** 16, messages: 1_000 }

/** So many answers in a row may acknowledge nothing of what they are to. */
const mostHollow = 5

/**
 * For a server that takes each number of a session once and acknowledges them: what is not acknowledged goes again, with the number it had,
 * until it is. Several messages go together.
 */
export const createNumberedOutbox: CreateOutbox = (wire, environment, lost, waiting = usualWaiting) => {
  let taken = 0 // numbers the server has taken; the first entry's number is one more
  let handed = 0 // entries that the present channel has been given
  let send: Send | undefined
  let limits: Limits = { ...usual, message: Infinity } // until a server has said what it takes
  let most = usual.messages
  let vain = 0 // requests in a row without an outcome
  let hollow = 0 // answers in a row that acknowledged nothing
  let flight: object | undefined // the request under way
  let flushing = false
  let later: unknown
  const queue = createQueue(environment, waiting, {
    largest: () => limits.message,
    flush,
    left(place) {
      if (place < handed) handed--
    },
    abandon,
  })
  const { entries, refuse, refuseAll, because } = queue

  return {
    get size() {
      return queue.size
    },
    get unanswered() {
      return handed
    },
    add: queue.add,
    whenEmpty: queue.whenEmpty,
    open(way, told) {
      pause()
      send = (text, done) => way(text, done)
      limits = { ...usual, ...told }
      most = limits.messages
      flush()
    },
    pause,
    acknowledged(upTo) {
      acknowledged(upTo)
      queueMicrotask(flush)
    },
    declined(number, failure) {
      acknowledged(number - 1)
      if (taken !== number - 1 || !entries[0]?.sent) return
      taken++
      refuse(entries[0], because('declined', failure))
      queueMicrotask(flush)
    },
    returned(after) {
      acknowledged(after)
      for (const entry of entries) entry.sent = false
    },
    refused(failure) {
      const { status } = failure
      if (status === 401 || status === 403) refuseAll(entries.slice(0, handed), 'forbidden', failure)
    },
    renew,
    last: flush,
    ping() {
      if (!send || flight || !wire.ping) return false
      transmit(wire.ping, [])
      return true
    },
    close() {
      pause()
      queue.close()
    },
  }

  function acknowledged(upTo = 0): void {
    // What was never sent cannot have been taken: such an answer is to an earlier session.
    while (taken < upTo && entries[0]?.sent) {
      taken++
      hollow = 0
      queue.settle(entries[0])
    }
  }

  /** Gives the channel what it may have now, batch by batch. One that is done with a batch at once may have the next. */
  function flush(): void {
    if (flushing) return
    flushing = true
    while (send && !flight && later === undefined) {
      const batch: Entry[] = []
      const text = fill(batch)
      if (batch.length === 0) break
      transmit(text, batch)
    }
    flushing = false
  }

  /** Writes all that waits, up to the limits of one batch. */
  function fill(batch: Entry[]): Payload {
    const count = Math.min(most, limits.messages - handed)
    let text: Payload = ''
    let room = limits.batch
    while (batch.length < count && later === undefined) {
      const entry = entries[handed + batch.length]
      if (!entry) break
      const block = write(entry, taken + handed + batch.length + 1)
      if (block === undefined) continue
      const bytes = bytesOf(block)
      if (batch.length > 0 && bytes > room) break
      room -= bytes
      text = batch.length > 0 ? `${text}${block}` : block
      batch.push(entry)
    }
    return text
  }

  /** What cannot be written, or is too large once it is, goes nowhere, and the next one has its number. */
  function write(entry: Entry, number: number): Payload | undefined {
    try {
      const block = wire.write(entry, number)
      const bytes = bytesOf(block)
      if (entry.sent || bytes <= limits.message) return block
      refuse(entry, queue.tooLarge(bytes))
    } catch (error) {
      // The server may have one that was sent, under a number that no other may have then.
      if (entry.sent) flushIn(growing(vain++))
      else refuse(entry, error)
    }
    return undefined
  }

  function transmit(text: Payload, batch: Entry[]): void {
    const present = {}
    const fresh = batch.filter(entry => !entry.sent)
    flight = present
    handed += batch.length
    for (const entry of batch) entry.sent = true
    handOver({ send: send as Send }, text, (failure, answered) => {
      // It has gone again by a new way meanwhile.
      if (flight !== present) return
      flight = undefined
      if (failure && isRefusal(failure)) for (const entry of fresh) entry.sent = false
      outcome(failure, batch, answered)
      flush()
    })
  }

  /** Unless the server refuses them for good, the same messages go again with the same numbers. */
  function outcome(failure: Failure | undefined, batch: Entry[], answered = false): void {
    if (!failure) {
      vain = 0
      if (answered && batch.some(entry => entries.includes(entry))) unacknowledged(batch)
      return
    }
    handed = 0
    const { status, retryAfter } = failure
    // What a 409 carries is of no use: the first number is the one after the last acknowledged, so a server that misses one before it
    // has forgotten what it acknowledged. Unless a box brought two requests in the wrong order, which a second try shows.
    if (status === 404 || status === 410 || (status === 409 && vain > 0)) leave()
    else if (status === 401) leave(status)
    else if (status === 403) refuseAll(batch, 'forbidden', failure)
    else if (status === 413 && batch.length === 1) refuseAll(batch, 'too-large', failure)
    else if (status === 413) most = Math.ceil(batch.length / 2)
    else flushIn(retryAfter ?? growing(vain++))
  }

  /** An answer that came whole and acknowledges less than it was asked to is no progress: something has eaten the request's body, say. */
  function unacknowledged(batch: Entry[]): void {
    handed = 0
    if (++hollow <= mostHollow) return flushIn(growing(hollow - 1))
    refuseAll(batch, 'IN_DOUBT', { code: 'hollow-answer' })
    hollow = 0
    abandon()
  }

  /** Nothing goes before, not even what is added meanwhile. */
  function flushIn(ms: number): void {
    environment.clearTimeout(later)
    later = environment.setTimeout(() => {
      later = undefined
      flush()
    }, ms)
  }

  function renew(): void {
    taken = 0
    refuseAll(
      entries.filter(entry => entry.sent),
      'IN_DOUBT',
    )
  }

  /** The number of what is in doubt may have been taken or not, so no later message could be numbered: the session is of no use. */
  function abandon(): void {
    renew()
    flight = undefined
    leave()
  }

  /** Nothing more goes by this channel. */
  function leave(status?: number): void {
    pause()
    lost(status)
  }

  function pause(): void {
    environment.clearTimeout(later)
    later = undefined
    send = undefined
    flight = undefined
    handed = 0
  }
}

function growing(times: number): number {
  return Math.min(250 * 2 ** times, 30_000)
}
