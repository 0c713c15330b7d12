import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex, Writable } from 'node:stream'

/** What an answer or a socket tells of how far it has come. */
export interface Progress {
  /** Bytes written that the network has not taken. */
  unsent(): number
  /** A number that stays the same while the network takes nothing, whatever is written. */
  taken(): number
  /** Whether it has ended, whoever tells so. */
  isOver(): boolean
  /** Settles when it takes more again. */
  drained(): Promise<void>
}

/** What the hub needs to know of a request. Node's own has it, and what `fetch` makes of a `Request`. */
export interface Incoming {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly httpVersionMajor: number
  /** Whether its body has come as a whole, or need not be read. */
  readonly complete: boolean
  readonly readableDidRead: boolean
  readonly socket: Origin
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<unknown>
  on(name: 'error', listener: () => void): unknown
  once(name: 'end' | 'close', listener: () => void): Incoming
  resume(): unknown
}

/** Where a request comes from. An address of nothing: nobody tells. */
export interface Origin {
  readonly remoteAddress?: string | undefined
  readonly localAddress?: string | undefined
  readonly destroyed?: boolean
  readonly encrypted?: boolean
}

/** What the hub needs of an answer, likewise. */
export interface Outgoing {
  statusCode: number
  readonly headersSent: boolean
  readonly destroyed: boolean
  /** `null`: it waits behind another answer. */
  readonly socket?: Duplex | null
  /** What HTTP/2 has in the place of a socket. */
  readonly stream?: Writable
  readonly writableLength: number
  readonly writableNeedDrain: boolean
  /** How far it has come, where it has no socket to tell. */
  readonly progress?: Progress
  setHeader(name: string, value: string | number): unknown
  writeHead(status: number, headers: Record<string, string>): unknown
  flushHeaders(): void
  write(piece: string | Uint8Array): unknown
  end(piece?: string | Uint8Array): unknown
  destroy(): unknown
  on(name: 'error' | 'close', listener: () => void): unknown
  once(name: 'close' | 'drain', listener: () => void): unknown
}
