import { once } from 'node:events'
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import crossws from 'crossws/adapters/node'
import { onTestFinished, vi } from 'vitest'
import { WebSocket } from 'ws'
import {
  type Authorize,
  type AuthorizeRequest,
  createHub,
  type Hub,
  type HubOptions,
} from '../../server/index.ts'
import type { Block } from '../../src/wire/block.ts'
import { encode } from '../../src/wire/encoder.ts'
import { createParser } from '../../src/wire/parser.ts'

export type Via =
  | 'websocket'
  | 'eventsource'
  | 'xhr-streaming'
  | 'fetch-streaming'
  | 'iframe'
  | 'long-polling'
  | 'jsonp'
export const channels: Via[] = [
  'websocket',
  'eventsource',
  'xhr-streaming',
  'fetch-streaming',
  'iframe',
  'long-polling',
  'jsonp',
]

export interface Stand {
  hub: Hub
  server: http.Server
  /** host:port */
  host: string
}

/** Whether hubs stand on Node's own servers in this run, whose requests and sockets some tests are about. */
export const onNode = process.env.STAND !== 'fetch'

/** A hub on a server of its own, gone when the test is. How it stands there the run says: as on any Node server, or as on a platform that serves by `fetch`. */
export async function stand(options: HubOptions = {}): Promise<Stand> {
  const hub = createHub(options)
  const server = onNode
    ? http.createServer((_, response) => response.writeHead(404).end('not the hub'))
    : serveFetch(hub)
  if (onNode) hub.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    vi.useRealTimers()
    await hub.close()
    server.closeAllConnections()
    server.close()
  })
  return { hub, server, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** What stands between such a platform and Node is Hono's and that of crossws. */
function serveFetch(hub: Hub): http.Server {
  const listener = getRequestListener((request, { incoming }) =>
    hub.fetch(request, { address: (incoming as IncomingMessage).socket.remoteAddress }),
  )
  const sockets = crossws({ hooks: hub.crossws, idleTimeout: 0 })
  const server = http.createServer((request, response) => void listener(request, response))
  server.on('upgrade', (request, socket, head) => {
    const headers = Object.entries(request.headers).map(([name, value]) => [name, `${value}`])
    const asked = new Request(`http://${request.headers.host}${request.url}`, {
      headers: headers as [string, string][],
    })
    Object.assign(asked, { ip: request.socket.remoteAddress })
    void sockets.handleUpgrade(request, socket, head, asked)
  })
  return server
}

/** Stops timers and the clock until `pass` is called, so that a busy machine changes nothing. Sockets go on. */
export function stopTime(): { pass(ms: number): void } {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  return { pass: ms => void vi.advanceTimersByTime(ms) }
}

/** An `authorize` that lets everybody in and keeps what it was shown. */
export function witness(): { seen: AuthorizeRequest[]; authorize: Authorize } {
  const seen: AuthorizeRequest[] = []
  return {
    seen,
    authorize(request) {
      seen.push(request)
      return ['x']
    },
  }
}

export type Query = Record<string, string | number | undefined>

export function address({ host }: Stand, query: Query): string {
  const url = new URL(`http://${host}/live`)
  for (const [name, value] of Object.entries({ topic: 'x', 'rt.v': '1', ...query })) {
    if (value !== undefined) url.searchParams.append(name, String(value))
  }
  return url.href
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/** One request, read to its end. */
export async function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const request = http.request(url, { method, headers: asPage(url, headers), agent: false })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

/** A script tag tells of itself where it stands; a test that wants it otherwise gives one of these headers. */
function asPage(url: string, headers: Record<string, string>): Record<string, string> {
  const tells = ['origin', 'referer', 'sec-fetch-site'].some(name => name in headers)
  return tells || !url.includes('rt.via=jsonp') ? headers : { referer: new URL(url).origin, ...headers }
}

/** A POST of blocks as a client makes it. */
export function post(
  at: Stand,
  session: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(address(at, { 'rt.via': 'post', 'rt.sid': session }), {
    method: 'POST',
    headers: { 'content-type': 'text/event-stream', ...headers },
    body,
  })
}

export function message(number: number | string, data = `m${number}`, event?: string): string {
  return encode({ id: String(number), event, data })
}

export function parse(text: string): Block[] {
  return createParser().feed(text)
}

/** What a script tag would have been called with. */
export function called(script: string): string {
  const [, literal] = /^\/\*\*\/_rt[0-9a-z]+\((".*")\);$/s.exec(script) ?? []
  if (literal === undefined) throw new Error(`not a callback: ${script.slice(0, 200)}`)
  return JSON.parse(literal)
}

/** A client that listens over one channel, and keeps all it hears. */
export interface Ear {
  readonly blocks: Block[]
  /** Each frame, chunk or answer. */
  readonly frames: string[]
  /** Resolves to the first block of that name, counted from where the last call for any name left off. */
  next(event: string): Promise<Block>
  /** The data of the next `count` messages. */
  messages(count: number): Promise<string[]>
  /** What `rt.open` said. */
  opened(): Promise<{ session: string; resumed: boolean; acked: number; spread: number }>
  /** Only over WebSocket. */
  send(text: string): void
  pause(): void
  resume(): void
  readonly closed: Promise<unknown>
  close(): void
}

export function listen(
  at: Stand,
  via: Via | 'bare',
  query: Query = {},
  headers: Record<string, string> = {},
): Ear {
  const blocks: Block[] = []
  const frames: string[] = []
  const read = via === 'eventsource' ? unwrapper() : via === 'iframe' ? unframer() : createParser().feed
  let wake = () => {}
  let seen = 0
  const heard = (text: string) => {
    frames.push(text)
    blocks.push(...read(text))
    wake()
  }
  const full = { 'rt.via': via === 'bare' ? undefined : via, ...query }
  const channel =
    via === 'websocket'
      ? openSocket(address(at, full), headers, heard)
      : via === 'long-polling' || via === 'jsonp'
        ? openPolls(at, via, full, headers, heard)
        : openStream(address(at, full), headers, heard)
  onTestFinished(channel.close)

  async function find(wanted: (block: Block) => boolean): Promise<Block> {
    for (;;) {
      while (seen < blocks.length) {
        const block = blocks[seen++] as Block
        if (wanted(block)) return block
      }
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }

  return {
    blocks,
    frames,
    next: event => find(block => (block.event ?? 'message') === event),
    async messages(count) {
      const data: string[] = []
      while (data.length < count) data.push((await find(isMessage)).data ?? '')
      return data
    },
    opened: async () => JSON.parse((await find(block => block.event === 'rt.open')).data ?? ''),
    send: () => {
      throw new Error(`${via} has no way up`)
    },
    ...channel,
  }
}

type Opened = Pick<Ear, 'pause' | 'resume' | 'closed' | 'close'> & Partial<Pick<Ear, 'send'>>

function openSocket(url: string, headers: Record<string, string>, heard: (text: string) => void): Opened {
  const ws = new WebSocket(url.replace('http', 'ws'), { headers })
  ws.on('message', data => heard(String(data)))
  ws.on('error', () => {})
  return {
    send: text => ws.send(text),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    closed: new Promise(resolve => ws.once('close', resolve)),
    close: () => ws.terminate(),
  }
}

function openStream(url: string, headers: Record<string, string>, heard: (text: string) => void): Opened {
  const request = http.get(url, { headers: asPage(url, headers), agent: false })
  let response: IncomingMessage | undefined
  request.on('error', () => {})
  request.on('response', answer => {
    response = answer
    answer
      .setEncoding('utf8')
      .on('data', heard)
      .on('error', () => {})
  })
  return {
    pause: () => response?.pause(),
    resume: () => response?.resume(),
    closed: new Promise(resolve => request.once('close', resolve)),
    close: () => request.destroy(),
  }
}

/** Asks again and again, after the last id and with the session it was given. */
function openPolls(
  at: Stand,
  via: 'long-polling' | 'jsonp',
  query: Query,
  headers: Record<string, string>,
  heard: (text: string) => void,
): Opened {
  let open = true
  let current: http.ClientRequest | undefined
  const position = { ...query }
  const closed = poll().catch(() => {})
  return {
    pause: () => {},
    resume: () => {},
    closed,
    close() {
      open = false
      current?.destroy()
    },
  }

  async function poll(): Promise<void> {
    for (let turn = 0; open; turn++) {
      const callback = via === 'jsonp' ? `_rt${turn}a` : undefined
      const url = address(at, { ...position, 'rt.n': turn, 'rt.cb': callback })
      current = http.get(url, { headers: asPage(url, headers), agent: false })
      const [response] = (await once(current, 'response')) as [IncomingMessage]
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`)
      const body = via === 'jsonp' ? called(text) : text
      for (const { id, event, data } of parse(body)) {
        if (id) position['rt.id'] = id
        if (event === 'rt.open') position['rt.sid'] = JSON.parse(data ?? '').session
        if (event === 'rt.bye') open = false
      }
      heard(body)
    }
  }
}

function unwrapper(): (chunk: string) => Block[] {
  const outer = createParser()
  const inner = createParser()
  return chunk => outer.feed(chunk).flatMap(({ data = '' }) => inner.feed(data))
}

function unframer(): (chunk: string) => Block[] {
  const parser = createParser()
  let held = ''
  return chunk => {
    const scripts = (held + chunk).split('</script>')
    held = scripts.pop() ?? ''
    return scripts.flatMap(script => {
      const [, literal] = /^\s*<script nonce=[\w-]+>say\((".*")\)$/s.exec(script) ?? []
      return literal === undefined ? [] : parser.feed(JSON.parse(literal))
    })
  }
}

function isMessage({ event, data }: Block): boolean {
  return data !== undefined && !event?.startsWith('rt.')
}

/** Waits in real time, also after `stopTime`. */
export function wait(ms: number): Promise<void> {
  return new Promise(resolve => realTimeout(resolve, ms))
}

const realTimeout = setTimeout

/** Tries until it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await wait(2)
}

/** Cuts all connections of a server, WebSockets among them, as often as it is called. */
export function cutter(server: http.Server): () => void {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}
