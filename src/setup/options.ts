import type { TokenGiven } from '../connection/token.ts'
import type { Dialect } from '../contracts/dialect.ts'
import type { TransportName } from '../contracts/failure.ts'
import type { CreateTopics } from '../contracts/topics.ts'
import type { Race, Transport } from '../contracts/transport.ts'
import { usualWaiting } from '../contracts/waiting.ts'
import type { Environment } from '../environment.ts'
import type { AnySignal } from '../here.ts'
import { type Codec, largest } from '../wire/codec.ts'
import type { HeaderPairs, Parameters } from './pairs.ts'

/** What a line keeps at most. A `send()` beyond it rejects, and says so; a message that is received beyond it is told by a `gap` event. */
export interface LineLimits {
  /**
   * How many messages may wait to be taken by the server. More: `send()` rejects.
   * @default 10000
   */
  messages?: number
  /**
   * How many bytes of them, as UTF-8; no single message may be larger. What the server says it takes counts besides. More: `send()` rejects.
   * @default 1048576
   */
  bytes?: number
  /**
   * How long a message may wait, in ms. More: it is given up, and its `send()` rejects.
   * @default 120000
   */
  age?: number
  /**
   * How many characters a message may have that is received, as it comes: bytes as base64 have a third more. More: it is passed
   * over and told by a `gap` event whose reason is `too large`. What a WebSocket brings as one message of a foreign server, and what
   * the browser's own EventSource reads, is the browser's to limit.
   * @default 8388608
   */
  received?: number
}

export const usualLimits: Required<LineLimits> = { ...usualWaiting, received: largest }

/** What a line is opened with, in `throughline/core`. */
export interface CoreOptions {
  /** What carries the line: one transport, or a `race()` of several. */
  transport: Transport | Race
  /** What the server speaks: `native`, our own wire, is in `throughline/core`, others in `throughline/dialects/…`. */
  dialect: Dialect
  /**
   * Lets topics come and go on the open line, by `line.subscribe()`: `subscriptions`, from `throughline/core`. In `throughline` every line of the native
   * dialect has it.
   * @default the line hears what its address asks for, with one position for all of it
   */
  topics?: CreateTopics
  /**
   * Added to the address's query, which itself stays as it is, byte for byte: an object, `URLSearchParams`, or pairs. A list of values
   * is as many parameters of that name. Names that begin with `rt.` are reserved.
   *
   * A function is asked afresh for each request. If it throws, what it gave last is used, and the error goes to `reportError`; before it has
   * given anything, that try fails with the code `threw`, and the line tries again.
   * @default nothing is added
   */
  params?: Parameters | (() => Parameters)
  /**
   * Request headers, for all that can set them: XHR streaming, fetch streaming, multipart, long polling, polling, and each POST, also
   * those beside another transport. WebSocket, EventSource, JSONP and frames go without them. An object, `Headers`, or pairs. A function is
   * asked afresh for each request, as with `params`.
   * @default no more than the line itself sets
   */
  headers?: HeaderPairs | (() => HeaderPairs)
  /**
   * Whether cookies go along to other origins.
   * @default false
   */
  withCredentials?: boolean
  /**
   * JSONP runs what the server answers as a script of the page, so it goes to the page's own origin only. `'cross-origin'` lets it go to any that the
   * line goes to: to a server that you trust as you trust your own scripts. Otherwise `report()` says that it was not tried, and why.
   * @default the page's own origin only
   */
  jsonp?: 'cross-origin'
  /**
   * Continue after this id: the `lastEventId` of an earlier line, 4,096 characters at most; where the line has subscriptions, so many for each topic.
   * @default empty: the line begins where the server lets it: with our server, at what is published from then on
   */
  lastEventId?: string
  /**
   * The page's credential, asked for before the first request and once more when the server answers 401. It goes as
   * `Authorization: Bearer` where a transport can set headers, and as a subprotocol on WebSocket. EventSource, JSONP and frames can have
   * neither: a ticket stands for it there, which is fetched by a POST and good once. It is never in an address, which ends up in logs, unless `tokenIn`
   * says so; see there for other servers. With the plain dialect it goes as that header only: WebSocket and EventSource ask without it.
   *
   * When the function throws or rejects, or gives anything but a string, no request is made: an `error` event says so with the code
   * `token-failed`, and the function is asked again after a wait that grows, as after any other failure. One that takes longer than
   * `timeout` is told by `token-late`, likewise. A token that the server refuses (401) right after it was asked for ends the line.
   *
   * Where it is known when a token expires, the function is asked for a fresh one before that, 30 s before or at nine tenths of its life if that is later,
   * and requests from then on have the fresh one. It is known of a JWT (its `exp`, by the clock of the page) and where the function gives
   * `{ token, expiresIn }`, which is in seconds. Of one that is good for less than about half a minute no fresh one is asked for before it is refused. If the function fails then, the old
   * token is used, and it is asked again after 2 s, 4 s and so on; no `error` event says so.
   * @default none: the line has no credential but cookies
   */
  token?: () => TokenGiven | Promise<TokenGiven>
  /**
   * `'address'`: the token may stand in the address of requests that can have no header, as logs, proxies and the browser's history keep
   * them. Give out one that is short-lived. For servers without tickets: Mercure over EventSource, Nchan over EventSource and WebSocket, SockJS over
   * WebSocket, EventSource and JSONP. Without it these transports are left out where there is a `token`, and `report()` says why.
   * @default no token is ever in an address
   */
  tokenIn?: 'address'
  /**
   * `session`: after a reload of the page, continue after the last message that it heard. Of several lines of one page to the same
   * address, `params` included, only the first continues.
   * @default false
   */
  resume?: 'session' | false
  /**
   * How values become payloads and back.
   * @default the dialect's own; with the native wire messages are text, bytes and values, as they were published
   */
  codec?: Codec
  /**
   * The least time to wait before reconnecting, in ms, until the server says another. A random part is added to each wait, so that the
   * clients of a server that restarts do not all come back at once. It grows with each try that fails, up to 28 s.
   *
   * With the native wire the first try after a cut does not wait for it, but comes at a random moment within the time over which the server
   * wants its clients to spread themselves, or within 2 s where it has not said one.
   * @default 0 with the native wire, and 1000 with other servers; no wait after a failed try is shorter than 250
   */
  retry?: number
  /**
   * How long a transport may bring nothing at all before it is given up, in ms. The next one joins long before. With the
   * plain dialect only WebSocket is: an event stream may be quiet for ever, and many a server is until its first event.
   * `token` has as long.
   * @default 10000
   */
  timeout?: number
  /**
   * How much may wait to be sent, and how long, and how much one received message may have.
   * @default those of `LineLimits`
   */
  limits?: LineLimits
  /**
   * Starts the second transport together with the first, for pages that would rather pay for a request than wait.
   * @default false
   */
  eager?: boolean
  /**
   * Says in a line of text each what the line does: its state, the time of its next try, each try of a transport and what became of it,
   * messages that were lost, and sends that were refused or are in doubt. `true` gives it to `console.debug`, a function takes each line.
   * Errors are told by their code, which docs/errors.md explains. No text of a message, token or query is in it.
   * @default false
   */
  debug?: boolean | ((text: string) => void)
  /**
   * Closes the line when it aborts, as `line.close()` does. If it has aborted already, the line is closed at once.
   * @default none
   */
  signal?: AnySignal
  /**
   * Replaces what the SDK takes from its surroundings: clock, timers, randomness, sockets. For tests and unusual places, see
   * docs/places.md.
   * @default the browser's, or those of a worker or of Node as far as it has them
   */
  environment?: Partial<Environment>
}

/** What a line is opened with, in `throughline`: its transports by name, raced, and its dialect by name too. */
export interface Options<T = TransportName | Transport, D = Dialect>
  extends Omit<CoreOptions, 'transport' | 'dialect'> {
  /**
   * Which transports to try, in order of preference. JSONP goes to another origin only if the option `jsonp` says so.
   * @default all five
   */
  transports?: readonly T[]
  /**
   * What the server speaks.
   * @default the native wire
   */
  dialect?: D
  /**
   * Whether this line has a connection of its own. Lines of one page to the same address with the same options share one, with the native wire: each
   * hears what comes from the moment on that it is opened, has its own subscriptions, and is closed by itself. Functions, such as `token`, are the same
   * if they are one function. A line with a `lastEventId` or a `signal` has its own in any case.
   * @default false
   */
  separate?: boolean
  /**
   * Whether the tabs of a browser go by one connection to this address, with the native wire: one of them opens it and brings the others what is theirs; each has
   * its own session, and what it sends goes by itself. When that tab is closed, crashes or freezes, another one takes over, and nothing is lost.
   * Worth it over HTTP/1.1 without WebSocket, where browsers open six connections to a server for all tabs. It takes Web Locks, which pages have that came by
   * https or from this machine; elsewhere each tab has a connection of its own.
   * @default false
   */
  shared?: boolean
}

/** What `throughline` takes: the narrower types are for the page's editor. */
export type AnyOptions = Options<TransportName | Transport, string | Dialect>
