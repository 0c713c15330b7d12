/**
 * A server for an application's own tests: a real hub in the test's process, without a socket, that a test publishes with, cuts, refuses with and asks what
 * was sent. For Node, with Vitest, Jest, `node:test` or whatever runs them.
 *
 * @module throughline/testing
 */

import { createHub, type Hub, type HubOptions, type MessageFrom } from '../server/index.ts'
import { grantAll } from '../server/options.ts'
import type { Contract, Only } from '../src/contracts/messages.ts'
import { createHandlers, type Msw } from './msw.ts'
import { createNetwork, type Network } from './network.ts'
import { socketClass } from './socket.ts'

/** What a test server refuses with. */
export interface Refusing {
  /** An HTTP status: 204, or one from 400 to 599. */
  status: number
  /** The page finds it in its `error` event. @default '' */
  message?: string
  /** Seconds. @default undefined the line waits as it usually does */
  retryAfter?: number
}

/** A message that was sent to the server. */
export type Sent<Shared = Contract> = Pick<MessageFrom<Shared>, 'data' | 'event' | 'session'>

/** A hub and the network between it and the pages of one test. */
export interface TestServer<Shared = Contract> {
  /** The hub itself: publish, listen, answer, ask for figures. */
  readonly hub: Hub<Shared>
  /** For `connect(url, { environment })`: WebSocket and fetch lead to the hub, whatever the URL's host is. */
  readonly environment: { readonly WebSocket: typeof WebSocket; readonly fetch: typeof fetch }
  /** All that was sent so far, the oldest first. */
  readonly sent: readonly Sent<Shared>[]
  /** Resolves to the first message that was sent and that no call gave before, be it that it is still to come. */
  nextSent(): Promise<Sent<Shared>>
  /** Breaks all channels that are open, as a network that blinks. Lines come back by themselves. One that polls has none between two polls. */
  cut(): void
  /** Takes the network away: channels break, and nothing gets through until `online()`. */
  offline(): void
  /** Gives it back. */
  online(): void
  /** Whoever comes from now on is refused so, `undefined` ends that. Lines that are open go on: `cut()` has them come. */
  refuse(why?: Refusing): void
  /**
   * Handlers for msw, `setupServer(...server.handlers({ http, ws }, 'http://localhost/live'))`, so that a page needs no `environment`.
   *
   * @param msw `http` and `ws` of the package msw, 2.6 or later
   * @param url where pages connect to
   */
  handlers<Http, Sockets>(msw: Msw<Http, Sockets>, url: string): (Http | Sockets)[]
  /** A page's request by the web's own means, answered by the hub: for a fetch of your own, or a router that your tests have. */
  fetch(request: Request): Promise<Response>
  /** Ends the hub and all channels. Call it after each test. */
  close(): Promise<void>
}

/**
 * Makes a server for one test.
 *
 * ```ts
 * import { connect } from 'throughline'
 * import { createTestServer } from 'throughline/testing'
 * import { expect } from 'vitest'
 * const server = createTestServer()
 * const line = connect('http://localhost/live', { environment: server.environment })
 * await server.hub.publish('room', 'hello')
 * expect((await server.nextSent()).data).toBe('what the page sent')
 * await server.close()
 * ```
 *
 * @param options those of `createHub`; the path is `/live` unless you say otherwise
 * @throws {TypeError} as `createHub` does
 */
export function createTestServer<Shared extends Only<Shared> = Contract>(
  options: HubOptions = {},
): TestServer<Shared> {
  let refusing: Refusing | undefined
  const hub = createHub<Shared>({
    ...options,
    authorize(request) {
      if (refusing) throw { message: '', ...refusing }
      return (options.authorize ?? grantAll)(request)
    },
  })
  const network: Network = createNetwork(hub)
  const sent: Sent<Shared>[] = []
  let given = 0
  let wake = () => {}
  hub.on('message', (({ data, event, session }: Sent<Shared>) => {
    sent.push({ data, event, session } as Sent<Shared>)
    wake()
  }) as never)
  return {
    hub,
    environment: { WebSocket: socketClass(network), fetch: network.fetch },
    sent,
    async nextSent() {
      while (sent.length <= given)
        await new Promise<void>(resolve => {
          const before = wake
          wake = () => {
            before()
            resolve()
          }
        })
      return sent[given++] as Sent<Shared>
    },
    cut: network.cut,
    offline: network.offline,
    online: network.online,
    refuse(why) {
      refusing = why
    },
    handlers: (msw, url) => createHandlers(msw, url, network),
    fetch: request => network.fetch(request),
    async close() {
      await hub.close({ within: 0 })
      network.cut()
    },
  }
}

export type { HubOptions } from '../server/index.ts'
export type { Msw, MswConnection } from './msw.ts'
