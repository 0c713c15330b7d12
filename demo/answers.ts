import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { attachTo } from '../server/attach.ts'
import { createHub, type MessageFrom, type ProductionEnd, type TransportName } from '../server/index.ts'
import { answerJson, type Json, readJson } from './json.ts'
import type { Live } from './live.ts'
import { type Opening, type Pace, speak } from './model.ts'
import { transports } from './servers/transports.ts'

/** Answers that come token by token, in two ways: published in a topic of their own, and as a plain response. */
export interface Answers extends Pick<Live, 'refuse' | 'cut' | 'close'> {
  /** Shows every page what the network lab lets through. */
  show(lab: Json): void
  /** Puts a box between the pages and this server, or takes it away. What is open breaks. */
  put(box: Box): void
  /** Answers a `POST` by a stream, as servers do that have no hub. */
  plainly(request: IncomingMessage, response: ServerResponse): Promise<void>
}

/** What stands in the way, as some proxies do. */
export interface Box {
  /** Handshakes of WebSockets are never answered. */
  readonly swallow: boolean
  /** Nothing of a response is passed on before it has ended. */
  readonly hold: boolean
}

/** What the pages and this server say to each other. */
interface Talk {
  topics: {
    [answer: `answer:${string}`]: { token: Opening | string; end: ProductionEnd }
    lab: { lab: Json }
  }
  sends: {
    ask: { data: string; answer: { topic: string } }
    stop: { data: string }
  }
}

const path = '/answers'

/** How many answers are written at a time, of each of the two kinds. */
const most = 8

/** How many answers are kept, those that are written included. */
const mostKept = 200

/** How many characters a question may have. */
const longest = 200

/** How long an answer can be read after its end, in ms. */
const expire = 600_000

export function createAnswers(server: Server, pace: Pace): Answers {
  let refused: readonly TransportName[] = []
  let box: Box = { swallow: false, hold: false }
  const swallowed = new Set<Duplex>()
  const plain = new Set<ServerResponse>()
  /** The topics of answers, the oldest first, and until when each can be read, in ms of the epoch. */
  const known = new Map<string, number>()
  const hub = createHub<Talk>({ path, authorize, retry: 500 })
  hub.on('subscribe', ({ topic }) => {
    if ((known.get(topic) ?? 0) < Date.now())
      throw { status: 404, message: 'There is no such answer, or it is not kept any more.' }
  })
  hub.on('message', hear)
  const detach = attachTo(server, { owns: isOurs, handle, upgrade })

  return { show, put, plainly, refuse, cut, close }

  /** Whoever knows the name of an answer may read it: nobody can guess one. */
  function authorize() {
    return { topics: ['lab'], subscribe: ['answer:*'] }
  }

  function hear({ event, data }: MessageFrom<Talk>) {
    if (event === 'ask') return { topic: produce(readQuestion(data)) }
    if (event === 'stop' && typeof data === 'string' && known.has(data))
      hub.cancel(data as `answer:${string}`, 'stopped by a reader')
    return undefined
  }

  function produce(question: string): string {
    if (hub.stats().producing >= most) throw busy
    const { topic, done } = hub.produce(`answer:${randomUUID()}`, signal => speak(question, pace, signal), {
      event: 'token',
      expire,
    })
    if (known.size >= mostKept) forgetOne()
    known.set(topic, Number.POSITIVE_INFINITY)
    const isOver = () => void known.set(topic, Date.now() + expire)
    done.then(isOver, isOver)
    return topic
  }

  /** The oldest of those that are over: whoever asks and stops all the time shall not fill the memory. */
  function forgetOne(): void {
    for (const [topic, until] of known)
      if (until < Number.POSITIVE_INFINITY) {
        known.delete(topic)
        void hub.drop(topic as `answer:${string}`)
        return
      }
  }

  async function plainly(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const aborting = new AbortController()
    response.once('close', () => {
      plain.delete(response)
      aborting.abort()
    })
    try {
      const question = readQuestion((await readJson(request)).question)
      // It streams as XHR streaming does, so it is let through with that.
      if (refused.includes('xhr-streaming')) throw { status: 403, message: 'Streams are refused just now.' }
      if (plain.size >= most) throw busy
      plain.add(response)
      if (box.hold) response.cork()
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      for await (const piece of speak(question, pace, aborting.signal))
        response.write(`data: ${JSON.stringify(piece)}\n\n`)
      response.end('data: [DONE]\n\n')
    } catch (error) {
      if (response.headersSent) return void response.destroy()
      const { status = 400, message } = error as { status?: number; message: string }
      answerJson(response, { status, message })
    }
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    // Node passes nothing on of a response that is corked until it ends.
    if (box.hold) response.cork()
    hub.handle(request, response)
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!box.swallow) return void hub.upgrade(request, socket, head)
    swallowed.add(socket)
    socket.on('error', () => {}).once('close', () => swallowed.delete(socket))
  }

  function put(other: Box): void {
    box = other
    cut()
  }

  function refuse(names: readonly TransportName[]): void {
    refused = names
    hub.refuse(names)
    if (names.includes('xhr-streaming')) cutPlain()
  }

  function cut(): void {
    hub.refuse(transports)
    hub.refuse(refused)
    for (const socket of swallowed) socket.destroy()
    cutPlain()
  }

  function cutPlain(): void {
    for (const response of plain) response.destroy()
  }

  function show(lab: Json): void {
    void hub.publish('lab', lab, { event: 'lab' })
  }

  async function close(): Promise<void> {
    cut()
    await hub.close()
    detach()
  }
}

const busy = {
  status: 503,
  message: `This server is writing ${most} answers just now, which is all that it writes at a time. Ask again in a moment.`,
}

function isOurs({ url }: IncomingMessage): boolean {
  return url?.split('?', 1)[0] === path
}

/** @throws what the page is told, if it is no question */
function readQuestion(asked: unknown): string {
  const question = typeof asked === 'string' ? asked.trim() : ''
  if (!question) throw { status: 400, message: 'A question needs a text.' }
  if ([...question].length > longest)
    throw { status: 413, message: `A question has at most ${longest} characters.` }
  return question
}
