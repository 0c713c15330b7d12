import type { Failure } from '../contracts/failure.ts'
import type { CreateOutbox, Outbox } from '../contracts/outbox.ts'
import { handOver } from '../contracts/send.ts'
import { usualWaiting } from '../contracts/waiting.ts'
import type { Environment } from '../environment.ts'
import type { Payload } from '../wire/codec.ts'
import { createQueue, type Entry } from './queue.ts'
import { type Batch, createSender, growing } from './sender.ts'
import { uplink } from './state.ts'

/** Who a server knows as the sender of numbered requests. */
export interface Producer {
  /** A name that nobody else has who writes at the same time: printable ASCII without spaces. */
  readonly id: string
  /** Of two with the same id, the one with the larger epoch shuts out the other. A whole number. */
  readonly epoch: number
}

/** What stands before the body in what is handed to a channel: the dialect makes headers of it. */
export interface Stamp extends Producer {
  /** The number of the request, from 0. */
  readonly seq: number
}

/** How the requests of one dialect are made. */
export interface ProducerRules {
  /** Asked once for each line. @default an id that nobody else has; another one takes its place once a number is in doubt */
  readonly producer?: (() => Producer) | undefined
  /** Makes one body of the texts of several messages. @default each message goes alone */
  readonly join?: ((texts: readonly string[]) => string) | undefined
}

/** One request, which is repeated as it is until its outcome is known. */
interface NumberedRequest extends Batch {
  readonly entries: readonly Entry[]
  /** Whether an earlier try of it may have been taken. */
  doubtful?: boolean
}

/** How many bytes and messages go together. */
const most = { bytes: 2 ** 16, messages: 1_000 }

/** The codes of failures after which a producer's numbers are of no use any more. */
const ended = ['fenced', 'sequence-gap']

/**
 * For a server that takes each numbered request of a producer once: a request whose answer is lost is made again, with the same number and
 * the same body, and is not taken twice. Messages that are added later wait for the next request, since a body that grows would be
 * another one.
 */
export function createProducerOutbox({ producer, join }: ProducerRules): CreateOutbox {
  return (wire, environment, lost, waiting = usualWaiting) => {
    let { id, epoch } = producer?.() ?? anybody(environment)
    let seq = 0
    let pending: NumberedRequest | undefined
    let largest = most.messages // how many messages go together
    let failures = 0 // in a row
    let useless: Failure | undefined // why nothing can be sent any more
    const sender = createSender<NumberedRequest>(environment, () => (pending ??= compose(seq)), conclude)
    const queue = createQueue(wire, environment, waiting, {
      flush: sender.flush,
      pause,
      // Its number may be used, so the request is repeated all the same.
      abandon: () => queue.refuse('IN_DOUBT'),
    })

    // The queue has those members of an outbox that have nothing to do with sending.
    return Object.assign(queue, {
      open(send) {
        pause()
        // Each channel has a function of its own, by which it is known.
        sender.signal({ type: 'opened', send: (text, done) => send(text, done) })
      },
      pause,
      renew() {},
      flush() {
        sender.flush()
        const send = uplink(sender.state)
        // A channel keeps the order, so the rest may follow the request under way.
        for (let next = seq + 1, more = compose(next); more; more = compose(++next))
          handOver({ ...(send && { send }) }, more.text, () => {})
      },
      ping: () => false,
    } satisfies Partial<Outbox>)

    /** The next request, of what waits and is not in flight. */
    function compose(number: number): NumberedRequest | undefined {
      if (useless) {
        queue.refuse('declined', [...queue.entries], useless)
        return undefined
      }
      const entries: Entry[] = []
      const texts: Payload[] = []
      let room = most.bytes
      while (entries.length < (join ? largest : 1)) {
        const text = queue.write(number)
        const [next] = queue.entries.slice(queue.unanswered)
        if (text === undefined || !next) break
        room -= next.size
        if (entries.length > 0 && room < 0) break
        texts.push(text)
        entries.push(queue.take())
      }
      if (entries.length === 0) return undefined
      const body = join ? join(texts as string[]) : (texts[0] as Payload)
      return { entries, text: stamped({ id, epoch, seq: number }, body) }
    }

    function conclude(request: NumberedRequest, failure?: Failure): void {
      const { entries } = request
      if (!failure) {
        pending = undefined
        failures = 0
        seq++
        for (const entry of entries) queue.settle([entry])
        return
      }
      const { status = 0, code, retryAfter } = failure
      if (isUnclear(status)) request.doubtful = true
      if (isUnclear(status) || status === 429) {
        const until = environment.now() + (retryAfter ?? growing(failures++))
        return sender.signal({ type: 'backOff', until })
      }
      if (status === 401) {
        sender.signal({ type: 'closed' })
        return lost(status)
      }
      pending = undefined
      if (status === 413 && entries.length > 1 && !request.doubtful) {
        largest = Math.ceil(entries.length / 2)
        for (const entry of entries) entry.sent = 0
        queue.unanswered = 0
        return
      }
      const kind =
        status === 413 ? 'too-large' : status === 403 && code !== 'fenced' ? 'forbidden' : 'declined'
      queue.refuse(request.doubtful ? 'IN_DOUBT' : kind, entries, failure)
      // Otherwise its number is free, and the next request has it.
      if (request.doubtful || ended.includes(code)) leave(failure)
    }

    /** Nobody knows which number is the next. */
    function leave(failure: Failure): void {
      if (producer) useless = failure
      else ({ id, epoch } = anybody(environment))
      seq = 0
    }

    /** What is under way may be taken, and is sent again by the next channel: the server takes it once. */
    function pause(): void {
      if (pending && sender.state.batch === pending) pending.doubtful = true
      sender.signal({ type: 'closed' })
    }
  }
}

/** Whether a request may have been taken that failed so: nothing came, it timed out, or somebody on the way had a trouble of their own. */
function isUnclear(status: number): boolean {
  return status === 0 || status === 408 || (status >= 500 && status !== 501)
}

function anybody({ random }: Environment): Producer {
  return { id: `${`${random()}`.slice(2)}${`${random()}`.slice(2)}`, epoch: 0 }
}

function stamped({ id, epoch, seq }: Stamp, body: Payload): Payload {
  const stamp = `${id} ${epoch} ${seq}\n`
  if (typeof body === 'string') return stamp + body
  const bytes = ArrayBuffer.isView(body)
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    : new Uint8Array(body)
  const all = new Uint8Array(stamp.length + bytes.length)
  all.set(new TextEncoder().encode(stamp))
  all.set(bytes, stamp.length)
  return all.buffer
}

/** Takes apart what an outbox of this kind has handed to a channel; nothing, if it is no such thing. */
export function unstamped(sent: Payload): (Stamp & { body: Payload }) | undefined {
  const text = typeof sent === 'string' ? sent : new TextDecoder('latin1').decode(sent)
  const [stamp, id, epoch, seq] = /^(\S+) (\d+) (\d+)\n/.exec(text) ?? []
  if (!stamp || !id) return undefined
  const body = typeof sent === 'string' ? sent.slice(stamp.length) : (sent as ArrayBuffer).slice(stamp.length)
  return { id, epoch: Number(epoch), seq: Number(seq), body }
}
