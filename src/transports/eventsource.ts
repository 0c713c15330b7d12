import { withoutQuery } from '../contracts/failure.ts'
import { feed, type Target, type Transport } from '../contracts/transport.ts'
import { onStay } from '../environment.ts'
import { type Receiving, receive } from './http/receive.ts'
import { addressed } from './http/ticket.ts'

/** The browser's own EventSource. Sends go beside it, by POST. */
export const eventsource: Transport = {
  name: 'eventsource',
  kind: 'stream',
  supports: target =>
    target.environment.EventSource !== undefined &&
    // A new EventSource can't be told where to continue, except in the address.
    (!target.dialect.framing.relay || target.dialect.addressing.cursorInUrl || !target.positioned()),
  open: (target, sink) => receive(target, sink, out => begin(out, target)),
}

/** A browser that is answered and interrupted so often, each time within so many ms, has no floor of its own for what `retry` says. */
const hastes = 20
const hasty = 50

function begin(out: Receiving, target: Target): void {
  addressed(target, eventsource, {}, url => listen(out, target, url), out.ended, out.setAbort)
}

function listen(out: Receiving, target: Target, url: string): void {
  const { dialect, environment, withCredentials } = target
  const Source = environment.EventSource as typeof EventSource
  const source = new Source(url, { withCredentials })
  const { relay } = dialect.framing
  const reader = target.reader(eventsource)
  const free = relay?.(source, out.blocks, target.names)
  let opened = false
  let brought = false
  const forget = onStay(environment, () => {
    if (source.readyState === 2) out.ended({ kind: 'cut', code: 'navigation', where: withoutQuery(url) })
  })
  let interrupted = 0
  let hurries = 0
  let answered = false
  const isHasty = () => {
    // Nobody heard those that were refused, and leaving now would lose the position.
    if (!answered) return false
    answered = false
    const now = environment.now()
    hurries = now - interrupted < hasty ? hurries + 1 : 0
    interrupted = now
    return hurries >= hastes
  }
  const leave = () => {
    free?.()
    forget()
    source.onopen = source.onerror = source.onmessage = null
    source.close()
  }
  out.setAbort(leave)
  source.onopen = () => {
    opened = answered = true
    out.opened()
  }
  if (!relay)
    source.onmessage = event => {
      brought = true
      feed(event.data, reader, out)
    }
  source.onerror = event => {
    // A message of that name comes the same way.
    if ('data' in event) return
    const reopens = source.readyState === 0
    const about = { code: opened ? 'ended' : reopens ? 'unreachable' : 'refused', where: withoutQuery(url) }
    // Closed by the browser means an answer that no event stream has: WHATWG HTML 9.2.2, "fail the connection".
    if (!reopens) return out.ended({ kind: 'status', ...about })
    // The browser would come back too, after more seconds than a server may keep what is to be continued.
    if (brought && dialect.policy?.resumesCleanEnd) {
      leave()
      return out.scheduleNext(out.pace({ spoke: true }), () => begin(out, target))
    }
    // It comes back by itself, and says with a header what it has heard last.
    if (opened && relay && !dialect.addressing.cursorInUrl && !isHasty())
      return out.paused({ kind: 'ended', ...about })
    out.ended({ kind: opened ? (dialect.addressing.cursorInUrl ? 'ended' : 'cut') : 'refused', ...about })
  }
}
