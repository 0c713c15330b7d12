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
  /** How many bytes it had as it was written last. */
  bytes: number
  /** How many requests carried it, but for those that certainly were not taken. */
  sent: number
  /** What its answer will name: the number that it was written with last. */
  number: number | undefined
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
  add(message: Outgoing): Promise<unknown>
  /**
   * Writes the next entry that is not in flight. One that cannot be written, or is too large once it is, is refused, and the one after it
   * has its number. But one that the server may have is kept: then this gives nothing, as when there is none.
   */
  write(number: number): Payload | undefined
  /** The entry that was written is in flight from now on, and its answer is waited for if one was asked for. */
  take(): Entry
  /** Whose answers are waited for: also of messages that the server has taken. */
  readonly asked: Set<Entry>
  answered(number: number, answer: unknown): void
  /** The server has taken these entries, which are the first. */
  settle(taken: readonly Entry[]): void
  /** Rejects entries with an error, and takes them out. @default all that were sent, and whose answers are waited for */
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
  /** Calls once the request that is under way is over, if all that it carried is acknowledged and nothing but its end is missing. Otherwise gives `false`. */
  awaitEnd?(act: () => void): boolean
  /** The answer to an entry has come. */
  answered?(entry: Entry): void
}

export function createQueue(
  wire: OutboxWire,
  environment: Environment,
  waiting: Waiting,
  rules: QueueRules,
): Queue {
  const entries: Entry[] = []
  const asked = new Set<Entry>()
  const whenEmpty: (() => void)[] = []
  let expiry: unknown
  let flushes = false

  const queue: Queue = {
    entries,
    asked,
    largest: Infinity,
    unanswered: 0,
    size: 0,
    add,
    write,
    take() {
      const entry = entries[queue.unanswered++] as Entry
      entry.sent++
      if (entry.answer) asked.add(entry)
      return entry
    },
    answered(number, answer) {
      for (const entry of asked) {
        if (entry.number !== number) continue
        asked.delete(entry)
        entry.resolve(answer)
        rules.answered?.(entry)
        return checkEmpty()
      }
    },
    settle(taken) {
      takeOut(taken)
      for (const entry of taken) if (!entry.answer) entry.resolve()
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

  function add(message: Outgoing): Promise<unknown> {
    const { event, topic, data, type, answer, timeout, signal, volatile, own } = message
    const bytes = bytesOf(data)
    let added: Entry | undefined
    const promise = new Promise((resolve, reject) => {
      if (!own) {
        if (bytes > Math.min(queue.largest, waiting.bytes)) return reject(tooLarge(bytes))
        if (entries.length >= waiting.messages || queue.size + bytes > waiting.bytes)
          return reject(errorOf(volatile ? 'dropped' : 'full'))
      }
      const expires = environment.now() + waiting.age
      // Field by field: to spread a message costs as much as all else that is done with it here.
      const entry: Entry = {
        event,
        topic,
        data,
        type,
        answer,
        timeout,
        signal,
        size: bytes,
        expires,
        bytes: 0,
        sent: 0,
        number: undefined,
        resolve,
        reject,
      }
      added = entry
      entries.push(entry)
      queue.size += bytes
      if (entries.length === 1) watchExpiry()
      if (volatile) queueMicrotask(() => flushOrDrop(entry))
      else flushSoon()
    })
    if (added && (timeout !== undefined || signal)) giveUpLater(added, promise)
    return promise
  }

  function giveUpLater(entry: Entry, promise: Promise<unknown>): void {
    const { timeout, signal } = entry
    const detail = `its timeout is ${timeout} ms`
    const late = () => giveUp(entry, errorOf(entry.sent ? 'IN_DOUBT' : 'expired', { detail }))
    const timer = timeout === undefined ? undefined : environment.setTimeout(late, timeout)
    const abort = () => giveUp(entry, signal?.reason)
    signal?.addEventListener('abort', abort)
    promise.then(stop, stop)

    function stop(): void {
      environment.clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** What is sent in one turn goes up together. */
  function flushSoon(): void {
    if (flushes) return
    flushes = true
    queueMicrotask(() => {
      flushes = false
      rules.flush()
    })
  }

  function flushOrDrop(entry: Entry): void {
    rules.flush()
    if (!entry.sent && !rules.awaitEnd?.(() => flushOrDrop(entry))) refuse('dropped', [entry])
  }

  /** Nobody waits for it any more. One that was sent keeps its place, since later ones have the numbers after it. */
  function giveUp(entry: Entry, error: unknown): void {
    entry.answer = false
    if (!entry.sent) return reject(entry, error)
    entry.reject(error)
    asked.delete(entry)
    checkEmpty()
  }

  function reject(entry: Entry, error: unknown): void {
    asked.delete(entry)
    takeOut([entry])
    entry.reject(error)
  }

  function refuse(
    kind: SendKind,
    some: readonly Entry[] = [...entries.filter(({ sent }) => sent), ...asked],
    failure?: Partial<Failure>,
  ): void {
    for (const entry of some) reject(entry, errorOf(kind, failure))
  }

  /** Entries that follow each other are taken out together, since all behind them move up. */
  function takeOut(some: readonly Entry[]): void {
    const index = entries.indexOf(some[0] as Entry)
    if (index >= 0) {
      entries.splice(index, some.length)
      for (const { size } of some) queue.size -= size
      queue.unanswered -= Math.max(0, Math.min(some.length, queue.unanswered - index))
      if (entries.length === 0) watchExpiry()
    }
    checkEmpty()
  }

  function write(number: number): Payload | undefined {
    while (entries.length > queue.unanswered) {
      const entry = entries[queue.unanswered] as Entry
      entry.number = number
      try {
        const text = wire.write(entry, number)
        entry.bytes = bytesOf(text)
        if (entry.sent || entry.bytes <= queue.largest) return text
        throw tooLarge(entry.bytes)
      } catch (error) {
        if (entry.sent) return undefined
        reject(entry, error)
      }
    }
    return undefined
  }

  function checkEmpty(): void {
    if (entries.length === 0 && asked.size === 0) for (const act of whenEmpty.splice(0)) act()
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
    return new ConnectionError(why ? `${words}; ${why}` : words, { kind, status, detail })
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
