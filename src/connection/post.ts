import { tryTo } from '../contracts/failure.ts'
import type { Target } from '../contracts/transport.ts'
import type { Payload } from '../wire/codec.ts'

/** Sends one POST beside the channel, by fetch, and waits for no answer. */
export function post(target: Target, body: Payload, how: RequestInit): void {
  const { environment, withCredentials } = target
  const send = () => {
    const { url, headers } = target.buildRequest('post')
    const credentials = withCredentials ? 'include' : 'same-origin'
    const request = { ...how, method: 'POST', headers, body: body as BodyInit, credentials } as const
    environment.fetch?.(url, request).catch(() => {})
  }
  tryTo(send, () => {})
}
