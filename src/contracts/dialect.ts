import type { Environment } from '../environment.ts'
import type { AnyURL, Fetch, SourceClass } from '../here.ts'
import type { Block } from '../wire/block.ts'
import type { Codec, Payload } from '../wire/codec.ts'
import type { Failure, TransportName } from './failure.ts'
import type { Frame } from './frame.ts'
import type { CreateOutbox, OutboxWire } from './outbox.ts'
import type { Traits, TransportKind } from './traits.ts'

/**
 * How one kind of server is spoken to, as a few strategies with one meaning each. A dialect decides and never acts: it holds no socket and
 * no timer.
 */
export interface Dialect {
  /** What it is called in errors, and in `dialect` where an entry knows it by name. */
  readonly name: string
  /**
   * The transports that its server has an endpoint for, by name; or by kind, where each of that kind will do. A transport that is `like` one of
   * them may be used too.
   */
  readonly transports: readonly (TransportName | TransportKind)[]
  /** How requests are addressed. */
  readonly addressing: Addressing
  /** How what comes is cut into blocks. */
  readonly framing: Framing
  /** What blocks mean. */
  readonly protocol: Protocol
  /** How messages go up. */
  readonly sending: Sending
  /** @default the default of each of its members */
  readonly policy?: Policy
}

/** How requests are built: where the position, the credential and the page's parameters go. */
export interface Addressing {
  /** The request for what the line wants next. It is called anew for each request. */
  buildRequest(context: RequestContext): Request
  /** Whether a request's address tells the position, so that a new EventSource continues. @default false */
  readonly cursorInUrl?: boolean
  /** Whether `token` goes in a header only, so that transports which can have none ask without it. @default false */
  readonly tokenByHeaderOnly?: boolean
  /** Whether the token stands in the address of requests that can have no header. The page has to allow that. @default false */
  readonly showsToken?: boolean
  /** Fetches a ticket, which stands for the token where a request can have no header. @default none: the server gives none */
  readonly ticket?: FetchTicket
  /** Has a query named that is too long for an address. @default none: an address has its whole query, however long */
  readonly longQuery?: CreateLongQuery
}

/** Asks for a ticket by this POST, for what `purpose` says in words. Gives the ticket, or the failure. */
export type FetchTicket = (
  fetch: Fetch,
  post: Request,
  withCredentials: boolean,
  purpose: string,
) => Promise<string | Failure>

/** A query that may be too long for an address. */
export interface LongQuery {
  /** The address for requests: whole, or with a name in place of the query. */
  address(): AnyURL
  /** Has the query named where that is needed; for each connection anew, since no server keeps it for ever. Gives the failure that ends the try. */
  named(): Promise<Failure | undefined> | undefined
}

/** `whole` gives the address with its query, `post` the POST that tells the query to the address without it. */
export type CreateLongQuery = (
  whole: () => AnyURL,
  fetch: Fetch,
  post: (bare: AnyURL) => Request,
  withCredentials: boolean,
) => LongQuery

/** How what a transport brings is cut into blocks. */
export interface Framing {
  /**
   * A reader for one channel, or, over HTTP, for one response. `previous` is the reader of the response before this one on the same channel,
   * for protocols whose framing spans responses. `largest` is how many characters a block may have: of a larger one all but its data is
   * handed over, as `oversized`. @default 8 MiB
   */
  reader(transport: Traits, previous?: Reader, largest?: number): Reader
  /**
   * Hands on the events of a native EventSource where they are the server's own, and gives back the undo. It listens for each of the names in
   * use, also those that are added later. Only the browser's own reconnecting, or an address that tells the position, can resume such a
   * stream. @default none: the data of each event is text for a reader
   */
  relay?(
    source: InstanceType<SourceClass>,
    blocks: (blocks: readonly Incoming[], origin: string) => void,
    names: (added: (name: string) => void) => () => void,
  ): () => void
}

/** What a block means, and what a server is known to say: by this a line tells whether it is open, trusted, alive, continued or refused. */
export interface Protocol {
  /** What a block means to a line at this place of the stream that it belongs to, and the position after it. */
  parseFrame(block: Block, position: Position): Frame
  /** What has to come over a transport before it is trusted. */
  proof(transport: Traits): Proof
  /** Whether the server says that a line is open, by a block, before anything else. */
  readonly sendsHello: boolean
  /**
   * Whether ids tell what came twice, so that several channels may deliver at once. Without them a second channel would double
   * messages, so channels never overlap.
   */
  readonly comparableIds: boolean
  /** Whether topics come and go on an open line, each with a position of its own. @default false */
  readonly topics?: boolean
  /** Tells what is repeated after a reconnect from what is new, where ids can only be equal. @default nothing is repeated */
  replays?(environment: Environment): ReplayFilter
  /** How long a line that hears nothing is trusted, in ms, until the server says otherwise. @default for ever */
  readonly idleTimeout?: number | undefined
  /** The refusal that these blocks tell, on channels where the browser hides the status. @default none */
  refusal?(blocks: readonly Incoming[]): Failure | undefined
  /** Whether this failure is the last word of this server's protocol, beside what ends every line (src/contracts/final-failures.ts). @default it never is */
  isFatal?(failure: Failure): boolean
}

/** How messages are written and sent, and whether the server says what became of them. */
export interface Sending extends OutboxWire {
  /** How messages wait and go up: numbered and acknowledged, or handed over. */
  readonly outbox: CreateOutbox
  /** The frames of what is sent over WebSocket, where it takes more than one. @default one */
  frames?(payload: Payload): Payload[]
  /** How values become payloads, and payloads values, where the page names no codec. @default text and bytes as they are */
  readonly codec?: Codec
  /** Judges the answer to a POST by its head. @default any success says that it was taken */
  readonly head?: Reader['head']
  /** Whether a POST may be made again, so that its answer is waited for no longer than the line's `timeout`. @default as `acknowledges` */
  readonly repeats?: boolean
  /** Whether messages are sent by POST, also beside a WebSocket. @default false */
  readonly byPost?: boolean
  /** Whether the server acknowledges by number. If not, a message counts as taken once it is handed over. @default false */
  readonly acknowledges?: boolean
  /** Whether the server answers a message that asks for it. @default false */
  readonly replies?: boolean
  /**
   * A text that tells the server that this line is closed for good, with the code and the reason that the page gave to `close()`, where it gave
   * any. A WebSocket is closed with these besides. @default none: the server does not wait for a line to come back
   */
  goodbye?(code?: number, reason?: string): string
}

/** What a line does between one channel or response and the next: as we do it, or as EventSource does. */
export interface Policy {
  /**
   * Whether code that was written for EventSource finds one: what its constructor throws, handlers that hear messages of their name, and an
   * `error` event at the end of each poll. @default false
   */
  readonly asEventSource?: boolean
  /** Whether the line waits for `retry` to the millisecond, as EventSource does. @default false */
  readonly exactRetry?: boolean
  /** How long to wait before the next poll after an answer that came at once and brought nothing new, in ms. @default 1000 */
  readonly pollInterval?: number
  /** Whether the first answer to a poll comes at once, and the next is held until there is something to say. @default false, but for servers that say hello */
  readonly pollsAtOnce?: boolean
  /** Whether a response that ends in good order is continued by the same channel, as if it had never ended. @default false */
  readonly resumesCleanEnd?: boolean
}

/** What a request is for: a transport's name; or `post`, to send; `query`, to tell a query that is too long for an address; `ticket`, to fetch one. */
export type Via = TransportName | 'post' | 'query' | 'ticket'

/** What is particular to one request. */
export interface RequestDetails {
  /** A random text, the same for all requests of one channel and those beside it. */
  channel?: string
  /** The kind of the transport that a POST goes beside. */
  beside?: TransportKind
  /** Which request on this channel it is, from 0. */
  pollIndex?: number
  /** The reader of the answer before this one on the same channel, of polls. */
  previous?: Reader | undefined
  /** The name of the function that a JSONP answer calls. */
  jsonpCallback?: string
  /** Further query parameters. */
  query?: Record<string, string>
  /** What stands for the token in the address. */
  ticket?: string
  /** What a POST carries. */
  body?: Payload
}

/** What the line knows when it builds a request. */
export interface RequestContext extends RequestDetails {
  /** What the request is for, by the name that servers know: that of the transport which the present one is `like`, or its own. */
  via: Via
  /** What makes it: a transport, or a POST. */
  by: Traits
  /** The address as the page gave it, its parameters included. */
  url: AnyURL
  /** What the page gave as `headers`. */
  headers: Record<string, string>
  /** What the page gave as `token`, once it is known. */
  token: string | undefined
  /** Whether the token may not stand in an address. */
  hidden?: boolean | undefined
  /** Where the line stands. */
  position: Position
  /** A fresh random text, against caches. */
  nonce: string
  /** A random text that is the same for all requests of a line, and that nobody else can know. */
  line: string
}

/** One HTTP or WebSocket request. */
export interface Request {
  /** The address, with its query. */
  url: string
  /** The request headers, where the transport can set any. */
  headers: Record<string, string>
  /** The WebSocket subprotocols. */
  protocols?: string[]
  /** @default what the transport is known by: GET to hear, POST to say */
  method?: 'GET' | 'POST'
  /** What a POST carries, where that is not what the dialect wrote: part of that may stand in headers. */
  body?: Payload
}

/** How an HTTP response begins. */
export interface Head {
  /** The HTTP status. */
  status: number
  /** The value of a response header, as far as the browser shows it to the page. */
  header(name: string): string | null
}

/** How far a line has heard. Opaque to everything but the dialect. */
export interface Position {
  /** The last id delivered; empty at first, and when the server says to forget it. */
  readonly cursor: string
  /** The session that the server gave the line, where it gives any. */
  readonly session: string | undefined
  /** The position that the latest gap led away from. */
  readonly left?: string | undefined
  /** The topics that have a position each, as far as an address tells them. */
  readonly topics?: { query(): readonly (readonly [name: string, value: string])[] } | undefined
}

/** Cuts what comes out of a channel, or, over HTTP, out of one response, into blocks. */
export interface Reader {
  /**
   * Judges a response by its head. `usual` is what a reader without this says: it takes what EventSource takes, status 200 with an
   * event stream.
   */
  head?(head: Head, usual: () => Failure | undefined): Failure | undefined
  /** The blocks that are whole with this chunk, in order. */
  feed(chunk: string | ArrayBuffer): Incoming[]
  /** At the end of a response in good order. */
  end(): Incoming[]
}

/** A block, or a message that came as bytes and never was text. */
export interface Incoming extends Block {
  /** The message, if it came as bytes; the block has no `data` then. */
  bytes?: ArrayBuffer
}

/**
 * What has to come through a channel before it is trusted.
 *
 * | need | |
 * |---|---|
 * | `opened` | the handshake: all that can be had from a server that need not say anything |
 * | `block` | one whole block |
 * | `hello` | the frame that says that the line is open |
 * | `pong` | the answer to `ask`, which is sent as the first block comes |
 * | `tick` | a second sign, in a piece that comes at least `apart` ms after the first block |
 *
 * `within`: so long after the first block, in ms, the channel is taken to hold something back. `ask`: what makes the server say something
 * on the channel at any time, where that can be had.
 */
export type Proof =
  | { need: 'opened' }
  | { need: 'block' }
  | { need: 'hello'; within: number; ask?: Ask }
  | { need: 'pong'; within: number; ask: Ask }
  | { need: 'tick'; apart: number; within: number; ask?: Ask }

/** Writes a question. A `pong` with its number answers it. */
export type Ask = (number: number) => string

/** Keeps back what was heard before a reconnect. */
export interface ReplayFilter {
  /**
   * A new channel, which continues at this position: what it brings may be what earlier ones brought. `tell` gets late what was kept back
   * and turned out to be no replay, in order.
   */
  reopened(cursor: string, tell: (late: Frame & { type: 'message' | 'gap' }) => void): void
  /**
   * Whether a message can be told now. If not, it was heard before; or that is not clear yet, and it is kept back until the next one comes,
   * or for a second. `data` is what came, which `told` need not have.
   */
  passes(told: Frame & { type: 'message' | 'gap' }, id: string, data: unknown): boolean
  /** Nothing follows that would show a replay: what is kept back is told. */
  flush(): void
  /** Tells nothing more, until the next channel. */
  stop(): void
}
