import type { Failure } from '../contracts/failure.ts'
import type { CreateOutbox, Limits } from '../contracts/outbox.ts'
import { handOver, type Send } from '../contracts/send.ts'
import { usualWaiting } from '../contracts/waiting.ts'
import type { Payload } from '../wire/codec.ts'
import { bytesOf, createQueue, type Entry, isRefusal } from './queue.ts'

/** How long after a refusal that does not say when, in ms. */
const again = 250

/**
 * For a server that acknowledges nothing: one message after the other, each taken once the channel has it. Nothing tells such a server
 * what it has had already, so what it may have had goes no second time. It may answer a message by number.
 */
export const createHandedOverOutbox: CreateOutbox = (wire, environment, lost, waiting = usualWaiting) => {
  /** By what number an answer names the message it is to. */
  const asked = new Map<number, Entry>()
  let written = 0
  let handed = 0 // entries that the channel has been given
  let send: Send | undefined
  let limits: Pick<Limits, 'message'> = { message: Infinity }
  let flight: object | undefined // the one under way
  let flushing = false
  let later: unknown
  const queue = createQueue(environment, waiting, {
    largest: () => limits.message,
    flush,
    left(place) {
      if (place < handed) handed--
    },
    abandon() {
      renew()
      flight = undefined
      flush()
    },
    gaveUp(entry) {
      for (const [number, waits] of asked) if (waits === entry) asked.delete(number)
    },
    waits: () => asked.size > 0,
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
      // A channel that has reopened by itself: what is on its way goes on.
      if (send) return
      send = (text, done) => way(text, done)
      limits = { message: Infinity, ...told }
      flush()
    },
    pause,
    answered(number, data) {
      asked.get(number)?.resolve(data)
      asked.delete(number)
      queue.look()
    },
    refused(failure) {
      const { status } = failure
      if (status === 401 || status === 403) refuseAll(entries.slice(0, handed), 'forbidden', failure)
    },
    renew,
    last() {
      flush()
      // Behind what is under way: the channel keeps the order.
      for (let entry = entries[handed]; send && entry; entry = entries[handed]) {
        const text = write(entry)
        if (text === undefined) continue
        entry.sent = true
        handed++
        handOver({ send }, text, () => {})
      }
    },
    ping: () => false,
    close() {
      pause()
      queue.close()
    },
  }

  function flush(): void {
    if (flushing) return
    flushing = true
    while (send && !flight && later === undefined) {
      const entry = entries[handed]
      if (!entry) break
      const text = write(entry)
      if (text !== undefined) transmit(text, entry)
    }
    flushing = false
  }

  /** What cannot be written, or is too large once it is, goes nowhere. */
  function write(entry: Entry): Payload | undefined {
    try {
      const text = wire.write(entry, ++written)
      const bytes = bytesOf(text)
      if (bytes <= limits.message) return text
      refuse(entry, queue.tooLarge(bytes))
    } catch (error) {
      refuse(entry, error)
    }
    return undefined
  }

  function transmit(text: Payload, entry: Entry): void {
    const present = {}
    const way = send as Send
    flight = present
    handed++
    entry.sent = true
    if (entry.answer) asked.set(written, entry)
    handOver({ send: way }, text, failure => {
      if (flight !== present) return
      flight = undefined
      if (failure) undelivered(failure, entry, send === way)
      else queue.settle(entry)
      flush()
    })
  }

  function undelivered(failure: Failure, entry: Entry, present: boolean): void {
    const { kind, status, retryAfter } = failure
    if (isRefusal(failure)) entry.sent = false
    const gone = status !== undefined && wire.isSessionLost?.(status)
    if (gone || kind === 'ended' || (retryAfter && (status === 429 || status === 503))) {
      handed = 0
      entry.sent = false
      asked.delete(written)
      if (gone && present) {
        pause()
        lost()
      } else if (send) flushIn(retryAfter ?? again)
      return
    }
    const kindOf =
      status === undefined || status >= 500 ? 'IN_DOUBT' : status === 413 ? 'too-large' : 'forbidden'
    refuse(entry, because(kindOf, failure))
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
    refuseAll(
      entries.filter(entry => entry.sent),
      'IN_DOUBT',
    )
  }

  function pause(): void {
    environment.clearTimeout(later)
    later = undefined
    send = undefined
    for (const entry of asked.values()) entry.reject(because('IN_DOUBT'))
    asked.clear()
  }
}
