import type { Dialect, Limits, Outgoing } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import { type Channel, handOver } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'
import type { Payload } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'
import { ConnectionError, type SendKind } from './errors.ts'
import { say, saySend } from './say.ts'
import { usualWaiting } from './waiting.ts'

/** What waits to go up: numbered, in order, each until the server says that it took it. */
export interface Outbox {
  /** UTF-8 bytes of the messages that no answer has come for. */
  readonly size: number
  /** How many messages the present way up was given that no answer has come for. */
  readonly unanswered: number
  /**
   * Resolves when the server has taken it, or with its answer where one was asked for; rejects with a ConnectionError, after `timeout`
   * ms at the latest if it is given.
   */
  add(message: Outgoing, timeout?: number): Promise<unknown>
  /** There is a way up: everything unanswered goes out, with the numbers it had. */
  open(send: NonNullable<Channel['send']>, limits: Partial<Limits> | undefined): void
  /** There is none any more. */
  pause(): void
  /** The server has taken everything up to this number. */
  acknowledged(upTo: number | undefined): void
  /** The server did not take the message of this number; those before it are answered. */
  declined(number: number, failure: Failure): void
  /** The server has taken everything up to this number, and takes nothing more: the rest may go in another session. */
  returned(after: number): void
  /** The server's answer to the message of this number. */
  answered(number: number, data: unknown): void
  /** The server says on the way down that it does not take what it was sent. */
  refused(failure: Failure): void
  /** A new session counts from 1: what was sent in the old one and not answered may or may not have been taken. */
  renew(): void
  /** Hands over all that waits and that the pipe can take, before it is closed. */
  last(): void
  /** Calls once nothing waits any more, not even for an answer. */
  whenEmpty(act: () => void): void
  /** Asks the server for a sign of life, unless the way up is taken. */
  ping(): boolean
  close(): void
}

interface Entry extends Outgoing {
  readonly size: number
  readonly expires: number
  /** Whether a request carried it whose outcome is unknown, or that was answered otherwise than by "not taken". */
  sent: boolean
  resolve(answer?: unknown): void
  reject(error: unknown): void
}

/** What a server takes that numbers messages and does not say; of others nothing is known. */
const usual: Limits = { message: 2 ** 20, batch: 2 ** 16, messages: 1_000 }
const unlimited: Limits = { ...usual, message: Infinity }

/** So many answers in a row may acknowledge nothing of what they are to. */
const mostHollow = 5

/** `lost` is called when the session can't be used any more and a new one has to be asked for, or, with 401, a new token. */
export function createOutbox(
  dialect: Dialect,
  environment: Environment,
  lost: (status?: number) => void,
  waiting = usualWaiting,
): Outbox {
  const entries: Entry[] = []
  const asked = new Map<number, Entry>()
  const whenEmpty: (() => void)[] = []
  let written = 0 // by what number an answer names the message it is to, where none is acknowledged
  let size = 0
  let taken = 0 // numbers the server has taken; the first entry's number is one more
  let handed = 0 // entries that the present pipe has been given
  let send: Channel['send']
  const untold = dialect.acknowledges ? usual : unlimited
  let limits = unlimited
  let most = usual.messages
  let vain = 0 // requests in a row without an outcome
  let hollow = 0 // answers in a row that acknowledged nothing
  let flight: object | undefined // the request under way
  let flushing = false
  let later: unknown
  let expiry: unknown

  return {
    get size() {
      return size
    },
    get unanswered() {
      return handed
    },
    add,
    open(way, told) {
      // A pipe that has reopened by itself: what is on its way goes on.
      if (send && !dialect.acknowledges) return
      pause()
      send = (text, done) => way(text, done)
      limits = { ...untold, ...told }
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
    answered(number, data) {
      asked.get(number)?.resolve(data)
      asked.delete(number)
      lookWhetherEmpty()
    },
    refused(failure) {
      const { status } = failure
      if (status !== 401 && status !== 403) return
      for (const entry of entries.slice(0, handed)) refuse(entry, because('forbidden', failure))
    },
    renew,
    last() {
      flush()
      if (dialect.acknowledges) return
      // Behind what is under way: the pipe keeps the order.
      for (let entry = entries[handed]; send && entry; entry = entries[handed]) {
        const text = write(entry, 0)
        if (text === undefined) continue
        entry.sent = true
        handed++
        handOver({ send }, text, () => {})
      }
    },
    whenEmpty(act) {
      whenEmpty.push(act)
      lookWhetherEmpty()
    },
    ping() {
      if (!send || flight || !dialect.ping) return false
      transmit(dialect.ping, [])
      return true
    },
    close() {
      pause()
      for (const entry of [...entries]) refuse(entry, because(entry.sent ? 'IN_DOUBT' : 'closed'))
    },
  }

  function acknowledged(upTo = 0): void {
    // What was never sent cannot have been taken: such an answer is to an earlier session.
    while (taken < upTo && entries[0]?.sent) {
      taken++
      hollow = 0
      settle(entries[0])
    }
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
      const expires = environment.now() + waiting.age
      const entry: Entry = {
        ...message,
        size: bytes,
        expires,
        sent: false,
        resolve: over(resolve),
        reject: over(reject),
      }
      if (bytes > Math.min(limits.message, waiting.bytes)) return reject(tooLarge(bytes))
      if (entries.length >= waiting.messages || size + bytes > waiting.bytes) return reject(because('full'))
      entries.push(entry)
      size += bytes
      if (entries.length === 1) watch()
      if (timeout !== undefined) timer = environment.setTimeout(() => giveUp(entry, timeout), timeout)
      // What is sent in one turn goes up together.
      queueMicrotask(flush)
    })
  }

  function giveUp(entry: Entry, timeout: number): void {
    const detail = `its timeout is ${timeout} ms`
    if (!entry.sent) refuse(entry, because('expired', { detail }))
    // It keeps its place: later ones have the numbers after it.
    else entry.reject(because('IN_DOUBT', { detail }))
    for (const [number, waits] of asked) if (waits === entry) asked.delete(number)
    lookWhetherEmpty()
  }

  /** Gives the pipe what it may have now, batch by batch. A pipe that is done with one at once may have the next. */
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
    // Only text that says where a message ends can carry several.
    const count = dialect.acknowledges ? Math.min(most, limits.messages - handed) : 1
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
      const block = dialect.write(entry, dialect.acknowledges ? number : ++written)
      const bytes = bytesOf(block)
      if ((entry.sent && dialect.acknowledges) || bytes <= limits.message) return block
      refuse(entry, tooLarge(bytes))
    } catch (error) {
      // The server may have one that was sent, under a number that no other may have then.
      if (entry.sent) flushIn(growing(vain++))
      else refuse(entry, error)
    }
    return undefined
  }

  function transmit(text: Payload, batch: Entry[]): void {
    const present = {}
    const way = send as NonNullable<Channel['send']>
    const fresh = batch.filter(entry => !entry.sent)
    flight = present
    handed += batch.length
    for (const entry of batch) {
      entry.sent = true
      if (entry.answer) asked.set(written, entry)
    }
    handOver({ send: way }, text, (failure, answered) => {
      // What is numbered has gone again by the new way meanwhile.
      if (flight !== present) return
      flight = undefined
      if (failure && isRefusal(failure)) for (const entry of fresh) entry.sent = false
      if (dialect.acknowledges) outcome(failure, batch, answered)
      else if (failure) undelivered(failure, batch[0] as Entry, send === way)
      else for (const entry of batch) settle(entry)
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
    else if (status === 403) for (const entry of batch) refuse(entry, because('forbidden', failure))
    else if (status === 413 && batch.length === 1) refuse(batch[0] as Entry, because('too-large', failure))
    else if (status === 413) most = Math.ceil(batch.length / 2)
    else flushIn(retryAfter ?? growing(vain++))
  }

  /** An answer that came whole and acknowledges less than it was asked to is no progress: something has eaten the request's body, say. */
  function unacknowledged(batch: Entry[]): void {
    handed = 0
    if (++hollow <= mostHollow) return flushIn(growing(hollow - 1))
    const why =
      'the server answers with success and acknowledges nothing: has something read the request before it?'
    for (const entry of batch) refuse(entry, because('IN_DOUBT', { detail: why }))
    hollow = 0
    abandon()
  }

  /** Nothing tells a server that does not number what it has had already, so what it may have had goes no second time. */
  function undelivered(failure: Failure, entry: Entry, present: boolean): void {
    const { kind, status, retryAfter } = failure
    const gone = status !== undefined && dialect.isSessionLost?.(status)
    if (gone || kind === 'ended' || (retryAfter && (status === 429 || status === 503))) {
      handed = 0
      entry.sent = false
      asked.delete(written)
      if (gone && present) leave()
      else if (send) flushIn(retryAfter ?? 250)
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
    taken = 0
    for (const entry of entries.filter(entry => entry.sent)) refuse(entry, because('IN_DOUBT'))
  }

  /** The number of what is in doubt may have been taken or not, so no later message could be numbered: the session is of no use. */
  function abandon(): void {
    renew()
    flight = undefined
    if (dialect.acknowledges) leave()
    else flush()
  }

  /** Nothing more goes by this pipe. */
  function leave(status?: number): void {
    pause()
    lost(status)
  }

  function pause(): void {
    environment.clearTimeout(later)
    later = undefined
    send = undefined
    for (const entry of asked.values()) entry.reject(because('IN_DOUBT'))
    asked.clear()
    if (!dialect.acknowledges) return
    flight = undefined
    handed = 0
  }

  /** The server has it, or it was handed over. */
  function settle(entry: Entry): void {
    if (takeOut(entry) && !entry.answer) entry.resolve()
  }

  function refuse(entry: Entry, error: unknown): void {
    if (takeOut(entry)) entry.reject(error)
  }

  function takeOut(entry: Entry): boolean {
    const at = entries.indexOf(entry)
    if (at < 0) return false
    entries.splice(at, 1)
    size -= entry.size
    if (at < handed) handed--
    if (entries.length === 0) watch()
    lookWhetherEmpty()
    return true
  }

  function lookWhetherEmpty(): void {
    if (entries.length + asked.size === 0) for (const act of whenEmpty.splice(0)) act()
  }

  function tooLarge(bytes: number): ConnectionError {
    const whose =
      bytes > waiting.bytes
        ? `the option limits.bytes is ${waiting.bytes}`
        : `the server takes ${limits.message}`
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
    if (oldest)
      expiry = environment.setTimeout(() => expire(entries[0] as Entry), oldest.expires - environment.now())
  }

  function expire(oldest: Entry): void {
    if (oldest.expires <= environment.now()) {
      if (oldest.sent) abandon()
      else refuse(oldest, because('expired'))
    }
    watch()
  }
}

/** An answer that says that nothing was taken, however it goes on. Of a request that timed out the server may have had the whole. */
function isRefusal({ status = 0 }: Failure): boolean {
  return status >= 400 && status < 500 && status !== 408
}

function growing(times: number): number {
  return Math.min(250 * 2 ** times, 30_000)
}

function bytesOf(payload: Payload): number {
  return typeof payload === 'string' ? utf8Length(payload) : payload.byteLength
}
