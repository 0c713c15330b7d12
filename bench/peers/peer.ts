import type { Server } from 'node:http'

/** A client as any server sees it. */
export interface Client {
  /** What carries it, in our words where they fit. */
  readonly carrier: string
  send(text: string): void
}

/** Who hears of clients. */
export interface Door {
  joined(client: Client): void
  heard?(text: string): void
}

/** Serves clients on a server that does other things too. Gives back what sends a text to all of them. */
export type Serve = (server: Server, door: Door) => (text: string) => void

/** What a page opens. */
export interface Line {
  /** Settles when the server has it, where the library can tell. Where it can't, when it was handed over. */
  send?(text: string): Promise<unknown> | undefined
  close(): void
}

export interface Ears {
  heard(text: string): void
  /** Nothing can come any more, or not all that was sent. */
  failed(): void
}

/** `via`: the one way it may take, by the name the library has for it. Without it, the library's defaults. */
export type Open = (ears: Ears, via?: string) => Line
