import type { Server } from 'node:http'
import type { TransportName } from '../server/index.ts'
import type { People } from './people.ts'
import { serveNchan } from './servers/nchan.ts'
import { serveSocketIo } from './servers/socketio.ts'
import { serveThroughline } from './servers/throughline.ts'

/** The server side of the pages' lines: it can be cut and restarted while the demo goes on. */
export interface Live {
  /** What the pages call it. */
  readonly name: string
  publish(topic: string, data: unknown, event?: string): void
  /** Refuses these transports, and cuts the lines that use them. */
  refuse(transports: readonly TransportName[]): void
  /** Cuts every line without a word, as a network does. */
  cut(): void
  /** What a deployment does: the sessions end; what is kept of messages stays. */
  restart(): void
  close(): Promise<void>
}

/** Who is told of what pages do. */
export interface Heard {
  opened(visitor: Visitor): void
  closed(visitor: Visitor): void
  message(message: Said, reply: Reply): unknown
}

/** A page's line, as long as the server knows it. */
export interface Visitor {
  readonly id: string
  readonly principal: string | undefined
}

export interface Said {
  readonly event: string
  readonly data: unknown
  readonly session: Visitor
}

export type Reply = (data: string, options: { event: string }) => unknown

/** What each kind of server is begun with. Nothing comes back where it is not installed. */
export type Serve = (server: Server, people: People, heard: Heard) => Promise<Live | undefined>

/** The same rooms on every server that is installed here: whoever is on one hears those on the others. */
export interface Everywhere extends Omit<Live, 'name'> {
  readonly names: readonly string[]
}

export async function serveEverywhere(server: Server, people: People, heard: Heard): Promise<Everywhere> {
  const kinds: Serve[] = [serveThroughline, serveSocketIo, serveNchan]
  const begun = await Promise.all(kinds.map(serve => serve(server, people, heard)))
  const all = begun.filter(live => live !== undefined)
  return {
    names: all.map(({ name }) => name),
    publish: (...message) => each(live => live.publish(...message)),
    refuse: transports => each(live => live.refuse(transports)),
    cut: () => each(live => live.cut()),
    restart: () => each(live => live.restart()),
    close: async () => void (await Promise.all(all.map(live => live.close()))),
  }

  function each(act: (live: Live) => void): void {
    for (const live of all) act(live)
  }
}
