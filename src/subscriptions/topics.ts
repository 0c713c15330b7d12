import { ConnectionError } from '../contracts/errors.ts'
import type { Failure } from '../contracts/failure.ts'
import { say } from '../contracts/say.ts'
import type { CreateTopics, TopicPlace, TopicServer } from '../contracts/topics.ts'
import { largest } from '../wire/codec.ts'
import { createParser } from '../wire/parser.ts'
import { utf8Length } from '../wire/payload.ts'
import { type Page, type Topic, TopicSubscription } from './subscription.ts'
import { readWish } from './wish.ts'

/** A topic that the line hears, or wants to. */
interface Known extends TopicPlace, Topic {
  cursor: string
  /** Where it wants to begin, as long as it has no cursor. */
  wish: string
  /** Whether it comes with the line's address, so that it is heard without being asked for. */
  granted: boolean
  /** Whether the server has said that it is heard. */
  isHeard: boolean
  /** Whether what comes is beyond what the line has to hear next: so often in a row was it asked for from there. */
  skips: number
  readonly subscriptions: Set<TopicSubscription>
}

/** How many characters an address may give to topics. Of more the server is told behind its greeting. */
const roomInAddress = 2_000

/** How many bytes one message tells of topics, if its server takes that many. */
const roomInMessage = 16_000

/** What a message has besides, in bytes: its number, its name, and the beginning of a line for each topic, most of which take so much. */
const besides = 100

/** How often in a row a server is asked for what it begins behind of. */
const mostTries = 10

/** A line's topics are a set that changes. Its server is told of the set by addresses, and of changes by messages: docs/PROTOCOL.md, "Topics". */
export const subscriptions: CreateTopics = () => {
  const topics = new Map<string, Known>()
  let set = 0 // counts the changes
  let isTold = false // whether the server knows the set, but for `changed`
  let changed = new Set<string>()
  let left = new Set<string>() // of those that were changed
  let strays = new Set<string>()
  let isClosed = false
  let room = roomInMessage
  let server: TopicServer

  return {
    find(topic, event) {
      const known = topics.get(topic)
      // It was left, and the server does not know yet; or an older address has named it once more.
      if (!known && isTold && !strays.has(topic)) {
        strays.add(topic)
        change(topic)
      }
      // Without a position it begins where its server says: what comes before that is of an earlier subscription.
      const waits = known && (known.skips > 0 || !known.cursor)
      return waits && event !== 'rt.subscribed' && event !== 'rt.unsubscribed' ? undefined : known
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
        known.granted = known.isHeard = true
        known.cursor ||= `${granted[topic]}`
      }
    },
    welcomed(taken, most = roomInMessage) {
      room = Math.min(roomInMessage, most - besides)
      isTold = true
      for (const known of topics.values()) known.skips = 0
      // What is wanted again has begun where the address said.
      if (taken === set) left = new Set([...left].filter(topic => !topics.has(topic)))
      // By an older address a topic may be heard already that has been left since, and it would go on as it is.
      else if (taken !== undefined)
        for (const { topic, cursor } of topics.values()) if (!cursor) left.add(topic)
      changed = new Set(taken === set ? [] : topics.keys())
      strays = new Set()
      for (const known of topics.values()) if (known.isHeard) confirm(known)
      flush()
    },
    interrupted() {
      isTold = false
      changed.clear()
    },
    subscribed(topic, ahead, trimmed) {
      const known = topics.get(topic)
      if (!known) return
      // Answers to what was asked for before may be on their way. A server that never begins there is not asked for ever.
      known.skips = ahead && known.skips < mostTries ? known.skips + 1 : 0
      if (known.skips > 0) {
        // What lies between is not on its way: this channel began too late for it, and the one before is gone, or as good as gone.
        send('rt.unsubscribe', [topic])
        send('rt.subscribe', [topic])
      }
      confirm(known, trimmed)
    },
    unsubscribed(topic, failure) {
      const known = topics.get(topic)
      if (!known) return
      topics.delete(topic)
      const why: Failure = { ...failure, code: 'topic-refused', where: `"${topic}"` }
      const error = new ConnectionError(say(why), { ...why, kind: 'declined' })
      for (const each of [...known.subscriptions]) each.end('refused', error)
    },
    present(topic, data) {
      for (const each of [...(topics.get(topic)?.subscriptions ?? [])]) each.tell('rt.presence', { data })
    },
    closed(failure) {
      isClosed = !failure
      const error = failure && new ConnectionError(say(failure), failure)
      for (const { subscriptions } of topics.values())
        for (const each of [...subscriptions])
          if (error) each.turn('subscribing', 'error', { error })
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
        if (known.subscriptions.size > 0 || known.granted || topics.get(topic) !== known) return
        topics.delete(topic)
        left.add(topic)
        change(topic)
      })
      known.subscriptions.add(subscription)
      if (isClosed) subscription.close()
      else if (known.isHeard || known.granted || !isNew) subscription.hold(id, from)
      if (known.isHeard) queueMicrotask(() => confirm(known))
      else if (isNew && !isClosed) change(topic)
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
      isHeard: false,
      skips: 0,
      subscriptions: new Set(),
    }
    topics.set(topic, known)
    return known
  }

  function confirm(known: Known, trimmed = false): void {
    known.isHeard = true
    for (const each of [...known.subscriptions]) each.confirm(trimmed)
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
    const again = left
    changed.clear()
    left = new Set()
    // One that was left and is wanted again begins anew.
    send(
      'rt.unsubscribe',
      names.filter(topic => again.has(topic) || !topics.has(topic)),
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
      if (told.length) server.tell(event, text).then(() => told.forEach(compare), tellLater)
      text = ''
      size = 0
      batch = []

      /** One that waited for too long is told anew. What else it can be rejected with is the end of this line, or of its session. */
      function tellLater({ kind }: ConnectionError): void {
        if (kind === 'expired') told.forEach(change)
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

/** `[*][+]FROM:TOPIC` */
function lineOf({ topic, cursor, wish, subscriptions }: Known): string {
  const asksWho = [...subscriptions].some(each => each.asksWho)
  return `${subscriptions.size ? '' : '*'}${asksWho ? '+' : ''}${cursor || wish}:${topic}`
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
