import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type HubRequest, targetOf } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import type { Registry } from '../log/log.ts'
import { atMost } from '../patience.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'
import { type Common, createCommon } from './common.ts'
import { createForwarder, type Forwarded, type Outcome, ofConnection } from './forward.ts'
import { createGateway, type Gateway, type Service } from './gateway.ts'
import { createNodes } from './nodes.ts'
import { createReach } from './reach.ts'
import { createSeals } from './seals.ts'
import { createWhereabouts, type Whereabouts } from './whereabouts.ts'

/** The hubs that share a log: brings what is asked of a session to the one where it lives. */
export interface Cluster
  extends Pick<Gateway, 'isForwarded' | 'refuse' | 'refuseUpgrade'>,
    Pick<Whereabouts, 'leave' | 'takeUp' | 'ended'> {
  /** Whether a request may be another hub's, which is to be asked for by the next two. */
  isForeign(ask: HubRequest, request: Incoming): boolean
  /** Has it answered where its session lives. Throws a refusal where that is not to be had just now. */
  forward(ask: HubRequest, request: Incoming, response: Outgoing, body: () => Promise<Buffer>): Promise<Whose>
  forwardUpgrade(ask: HubRequest, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Whose>
  /** Has the hub where a session lives leave it, if it is this principal's: for who cannot be brought there. */
  call(sid: string, principal: string | undefined): Promise<void>
  /** Has all others do something too: those that are there, and each for as long as it is. */
  tellAll(order: object): void
  /** What all hubs have in common. Nothing until this one has found the others, or where there can be none. */
  readonly common: Common | undefined
  /** How many hubs there are, this one included. */
  readonly nodes: number
  /** Whether it is known that no other can reach this one. */
  readonly isAlone: boolean
  /** Settles when the others can find this hub, and after two seconds at the latest. Of a session that begins before, they would say that it is over. */
  readonly findable: Promise<unknown>
  /** How many requests others have answered for it. */
  readonly forwarded: number
  /** How many channels of clients go through it to others. */
  readonly bringing: number
  /** Has these channels end and their clients come again, so many a second. What is left when it has taken `grace` ms longer is cut. */
  sendOn(perSecond: number, grace: number): Promise<void>
  close(): Promise<void>
}

/**
 * What came of bringing a request to another hub.
 *
 * | | |
 * |---|---|
 * | `answered` | its client has the answer there is |
 * | `ours` | it is to be answered here: its session is new, was left for whoever asks, or is over |
 * | `walled` | its session may live at a hub that cannot be reached from here, and never could |
 */
export type Whose = 'answered' | 'ours' | 'walled'

/** What a cluster needs of its hub. */
interface Hub extends Service {
  /** How long a session may be without a channel, in ms. */
  readonly sessionTimeout: number
  /** How many characters of long queries there may be. */
  readonly queries: number
  /** Whether a session is known here, be it that it was ended. */
  knows(sid: string): boolean
  failed(error: unknown): void
}

/** How often a node that breaks off is asked again, and how much longer it is waited for each time, in ms. */
const tries = 5
const pause = 20

/** How long whoever asks waits until this hub has found the others, in ms. */
const patience = 2_000

/** How long to wait with telling another hub once more, in ms. */
const again = 500

/** `self`: with what the ids of this hub's sessions begin. */
export function createCluster(registry: Registry, self: string, hub: Hub): Cluster {
  const nodes = createNodes(registry, self)
  const seals = createSeals(nodes)
  const gateway = createGateway(seals, { ...hub, obey })
  const whereabouts = createWhereabouts(registry, self, hub.sessionTimeout)
  const common = createCommon(registry, nodes, hub.queries)
  const forwarder = createForwarder()
  const reach = createReach(
    nodes,
    address => forwarder.tell(address, seals.onOrder({})),
    forwarder.cut,
    walled,
  )
  let state: 'entering' | 'listed' | 'in' | 'alone' = 'entering'
  let isOver = false
  let count = 0
  const started = start().catch(error => {
    state = 'alone'
    hub.failed(error)
  })
  const { isForwarded, refuse, refuseUpgrade } = gateway
  const { leave, takeUp, ended } = whereabouts

  return {
    isForeign,
    forward,
    forwardUpgrade,
    call,
    tellAll,
    isForwarded,
    refuse,
    refuseUpgrade,
    leave,
    takeUp,
    ended,
    get common() {
      return state === 'in' ? common : undefined
    },
    get nodes() {
      return nodes.count
    },
    get isAlone() {
      return state === 'alone'
    },
    findable: atMost(patience, started),
    get forwarded() {
      return count
    },
    get bringing() {
      return forwarder.open
    },
    sendOn,
    close,
  }

  async function start(): Promise<void> {
    const address = await registry.address?.()
    const own = address === undefined || isOver ? undefined : await gateway.open(address)
    if (own === undefined || isOver) {
      state = 'alone'
      return gateway.close()
    }
    state = 'listed'
    await nodes.enter(own)
    state = 'in'
    reach.look()
    tellAll({ hello: self })
  }

  async function obey(order: { hello?: string }): Promise<void> {
    if (order.hello === undefined) return hub.obey(order)
    await nodes.read()
    reach.look()
  }

  function isForeign(ask: HubRequest, request: Incoming): boolean {
    if (state === 'alone' || ask.before || isForwarded(request)) return false
    const sid = sidOf(ask)
    if (sid !== undefined) return !hub.knows(sid)
    return ask.line !== undefined && nodes.count > 1 && !whereabouts.isOurs(ask.line)
  }

  async function forward(
    ask: HubRequest,
    request: Incoming,
    response: Outgoing,
    body: () => Promise<Buffer>,
  ): Promise<Whose> {
    let what: Forwarded | undefined
    return bring(ask, response, async address => {
      what ??= forwardedOf(ask, request, ask.via === 'post' ? await body() : undefined)
      return forwarder.request(address, what, response)
    })
  }

  async function forwardUpgrade(
    ask: HubRequest,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<Whose> {
    const what = forwardedOf(ask, request)
    return bring(ask, socket, address => forwarder.upgrade(address, what, socket, head))
  }

  async function bring(ask: HubRequest, client: { destroy(): unknown }, act: Act): Promise<Whose> {
    const sid = sidOf(ask)
    if (sid !== undefined) await enter()
    let outcome = await tryAll(ask, act)
    if (outcome === 'broken') {
      // A node that breaks off may be going, and have left the session. Asked again, nothing is taken twice: all that is sent has a number.
      for (let turn = 1; outcome === 'broken' && turn <= tries; turn++) {
        await new Promise(resolve => setTimeout(resolve, turn * pause))
        outcome = await tryAll(ask, act)
      }
      // It may have died, and taken before what it was sent: who is told that its session is over sends it again in another one.
      const isGone = outcome === 'nowhere' && sid !== undefined && !whereabouts.isLeft(sid)
      if (isGone && bringsMessages(ask)) outcome = 'broken'
    }
    if (outcome === 'silent') throw refusal(503, 'the node of this session does not answer', 1, 'node')
    if (outcome === 'broken') client.destroy()
    if (outcome === 'answered' || outcome === 'broken') return 'answered'
    return outcome === 'walled' ? 'walled' : 'ours'
  }

  /** Where its session began, or where that has moved since. */
  async function tryAll(ask: HubRequest, act: Act): Promise<Tried> {
    const sid = sidOf(ask)
    const first = sid === undefined ? await claim(ask.line as string) : startOf(sid)
    let outcome = await tryAt(first, act)
    // It may move on while it is looked for.
    for (let before = first; outcome === 'nowhere' && sid !== undefined; ) {
      const now = await whereabouts.movedTo(sid)
      if (now === undefined || now === before) break
      outcome = await tryAt(now, act)
      before = now
    }
    return outcome
  }

  /** Until it has found the others, a hub cannot say of any session that it is over. */
  async function enter(): Promise<void> {
    if (state !== 'in' && !(await atMost(patience, started)))
      throw refusal(503, 'this node has not found the others yet', 1, 'node')
  }

  /** Where the log takes nothing, the transports of a race may begin a session each. */
  async function claim(line: string): Promise<string | undefined> {
    try {
      return await whereabouts.claim(line)
    } catch {
      return undefined
    }
  }

  async function tryAt(node: string | undefined, act: Act): Promise<Tried> {
    if (node === undefined || node === self) return 'nowhere'
    const address = await addressOf(node)
    const standing = reach.standing(node)
    if (standing === 'gone' || address === undefined) return 'nowhere'
    if (standing !== 'there') return standing
    const outcome = await act(address)
    reach.met(node, outcome)
    if (outcome === 'absent' || outcome === 'elsewhere') return 'nowhere'
    if (outcome === 'silent') return reach.standing(node) === 'walled' ? 'walled' : 'silent'
    count++
    return outcome === 'left' ? 'answered' : outcome
  }

  /** One that is not known may have begun a moment ago. */
  async function addressOf(node: string): Promise<string | undefined> {
    if (nodes.addressOf(node) === undefined) await nodes.read()
    return nodes.addressOf(node)
  }

  function walled(address: string): void {
    hub.failed(
      new Error(
        `the node at ${address}, which shares the log, cannot be reached from here: what is asked of its sessions is answered only there. Let nodes reach each other, or have the balancer keep clients on their node`,
      ),
    )
  }

  function forwardedOf({ arrival, via }: HubRequest, request: Incoming, body?: Buffer): Forwarded {
    const { method = 'GET', headers } = request
    const url = targetOf(request)
    const kept = Object.entries(headers).filter(
      ([name]) => !name.startsWith(':') && (via === 'websocket' || !ofConnection.test(name)),
    )
    return {
      method,
      url,
      headers: {
        ...Object.fromEntries(kept),
        host: headers.host ?? String(headers[':authority']),
        ...seals.onRequest({ method, url }, { ...arrival, by: self }),
        ...(body && { 'content-length': body.length }),
      },
      ...(body && { body }),
    }
  }

  /** The hub where a session began, by its id. */
  function startOf(sid: string): string | undefined {
    return /^[\w-]{32}$/.test(sid) ? sid.slice(0, self.length) : undefined
  }

  async function call(sid: string, principal: string | undefined): Promise<void> {
    await enter()
    const home = (await whereabouts.movedTo(sid)) ?? startOf(sid)
    const address = home === undefined || home === self ? undefined : await addressOf(home)
    if (address === undefined) return
    await forwarder.tell(address, seals.onOrder({ release: { sid, principal } }))
    await whereabouts.movedTo(sid)
  }

  function tellAll(order: object): void {
    const headers = seals.onOrder(order)
    for (const node of nodes.others()) void tell(node, headers)
  }

  async function tell(node: string, headers: Forwarded['headers']): Promise<void> {
    for (let address = nodes.addressOf(node); address; address = nodes.addressOf(node)) {
      if ((await forwarder.tell(address, headers)) === 'answered') return
      await new Promise(resolve => setTimeout(resolve, again).unref())
    }
  }

  async function sendOn(perSecond: number, grace: number): Promise<void> {
    if (forwarder.open === 0) return
    tellAll({ sendOn: { by: self, perSecond: perSecond / Math.max(1, nodes.count - 1) } })
    await forwarder.settled((forwarder.open / perSecond) * 1000 + grace)
  }

  async function close(): Promise<void> {
    isOver = true
    if (state === 'listed' || state === 'in') await nodes.leave()
    reach.close()
    whereabouts.close()
    forwarder.close()
    gateway.close()
  }
}

/** Asks the hub at an address. */
type Act = (address: string) => Promise<Outcome>

/** `nowhere`: nobody has what it is about, as far as that node goes. */
type Tried = 'answered' | 'broken' | 'nowhere' | 'silent' | 'walled'

export function bringsMessages({ via, url }: HubRequest): boolean {
  return via === 'post' || url.searchParams.has('rt.up')
}

/** The session that a request is about: its own, or the one that is to carry it. */
export function sidOf({ sid, via, url }: HubRequest): string | undefined {
  return via === 'carried' ? (url.searchParams.get('rt.by') ?? undefined) : sid
}
