import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { WebSocket } from 'ws'
import type { Block } from '../../src/wire/block.ts'
import { createParser } from '../../src/wire/parser.ts'
import { Breach } from './verdict.ts'

/** The transports that the check listens over; `bare` names none, as `curl` does. */
export const vias = [
  'websocket',
  'eventsource',
  'xhr-streaming',
  'fetch-streaming',
  'bare',
  'long-polling',
  'jsonp',
] as const
export type Via = (typeof vias)[number]

export const streams: readonly Via[] = ['eventsource', 'xhr-streaming', 'fetch-streaming', 'bare']
export const polls: readonly Via[] = ['long-polling', 'jsonp']

/** The server that is checked, and how to come to it. */
export interface Place {
  /** As it was given, the application's parameters included. */
  readonly url: URL
  readonly token: string | undefined
  /** How long an answer is waited for, in ms. */
  readonly patience: number
}

/** `undefined` leaves a parameter out that would be there otherwise. */
export type Query = Record<string, string | number | undefined>
export type Headers = Record<string, string>

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** How the server answered the request that opens a channel. */
export interface Head {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** One channel that is listened to, whatever carries it. */
export interface Channel {
  readonly via: Via
  /** All that came, in order. */
  readonly blocks: readonly Block[]
  /** The same as it came: pieces of a stream, frames, answers. */
  readonly pieces: readonly string[]
  /** Of the first answer. A handshake that is accepted has status 101. */
  readonly head: Promise<Head>
  /** The first block that fits and was not given yet; those before it are passed over. A `Breach` when none comes in time, or the channel ends. */
  next(what: string, fits: (block: Block) => boolean): Promise<Block>
  /** Settles when the server or the check has ended it, with a WebSocket's close code. */
  readonly ended: Promise<number | undefined>
  readonly isOver: boolean
  /** Up a WebSocket. */
  send(data: string | Buffer): void
  close(): void
}

export function addressOf({ url }: Pick<Place, 'url'>, query: Query): string {
  const there = new URL(url)
  for (const [name, value] of Object.entries({ 'rt.v': '1', ...query })) {
    if (value === undefined) there.searchParams.delete(name)
    else there.searchParams.append(name, `${value}`)
  }
  return there.href
}

interface Asked {
  method?: string
  headers?: Headers
  body?: string
}

/** One request, read to its end; a `Breach` when that does not come in time. */
export async function ask(
  place: Place,
  query: Query,
  { method = 'GET', headers = {}, body }: Asked = {},
): Promise<Answer> {
  return within(place.patience, `the whole answer to ${method} ${shown(query)}`, async signal => {
    const request = begin(place, addressOf(place, query), method, headers, signal)
    request.end(body)
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    return { status: response.statusCode ?? 0, headers: response.headers, text }
  })
}

/** Listens. Whoever opens a channel closes it. */
export function openChannel(place: Place, via: Via, query: Query, headers: Headers = {}): Channel {
  const blocks: Block[] = []
  const pieces: string[] = []
  let seen = 0
  let wake = () => {}
  let over = false
  const read = via === 'eventsource' ? unwrapper() : createParser().feed
  const sink: Sink = {
    heard(text) {
      pieces.push(text)
      blocks.push(...read(text))
      wake()
    },
    over() {
      over = true
      wake()
    },
  }
  const full = { 'rt.via': via === 'bare' ? undefined : via, 'rt.x': Math.random().toString(36), ...query }
  const way =
    via === 'websocket'
      ? openSocket(place, full, headers, sink)
      : polls.includes(via)
        ? openPolls(place, via, full, headers, sink)
        : openStream(place, full, headers, sink)
  way.head.catch(() => {})

  async function next(what: string, fits: (block: Block) => boolean): Promise<Block> {
    const start = seen
    const limit = Date.now() + place.patience
    for (;;) {
      while (seen < blocks.length) {
        const block = blocks[seen++] as Block
        if (fits(block)) return block
      }
      const left = limit - Date.now()
      const came = listed(blocks.slice(start))
      if (over) throw new Breach(what, `the channel ended behind ${came}`)
      if (left <= 0) throw new Breach(what, `within ${place.patience / 1000} s: ${came}`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  return {
    via,
    blocks,
    pieces,
    next,
    get isOver() {
      return over
    },
    ...way,
  }
}

interface Sink {
  heard(text: string): void
  over(): void
}

type Way = Pick<Channel, 'head' | 'ended' | 'send' | 'close'>

function openSocket(place: Place, query: Query, headers: Headers, sink: Sink): Way {
  const { token } = place
  const url = addressOf(place, query).replace(/^http/, 'ws')
  const offered =
    headers['sec-websocket-protocol'] ?? (token === undefined ? '' : `rt.1, ${tokenName(token)}`)
  const { 'sec-websocket-protocol': _, ...others } = headers
  const protocols = offered.split(/, */).filter(Boolean)
  const ws = new WebSocket(url, protocols, { headers: others, perMessageDeflate: false, maxPayload: 2 ** 26 })
  ws.on('message', (data, isBinary) => sink.heard(isBinary ? binaryFrame : String(data)))
  ws.on('error', () => {})
  const head = new Promise<Head>((resolve, reject) => {
    ws.once('upgrade', ({ headers }) => resolve({ status: 101, headers }))
    ws.once('unexpected-response', (request, { statusCode = 0, headers }) => {
      resolve({ status: statusCode, headers })
      request.destroy()
      sink.over()
    })
    ws.once('error', reject)
    ws.once('close', () => reject(new Error('the handshake was not answered')))
  })
  const ended = new Promise<number>(resolve => ws.once('close', resolve)).finally(sink.over)
  return {
    head,
    ended,
    send: data => ws.readyState === ws.OPEN && ws.send(data),
    close: () => ws.terminate(),
  }
}

/** What stands for a frame of bytes among the pieces: the wire has none. */
export const binaryFrame = '\0binary frame'

/** RFC 6455 lets the name of a subprotocol have these characters alone. */
export function tokenName(token: string): string {
  return `rt.token.${Buffer.from(token).toString('base64url')}`
}

function openStream(place: Place, query: Query, headers: Headers, sink: Sink): Way {
  const stop = new AbortController()
  const request = begin(place, addressOf(place, query), 'GET', headers, stop.signal)
  request.end()
  const head = new Promise<Head>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', response => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers })
      response
        .setEncoding('utf8')
        .on('data', sink.heard)
        .on('error', () => {})
    })
  })
  const ended = new Promise<undefined>(resolve => request.once('close', () => resolve(undefined)))
  return { head, ended: ended.finally(sink.over), send: noWayUp, close: () => stop.abort() }
}

/** Asks again and again, from where the last answer led. */
function openPolls(place: Place, via: Via, query: Query, headers: Headers, sink: Sink): Way {
  const stop = new AbortController()
  const position: Query = { ...query }
  let told = (_: Head) => {}
  let failed = (_: unknown) => {}
  const head = new Promise<Head>((resolve, reject) => {
    told = resolve
    failed = reject
  })
  const ended = poll().catch(failed).then(sink.over)
  return { head, ended: ended as Promise<undefined>, send: noWayUp, close: () => stop.abort() }

  async function poll(): Promise<void> {
    for (let turn = 0; !stop.signal.aborted; turn++) {
      const callback = via === 'jsonp' ? `_rt${turn}a` : undefined
      const asked = { 'rt.n': turn, 'rt.cb': callback, ...position }
      const request = begin(place, addressOf(place, asked), 'GET', headers, stop.signal)
      request.end()
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      told({ status: response.statusCode ?? 0, headers: response.headers })
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      if (response.statusCode !== 200) return
      const body = via === 'jsonp' ? called(text) : text
      let isOver = false
      for (const { id, event, data } of createParser().feed(body)) {
        if (id) position['rt.id'] = id
        if (event === 'rt.open') position['rt.sid'] = sessionIn(data)
        if (event === 'rt.bye' || event === 'rt.fail') isOver = true
      }
      sink.heard(body)
      // What an answer has carried goes on by itself.
      delete position['rt.t']
      if (isOver) return
    }
  }
}

/** What a script tag would have been called with. */
export function called(script: string): string {
  const [, literal] = /^\/\*\*\/_rt[0-9a-z]+\((".*")\);\s*$/s.exec(script) ?? []
  try {
    return JSON.parse(literal ?? '')
  } catch {
    throw new Breach('/**/<callback>("<the text as a JSON string>");', brief(script))
  }
}

/** Each event of a browser's EventSource hands over whole blocks. */
function unwrapper(): (text: string) => Block[] {
  const outer = createParser()
  return text => outer.feed(text).flatMap(({ data = '' }) => createParser().feed(data))
}

function begin(place: Place, address: string, method: string, headers: Headers, signal: AbortSignal) {
  const { request } = address.startsWith('https:') ? https : http
  const { token } = place
  const credential =
    token === undefined || 'authorization' in headers ? {} : { authorization: `Bearer ${token}` }
  const said = Object.entries({ ...asScript(place, address, headers), ...credential, ...headers })
  const given = Object.fromEntries(said.filter(([, value]) => value !== ''))
  const asked = request(address, { method, headers: given, agent: false, signal })
  asked.on('error', () => {})
  return asked
}

/** A script tag tells of itself where it stands; a case that wants it otherwise gives one of these headers, or an empty one. */
function asScript({ url }: Place, address: string, headers: Headers): Headers {
  const tells = ['origin', 'referer', 'sec-fetch-site'].some(name => name in headers)
  return tells || !address.includes('rt.via=jsonp') ? {} : { referer: `${url.origin}/` }
}

async function within<T>(ms: number, what: string, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  let late = false
  const timer = setTimeout(() => {
    late = true
    stop.abort()
  }, ms)
  try {
    return await act(stop.signal)
  } catch (error) {
    throw late ? new Breach(what, `nothing whole within ${ms / 1000} s`) : error
  } finally {
    clearTimeout(timer)
  }
}

function noWayUp(): never {
  throw new Error('this channel has no way up')
}

function sessionIn(data = '{}'): string | undefined {
  try {
    return JSON.parse(data).session
  } catch {
    return undefined
  }
}

function listed(blocks: readonly Block[]): string {
  return blocks.length === 0 ? 'nothing' : blocks.map(shownBlock).join(', ')
}

export function shownBlock({ event = 'message', id, data }: Block): string {
  return `${event}${id === undefined ? '' : ` ${id}`} ${brief(data ?? 'without data', 60)}`
}

function shown(query: Query): string {
  const named = Object.entries(query).filter(([name, value]) => value !== undefined && name !== 'rt.x')
  return brief(`?${named.map(([name, value]) => `${name}=${value}`).join('&')}`, 200)
}

/** In one line that is not too long. */
export function brief(text: string, most = 160): string {
  const inOneLine = JSON.stringify(text)
  return inOneLine.length > most ? `${inOneLine.slice(0, most)}…` : inOneLine
}
