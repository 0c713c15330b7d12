import type { Block } from '../../src/wire/block.ts'
import { unpack } from '../../src/wire/payload.ts'
import type { Events } from '../events.ts'
import { answerTo, type Refusal, refusal } from '../http-error.ts'
import type { Limits } from '../options.ts'
import { atMost } from '../patience.ts'
import { printable } from '../printer.ts'
import { fitsOnWire, longest } from '../wire/length.ts'
import { forget } from './acknowledgement.ts'
import type { Member, Send, Session } from './session.ts'
import { inOneTurn, nextTurn } from './turns.ts'

/** What the application hears of a hub. */
export interface HubEvents {
  /**
   * A client sent something. Its `send()` resolves when all listeners, and the promises they gave, are done, and rejects if one of
   * them failed: return the promises of what has to succeed, such as `hub.publish`. To refuse a message, throw an object or an
   * error with a numeric `status` and a `message`: the client is told both. Of an error with a status from 500 on, or with `expose: false`, it is
   * told the status alone, and you get an `error` here. Anything else that is thrown is a 500 to it, and an `error` here.
   */
  message: { data: string | ArrayBuffer; event: string; session: Session; reply: Send }
  /** A session began. */
  open: { session: Session }
  /**
   * A request or handshake was refused, by `authorize` or by the hub. The address is given without its query, where secrets may be.
   * Behind a proxy, `host` and `origin` tell why a page of yours counts as another's. Each text is one line of bounded length.
   */
  refused: Refused
  /** A session ended: its client said goodbye, or it had no channel for `sessionTimeout`. */
  close: { session: Session }
  /**
   * A listener failed, the log failed, a `publish`, `reply`, `send` or `drop` that nobody awaited did, or the balancer does not keep
   * clients on their node.
   */
  error: unknown
}

/** A request that was refused, and what the client is told. */
export interface Refused {
  /** The HTTP status that it was answered with. */
  status: number
  /** Why. */
  message: string
  /** Seconds. */
  retryAfter: number | undefined
  /** The transport that it names, if it names one. */
  via: string | undefined
  /** GET, or POST for what a client sends. */
  method: string
  /** Without the query. */
  path: string
  /** The host that was asked for. */
  host: string | undefined
  /** The origin of the page that asked, if the request told it. */
  origin: string | undefined
  /** The client's. */
  address: string
}

export const hubEvents = [
  'message',
  'open',
  'close',
  'refused',
  'error',
] as const satisfies (keyof HubEvents)[]

/** What came of some blocks a client sent. */
export interface Accepted {
  /** How many messages there were, known ones included: they are to be answered when `member.done` settles. */
  messages: number
  /** The lowest of their numbers. */
  first: number | undefined
  /** Whether a number was missing; nothing after it was accepted. */
  inOrder: boolean
  /** The data of each `rt.ping`. */
  pings: readonly string[]
  /** Whether the client ends the session. */
  bye: boolean
}

/**
 * Takes each number of a session once, and brings the messages to the application one after the other. Throws a refusal,
 * before anything is taken, if a block is malformed or this client may not send.
 */
export type Inbox = (member: Member, blocks: readonly Block[], maySend: boolean) => Accepted

/** So many characters of a ping are repeated. */
const repeated = 32

interface Message {
  number: number
  event: string
  data: string | ArrayBuffer
}

/** It is kept of the last `messages` numbers which of them were refused. `overdue` is called for each message that took longer than `handling`. */
export function createInbox(
  events: Events<HubEvents>,
  { message: largest, messages: window, handling }: Pick<Limits, 'message' | 'messages' | 'handling'>,
  overdue: () => void,
): Inbox {
  // What can be published is taken, and what the application lets in beyond that.
  const most = Math.max(largest, longest)
  return (member, blocks, maySend) => {
    const messages = blocks.filter(isMessage).map(block => readMessage(block, most))
    if (messages.length && !maySend) throw refusal(403, 'sending is not allowed')
    if (member.stage === 'over') throw refusal(404, 'session unknown')
    if (messages.length && member.leaving) throw refusal(503, 'the server is going away', 1)
    const accepted = acceptable(messages, member.taken)
    if (accepted.length) {
      // The check and the taking are one step, so that the same number arriving on two channels is taken once.
      member.taken += accepted.length
      member.done = member.done.then(() => bring(member, accepted))
    }
    return {
      messages: messages.length,
      first: messages.reduce<number | undefined>(
        (least, { number }) => Math.min(number, least ?? number),
        undefined,
      ),
      inOrder: messages.every(message => message.number <= member.taken),
      pings: blocks
        .filter(block => block.event === 'rt.ping')
        .map(({ data = '' }) => data.slice(0, repeated)),
      bye: blocks.some(block => block.event === 'rt.bye'),
    }
  }

  async function bring(member: Member, messages: readonly Message[]): Promise<void> {
    const { session } = member
    const reply = session.send
    let done = 0
    for (const { number, event, data } of messages) {
      if (++done % inOneTurn === 0) await nextTurn()
      // Not begun, not taken: a node that stops need not finish a long queue first, nor does it help a client that is long gone.
      if (member.leaving || member.stage === 'over') return
      let why: Refusal | undefined
      const working = events.tell('message', { data, event, session, reply }, thrown => {
        const said = explain(thrown)
        why ??= said
      })
      if (working && !(await atMost(handling, working))) why ??= late(number, session)
      if (why) member.refused = (member.refused ?? new Map()).set(number, why)
      member.acked = number
      forget(member, number - window + 1)
    }
  }

  /** What never ends must not keep the session from sending for ever. */
  function late(number: number, { id }: Session): Refusal {
    overdue()
    events.report(
      new Error(
        `a listener for 'message' is not done with message ${number} of session ${id} after ${handling} ms (limits.handling); its sender is told 504`,
      ),
    )
    return tooLate
  }

  /** What a listener says to the client by throwing it; a failure is the application's to know. */
  function explain(thrown: unknown): Refusal {
    const { why, withheld } = answerTo(thrown, { trusting: true })
    if (withheld) events.report(thrown)
    return why
  }
}

const tooLate = refusal(504, 'the application is not done with it; it may be later')

/** Blocks of names this version does not know, and a lone `retry`, are passed over, as PROTOCOL.md says of fields. */
function isMessage({ id, event, data }: Block): boolean {
  return id !== undefined || (data !== undefined && !event?.startsWith('rt.'))
}

function readMessage({ id, event = 'message', data, encoding }: Block, most: number): Message {
  const number = /^[1-9]\d{0,15}$/.test(id ?? '') ? Number(id) : Number.NaN
  if (!Number.isSafeInteger(number)) throw refusal(400, 'the id of a message is its number: 1, 2, 3 …')
  if (event.startsWith('rt.') || event.includes('\0'))
    throw refusal(400, `${printable(event)} is no name for a message`)
  if (data === undefined) throw refusal(400, `message ${number} has no data`)
  const read = unpacked(number, data, encoding)
  if (!fitsOnWire(read, most)) throw refusal(413, `message ${number} is too large`)
  return { number, event, data: read }
}

function unpacked(number: number, data: string, encoding: string | undefined): string | ArrayBuffer {
  try {
    return unpack(data, encoding)
  } catch {
    throw refusal(400, `the data of message ${number} is not ${printable(`${encoding}`)}`)
  }
}

function acceptable(messages: readonly Message[], taken: number): Message[] {
  const accepted: Message[] = []
  for (const message of messages) if (message.number === taken + accepted.length + 1) accepted.push(message)
  return accepted
}
