import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { allowOrigin, answerPreflight, checkOrigin, grant } from './access.ts'
import { refuse, refuseUpgrade, setCommonHeaders } from './answers.ts'
import { type Ask, readAsk } from './ask.ts'
import type { Core } from './core.ts'
import { isSlice, serveSlice } from './pipes/jsonp.ts'
import { ignore } from './pipes/pipe.ts'
import { servePoll } from './pipes/poll.ts'
import { servePost } from './pipes/post.ts'
import { serveStream } from './pipes/stream.ts'
import { serveWebSocket } from './pipes/websocket.ts'
import { asRefusal, type Refusal, refusal } from './refusal.ts'

/** Serves a request to the hub's URL, whatever it is. Nothing a client does makes it throw. */
export async function receive(core: Core, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.on('error', ignore)
  response.on('error', ignore)
  let ask: Ask | undefined
  try {
    setCommonHeaders(response)
    ask = readAsk(request, core.settings)
    allowOrigin(ask, response)
    checkOrigin(ask)
    if (ask.method === 'OPTIONS') return answerPreflight(ask, response)
    checkMethod(ask)
    checkOpen(core, ask)
    const granted = await grant(ask, core.settings)
    if (response.destroyed) return
    checkOpen(core, ask)
    if (ask.via === 'post') await servePost(core, ask, granted, request, response)
    else if (isSlice(ask)) await serveSlice(core, ask, granted, response)
    else if (ask.via === 'jsonp' || ask.via === 'long-polling') servePoll(core, ask, granted, response)
    else serveStream(core, ask, granted, response)
  } catch (thrown) {
    if (response.destroyed) return
    const why = explain(core, thrown)
    if (response.headersSent) response.destroy()
    else refuse(request, response, isHidden(core, ask) ? undefined : ask, why)
  }
}

/** Serves a WebSocket handshake to the hub's URL. */
export async function receiveUpgrade(
  core: Core,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  // From here on until `ws` listens: a socket that fails with nobody listening ends the process.
  socket.on('error', ignore)
  try {
    const ask = readAsk(request, core.settings, true)
    checkOrigin(ask)
    checkOpen(core, ask)
    const granted = await grant(ask, core.settings)
    if (socket.destroyed) return
    checkOpen(core, ask)
    serveWebSocket(core, ask, granted, request, socket, head)
  } catch (thrown) {
    refuseUpgrade(socket, explain(core, thrown))
  }
}

function checkMethod({ via, method, callback }: Ask): void {
  if (via === 'websocket') throw refusal(426, 'a WebSocket handshake was expected')
  if (method !== (via === 'post' ? 'POST' : 'GET')) throw refusal(405, `${method} is not for ${via}`)
  if (via === 'jsonp' && callback === undefined) throw refusal(400, 'rt.cb is missing or not allowed')
}

function checkOpen(core: Core, { via }: Ask): void {
  if (core.away !== undefined) {
    throw refusal(503, 'the server is going away', Math.max(1, Math.ceil((core.away - Date.now()) / 1000)))
  }
  if (isRefused(core, via)) throw refusal(400, `${via} is refused`)
}

/** A transport that is refused is gone for good, also for JSONP and frames: no script comes. */
function isHidden(core: Core, ask: Ask | undefined): boolean {
  return ask !== undefined && isRefused(core, ask.via)
}

function isRefused({ refused, settings }: Core, via: Ask['via']): boolean {
  return refused.has(via) || (via === 'jsonp' && !settings.jsonp)
}

/** What is not meant for the client is told to the application. */
function explain(core: Core, thrown: unknown): Refusal {
  const known = asRefusal(thrown)
  if (!known) core.events.report(thrown)
  return known ?? refusal(500, 'the server failed')
}
