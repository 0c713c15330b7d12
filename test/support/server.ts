import http, { type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { comment, wrap } from '../../src/wire/encoder.ts'

/** A server that does what the test says, over every channel, and decides nothing by itself. */
export interface Server {
  readonly origin: string
  /** The next channel that comes. */
  visit(): Promise<Visit>
  /** The next text that comes up. */
  sent(): Promise<Sent>
  close(): Promise<void>
}

export interface Visit {
  /** Of its latest request. */
  readonly query: Record<string, string>
  readonly headers: IncomingHttpHeaders
  /** Settles when there is a request to answer: between two polls there is none. */
  waits(): Promise<void>
  /** Says yes, and nothing more. */
  accepts(): Promise<void>
  /** Pieces of text: frames, events, or chunks of a response; to a poll one answer. */
  brings(...pieces: string[]): Promise<void>
  /** Ends it in good order. */
  ends(): Promise<void>
  /** Breaks it off. */
  cuts(): Promise<void>
  refuses(status: number, headers?: Record<string, string>): Promise<void>
  /** Settles when the other side has left. */
  readonly gone: Promise<void>
}

export interface Sent {
  readonly text: string
  readonly query: Record<string, string>
  readonly headers: IncomingHttpHeaders
  answers(text: string): void
  refuses(status: number): void
  cuts(): void
}

type Query = Record<string, string>

export async function serve(): Promise<Server> {
  const visits = queue<Visit>()
  const sent = queue<Sent>()
  const polls = new Map<string, PollVisit>()
  const sockets = new WebSocketServer({ noServer: true })
  const server = http.createServer(async (request, response) => {
    const { headers, url } = request
    const query = queryOf(url)
    if (query['rt.via'] === 'post') {
      let text = ''
      for await (const chunk of request.setEncoding('utf8')) text += chunk
      return sent.put(postOf(text, query, headers, response))
    }
    if (query['rt.up'] !== undefined) return sent.put(sliceOf(query, headers, response))
    if (['long-polling', 'polling', 'jsonp'].includes(query['rt.via'] ?? '')) {
      const known = polls.get(query.channel ?? '')
      const visit = known ?? pollVisit()
      polls.set(query.channel ?? '', visit)
      visit.asked(query, headers, response)
      if (!known) visits.put(visit)
      return
    }
    visits.put(streamVisit(query, headers, response))
  })
  const handshakes = new Set<Duplex>()
  server.on('upgrade', (request, socket, head) => {
    handshakes.add(socket)
    const query = queryOf(request.url)
    const accept = () =>
      new Promise<WebSocket>(resolve => sockets.handleUpgrade(request, socket, head, resolve))
    visits.put(socketVisit(query, request.headers, socket, accept, sent.put))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visit: visits.take,
    sent: sent.take,
    async close() {
      for (const socket of handshakes) socket.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** An address where nobody listens. */
export async function nowhere(): Promise<string> {
  const server = await serve()
  await server.close()
  return server.origin
}

const eventStream = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }

function streamVisit(query: Query, headers: IncomingHttpHeaders, response: ServerResponse): Visit {
  const form = forms[query['rt.via'] ?? ''] ?? bare
  const accepts = async () => {
    if (response.headersSent) return
    response.writeHead(200, { ...eventStream, 'Content-Type': form.type })
    response.flushHeaders()
    if (form.begin) response.write(form.begin)
  }
  return {
    query,
    headers,
    waits: async () => {},
    accepts,
    async brings(...pieces) {
      await accepts()
      for (const piece of form.write(pieces)) response.write(piece)
    },
    async ends() {
      await accepts()
      response.end(form.end)
    },
    cuts: async () => void response.socket?.destroy(),
    refuses: async (status, more) => void response.writeHead(status, more).end(),
    gone: new Promise(resolve => response.once('close', resolve)),
  }
}

/** How a stream is written. */
interface Form {
  type: string
  begin?: string
  write(pieces: readonly string[]): readonly string[]
  end?: string
}

const bare: Form = { type: 'text/event-stream', write: pieces => pieces }

const forms: Record<string, Form> = {
  eventsource: { ...bare, write: pieces => pieces.map(wrap) },
  multipart: {
    type: 'multipart/mixed; boundary=next',
    begin: '--next\r\n',
    write: pieces => ['Content-Type: text/event-stream\r\n\r\n', ...pieces, '\r\n--next\r\n'],
    end: '--next--\r\n',
  },
  iframe: {
    type: 'text/html; charset=utf-8',
    begin: script(''),
    write: pieces => pieces.map(script),
    end: script(null),
  },
}

function script(text: string | null): string {
  return `<script>say(${JSON.stringify(text)})</script>`
}

type PollVisit = Visit & { asked(query: Query, headers: IncomingHttpHeaders, response: ServerResponse): void }

function pollVisit(): PollVisit {
  const responses = queue<ServerResponse>()
  let current: ServerResponse | undefined
  let left: () => void
  const gone = new Promise<void>(resolve => {
    left = resolve
  })
  const answering = async () => {
    current ??= await responses.take()
    return current
  }
  const visit: PollVisit = {
    query: {},
    headers: {},
    waits: async () => void (await answering()),
    asked(query, headers, response) {
      Object.assign(visit, { query, headers })
      response.once('close', () => response.writableEnded || left())
      responses.put(response)
    },
    async accepts() {
      const response = await answering()
      response.writeHead(200, eventStream)
      response.flushHeaders()
    },
    async brings(...pieces) {
      const response = await answering()
      current = undefined
      if (visit.query['rt.cb'] !== undefined) return callBack(response, visit.query, pieces.join(''))
      if (!response.headersSent) response.writeHead(200, eventStream)
      for (const piece of pieces) response.write(piece)
      response.end()
    },
    async ends() {
      await visit.refuses(204)
    },
    cuts: async () => void (await answering()).socket?.destroy(),
    refuses: async (status, more) => void (await answering()).writeHead(status, more).end(),
    gone,
  }
  return visit
}

function socketVisit(
  query: Query,
  headers: IncomingHttpHeaders,
  raw: Duplex,
  accept: () => Promise<WebSocket>,
  sent: (sent: Sent) => void,
): Visit {
  let socket: WebSocket | undefined
  raw.on('error', () => {})
  // A socket that nobody reads does not notice that the other side has left, and one of http stays half open.
  raw.once('end', () => raw.destroy())
  raw.resume()
  const accepted = async () => {
    if (socket) return socket
    const opened = await accept()
    socket = opened
    opened.on('message', data =>
      sent({
        text: `${data}`,
        query,
        headers,
        answers: text => opened.send(text),
        refuses: () => opened.close(1008),
        cuts: () => opened.terminate(),
      }),
    )
    return opened
  }
  return {
    query,
    headers,
    waits: async () => {},
    accepts: async () => void (await accepted()),
    async brings(...pieces) {
      for (const piece of pieces) (await accepted()).send(piece)
    },
    ends: async () => (await accepted()).close(1000),
    cuts: async () => void raw.destroy(),
    refuses: async status => void raw.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\n\r\n`),
    gone: new Promise(resolve => raw.once('close', () => resolve())),
  }
}

function postOf(text: string, query: Query, headers: IncomingHttpHeaders, response: ServerResponse): Sent {
  return {
    text,
    query,
    headers,
    answers: answer => response.writeHead(200, eventStream).end(answer),
    refuses: status => response.writeHead(status).end(),
    cuts: () => response.socket?.destroy(),
  }
}

function sliceOf(query: Query, headers: IncomingHttpHeaders, response: ServerResponse): Sent {
  return {
    text: query['rt.up'] ?? '',
    query,
    headers,
    answers: text => callBack(response, query, text),
    refuses: status => callBack(response, query, `event: rt.fail\ndata: {"status":${status}}\n\n`),
    cuts: () => response.socket?.destroy(),
  }
}

function callBack(response: ServerResponse, query: Query, text: string): void {
  response.writeHead(200, { 'Content-Type': 'text/javascript' })
  response.end(`/**/${query['rt.cb']}(${JSON.stringify(text)});`)
}

function queryOf(url = '/'): Query {
  return Object.fromEntries(new URL(url, 'http://host').searchParams)
}

/** Whoever takes waits for what is put, in order. */
function queue<Item>() {
  const items: Item[] = []
  const takers: ((item: Item) => void)[] = []
  return {
    put(item: Item) {
      const taker = takers.shift()
      if (taker) taker(item)
      else items.push(item)
    },
    take: () =>
      new Promise<Item>(resolve => {
        const item = items.shift()
        if (item !== undefined) resolve(item)
        else takers.push(resolve)
      }),
  }
}

/** A piece that is no block. */
export const sign = comment('still here')
