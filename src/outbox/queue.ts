import { ConnectionError, type SendKind } from '../contracts/errors.ts'
import type { Failure } from '../contracts/failure.ts'
import type { Outgoing } from '../contracts/outbox.ts'
import { say, saySend } from '../contracts/say.ts'
import type { Waiting } from '../contracts/waiting.ts'
import type { Environment } from '../environment.ts'
import type { Payload } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'

/** A message that waits. */
export interface Entry extends Outgoing {
  readonly size: number
  readonly expires: number
  /** Whether a request carried it whose outcome is unknown, or that was answered otherwise than by "not taken". */
  sent: boolean
  resolve(answer?: unknown): void
  reject(error: unknown): void
}

/** Messages in order, as many as may wait and for as long as they may. */
export interface Queue {
  readonly entries: readonly Entry[]
  /** UTF-8 bytes. */
  readonly size: number
  add(message: Outgoing, timeout?: number): Promise<unknown>
  /** It was taken. */
  settle(entry: Entry): void
  refuse(entry: Entry, error: unknown): void
  /** Those of a number, or all. */
  refuseAll(entries: readonly Entry[], kind: SendKind, failure?: Partial<Failure>): void
  because(kind: SendKind, failure?: Partial<Failure>): ConnectionError
  tooLarge(bytes: number): ConnectionError
  whenEmpty(act: () => void): void
  /** Looks whether nothing waits any more. */
  look(): void
  close(): void
}

export interface QueueRules {
  /** Bytes that the server takes as one message. */
  largest(): number
  /** Something is there to be sent. */
  flush(): void
  /** An entry has left its place. */
  left(place: number): void
  /** The time of an entry that was sent is over. */
  abandon(): void
  /** Its `send()` has given it up, while it keeps its place. */
  gaveUp?(entry: Entry): void
  /** Whether something is waited for beside what is in the queue. */
  waits?(): boolean
}

export function createQueue(environment: Environment, waiting: Waiting, rules: QueueRules): Queue {
  const entries: Entry[] = []
  const whenEmpty: (() => void)[] = []
  let size = 0
  let expiry: unknown

  return {
    entries,
    get size() {
      return size
    },
    add,
    settle(entry) {
      if (takeOut(entry) && !entry.answer) entry.resolve()
    },
    refuse,
    refuseAll(some, kind, failure) {
      for (const entry of some) refuse(entry, because(kind, failure))
    },
    because,
    tooLarge,
    whenEmpty(act) {
      whenEmpty.push(act)
      look()
    },
    look,
    close() {
      for (const entry of [...entries]) refuse(entry, because(entry.sent ? 'IN_DOUBT' : 'closed'))
    },
  }

  function add(message: Outgoing, timeout?: number): Promise<unknown> {
    const bytes = bytesOf(message.data)
    return new Promise((resolve, reject) => {
      let timer: unknown
      const over =
        <T>(act: (value: T) => void) =>
        (value: T) => {
          environment.clearTimeout(timer)
          act(value)
        }
      const entry: Entry = {
        ...message,
        size: bytes,
        expires: environment.now() + waiting.age,
        sent: false,
        resolve: over(resolve),
        reject: over(reject),
      }
      if (bytes > Math.min(rules.largest(), waiting.bytes)) return reject(tooLarge(bytes))
      if (entries.length >= waiting.messages || size + bytes > waiting.bytes) return reject(because('full'))
      entries.push(entry)
      size += bytes
      if (entries.length === 1) watch()
      if (timeout !== undefined) timer = environment.setTimeout(() => giveUp(entry, timeout), timeout)
      // What is sent in one turn goes up together.
      queueMicrotask(rules.flush)
    })
  }

  function giveUp(entry: Entry, timeout: number): void {
    const detail = `its timeout is ${timeout} ms`
    if (!entry.sent) refuse(entry, because('expired', { detail }))
    // It keeps its place: later ones have the numbers after it.
    else entry.reject(because('IN_DOUBT', { detail }))
    rules.gaveUp?.(entry)
    look()
  }

  function refuse(entry: Entry, error: unknown): void {
    if (takeOut(entry)) entry.reject(error)
  }

  function takeOut(entry: Entry): boolean {
    const at = entries.indexOf(entry)
    if (at < 0) return false
    entries.splice(at, 1)
    size -= entry.size
    rules.left(at)
    if (entries.length === 0) watch()
    look()
    return true
  }

  function look(): void {
    if (entries.length === 0 && !rules.waits?.()) for (const act of whenEmpty.splice(0)) act()
  }

  function tooLarge(bytes: number): ConnectionError {
    const whose =
      bytes > waiting.bytes
        ? `the option limits.bytes is ${waiting.bytes}`
        : `the server takes ${rules.largest()}`
    return because('too-large', { detail: `it has ${bytes} bytes, and ${whose}` })
  }

  function because(kind: SendKind, failure: Partial<Failure> = {}): ConnectionError {
    const { status, code, detail } = failure
    const why = code ? say(failure as Failure) : detail
    const words = saySend(kind, waiting)
    return new ConnectionError(why ? `${words}; ${why}` : words, { kind, status })
  }

  /** The oldest entry decides when the next look for expired ones is due; it may find another in its place. */
  function watch(): void {
    environment.clearTimeout(expiry)
    const [oldest] = entries
    if (oldest) expiry = environment.setTimeout(expire, oldest.expires - environment.now())
  }

  function expire(): void {
    const [oldest] = entries
    if (oldest && oldest.expires <= environment.now()) {
      if (oldest.sent) rules.abandon()
      else refuse(oldest, because('expired'))
    }
    watch()
  }
}

export function bytesOf(payload: Payload): number {
  return typeof payload === 'string' ? utf8Length(payload) : payload.byteLength
}

/** An answer that says that nothing was taken, however it goes on. Of a request that timed out the server may have had the whole. */
export function isRefusal({ status = 0 }: Failure): boolean {
  return status >= 400 && status < 500 && status !== 408
}
