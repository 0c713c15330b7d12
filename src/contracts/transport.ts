import type { Environment } from '../environment.ts'
import type {
  Dialect,
  FetchTicket,
  Incoming,
  Protocol,
  Reader,
  Request,
  RequestDetails,
  Via,
} from './dialect.ts'
import type { Failure, TransportName } from './failure.ts'
import type { Frame, Hello, HelloFrame } from './frame.ts'
import type { Send } from './send.ts'
import type { Traits, TransportKind } from './traits.ts'

/**
 * One way of staying in touch with a server.
 *
 * The order of calls: `opened`, then any number of `blocks`, then `ended` once and last. A channel that reopens by itself
 * says `paused` and then `opened` again. Nothing is called before `open` has returned, and nothing after `close()`.
 * What `open` throws is a failure like any other.
 *
 * One of a page's own says what it is, and which of ours a server may take it for:
 *
 * ```ts
 * import type { Transport } from 'throughline/core'
 *
 * const mine: Transport = {
 *   name: 'mine',
 *   kind: 'stream',
 *   setsHeaders: true,
 *   like: 'fetch-streaming',
 *   supports: () => true,
 *   open(target, sink) {
 *     const { url, headers } = target.buildRequest(mine)
 *     const reader = target.reader(mine)
 *     // … sink.opened(), then sink.blocks(reader.feed(text)) as text comes, and sink.ended(failure) at the end
 *     return { close() {} }
 *   },
 * }
 * ```
 */
export interface Transport extends Traits {
  /** What `line.transport`, errors and reports call it. */
  readonly name: TransportName
  /** The transport whose requests it makes, as far as a server can tell. @default none: servers know it by its own name */
  readonly like?: TransportName
  readonly kind: TransportKind
  /**
   * How many of its attempts may fail within two minutes. Browsers slow down WebSockets that keep failing, for all tabs at once.
   * @default any number
   */
  readonly attemptLimit?: number
  /** Whether this place and this dialect allow it at all. */
  supports(target: Target): boolean
  /** Opens a channel, and tells `sink` all that happens to it, in the order above. */
  open(target: Target, sink: Sink): Channel
}

/** What makes a request: a transport, or a POST that has a purpose of its own. */
export interface Requester extends Traits {
  /** The name of the transport, or what a POST is for. */
  readonly name: Via
  /** The transport in whose place it stands. */
  readonly like?: TransportName
}

/** Several transports as one: `race()` makes it. */
export interface Race {
  /** The transports, in order of preference. */
  readonly candidates: readonly Transport[]
  /** For one line, whose own it is what is learned. */
  route(): Route
}

/** Who hears what a channel brings. It is handed over with the request, so that nothing can come before it listens. */
export interface Sink {
  /** The other side accepted. That data flows is not said by this. */
  opened(): void
  /** Whole blocks, in order. None at all is a sign of life: something came that was no block. `origin` is where they come from, if it may be another than was asked. */
  blocks(blocks: readonly Incoming[], origin?: string): void
  /** The channel is down and comes back by itself, `opened` tells when. */
  paused(failure: Failure): void
  /** The channel is over. Nothing follows. */
  ended(failure: Failure): void
  /**
   * Calls `act` once what came has been heard, which a race may put off for a moment: a request that is to name the session, or the position, waits for that.
   * @default at once
   */
  heard?(act: () => void): void
}

/** Carries a line, over one transport or several: whoever opens it hears of a single channel. */
export interface Route {
  /** Opens a channel, of which `line` hears. */
  open(target: Target, line: Receiver): Channel
}

/** What hears a channel: a line's connection. The order of calls is that of `Sink`. */
export interface Receiver {
  /** Data flows by this transport. Again, when another one has taken over, with the hello that it had. */
  opened(transport: Transport, hello?: HelloFrame): void
  /**
   * Reads a block where the line stands, and moves on. What it means is to be told by `frame`, or by `opened` if it is a hello. `beside`: the hello of
   * a channel beside the one that carries the line. @throws when it cannot be read
   */
  read(block: Incoming, beside?: Hello): Frame
  /** What a block means, once the line may act on it. `origin`: where it came from. */
  frame(frame: Frame, origin?: string): void
  /** The channel works. This is said once for each piece that comes, before its first frame that is no receipt. */
  alive(): void
  /** The channel is down, and comes back by itself or by another transport. */
  paused(failure: Failure): void
  /** The channel is over. Nothing follows. */
  ended(failure: Failure): void
}

/** An open way. */
export interface Channel {
  /** Absent where this channel cannot send. */
  send?: Send
  /**
   * Ends it. Nothing is heard afterwards; a second call does nothing. `code` and `reason` are what the page gave to `line.close()`, for a
   * transport that can tell the other side: they are what the WebSocket of a browser takes.
   */
  close(code?: number, reason?: string): void
}

/** Takes the words of one line of text, for whoever looks into a line at work; those that are missing are left out. `roundtrip` and how many ms it took come too. */
export type Log = (...words: (string | number | false | undefined)[]) => void

/** Where a line wants to go, and all that a transport needs from the line. */
export interface Target {
  /** What the server speaks. */
  readonly dialect: Dialect
  /** The clock, the timers and the classes of this place. */
  readonly environment: Environment
  /** Whether requests to another origin carry cookies. */
  readonly withCredentials: boolean
  /** Whether a script may come from another origin. */
  readonly jsonp?: 'cross-origin' | undefined
  /** Whether two transports of a race are begun together. */
  readonly eager?: boolean | undefined
  /** Where it is, and the path there: what was learned of one place says nothing about others. */
  readonly origin: string
  /** The path there. */
  readonly pathname: string
  /** Every try is added here as it starts and filled in as it goes. Only `report()` reads it. */
  readonly attempts: Attempt[]
  /** Fetches the ticket that stands in the address of a request which can have no header, where one has to. */
  readonly ticket?: FetchTicket | undefined
  /** Is told of each try, how far it comes and what becomes of it, for whoever looks into the line. */
  readonly log?: Log | undefined
  /** The code of why this line may not use a transport that this place and the dialect allow. */
  bars?(transport: Transport): string | undefined
  /** How long a transport may stay silent before it has failed, in ms. */
  readonly timeout: number
  /** How many characters a message may have that is read without the dialect. @default 8 MiB */
  readonly largest?: number | undefined
  /** The request of a transport, or the POST that sends, as it has to be now: position, parameters and headers are read afresh at each call. */
  buildRequest(by: Requester | 'post', details?: RequestDetails): Request
  /** Reads what this transport, or a POST, brings. It keeps no more of a message than the page takes. */
  reader(transport: Traits, previous?: Reader): Reader
  /** What the address needs before a connection, if it needs anything: gives the failure that ends the try. */
  ready?(): Promise<Failure | undefined> | undefined
  /** Whether the line has a position, and a session where there are any, so that a second channel would continue and not begin. */
  positioned(): boolean
  /** How many messages and other new things the line has taken so far; what comes twice is none. */
  taken(): number
  /** The event names that have listeners, and a call whenever one is added; gives back the undo. */
  names(added: (name: string) => void): () => void
}

/** One try of one transport, as `line.report()` tells it. Times are in ms on the environment's clock. */
export interface Attempt {
  /** The name of the transport. */
  readonly transport: TransportName
  /** When it began. */
  readonly started: number
  /** When the other side accepted. */
  opened?: number
  /** When the first block came. */
  heard?: number
  /** When the proof came, so that it carried the line. */
  proven?: number
  /** When it was over, for whatever reason. */
  ended?: number
  /** Why it failed, if it did. */
  failure?: Failure
}

/** A sink that keeps the contract whatever the browser calls late, early or twice. */
export interface GuardedSink extends Sink {
  /** Whether it lets nothing through any more. */
  readonly shut: boolean
  /** Lets nothing through from now on, and frees what the channel holds. `release` is given the code and the reason. */
  close(code?: number, reason?: string): void
  heard(act: () => void): void
}

/**
 * Puts a gate before a sink. `release` frees what the channel holds, and runs once, on `ended` or `close`, whichever is first. `refusal` judges
 * the first blocks, which tell of a refusal where the browser shows no status.
 */
export function guardSink(
  sink: Sink,
  release: (code?: number, reason?: string) => void,
  refusal?: Protocol['refusal'],
): GuardedSink {
  let shut = false
  let judged = false
  let open = false
  const close = (code?: number, reason?: string) => {
    if (shut) return
    shut = true
    release(code, reason)
  }
  const out: GuardedSink = {
    get shut() {
      return shut
    },
    close,
    opened: () => {
      if (shut || open) return
      open = true
      sink.opened()
    },
    blocks: (blocks, origin) => {
      if (shut) return
      const refused = judged ? undefined : refusal?.(blocks)
      judged ||= blocks.length > 0
      if (refused) out.ended(refused)
      else sink.blocks(blocks, origin)
    },
    paused: failure => {
      if (shut) return
      open = false
      sink.paused(failure)
    },
    ended: failure => {
      if (shut) return
      close()
      sink.ended(failure)
    },
    heard: act => (sink.heard ? sink.heard(act) : act()),
  }
  return out
}

/** Whether the server of a dialect has an endpoint for a transport. */
export function isSpokenOver({ transports }: Dialect, { name, like = name, kind }: Transport): boolean {
  return transports.includes(like) || transports.includes(kind)
}

/** Hands on what a reader makes of a chunk. */
export function feed(
  chunk: string | ArrayBuffer,
  reader: Reader,
  out: GuardedSink,
  origin?: string,
): Incoming[] {
  const blocks = reader.feed(chunk)
  out.blocks(blocks, origin)
  return blocks
}
