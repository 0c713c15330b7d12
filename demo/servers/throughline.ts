import type { Server } from 'node:http'
import {
  type Authorize,
  createHub,
  type Hub,
  type HubEvents,
  memoryLog,
  type Send,
  type Session,
  type TransportName,
} from '../server/index.ts'
import type { People } from './people.ts'

/** The line's server side: a hub that can be cut and restarted while the demo goes on. */
export interface Live {
  publish(topic: string, data: unknown, event?: string): void
  /** Whom to tell of what pages do; stays over restarts. */
  hear(heard: Heard): void
  /** Refuses these transports, and cuts the lines that use them. */
  refuse(transports: readonly TransportName[]): void
  /** Cuts every line without a word, as a network does. */
  cut(): void
  /** What a deployment does: the sessions end, the log stays. */
  restart(): void
  close(): Promise<void>
}

export interface Heard {
  opened(session: Session): void
  closed(session: Session): void
  message(message: HubEvents['message'], reply: Send): unknown
}

export const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const

export function createLive(server: Server, people: People): Live {
  // Of its own, so that a restarted hub finds what the one before it knew, as servers do that share a database.
  const log = memoryLog({ retain: 10_000 })
  // Where a page that wants to know what gets through can knock without coming in.
  const probe = createHub({ path: '/probe', authorize: () => [] })
  probe.attach(server)
  const hearers = new Set<Heard>()
  let refused: readonly TransportName[] = []
  let current = begin()

  return { publish, hear: heard => void hearers.add(heard), refuse, cut, restart, close }

  function begin(): { hub: Hub; detach: () => void } {
    const hub = createHub({
      path: '/live',
      authorize,
      log,
      retry: 500,
      sessionTimeout: 30_000,
      refuse: refused,
    })
    hub.on('open', ({ session }) => each(heard => heard.opened(session)))
    hub.on('message', message =>
      Promise.all([...hearers].map(heard => heard.message(message, message.reply))),
    )
    hub.on('close', ({ session }) => {
      // A hub that gives way ends its sessions, but the people behind them come back to the next one.
      if (hub === current.hub) each(heard => heard.closed(session))
    })
    return { hub, detach: hub.attach(server) }
  }

  function each(tell: (heard: Heard) => void): void {
    for (const heard of hearers) tell(heard)
  }

  function authorize({ url }: Parameters<Authorize>[0]): ReturnType<Authorize> {
    const { searchParams: query } = url
    const entered = people.enter(query.get('name'), query.get('page') ?? '')
    // 403 is final: a page whose name went to somebody else while it was away must not knock for ever.
    if ('status' in entered) throw { ...entered, status: entered.status === 503 ? 503 : 403 }
    return { topics: ['lobby', `user:${entered.name}`], principal: entered.principal }
  }

  function publish(topic: string, data: unknown, event = 'message'): void {
    void current.hub.publish(topic, JSON.stringify(data), { event })
  }

  function refuse(names: readonly TransportName[]): void {
    refused = names
    current.hub.refuse(names)
    probe.refuse(names)
  }

  function cut(): void {
    current.hub.refuse(transports)
    current.hub.refuse(refused)
  }

  function restart(): void {
    const { hub, detach } = current
    detach()
    people.expectBack()
    current = begin()
    void hub.close()
  }

  async function close(): Promise<void> {
    const { hub, detach } = current
    await Promise.all([hub.close(), probe.close()])
    detach()
  }
}
