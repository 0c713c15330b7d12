import { place } from './failure.ts'
import { poster } from './post.ts'
import { type Gate, gate, pour, type Transport } from './transport.ts'

/** The browser's own EventSource. Sends go beside it, by POST. */
export const eventsource: Transport = {
  name: 'eventsource',
  supports: target =>
    target.environment.EventSource !== undefined &&
    // A new EventSource can't be told where to continue, except in the address.
    (target.dialect.eventsource === 'wrapped' || target.dialect.addressed || !target.positioned()),
  open(target, sink) {
    const { dialect } = target
    const { url } = target.knock('eventsource')
    const Source = target.environment.EventSource as typeof EventSource
    const source = new Source(url, { withCredentials: target.withCredentials })
    const post = poster(target, sink)
    const held: (() => void)[] = [post.close]
    const out = gate(sink, () => {
      for (const free of held) free()
      source.onopen = source.onerror = source.onmessage = null
      source.close()
    })
    let opened = false
    source.onopen = () => {
      opened = true
      out.opened('eventsource')
    }
    source.onerror = event => {
      // A message of that name comes the same way.
      if ('data' in event) return
      const reopens = source.readyState === 0
      const message = `EventSource to ${place(url)} ${opened ? 'ended' : reopens ? 'could not be reached' : 'was refused'}`
      // Closed by the browser means an answer that no event stream has: WHATWG HTML 9.2.2, "fail the connection".
      if (!reopens) return out.ended({ kind: 'status', message })
      // It comes back by itself, and says with a header what it has heard last.
      if (opened && (dialect.continues || (dialect.eventsource === 'events' && !dialect.addressed)))
        return out.paused({ kind: 'ended', message })
      out.ended({ kind: opened ? (dialect.addressed ? 'ended' : 'cut') : 'refused', message })
    }
    if (dialect.eventsource === 'wrapped') {
      const reader = dialect.reader('eventsource')
      source.onmessage = event => pour(event.data, reader, out, url)
    } else held.push(relay(source, out, target.names))
    return { close: out.close, send: post.send }
  },
}

/** Hands on the server's own events, of the names that somebody listens for as they come into use. */
function relay(
  source: EventSource,
  out: Gate,
  names: (added: (name: string) => void) => () => void,
): () => void {
  let last = ''
  let told: unknown
  let fresh = false
  const hand = (event: Event) => {
    // The source's own open and error events come the same way and have no data.
    if (!('data' in event)) return
    const { type, data, lastEventId, origin } = event as MessageEvent<string>
    const same = lastEventId === last
    // A script that replays all it has, when that is one message.
    const replayed = fresh && same && last !== '' && data === told
    fresh = false
    if (replayed) return
    if (!same) told = data
    last = lastEventId
    const id = same ? undefined : lastEventId
    out.blocks([{ id, event: type, data, retry: undefined, encoding: undefined }], origin)
  }
  source.addEventListener('open', event => {
    fresh ||= !('data' in event)
  })
  return names(name => source.addEventListener(name, hand))
}
