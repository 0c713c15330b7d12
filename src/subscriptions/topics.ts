import { ConnectionError } from '../contracts/errors.ts'
import type { Failure } from '../contracts/failure.ts'
import type { People } from '../contracts/presence.ts'
import { say } from '../contracts/say.ts'
import type { CreateTopics, TopicPlace, TopicServer } from '../contracts/topics.ts'
import { largest } from '../wire/codec.ts'
import { createParser } from '../wire/parser.ts'
import { utf8Length } from '../wire/payload.ts'
import { readCrowd } from './crowd.ts'
import { type Page, type Topic, TopicSubscription } from './subscription.ts'
import { readWish } from './wish.ts'

/** A topic that the line hears, or wants to. */
interface Known extends TopicPlace, Topic {
  cursor: string
  /** Where it wants to begin, as long as it has no cursor. */
  readonly wish: string
  /** Whether it comes with the line's address, so that it is heard without being asked for. */
  granted: boolean
  stand: Stand
  people: People | undefined
  readonly subscriptions: Set<TopicSubscription>
}

/** How the line stands in a topic. */
type Stand =
  /** Its position was given as the line was made, and it may be heard without being asked for. */
  | { readonly is: 'remembered' }
  /** The question of this number is not answered: what comes until then is of an earlier one. `exact`: it asks for what is behind a position. */
  | { readonly is: 'asked'; readonly number: number; readonly exact: boolean }
  /** What comes is what follows. `exact`: the number of the question, if it asked for what is behind a position. */
  | { readonly is: 'heard'; readonly exact?: number | undefined }

/** How many characters an address may give to topics. Of more the server is told behind its greeting. */
const roomInAddress = 2_000

/** How many bytes one message tells of topics, if its server takes that many. */
const roomInMessage = 16_000

/** What a message has besides, in bytes: its number, its name, and the beginning of a line for each topic, most of which take so much. */
const besides = 100

/** A line's topics are a set that changes. Its server is told of the set by addresses, and of changes by messages: docs/PROTOCOL.md, "Topics". */
export const subscriptions: CreateTopics = () => {
  const topics = new Map<string, Known>()
  let set = 0 // counts the changes, and so the questions
  let isTold = false // whether the server knows the set, but for `changed`
  let changed = new Set<string>()
  let left = new Set<string>() // of those that were changed
  let messages = 0
  const underWay = new Map<string, number>() // the last message that tells of a topic
  let strays = new Set<string>()
  let isClosed = false
  let room = roomInMessage
  let server: TopicServer

  return {
    find({ topic = '', event, re }, beside) {
      // Its address may have named a topic that was left and asked for again since. If it comes to carry the line it is told all.
      if (beside && beside.set !== set) return undefined
      const known = topics.get(topic)
      // It was left, and the server does not know yet; or an older address has named it once more.
      if (!known && isTold && !strays.has(topic)) {
        strays.add(topic)
        change(topic)
      }
      // These need no position.
      if (known?.stand.is !== 'asked' || /^rt\.(unsubscribed|presence)$/.test(event ?? '')) return known
      return event === 'rt.subscribed' && Number(re) === known.stand.number ? known : undefined
    },
    get hasAny() {
      return topics.size > 0
    },
    query() {
      const lines = [...topics.values()].map(lineOf)
      const size = lines.reduce((sum, line) => sum + escaped(line).length + 6, 0)
      if (size > roomInAddress) return [['rt.t', '']]
      return [['rt.s', `${set}`], ...lines.map(line => ['rt.t', line] as const)]
    },
    write(cursor) {
      const places = [...topics.values()].filter(({ cursor }) => cursor)
      return [cursor, ...places.map(({ topic, cursor }) => `${cursor}:${escaped(topic)}`)].join()
    },
    read(position) {
      const [cursor = '', ...places] = position.split(',')
      for (const place of places) {
        const [id, name] = place.split(':')
        const topic = id && name && unescaped(name)
        if (topic) add(topic, id, '')
      }
      return cursor
    },
    attach(own) {
      server = own
    },
    greeted(granted) {
      for (const topic of Object.keys(granted)) {
        const known = topics.get(topic) ?? add(topic, '', '')
        known.granted = true
        if (known.stand.is === 'asked') continue
        known.stand = { is: 'heard' }
        known.cursor ||= `${granted[topic]}`
      }
    },
    welcomed(taken, most = roomInMessage) {
      room = Math.min(roomInMessage, most - besides)
      isTold = true
      changed = new Set(taken === set ? [] : topics.keys())
      strays = new Set()
      for (const known of topics.values()) {
        // By another address a topic may be heard already from elsewhere, and it would go on as it is.
        if (changed.size > 0 && known.subscriptions.size > 0) ask(known)
        else if (known.stand.is === 'heard') confirm(known)
      }
      flush()
    },
    interrupted() {
      isTold = false
      changed.clear()
    },
    subscribed(topic, re, ahead, trimmed) {
      const known = topics.get(topic)
      if (!known) return
      const { stand } = known
      if (stand.is === 'asked') known.stand = { is: 'heard', exact: stand.exact ? stand.number : undefined }
      // What lies between is not on its way: this channel began too late for it. A server that was asked for it and begins there all the same has
      // nothing better.
      else if (ahead && !(stand.is === 'heard' && re !== undefined && re === stand.exact)) return ask(known)
      else known.stand = { ...stand, is: 'heard' }
      confirm(known, trimmed)
    },
    unsubscribed(topic, failure) {
      const known = topics.get(topic)
      if (!known) return
      topics.delete(topic)
      const error = declined({ ...failure, code: 'topic-refused' }, topic)
      for (const each of [...known.subscriptions]) each.end('refused', error)
    },
    present(topic, data) {
      const known = topics.get(topic)
      if (!known) return
      const crowd = readCrowd(known.people, data)
      known.people = crowd.people
      const error = crowd.failure && declined(crowd.failure, topic)
      if (crowd.people || error) for (const each of [...known.subscriptions]) each.crowd(crowd, error)
    },
    closed(failure) {
      isClosed = !failure
      const error = failure && new ConnectionError(say(failure), failure)
      for (const { subscriptions } of topics.values())
        for (const each of [...subscriptions])
          if (error) each.fail(error)
          else each.close()
    },
    subscribe(owner, topic, options) {
      const { id, from } = readWish(topic, options)
      const known = topics.get(topic) ?? add(topic, id, from)
      const isNew = known.subscriptions.size === 0
      const tellSet = () => {
        if (topics.get(topic) === known) change(topic)
      }
      const subscription = new TopicSubscription(owner, known, { page, isNewer }, tellSet, each => {
        known.subscriptions.delete(each)
        if (!asksWho(known)) known.people = undefined
        if (known.subscriptions.size > 0 || known.granted || topics.get(topic) !== known) return
        topics.delete(topic)
        left.add(topic)
        change(topic)
      })
      known.subscriptions.add(subscription)
      if (isClosed) subscription.close()
      else if (known.stand.is === 'heard' || known.granted || !isNew) subscription.hold(id, from)
      if (known.stand.is === 'heard') queueMicrotask(() => known.stand.is === 'heard' && confirm(known))
      else if (isNew && !isClosed) ask(known)
      return subscription
    },
    message(owner, topic, type, value, lastEventId, origin) {
      const known = topics.get(topic)
      if (known?.subscriptions.size)
        for (const each of of(owner, known)) each.message(type, value, lastEventId, origin)
    },
    gap(owner, topic, gap) {
      for (const each of of(owner, topics.get(topic))) each.lost(gap)
    },
    left(owner) {
      for (const known of [...topics.values()]) for (const each of of(owner, known)) each.close()
    },
  }

  function isNewer({ lastEventId: id }: { lastEventId: string }, other: { lastEventId: string }): boolean {
    return server.read({ id, event: undefined, data: '' }, other.lastEventId).type !== 'nothing'
  }

  async function page(topic: string, how: object): Promise<Page> {
    const text = await server.tell('rt.history', JSON.stringify(how), topic, true)
    const [head, ...blocks] = createParser({ bom: false, limit: largest }).feed(`${text}`)
    const { more, trimmed } = JSON.parse(head?.data ?? '{}')
    return { more, trimmed, start: head?.id, messages: blocks.map(block => server.read(block, '')) }
  }

  function add(topic: string, cursor: string, wish: string): Known {
    const known: Known = {
      topic,
      cursor,
      session: undefined,
      wish,
      granted: false,
      stand: { is: 'remembered' },
      people: undefined,
      subscriptions: new Set(),
    }
    topics.set(topic, known)
    return known
  }

  function confirm(known: Known, trimmed = false): void {
    for (const each of [...known.subscriptions]) each.confirm(trimmed)
  }

  /** It begins anew where the line stands in it, also on a channel that brings it from elsewhere. */
  function ask(known: Known): void {
    change(known.topic)
    known.stand = { is: 'asked', number: set, exact: known.cursor !== '' }
  }

  function change(topic: string): void {
    set++
    // What is changed in one turn is told together.
    if (changed.size === 0) queueMicrotask(flush)
    changed.add(topic)
  }

  function flush(): void {
    if (!isTold) return
    const names = [...new Set([...changed, ...left])]
    changed.clear()
    left = new Set()
    send(
      'rt.unsubscribe',
      names.filter(topic => !topics.has(topic)),
    )
    send(
      'rt.subscribe',
      names.filter(topic => topics.has(topic)),
    )
  }

  function send(event: 'rt.subscribe' | 'rt.unsubscribe', names: readonly string[]): void {
    const wanted = event === 'rt.subscribe'
    let text = ''
    let size = 0
    let batch: string[] = []
    for (const topic of names) {
      const known = topics.get(topic)
      const line = wanted && known ? lineOf(known) : topic
      const more = utf8Length(line) + '\ndata: '.length
      if (size + more > room) go()
      size += more
      text += text && '\n'
      text += line
      batch.push(topic)
    }
    go()

    function go(): void {
      const told = batch
      const message = ++messages
      for (const topic of told) underWay.set(topic, message)
      if (told.length) server.tell(event, text).then(() => arrived().forEach(compare), tellLater)
      text = ''
      size = 0
      batch = []

      /** One that waited for too long is told anew. What else it can be rejected with is the end of this line, or of its session. */
      function tellLater({ kind }: ConnectionError): void {
        const last = arrived()
        if (kind === 'expired') last.forEach(change)
      }

      /** Of which no later message tells. */
      function arrived(): string[] {
        const last = told.filter(topic => underWay.get(topic) === message)
        for (const topic of last) underWay.delete(topic)
        return last
      }
    }

    /** It may have gone out a second time, when the set was another one already. */
    function compare(topic: string): void {
      if (isTold && topics.has(topic) !== wanted) change(topic)
    }
  }
}

function of(owner: object, known: Known | undefined): TopicSubscription[] {
  return known ? [...known.subscriptions].filter(each => each.owner === owner) : []
}

function declined(failure: Failure, topic: string): ConnectionError {
  const why = { ...failure, where: `"${topic}"` }
  return new ConnectionError(say(why), { ...why, kind: 'declined' })
}

function asksWho({ subscriptions }: Known): boolean {
  return [...subscriptions].some(each => each.asksWho)
}

/** `[*][+][NUMBER!]FROM:TOPIC` */
function lineOf(known: Known): string {
  const { topic, cursor, wish, stand, subscriptions } = known
  const number = stand.is === 'asked' ? `${stand.number}!` : ''
  return `${subscriptions.size ? '' : '*'}${asksWho(known) ? '+' : ''}${number}${cursor || wish}:${topic}`
}

/** A server may give a topic any name. */
function escaped(text: string): string {
  return encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '\ufffd'))
}

/** What is no position of ours is none at all. */
function unescaped(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return ''
  }
}
