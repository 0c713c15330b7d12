import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Ask } from './ask.ts'
import { failBlock } from './blocks.ts'
import { literal } from './literal.ts'
import { createFrame } from './pipes/iframe.ts'
import type { Refusal } from './refusal.ts'

/** How long the rest of a body that nobody wants is read, in ms. */
const patience = 1_000

/** What all answers say: keep it nowhere, change nothing, hold nothing back, and take it for what it says it is. */
export function setCommonHeaders(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'no-store, no-transform')
  response.setHeader('X-Accel-Buffering', 'no')
  response.setHeader('X-Content-Type-Options', 'nosniff')
}

export function sendText(
  response: ServerResponse,
  status: number,
  type: string,
  text: string | Buffer,
): void {
  setHead(response, status, type, text)
  response.end(text)
}

/** Answers with a script that calls back with a text. The comment keeps the answer from being anything but a script. */
export function sendScript(response: ServerResponse, { callback }: Ask, text: string): void {
  sendText(response, 200, 'text/javascript', `/**/${callback}(${literal(text)});`)
}

/** Answers with a frame that says why. Of 204 no browser makes a page. */
function sendFrame(response: ServerResponse, ask: Ask, why: Refusal): void {
  const { begin, say } = createFrame(ask, response)
  sendText(response, why.status === 204 ? 200 : why.status, 'text/html', begin + say(failBlock(why).text))
}

/**
 * A script tag cannot see a status, so JSONP hears of it in a block, if it gave a function that may be called; and so does the page
 * around a frame.
 */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  ask: Ask | undefined,
  why: Refusal,
): void {
  const { status, message, retryAfter } = why
  if (ask?.via === 'jsonp' && ask.callback) {
    sendScript(response, ask, failBlock(why).text)
    return
  }
  if (retryAfter !== undefined) response.setHeader('Retry-After', retryAfter)
  if (ask?.via === 'iframe') return sendFrame(response, ask, why)
  if (status === 426) response.setHeader('Upgrade', 'websocket')
  if (status === 405) response.setHeader('Allow', 'GET, POST, OPTIONS')
  const text = status === 204 ? '' : `${message || STATUS_CODES[status]}\n`
  if (request.method === 'POST' && !request.complete) refuseBody(request, response, status, text)
  else sendText(response, status, 'text/plain', text)
}

/** To close a connection on which bytes still arrive is to reset it, and the client may lose the answer. */
function refuseBody(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  response.setHeader('Connection', 'close')
  setHead(response, status, 'text/plain', text)
  response.write(text)
  const end = () => response.end()
  const timer = setTimeout(end, patience)
  request.once('end', end).once('close', end).resume()
  response.once('close', () => clearTimeout(timer))
}

/** The same on a socket that wanted to become a WebSocket. */
export function refuseUpgrade(socket: Duplex, { status, message, retryAfter }: Refusal): void {
  const text = `${message || STATUS_CODES[status]}\n`
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Cache-Control: no-store',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  ]
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
}

function setHead(response: ServerResponse, status: number, type: string, text: string | Buffer): void {
  response.statusCode = status
  response.setHeader('Content-Type', `${type}; charset=utf-8`)
  if (status !== 204) response.setHeader('Content-Length', Buffer.byteLength(text))
}
