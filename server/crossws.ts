import type { Context } from './context.ts'
import { createIncoming } from './fetch/request.ts'
import { admit, checkNow, explain, fetchSession, isHidden } from './handler.ts'
import type { Granted } from './http/access.ts'
import type { Claim } from './http/claims.ts'
import { type HubRequest, readHubRequest, readRecipient } from './http/hub-request.ts'
import type { Refusal } from './http-error.ts'
import { openPeer, type PeerChannel, type SocketPeer } from './transports/peer.ts'
import { learnQuery } from './transports/query.ts'
import { closeCode, shortened } from './transports/responses.ts'
import { chosenProtocol } from './transports/websocket-server.ts'
import { failBlock } from './wire/control-events.ts'
import type { Incoming } from './wire/exchange.ts'

/** What the adapters of crossws take as `hooks`. */
export interface SocketHooks {
  /** Who may come in. A response refuses; otherwise it is what the answer to the handshake says, and what the socket is known by. */
  upgrade(
    request: Request,
  ): Promise<Response | { headers: Record<string, string>; context: Record<string, unknown> }>
  /** A socket has opened. */
  open(peer: SocketPeer): void
  /** It has brought a frame: a text, or bytes, which the hub refuses. */
  message(peer: SocketPeer, message: { readonly rawData: unknown }): void
  /** It is over. */
  close(peer: SocketPeer): void
  /** It is over by a fault. */
  error(peer: SocketPeer): void
  /** It takes more again, where a platform tells. */
  drain(peer: SocketPeer): void
}

/** A handshake that is answered, and whose socket has not opened yet. */
interface Expected {
  readonly ask: HubRequest
  readonly granted: Granted
  readonly claim: Claim
}

/** How long a socket may take to open, in ms. */
const patience = 30_000

/** Where a handshake leaves word for its socket. Not every adapter hands on a context, nor the same request. */
const key = 'throughline'

/** Sockets that a platform makes. A handshake that is refused gets a socket all the same, where it can be told why on one: no page sees more. */
export function createSocketHooks(
  context: Context,
  isOurs: (request: Incoming) => boolean,
  notHere: (request: Incoming) => Response,
): SocketHooks {
  const expected = new WeakMap<object, Expected | Refusal>()
  const channels = new WeakMap<SocketPeer, PeerChannel>()
  return { upgrade, open, message, close: leave, error: leave, drain }

  async function upgrade(request: Request): ReturnType<SocketHooks['upgrade']> {
    // Frameworks of the same family, such as h3 and Nitro, tell it so; otherwise it is told when the socket has opened.
    const incoming = createIncoming(request, { address: (request as { ip?: string }).ip })
    if (!isOurs(incoming)) return notHere(incoming)
    const claim = context.claims.open()
    const word = { [key]: {} }
    const expect = (what: Expected | Refusal) => {
      expected.set(word[key] as object, what)
      expected.set(request, what)
      const offered = request.headers.get('sec-websocket-protocol')?.split(',') ?? []
      const protocol = chosenProtocol(offered.map(name => name.trim()).filter(Boolean))
      return { headers: protocol ? { 'sec-websocket-protocol': protocol } : {}, context: word }
    }
    const forget = () => {
      context.claims.close(claim)
      expected.delete(word[key] as object)
      expected.delete(request)
    }
    let ask: HubRequest | undefined
    try {
      await learnQuery(context, incoming)
      ask = readHubRequest(incoming, context.settings, true)
      const granted = await admit(context, ask, incoming, claim)
      await fetchSession(context, ask, granted)
      checkNow(context, ask, granted)
      context.sessions.checkNext(ask, granted)
      setTimeout(forget, patience).unref?.()
      return expect({ ask, granted, claim })
    } catch (thrown) {
      context.claims.close(claim)
      const why = explain(context, thrown, incoming, ask, 'websocket')
      const voice = readRecipient(incoming)
      if (voice.via === 'websocket' && !isHidden(context, voice)) return expect(why)
      return refused(why)
    }
  }

  function open(peer: SocketPeer): void {
    const word = (peer.context as Record<string, object> | undefined)?.[key]
    const what = (word && expected.get(word)) ?? (peer.request && expected.get(peer.request))
    if (!what) return void peer.close(1011)
    if (!('granted' in what)) return refuse(peer, what)
    const { granted, claim } = what
    const ask = { ...what.ask, address: what.ask.address || peer.remoteAddress || '' }
    try {
      checkNow(context, ask, granted)
      channels.set(peer, openPeer(context, ask, granted, peer))
    } catch (thrown) {
      refuse(peer, explain(context, thrown, createIncoming(peer.request as Request, {}), ask, 'websocket'))
    } finally {
      context.claims.close(claim)
    }
  }

  function message(peer: SocketPeer, { rawData }: { readonly rawData: unknown }): void {
    const isBinary = typeof rawData !== 'string'
    channels.get(peer)?.heard(isBinary ? Buffer.alloc(0) : Buffer.from(rawData), isBinary)
  }

  function leave(peer: SocketPeer): void {
    channels.get(peer)?.closed()
    channels.delete(peer)
  }

  function drain(peer: SocketPeer): void {
    channels.get(peer)?.drain()
  }
}

function refuse(peer: SocketPeer, why: Refusal): void {
  peer.send(failBlock(why).text)
  peer.close(closeCode(why), shortened(why).toString())
}

function refused({ status, message, retryAfter }: Refusal): Response {
  const headers = { 'Cache-Control': 'no-store', ...(retryAfter && { 'Retry-After': `${retryAfter}` }) }
  return new Response(status === 204 ? null : `${message}\n`, { status, headers })
}
