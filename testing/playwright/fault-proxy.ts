import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestFrom,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { closeFrame, createFrameReader, isClose } from './frames.ts'

/** A middlebox between browsers and a server: passes pages untouched, and does to the hub's traffic what the test says. */
export interface FaultProxy {
  readonly url: string
  readonly port: number
  /** The visits to the hub so far, oldest first. */
  readonly visits: readonly Visit[]
  /** What befalls visits from now on, instead of what did until now. Of several faults the first that answers does. */
  put(...faults: Fault[]): void
  /** Ends the visits that are open: politely, or with a reset as a crashed router does. */
  cut(kind: Cut, which?: (visit: Visit) => boolean): void
  /** Closes the WebSockets in good order, as if the server did. */
  closeSockets(code: number): void
  /** Lists no visits any more that are over. */
  forget(): void
  /** The visits that are open stay open, and nothing travels on them any more, either way. */
  mute(which?: (visit: Visit) => boolean): void
  close(): Promise<void>
}

/** How a connection breaks: politely, or with a reset. */
export type Cut = 'fin' | 'rst'
/** What a request is for: a transport, or to send. */
export type Via = 'websocket' | 'eventsource' | 'xhr-streaming' | 'long-polling' | 'jsonp' | 'post'

/** One request or handshake to the hub, as the box sees it. */
export interface Visit {
  readonly via: Via
  readonly method: string
  readonly path: string
  /** Answers in the server's place. */
  reply(status: number, headers: OutgoingHttpHeaders, body: string | Buffer): void
  /** Asks the server and gives back its answer, for boxes that keep, repeat or lose it. */
  ask(body?: Buffer): Promise<Answer>
  /** What the client sent along. */
  body(): Promise<Buffer>
  cut(kind: Cut): void
}

export interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/** What a box does. Each part is for itself; what is absent happens as if no box were there. */
export interface Fault {
  /** Whom it befalls. @default everybody who visits the hub */
  readonly on?: readonly Via[]
  /** Which of them; asked once for each visit. @default all */
  when?(visit: Visit): boolean
  /** Takes the visit into its own hands; what it does not answer stays unanswered. */
  answer?(visit: Visit): void | Promise<void>
  /** Changes the headers on their way to the server. */
  asking?(headers: OutgoingHttpHeaders): void
  /** Changes the headers of the answer. */
  answering?(headers: OutgoingHttpHeaders): void
  /** Stands in the way of what comes down, or, on a WebSocket, goes up. */
  down?(next: Stage, visit: Visit): Stage
  up?(next: Stage, visit: Visit): Stage
}

/** Takes bytes on their way. */
export interface Stage {
  write(chunk: Buffer): void
  end(): void
}

interface Target {
  readonly host: string
  readonly port: number
}

/** A visit and the box's two ends of it. */
interface Passage extends Visit {
  readonly request: IncomingMessage
  readonly socket: Socket
  mute: boolean
  over: boolean
}

/** `target`: where the server is. `path`: the hub's. */
export async function startFaultProxy(
  target: number | { host: string; port: number },
  path = '/live',
): Promise<FaultProxy> {
  const there = typeof target === 'number' ? { host: '127.0.0.1', port: target } : target
  const passages: Passage[] = []
  const sockets = new Set<Socket>()
  let faults: readonly Fault[] = []

  const server = createServer((request, response) => visit(request, request.socket, response))
  server.on('upgrade', (request, socket) => visit(request, socket as Socket))
  server.on('connection', socket => {
    sockets.add(socket)
    socket.setNoDelay(true).on('error', ignore)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    visits: passages,
    put(...those) {
      faults = those
    },
    cut(kind, which = () => true) {
      for (const passage of passages) if (!passage.over && which(passage)) passage.cut(kind)
    },
    closeSockets(code) {
      for (const passage of passages) {
        if (passage.via !== 'websocket' || passage.over) continue
        passage.mute = true
        sayGoodbye(passage.socket, code)
      }
    },
    forget() {
      passages.splice(0, passages.length, ...passages.filter(({ over }) => !over))
    },
    mute(which = () => true) {
      for (const passage of passages) if (which(passage)) passage.mute = true
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }

  function visit(request: IncomingMessage, socket: Socket, response?: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://box')
    const via = (searchParams.get('rt.via') ?? 'eventsource') as Via
    const passage = createPassage(there, via, request, socket, response)
    const isHubs = pathname === path
    if (isHubs) passages.push(passage)
    const those = isHubs ? faults.filter(fault => befalls(fault, passage)) : []
    const box = those.find(fault => fault.answer)
    // One that asks a server which has gone away hangs up.
    if (box) Promise.resolve(box.answer?.(passage)).catch(() => passage.cut('rst'))
    else pass(there, passage, those, response)
  }
}

function befalls({ on, when }: Fault, visit: Visit): boolean {
  return (!on || on.includes(visit.via)) && (!when || when(visit))
}

function createPassage(
  target: Target,
  via: Via,
  request: IncomingMessage,
  socket: Socket,
  response: ServerResponse | undefined,
): Passage {
  const passage: Passage = {
    via,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    request,
    socket,
    mute: false,
    over: false,
    reply(status, headers, body) {
      const complete = { ...withoutHops(headers), 'content-length': Buffer.byteLength(body) }
      if (response) response.writeHead(status, complete).end(body)
      else socket.end(Buffer.concat([head(status, { ...complete, connection: 'close' }), Buffer.from(body)]))
    },
    ask: body => askServer(target, request, body),
    body: () => buffer(request),
    cut: kind => void (kind === 'rst' ? socket.resetAndDestroy() : socket.end()),
  }
  // A connection may carry one request after the other.
  const end = response ?? socket
  end.once('close', () => {
    passage.over = true
  })
  return passage
}

/** As a server does: the connection ends when the browser has said goodbye too. */
function sayGoodbye(socket: Socket, code: number): void {
  const readFrames = createFrameReader()
  socket.on('data', chunk => {
    if (readFrames(chunk).some(isClose)) socket.end()
  })
  socket.write(closeFrame(code))
}

/** Brings a visit to the server, through whatever stands in the way. */
function pass(
  target: Target,
  passage: Passage,
  faults: readonly Fault[],
  response: ServerResponse | undefined,
): void {
  const { request, socket } = passage
  const headers = withoutHops(request.headers)
  if (!response) Object.assign(headers, { connection: 'Upgrade', upgrade: request.headers.upgrade })
  for (const fault of faults) fault.asking?.(headers)
  const onward = open(target, request, headers)
  onward.on('error', () => socket.destroy())
  const end = response ?? socket
  end.once('close', () => onward.destroy())
  onward.on('response', answer => {
    if (response) deliver(answer, passage, faults, response)
    else void buffer(answer).then(body => passage.reply(answer.statusCode ?? 502, answer.headers, body))
  })
  onward.on('upgrade', (answer, server, early) => {
    // What came in one piece with the answer.
    server.unshift(early)
    join(answer, server as Socket, passage, faults)
  })
  request.pipe(onward)
}

function deliver(
  answer: IncomingMessage,
  passage: Passage,
  faults: readonly Fault[],
  response: ServerResponse,
): void {
  const headers = withoutHops(answer.headers)
  for (const fault of faults) fault.answering?.(headers)
  response.writeHead(answer.statusCode ?? 502, headers)
  const out = { write: (chunk: Buffer) => void response.write(chunk), end: () => void response.end() }
  const stage = through(faults, 'down', passage, out)
  // A box that holds the body back holds the headers back as well; one that does not passes them at once.
  if (stage === out) response.flushHeaders()
  carry(answer, stage, passage)
  answer.on('close', () => !answer.complete && passage.socket.destroy())
}

function join(answer: IncomingMessage, server: Socket, passage: Passage, faults: readonly Fault[]): void {
  const { socket } = passage
  server.setNoDelay(true).on('error', () => socket.destroy())
  server.once('close', () => socket.end())
  socket.once('close', () => server.destroy())
  socket.write(head(101, answer.headers as OutgoingHttpHeaders))
  carry(server, inFrames(through(faults, 'down', passage, socket)), passage)
  carry(socket, through(faults, 'up', passage, server), passage)
}

/** Frame by frame: so a box can count them, and say something between two. */
function inFrames(next: Stage): Stage {
  const readFrames = createFrameReader()
  return {
    end: () => next.end(),
    write(chunk) {
      for (const frame of readFrames(chunk)) next.write(frame)
    },
  }
}

function through(faults: readonly Fault[], way: 'down' | 'up', passage: Passage, out: Writable): Stage {
  const last: Stage = {
    write: chunk => void (out.writable === false || out.write(chunk)),
    end: () => void out.end(),
  }
  const stages = faults.filter(fault => fault[way])
  if (stages.length === 0) return out as Stage
  return stages.reduceRight((next, fault) => fault[way]?.(next, passage) ?? next, last)
}

interface Writable {
  readonly writable?: boolean
  write(chunk: Buffer): unknown
  end(): unknown
}

function carry(from: NodeJS.ReadableStream, to: Stage, passage: Passage): void {
  from.on('data', (chunk: Buffer) => passage.mute || to.write(chunk))
  from.on('end', () => passage.mute || to.end())
}

function open(target: Target, { method, url }: IncomingMessage, headers: OutgoingHttpHeaders) {
  return requestFrom({ ...target, method, path: url, headers, agent: false })
}

async function askServer(target: Target, request: IncomingMessage, body?: Buffer): Promise<Answer> {
  const onward = open(target, request, withoutHops(request.headers)).on('error', ignore).end(body)
  const [answer] = (await once(onward, 'response')) as [IncomingMessage]
  const { statusCode: status = 502, headers } = answer
  return { status, headers, body: await buffer(answer) }
}

/** What is said between two neighbours only is not passed on (RFC 9110, 7.6.1). */
function withoutHops(headers: IncomingHttpHeaders | OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { connection, upgrade, 'keep-alive': alive, 'transfer-encoding': coding, ...others } = headers
  return others
}

function head(status: number, headers: OutgoingHttpHeaders): Buffer {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map(each => `${name}: ${each}`),
  )
  return Buffer.from([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...fields, '', ''].join('\r\n'))
}

function ignore(): void {}
