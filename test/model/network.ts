import type { World } from '../support/world.ts'

/** Virtual wires between a page and a server: they delay, hold, lose, repeat and cut, and never reorder within one connection. */
export interface Network {
  call(request: Call, hearer: Hearer): Caller
  /** Connections that neither side has ended, oldest first. */
  readonly open: readonly Connection[]
  /** One way takes `latency`, and up to `jitter` more, in ms. */
  latency: number
  jitter: number
  /** Nobody can be reached. */
  down: boolean
  /** What befalls connections of one kind that begin from now on. */
  readonly weather: Map<Via, Weather>
  /** So many of the next POSTs: the answer is lost, the request is lost, or it arrives twice. */
  readonly posts: { repliesLost: number; lost: number; doubled: number }
}

export type Via = 'websocket' | 'eventsource' | 'xhr-streaming' | 'long-polling' | 'jsonp' | 'post'

/**
 * | | |
 * |---|---|
 * | `refused` | answered with 400 by a box |
 * | `swallowed` | never answered |
 * | `buffered` | what comes down is held back until it ends |
 * | `deaf` | what goes up after the request is lost |
 */
export type Weather = 'refused' | 'swallowed' | 'buffered' | 'deaf'

export interface Call {
  readonly via: Via
  readonly query: Record<string, string>
  /** Each `rt.t` of the address. */
  readonly topics: readonly string[]
  readonly body?: string | undefined
}

/** The page's end. Nothing is heard after `ended`, or after the page has left. */
export interface Hearer {
  head(status: number): void
  text(chunk: string): void
  /** In good order or not. */
  ended(well: boolean): void
}

export interface Caller {
  up(text: string): void
  /** The page leaves; what it has sent arrives all the same. */
  leave(): void
}

/** The server's end. */
export interface Wire {
  head(status: number): void
  write(text: string): void
  end(): void
  cut(): void
}

/** What the server does with one connection. */
export interface Visitor {
  up(text: string): void
  gone(): void
}

export type Serve = (call: Call, wire: Wire) => Visitor

export interface Connection {
  readonly via: Via
  /** Ends it on both sides: in good order, at once, or in the middle of what comes next. */
  cut(how: 'clean' | 'dirty' | 'halfway'): void
  /** Nothing travels for so long, then all of it in order. */
  stall(ms: number): void
  /** Nothing travels any more, and the page is not told; the server notices after a while. */
  mute(): void
}

/** How long a server takes to give up a connection that went dead, and a page to give up a request that was lost, in ms. */
const serversPatience = 60_000
const lostAfter = 1_000

export function createNetwork(world: World, serve: Serve, random: () => number): Network {
  const open: Connection[] = []
  const weather = new Map<Via, Weather>()
  const posts = { repliesLost: 0, lost: 0, doubled: 0 }
  const network: Network = { call, open, latency: 5, jitter: 0, down: false, weather, posts }
  return network

  function call(request: Call, hearer: Hearer): Caller {
    const { via } = request
    const kind = weather.get(via)
    const fate = via === 'post' && !network.down ? postsFate() : undefined
    const up = createLane(world, delay)
    const down = createLane(world, delay)
    let visitor: Visitor | undefined
    let pageOver = false
    let serverOver = false
    let halfway = false
    let held = ''
    const connection: Connection = { via, cut, stall, mute }
    const wire: Wire = { head, write, end: () => serverEnds(true), cut: () => serverEnds(false) }
    open.push(connection)
    begin()
    return { up: text => kind !== 'deaf' && up.push(() => serverOver || visitor?.up(text)), leave }

    function begin(): void {
      if (network.down) down.push(() => endPage(false))
      else if (kind === 'refused') {
        down.push(() => hearer.head(400))
        down.push(() => endPage(true))
      } else if (kind !== 'swallowed' && fate !== 'lost') up.push(arrive)
      if (fate === 'reply lost') down.block()
      if (fate === 'reply lost' || fate === 'lost')
        world.environment.setTimeout(() => endPage(false), lostAfter)
    }

    function arrive(): void {
      visitor = serve(request, wire)
      if (serverOver) visitor.gone()
      if (fate === 'doubled') serve(request, silentWire)
    }

    function head(status: number): void {
      if (kind !== 'buffered') down.push(() => pageOver || hearer.head(status))
    }

    function write(text: string): void {
      if (serverOver) return
      if (kind === 'buffered') held += text
      else down.push(() => pageOver || bring(text))
    }

    function bring(text: string): void {
      if (!halfway) return hearer.text(text)
      const part = text.slice(0, Math.floor(text.length * random()))
      if (part && (via === 'xhr-streaming' || via === 'long-polling')) hearer.text(part)
      endPage(false)
      endServer()
    }

    function serverEnds(well: boolean): void {
      if (serverOver) return
      if (kind === 'buffered' && well) {
        down.push(() => pageOver || hearer.head(200))
        down.push(() => pageOver || bring(held))
      }
      down.push(() => endPage(well))
      endServer()
    }

    function cut(how: 'clean' | 'dirty' | 'halfway'): void {
      if (how === 'halfway') {
        halfway = true
        return
      }
      down.push(() => endPage(how === 'clean'))
      up.push(endServer)
    }

    function stall(ms: number): void {
      up.hold(ms)
      down.hold(ms)
    }

    function mute(): void {
      up.block()
      down.block()
      world.environment.setTimeout(endServer, serversPatience)
    }

    function leave(): void {
      pageOver = true
      forget()
      up.push(endServer)
    }

    function endPage(well: boolean): void {
      if (pageOver) return
      pageOver = true
      forget()
      hearer.ended(well)
    }

    function endServer(): void {
      if (serverOver) return
      serverOver = true
      visitor?.gone()
    }

    function forget(): void {
      const at = open.indexOf(connection)
      if (at >= 0) open.splice(at, 1)
    }
  }

  function delay(): number {
    return Math.round(network.latency + network.jitter * random())
  }

  function postsFate() {
    if (posts.lost > 0) return posts.lost-- && 'lost'
    if (posts.repliesLost > 0) return posts.repliesLost-- && 'reply lost'
    if (posts.doubled > 0) return posts.doubled-- && 'doubled'
    return undefined
  }
}

const silentWire: Wire = { head() {}, write() {}, end() {}, cut() {} }

/** One direction of a connection: what goes in comes out later, in order. Each piece has a timer, and takes whichever is first. */
function createLane({ environment }: World, delay: () => number) {
  const waiting: (() => void)[] = []
  let latest = 0
  let heldUntil = 0
  let blocked = false

  return {
    push(act: () => void): void {
      if (blocked) return
      waiting.push(act)
      latest = Math.max(latest, heldUntil, environment.now() + delay())
      arm(latest)
    },
    hold(ms: number): void {
      heldUntil = environment.now() + ms
    },
    block(): void {
      blocked = true
      waiting.length = 0
    },
  }

  function arm(at: number): void {
    environment.setTimeout(() => {
      if (environment.now() < heldUntil) arm(heldUntil)
      else waiting.shift()?.()
    }, at - environment.now())
  }
}
