import type { AnswerOf, Contract, DataOf, SendName, SendsOf, TopicOf } from '../../src/contracts/messages.ts'
import type { Block } from '../../src/wire/block.ts'
import { toJson } from '../../src/wire/codec.ts'
import { unpack } from '../../src/wire/payload.ts'
import { type Events, isPromise } from '../events.ts'
import { readWanted, type Wanted } from '../http/wanted.ts'
import { answerTo, type Refusal, type RefusalReason, refusal } from '../http-error.ts'
import type { Backwards } from '../log/log.ts'
import type { HubRecord } from '../operation/record.ts'
import type { Limits } from '../options.ts'
import { atMost } from '../patience.ts'
import { printable } from '../printer.ts'
import { fitsOnWire, longest } from '../wire/length.ts'
import { forget } from './acknowledgement.ts'
import type { Farewell, Member, Payload, Send, Session } from './session.ts'
import { inOneTurn, nextTurn } from './turns.ts'

/**
 * What the application hears of a hub.
 *
 * @typeParam Shared what pages and the server send each other
 */
export interface HubEvents<Shared = Contract> {
  /**
   * A client sent something. Its `send()` resolves when all listeners, and the promises they gave, are done, and rejects if one of
   * them failed: return the promises of what has to succeed, such as `hub.publish`. To refuse a message, throw an object or an
   * error with a numeric `status` and a `message`: the client is told both. Of an error with a status from 500 on, or with `expose: false`, it is
   * told the status alone, and you get an `error` here. Anything else that is thrown is a 500 to it, and an `error` here.
   * `data` is text, an `ArrayBuffer` for bytes, or the value that a client of ours sent as one.
   *
   * `answer` says that the client asked for an answer. That is what the first listener gives that gives something other than `undefined`, or
   * what its promise resolves to: text, bytes, or any value that JSON can hold. If none does, the client's `send()` resolves with
   * `undefined`. It comes once, also if the client has to reconnect. An answer that cannot be published is a 500 to the client, and an
   * `error` here.
   *
   * With a `Contract`, `event` tells what `data` is. Whoever writes a client of their own can send other names and other data: look at what you rely on.
   */
  message: MessageFrom<Shared>
  /**
   * A client wants to hear a topic that `authorize` has not given it by itself. Return `false`, or throw an object or an error as with `message`, to
   * refuse that topic alone, in words; whatever else you return, or a promise of it, allows it. It is asked once in a session, until it is
   * reauthorized. Without a listener `Rights.subscribe` decides, and with one both have to allow it.
   */
  subscribe: { topic: TopicOf<Shared>; session: Session<Shared> }
  /** A session began. One that moves here from another node has begun already, and is told of once. */
  open: { session: Session<Shared> }
  /**
   * A request or handshake was refused, by `authorize` or by the hub. The address is given without its query, where secrets may be.
   * Behind a proxy, `host` and `origin` tell why a page of yours counts as another's. Each text is one line of bounded length.
   */
  refused: Refused
  /**
   * A session ended: its client said goodbye, it had no channel for `sessionTimeout`, or `hub.disconnect` has ended it. `code` and `reason` are what the client gave to its
   * `close()`, which are its own words: 1000, or from 3000 to 4999, and a text of at most 123 bytes as UTF-8. Each is `undefined` when it gave none, and
   * when it just vanished. Told by the node where it was last, and not of a session whose node has gone and that nobody asked another one for.
   */
  close: { session: Session<Shared>; code: number | undefined; reason: string | undefined }
  /**
   * What happened, for a structured log: `hub.on('record', record => logger.info(record))`. One object for each event, told apart by `event`, with fields that are texts, numbers and
   * booleans, and without secrets. Where nobody listens none is made.
   */
  record: HubRecord
  /**
   * A listener failed, the log failed, a `publish`, `reply`, `send` or `drop` that nobody awaited did, or the balancer does not keep
   * clients on their node.
   */
  error: unknown
}

/** A message of a client's. With a `Contract` it is a union, told apart by `event`. */
export type MessageFrom<Shared = Contract> = {
  [Name in SendName<Shared>]: {
    data: DataOf<SendsOf<Shared, Payload>[Name]>
    event: Name
    session: Session<Shared>
    reply: Send<Shared>
    answer: boolean
  }
}[SendName<Shared>]

/**
 * What a listener of `message` may return: with a `Contract` an answer that one of its events has, a promise of one, or nothing. Where it has no answers,
 * and without one, anything.
 */
export type Answering<Shared> = [AnswerOf<SendsOf<Shared>[SendName<Shared>]>] extends [never]
  ? unknown
  : Given<AnswerOf<SendsOf<Shared>[SendName<Shared>]>>

// biome-ignore lint/suspicious/noConfusingVoidType: an async function that returns nothing gives a promise of that
type Given<Answer> = Answer | void | PromiseLike<Answer | void>

/** A request that was refused, and what the client is told. */
export interface Refused {
  /** The HTTP status that it was answered with. */
  status: number
  /** Why, in a word out of a list that is known beforehand: metrics count by it. */
  reason: RefusalReason
  /** Why, for people. */
  message: string
  /** Seconds. */
  retryAfter: number | undefined
  /** The transport that it names, if it names one. */
  via: string | undefined
  /** GET, or POST for what a client sends. Empty, as `path` is, where a connection was turned away before its request was read. */
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
  'subscribe',
  'open',
  'close',
  'refused',
  'record',
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
  /** What the client says as it ends the session; `undefined` if it does not end it. */
  bye: Farewell | undefined
}

/**
 * Takes each number of a session once, and brings the messages to the application one after the other. Throws a refusal,
 * before anything is taken, if a block is malformed or this client may not send.
 */
export type Inbox = (member: Member, blocks: readonly Block[], maySend: boolean) => Accepted

/** What a client asks of the hub itself, by messages of the protocol's own. */
export interface Wishes {
  subscribe(member: Member, wanted: readonly Wanted[]): void
  unsubscribe(member: Member, topics: readonly string[]): void
  /** Gives a page of what a topic keeps, as a text of blocks. Throws a refusal if the session does not hear the topic. */
  history(member: Member, topic: string, how: Backwards): unknown
}

/** So many characters of a ping are repeated. */
const repeated = 32

interface Message {
  number: number
  event: string
  data: Payload
  /** What it asks of the hub, if it is none of the application's. */
  wish?: (member: Member) => unknown
  /** Whether an answer is asked for. */
  answer: boolean
}

/**
 * It is kept of the last `messages` numbers which of them were refused. `answer` publishes what a listener gave as the answer to a message, or
 * throws. `overdue` is called for each message that took longer than `handling`.
 */
export function createInbox(
  events: Events<HubEvents>,
  { message: largest, messages: window, handling }: Pick<Limits, 'message' | 'messages' | 'handling'>,
  answer: (member: Member, number: number, value: unknown) => unknown,
  overdue: () => void,
  wishes: Wishes,
): Inbox {
  // What can be published is taken, and what the application lets in beyond that.
  const most = Math.max(largest, longest)
  return (member, blocks, maySend) => {
    const bye = blocks.find(block => block.event === 'rt.bye')
    const messages = blocks.filter(isMessage).map(block => readMessage(block, most, wishes))
    if (messages.some(({ wish }) => !wish) && !maySend) throw refusal(403, 'sending is not allowed')
    // Before anything else: whoever is told that its session is unknown does not come again to hear why that was ended.
    if (messages.length && member.leaving)
      throw refusal(503, 'nothing is taken from this session any more', 1, 'draining')
    if (member.stage === 'over') throw refusal(404, 'session unknown')
    for (const { event, data = '' } of blocks) if (event === 'rt.drop') member.carrier?.drop(data)
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
      bye: bye && readFarewell(bye.data),
    }
  }

  async function bring(member: Member, messages: readonly Message[]): Promise<void> {
    const { session } = member
    const reply = session.send
    let done = 0
    for (const { number, event, data, answer, wish } of messages) {
      if (++done % inOneTurn === 0) await nextTurn()
      // Not begun, not taken: a node that stops need not finish a long queue first, nor does it help a client that is long gone.
      if (member.leaving || member.stage === 'over') return
      let why: Refusal | undefined
      const failed = (thrown: unknown) => {
        const said = explain(thrown)
        why ??= said
      }
      let given: unknown
      try {
        given = wish ? wish(member) : events.tell('message', { data, event, session, reply, answer }, failed)
      } catch (thrown) {
        failed(thrown)
      }
      if (isPromise(given)) {
        const working = given.then(value => {
          given = value
        }, failed)
        if (!(await atMost(handling, working))) why ??= late(number, session)
      }
      if (answer && !why) why = await publish(member, number, given)
      if (why) member.refused = (member.refused ?? new Map()).set(number, why)
      member.acked = number
      forget(member, number - window + 1)
    }
  }

  /** Before the number counts as done, so that whoever asks again finds the answer. Nobody hears it in a session that is over. */
  async function publish(member: Member, number: number, value: unknown): Promise<Refusal | undefined> {
    if (member.stage === 'over') return undefined
    let why: Refusal | undefined
    const publishing = (async () => answer(member, number, value))().then(undefined, thrown => {
      why = explain(thrown)
    })
    return (await atMost(handling, publishing)) ? why : late(number, member.session)
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

/** So many bytes a reason may have, as that of a WebSocket (RFC 6455, 5.5). */
const longestReason = 123

/** What is not as it should be is as if it had not been said: the session ends in any case. */
function readFarewell(data = ''): Farewell {
  let said: { code?: unknown; reason?: unknown } = {}
  try {
    said = Object(JSON.parse(data || '{}'))
  } catch {
    // It is no JSON.
  }
  const { code, reason } = said
  return {
    code: isCode(code) ? code : undefined,
    reason:
      typeof reason === 'string' && reason && Buffer.byteLength(reason) <= longestReason ? reason : undefined,
  }
}

/** Those that a page may close a WebSocket with. */
function isCode(code: unknown): code is number {
  return Number.isInteger(code) && (code === 1_000 || ((code as number) >= 3_000 && (code as number) < 5_000))
}

function readMessage(
  { id, event = 'message', data, encoding, type, re, topic }: Block,
  most: number,
  wishes: Wishes,
): Message {
  const number = /^[1-9]\d{0,15}$/.test(id ?? '') ? Number(id) : Number.NaN
  if (!Number.isSafeInteger(number)) throw refusal(400, 'the id of a message is its number: 1, 2, 3 …')
  const wish = readWish({ event, data, topic }, wishes)
  if (wish) return { number, event, data: '', answer: re === 'answer', wish }
  if (event.startsWith('rt.') || event.includes('\0'))
    throw refusal(400, `${printable(event)} is no name for a message`)
  if (data === undefined) throw refusal(400, `message ${number} has no data`)
  const read = unpacked(number, data, encoding)
  if (!fitsOnWire(read, most)) throw refusal(413, `message ${number} is too large`)
  const value = type === 'json' ? parsed(number, read, most) : read
  return { number, event, data: value, answer: re === 'answer' }
}

/** Each line of its data is about one topic. */
function readWish(
  { event, data = '', topic = '' }: Partial<Block>,
  wishes: Wishes,
): ((member: Member) => unknown) | undefined {
  if (event === 'rt.history') {
    const how = readPage(data)
    return member => wishes.history(member, topic, how)
  }
  const lines = data.split('\n').filter(Boolean)
  if (event === 'rt.unsubscribe') return member => wishes.unsubscribe(member, lines)
  if (event !== 'rt.subscribe') return undefined
  const wanted = lines.map(readWanted)
  return member => wishes.subscribe(member, wanted)
}

/** How many messages a page has, unless its reader says so, and at most. */
const usualPage = 50
const longestPage = 1_000

function readPage(data: string): Backwards {
  let asked: { before?: unknown; limit?: unknown; since?: unknown } = {}
  try {
    asked = Object(JSON.parse(data || '{}'))
  } catch {
    throw refusal(400, 'what is asked of a history is no JSON')
  }
  const { before, limit = usualPage, since } = asked
  if (before !== undefined && typeof before !== 'string')
    throw refusal(400, `before is ${printable(`${before}`)}; it is the id of a message`)
  if (!Number.isSafeInteger(limit) || (limit as number) < 1)
    throw refusal(400, `limit is ${printable(`${limit}`)}; it is a number of messages, 1 or more`)
  if (since !== undefined && typeof since !== 'number')
    throw refusal(400, `since is ${printable(`${since}`)}; it is a time in ms`)
  return { before, limit: Math.min(limit as number, longestPage), since }
}

function unpacked(number: number, data: string, encoding: string | undefined): string | ArrayBuffer {
  try {
    return unpack(data, encoding)
  } catch {
    throw refusal(400, `the data of message ${number} is not ${printable(`${encoding}`)}`)
  }
}

/** An application that passes on what it gets can pass on this: no number in it is beyond all others, and it is not nested too deeply to be written. */
function parsed(number: number, text: string | ArrayBuffer, most: number): Payload {
  let value: Payload
  let again: string
  try {
    value = JSON.parse(text as string)
    again = toJson(value)
  } catch {
    throw refusal(400, `the data of message ${number} is not JSON`)
  }
  if (!fitsOnWire(again, most)) throw refusal(413, `message ${number} is too large`)
  return value
}

function acceptable(messages: readonly Message[], taken: number): Message[] {
  const accepted: Message[] = []
  for (const message of messages) if (message.number === taken + accepted.length + 1) accepted.push(message)
  return accepted
}
