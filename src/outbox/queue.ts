import { ConnectionError, type SendKind } from '../contracts/errors.ts'
import type { Failure } from '../contracts/failure.ts'
import type { OutboxWire, Outgoing } from '../contracts/outbox.ts'
import { say, saySend } from '../contracts/say.ts'
import type { Waiting } from '../contracts/waiting.ts'
import type { Environment } from '../environment.ts'
import type { Payload } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'

/** A message that waits to be sent or acknowledged. */
export interface Entry extends Outgoing {
  readonly size: number
  readonly expires: number
  /** How many requests carried it, but for those that certainly were not taken. */
  sent: number
  resolve(answer?: unknown): void
  reject(error: unknown): void
}

/** Messages in order, as many as may wait and for as long as they may. The members that an outbox has too mean the same. */
export interface Queue {
  readonly entries: readonly Entry[]
  size: number
  /** How many bytes the server takes as one message. */
  largest: number
  /** How many entries, the first ones, are in flight: the present channel has been given them. */
  unanswered: number
  add(message: Outgoing, timeout?: number): Promise<unknown>
  /**
   * Writes the next entry that is not in flight. One that cannot be written, or is too large once it is, is refused, and the one after it
   * has its number. But one that the server may have is kept: then this gives nothing, as when there is none.
   */
  write(number: number): Payload | undefined
  /** The entry that was written is in flight from now on. */
  take(): Entry
  /** The server has taken this entry. */
  settle(entry: Entry): void
  /** Rejects entries with an error, and takes them out. @default all that were sent */
  refuse(kind: SendKind, some?: readonly Entry[], failure?: Partial<Failure>): void
  whenEmpty(act: () => void): void
  close(): void
}

interface QueueRules {
  /** Sends what can be sent. */
  flush(): void
  pause(): void
  /** An entry that was sent has waited as long as it may: all that were sent are in doubt. */
  abandon(): void
  /** The `timeout` of an entry is over. One that was sent keeps its place. */
  timedOut?(entry: Entry): void
  /** Whether an answer is waited for to a message that is no longer in the queue. */
  waits?(): boolean
}

export function createQueue(
  wire: OutboxWire,
  environment: Environment,
  waiting: Waiting,
  rules: QueueRules,
): Queue {
  const entries: Entry[] = []
  const whenEmpty: (() => void)[] = []
  let expiry: unknown

  const queue: Queue = {
    entries,
    largest: Infinity,
    unanswered: 0,
    size: 0,
    add,
    write,
    take() {
      const entry = entries[queue.unanswered++] as Entry
      entry.sent++
      return entry
    },
    settle(entry) {
      takeOut(entry)
      if (!entry.answer) entry.resolve()
    },
    refuse,
    whenEmpty(act) {
      whenEmpty.push(act)
      checkEmpty()
    },
    close() {
      rules.pause()
      refuse('IN_DOUBT')
      refuse('closed', [...entries])
    },
  }
  return queue

  function add(message: Outgoing, timeout?: number): Promise<unknown> {
    const bytes = bytesOf(message.data)
    let timer: unknown
    const promise = new Promise((resolve, reject) => {
      if (bytes > Math.min(queue.largest, waiting.bytes)) return reject(tooLarge(bytes))
      if (entries.length >= waiting.messages || queue.size + bytes > waiting.bytes)
        return reject(errorOf('full'))
      const expires = environment.now() + waiting.age
      const entry: Entry = { ...message, size: bytes, expires, sent: 0, resolve, reject }
      entries.push(entry)
      queue.size += bytes
      if (entries.length === 1) watchExpiry()
      if (timeout !== undefined) timer = environment.setTimeout(() => giveUp(entry, timeout), timeout)
      // What is sent in one turn goes up together.
      queueMicrotask(rules.flush)
    })
    if (timer !== undefined) {
      const stop = () => environment.clearTimeout(timer)
      promise.then(stop, stop)
    }
    return promise
  }

  function giveUp(entry: Entry, timeout: number): void {
    // One that was sent keeps its place, since later ones have the numbers after it.
    if (!entry.sent) takeOut(entry)
    entry.reject(errorOf(entry.sent ? 'IN_DOUBT' : 'expired', { detail: `its timeout is ${timeout} ms` }))
    rules.timedOut?.(entry)
    checkEmpty()
  }

  function reject(entry: Entry, error: unknown): void {
    takeOut(entry)
    entry.reject(error)
  }

  function refuse(
    kind: SendKind,
    some: readonly Entry[] = entries.filter(({ sent }) => sent),
    failure?: Partial<Failure>,
  ): void {
    for (const entry of some) reject(entry, errorOf(kind, failure))
  }

  function takeOut(entry: Entry): void {
    const index = entries.indexOf(entry)
    if (index >= 0) {
      entries.splice(index, 1)
      queue.size -= entry.size
      if (index < queue.unanswered) queue.unanswered--
      if (entries.length === 0) watchExpiry()
    }
    checkEmpty()
  }

  function write(number: number): Payload | undefined {
    while (entries.length > queue.unanswered) {
      const entry = entries[queue.unanswered] as Entry
      try {
        const text = wire.write(entry, number)
        const bytes = bytesOf(text)
        if (entry.sent || bytes <= queue.largest) return text
        throw tooLarge(bytes)
      } catch (error) {
        if (entry.sent) return undefined
        reject(entry, error)
      }
    }
    return undefined
  }

  function checkEmpty(): void {
    if (entries.length === 0 && !rules.waits?.()) for (const act of whenEmpty.splice(0)) act()
  }

  function tooLarge(bytes: number): ConnectionError {
    const whose =
      bytes > waiting.bytes
        ? `the option limits.bytes is ${waiting.bytes}`
        : `the server takes ${queue.largest}`
    return errorOf('too-large', { detail: `it has ${bytes} bytes, and ${whose}` })
  }

  function errorOf(kind: SendKind, failure: Partial<Failure> = {}): ConnectionError {
    const { status, code, detail } = failure
    const why = code ? say(failure as Failure) : detail
    const words = saySend(kind, waiting)
    return new ConnectionError(why ? `${words}; ${why}` : words, { kind, status })
  }

  /** The timer is for the oldest entry. It is not armed anew each time that one is taken out: `expire` looks which one is the oldest then. */
  function watchExpiry(): void {
    environment.clearTimeout(expiry)
    const [oldest] = entries
    if (oldest) expiry = environment.setTimeout(expire, oldest.expires - environment.now())
  }

  function expire(): void {
    const [oldest] = entries
    if (oldest && oldest.expires <= environment.now()) {
      if (oldest.sent) rules.abandon()
      else reject(oldest, errorOf('expired'))
    }
    watchExpiry()
  }
}

export function bytesOf(payload: Payload): number {
  return typeof payload === 'string' ? utf8Length(payload) : payload.byteLength
}
