import { readSync } from 'node:fs'
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { wrap } from '../../src/wire/encoder.ts'
import { descriptorOf } from '../http/connection-room.ts'
import type { Head } from '../http/head.ts'
import type { Recipient } from '../http/hub-request.ts'
import { jsString } from '../http/js-string.ts'
import type { Refusal } from '../http-error.ts'
import type { Part } from '../wire/batch.ts'
import { ignore } from '../wire/channel.ts'
import { gzipOf, partAs, plainPart } from '../wire/compression.ts'
import { failBlock } from '../wire/control-events.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'
import { createFrame } from './iframe.ts'
import type { Sockets } from './websocket-server.ts'

/** How long the rest of a body that nobody wants is read, and a refused socket may take to close, in ms. */
const patience = 1_000

export function sendText(
  response: Outgoing,
  head: Head,
  status: number,
  type: string,
  text: string | Buffer,
): void {
  writeHead(response, head, status, type, text)
  response.end(text)
}

/** Answers with a script that calls back with a text. The comment keeps the answer from being anything but a script. */
export function sendScript(response: Outgoing, head: Head, callback: string | undefined, text: string): void {
  sendText(response, head, 200, 'text/javascript', `/**/${callback}(${jsString(text)});`)
}

/** Answers a poll with parts of which some are compressed. */
export function sendPacked(
  response: Outgoing,
  head: Head,
  callback: string | undefined,
  parts: readonly Part[],
): void {
  const bytes = gzipOf(callback === undefined ? parts : scriptOf(callback, parts))
  const type = callback === undefined ? 'text/event-stream' : 'text/javascript'
  sendText(response, { ...head, 'Content-Encoding': 'gzip' }, 200, type, bytes)
}

/** What `sendScript` sends, in parts. */
function scriptOf(callback: string, parts: readonly Part[]): Part[] {
  const inside = parts.map(part => partAs(part, insideOfString))
  return [plainPart(`/**/${callback}("`), ...inside, plainPart('");')]
}

function insideOfString(text: string): string {
  return jsString(text).slice(1, -1)
}

/** Answers with a frame that says why. Of 204 no browser makes a page. */
function sendFrame(response: Outgoing, head: Head, ask: Recipient, why: Refusal): void {
  const { begin, say } = createFrame(ask, response)
  sendText(
    response,
    head,
    why.status === 204 ? 200 : why.status,
    'text/html',
    begin + say(failBlock(why).text),
  )
}

/**
 * Says why, in the way that reaches the page: PROTOCOL.md, "rt.fail", has the table. Without a voice, as to somebody who knows nothing of
 * our wire.
 */
export function refuse(
  request: Incoming,
  response: Outgoing,
  head: Head,
  voice: Recipient | undefined,
  why: Refusal,
): void {
  const { status, retryAfter } = why
  // A server that has too much to do is helped by each connection less.
  if (status === 503) closeAfter(request, response)
  if (retryAfter !== undefined) response.setHeader('Retry-After', retryAfter)
  if (voice?.via === 'jsonp' && voice.callback)
    return sendScript(response, head, voice.callback, failBlock(why).text)
  if (voice?.via === 'iframe') return sendFrame(response, head, voice, why)
  if (voice?.via === 'eventsource' && request.method === 'GET')
    return sendText(response, head, 200, 'text/event-stream', wrap(failBlock(why).text))
  if (status === 426) response.setHeader('Upgrade', 'websocket')
  if (status === 405) response.setHeader('Allow', 'GET, POST, OPTIONS')
  const text = status === 204 ? '' : wordsOf(why)
  if (request.method === 'POST' && !request.complete) refuseBody(request, response, head, status, text)
  else sendText(response, head, status, 'text/plain', text)
}

/** HTTP/2 knows no such header. */
function closeAfter({ httpVersionMajor }: Incoming, response: Outgoing): void {
  if (httpVersionMajor === 1) response.setHeader('Connection', 'close')
}

function wordsOf({ status, message }: Refusal): string {
  return `${message || STATUS_CODES[status]}\n`
}

/** To close a connection on which bytes still arrive is to reset it, and the client may lose the answer. */
function refuseBody(request: Incoming, response: Outgoing, head: Head, status: number, text: string): void {
  closeAfter(request, response)
  writeHead(response, head, status, 'text/plain', text)
  response.write(text)
  const end = () => response.end()
  const timer = setTimeout(end, patience)
  request.once('end', end).once('close', end).resume()
  response.once('close', () => clearTimeout(timer))
}

/** The same on a socket that wanted to become a WebSocket. */
export function refuseUpgrade(socket: Duplex, why: Refusal): void {
  socket.once('finish', () => socket.destroy())
  socket.end(written(why))
}

/**
 * The same on a connection whose request nobody has read, and whose descriptor is free when this returns. To close it with bytes unread would be to reset it,
 * so what has come is read first; what comes later can make the answer go lost.
 */
export function refuseConnection(socket: Socket, why: Refusal): void {
  socket.on('error', ignore)
  discard(descriptorOf(socket))
  socket.write(written(why))
  socket.destroy()
}

const rubbish = Buffer.alloc(2 ** 16)

function discard(descriptor: number | undefined): void {
  if (descriptor === undefined || descriptor < 0) return
  try {
    readSync(descriptor, rubbish)
  } catch {
    // Nothing has come.
  }
}

function written(why: Refusal): string {
  const { status, retryAfter } = why
  const text = wordsOf(why)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Cache-Control: no-store',
    'Content-Type: text/plain; charset=utf-8',
    ...(status === 204 ? [] : [`Content-Length: ${Buffer.byteLength(text)}`]),
    ...(status === 426 ? ['Sec-WebSocket-Version: 13'] : []),
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
  ]
  return `${head.join('\r\n')}\r\n\r\n${status === 204 ? '' : text}`
}

/** No page sees why a handshake failed, so it succeeds, and the first frame says why. */
export function refuseSocket(
  sockets: Sockets,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  why: Refusal,
): void {
  sockets.handleUpgrade(request, socket, head, ws => {
    socket.off('error', ignore)
    ws.on('error', ignore)
    ws.send(failBlock(why).text)
    ws.close(closeCode(why), shortened(why))
    const timer = setTimeout(() => ws.terminate(), patience)
    ws.once('close', () => clearTimeout(timer))
  })
}

/** Which close code says the same as a status (RFC 6455, 7.4). */
export function closeCode({ status }: Refusal): number {
  return status === 429 || status === 503 ? 1013 : status >= 500 ? 1011 : 1008
}

/** "The body MAY contain UTF-8-encoded data" of at most 123 bytes (RFC 6455, 5.5 and 5.5.1). */
export function shortened({ status, message }: Refusal): Buffer {
  const bytes = Buffer.from(message || STATUS_CODES[status] || '')
  let end = Math.min(bytes.length, 123)
  // Not in the middle of a character.
  while (end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

function writeHead(
  response: Outgoing,
  head: Head,
  status: number,
  type: string,
  text: string | Buffer,
): void {
  const own = { ...head, 'Content-Type': `${type}; charset=utf-8` }
  const length = Buffer.byteLength(text)
  response.writeHead(status, status === 204 ? own : { ...own, 'Content-Length': `${length}` })
}
