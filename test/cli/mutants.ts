/** Our own hub with one rule of the wire broken: what the check has to find. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket } from 'ws'
import { createHub, type HubOptions } from '../../server/index.ts'

export interface Mutant {
  /** What is wrong with it. */
  readonly sin: string
  /** The cases that have to find it; others may, too. */
  readonly foundBy: readonly string[]
  /** Over which of them, where it is not all. */
  readonly over?: string
  /** Changes a request before the hub sees it. */
  request?(request: IncomingMessage, url: URL): void
  /** Answers a request in the hub's place, and says whether it did. */
  answer?(url: URL, response: ServerResponse): boolean
  /** Changes a header of an answer; `undefined` leaves it out. */
  header?(name: string, value: string): string | undefined
  status?(status: number, request: IncomingMessage): number
  /** Changes what goes down: a piece of a stream, an answer, a frame. */
  text?(text: string, request: IncomingMessage | undefined): string
  /** Changes what comes up by POST. */
  body?(body: string): string
}

export interface Faulty {
  readonly url: URL
  close(): Promise<void>
}

/** A server that publishes what is sent up, refuses the event `refuse`, and lets pages of https://listed.example in. */
export async function startFaulty(mutant: Partial<Mutant> = {}, options: HubOptions = {}): Promise<Faulty> {
  const hub = createHub({ origins: ['https://listed.example'], ...options })
  hub.on('message', async ({ data, event, session }) => {
    if (event === 'refuse') throw { status: 422, message: 'this event is refused' }
    await Promise.all(session.topics.map(topic => hub.publish(topic, data, { event })))
  })
  const server = createServer(async (request, response) => {
    change(mutant, request)
    if (mutant.answer?.(new URL(request.url ?? '', 'http://host'), response)) return
    if (request.method === 'POST' && mutant.body) await read(request, mutant.body)
    distort(mutant, request, response)
    hub.handle(request, response, () => void response.writeHead(404).end())
  })
  server.on('upgrade', (request, socket, head) => {
    change(mutant, request)
    hub.upgrade(request, socket, head)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const undo = distortFrames(mutant)
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/live?topic=check`),
    async close() {
      undo()
      await hub.close()
      server.close()
      server.closeAllConnections()
    },
  }
}

function change(mutant: Partial<Mutant>, request: IncomingMessage): void {
  const url = new URL(request.url ?? '', 'http://host')
  mutant.request?.(request, url)
  request.url = url.pathname + url.search
}

async function read(request: IncomingMessage, change: (body: string) => string): Promise<void> {
  let body = ''
  for await (const chunk of request) body += chunk
  Object.assign(request, { rawBody: change(body) })
}

function distort(mutant: Partial<Mutant>, request: IncomingMessage, response: ServerResponse): void {
  const { setHeader, writeHead, write, end } = response
  const { header, status, text } = mutant
  const changed = (chunk: unknown) =>
    text && chunk !== undefined ? text(String(chunk), request) : (chunk as string)
  response.setHeader = (name, value) => {
    const other = header ? header(name.toLowerCase(), `${value}`) : value
    if (other === undefined) response.removeHeader(name)
    else setHeader.call(response, name, other)
    return response
  }
  response.writeHead = ((code: number, headers: Record<string, string> = {}) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    return writeHead.call(response, status ? status(code, request) : code)
  }) as never
  response.write = ((chunk: unknown) => write.call(response, changed(chunk), 'utf8')) as never
  response.end = ((chunk?: unknown) => {
    const last = changed(chunk)
    if (!response.headersSent) {
      if (response.hasHeader('content-length'))
        setHeader.call(response, 'Content-Length', Buffer.byteLength(last ?? ''))
      if (status) response.statusCode = status(response.statusCode, request)
    }
    return end.call(response, last as never, 'utf8')
  }) as never
}

/** The server's side of every WebSocket of this process. */
function distortFrames({ text }: Partial<Mutant>): () => void {
  if (!text) return () => {}
  const { send } = WebSocket.prototype
  WebSocket.prototype.send = function (this: WebSocket & { _isServer?: boolean }, ...given: unknown[]) {
    const [data, ...rest] = given
    const changed = this._isServer ? text(String(data), undefined) : data
    if (changed !== '') Reflect.apply(send, this, [changed, ...rest])
  }
  return () => {
    WebSocket.prototype.send = send
  }
}

/** The text without the blocks of an event. */
function without(event: string): (text: string) => string {
  return text =>
    text.replace(new RegExp(`(?:^[a-z]+: .*\\n)*^event: ${event}\\n(?:^[a-z]+: .*\\n)*\\n`, 'gm'), '')
}

export const mutants: Mutant[] = [
  {
    sin: 'says no hello',
    foundBy: ['open.first'],
    over: 'xhr-streaming',
    text: (text, request) => (request?.url?.includes('xhr') ? without('rt\\.open')(text) : text),
  },
  {
    sin: 'gives everybody the same session',
    foundBy: ['open.session-new'],
    text: text => text.replace(/"session":"[^"]*"/, '"session":"0123456789012345678901"'),
  },
  {
    sin: 'gives sessions that can be guessed',
    foundBy: ['open.session-new'],
    text: text => text.replace(/"session":"([^"]{4})[^"]*"/, '"session":"$1"'),
  },
  {
    sin: 'forgets each session at once',
    foundBy: ['open.session-known', 'open.acked', 'messages.channels'],
    request: (request, url) => request.method === 'GET' && url.searchParams.delete('rt.sid'),
  },
  { sin: 'says no limits', foundBy: ['open.fields'], text: text => text.replace(/,"limits":\{.*?\}/, '') },
  {
    sin: 'says no position at first',
    foundBy: ['open.fields'],
    text: text => text.replace(/^(retry: .*\nevent: rt\.open\n)id: .*\n/gm, '$1'),
  },
  {
    sin: 'does not resume',
    foundBy: ['messages.resume', 'open.resumed', 'gap.epoch'],
    request(request, url) {
      url.searchParams.delete('rt.id')
      delete request.headers['last-event-id']
    },
  },
  {
    sin: 'does not read Last-Event-ID',
    foundBy: ['url.last-event-id'],
    request: ({ headers }) => delete headers['last-event-id'],
  },
  {
    sin: 'calls what it has lost resumed',
    foundBy: ['gap.epoch', 'gap.future', 'gap.rollback', 'gap.unknown'],
    text: text => text.replace('"resumed":false', '"resumed":true'),
  },
  {
    sin: 'tells of no gap',
    foundBy: ['topics.gap', 'gap.epoch', 'gap.future', 'gap.rollback', 'gap.unknown'],
    text: without('rt\\.gap'),
  },
  {
    sin: 'names another reason for a gap',
    foundBy: ['gap.future', 'gap.rollback'],
    text: text => text.replace(/"reason":"(future|rollback)"/, '"reason":"epoch"'),
  },
  {
    sin: 'sends each message twice',
    foundBy: ['messages.order', 'messages.resume'],
    text: text => text.replace(/^id: .*\ndata: check-.*\n\n/gm, '$&$&'),
  },
  {
    sin: 'sends messages without ids',
    foundBy: ['messages.id'],
    text: text => text.replace(/^id: .*\n(data: check-)/gm, '$1'),
  },
  {
    sin: 'gives the wrong content type',
    foundBy: ['url.content-type'],
    header: (name, value) => (name === 'content-type' ? value.replace('event-stream', 'plain') : value),
  },
  {
    sin: 'lets caches keep its answers',
    foundBy: ['url.headers'],
    header: (name, value) => (name === 'cache-control' ? undefined : value),
  },
  {
    sin: 'lets proxies hold its streams back',
    foundBy: ['url.headers'],
    header: (name, value) => (name === 'x-accel-buffering' ? undefined : value),
  },
  {
    sin: 'does not wrap what an EventSource gets',
    foundBy: ['eventsource.wrapped'],
    over: 'eventsource',
    text: text => text.replace(/^data: ((?:data|event|id|retry): )/gm, '$1').replace(/^data: \n/gm, '\n'),
  },
  {
    sin: 'cuts blocks in two frames',
    foundBy: ['websocket.frames'],
    text: (text, request) => (request ? text : text.replace(/\n\n$/, '\n')),
  },
  {
    sin: 'answers each poll at once',
    foundBy: ['poll.after-zero'],
    request: (_, url) => url.searchParams.has('rt.n') && url.searchParams.set('rt.n', '0'),
  },
  {
    sin: 'puts raw < into scripts',
    foundBy: ['jsonp.call'],
    text: text => (text.startsWith('/**/') ? text.replace(/\\u003[cC]/g, '<') : text),
  },
  {
    sin: 'calls whatever callback it is given',
    foundBy: ['jsonp.callback'],
    status: (status, request) => (request.url?.includes('jsonp') ? 200 : status),
  },
  {
    sin: 'answers with the token as the subprotocol',
    foundBy: ['token.subprotocol'],
    request({ headers }) {
      const offered = headers['sec-websocket-protocol']
      if (offered) headers['sec-websocket-protocol'] = offered.replace(/,? *rt\.1/, '')
    },
  },
  {
    sin: 'gives tickets to everybody',
    foundBy: ['ticket.credential'],
    status: (status, { url }) => (url?.includes('rt.via=ticket') ? 200 : status),
  },
  {
    sin: 'takes a name of a query that it does not know for none',
    foundBy: ['query.unknown'],
    request: (_, url) =>
      url.searchParams.get('rt.q')?.startsWith('unknown') && url.searchParams.delete('rt.q'),
  },
  {
    sin: 'loses how data is written',
    foundBy: ['format.escaped', 'format.bytes'],
    text: text => text.replace(/^enc: .*\n/gm, ''),
  },
  {
    sin: 'loses the type of a value',
    foundBy: ['format.json'],
    text: text => text.replace(/^type: .*\n/gm, ''),
  },
  {
    sin: 'loses the names of events',
    foundBy: ['format.event'],
    text: text => text.replace(/^event: note\n/gm, ''),
  },
  {
    sin: 'joins lines with commas',
    foundBy: ['format.text'],
    text: text => text.replace(/^data: one\ndata: two\n/gm, 'data: one,two\n'),
  },
  { sin: 'ends lines with CRLF', foundBy: ['format.lf'], text: text => text.replaceAll('\n', '\r\n') },
  {
    sin: 'reads LF alone as the end of a line',
    foundBy: ['format.line-ends'],
    over: 'post',
    body: body => body.replaceAll('\r', ''),
  },
  {
    sin: 'publishes events of the protocol',
    foundBy: ['format.own-names'],
    over: 'post',
    body: body => body.replace('event: rt.tick', 'event: tick'),
    text: text => text.replaceAll('event: tick', 'event: rt.tick'),
  },
  {
    sin: 'takes for a value what is no JSON',
    foundBy: ['format.bad-json'],
    over: 'post',
    body: body => body.replace('type: json\n', ''),
  },
  { sin: 'sends no tick', foundBy: ['tick'], text: without('rt\\.tick') },
  {
    sin: 'sends the tick with the hello',
    foundBy: ['tick'],
    over: 'xhr-streaming',
    text: text =>
      text.includes('rt.open') ? `${text}event: rt.tick\ndata: {}\n\n` : without('rt\\.tick')(text),
  },
  {
    sin: 'forgets what a ping said',
    foundBy: ['pong'],
    text: text => text.replace(/^(event: rt\.pong\ndata: ).*$/gm, '$1{}'),
  },
  {
    sin: 'acknowledges too much',
    foundBy: ['up.ack'],
    text: text =>
      text.replace(/^(event: rt\.ack\ndata: )(\d+)$/gm, (_, head, number) => head + (Number(number) + 1)),
  },
  {
    sin: 'takes a number twice',
    foundBy: ['up.once'],
    over: 'post',
    body: (() => {
      // As if it were the next one: what it was taken for is told by the text of the case.
      let number = 0
      return (body: string) => body.replace(/^id: \d+$/gm, () => `id: ${++number}`)
    })(),
    text: text =>
      text.replace(/^(event: rt\.ack\ndata: )(\d+)$/gm, (_, head, at) => head + Math.min(Number(at), 1)),
  },
  {
    sin: 'says 200 to a number that is too high',
    foundBy: ['up.gap'],
    over: 'post',
    status: status => (status === 409 ? 200 : status),
  },
  {
    sin: 'promises limits that it does not keep',
    foundBy: ['up.too-many', 'up.too-large', 'up.too-long'],
    text: text => text.replace(/"limits":\{.*?\}/, '"limits":{"message":1000,"batch":1000,"messages":3}'),
  },
  {
    sin: 'promises to take more than it takes',
    foundBy: ['up.largest'],
    text: text => text.replace(/"limits":\{"message":\d+/, '"limits":{"message":2000000'),
  },
  {
    sin: 'takes a POST of any type',
    foundBy: ['post.type'],
    request({ method, headers }) {
      if (method === 'POST') headers['content-type'] = 'text/event-stream'
    },
  },
  {
    sin: 'says 200 to a session that it does not know',
    foundBy: ['post.unknown-session'],
    status: status => (status === 404 ? 200 : status),
  },
  {
    sin: 'passes over goodbyes',
    foundBy: ['up.bye'],
    over: 'post',
    body: body => body.replace('event: rt.bye', 'event: rt.other'),
  },
  {
    sin: 'puts slices together wherever they begin',
    foundBy: ['jsonp.slices'],
    request(_, url) {
      const { searchParams } = url
      if (searchParams.get('rt.at') === '200') searchParams.set('rt.at', '100')
    },
  },
  {
    sin: 'answers for another session',
    foundBy: ['answer'],
    text: text => text.replace(/^(re: \d+ ).*$/gm, '$1another'),
  },
  { sin: 'tells of no refusal', foundBy: ['nack'], text: without('rt\\.nack') },
  {
    sin: 'serves versions that it does not know',
    foundBy: ['fail.version'],
    request: (_, url) => url.searchParams.get('rt.v') === '99' && url.searchParams.set('rt.v', '1'),
  },
  {
    sin: 'refuses over an EventSource with a status',
    foundBy: ['fail.version'],
    over: 'eventsource',
    status: (status, { url }) => (url?.includes('rt.v=99') ? 400 : status),
  },
  {
    sin: 'lets pages of any origin in, which cannot read what it says',
    foundBy: ['origin.foreign'],
    over: 'xhr-streaming',
    request: ({ headers }) => headers.origin?.includes('elsewhere') && delete headers.origin,
  },
  {
    sin: 'lets a page in that hides its origin',
    foundBy: ['origin.hidden', 'origin.called-foreign'],
    request: ({ headers }) => delete headers['sec-fetch-site'],
  },
  {
    sin: 'answers JSONP to whoever asks',
    foundBy: ['origin.jsonp-untold'],
    request(request, url) {
      const { headers } = request
      if (url.searchParams.get('rt.via') === 'jsonp') headers.referer ??= `http://${headers.host}/`
    },
  },
  {
    sin: 'lets no page of another origin read',
    foundBy: ['cors.read', 'cors.post'],
    header: (name, value) => (name === 'access-control-allow-origin' ? undefined : value),
  },
  {
    sin: 'does not say which set of topics it serves',
    foundBy: ['topics.open'],
    text: text => text.replace(/"set":\d+,?/, ''),
  },
  {
    sin: 'sends messages of a topic without its name',
    foundBy: ['topics.address'],
    text: text => text.replace(/^topic: .*\n(id: .*\n)?(data: check-)/gm, '$1$2'),
  },
  {
    sin: 'answers no question for a topic',
    foundBy: ['topics.address', 'topics.upward'],
    text: without('rt\\.subscribed'),
  },
  {
    sin: 'believes in every session',
    foundBy: ['open.session-unknown'],
    text(text, request) {
      const sid = new URL(request?.url ?? '', 'http://host').searchParams.get('rt.sid')
      return sid ? text.replace(/"session":"[^"]*"/, `"session":"${sid}"`) : text
    },
  },
  {
    sin: 'wants a version to be named',
    foundBy: ['url.version-absent'],
    request: (_, url) => url.searchParams.has('rt.v') || url.searchParams.set('rt.v', '99'),
  },
  {
    sin: 'refuses clients of version 2',
    foundBy: ['url.version-2'],
    request: (_, url) => url.searchParams.get('rt.v') === '2' && url.searchParams.set('rt.v', '99'),
  },
  {
    sin: 'answers polls with nothing',
    foundBy: ['poll.held'],
    over: 'long-polling',
    answer(url, response) {
      if (Number(url.searchParams.get('rt.n')) % 2 === 0) return false
      response.setHeader('Content-Type', 'text/event-stream')
      response.end()
      return true
    },
  },
  {
    sin: 'says of a ticket that was used that the line is over',
    foundBy: ['ticket.once'],
    text: text => text.replace(/,\\?"only\\?":true/, ''),
  },
  {
    sin: 'gives the same query another name each time',
    foundBy: ['query.name'],
    text: text => text.replace(/^(event: rt\.query\ndata: .*)$/gm, `$1${Math.random()}`),
  },
  {
    sin: 'refuses fields that it does not know',
    foundBy: ['format.unknown-field'],
    over: 'post',
    body: body => body.replace(/^x-new: .*$/m, 'id: x'),
  },
  {
    sin: 'takes whatever id for the next number',
    foundBy: ['format.bad-number'],
    over: 'post',
    body: body => body.replace(/^id: first$/m, 'id: 1'),
  },
  {
    sin: 'publishes nothing of what is sent up',
    foundBy: ['up.published'],
    text: text => text.replace(/^id: .*\ndata: check-.*\n\n/gm, ''),
  },
  {
    sin: 'calls a malformed frame its own fault',
    foundBy: ['up.malformed'],
    text: text => text.replace('"status":400', '"status":500'),
  },
  {
    sin: 'answers a POST with 202',
    foundBy: ['post.answer'],
    status: (status, { method }) => (method === 'POST' && status === 200 ? 202 : status),
  },
  {
    sin: 'says 200 to every method',
    foundBy: ['fail.method', 'fail.handshake'],
    status: status => (status === 405 || status === 426 ? 200 : status),
  },
  {
    sin: 'takes its own pages for strangers',
    foundBy: ['origin.own'],
    request({ headers }) {
      if (headers.origin?.startsWith('http://127.0.0.1')) headers.origin = 'https://elsewhere.invalid'
    },
  },
  {
    sin: 'lets every page POST',
    foundBy: ['origin.post'],
    request({ method, headers }) {
      if (method === 'POST') delete headers.origin
    },
  },
  {
    sin: 'begins each topic from now on',
    foundBy: ['topics.last', 'topics.resume'],
    request(_, url) {
      const wanted = url.searchParams.get('rt.t')
      if (wanted) url.searchParams.set('rt.t', wanted.replace(/!.*:/, '!:'))
    },
  },
  {
    sin: 'forgets topics between two polls',
    foundBy: ['topics.poll'],
    request: (_, url) =>
      url.searchParams.get('rt.n') !== '0' && url.searchParams.set('rt.c', `${Math.random()}`),
  },
  {
    sin: 'says of each page that it is the oldest',
    foundBy: ['topics.page'],
    text: text => text.replace('"more":true', '"more":false'),
  },
]
