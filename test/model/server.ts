import { readWanted } from '../../server/http/wanted.ts'
import { type Refusal, refusal } from '../../server/http-error.ts'
import { type Gap, type History, isId, type Log, type Packed, type Past } from '../../server/log/log.ts'
import { memoryLog } from '../../server/log/memory-log.ts'
import { ackedForSure, acknowledgement, forget } from '../../server/sessions/acknowledgement.ts'
import {
  beatBlock,
  byeBlock,
  failBlock,
  gapBlock,
  historyBlock,
  openBlock,
  pongBlock,
  subscribedBlock,
  tickBlock,
  unsubscribedBlock,
} from '../../server/wire/control-events.ts'
import type { Block } from '../../src/wire/block.ts'
import { createParser } from '../../src/wire/parser.ts'
import { pack } from '../../src/wire/payload.ts'
import type { Published } from '../history.ts'
import type { World } from '../support/world.ts'
import type { Call, Via, Visitor, Wire } from './network.ts'

/**
 * A server of the native wire in virtual time, both versions, as docs/PROTOCOL.md has it, over a real log. It gives the topic `lobby` to everybody, and
 * refuses those that begin with `secret`.
 */
export interface ModelServer {
  serve(call: Call, wire: Wire): Visitor
  publish(data: string, topic?: string): void
  /** All channels break and all sessions are forgotten; with a new log all messages are too. */
  restart(log: 'same' | 'new'): void
  /** Sessions are forgotten, and what is open goes on until it ends. */
  forgetSessions(): void
  /** Lets all go: finishes what it works on, takes nothing more, and says how far it came. The next session is another node's. */
  farewell(): void
  /** Everything that was published, over all lives of the log. */
  readonly published: readonly (Published & { readonly topic: string })[]
  /** Everything that the application took. */
  readonly taken: readonly string[]
  /** How long the application works on each message, in ms. */
  work: number
  /** How often it was told that a topic is wanted, or is no more. */
  asked: number
}

interface Member {
  readonly id: string
  readonly channels: Set<Channel>
  /** What was accepted, and what the application is done with. */
  accepted: number
  acked: number
  refused: Map<number, Refusal> | undefined
  leaving: boolean
  busyUntil: number
  slices: string
  pinged: boolean
  left: number
  /** The topics that it has subscribed to. */
  readonly subscribed: Set<string>
  /** Where its polls have come, and what its next one has to say. */
  polls: Polls | undefined
}

interface Polls {
  readonly channel: string | undefined
  readonly turn: number
  readonly places: Map<string, Start>
  readonly refused: Set<string>
}

/** After which position a topic is heard, if not from now on; and whether its client is told of that. */
interface Start {
  readonly at: string | undefined
  readonly told: boolean
  readonly trimmed?: boolean
  /** The number of the question that it answers; 0 without one. */
  readonly number: number
}

interface Channel {
  readonly via: Via
  readonly once: boolean
  readonly topics: readonly string[]
  readonly member: Member
  readonly wire: Wire
  /** The number of the newest entry it was given. */
  at: number
  wrote: number
  readonly version: 1 | 2
  /** The topics that have a position each, and the newest id that each was given, for which question. */
  readonly feeds: Map<string, { at: string; readonly number: number }>
  readonly poll: Pick<Polls, 'channel' | 'turn'>
}

export const limits = { message: 300, batch: 600, messages: 4 }

const heartbeat = 15_000
const sessionTimeout = 120_000
const hold = 25_000
const tickAfter = 400
const retain = 8
const mostChannels = 8
const retry = 500

export function createServer(world: World): ModelServer {
  const { environment } = world
  const published: (Published & { topic: string })[] = []
  const taken: string[] = []
  const members = new Map<string, Member>()
  const channels = new Set<Channel>()
  let log = memoryLog({ retain })
  let life = 0
  let begun = 0

  const server: ModelServer = {
    serve,
    publish: (data, topic = 'lobby') => publish(topic, data),
    restart(which) {
      for (const channel of [...channels]) channel.wire.cut()
      members.clear()
      life++
      if (which === 'new') log = memoryLog({ retain })
    },
    forgetSessions() {
      for (const member of members.values()) end(member)
    },
    farewell() {
      for (const member of members.values()) {
        if (member.leaving) continue
        member.leaving = true
        whenDone(member, () => release(member))
      }
    },
    published,
    taken,
    work: 0,
    asked: 0,
  }
  return server

  function publish(topic: string, data: string): void {
    published.push({ id: append(topic, { ...pack(data), event: undefined }), data, topic })
  }

  function answer(member: Member, number: number, data: string): void {
    if (!members.has(member.id)) return
    tell(member, number, { data: JSON.stringify({ re: data }), encoding: undefined, type: 'json' })
  }

  function tell({ id }: Member, number: number, content: Omit<Packed, 'event'>): void {
    append(privateTopic(id), { ...content, event: 'rt.answer', re: `${number} ${id}` })
  }

  function append(topic: string, message: Packed): string {
    const entry = log.append(topic, message) as Exclude<ReturnType<Log['append']>, Promise<unknown>>
    for (const channel of [...channels]) {
      const feed = channel.feeds.get(topic)
      if (feed) feed.at = entry.id
      if (!feed && !channel.topics.includes(topic)) continue
      channel.at = entry.seq
      write(channel, entry.text)
    }
    return entry.id
  }

  function serve(call: Call, wire: Wire): Visitor {
    const { via, query } = call
    if (via === 'post') return servePost(call, wire)
    if (query['rt.up'] !== undefined) return serveSlice(call, wire)
    return serveChannel(call, wire)
  }

  // Down:

  function serveChannel(call: Call, wire: Wire): Visitor {
    const { via, query } = call
    const sid = query['rt.sid']
    const known = find(sid)
    if (known?.leaving) return refuse(wire)
    const member = known ?? begin()
    const lost = sid !== undefined && !members.has(sid) ? [privateTopic(sid)] : []
    const version = query['rt.v'] === '2' ? 2 : 1
    const own = privateTopic(member.id)
    const topics = version === 1 ? ['lobby', own] : [own]
    const poll = { channel: query['rt.c'], turn: Number(query['rt.n'] ?? 0) }
    const once = via === 'long-polling' || via === 'jsonp'
    const wrote = environment.now()
    const channel: Channel = {
      via,
      once,
      topics,
      member,
      wire,
      at: 0,
      wrote,
      version,
      feeds: new Map(),
      poll,
    }
    const born = life
    join(channel)
    wire.head(via === 'websocket' ? 101 : 200)
    catchUp(channel, call, lost, !known || !poll.turn)
    if (member.pinged) pong(member)
    if (via === 'eventsource' || via === 'xhr-streaming') later(tickAfter, () => say(channel, tickBlock.text))
    if (once) later(hold, () => say(channel, beatBlock(0).text))
    else beat(channel)
    return {
      up: text => born === life && hear(channel, text),
      gone: () => leave(channel),
    }
  }

  function refuse(wire: Wire): Visitor {
    wire.head(503)
    wire.end()
    return silent
  }

  function release(member: Member): void {
    for (const channel of [...member.channels]) {
      write(channel, acknowledgement(member, 0).text + byeBlock(700, member.acked).text)
      channel.wire.end()
    }
    end(member)
  }

  function catchUp(channel: Channel, call: Call, lost: string[], welcome: boolean): void {
    const { member, version } = channel
    const { 'rt.id': cursor, 'rt.s': set } = call.query
    let history = log.after(cursor, [...channel.topics, ...lost]) as History
    let text = ''
    if (welcome) {
      const { id: session } = member
      const acked = ackedForSure(member)
      const resumed = cursor !== undefined && !history.gap
      text += openBlock(cursor ?? history.start, retry, {
        session,
        resumed,
        acked,
        heartbeat,
        spread: 0,
        limits,
        ...(version > 1 && {
          topics: granted(channel, call) ? { lobby: cursor ?? history.start } : {},
          set: set === undefined ? undefined : Number(set),
        }),
      }).text
    }
    if (history.gap) text += gapBlock(history.start, history.gap).text
    channel.at = seqOf(history.start)
    for (;;) {
      for (const entry of history.entries) {
        text += entry.text
        channel.at = entry.seq
      }
      if (!history.more) break
      history = log.after(history.entries.at(-1)?.id, channel.topics) as History
    }
    if (version > 1) text += enter(channel, call, cursor)
    if (text) write(channel, text)
  }

  // Topics:

  /** Whether it is given the lobby, which its client has not named. */
  function granted({ poll }: Channel, { topics }: Call): boolean {
    if (topics.includes('')) return true
    return poll.turn === 0 && topics.every(text => readWanted(text).topic !== 'lobby')
  }

  function enter(channel: Channel, call: Call, cursor: string | undefined): string {
    const { member, poll } = channel
    const tellsLater = call.topics.includes('')
    const wanted = call.topics.filter(Boolean)
    const named = new Set(wanted.map(text => readWanted(text).topic))
    let text = ''
    if (!tellsLater && granted(channel, call))
      text += follow(channel, 'lobby', { at: cursor, told: false, number: 0 })
    const { polls } = member
    if (polls && polls.channel === poll.channel && poll.turn > polls.turn) {
      for (const [topic, start] of polls.places)
        if (!named.has(topic) && mayHear(member, topic)) text += follow(channel, topic, start)
      for (const topic of polls.refused) if (!named.has(topic)) text += refused(topic)
    }
    const owed = polls && polls.channel === poll.channel && poll.turn > polls.turn ? polls.places : undefined
    for (const each of wanted) {
      const { topic, number } = readWanted(each)
      const place = owed?.get(topic)
      // What was asked for by a message since this address was made has not been answered yet.
      if (place?.told && place.number >= number) text += follow(channel, topic, place)
      else text += ask(member, each, channel).get(channel) ?? ''
    }
    return text
  }

  function mayHear({ subscribed }: Member, topic: string): boolean {
    return topic === 'lobby' || subscribed.has(topic)
  }

  /** What it says on which channel. */
  function ask(member: Member, text: string, only?: Channel): Map<Channel, string> {
    const { topic, from, granted, number } = readWanted(text)
    const isKnown = mayHear(member, topic)
    const among = only ? [only] : [...member.channels].filter(({ version }) => version > 1)
    const say = (what: (channel: Channel) => string) =>
      new Map(among.map(channel => [channel, what(channel)]))
    if (!isKnown && granted) return new Map()
    if (topic.startsWith('secret')) {
      if (!among.length) member.polls?.refused.add(topic)
      return say(() => refused(topic))
    }
    member.subscribed.add(topic)
    const told = number > 0 || !(only && isKnown && from.by === 'id')
    let start: Start = { at: undefined, told, number }
    if (from.by === 'id') start = { at: from.id, told, number }
    if (from.by === 'last' || from.by === 'time') {
      const how = from.by === 'last' ? { limit: from.count } : { limit: 1_000, since: from.since }
      const past = log.back(topic, how) as Past
      start = { at: past.start, told, trimmed: past.trimmed, number }
    }
    const { places } = member.polls ?? {}
    if (!among.length && !isAnswered(places?.get(topic), number)) places?.set(topic, start)
    return say(channel => follow(channel, topic, start))
  }

  function refused(topic: string): string {
    return unsubscribedBlock(topic, unwanted).text
  }

  function follow({ feeds }: Channel, topic: string, { at, told, trimmed, number }: Start): string {
    if (isAnswered(feeds.get(topic), number)) return ''
    let history = log.after(at, [topic]) as History
    const from = (history.gap as Gap | undefined)?.from ?? history.start
    let text = told ? subscribedBlock(topic, isId(from) ? from : history.start, number, trimmed).text : ''
    if (history.gap) text += gapBlock(history.start, history.gap, topic).text
    let newest = history.start
    for (;;) {
      for (const entry of history.entries) {
        text += entry.text
        newest = entry.id
      }
      if (!history.more) break
      history = log.after(newest, [topic]) as History
    }
    feeds.set(topic, { at: newest, number })
    return text
  }

  function unsubscribe(member: Member, topic: string): void {
    member.subscribed.delete(topic)
    member.polls?.places.delete(topic)
    member.polls?.refused.delete(topic)
    for (const { feeds } of member.channels) feeds.delete(topic)
  }

  /** What a client tells or asks of topics, and what it is answered. Gives nothing for any other message. */
  function wishOf({ event, data = '', topic = '' }: Block): ((member: Member) => unknown) | undefined {
    if (event === 'rt.history')
      return member => {
        if (!mayHear(member, topic)) return undefined
        const { entries, start, more, trimmed } = log.back(topic, { limit: 50, ...JSON.parse(data) }) as Past
        return historyBlock(start, more, trimmed).text + entries.map(({ text }) => text).join('')
      }
    const lines = data.split('\n').filter(Boolean)
    if (event === 'rt.unsubscribe')
      return member => {
        server.asked += lines.length
        for (const topic of lines) unsubscribe(member, topic)
      }
    if (event !== 'rt.subscribe') return undefined
    return member => {
      server.asked += lines.length
      const texts = new Map<Channel, string>()
      for (const line of lines)
        for (const [channel, text] of ask(member, line)) texts.set(channel, (texts.get(channel) ?? '') + text)
      for (const [channel, text] of texts) if (text) say(channel, text)
    }
  }

  function beat(channel: Channel): void {
    const quiet = environment.now() - channel.wrote
    if (quiet >= heartbeat) say(channel, beatBlock(0).text)
    later(heartbeat - (quiet >= heartbeat ? 0 : quiet), () => channels.has(channel) && beat(channel))
  }

  function say(channel: Channel, text: string): void {
    if (channels.has(channel)) write(channel, text)
  }

  function write(channel: Channel, text: string): void {
    channel.wrote = environment.now()
    channel.wire.write(text)
    if (!channel.once) return
    const { member, feeds, poll } = channel
    const places = new Map([...feeds].map(([topic, feed]) => [topic, { ...feed, told: false }]))
    member.polls = { ...poll, places, refused: new Set() }
    leave(channel)
    channel.wire.end()
  }

  function pong(member: Member): void {
    const newest = [...member.channels].at(-1)
    member.pinged = !newest
    if (newest) write(newest, pongBlock.text)
  }

  // Up:

  function servePost({ query, body = '' }: Call, wire: Wire): Visitor {
    const answer = (status: number, text = '') => {
      wire.head(status)
      if (text) wire.write(text)
      wire.end()
    }
    const member = find(query['rt.sid'])
    const blocks = read(body)
    if (!member) answer(404)
    else if (member.leaving) answer(503)
    else if (!blocks || blocks.length > limits.messages || (blocks.length > 1 && body.length > limits.batch))
      answer(413)
    else {
      if (blocks.some(isPing)) pong(member)
      const inOrder = accept(member, blocks)
      const first = firstOf(blocks)
      whenDone(member, () => answer(inOrder ? 200 : 409, acknowledgement(member, first).text))
    }
    return silent
  }

  function serveSlice({ query }: Call, wire: Wire): Visitor {
    const answer = (text: string) => {
      wire.head(200)
      wire.write(text)
      wire.end()
    }
    const member = find(query['rt.sid'])
    if (!member || member.leaving) {
      answer(failBlock(refusal(member ? 503 : 404, 'no session')).text)
      return silent
    }
    const { 'rt.up': slice = '', 'rt.at': at, 'rt.of': length } = query
    if (at === '0') member.slices = ''
    if (Number(at) === member.slices.length) member.slices += slice
    if (member.slices.length < Number(length)) answer(acknowledgement(member, undefined).text)
    else {
      const blocks = read(member.slices)
      member.slices = ''
      if (!blocks || blocks.length > limits.messages) answer(failBlock(refusal(413, 'too much')).text)
      else {
        if (blocks.some(isPing)) pong(member)
        accept(member, blocks)
        const first = firstOf(blocks)
        whenDone(member, () => answer(acknowledgement(member, first).text))
      }
    }
    return silent
  }

  function hear(channel: Channel, text: string): void {
    const { member } = channel
    if (member.leaving) return
    const blocks = read(text)
    if (!blocks) {
      say(channel, failBlock(refusal(413, 'the message is too large')).text)
      return channel.wire.end()
    }
    for (const _ of blocks.filter(isPing)) say(channel, pongBlock.text)
    accept(member, blocks)
    const first = firstOf(blocks)
    if (first !== undefined) whenDone(member, () => say(channel, acknowledgement(member, first).text))
  }

  function read(text: string): Block[] | undefined {
    const parser = createParser({ limit: limits.message })
    const blocks = parser.feed(text)
    return parser.overflowed ? undefined : blocks
  }

  /** Whether none was missing. */
  function accept(member: Member, blocks: readonly Block[]): boolean {
    let inOrder = true
    for (const block of blocks) {
      const { id, data = '', re } = block
      if (id === undefined) continue
      if (Number(id) === member.accepted + 1) {
        member.accepted++
        bring(member, data, re === 'answer', wishOf(block))
      } else if (Number(id) > member.accepted) inOrder = false
    }
    return inOrder
  }

  /** The application takes one after the other, and each takes its time. */
  function bring(member: Member, data: string, isAsked: boolean, wish?: (member: Member) => unknown): void {
    const born = life
    member.busyUntil = Math.max(member.busyUntil, environment.now()) + server.work
    const take = () => {
      if (born !== life) return
      member.acked++
      if (wish) {
        const page = wish(member)
        if (isAsked && page === undefined)
          member.refused = (member.refused ?? new Map()).set(member.acked, unwanted)
        else if (typeof page === 'string') tell(member, member.acked, pack(page))
      } else if (isUnwanted(data)) member.refused = (member.refused ?? new Map()).set(member.acked, unwanted)
      else {
        taken.push(data)
        if (isAsked) answer(member, member.acked, data)
      }
      forget(member, member.acked - window + 1)
    }
    if (member.busyUntil === environment.now()) take()
    else later(member.busyUntil - environment.now(), take)
  }

  function whenDone(member: Member, act: () => void): void {
    const wait = member.busyUntil - environment.now()
    if (wait > 0) later(wait, act)
    else act()
  }

  // Sessions:

  function find(sid: string | undefined): Member | undefined {
    const member = members.get(sid ?? '')
    if (!member) return undefined
    if (member.channels.size > 0 || environment.now() - member.left < sessionTimeout) return member
    end(member)
    return undefined
  }

  function begin(): Member {
    const id = `s${++begun}`
    const fresh = {
      accepted: 0,
      acked: 0,
      refused: undefined,
      leaving: false,
      busyUntil: 0,
      slices: '',
      pinged: false,
      left: environment.now(),
      subscribed: new Set<string>(),
      polls: undefined,
    }
    const member: Member = { id, channels: new Set(), ...fresh }
    members.set(id, member)
    return member
  }

  function end(member: Member): void {
    members.delete(member.id)
    void log.drop(privateTopic(member.id))
  }

  function join(channel: Channel): void {
    const [oldest] = channel.member.channels
    if (oldest && channel.member.channels.size >= mostChannels) oldest.wire.cut()
    channels.add(channel)
    channel.member.channels.add(channel)
  }

  function leave(channel: Channel): void {
    channels.delete(channel)
    channel.member.channels.delete(channel)
    channel.member.left = environment.now()
  }

  function later(ms: number, act: () => void): void {
    const born = life
    environment.setTimeout(() => born === life && act(), ms)
  }
}

function isAnswered(before: { readonly number: number } | undefined, number: number): boolean {
  return before !== undefined && before.number >= number
}

/** More than a client may have unanswered. */
const window = 1_000

const unwanted = refusal(422, 'not wanted')

/** Every fifth message the application does not want, and says so. */
function isUnwanted(data: string): boolean {
  return /^up \d*[05]\b/.test(data)
}

function firstOf(blocks: readonly Block[]): number | undefined {
  const numbers = blocks.flatMap(({ id }) => (id === undefined ? [] : [Number(id)]))
  return numbers.length ? Math.min(...numbers) : undefined
}

const silent: Visitor = { up() {}, gone() {} }

function isPing({ event }: Block): boolean {
  return event === 'rt.ping'
}

function privateTopic(sid: string): string {
  return `rt.to.${sid}`
}

function seqOf(id: string): number {
  return Number(id.split('.')[1])
}
