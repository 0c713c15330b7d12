import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { bringsMessages, sidOf } from './cluster/cluster.ts'
import type { Context } from './context.ts'
import { answerPreflight, checkHolds, checkHost, checkOrigin, type Granted, grant } from './http/access.ts'
import type { Claim } from './http/claims.ts'
import { commonHead, headFor } from './http/head.ts'
import { type HubRequest, readHubRequest, readRecipient, targetOf } from './http/hub-request.ts'
import { answerTo, type Refusal, reasonOf, refusal } from './http-error.ts'
import { isReadyFor, spaceOf } from './log/log.ts'
import { printable } from './printer.ts'
import { privateTopic, type Rest } from './sessions/sessions.ts'
import { serveCarried } from './transports/carried.ts'
import { isSlice, serveSlice } from './transports/jsonp.ts'
import { servePoll } from './transports/poll.ts'
import { readWhole, servePost } from './transports/post.ts'
import { learnQuery, serveQuery } from './transports/query.ts'
import { refuse, refuseSocket, refuseUpgrade } from './transports/responses.ts'
import { serveStream } from './transports/stream.ts'
import { serveTicket } from './transports/ticket.ts'
import { serveWebSocket } from './transports/websocket.ts'
import { ignore } from './wire/channel.ts'
import type { Incoming, Outgoing } from './wire/exchange.ts'

/** How long a session that goes to another node waits for what the application works on, in ms. */
export const parting = 4_000

/** Serves a request to the hub's URL, whatever it is. Nothing a client does makes it throw. */
export async function handleRequest(context: Context, request: Incoming, response: Outgoing): Promise<void> {
  request.on('error', ignore)
  response.on('error', ignore)
  let ask: HubRequest | undefined
  const claim = context.claims.open()
  try {
    const learning = learnQuery(context, request)
    if (learning) await learning
    ask = readHubRequest(request, context.settings)
    checkHost(ask, context.settings)
    if (isBrought(context, request) && (await isElsewhere(context, ask)))
      return context.cluster?.refuse(response)
    if (isForeign(context, ask, request) && (await isForwarded(context, ask, request, response))) return
    checkOrigin(ask, context.sessions)
    if (ask.method === 'OPTIONS') return answerPreflight(ask, response, headFor(ask))
    checkMethod(ask)
    checkOpen(context, ask)
    checkRoom(context, ask, request)
    checkPace(context, ask)
    if (ask.before === 'query') return await serveQuery(context, ask, request, response)
    if (ask.before === 'ticket') return serveTicket(context, ask, response)
    const granted = await letIn(context, ask, claim)
    if (response.destroyed) return
    while (isUnknown(context, ask) && (await takeUp(context, ask, granted)) === 'another')
      if (isForeign(context, ask, request) && (await isForwarded(context, ask, request, response))) return
    if (ask.via === 'carried') await fetchSession(context, ask, granted)
    checkNow(context, ask, granted)
    if (ask.via === 'post') await servePost(context, ask, granted, request, response)
    else if (isSlice(ask)) await serveSlice(context, ask, granted, response)
    else if (ask.via === 'carried') serveCarried(context, ask, granted, response)
    else if (ask.via === 'jsonp' || ask.via === 'long-polling') servePoll(context, ask, granted, response)
    else serveStream(context, ask, granted, response)
  } catch (thrown) {
    if (response.destroyed) return
    const why = explain(context, thrown, request, ask)
    const voice = ask ?? readRecipient(request)
    if (response.headersSent) response.destroy()
    else {
      const head = ask ? headFor(ask) : commonHead
      refuse(request, response, head, isHidden(context, voice) ? undefined : voice, why)
    }
  } finally {
    context.claims.close(claim)
  }
}

/** Serves a WebSocket handshake to the hub's URL. */
export async function handleUpgrade(
  context: Context,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  // From here on until `ws` listens: a socket that fails with nobody listening ends the process.
  socket.on('error', ignore)
  let ask: HubRequest | undefined
  const fault = faultOf(request)
  const claim = context.claims.open()
  try {
    const learning = learnQuery(context, request)
    if (learning) await learning
    ask = readHubRequest(request, context.settings, true)
    if (isBrought(context, request) && (await isElsewhere(context, ask)))
      return context.cluster?.refuseUpgrade(socket)
    const isNot = !fault && isForeign(context, ask, request)
    if (isNot && (await isUpgradeForwarded(context, ask, request, socket, head))) return
    const granted = await admit(context, ask, request, claim, fault)
    if (socket.destroyed) return
    while (isUnknown(context, ask) && (await takeUp(context, ask, granted)) === 'another')
      if (isForeign(context, ask, request) && (await isUpgradeForwarded(context, ask, request, socket, head)))
        return
    checkNow(context, ask, granted)
    serveWebSocket(context, ask, granted, request, socket, head)
  } catch (thrown) {
    if (socket.destroyed) return
    const why = explain(context, thrown, request, ask, 'websocket')
    const voice = readRecipient(request)
    const canHear = !fault && voice.via === 'websocket' && !isHidden(context, voice)
    if (canHear) refuseSocket(context.sockets, request, socket, head, why)
    else refuseUpgrade(socket, why)
  } finally {
    context.claims.close(claim)
  }
}

function isBrought({ cluster }: Context, request: Incoming): boolean {
  return cluster?.isForwarded(request) === true
}

/** Whether what another node has brought is about a session that is not here. One that has to go from here goes at once to the node that is asked for it. */
async function isElsewhere(context: Context, ask: HubRequest): Promise<boolean> {
  const sid = sidOf(ask)
  if (sid === undefined) return false
  const member = context.away === undefined || goesOn(context, ask) ? undefined : context.sessions.named(sid)
  if (member) await context.lines.release(member, parting, () => 0)
  return !knows(context, sid)
}

/** Whether a session is here, or was and has been ended by the application. */
export function knows({ sessions, expelled }: Pick<Context, 'sessions' | 'expelled'>, sid: string): boolean {
  return sessions.knows(sid) || expelled.knows(sid)
}

/** Whether it is answered by the node where its session lives. Of one that is found nowhere the client begins anew. */
async function isForwarded(
  context: Context,
  ask: HubRequest,
  request: Incoming,
  response: Outgoing,
): Promise<boolean> {
  const { cluster, roaming } = context
  if (!cluster) return false
  const whose = await cluster.forward(ask, request, response, () => readWhole(context, request))
  if (whose === 'ours' && ask.sid) roaming.gone(ask.sid)
  return whose === 'answered'
}

/** Whether it may be another node's. One that is going brings nobody who stays. */
function isForeign(context: Context, ask: HubRequest, request: Incoming): boolean {
  if (!context.cluster?.isForeign(ask, request) || isTooEarly(context, ask)) return false
  if (context.away !== undefined && !bringsMessages(ask)) throw goingAway(context.away)
  return true
}

function goingAway(away: number): Refusal {
  return refusal(503, 'the server is going away', away, 'draining')
}

/** While the log is out of reach it cannot say where a new line belongs, which is refused then. */
function isTooEarly({ settings }: Pick<Context, 'settings'>, ask: HubRequest): boolean {
  return settings.log.ready === false && sidOf(ask) === undefined
}

async function isUpgradeForwarded(
  context: Context,
  ask: HubRequest,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<boolean> {
  const { cluster } = context
  if (!cluster) return false
  checkHost(ask, context.settings)
  return (await cluster.forwardUpgrade(ask, request, socket, head)) === 'answered'
}

/** With which rights a handshake may come in. Throws a refusal, `fault` if it has one that needs no question. */
export async function admit(
  context: Context,
  ask: HubRequest,
  request: Incoming,
  claim: Claim,
  fault?: Refusal,
): Promise<Granted> {
  checkHost(ask, context.settings)
  checkOrigin(ask, context.sessions)
  if (fault) throw fault
  checkOpen(context, ask)
  checkRoom(context, ask, request)
  checkPace(context, ask)
  return letIn(context, ask, claim)
}

/** Where a session begins, the other nodes can find it. */
function letIn({ settings, cluster }: Context, ask: HubRequest, claim: Claim): Promise<Granted> {
  const granting = grant(ask, settings, claim)
  if (ask.sid !== undefined || !cluster) return granting
  return Promise.all([granting, cluster.findable]).then(([granted]) => granted)
}

/** Whether it names a session that is not here. */
function isUnknown({ sessions }: Context, { sid }: HubRequest): boolean {
  return sid !== undefined && !sessions.knows(sid)
}

/** A session that was left by its node is this one's from now on, if it belongs to who asks. `another`: it is another node's by now. */
async function takeUp(
  { cluster, sessions }: Context,
  ask: HubRequest,
  granted: Granted,
): Promise<'another' | undefined> {
  const { sid } = ask
  if (!cluster || sid === undefined) return undefined
  const isTheirs = (rest: unknown) => (rest as Rest).principal === granted.principal
  const found = await cluster.takeUp(sid, isTheirs)
  if (found === 'another') return found
  if (found && !sessions.knows(sid)) sessions.takeUp(ask, granted, found.rest as Rest)
  return undefined
}

/** A socket that the platform makes cannot be brought to another node, nor what a session here is to carry: so the session comes here, if it can. */
export async function fetchSession(context: Context, ask: HubRequest, granted: Granted): Promise<void> {
  const { cluster } = context
  const { sid } = ask
  if (!cluster || sid === undefined || knows(context, sid)) return
  await cluster.call(sid, granted.principal)
  await takeUp(context, ask, granted)
}

/** All of this may have changed while `authorize` answered. */
export function checkNow(context: Context, ask: HubRequest, granted: Granted): void {
  checkOpen(context, ask)
  checkHolds(granted)
  if (ask.via !== 'post' && !isSlice(ask)) checkSpaces(context, ask, granted)
  context.expelled.check(ask, granted, ask.via === 'post' || isSlice(ask))
}

/** What a handshake lacks of what RFC 6455, 4.2.1, demands, seen before it costs anything. `ws` looks once more. */
function faultOf({ method, headers }: Incoming): Refusal | undefined {
  if (method !== 'GET') return refusal(405, `${method} is not for a WebSocket handshake`)
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? ''))
    return refusal(400, 'Sec-WebSocket-Key is missing or not valid')
  return headers['sec-websocket-version'] === '13'
    ? undefined
    : refusal(426, 'Sec-WebSocket-Version has to be 13')
}

function checkMethod({ via, method, callback }: HubRequest): void {
  if (via === 'websocket') throw refusal(426, 'a WebSocket handshake was expected')
  if (method !== (via === 'post' ? 'POST' : 'GET')) throw refusal(405, `${method} is not for ${via}`)
  if (via === 'jsonp' && callback === undefined) throw refusal(400, 'rt.cb is missing or not allowed')
}

function checkOpen(context: Context, ask: HubRequest): void {
  const { via } = ask
  if (context.away !== undefined && !goesOn(context, ask)) throw goingAway(context.away)
  // What a client sends is the application's, which may not need the log.
  if (via !== 'post' && context.settings.log.ready === false) throw unread(context)
  if (isRefused(context, via)) throw refusal(400, `${via} is refused`, undefined, 'transport')
}

function unread({ lines }: Context): Refusal {
  const retryAfter = Math.max(2, Math.ceil(lines.spread() / 1000))
  return refusal(503, 'messages cannot be read just now', retryAfter, 'log')
}

/**
 * A client of version 1 has one position, which says nothing of topics elsewhere. And what a line cannot do without has to be within reach: its topics, if they have that one position; and
 * what was sent to its session, if that is not here any more and has to be found there.
 */
function checkSpaces(context: Context, { version, sid }: HubRequest, { topics, principal }: Granted): void {
  const { log } = context.settings
  if (!log.spaces) return
  const [first] = topics
  const other = version === 1 && topics.find(topic => spaceOf(log, topic) !== spaceOf(log, first as string))
  if (typeof other === 'string')
    throw refusal(
      400,
      `${JSON.stringify(printable(first as string))} and ${JSON.stringify(printable(other))} are in different logs, and this client has one position for all its topics: one address for each, or the same text in braces in their names, such as "{room}a" and "{room}b"`,
      undefined,
      'spaces',
    )
  const isUnknown = sid && !context.sessions.knows(sid)
  const needed = version === 1 && first !== undefined ? first : isUnknown && privateTopic(sid, principal)
  if (needed && !isReadyFor(log, needed)) throw unread(context)
}

/** What a line that is open needs, until it is told to go. */
function goesOn({ sessions }: Context, { via, turn, sid, url }: HubRequest): boolean {
  return (via === 'post' || turn > 0 || url.searchParams.has('rt.up')) && sessions.knows(sid ?? '')
}

/** What is sent takes a socket for a moment only, and may be from those who are in. */
function checkRoom({ room }: Context, ask: HubRequest, request: Incoming): void {
  if (ask.via !== 'post' && !isSlice(ask) && room.isFull(request))
    throw refusal(503, 'too many connections', 10, 'descriptors')
}

/** Lets a new line in, if it is one, or throws. The polls that follow and what is sent belong to a line that is in. */
function checkPace({ settings }: Context, ask: HubRequest): void {
  const isLater = ask.turn > 0 && ask.sid !== undefined
  if (ask.via === 'post' || isSlice(ask) || isLater) return
  const wait = settings.admission.enter()
  if (wait !== undefined) throw refusal(503, 'too many connect at once', wait, 'admission')
}

/**
 * A transport that is refused is gone for good, also for JSONP and frames: no script comes. And of a node that goes away a balancer has to see the status, to take
 * whoever comes to another one; pages that meet it without one ask for the reason.
 */
export function isHidden(context: Context, { via }: { via: string | null }): boolean {
  const isSeen = context.away !== undefined && (via === 'websocket' || via === 'eventsource')
  return isSeen || isRefused(context, via as HubRequest['via'])
}

function isRefused({ refused, settings }: Context, via: HubRequest['via']): boolean {
  return refused.has(via) || (via === 'jsonp' && !settings.jsonp)
}

/** What is not meant for the client is told to the application as an error, and each refusal as such. */
export function explain(
  { events, settings }: Context,
  thrown: unknown,
  request: Incoming,
  ask: HubRequest | undefined,
  via?: 'websocket',
): Refusal {
  const { why, withheld } = answerTo(thrown)
  if (withheld) events.report(thrown)
  const { method = 'GET', headers } = request
  const inOneLine = (text: string | undefined) => (text === undefined ? undefined : printable(text))
  void events.tell('refused', {
    status: why.status,
    reason: withheld ? 'failed' : reasonOf(why),
    message: printable(why.message, 1_000),
    retryAfter: why.retryAfter,
    via: inOneLine(ask?.via ?? via ?? readRecipient(request).via ?? undefined),
    method,
    path: printable(targetOf(request).split('?', 1)[0] as string),
    host: inOneLine(ask?.url.host ?? headers.host),
    origin: inOneLine(ask?.origin ?? headers.origin),
    address: ask?.address ?? settings.proxies.arrival(request).address,
  })
  return why
}
