import type { Dialect, Limits, Outgoing } from '../dialects/dialect.ts'
import type { Environment } from '../environment.ts'
import type { Failure } from '../transports/failure.ts'
import type { Pipe } from '../transports/transport.ts'
import type { Payload } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'
import { ConnectionError, type SendKind } from './errors.ts'

/** What waits to go up: numbered, in order, each until the server says that it took it. */
export interface Outbox {
  /** UTF-8 bytes of the messages that no answer has come for. */
  readonly size: number
  /** Resolves when the server has taken it, or with its answer where one was asked for; rejects with a ConnectionError. */
  add(message: Outgoing): Promise<unknown>
  /** There is a way up: everything unanswered goes out, with the numbers it had. */
  open(send: NonNullable<Pipe['send']>, limits: Partial<Limits> | undefined): void
  /** There is none any more. */
  pause(): void
  /** The server has taken everything up to this number. */
  acknowledged(upTo: number | undefined): void
  /** The server did not take the message of this number; those before it are answered. */
  declined(number: number, failure: Failure): void
  /** The server's answer to the message of this number. */
  answered(number: number, data: unknown): void
  /** The server says on the way down that it does not take what it was sent. */
  refused(failure: Failure): void
  /** A new session counts from 1: what was sent in the old one and not answered may or may not have been taken. */
  renew(): void
  /** Asks the server for a sign of life, unless the way up is taken. */
  ping(): boolean
  close(): void
}

interface Entry extends Outgoing {
  readonly size: number
  readonly expires: number
  /** Whether any pipe ever carried it. */
  sent: boolean
  resolve(answer?: unknown): void
  reject(error: ConnectionError): void
}

const mostMessages = 1_000
const mostBytes = 2 ** 20
const longest = 120_000

const usual: Limits = { message: 2 ** 20, batch: 2 ** 16, messages: 1_000 }

/** `lost` is called when the session can't be used any more and a new one has to be asked for, or, with 401, a new token. */
export function createOutbox(
  dialect: Dialect,
  environment: Environment,
  lost: (status?: number) => void,
): Outbox {
  const entries: Entry[] = []
  const asked = new Map<number, Entry>()
  let written = 0 // by what number an answer names the message it is to, where none is acknowledged
  let size = 0
  let taken = 0 // numbers the server has taken; the first entry's number is one more
  let handed = 0 // entries that the present pipe has been given
  let send: Pipe['send']
  let limits = usual
  let most = usual.messages
  let vain = 0
  let busy = false
  let later: unknown
  let expiry: unknown

  return {
    get size() {
      return size
    },
    add,
    open(way, told) {
      // A pipe that has reopened by itself: what is on its way goes on.
      if (send && !dialect.acknowledges) return
      pause()
      send = (text, done) => way(text, done)
      limits = { ...usual, ...told }
      most = limits.messages
      flush()
    },
    pause,
    acknowledged,
    declined(number, failure) {
      acknowledged(number - 1)
      if (taken !== number - 1 || !entries[0]?.sent) return
      taken++
      settle(entries[0], 'declined', failure)
    },
    answered(number, data) {
      asked.get(number)?.resolve(data)
      asked.delete(number)
    },
    refused({ status }) {
      if (status !== 401 && status !== 403) return
      for (const entry of entries.slice(0, handed)) settle(entry, 'forbidden')
    },
    renew,
    ping() {
      if (!send || busy || !dialect.ping) return false
      transmit(dialect.ping, 0)
      return true
    },
    close() {
      pause()
      for (const entry of [...entries]) settle(entry, entry.sent ? 'IN_DOUBT' : 'closed')
    },
  }

  function acknowledged(upTo = 0): void {
    // What was never sent cannot have been taken: such an answer is to an earlier session.
    while (taken < upTo && entries[0]?.sent) {
      taken++
      settle(entries[0])
    }
  }

  function add(message: Outgoing): Promise<unknown> {
    const bytes = bytesOf(message.data)
    return new Promise((resolve, reject) => {
      const entry = {
        ...message,
        size: bytes,
        expires: environment.now() + longest,
        sent: false,
        resolve,
        reject,
      }
      if (bytes > limits.message) return refuse(entry, 'too-large')
      if (entries.length >= mostMessages || size + bytes > mostBytes) return refuse(entry, 'full')
      entries.push(entry)
      size += bytes
      if (entries.length === 1) watch()
      // What is sent in one turn goes up together.
      queueMicrotask(flush)
    })
  }

  /** Gives the pipe what it may have now: all that waits, up to the limits of one batch. */
  function flush(): void {
    if (!send || busy || later !== undefined || handed >= entries.length) return
    const first = entries[handed] as Entry
    let text = dialect.write(first, dialect.acknowledges ? taken + handed + 1 : ++written)
    if (first.answer) asked.set(written, first)
    let room = limits.batch - bytesOf(text)
    let count = 1
    if (!first.sent && dialect.acknowledges && bytesOf(text) > limits.message) {
      settle(first, 'too-large')
      return flush()
    }
    first.sent = true
    // Only text that says where a message ends can carry several.
    while (dialect.acknowledges && count < most) {
      const entry = entries[handed + count]
      const block = entry && (dialect.write(entry, taken + handed + count + 1) as string)
      if (!block || bytesOf(block) > room) break
      room -= bytesOf(block)
      entry.sent = true
      text += block
      count++
    }
    transmit(text, count)
  }

  function transmit(text: Payload, count: number): void {
    busy = true
    const batch = entries.slice(handed, handed + count)
    handed += count
    const way = send as NonNullable<Pipe['send']>
    way(text, failure => {
      // What is numbered has gone again by the new way meanwhile.
      if (send !== way && dialect.acknowledges) return
      busy = false
      if (failure)
        return dialect.acknowledges
          ? failed(failure, batch)
          : undelivered(failure, batch[0] as Entry, send === way)
      vain = 0
      if (!dialect.acknowledges) for (const entry of batch) settle(entry)
      flush()
    })
  }

  /** Unless the server refuses them for good, the same messages go again with the same numbers. */
  function failed({ status, retryAfter }: Failure, batch: Entry[]): void {
    handed = 0
    // What a 409 carries is of no use: the first number is the one after the last acknowledged, so a server that misses one before it
    // has forgotten what it acknowledged. Unless a box brought two requests in the wrong order, which a second try shows.
    if (status === 404 || status === 410 || (status === 409 && vain > 0)) return lost()
    if (status === 401) return lost(status)
    if (status === 403) for (const entry of batch) settle(entry, 'forbidden')
    else if (status === 413 && batch.length === 1) settle(batch[0] as Entry, 'too-large')
    else if (status === 413) most = Math.ceil(batch.length / 2)
    else {
      return flushIn(retryAfter ?? Math.min(250 * 2 ** vain++, 30_000))
    }
    flush()
  }

  /** Nothing tells a server that does not number what it has had already, so what it may have had goes no second time. */
  function undelivered(failure: Failure, entry: Entry, present: boolean): void {
    const { kind, status, retryAfter } = failure
    const gone = status !== undefined && dialect.gone?.(status)
    if (gone || kind === 'ended' || (retryAfter && (status === 429 || status === 503))) {
      handed = 0
      entry.sent = false
      asked.delete(written)
      if (gone && present) lost()
      else if (send) flushIn(retryAfter ?? 250)
      return
    }
    const why =
      status === undefined || status >= 500 ? 'IN_DOUBT' : status === 413 ? 'too-large' : 'forbidden'
    settle(entry, why, failure)
    flush()
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
    for (const entry of entries.filter(entry => entry.sent)) settle(entry, 'IN_DOUBT')
  }

  function pause(): void {
    environment.clearTimeout(later)
    later = undefined
    send = undefined
    for (const entry of asked.values()) refuse(entry, 'IN_DOUBT')
    asked.clear()
    if (!dialect.acknowledges) return
    busy = false
    handed = 0
  }

  /** Takes an entry out: taken, or refused with the reason. */
  function settle(entry: Entry, refused?: SendKind, failure?: Failure): void {
    const at = entries.indexOf(entry)
    if (at < 0) return
    entries.splice(at, 1)
    size -= entry.size
    if (at < handed) handed--
    if (entries.length === 0) watch()
    if (refused) refuse(entry, refused, failure)
    else if (!entry.answer) entry.resolve()
  }

  function refuse(entry: Entry, kind: SendKind, { status, message }: Partial<Failure> = {}): void {
    const text = message ? `${words[kind]}; ${message}` : words[kind]
    entry.reject(new ConnectionError(text, { kind, status }))
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
      if (!oldest.sent) settle(oldest, 'expired')
      else {
        // Its number may have been taken or not, so no later message could be numbered: the session is of no use any more.
        renew()
        busy = false
        if (dialect.acknowledges) lost()
        else flush()
      }
    }
    watch()
  }
}

function bytesOf(payload: Payload): number {
  return typeof payload === 'string' ? utf8Length(payload) : payload.byteLength
}

const words: Record<SendKind, string> = {
  IN_DOUBT: 'IN_DOUBT: the message was sent and no answer came; it may or may not have been taken',
  full: `the message was not sent: ${mostMessages} messages or ${mostBytes} bytes are waiting already; send less, or wait for earlier sends`,
  expired: `the message was not sent: there was no line for ${longest} ms`,
  'too-large': 'the message was not sent: it is larger than the server takes; split it',
  forbidden: 'the message was not taken: the server lets this line listen only',
  declined: 'the message was not taken',
  closed: 'the message was not sent: the line was closed',
}
