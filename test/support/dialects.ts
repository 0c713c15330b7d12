import type {
  Addressing,
  Dialect,
  Framing,
  Policy,
  Protocol,
  RequestContext,
  Sending,
  Via,
} from '../../src/contracts/dialect.ts'
import type { TransportName } from '../../src/contracts/failure.ts'
import { viaPost } from '../../src/contracts/traits.ts'
import { isSpokenOver, type Requester, type Transport } from '../../src/contracts/transport.ts'
import { eventsource } from '../../src/transports/eventsource.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { iframe } from '../../src/transports/iframe.ts'
import { jsonp } from '../../src/transports/jsonp.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { multipart } from '../../src/transports/multipart.ts'
import { polling } from '../../src/transports/polling.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { xhrStreaming } from '../../src/transports/xhr-streaming.ts'

/** Our transports. */
export const transports: readonly Transport[] = [
  websocket,
  eventsource,
  xhrStreaming,
  fetchStreaming,
  multipart,
  iframe,
  longPolling,
  polling(),
  jsonp,
]

/** Those of our transports that a dialect can be spoken over. */
export function transportsOf(dialect: Dialect): Transport[] {
  return transports.filter(transport => isSpokenOver(dialect, transport))
}

/** Our transport of this name. */
export function ours(name: TransportName): Transport {
  const found = transports.find(transport => transport.name === name)
  if (!found) throw new Error(`no transport of ours is called ${name}`)
  return found
}

/** What a dialect is told of a request that a transport of ours makes, or that is a POST. */
export function madeBy(via: Via | Requester): Pick<RequestContext, 'via' | 'by'> {
  if (typeof via === 'object') return { via: via.like ?? via.name, by: via }
  return { via, by: via === 'post' || via === 'query' || via === 'ticket' ? viaPost : ours(via) }
}

interface Changes
  extends Partial<Omit<Dialect, 'addressing' | 'framing' | 'protocol' | 'sending' | 'policy'>> {
  addressing?: Partial<Addressing>
  framing?: Partial<Framing>
  protocol?: Partial<Protocol>
  sending?: Partial<Sending>
  policy?: Policy
}

/** The same dialect, but for these members of its strategies. */
export function vary(
  dialect: Dialect,
  { addressing, framing, protocol, sending, policy, ...own }: Changes,
): Dialect {
  return {
    ...dialect,
    addressing: { ...dialect.addressing, ...addressing },
    framing: { ...dialect.framing, ...framing },
    protocol: { ...dialect.protocol, ...protocol },
    sending: { ...dialect.sending, ...sending },
    policy: { ...dialect.policy, ...policy },
    ...own,
  }
}
