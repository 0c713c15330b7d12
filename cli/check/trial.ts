import type { Block } from '../../src/wire/block.ts'
import { encode } from '../../src/wire/encoder.ts'
import { createParser } from '../../src/wire/parser.ts'
import { unpack } from '../../src/wire/payload.ts'
import {
  type Answer,
  ask,
  brief,
  type Channel,
  called,
  type Headers,
  openChannel,
  type Place,
  type Query,
  type Via,
} from './channel.ts'
import { Breach, expect, NotTried } from './verdict.ts'

/** A way from a client to the server. */
export type Way = 'post' | 'websocket' | 'jsonp'

/** What the server was found to offer, and what it was told to do. */
export interface Offer {
  readonly channels: readonly Via[]
  readonly ways: readonly Way[]
}

/** What whoever runs the check has told of the server. */
export interface Given {
  /** An origin whose pages may connect. */
  readonly origin: string | undefined
  /** An event that the application refuses. */
  readonly refuses: string | undefined
  /** Publishes, where the server does not publish what is sent up. */
  readonly publish: ((message: Partial<Block>) => Promise<void>) | undefined
  readonly slow: boolean
}

/** What `rt.open` says, unchecked. */
export interface Opening {
  session: string
  resumed: boolean
  acked: number
  heartbeat: number
  spread: number
  limits: { message: number; batch: number; messages: number }
  set?: number
  topics?: Record<string, string>
}

/** What became of what was sent up. */
export interface Said {
  /** Of a POST; over JSONP 200. */
  readonly status: number
  readonly blocks: readonly Block[]
}

/** A channel whose `rt.open` has come. */
export type Listening = Channel & { readonly opening: Opening; readonly first: Block }

/** A session that sends. */
export interface Sender {
  readonly way: Way
  readonly session: string
  readonly opening: Opening
  readonly channel: Listening
  /** Sends a text of blocks, and waits for what is answered to it. */
  say(text: string): Promise<Said>
  /** Sends messages with the next numbers, all at once, and waits until they are acknowledged. */
  send(...messages: Partial<Block>[]): Promise<void>
}

/** All that one case needs; `end` closes what it has opened. */
export interface Trial {
  readonly place: Place
  readonly offer: Offer
  readonly given: Given
  /** The transport that the case is tried over. */
  readonly via: Via
  /** The way up that the case is tried over. */
  readonly way: Way
  /** A text that no other case has in its messages. */
  readonly mark: string
  ask(query: Query, asked?: { method?: string; headers?: Headers; body?: string }): Promise<Answer>
  /** A POST of blocks to a session. */
  post(session: string, body: string, headers?: Headers): Promise<Answer>
  /** Opens a channel, and waits for nothing. */
  open(via: Via, query?: Query, headers?: Headers): Channel
  /** The same, and waits for its `rt.open`. */
  listen(via: Via, query?: Query, headers?: Headers): Promise<Listening>
  sender(way?: Way, query?: Query): Promise<Sender>
  /** Publishes by whatever way there is. */
  publish(...messages: Partial<Block>[]): Promise<void>
  end(): void
}

export function createTrial(
  place: Place,
  offer: Offer,
  given: Given,
  over: { via?: Via | undefined; way?: Way | undefined },
): Trial {
  const channels: Channel[] = []
  let publisher: Promise<Sender> | undefined
  const trial: Trial = {
    place,
    offer,
    given,
    via: over.via ?? (offer.channels[0] as Via),
    way: over.way ?? (offer.ways[0] as Way),
    mark: `check-${Math.random().toString(36).slice(2, 10)}`,
    ask: (query, asked) => ask(place, query, asked),
    post: (session, body, headers = {}) =>
      ask(
        place,
        { 'rt.via': 'post', 'rt.sid': session },
        { method: 'POST', headers: { 'content-type': 'text/event-stream', ...headers }, body },
      ),
    open,
    listen,
    sender,
    async publish(...messages) {
      if (given.publish) for (const message of messages) await given.publish(message)
      else {
        publisher ??= sender()
        await (await publisher).send(...messages)
      }
    },
    end: () => {
      for (const channel of channels) channel.close()
    },
  }
  return trial

  function open(via: Via, query: Query = {}, headers: Headers = {}): Channel {
    const channel = openChannel(place, via, query, headers)
    channels.push(channel)
    return channel
  }

  async function listen(via: Via, query: Query = {}, headers: Headers = {}) {
    const channel = open(via, query, headers)
    const first = await channel.next('rt.open as the first block', () => true)
    return Object.assign(channel, { first, opening: openingOf(first) })
  }

  async function sender(way: Way = offer.ways[0] as Way, query: Query = {}): Promise<Sender> {
    if (way === undefined) throw new NotTried('the server offers no way up')
    const via = channelFor(way, offer)
    const channel = await listen(via, query)
    const { opening } = channel
    const { session } = opening
    let number = opening.acked
    const ways: Record<Way, (text: string) => Promise<Said>> = {
      async post(text) {
        const { status, text: answer } = await trial.post(session, text)
        return { status, blocks: createParser().feed(answer) }
      },
      async websocket(text) {
        const before = channel.blocks.length
        channel.send(text)
        const told = await channel.next('rt.ack or rt.fail', isAnswer)
        return { status: statusOf(told), blocks: channel.blocks.slice(before) }
      },
      jsonp: text => slices(trial, session, text),
    }
    const say = ways[way]
    async function send(...messages: Partial<Block>[]): Promise<void> {
      const first = number + 1
      const blocks = messages.map(message => encode({ data: '', ...message, id: `${++number}` }))
      const { status, blocks: answer } = await say(blocks.join(''))
      const acked = ackedIn(answer)
      expect(
        status === 200 && acked === number,
        `messages ${first} to ${number} of a session to be acknowledged by rt.ack ${number}`,
        `status ${status}, ${acked === undefined ? 'no rt.ack' : `rt.ack ${acked}`}`,
      )
    }
    return { way, session, opening, channel, say, send }
  }
}

/** The channel beside which something is sent. */
export function channelFor(way: Way, { channels }: Offer): Via {
  if (way !== 'post') return way
  const beside = (['long-polling', 'xhr-streaming', 'fetch-streaming', 'eventsource', 'bare'] as const).find(
    via => channels.includes(via),
  )
  if (beside === undefined) throw new NotTried('no channel is offered beside which a POST could be sent')
  return beside
}

/** Sends a body in slices, as script tags do. */
async function slices(trial: Trial, session: string, text: string): Promise<Said> {
  let said: Said = { status: 0, blocks: [] }
  const size = 900
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at + size - 1)
    // A slice does not end within a surrogate pair.
    const end = code >= 0xd800 && code < 0xdc00 ? at + size - 1 : at + size
    said = await slice(trial, session, text, at, end)
    at = end
  }
  return said
}

export async function slice(
  trial: Trial,
  session: string,
  text: string,
  at: number,
  end: number,
): Promise<Said> {
  const { status, text: script } = await trial.ask({
    'rt.via': 'jsonp',
    'rt.sid': session,
    'rt.cb': '_rt1s',
    'rt.up': text.slice(at, end),
    'rt.at': at,
    'rt.of': text.length,
  })
  if (status !== 200) return { status, blocks: [] }
  const blocks = createParser().feed(called(script))
  const told = blocks.find(isAnswer)
  return { status: told ? statusOf(told) : status, blocks }
}

export function openingOf({ event, data = '', id }: Block): Opening {
  expect(event === 'rt.open', 'rt.open as the first block', `${event ?? 'a message'} ${brief(data)}`)
  try {
    const opening: Opening = Object(JSON.parse(data))
    if (typeof opening.session === 'string') return opening
  } catch {
    // It is no JSON.
  }
  throw new Breach('rt.open with JSON that names a session', `id ${id}, data ${brief(data)}`)
}

function isAnswer({ event }: Block): boolean {
  return event === 'rt.ack' || event === 'rt.fail'
}

export function statusOf({ event, data = '' }: Block): number {
  if (event !== 'rt.fail') return 200
  try {
    return Number(JSON.parse(data).status)
  } catch {
    return 0
  }
}

/** The last number that an answer acknowledges. */
export function ackedIn(blocks: readonly Block[]): number | undefined {
  const ack = blocks.findLast(({ event }) => event === 'rt.ack')
  return ack && Number(ack.data)
}

export function isMessage({ event, data }: Block): boolean {
  return data !== undefined && !event?.startsWith('rt.')
}

/** The messages from one that has this text on, to one that has that: all that came between, none left out. */
export async function between(channel: Channel, first: string, last: string): Promise<Block[]> {
  const found: Block[] = []
  let begun = false
  for (;;) {
    const block = await channel.next(`the message ${brief(begun ? last : first)}`, isMessage)
    begun ||= textOf(block) === first
    if (begun) found.push(block)
    if (begun && textOf(block) === last) return found
  }
}

/** What a message says, as far as that is text. */
export function textOf({ data = '', encoding }: Block): string {
  try {
    const content = unpack(data, encoding)
    return typeof content === 'string' ? content : ''
  } catch {
    return ''
  }
}
