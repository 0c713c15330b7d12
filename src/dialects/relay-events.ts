import type { Incoming } from '../contracts/dialect.ts'

/** Hands on the server's own events, of the names that somebody listens for as they come into use. */
export function relayEvents(
  source: EventSource,
  blocks: (blocks: readonly Incoming[], origin: string) => void,
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
    blocks([{ id, event: type, data }], origin)
  }
  source.addEventListener('open', event => {
    fresh ||= !('data' in event)
  })
  return names(name => source.addEventListener(name, hand))
}
