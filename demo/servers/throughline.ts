import { type Authorize, createHub, type Hub, memoryLog, type TransportName } from '../../server/index.ts'
import type { Serve } from '../live.ts'
import { transports } from './transports.ts'

/** Our own server: a hub at `/live` that can be restarted while its log stays. */
export const serveThroughline: Serve = async (server, people, heard) => {
  // Of its own, so that a restarted hub finds what the one before it knew, as servers do that share a database.
  const log = memoryLog({ retain: 10_000 })
  // Where a page that wants to know what gets through can knock without coming in.
  const probe = createHub({ path: '/probe', authorize: () => [] })
  probe.attach(server)
  // What the door shows: a count that goes on whether anybody is here or not.
  const pulse = createHub({ path: '/pulse', authorize: () => ['pulse'], retry: 500 })
  pulse.attach(server)
  let beats = 0
  const beating = setInterval(() => void pulse.publish('pulse', `${++beats}`), 1_000).unref()
  let refused: readonly TransportName[] = []
  let current = begin()

  return { name: 'throughline', publish, refuse, cut, restart, close }

  function begin(): { hub: Hub; detach: () => void } {
    const hub = createHub({
      path: '/live',
      authorize,
      log,
      retry: 500,
      sessionTimeout: 30_000,
      refuse: refused,
    })
    hub.on('open', ({ session }) => heard.opened(session))
    hub.on('message', message => heard.message(message, message.reply))
    hub.on('close', ({ session }) => {
      // A hub that gives way ends its sessions, but the people behind them come back to the next one.
      if (hub === current.hub) heard.closed(session)
    })
    return { hub, detach: hub.attach(server) }
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
    pulse.refuse(names)
  }

  function cut(): void {
    current.hub.refuse(transports)
    current.hub.refuse(refused)
  }

  function restart(): void {
    const { hub, detach } = current
    detach()
    current = begin()
    void hub.close()
  }

  async function close(): Promise<void> {
    const { hub, detach } = current
    clearInterval(beating)
    await Promise.all([hub.close(), probe.close(), pulse.close()])
    detach()
  }
}
